"""Soft voting: several models that answer as one."""

import math
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np

from fer_core.errors import ModelError

#: How votes are weighed: all the same, by the log loss on PublicTest, or by one number per
#: member, of which only the proportions matter.
Weights = Literal["equal", "fitted"] | Sequence[float]
#: A member with less weight than this is left out of a fitted ensemble.
LEAST: Final = 0.01
#: Below this a probability counts as this, so that its logarithm is a number.
_TINY: Final = 1e-12


def soft_vote(members: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return ``(N, 7)`` ``float64``: the mean of the probabilities ``(M, N, 7)`` of members by
    their ``weights`` ``(M,)``, which sum to 1.
    """
    return np.einsum("m,mnk->nk", weights, members.astype(np.float64))


def fit_weights(members: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the weights of a soft vote that give the least log loss.

    Args:
        members: ``(M, N, 7)`` probabilities of each member.
        labels: ``(N,)``, 0 to 6.

    Returns:
        ``(M,)``, none below 0, sum 1.
    """
    from scipy.optimize import minimize
    from scipy.special import softmax

    right = members[:, np.arange(len(labels)), labels].astype(np.float64)

    def loss(free: np.ndarray) -> float:
        return float(-np.log(np.maximum(softmax(free) @ right, _TINY)).mean())

    return softmax(minimize(loss, np.zeros(len(members)), method="L-BFGS-B").x)


def check_weights(weights: Weights, members: int) -> None:
    """Check that members can vote with these weights.

    Raises:
        ModelError: There is not one number per member, one is negative or no number, or fewer
            than two are above 0.
    """
    if isinstance(weights, str):
        if weights not in ("equal", "fitted"):
            raise ModelError(f"Unknown weights '{weights}': use equal, fitted, or numbers.")
        return
    if len(weights) != members:
        raise ModelError(f"There are {members} members and {len(weights)} weights: give one each.")
    for weight in weights:
        if not (math.isfinite(weight) and weight >= 0):
            raise ModelError(f"A member's weight must be a number from 0, and {weight:g} is not.")
    if sum(weight > 0 for weight in weights) < 2:
        raise ModelError("An ensemble needs two members or more whose weight is above 0.")


def combine(
    said: np.ndarray, labels: np.ndarray, weights: Weights = "equal"
) -> tuple[np.ndarray, np.ndarray]:
    """Return what an ensemble would weigh its members by, and what it would say.

    Args:
        said: ``(M, N, 7)``: the probabilities of each member.
        labels: ``(N,)``, 0 to 6; fitted weights are fitted to them.
        weights: see :data:`Weights`.

    Returns:
        ``(M,)`` weights that sum to 1, fitted ones 0 for who has less than :data:`LEAST` of the
        vote; and the mean probabilities ``(N, 7)``, before their temperature.

    Raises:
        ModelError: See :func:`check_weights`, or fitted weights leave fewer than two members.
    """
    check_weights(weights, len(said))
    if not isinstance(weights, str):
        given = np.array(weights, np.float64)
        share = given / given.sum()
        return share, soft_vote(said, share)
    share = np.full(len(said), 1 / len(said))
    if weights == "fitted":
        share = fit_weights(said, labels)
        share = np.where(share >= LEAST, share, 0)
        if (share > 0).sum() < 2:
            raise ModelError(
                "Fitted to these faces, one member alone would vote and the others would not "
                "count: use equal weights or weights of your own, or that model by itself."
            )
        share = share / share.sum()
    return share, soft_vote(said, share)
