"""Face detectors: a picture in, boxes out.

>>> detector = get_detector("haar")
>>> [d.box for d in detector.detect(image)]  # doctest: +SKIP
[(178.0, 68.0, 109.0, 109.0)]
"""

import threading
from collections.abc import Callable

from fer_core.errors import DetectorError
from fer_core.faces.base import Detection, Detector, Framing

__all__ = ["DETECTORS", "Detection", "Detector", "Framing", "get_detector", "resolve"]


def _haar() -> Detector:
    from fer_core.faces.haar import HaarDetector

    return HaarDetector()


def _mtcnn() -> Detector:
    from fer_core.faces.mtcnn import MtcnnDetector

    return MtcnnDetector()


_FACTORIES: dict[str, Callable[[], Detector]] = {"haar": _haar, "mtcnn": _mtcnn}

#: What each choice is, in plain words.
DETECTORS: dict[str, str] = {
    "auto": "Automatic",
    "haar": "Haar, as in the report",
    "mtcnn": "MTCNN, slower, finds more",
}

_loaded: dict[str, Detector] = {}
_lock = threading.Lock()


def resolve(name: str) -> str:
    """The detector that ``auto`` stands for; other names as they are.

    Raises:
        DetectorError: no such detector.
    """
    if name not in DETECTORS:
        raise DetectorError(f"Unknown detector '{name}': use one of {', '.join(DETECTORS)}.")
    return "haar" if name == "auto" else name


def get_detector(name: str = "auto") -> Detector:
    """The detector called ``name``, loaded once per process and shared by its threads.

    Raises:
        DetectorError: unknown, or what it needs is missing; the message says what.
    """
    name = resolve(name)
    with _lock:
        if name not in _loaded:
            _loaded[name] = _FACTORIES[name]()
        return _loaded[name]
