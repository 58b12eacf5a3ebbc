"""How far the probabilities of one face can be trusted, beyond their own confidence.

A model that sees half of a face answers as readily as if it saw all of it. Two signs tell: the
crops of one face disagree, and a half of the crop is flat, as a hand, a mask or a bar that hides
it would make it. A logistic regression weighs them together with the probabilities themselves; a
covered mouth makes "Neutral" doubtful and leaves "Surprise" as it was. Its weights and the
threshold are fitted on FER2013's PublicTest by ``python -m benchmarks reliability``, which also
measures what it is worth; docs/reliability.md shows the figures.
"""

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

#: Standard deviation of grey below which a block is flat, 0 to 255.
FLAT: Final = 1.5
#: Share of a half that must lie outside of the picture to count as cut off.
CUT_OFF: Final = 0.4
#: A face is covered if this share of a half is flat. Its answer is trusted only from this
#: reliability on: people should be warned of what the model did not see.
COVERED: Final = 0.5
COVERED_THRESHOLD: Final = 0.75
#: Blocks along each side of a crop; the outermost row is not counted, where the background is.
_BLOCKS: Final = 12


def _halves() -> np.ndarray:
    """Return which blocks belong to the lower, upper, left and right half, ``(144, 4)``."""
    halves = np.zeros((4, _BLOCKS, _BLOCKS))
    halves[0, 6:11, 1:11] = halves[1, 1:6, 1:11] = 1
    halves[2, 1:11, 1:6] = halves[3, 1:11, 6:11] = 1
    return halves.reshape(4, -1).T


_HALVES: Final = _halves()
#: Blocks of each half.
_IN_HALF: Final = 50


def flat_shares(crop: np.ndarray) -> np.ndarray:
    """Return which share of the lower half, the upper half and the flatter side is flat.

    Args:
        crop: ``(192, 192, 3)`` ``uint8``, RGB, or ``(48, 48)`` grey.

    Returns:
        ``(3,)``, each 0 to 1.
    """
    import cv2

    values = crop.astype(np.float32)
    grey = cv2.transform(values, np.full((1, 3), 1 / 3)) if values.ndim == 3 else values
    pixels = cv2.resize(grey, (48, 48), interpolation=cv2.INTER_AREA)
    # The variance of each block, by which OpenCV is four times as fast as NumPy.
    blocks = (_block_means(pixels * pixels) - _block_means(pixels) ** 2) < FLAT**2
    lower, upper, left, right = (blocks.ravel() @ _HALVES / _IN_HALF).tolist()
    return np.array([lower, upper, max(left, right)])


def _block_means(pixels: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.resize(pixels, (_BLOCKS, _BLOCKS), interpolation=cv2.INTER_AREA)


def cut_off_shares(square: tuple[float, float, float], width: int, height: int) -> np.ndarray:
    """Return which share of a face's halves lies outside of the picture.

    Args:
        square: ``(x, y, side)`` of the face in pixels.
        width: Of the picture, in pixels.
        height: Likewise.

    Returns:
        ``(3,)`` as :func:`flat_shares`; 0 for less than :data:`CUT_OFF`, since a crop reaches
        a little beyond the face.
    """
    x, y, side = square
    beyond = np.array([y + side - height, -y, max(-x, x + side - width)]) / (side / 2)
    shares = beyond.clip(0, 1)
    return np.where(shares < CUT_OFF, 0.0, shares)


def features(answers: np.ndarray, flat: np.ndarray) -> np.ndarray:
    """Return what the regression weighs.

    Args:
        answers: ``(N, A, 7)``, the probabilities of each crop of each face.
        flat: ``(N, 3)``, see :func:`flat_shares`; what lies outside of the picture counts too.

    Returns:
        ``(N, 33)``: logarithms of the mean probabilities, their largest, the disagreement of the
        crops, and the flat shares, alone and for the emotion that was answered.
    """
    mean = answers.mean(axis=1)
    disagreement = np.abs(answers - mean[:, None]).sum(axis=2).mean(axis=1) / 2
    answered = np.eye(mean.shape[1])[mean.argmax(axis=1)]
    of_answer = (flat[:, :, None] * answered[:, None]).reshape(len(flat), -1)
    alone = np.stack([mean.max(axis=1), disagreement], axis=1)
    return np.hstack([np.log(mean + 1e-3), alone, flat, of_answer])


#: Where the flat shares stand among the features.
_FLAT: Final = slice(9, 12)


@lru_cache(maxsize=1)
def _fitted() -> tuple[np.ndarray, float, float]:
    value = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return np.array(value["weights"]), value["intercept"], value["threshold"]


def are_unreliable(
    answers: np.ndarray, crops: Iterable[np.ndarray], cut_off: Sequence[np.ndarray]
) -> np.ndarray:
    """Return which answers must be marked as unsure, whatever their confidence, ``(N,)``.

    The threshold is chosen so that at most 5 % of the right answers on PublicTest become unsure
    by this alone. A covered face has a higher one, :data:`COVERED_THRESHOLD`.

    Args:
        answers: ``(N, A, 7)``, the probabilities of each crop of each face.
        crops: The faces, see :func:`flat_shares`.
        cut_off: Of each, see :func:`cut_off_shares`.
    """
    if not len(answers):
        return np.zeros(0, bool)
    found = features(answers, np.maximum([flat_shares(crop) for crop in crops], cut_off))
    weights, intercept, threshold = _fitted()
    return below_threshold(found, score(found, weights, intercept), threshold)


def score(found: np.ndarray, weights: np.ndarray, intercept: float) -> np.ndarray:
    """Return the reliability of answers, ``(N,)``, from their features ``(N, F)``."""
    return 1 / (1 + np.exp(-(found @ weights + intercept)))


def below_threshold(found: np.ndarray, scores: np.ndarray, threshold: float) -> np.ndarray:
    """Return which answers are unreliable.

    Args:
        found: ``(N, F)``, see :func:`features`.
        scores: ``(N,)``, see :func:`score`.
        threshold: Of whole faces.
    """
    covered = found[:, _FLAT].max(axis=1) >= COVERED
    return scores < np.where(covered, COVERED_THRESHOLD, threshold)
