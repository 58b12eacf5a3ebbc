"""The recommended class prior of a model, by the rule of docs/class-prior.md."""

from typing import Final

import numpy as np

from fer_core.calibration import FEWEST, fit_temperature
from fer_core.class_prior import Correction, factors
from fer_core.emotions import EMOTIONS
from fer_core.evaluation import Evaluation, measure
from fer_core.models.card import Card, Figures

STRENGTHS: Final = tuple(round(0.05 * step, 2) for step in range(21))
#: Accuracy that suffices, and what less accurate models may lose.
_ACCURACY: Final = 0.715
_LOSS: Final = 0.007
_ECE: Final = 0.025


def recommend(
    card: Card,
    frequencies: tuple[float, ...] | None,
    said: np.ndarray,
    labels: np.ndarray,
    name: str,
    checksum: str,
) -> Card:
    """Return a card with the recommended strength, the temperatures of all class priors, and
    PublicTest's figures under ``recommended``.

    Args:
        card: Its temperature of ``as-trained`` is part of what the model says.
        frequencies: Of the emotions in the training data.
        said: ``(N, 7)``, what the model says of PublicTest, as trained.
        labels: ``(N,)``, 0 to 6.
        name: Of the dataset.
        checksum: Likewise.
    """
    there = np.bincount(labels, minlength=len(EMOTIONS))
    if frequencies is None or len(labels) < FEWEST or not min(frequencies) or not there.all():
        return card
    before = measure(said, labels)
    own = card.temperatures.as_trained
    fitted: dict[str, float | None] = {"uniform": None, "recommended": None}
    best: tuple[float, Evaluation] | None = None
    for strength in STRENGTHS:
        power = _power(frequencies, strength, said, labels)
        if power is None:
            continue
        corrected = Correction("recommended", factors(frequencies, None, strength), power)
        after = measure(corrected(said), labels)
        if strength == 1:
            fitted["uniform"] = own / power
        if _allowed(before, after):
            best = strength, after
            fitted["recommended"] = own / power
    card = card.model_copy(
        update={
            "temperatures": card.temperatures.model_copy(update=fitted),
            "prior_strength": best[0] if best else None,
        }
    )
    if best is None:
        return card
    figures = Figures(
        dataset=name,
        checksum=checksum,
        split="PublicTest",
        class_prior="recommended",
        **best[1].to_dict(),
    )
    return card.with_figures(figures)


def _allowed(before: Evaluation, after: Evaluation) -> bool:
    return (
        after.accuracy >= min(_ACCURACY, before.accuracy - _LOSS)
        and after.macro_recall >= before.macro_recall
        and after.ece <= max(_ECE, before.ece)
    )


def _power(
    frequencies: tuple[float, ...], strength: float, said: np.ndarray, labels: np.ndarray
) -> float | None:
    """Return what the logarithms are multiplied by under a strength; ``None`` if none fits."""
    offsets = np.log(factors(frequencies, None, strength))
    fitted = fit_temperature(
        np.log(np.maximum(said, 1e-12)), labels, offsets=offsets, weights=np.exp(offsets)[labels]
    )
    return None if fitted.refused else 1 / fitted.value
