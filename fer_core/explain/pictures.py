"""What an explanation looks like: a face, its lit regions and its relief."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

#: Side of the pictures made here, in pixels.
SIZE: Final = 384


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a face looks like one emotion to a model.

    Attributes:
        emotion: the one explained.
        face: ``(384, 384, 3)`` ``uint8``, RGB: the 48×48 grey pixels the model sees.
        grad_cam: likewise: the face, with the regions that speak for the emotion lit.
        guided: likewise: the single pixels that would raise it (light) or lower it
            (dark), a relief on mid grey.
        has_region: whether any region speaks for the emotion; if not, ``grad_cam`` is
            the plain face.
    """

    emotion: str
    face: np.ndarray
    grad_cam: np.ndarray
    guided: np.ndarray
    has_region: bool


def paint(emotion: str, face: np.ndarray, heat: np.ndarray, gradient: np.ndarray) -> Explanation:
    """Paint an explanation.

    Args:
        emotion: The one explained.
        face: ``(48, 48)``, grey, 0 to 255: what the model saw.
        heat: ``(h, w)``, 0 to 1: Grad-CAM.
        gradient: ``(48, 48)``: guided back-propagation.
    """
    grey = _enlarge(face)
    return Explanation(
        emotion,
        np.repeat(grey[..., None], 3, axis=2),
        _overlay(grey, heat),
        _relief(gradient),
        bool(heat.max() > 0),
    )


def _enlarge(values: np.ndarray) -> np.ndarray:
    """Enlarge ``(H, W)``, 0 to 255, to ``(384, 384)`` ``uint8``, smoothly."""
    large = cv2.resize(values.astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return np.clip(large, 0, 255).round().astype(np.uint8)


def _overlay(grey: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Return the heat ``(h, w)``, 0 to 1, over the face: the more, the brighter and denser."""
    level = _enlarge(heat * 255)
    colors = cv2.cvtColor(cv2.applyColorMap(level, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    share = 0.75 * (level[..., None].astype(np.float32) / 255)
    # The face is darkened a little where nothing is lit, so that the light stands out.
    base = grey[..., None] * (0.75 if heat.max() > 0 else 1.0)
    return (base * (1 - share) + colors * share).round().astype(np.uint8)


def _relief(gradient: np.ndarray) -> np.ndarray:
    """Return the gradient as a grey relief; its outermost percent may saturate."""
    top = float(np.percentile(np.abs(gradient), 99)) if np.isfinite(gradient).all() else 0.0
    scaled = np.clip(gradient / top, -1, 1) if top > 0 else np.zeros_like(gradient)
    return np.repeat(_enlarge(127.5 + 127.5 * scaled)[..., None], 3, axis=2)
