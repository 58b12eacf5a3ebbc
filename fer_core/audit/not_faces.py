"""Pictures that are no faces, and drawn ones, as far as honest means find them.

Four measures, none of which was trained: contrast; how flat the picture is; how badly
the dataset's own eigenfaces (Turk & Pentland 1991, *Eigenfaces for Recognition*) can
compose it; and a face detector, asked only about the strangest few per cent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from fer_core.datasets.cache import cached
from fer_core.datasets.identity import digest

#: Standard deviation of grey values below which a picture is blank.
BLANK: Final = 10.0
#: Drawn: the product of flatness and strangeness from which a picture counts as such,
#: chosen by eye on FER2013, see docs/dataset-audit.md.
DRAWN: Final = 0.27
#: Share of the pictures that a detector is asked about.
ASKED: Final = 0.02
_FACES: Final = 64  # eigenfaces
_ENLARGED: Final = 192
#: Raise it when measures are computed differently: cached ones of before are not used.
_VERSION: Final = 4


@dataclass(frozen=True)
class Strange:
    """Measures of ``N`` pictures.

    Attributes:
        contrast: ``(N,)``, standard deviation of the grey values.
        flat: ``(N,)``, share of neighbouring pixels that are exactly equal, 0 to 1.
        strange: ``(N,)``, share of the picture that eigenfaces cannot compose, 0 to 1.
        faceless: ``(N,)``, whether a detector was asked and found no face.
    """

    contrast: np.ndarray
    flat: np.ndarray
    strange: np.ndarray
    faceless: np.ndarray

    @property
    def blank(self) -> np.ndarray:
        """Return ``(N,)``, whether there is nothing to see."""
        return self.contrast < BLANK

    @property
    def drawn(self) -> np.ndarray:
        """Return ``(N,)``, 0 to 1: how much a picture looks drawn, or written."""
        return np.sqrt(self.flat * self.strange)


def measure(faces: np.ndarray, on_progress: Callable[[float], None] | None = None) -> Strange:
    """Measure pictures ``(N, 48, 48)`` ``uint8``; cached by their content."""

    def make() -> dict[str, np.ndarray]:
        n = len(faces)
        contrast = faces.reshape(n, -1).std(axis=1)
        across = (faces[:, :, 1:] == faces[:, :, :-1]).mean(axis=(1, 2))
        down = (faces[:, 1:] == faces[:, :-1]).mean(axis=(1, 2))
        flat, strange = (across + down) / 2, _strangeness(faces)
        ask = np.argsort(-np.maximum(_ranks(flat), _ranks(strange)))[: int(np.ceil(ASKED * n))]
        ask = np.union1d(ask, np.flatnonzero(contrast < BLANK))
        faceless = np.zeros(n, bool)
        faceless[ask] = ~_detected(faces[ask], on_progress)
        return {"contrast": contrast, "flat": flat, "strange": strange, "faceless": faceless}

    return Strange(**cached("strange", [digest(faces), ASKED, _FACES, _VERSION], make))


def _ranks(values: np.ndarray) -> np.ndarray:
    ranks = np.empty(len(values))
    ranks[np.argsort(values)] = np.arange(len(values)) / len(values)
    return ranks


def _strangeness(faces: np.ndarray) -> np.ndarray:
    from sklearn.decomposition import PCA

    flat = faces.reshape(len(faces), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.maximum(flat.std(axis=1, keepdims=True), 1.0)
    # Every third face is enough to learn from, and of few faces few eigenfaces.
    sample = flat[:: 3 if len(flat) > 3000 else 1]
    number = max(1, min(_FACES, len(sample) // 8))
    model = PCA(number, svd_solver="randomized", random_state=0).fit(sample)
    rest = flat - model.inverse_transform(model.transform(flat))
    return np.minimum((rest**2).mean(axis=1), 1.0)


def _detected(faces: np.ndarray, on_progress: Callable[[float], None] | None) -> np.ndarray:
    """Return ``(N,)``, whether the default detector finds a face, with some room around it."""
    from fer_core.faces import get_detector

    detector = get_detector("auto")
    found = np.zeros(len(faces), bool)
    edge = _ENLARGED // 2
    for i, face in enumerate(faces):
        large = cv2.resize(face, (_ENLARGED, _ENLARGED), interpolation=cv2.INTER_CUBIC)
        roomy = cv2.copyMakeBorder(
            large, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=int(face.mean())
        )
        found[i] = bool(detector.detect(cv2.cvtColor(roomy, cv2.COLOR_GRAY2RGB)))
        if on_progress and i % 20 == 0:
            on_progress(i / len(faces))
    return found
