"""What every face detector takes and gives."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Framing:
    """How a detector's boxes lie relative to FER2013's framing of the same face.

    Measured on FER2013 Training, see :mod:`fer_core.faces.calibration`. All in sides of
    the dataset's crop: the box's centre is shifted by ``dx, dy`` from the crop's, and
    the box is ``width`` by ``height`` crops large.
    """

    dx: float = 0.0
    dy: float = 0.0
    width: float = 1.0
    height: float = 1.0


@dataclass(frozen=True)
class Detection:
    """A face found in a picture.

    Attributes:
        box: ``(x, y, w, h)`` in pixels of the picture, the detector's own; it may reach
            beyond the border.
        score: the detector's confidence, 0 to 1; Haar has none and says 1.
        frame: ``(x, y, side)``, the square that shows the face as FER2013 frames its
            faces: the box, calibrated.
        roll: the angle by which the head leans, in degrees, clockwise as seen in the
            picture; 0 where the detector cannot tell.
        keypoints: points in pixels as ``(x, y)``, the person's right eye and left eye
            first; empty without.
    """

    box: tuple[float, float, float, float]
    score: float
    frame: tuple[float, float, float]
    roll: float = 0.0
    keypoints: tuple[tuple[float, float], ...] = ()

    @property
    def area(self) -> float:
        """Of the box, in square pixels."""
        return self.box[2] * self.box[3]


class Detector(Protocol):
    """A face detector; safe to call from several threads at once."""

    name: str
    #: In plain words, for people choosing one.
    title: str

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Find faces.

        Args:
            image: ``(H, W, 3)`` ``uint8``, RGB.

        Returns:
            The faces, the largest first, in pixels of ``image``.
        """
        ...


def frame(box: tuple[float, float, float, float], framing: Framing) -> tuple[float, float, float]:
    """The square ``(x, y, side)`` that shows a box's face as FER2013 would."""
    x, y, w, h = box
    side = float(np.sqrt((w / framing.width) * (h / framing.height)))
    cx, cy = x + w / 2 - framing.dx * side, y + h / 2 - framing.dy * side
    return cx - side / 2, cy - side / 2, side


def largest_first(detections: list[Detection]) -> list[Detection]:
    """Sorted by the size of the box."""
    return sorted(detections, key=lambda d: d.area, reverse=True)
