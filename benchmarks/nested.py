"""Nested boxes: one large face that a detector reports twice."""

from typing import Any

import cv2
import numpy as np

from benchmarks.scenes import compose
from fer_core.datasets import Dataset, load
from fer_core.faces import Detection, get_detector


def scenes(dataset: Dataset, number: int, seed: int = 0) -> Any:
    """Yield pictures of 250 to 350 pixels with one face of 60 to 100 % of their height.

    Half of the faces lie on a plain ground, the others in a blurred enlargement of themselves.
    """
    rng = np.random.default_rng(seed)
    for row in rng.permutation(len(dataset))[:number]:
        height = int(rng.integers(250, 351))
        width = int(height * rng.choice([3 / 4, 1, 4 / 3]))
        side = int(min(height * rng.uniform(0.6, 1), width))
        if rng.integers(2):
            yield compose(dataset.faces[row], side, rng, size=(height, width)).image
            continue
        face = cv2.resize(dataset.faces[row], (side, side), interpolation=cv2.INTER_CUBIC)
        image = np.full((height, width, 3), int(rng.integers(256)), np.uint8)
        x, y = int(rng.integers(0, width - side + 1)), int(rng.integers(0, height - side + 1))
        image[y : y + side, x : x + side] = face[..., None]
        yield image


def has_nested(faces: list[Detection]) -> bool:
    """Return whether the centre of one box lies within another."""
    for face in faces:
        x, y, width, height = face.box
        for other in faces:
            left, top, w, h = other.box
            if other is not face and (
                left <= x + width / 2 <= left + w and top <= y + height / 2 <= top + h
            ):
                return True
    return False


def run_nested(data: str, number: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Count pictures with one face that has nested boxes.

    Args:
        data: Path of FER2013; PublicTest is used.
        number: Pictures.
        seed: Chooses the faces and their places.
    """
    detector = get_detector("blazeface")
    faces = load(data).split("PublicTest")
    found = [detector.detect(image) for image in scenes(faces, number, seed)]
    return {
        "pictures": len(found),
        "seed": seed,
        "found": sum(bool(faces) for faces in found),
        "nested": sum(map(has_nested, found)),
    }


def to_markdown(result: dict[str, Any]) -> str:
    """Return the figures in a sentence."""
    return (
        f"Of {result['pictures']} pictures of 250 to 350 pixels with one face of 60 to 100 % of "
        f"their height, BlazeFace finds the face in {result['found']} and reports nested boxes "
        f"in {result['nested']} (`python -m benchmarks nested`, seed {result['seed']})."
    )
