"""What a person looks like in one clip: colours of hair, face and clothes, and the face's texture.

That tells people of one clip apart and recognises nobody beyond it. Colours last from one end of
a clip to the other, unless everybody is dressed alike or the picture has none. The texture tells
any two people apart while their faces keep still, and less where expressions change
(``docs/tracking.md`` has what was measured).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from fer_core.tracking.motion import Box

_BINS: Final = (12, 4, 4)
#: Side of the grey copy of a face whose texture is taken, and the half axes of the ellipse that
#: counts, in sides of the box: what lies around a face changes with every step and every cut.
_TEXTURE: Final = 16
_ELLIPSE: Final = (0.4, 0.47)
#: Mean saturation, 0 to 255, below which a person is black and white.
_COLOURLESS: Final = 12.0


@dataclass(frozen=True, eq=False)
class Appearance:
    """One look of a person, or the mean of many.

    Attributes:
        colours: ``(3, 192)`` ``float64``: histograms of hair, face and clothes, each of unit
            length, or zeros where that part is outside the picture.
        texture: ``(T,)`` ``float64``: the face's grey pixels, some 150 of 16×16, with mean 0 and
            length 1.
        saturation: Mean of the three parts, 0 to 255.
    """

    colours: np.ndarray
    texture: np.ndarray
    saturation: float

    @property
    def is_grey(self) -> bool:
        """Return whether it has no colours to speak of."""
        return self.saturation < _COLOURLESS

    def mean_with(self, other: "Appearance", count: int) -> "Appearance":
        """Return the mean over ``count`` appearances, of which ``other`` is the newest."""
        return self.mixed(other, 1 / count)

    def mixed(self, other: "Appearance", share: float) -> "Appearance":
        """Return the mean of which ``other`` has this share, 0 to 1."""
        return Appearance(
            self.colours + (other.colours - self.colours) * share,
            self.texture + (other.texture - self.texture) * share,
            self.saturation + (other.saturation - self.saturation) * share,
        )


def appearance(image: np.ndarray, box: Box) -> Appearance:
    """Return what a face, with the hair above and the clothes below it, looks like.

    Args:
        image: ``(H, W, 3)`` ``uint8``, RGB.
        box: ``(x, y, width, height)`` of the face in pixels.
    """
    x, y, w, h = box
    parts = [
        (x - 0.1 * w, y - 0.45 * h, 1.2 * w, 0.5 * h),
        (x + 0.15 * w, y + 0.2 * h, 0.7 * w, 0.75 * h),
        (x - 0.3 * w, y + 1.3 * h, 1.6 * w, 0.8 * h),
    ]
    colours, saturations = [], []
    for part in parts:
        small = _reduced(image, part, 24, 0.3)
        if small is None:
            colours.append(np.zeros(int(np.prod(_BINS))))
            continue
        hsv = cv2.cvtColor(small, cv2.COLOR_RGB2HSV_FULL)
        saturations.append(float(hsv[..., 1].mean()))
        colours.append(_histogram(hsv))
    saturation = float(np.mean(saturations)) if saturations else 0.0
    return Appearance(np.stack(colours), _texture(image, box), saturation)


def similarity(a: Appearance, b: Appearance) -> float:
    """Return how alike two looks are, 0 to 1: the mean of their colours' and their texture's.

    Without colours in either of them, it is the texture's alone.
    """
    shown = (a.colours.any(axis=1)) & (b.colours.any(axis=1))
    texture = max(0.0, texture_similarity(a, b))
    if not shown.any() or a.is_grey or b.is_grey:
        return texture
    norms = np.linalg.norm(a.colours, axis=1) * np.linalg.norm(b.colours, axis=1)
    cosines = (a.colours * b.colours).sum(axis=1)[shown] / norms[shown]
    return (float(cosines.mean()) + texture) / 2


def similarities(appearances: Sequence[Appearance]) -> np.ndarray:
    """Return ``(N, N)`` ``float64``: :func:`similarity` of each of ``N`` with each."""
    colours = np.stack([one.colours for one in appearances])
    norms = np.linalg.norm(colours, axis=2)
    unit = colours / np.maximum(norms, 1e-9)[..., None]
    shown = (norms > 0).astype(np.float64)
    parts = shown @ shown.T
    cosines = np.tensordot(unit, unit, ([1, 2], [1, 2])) / np.maximum(parts, 1)
    textures = np.stack([one.texture for one in appearances])
    textures /= np.maximum(np.linalg.norm(textures, axis=1), 1e-9)[:, None]
    correlations = np.maximum(0.0, textures @ textures.T)
    grey = np.array([one.is_grey for one in appearances])
    texture_alone = (parts == 0) | grey | grey[:, None]
    return np.where(texture_alone, correlations, (cosines + correlations) / 2)


def texture_similarity(a: Appearance, b: Appearance) -> float:
    """Return the correlation of two textures, -1 to 1; 0 where one has none."""
    norm = float(np.linalg.norm(a.texture) * np.linalg.norm(b.texture))
    return float(a.texture @ b.texture) / norm if norm > 1e-6 else 0.0


def _reduced(image: np.ndarray, part: Box, side: int, least: float) -> np.ndarray | None:
    """Return a part of the picture in ``side``² pixels; ``None`` where most of it is outside."""
    height, width = image.shape[:2]
    x, y, w, h = part
    x0, x1 = (int(np.clip(v, 0, width)) for v in (x, x + w))
    y0, y1 = (int(np.clip(v, 0, height)) for v in (y, y + h))
    if (x1 - x0) * (y1 - y0) <= least * w * h:
        return None
    return cv2.resize(image[y0:y1, x0:x1], (side, side), interpolation=cv2.INTER_AREA)


def _histogram(hsv: np.ndarray) -> np.ndarray:
    counts = cv2.calcHist([hsv], [0, 1, 2], None, list(_BINS), [0, 256] * 3)
    # Neighbouring bins share, so that a little more light changes little.
    counts = np.sqrt(cv2.GaussianBlur(counts.reshape(_BINS[0], -1), (1, 3), 0.7).ravel())
    return counts / max(float(np.linalg.norm(counts)), 1e-6)


def _ellipse() -> np.ndarray:
    """Return ``(16, 16)`` ``bool``: the pixels of a box that are face."""
    away = (np.arange(_TEXTURE) + 0.5) / _TEXTURE - 0.5
    return (away / _ELLIPSE[0]) ** 2 + (away[:, None] / _ELLIPSE[1]) ** 2 <= 1


_FACE: Final = _ellipse()


def _texture(image: np.ndarray, box: Box) -> np.ndarray:
    small = _reduced(image, box, _TEXTURE, 0.3)
    if small is None:
        return np.zeros(int(_FACE.sum()))
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)[_FACE].astype(np.float64)
    grey -= grey.mean()
    return grey / max(float(np.linalg.norm(grey)), 1e-6)
