"""Windows cut out of a picture of any size, without aliasing and without waste."""

import threading
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np


@dataclass(frozen=True)
class Window:
    """A square of a picture, possibly turned, seen as ``size`` by ``size`` pixels.

    Attributes:
        centre: ``(x, y)`` in pixels of the picture.
        side: in pixels of the picture.
        size: in pixels of the window.
        roll: degrees clockwise by which the square is turned in the picture.
        mirrored: whether its left side is seen on the right.
    """

    centre: np.ndarray
    side: float
    size: int
    roll: float = 0.0
    mirrored: bool = False

    @property
    def step(self) -> float:
        """Return pixels of the picture per pixel of the window."""
        return self.side / self.size

    @cached_property
    def matrix(self) -> np.ndarray:
        """Return ``(2, 2)``, from directions in the window to those in the picture."""
        angle = np.deg2rad(self.roll)
        cos, sin = np.cos(angle), np.sin(angle)
        return self.step * np.array([[cos, -sin], [sin, cos]])

    def to_picture(self, points: np.ndarray) -> np.ndarray:
        """Return points ``(…, 2)`` of the window in pixels of the picture."""
        return (points - self.size / 2) @ self.matrix.T + self.centre


class Pyramid:
    """A picture and its halved copies, each made when it is first needed, by any thread."""

    def __init__(self, image: np.ndarray) -> None:
        self.height, self.width = image.shape[:2]
        self._levels = [image]
        self._lock = threading.Lock()

    def cut(self, window: Window) -> np.ndarray:
        """Return the window's pixels ``(S, S, 3)`` ``uint8``; black beyond the border."""
        level = max(0, int(np.log2(max(window.step, 1.0))))
        image, scale = self._level(level)
        matrix = np.empty((2, 3))
        matrix[:, :2] = window.matrix / scale
        start = window.to_picture(np.full(2, 0.5)) / scale - 0.5
        matrix[:, 2] = start
        pixels = cv2.warpAffine(
            image,
            matrix,
            (window.size, window.size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
        return cv2.flip(pixels, 1) if window.mirrored else pixels

    def whole(self, size: int) -> Window:
        """Return the whole picture."""
        centre = np.array([self.width / 2, self.height / 2])
        return Window(centre, float(max(self.width, self.height)), size)

    def tiles(self, size: int, across: float, overlap: float) -> list[Window]:
        """Return overlapping windows over the whole picture.

        Args:
            size: of a window.
            across: how many times as large a detail becomes as in :meth:`whole`; no
                more than to the picture's own pixels.
            overlap: of two neighbours, in sides.
        """
        side = max(max(self.width, self.height) / across, float(size))

        def middles(length: int) -> np.ndarray:
            if length <= side:
                return np.array([length / 2])
            number = int(np.ceil((length / side - overlap) / (1 - overlap)))
            return np.linspace(side / 2, length - side / 2, number)

        return [
            Window(np.array([x, y]), side, size)
            for y in middles(self.height)
            for x in middles(self.width)
        ]

    def _level(self, level: int) -> tuple[np.ndarray, float]:
        with self._lock:
            while len(self._levels) <= level and min(self._levels[-1].shape[:2]) >= 4:
                last = self._levels[-1]
                half = (last.shape[1] // 2, last.shape[0] // 2)
                even = last[: half[1] * 2, : half[0] * 2]  # exact halves are the quickest
                self._levels.append(cv2.resize(even, half, interpolation=cv2.INTER_AREA))
        level = min(level, len(self._levels) - 1)
        return self._levels[level], 2.0**level
