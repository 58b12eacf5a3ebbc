"""Face detectors: a picture in, boxes out.

>>> detector = get_detector()
>>> detector.name
'blazeface'
>>> [d.box for d in detector.detect(image)]  # doctest: +SKIP
[(174.4, 74.1, 100.9, 100.9)]
"""

import importlib
import threading
from typing import Final

from fer_core.errors import DetectorError
from fer_core.faces.base import Detection, Detector, Framing

__all__ = ["DETECTORS", "Detection", "Detector", "Framing", "fallback", "get_detector", "resolve"]

#: What each choice is, in plain words.
DETECTORS: Final[dict[str, str]] = {
    "auto": "Automatic: the best on this machine",
    "blazeface": "BlazeFace, fast and finds turned faces",
    "haar": "Haar, as in the report",
    "mtcnn": "MTCNN, slower, finds more than Haar",
}
#: What ``auto`` stands for, by the table in docs/results.md, and what is always there.
_BEST: Final = "blazeface"
_ALWAYS: Final = "haar"
_CLASSES: Final = {
    "blazeface": "BlazeFaceDetector",
    "haar": "HaarDetector",
    "mtcnn": "MtcnnDetector",
}

_loaded: dict[str, Detector] = {}
_lock = threading.Lock()


def fallback() -> str | None:
    """Return why ``auto`` is only Haar on this machine, in a sentence for people; else ``None``."""
    try:
        _load(_BEST)
    except DetectorError as error:
        return f"{error} Until then Haar finds the faces, as in the report."
    return None


def resolve(name: str) -> str:
    """Return the detector that ``auto`` stands for on this machine; other names as they are.

    Raises:
        DetectorError: no such detector.
    """
    if name not in DETECTORS:
        raise DetectorError(f"Unknown detector '{name}': use one of {', '.join(DETECTORS)}.")
    if name != "auto":
        return name
    return _ALWAYS if fallback() else _BEST


def get_detector(name: str = "auto") -> Detector:
    """Return the detector called ``name``, loaded once per process and shared by its threads.

    ``auto`` never fails for want of a package: see :func:`fallback`.

    Raises:
        DetectorError: unknown, or what it needs is missing; the message says what.
    """
    return _load(resolve(name))


def _load(name: str) -> Detector:
    with _lock:
        if name not in _loaded:
            module = importlib.import_module(f"fer_core.faces.{name}")
            _loaded[name] = getattr(module, _CLASSES[name])()
        return _loaded[name]
