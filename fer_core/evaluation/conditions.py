"""Faces as bad photos show them, for measuring what a model loses by it.

FER2013's own test faces come from where its training faces come from; real photos are
darker, softer, noisier, turned, and framed a little differently.
"""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def _dark(face: np.ndarray, _: np.random.Generator) -> np.ndarray:
    return face * 0.3


def _blurred(face: np.ndarray, _: np.random.Generator) -> np.ndarray:
    return cv2.GaussianBlur(face, (0, 0), 1.2)


def _noisy(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return face + rng.normal(0, 15, face.shape)


def _flat(face: np.ndarray, _: np.random.Generator) -> np.ndarray:
    return (face - face.mean()) * 0.35 + face.mean()


def _crushed(face: np.ndarray, _: np.random.Generator) -> np.ndarray:
    quality = [cv2.IMWRITE_JPEG_QUALITY, 15]
    packed = cv2.imencode(".jpg", face.astype(np.uint8), quality)[1]
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE))


def _warped(face: np.ndarray, degrees: float = 0.0, size: float = 1.0) -> np.ndarray:
    side = len(face)
    centre = ((side - 1) / 2, (side - 1) / 2)
    matrix = cv2.getRotationMatrix2D(centre, degrees, size)
    return cv2.warpAffine(face, matrix, (side, side), borderMode=cv2.BORDER_REFLECT_101)


def _turned(degrees: float) -> Change:
    return lambda face, rng: _warped(face, degrees * rng.choice((-1, 1)))


#: Condition → what becomes of a face ``(48, 48)`` ``float32``, 0 to 255.
CONDITIONS: Final[dict[str, Change]] = {
    "dark (×0.3)": _dark,
    "blurred (σ 1.2)": _blurred,
    "noisy (σ 15)": _noisy,
    "contrast ×0.35": _flat,
    "JPEG, quality 15": _crushed,
    "turned 10°": _turned(10),
    "turned 20°": _turned(20),
    "turned 30°": _turned(30),
    "cut 15 % wider": lambda face, _: _warped(face, size=1 / 1.15),
    "cut 15 % tighter": lambda face, _: _warped(face, size=1.15),
}


def under(condition: str, faces: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return ``faces`` under one of :data:`CONDITIONS`.

    Args:
        condition: its name.
        faces: ``(N, 48, 48)``, grey, 0 to 255.
        seed: decides noise and directions.

    Returns:
        ``(N, 48, 48)`` ``uint8``.
    """
    change, rng = CONDITIONS[condition], np.random.default_rng(seed)
    changed = [change(face, rng) for face in faces.astype(np.float32)]
    rounded = np.clip(np.rint(changed), 0, 255).astype(np.uint8)
    return rounded.reshape(faces.shape)
