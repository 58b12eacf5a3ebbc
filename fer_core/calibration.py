"""Honest probabilities: how far confidence lies from accuracy, and what brings them together.

Everything here is fitted on faces that were not trained on; FER2013's PublicTest is.
"""

from dataclasses import dataclass

import numpy as np

#: Below this a probability counts as this, so that its logarithm is a number.
_TINY = 1e-12
#: Fewest faces that a temperature is fitted on, and the bounds of the search for it.
FEWEST = 200
_BOUNDS = (0.2, 5.0)


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability diagram.

    Attributes:
        low: confidence from which it counts.
        high: confidence up to which it counts.
        n: faces in it.
        confidence: their mean confidence, ``None`` where there are none.
        accuracy: share of them that is right, likewise.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> list[Bin]:
    """Return accuracy by confidence (Guo et al. 2017, arXiv 1706.04599, figure 1).

    Args:
        probabilities: ``(N, 7)``, rows sum to 1.
        labels: ``(N,)``, 0 to 6.
        bins: of equal width between 0 and 1.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    result = []
    for b in range(bins):
        rows = which == b
        some = bool(rows.any())
        result.append(
            Bin(
                low=b / bins,
                high=(b + 1) / bins,
                n=int(rows.sum()),
                confidence=float(confidence[rows].mean()) if some else None,
                accuracy=float(correct[rows].mean()) if some else None,
            )
        )
    return result


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """Return the expected calibration error: how far confidence lies from accuracy, on average."""
    rows = reliability(probabilities, labels, bins)
    apart = (
        abs(b.accuracy - b.confidence) * b.n
        for b in rows
        if b.accuracy is not None and b.confidence is not None
    )
    return float(sum(apart) / len(labels))


@dataclass(frozen=True)
class Temperature:
    """A temperature, and why it is not the one that was asked for, where it is not.

    Attributes:
        value: The divisor of the logits; 1 changes nothing.
        refused: A sentence that says why none is applied; "" where one is.
    """

    value: float
    refused: str = ""


def fit_temperature(
    logits: np.ndarray,
    labels: np.ndarray,
    *,
    offsets: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> Temperature:
    """Fit the temperature that makes probabilities honest (Guo et al. 2017, arXiv 1706.04599).

    On fewer than :data:`FEWEST` faces it would follow their chance, and at a bound of the
    search it says that something else is wrong; neither is applied.

    Args:
        logits: ``(N, 7)`` on faces that were not trained on; ``(V, N, 7)`` where the mean
            of the probabilities over ``V`` views of each face is what is served.
        labels: ``(N,)``, 0 to 6.
        offsets: ``(7,)``, added to the logits after their division, as a class prior does.
        weights: ``(N,)``, of each face in the log loss; all alike without.

    Returns:
        The divisor of the logits that gives the least log loss, between 0.2 and 5, or 1.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import softmax

    views = logits if logits.ndim == 3 else logits[None]
    added = 0.0 if offsets is None else offsets
    if len(labels) < FEWEST:
        return Temperature(
            1.0,
            f"No temperature is applied: it takes {FEWEST} validation faces to fit one, and there "
            f"are {len(labels)}.",
        )

    def loss(temperature: float) -> float:
        served = softmax(views / temperature + added, axis=2).mean(axis=0)
        return _log_loss(served, labels, weights)

    found = float(minimize_scalar(loss, bounds=_BOUNDS, method="bounded").x)
    low, high = _BOUNDS
    if not 1.01 * low < found < 0.99 * high:
        return Temperature(
            1.0,
            f"No temperature is applied: the best one on the validation faces, {found:.2f}, lies "
            f"at the bound of the search from {low:g} to {high:g}.",
        )
    return Temperature(found)


def with_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return ``(N, 7)`` ``float32``: the softmax of the logarithms divided by ``temperature``."""
    powers = probabilities.astype(np.float64) ** (1 / temperature)
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def _log_loss(probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray | None) -> float:
    likelihood = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.average(np.log(np.maximum(likelihood, _TINY)), weights=weights))
