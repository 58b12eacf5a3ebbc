"""Soft voting: several models that answer as one."""

from typing import Final, Literal

import numpy as np

#: How votes are weighed: all the same, or by the log loss on PublicTest.
Weights = Literal["equal", "fitted"]
#: A member with less weight than this is left out of a fitted ensemble.
LEAST: Final = 0.01
#: Below this a probability counts as this, so that its logarithm is a number.
_TINY: Final = 1e-12


def soft_vote(members: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """``(N, 7)`` ``float64``: the mean of the probabilities ``(M, N, 7)`` of members by their
    ``weights`` ``(M,)``, which sum to 1.
    """
    return np.einsum("m,mnk->nk", weights, members.astype(np.float64))


def fit_weights(members: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The weights of a soft vote that give the least log loss.

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


def combine(
    said: np.ndarray, labels: np.ndarray, weights: Weights = "equal"
) -> tuple[np.ndarray, np.ndarray]:
    """What an ensemble would weigh its members by, and what it would say.

    Args:
        said: ``(M, N, 7)``: the probabilities of each member.
        labels: ``(N,)``, 0 to 6; fitted weights are fitted to them.
        weights: see :data:`Weights`.

    Returns:
        ``(M,)`` weights that sum to 1, 0 for who has less than :data:`LEAST` of the vote;
        and the mean probabilities ``(N, 7)``, before their temperature.
    """
    share = np.full(len(said), 1 / len(said))
    if weights == "fitted":
        share = fit_weights(said, labels)
        share = np.where(share >= LEAST, share, 0)
        share = share / share.sum()
    return share, soft_vote(said, share)
