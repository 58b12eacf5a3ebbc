"""What every face detector takes and gives."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np

#: How far the tip of the nose lies before the line between the eyes, in distances of the eyes.
NOSE_DEPTH: Final = 0.5

#: ``(x, y, w, h)`` in pixels.
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Framing:
    """How a detector's boxes lie relative to FER2013's framing of the same face.

    Measured on FER2013 Training, see :mod:`benchmarks.framing`. All in sides of
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
        score: the detector's confidence, 0 to 1; ``None`` where it has none, as Haar.
        frame: ``(x, y, side)``, the square that shows the face as FER2013 frames its
            faces: the box, calibrated; ``None`` where only the box is known.
        roll: the angle by which the head leans, in degrees, clockwise as seen in the
            picture; ``None`` where the detector cannot tell.
        keypoints: points in pixels as ``(x, y)``, the person's right eye, left eye and tip of
            the nose first; empty without.
    """

    box: tuple[float, float, float, float]
    score: float | None = None
    frame: tuple[float, float, float] | None = None
    roll: float | None = None
    keypoints: tuple[tuple[float, float], ...] = ()

    @property
    def square(self) -> tuple[float, float, float]:
        """Return the frame, or the square around the box where no frame is known."""
        if self.frame is not None:
            return self.frame
        x, y, width, height = self.box
        side = max(width, height)
        return x + (width - side) / 2, y + (height - side) / 2, side

    @property
    def head_turn(self) -> float | None:
        """Return how far the head is turned to the picture's right, in degrees, about.

        The nose's tip lies before the plane of the eyes by about half their distance
        (:data:`NOSE_DEPTH`). A turn of θ moves it along the line between them by
        ``tan θ × NOSE_DEPTH`` of the distance that the eyes still seem to have.

        Returns:
            From -90 to 90, or ``None`` where the detector gives no eyes and nose.
        """
        if len(self.keypoints) < 3:
            return None
        (x0, y0), (x1, y1), (x, y) = self.keypoints[:3]
        apart = math.hypot(x1 - x0, y1 - y0)
        if not apart:
            return None
        along = ((x - (x0 + x1) / 2) * (x1 - x0) + (y - (y0 + y1) / 2) * (y1 - y0)) / apart
        return math.degrees(math.atan2(along / apart, NOSE_DEPTH))

    @property
    def area(self) -> float:
        """Return the area of the box, in square pixels."""
        return self.box[2] * self.box[3]

    def on_original(self, factor: float, left: float = 0.0, top: float = 0.0) -> "Detection":
        """Return a detection in a reduced or cut copy in pixels of the original.

        Args:
            factor: Pixels of the original for each of the copy.
            left: Where the copy begins in the original, in its pixels.
            top: Likewise.
        """
        x, y, w, h = (value * factor for value in self.box)
        square_x, square_y, side = (value * factor for value in self.square)
        return replace(
            self,
            box=(x + left, y + top, w, h),
            frame=(square_x + left, square_y + top, side),
            keypoints=tuple((px * factor + left, py * factor + top) for px, py in self.keypoints),
        )


class Detector(Protocol):
    """A face detector; safe to call from several threads at once.

    Detectors derive from this class. What they cannot do better is inherited.
    """

    name: str
    #: In plain words, for people choosing one.
    title: str

    def detect(self, image: np.ndarray, fast: bool = False) -> list[Detection]:
        """Find faces.

        Args:
            image: ``(H, W, 3)`` ``uint8``, RGB.
            fast: For live pictures: one search at low resolution, which may miss faces
                that are small in the picture.

        Returns:
            The faces, the largest first, in pixels of ``image``.
        """
        ...

    def search(self, image: np.ndarray) -> list[Detection]:
        """Find faces fast, with more patience for doubtful ones: for recorded video.

        Args:
            image: As for :meth:`detect`.
        """
        return self.detect(image, fast=True)

    def track(self, image: np.ndarray, faces: list[Detection]) -> list[Detection] | None:
        """Find faces again that were found a moment ago, by looking only where they were.

        Args:
            image: As for :meth:`detect`.
            faces: Found by this detector in a picture of the same size.

        Returns:
            As :meth:`detect`, or ``None`` where one of them is not surely seen again or the
            detector can only search the whole picture.
        """
        return None


def frame(
    box: tuple[float, float, float, float], framing: Framing, roll: float = 0.0
) -> tuple[float, float, float]:
    """Return the square ``(x, y, side)`` that shows a box's face as FER2013 would.

    Args:
        box: the detector's.
        framing: how its boxes lie.
        roll: degrees that the head leans clockwise; the shift follows the face's axes.
    """
    x, y, w, h = box
    side = math.sqrt((w / framing.width) * (h / framing.height))
    cos, sin = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    cx = x + w / 2 - (framing.dx * cos - framing.dy * sin) * side
    cy = y + h / 2 - (framing.dx * sin + framing.dy * cos) * side
    return cx - side / 2, cy - side / 2, side


def roll_of(keypoints: Sequence[Sequence[float]]) -> float:
    """Return degrees that the line from the first keypoint to the second leans clockwise."""
    (x0, y0), (x1, y1) = keypoints[:2]
    return math.degrees(math.atan2(y1 - y0, x1 - x0))


def largest_first(detections: list[Detection]) -> list[Detection]:
    """Return detections sorted by the size of the box."""
    return sorted(detections, key=lambda d: d.area, reverse=True)


def overlap(a: Box, b: Box) -> float:
    """Return the intersection of two boxes over their union, 0 to 1."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    common = max(width, 0.0) * max(height, 0.0)
    return common / (a[2] * a[3] + b[2] * b[3] - common)
