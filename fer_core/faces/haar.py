"""OpenCV's frontal-face Haar cascade with the report's parameters
(Viola & Jones 2001, *Rapid object detection using a boosted cascade*).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from fer_core.errors import DetectorError
from fer_core.faces.base import Box, Detection, Detector, frame, largest_first, overlap
from fer_core.faces.framing import FRAMINGS
from fer_core.pool import Pool

CASCADE: Final = "haarcascade_frontalface_default.xml"
#: Width of a live frame in the report.
LIVE_WIDTH: Final = 400
#: Larger pictures are searched on a copy of this longer side, then around what it shows:
#: a face there, reduced to so many pixels, with a margin in its own sides.
MAX_SIDE: Final = 1200
REFINED: Final = 80
MARGIN: Final = 0.5


class HaarDetector(Detector):
    """The report's detector: upright frontal faces of 30 pixels or more."""

    name = "haar"
    title = "Haar, as in the report"

    def __init__(self) -> None:
        self._framing = FRAMINGS[self.name]
        try:
            # OpenCV's type hints lack this module.
            path = Path(cv2.data.haarcascades) / CASCADE  # type: ignore[attr-defined]
            if cv2.CascadeClassifier(str(path)).empty():
                raise AttributeError
        except AttributeError as error:
            raise DetectorError(
                "OpenCV's Haar cascade is missing: install 'opencv-python-headless<5'."
            ) from error
        self._cascades = Pool(lambda: cv2.CascadeClassifier(str(path)))

    def detect(self, image: np.ndarray, fast: bool = False) -> list[Detection]:
        """See :class:`fer_core.faces.base.Detector`."""
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        height, width = grey.shape
        with self._cascades.one() as cascade:
            if fast and width > LIVE_WIDTH:
                boxes = _search(cascade, grey, LIVE_WIDTH / width)
            elif max(height, width) > MAX_SIDE:
                boxes = _refined(cascade, grey)
            else:
                boxes = _search(cascade, grey)
        return largest_first([Detection(b, frame=frame(b, self._framing)) for b in boxes])


def _search(
    cascade: cv2.CascadeClassifier,
    grey: np.ndarray,
    scale: float = 1.0,
    step: float = 1.1,
    neighbours: int = 5,
    smallest: int = 30,
) -> list[Box]:
    """Run the project report's search on a copy of the picture made smaller by ``scale``."""
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = cascade.detectMultiScale(
        grey,
        scaleFactor=step,
        minNeighbors=neighbours,
        minSize=(smallest, smallest),
        flags=cv2.CASCADE_SCALE_IMAGE,
    )
    return [(x / scale, y / scale, w / scale, h / scale) for x, y, w, h in map(_floats, found)]


def _floats(box: Sequence[int]) -> list[float]:
    return [float(v) for v in box]


def _refined(cascade: cv2.CascadeClassifier, grey: np.ndarray) -> list[Box]:
    """Search leniently on a small copy, then as the report around each place it names."""
    places = _search(cascade, grey, MAX_SIDE / max(grey.shape), 1.2, neighbours=1, smallest=24)
    boxes: list[Box] = []
    for x, y, w, h in places:
        left, top = max(0, int(x - w * MARGIN)), max(0, int(y - h * MARGIN))
        right, bottom = int(x + w * (1 + MARGIN)), int(y + h * (1 + MARGIN))
        around = grey[top:bottom, left:right]
        found = [
            (bx + left, by + top, bw, bh)
            for bx, by, bw, bh in _search(cascade, around, min(1.0, REFINED / w))
            if abs(bx + left + bw / 2 - x - w / 2) < w / 2 and 0.5 < bw / w < 2
        ]
        boxes += [box for box in found if all(overlap(box, other) < 0.3 for other in boxes)]
    return boxes
