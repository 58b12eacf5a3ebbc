"""Where the time of a photo goes, and how that compares with the ``fer`` package."""

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from benchmarks import versus as comparison
from benchmarks.pictures import Picture, make_pictures
from fer_core.analysis import find_faces, read_emotions
from fer_core.classifier import load_classifier
from fer_core.datasets.base import Dataset
from fer_core.drawing import draw
from fer_core.faces import Detector, get_detector, resolve
from fer_core.images import read_image
from fer_core.preprocess import CROP_SIZE
from fer_core.zoo.readme import table

STAGES: Final = ("read", "detect", "crop", "classify", "draw")


def run_image(
    versus: Path | None = None, rounds: int = 9, dataset: Dataset | None = None
) -> dict[str, Any]:
    """Measure the photo path on this machine.

    Args:
        versus: Python of an environment with the ``fer`` package, to compare with.
        rounds: how often each thing is measured; medians count.
        dataset: measures the package's accuracy as well.

    Returns:
        JSON values, see :func:`to_markdown`.
    """
    names = comparison.detectors()
    pictures = [p for p in make_pictures() if p.name == "a group"]
    classifier = load_classifier()
    crops = np.random.default_rng(0).integers(
        0, 256, (max(comparison.BATCHES), CROP_SIZE, CROP_SIZE, 3), np.uint8
    )
    result: dict[str, Any] = {
        "machine": comparison.environment(),
        "model": classifier.name,
        "auto": resolve("auto"),
        "rounds": rounds,
        "stages": {
            name: {p.size: _stages(p, get_detector(name), rounds) for p in pictures}
            for name in names
        },
        "classify": {
            n: _median_seconds(lambda n=n: classifier.predict(crops[:n]), rounds * 5) / n
            for n in comparison.BATCHES
        },
    }
    if versus:
        result["versus"] = comparison.run_versus(versus, rounds, dataset)
        cold = result["versus"]["cold"]
        result["cold"] = {name: cold[name] for name in names}
    else:
        with tempfile.TemporaryDirectory() as folder:
            photo = Path(folder) / "photo.jpg"
            Image.fromarray(pictures[0].image).save(photo, quality=95)
            commands = {name: comparison.cold_command(photo, name) for name in names}
            result["cold"] = comparison.measure_cold(commands, rounds)
    return result


def _stages(picture: Picture, detector: Detector, rounds: int) -> dict[str, Any]:
    classifier = load_classifier()
    jpeg = io.BytesIO()
    Image.fromarray(picture.image).save(jpeg, "JPEG", quality=95)
    image = read_image(jpeg.getvalue())
    detections = detector.detect(image)
    found = find_faces(image, _Known(detections))
    analysis = read_emotions(found, classifier)
    calls: dict[str, Callable[[], Any]] = {
        "read": lambda: read_image(jpeg.getvalue()),
        "detect": lambda: detector.detect(image),
        "crop": lambda: find_faces(image, _Known(detections)),
        "classify": lambda: read_emotions(found, classifier),
        "draw": lambda: draw(image, analysis),
    }
    return {"faces": len(detections)} | {
        stage: _median_seconds(calls[stage], rounds) for stage in STAGES
    }


class _Known:
    """A detector that has found its faces already."""

    name = title = "known"

    def __init__(self, detections: list) -> None:
        self._detections = detections

    def detect(self, image: np.ndarray, fast: bool = False) -> list:
        return self._detections


def _median_seconds(call: Callable[[], Any], rounds: int) -> float:
    call()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def to_markdown(result: dict[str, Any]) -> str:
    """Return what :func:`run_image` gave, as tables."""
    machine = result["machine"]
    names = {d: d + (" (auto)" if d == result["auto"] else "") for d in result["stages"]}
    rows = [
        (
            size,
            names[detector],
            of["faces"],
            *(f"{of[stage] * 1000:.1f}" for stage in STAGES),
            f"{sum(of[stage] for stage in STAGES) * 1000:.0f}",
        )
        for detector, sizes in result["stages"].items()
        for size, of in sizes.items()
    ]
    per_face = ", ".join(f"{s * 1000:.2f} ({n} at once)" for n, s in result["classify"].items())
    cold = ", ".join(
        f"{of['seconds']:.2f} s and {of['megabytes']:.0f} MB with {names[name]}"
        for name, of in result["cold"].items()
    )
    parts = [
        f"Measured with {result['model']} on {machine['cores']} cores, {machine['processor']}; "
        f"medians of {result['rounds']} rounds. Milliseconds of a group picture, JPEG to drawing:",
        table(("picture", "detector", "faces", *STAGES, "together"), rows),
        f"Milliseconds per classified face: {per_face}. "
        f"From a new process to the first result: {cold}.",
    ]
    how = f"image --rounds {result['rounds']}"
    if "versus" in result:
        package = result["versus"]["package"]
        parts += [f"### Beside {package}", comparison.to_markdown(result["versus"])]
        how += " --versus PYTHON"
    parts.append(comparison.again(how, result["model"]))
    return "\n\n".join(parts)
