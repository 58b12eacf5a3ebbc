"""OpenCV's frontal-face Haar cascade with the report's parameters
(Viola & Jones 2001, *Rapid object detection using a boosted cascade*).
"""

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from fer_core.errors import DetectorError
from fer_core.faces.base import Detection, frame, largest_first
from fer_core.faces.framing import FRAMINGS
from fer_core.pool import Pool

CASCADE: Final = "haarcascade_frontalface_default.xml"
#: Width of a live frame in the report.
LIVE_WIDTH: Final = 400
#: Larger pictures are reduced to this longer side for the search.
MAX_SIDE: Final = 1280


class HaarDetector:
    """The report's detector: upright frontal faces of 30 pixels or more."""

    name = "haar"
    title = "Haar, as in the report"

    def __init__(self) -> None:
        self._framing = FRAMINGS[self.name]
        try:
            path = Path(cv2.data.haarcascades) / CASCADE
            if cv2.CascadeClassifier(str(path)).empty():
                raise AttributeError
        except AttributeError as error:
            raise DetectorError(
                "OpenCV's Haar cascade is missing: install 'opencv-python-headless<5'."
            ) from error
        self._cascades = Pool(lambda: cv2.CascadeClassifier(str(path)))

    def detect(self, image: np.ndarray, fast: bool = False) -> list[Detection]:
        """See :class:`fer_core.faces.base.Detector`."""
        height, width = image.shape[:2]
        scale = min(1.0, LIVE_WIDTH / width if fast else MAX_SIDE / max(width, height))
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        with self._cascades.one() as cascade:
            found = cascade.detectMultiScale(
                cv2.cvtColor(image, cv2.COLOR_RGB2GRAY),
                scaleFactor=1.1,
                minNeighbors=5,
                minSize=(30, 30),
                flags=cv2.CASCADE_SCALE_IMAGE,
            )
        boxes = [tuple(float(v) / scale for v in box) for box in found]
        return largest_first([Detection(b, 1.0, frame(b, self._framing)) for b in boxes])
