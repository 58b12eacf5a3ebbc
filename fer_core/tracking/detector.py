"""The faces of one frame after another: a full detection now and then, tracking in between."""

from typing import Final

import numpy as np

from fer_core.faces.base import Detection, Detector

#: Seconds for which faces are tracked before the whole picture is searched again, for people
#: who came in meanwhile.
DETECT_EVERY: Final = 0.2


class TrackingDetector(Detector):
    """A detector for the frames of one video or camera, in their order.

    Where the detector can look at known faces only (BlazeFace can, in a seventh of the
    time), it does so in fast searches. It searches everywhere where there are none yet, where one
    of them is not surely seen again, and every :data:`DETECT_EVERY`.

    Args:
        detector: that finds the faces.
        recorded: search with more patience than a camera has.
    """

    def __init__(self, detector: Detector, recorded: bool = False) -> None:
        self.name, self.title = detector.name, detector.title
        self.detector = detector
        self._recorded = recorded
        self._faces: list[Detection] = []
        self._shape: tuple[int, ...] = ()
        self._searched = -np.inf
        self._time = 0.0

    def at(self, time: float) -> "TrackingDetector":
        """Say of which second the next frame is."""
        self._time = time
        if time - self._searched >= DETECT_EVERY:
            self.reset()
        return self

    def reset(self) -> None:
        """Forget what was tracked: what comes next is another scene."""
        self._faces = []

    def detect(self, image: np.ndarray, fast: bool = False) -> list[Detection]:
        """See :class:`fer_core.faces.base.Detector`."""
        found = None
        if fast and self._faces and image.shape == self._shape:
            found = self.detector.track(image, self._faces)
        if found is None:
            patient = fast and self._recorded
            found = self.detector.search(image) if patient else self.detector.detect(image, fast)
            self._searched = self._time
        self._faces, self._shape = found, image.shape
        return found
