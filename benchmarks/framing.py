"""Measure how each detector's boxes lie relative to FER2013's framing.

    python -m benchmarks.framing --data fer2013.csv [--votes fer2013new.csv] [--write]

Training faces are put into pictures in known places; what the detectors say of them is
compared with the truth, and the medians go into ``fer_core/faces/framing.json``. The
faces' borders fade into their surroundings: BlazeFace takes a seam for the edge of the
head and draws its box inside.
"""

import argparse
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.scenes import compose
from fer_core.datasets import Dataset, load
from fer_core.faces import Detector, get_detector
from fer_core.faces.base import Framing
from fer_core.faces.framing import FILE, FRAMINGS
from fer_core.files import write_json

#: Sides of the faces, in pixels of a 640×480 picture.
SIDES = (100, 220)


def measure(detector: Detector, dataset: Dataset, seed: int = 0) -> Framing:
    """Return the framing of a detector: medians over the upright faces it finds.

    Args:
        detector: its boxes are looked at, not its present framing.
        dataset: faces framed as the classifier wants them.
        seed: decides sizes and places.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for face in dataset.faces:
        scene = compose(face, int(rng.integers(SIDES[0], SIDES[1] + 1)), rng, fade=True)
        left, top, side = scene.frame
        for found in detector.detect(scene.image):
            if scene.found_by(found.box):
                x, y, w, h = found.box
                rows.append(
                    (x + w / 2 - left - side / 2, y + h / 2 - top - side / 2, w, h)
                    / np.float64(side)
                )
                break
    return Framing(*(round(float(v), 3) for v in np.median(rows, axis=0)))


def main() -> None:
    """Return the command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="fer2013.csv")
    parser.add_argument("--votes", type=Path, help="fer2013new.csv: leaves out what is no face")
    parser.add_argument("--faces", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="store the result")
    how = parser.parse_args()
    dataset = load(how.data, how.votes, drop_not_faces=how.votes is not None).split("Training")
    chosen = np.random.default_rng(how.seed).permutation(len(dataset))[: how.faces]
    dataset = dataset.take(chosen)
    measured = {}
    for name in FRAMINGS:
        measured[name] = asdict(measure(get_detector(name), dataset, how.seed))
        print(name, measured[name], flush=True)
    if how.write:
        write_json(FILE, measured)


if __name__ == "__main__":
    main()
