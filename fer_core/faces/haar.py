"""OpenCV's frontal-face Haar cascade with the report's parameters
(Viola & Jones 2001, *Rapid object detection using a boosted cascade*)."""

import threading
from pathlib import Path

import cv2
import numpy as np

from fer_core.errors import DetectorError
from fer_core.faces.base import Detection, Framing, frame, largest_first

CASCADE = "haarcascade_frontalface_default.xml"


class HaarDetector:
    """The report's detector: upright frontal faces of 30 pixels or more."""

    name = "haar"
    title = "Haar, as in the report"
    framing = Framing()

    def __init__(self) -> None:
        try:
            path = Path(cv2.data.haarcascades) / CASCADE
            if cv2.CascadeClassifier(str(path)).empty():
                raise AttributeError
        except AttributeError as error:
            raise DetectorError(
                "OpenCV's Haar cascade is missing: install 'opencv-python-headless<5'."
            ) from error
        self._path = str(path)
        # A cascade keeps scratch memory, so every thread has its own.
        self._local = threading.local()

    def detect(self, image: np.ndarray) -> list[Detection]:
        """See :class:`fer_core.faces.base.Detector`."""
        if not hasattr(self._local, "cascade"):
            self._local.cascade = cv2.CascadeClassifier(self._path)
        found = self._local.cascade.detectMultiScale(
            cv2.cvtColor(image, cv2.COLOR_RGB2GRAY),
            scaleFactor=1.1,
            minNeighbors=5,
            minSize=(30, 30),
            flags=cv2.CASCADE_SCALE_IMAGE,
        )
        boxes = [tuple(float(v) for v in box) for box in found]
        return largest_first([Detection(b, 1.0, frame(b, self.framing)) for b in boxes])
