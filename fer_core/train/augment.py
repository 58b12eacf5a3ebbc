"""Random variation of training faces.

A batch is varied in one affine warp per face (OpenCV, about 10 µs each) and a few
vectorised steps, so the network never waits for it.
"""

from typing import Final

import cv2
import numpy as np

from fer_core.models.recipe import Augmentation
from fer_core.preprocess import FACE_SIZE

#: Standard deviation of a noisy face's noise, and JPEG's quality, at random.
_NOISE: Final = (3.0, 20.0)
_QUALITY: Final = (10, 60)


def augment(faces: np.ndarray, how: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """Vary ``faces`` at random.

    Args:
        faces: ``(N, 48, 48)``, grey, 0 to 255.
        how: the ranges.
        rng: the source of chance; equal generators give equal results.

    Returns:
        ``(N, 48, 48)`` ``float32``, 0 to 255.
    """
    n, side = len(faces), FACE_SIZE
    angle = np.deg2rad(rng.uniform(-how.rotation, how.rotation, n))
    size = 1 + rng.uniform(-how.zoom, how.zoom, n)
    shift = rng.uniform(-how.shift, how.shift, (n, 2)) * side
    if how.crop:
        # A window of the face, enlarged to the whole: a larger size and a shift within it.
        cut = rng.uniform(0, how.crop, n)
        size = size / (1 - cut)
        shift = shift + rng.uniform(-0.5, 0.5, (n, 2)) * (cut / (1 - cut))[:, None] * side
    mirror = np.where(rng.random(n) < 0.5, -1.0, 1.0) if how.flip else np.ones(n)

    cos, sin = size * np.cos(angle), size * np.sin(angle)
    matrices = np.empty((n, 2, 3))
    matrices[:, 0, 0], matrices[:, 0, 1] = cos * mirror, -sin
    matrices[:, 1, 0], matrices[:, 1, 1] = sin * mirror, cos
    centre = np.full(2, (side - 1) / 2)
    matrices[:, :, 2] = centre + shift - matrices[:, :, :2] @ centre

    out = np.empty((n, side, side), np.float32)
    for i, face in enumerate(faces.astype(np.float32)):
        out[i] = cv2.warpAffine(face, matrices[i], (side, side), borderMode=cv2.BORDER_REFLECT_101)
    for i in map(int, np.flatnonzero(rng.random(n) < how.blur)):
        out[i] = cv2.GaussianBlur(out[i], (0, 0), rng.uniform(0.4, 1.4))

    if how.contrast or how.brightness:
        gain = 1 + rng.uniform(-how.contrast, how.contrast, (n, 1, 1))
        offset = 255 * rng.uniform(-how.brightness, how.brightness, (n, 1, 1))
        mean = out.mean(axis=(1, 2), keepdims=True)
        out = ((out - mean) * gain + mean + offset).astype(np.float32)

    for i in map(int, np.flatnonzero(rng.random(n) < how.erase)):
        high, wide = map(int, rng.integers(4, 17, 2))
        top, left = rng.integers(0, side - high + 1), rng.integers(0, side - wide + 1)
        out[i, top : top + high, left : left + wide] = rng.uniform(0, 255)
    for i in _some(n, how.noise, rng):
        out[i] += rng.normal(0, rng.uniform(*_NOISE), (side, side))
    np.clip(out, 0, 255, out=out)
    for i in _some(n, how.jpeg, rng):
        quality = int(rng.integers(*_QUALITY))
        _, packed = cv2.imencode(
            ".jpg", out[i].round().astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality]
        )
        out[i] = cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)
    return out


def _some(n: int, share: float, rng: np.random.Generator) -> np.ndarray:
    # Nothing is drawn for a share of 0: a recipe without it stays what it was.
    return np.flatnonzero(rng.random(n) < share) if share else np.arange(0)
