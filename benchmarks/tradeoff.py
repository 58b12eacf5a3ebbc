"""Accuracy against time per picture, for every shipped model and number of crops."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.detectors import NORMAL
from benchmarks.scenes import compose
from benchmarks.versus import again, environment
from fer_core.analysis import find_faces, read_emotions
from fer_core.classifier import load_classifier
from fer_core.datasets import load
from fer_core.faces import get_detector, resolve
from fer_core.models.catalogue import list_models
from fer_core.models.recommend import recommendations
from fer_core.preprocess import ZOOMS
from fer_core.zoo.readme import table

#: Pictures on which times are measured, and how often.
TIMED: Final = 20


def run_tradeoff(data: str = "demo", pictures: int = 600, seed: int = 0) -> dict[str, Any]:
    """Measure all shipped models on pictures of one person.

    Args:
        data: Whose PublicTest faces the pictures show.
        pictures: How many, of 640×480 pixels with a face of 120 to 220.
        seed: Chooses faces and places.

    Returns:
        JSON values, see :func:`to_markdown`.
    """
    dataset = load(data).split("PublicTest")
    rng, detector = np.random.default_rng(seed), get_detector("auto")
    chosen = rng.permutation(len(dataset))[:pictures]
    found, labels, images = [], [], []
    for row in chosen:
        side = int(rng.integers(NORMAL[0], NORMAL[1] + 1))
        image = compose(dataset.faces[row], side, rng).image
        faces = find_faces(image, detector, largest=True)
        if len(images) < TIMED:
            images.append(image)
        if faces.detections:
            found.append(faces)
            labels.append(dataset.labels[row])
    models = [folder.name for folder in list_models() if folder.ships]
    rows = []
    for name in models:
        classifier = load_classifier(name)
        for number in range(1, len(ZOOMS) + 1):
            right = [
                _answer(classifier, one, number) == label
                for one, label in zip(found, labels, strict=True)
            ]
            rows.append(
                {
                    "model": name,
                    "crops": number,
                    "accuracy": float(np.mean(right)),
                    "seconds": _median(
                        [
                            lambda image=image, number=number, classifier=classifier: read_emotions(
                                find_faces(image, detector, zooms=number), classifier
                            )
                            for image in images
                        ]
                    ),
                }
            )
    return {
        "machine": environment(),
        "detector": resolve("auto"),
        "data": data,
        "seed": seed,
        "pictures": pictures,
        "found": len(found),
        "detection": _median([lambda image=image: detector.detect(image) for image in images]),
        "rows": rows,
        "recommended": recommendations(f.card for f in list_models() if f.ships),
    }


def _answer(classifier: Any, found: Any, number: int) -> int:
    return int(classifier.predict(found.zooms[0, :number]).mean(axis=0).argmax())


def _median(calls: list[Callable[[], Any]]) -> float:
    """Return the median seconds of calls, each made twice and timed once."""
    times = []
    for call in calls:
        call()
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def to_markdown(result: dict[str, Any]) -> str:
    """Return what :func:`run_tradeoff` gave, as a table."""
    machine, data = result["machine"], Path(result["data"]).name
    rows = [
        (
            row["model"],
            row["crops"],
            f"{row['accuracy']:.1%}",
            f"{row['seconds'] * 1000:.1f}",
            result["recommended"].get(row["model"], "") if row["crops"] == len(ZOOMS) else "",
        )
        for row in sorted(result["rows"], key=lambda row: row["seconds"])
    ]
    return "\n\n".join(
        [
            f"{result['pictures']} faces of {data}, PublicTest, at {NORMAL[0]} to {NORMAL[1]} "
            f"pixels on 640×480, found by {result['detector']} in {result['found']} of them and "
            "classified as trained. Pictures have two crops, live frames in one; milliseconds of "
            f"a picture, of which finding the face takes {result['detection'] * 1000:.1f}, on "
            f"{machine['cores']} cores, {machine['processor']}.",
            table(("model", "crops", "accuracy", "ms per picture", "recommended as"), rows),
            again(f"tradeoff --data {data} --seed {result['seed']}"),
        ]
    )
