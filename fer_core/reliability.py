"""How far the probabilities of one face can be trusted, beyond their own confidence.

A model that sees half of a face answers as readily as if it saw all of it. Two signs tell: the
views of one face disagree, and a half of the crop is flat, as a hand, a mask or a bar that hides
it would make it. A logistic regression weighs them together with the probabilities themselves; a
covered mouth makes "Neutral" doubtful and leaves "Surprise" as it was. Its weights and the
threshold are fitted on FER2013's PublicTest by ``python -m benchmarks reliability``, which also
measures what it is worth; docs/reliability.md shows the figures.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

#: Standard deviation of grey below which a block is flat, 0 to 255.
FLAT: Final = 1.5
#: Blocks along each side of a crop; the outermost row is not counted, where the background is.
_BLOCKS: Final = 12


def flat_shares(crop: np.ndarray) -> np.ndarray:
    """Return which share of the lower half, the upper half and the flatter side is flat.

    Args:
        crop: ``(192, 192, 3)`` ``uint8``, RGB, or ``(48, 48)`` grey.

    Returns:
        ``(3,)``, each 0 to 1.
    """
    grey = crop.mean(axis=2) if crop.ndim == 3 else crop
    pixels = grey.reshape(48, grey.shape[0] // 48, 48, grey.shape[1] // 48).mean(axis=(1, 3))
    blocks = pixels.reshape(_BLOCKS, 4, _BLOCKS, 4).std(axis=(1, 3)) < FLAT
    left, right = blocks[1:11, 1:6].mean(), blocks[1:11, 6:11].mean()
    return np.array([blocks[6:11, 1:11].mean(), blocks[1:6, 1:11].mean(), max(left, right)])


def features(views: np.ndarray, crop: np.ndarray) -> np.ndarray:
    """Return what the regression weighs.

    Args:
        views: ``(V, 7)``, the probabilities of each view of one face.
        crop: The face, see :func:`flat_shares`.

    Returns:
        ``(33,)``: logarithms of the mean probabilities, their largest, the disagreement of the
        views, and the flat shares, alone and for the emotion that was answered.
    """
    mean = views.mean(axis=0)
    disagreement = np.abs(views - mean).sum(axis=1).mean() / 2
    flat = flat_shares(crop)
    answered = np.eye(len(mean))[mean.argmax()]
    return np.concatenate(
        [
            np.log(mean + 1e-3),
            [mean.max(), disagreement],
            flat,
            np.outer(flat, answered).ravel(),
        ]
    )


@lru_cache(maxsize=1)
def _fitted() -> tuple[np.ndarray, float, float]:
    value = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return np.array(value["weights"]), value["intercept"], value["threshold"]


def reliability(views: np.ndarray, crop: np.ndarray) -> float:
    """Return how probable it is that the most probable emotion is the right one, 0 to 1.

    Args:
        views: ``(V, 7)``, the probabilities of each view of one face.
        crop: The face, see :func:`flat_shares`.
    """
    weights, intercept, _ = _fitted()
    return float(1 / (1 + np.exp(-(features(views, crop) @ weights + intercept))))


def is_unreliable(views: np.ndarray, crop: np.ndarray) -> bool:
    """Return whether the answer must be marked as unsure, whatever its confidence.

    The threshold is chosen so that at most 5 % of the right answers on PublicTest become unsure
    by this alone.

    Args:
        views: ``(V, 7)``, the probabilities of each view of one face.
        crop: The face, see :func:`flat_shares`.
    """
    return reliability(views, crop) < _fitted()[2]
