"""Face detectors measured on the only thing that counts: right emotions per second.

Faces of a dataset are put into pictures in known places, found again, and classified
through the box; beside it stands the accuracy on the same faces as the dataset has them.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from benchmarks.scenes import Scene, compose, examples, faceless
from benchmarks.versus import again, environment
from fer_core.classifier import Classifier, load_classifier
from fer_core.datasets import Dataset, load
from fer_core.errors import DetectorError
from fer_core.faces import DETECTORS, Detection, Detector, get_detector, resolve
from fer_core.faces.base import Framing, frame
from fer_core.faces.framing import FRAMINGS
from fer_core.images import example_portrait
from fer_core.preprocess import crop_face, crop_zooms
from fer_core.zoo.readme import table

#: Sides of a face in a 640×480 picture, in pixels.
NORMAL: Final = (120, 220)
SMALL: Final = (24, 60)
#: Condition → what is done to a face or its picture.
CONDITIONS: Final[dict[str, dict[str, Any]]] = {
    "upright": {},
    "turned 15°": {"roll": 15},
    "turned 30°": {"roll": 30},
    "turned 45°": {"roll": 45},
    "dark (×0.3)": {"light": 0.3},
    "blurred": {"blur": 0.025},
    "small (24–60 pixels)": {"sides": SMALL},
    "half covered": {"covered": True},
}
#: Name → height and width.
SIZES: Final = {"640×480": (480, 640), "1080p": (1080, 1920), "12 megapixels": (3000, 4000)}
_ACCURACIES: Final = ("direct", "own", "calibrated", "both crops")
#: Face-free pictures that are made, and their seed; another than any used for tuning.
FACELESS: Final = 140
FACELESS_SEED: Final = 2013


def run_detectors(
    data: Path | str | None = None,
    votes: Path | None = None,
    split: str = "PublicTest",
    faces: int = 400,
    seed: int = 0,
    rounds: int = 15,
) -> dict[str, Any]:
    """Measure every detector on this machine.

    Args:
        data: FER2013 (see :func:`fer_core.datasets.load`); without, the demo faces and
            the example portrait, which says little about people.
        votes: FER+'s file; faces that most annotators call none are left out.
        split: where the faces are taken from.
        faces: how many per condition.
        seed: decides which faces and where they go.
        rounds: how often each speed is measured; medians count.

    Returns:
        JSON values, see :func:`to_markdown`.
    """
    dataset = load(data or "demo", votes, drop_not_faces=votes is not None).split(split)
    chosen = np.random.default_rng(seed).permutation(len(dataset))[:faces]
    dataset = dataset.take(np.sort(chosen))
    detectors, missing = {}, {}
    for name in DETECTORS:
        try:
            detectors[resolve(name)] = get_detector(name)
        except DetectorError as error:
            missing[name] = str(error)
    classifier = load_classifier()
    return {
        "machine": environment(),
        "data": dataset.name,
        "split": split,
        "faces": len(dataset),
        "seed": seed,
        "model": classifier.name,
        "auto": resolve("auto"),
        "missing": missing,
        "framing": {name: asdict(FRAMINGS[name]) for name in detectors},
        "conditions": {
            condition: _condition(dataset, detectors, classifier, seed, **how)
            for condition, how in CONDITIONS.items()
        },
        "portrait": {name: len(d.detect(example_portrait())) for name, d in detectors.items()},
        "faceless": {name: _false(detector) for name, detector in detectors.items()},
        "rounds": rounds,
        "seconds": {
            size: _speed(detectors, *shape, rounds if shape[0] < 2000 else max(3, rounds // 3))
            for size, shape in SIZES.items()
        },
    }


def scenes(
    dataset: Dataset,
    seed: int,
    *,
    sides: tuple[int, int] = NORMAL,
    roll: float = 0.0,
    light: float = 1.0,
    blur: float = 0.0,
    covered: bool = False,
) -> Iterator[Scene]:
    """Return one picture per face of ``dataset``, in its order.

    Args:
        dataset: the faces.
        seed: decides sides and places.
        sides: smallest and largest side of a face, in pixels.
        roll: degrees; the direction is left to chance.
        light: factor on all pixels.
        blur: standard deviation of a Gaussian, in sides of the face.
        covered: whether half of each face is hidden.
    """
    rng = np.random.default_rng(seed)
    for face in dataset.faces:
        side, sign = int(rng.integers(sides[0], sides[1] + 1)), rng.choice((-1, 1))
        scene = compose(face, side, rng, roll=float(roll * sign), covered=covered)
        image = scene.image
        if light != 1:
            image = (image * light).astype(np.uint8)
        if blur:
            image = cv2.GaussianBlur(image, (0, 0), blur * side)
        yield replace(scene, image=image)


def _condition(
    dataset: Dataset,
    detectors: dict[str, Detector],
    classifier: Classifier,
    seed: int,
    **how: Any,
) -> dict[str, Any]:
    direct = classifier.predict_faces(dataset.faces).argmax(axis=1) == dataset.labels
    right: dict[str, list[tuple[bool, ...]]] = {name: [] for name in detectors}
    false = dict.fromkeys(detectors, 0)
    for row, scene in enumerate(scenes(dataset, seed, **how)):
        for name, detector in detectors.items():
            found = detector.detect(scene.image)
            hits = [face for face in found if scene.found_by(face.box)]
            false[name] += len(found) - len(hits)
            if hits:
                given = _probabilities(classifier, scene.image, hits[0])
                read = (p.argmax() == dataset.labels[row] for p in given)
                right[name].append((direct[row], *read))
    return {
        name: {
            "found": len(rows) / len(dataset),
            "false": false[name] / len(dataset),
            "accuracy": dict(zip(_ACCURACIES, np.mean(rows, axis=0).tolist(), strict=True))
            if rows
            else None,
        }
        for name, rows in right.items()
    }


def _probabilities(
    classifier: Classifier, image: np.ndarray, face: Detection
) -> tuple[np.ndarray, ...]:
    """Read a face through the detector's own box, through its frame, and as the mean of both
    crops.
    """
    own = crop_face(image, frame(face.box, Framing()))
    zooms = crop_zooms(image, face.square, face.roll or 0.0)
    given = classifier.predict(np.concatenate([own[None], zooms]))
    return given[0], given[1], given[1:].mean(axis=0)


def _false(detector: Detector) -> dict[str, Any]:
    made = [len(detector.detect(image)) for image in faceless(FACELESS, FACELESS_SEED)]
    found = {name: len(detector.detect(image)) for name, image in examples().items()}
    return {
        "made": {"pictures": len(made), "boxes": sum(made)},
        "examples": {
            "pictures": len(found),
            "boxes": sum(found.values()),
            "in": {name: number for name, number in found.items() if number},
        },
    }


def _speed(
    detectors: dict[str, Detector], height: int, width: int, rounds: int
) -> dict[str, dict[str, float]]:
    """Return seconds for a picture of one person, all detectors in turn."""
    portrait = cv2.resize(example_portrait(), (height, height), interpolation=cv2.INTER_CUBIC)
    margin = (width - height) // 2
    image = cv2.copyMakeBorder(portrait, 0, 0, margin, margin, cv2.BORDER_REFLECT)
    calls: dict[tuple[str, str], Callable[[], Any]] = {}
    for name, detector in detectors.items():
        calls[name, "picture"] = lambda d=detector: d.detect(image)
        calls[name, "live"] = lambda d=detector: d.detect(image, fast=True)
    times: dict[tuple[str, str], list[float]] = {key: [] for key in calls}
    for lap in range(rounds + 1):
        for key, call in calls.items():
            start = time.perf_counter()
            call()
            if lap:  # the first warms up
                times[key].append(time.perf_counter() - start)
    return {
        name: {how: float(np.median(times[name, how])) for how in ("picture", "live")}
        for name in detectors
    }


def to_markdown(result: dict[str, Any]) -> str:
    """Return what :func:`run_detectors` gave, as tables."""
    names = {d: d + (" (auto)" if d == result["auto"] else "") for d in result["faceless"]}
    machine = result["machine"]
    found = [
        (
            condition,
            names[name],
            f"{of['found']:.1%}",
            f"{of['false']:.3f}",
            *(f"{of['accuracy'][key]:.1%}" if of["accuracy"] else "–" for key in _ACCURACIES),
        )
        for condition, row in result["conditions"].items()
        for name, of in row.items()
    ]
    framing = [
        (names[name], f"{of['dx']:+.3f}, {of['dy']:+.3f}", of["width"], of["height"])
        for name, of in result["framing"].items()
    ]
    false = [
        (
            names[name],
            f"{of['made']['boxes']} in {of['made']['pictures']}",
            f"{of['examples']['boxes']} in {of['examples']['pictures']}"
            + (f" ({', '.join(of['examples']['in'])})" if of["examples"]["in"] else ""),
        )
        for name, of in result["faceless"].items()
    ]
    haar = {size: row["haar"] for size, row in result["seconds"].items()}
    speed = [
        (
            size,
            names[name],
            *(f"{of[how] * 1000:.1f}" for how in ("picture", "live")),
            f"{haar[size]['picture'] / of['picture']:.1f}",
        )
        for size, row in result["seconds"].items()
        for name, of in row.items()
    ]
    how = "detectors"
    if result["data"] != "demo":
        how += f" --data {result['data']} --votes fer2013new.csv --split {result['split']}"
    return "\n\n".join(
        [
            f"{result['faces']} faces of {result['data']}, {result['split']}, pasted at "
            f"{NORMAL[0]} to {NORMAL[1]} pixels on 640×480 (seed {result['seed']}); model "
            f"{result['model']}. A face is found by a box whose centre lies within 0.35 face "
            "widths and whose width is 0.5 to 1.6 of the true one; false boxes are per picture. "
            "The accuracies are those on the faces found: as the dataset has them, through the "
            "detector's own box, through the box moved, scaled and turned to FER2013's framing "
            "(a live frame), and as the mean over two crops of that (a still picture).",
            table(
                (
                    "faces",
                    "detector",
                    "found",
                    "false boxes",
                    "direct",
                    "own box",
                    "calibrated",
                    "both crops",
                ),
                found,
            ),
            "How the detectors' boxes lie relative to FER2013's crops, in sides of the crop "
            "(medians over Training, by `python -m benchmarks.framing`):",
            table(("detector", "centre shift x, y", "width", "height"), framing),
            "False boxes on pictures without a face, made by the program and from scikit-image:",
            table(("detector", "made", "examples"), false),
            f"Milliseconds for a picture of one person on {machine['cores']} cores, "
            f"{machine['processor']}, as a still picture and as a live frame (medians of "
            f"{result['rounds']} rounds, fewer for the largest):",
            table(("picture", "detector", "still", "live", "still: times as fast as Haar"), speed),
            again(how, result["model"]),
        ]
    )
