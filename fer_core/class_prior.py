"""The class prior: how frequent each emotion is assumed to be among the faces that are read.

A network learns how frequent the emotions are in its training data along with what they look
like. Where other frequencies are assumed, its probabilities become
``P(emotion | face) × (target frequency ÷ training frequency) ^ strength``, renormalised
(Saerens et al. 2002; Menon et al. 2021, arXiv 2007.07314). docs/class-prior.md says what is
recommended and why.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from fer_core.emotions import EMOTIONS
from fer_core.errors import ModelError
from fer_core.settings import settings

Name = Literal["as-trained", "recommended", "uniform", "custom"]
#: Below this a probability counts as this, so that no row sums to 0.
_TINY: Final = 1e-12


@dataclass(frozen=True)
class ClassPrior:
    """The class prior that somebody asks for; its text is what :func:`parse` reads.

    Attributes:
        name: ``custom`` stands for seven numbers.
        target: Frequencies of the emotions in the order of ``EMOTIONS``, of which only the
            proportions matter; ``None`` unless ``custom``.
        strength: 0 to 1; 1 unless ``uniform`` or ``custom``.
    """

    name: Name
    target: tuple[float, ...] | None = None
    strength: float = 1.0

    def __str__(self) -> str:
        text = ",".join(f"{share:.6g}" for share in self.target) if self.target else self.name
        return text if self.strength == 1 else f"{text}^{self.strength:.6g}"


AS_TRAINED: Final = ClassPrior("as-trained")


@dataclass(frozen=True)
class Trained:
    """What is known of a model's training data.

    Attributes:
        frequencies: Of the emotions, summing to 1; ``None`` where they are unknown.
        strength: Of the prior ``recommended``; ``None`` where none was fitted.
        temperatures: Of each prior by name; that of ``as-trained`` is part of the network.
    """

    frequencies: tuple[float, ...] | None = None
    strength: float | None = None
    temperatures: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Correction:
    """What turns a network's probabilities into those under a class prior.

    Attributes:
        class_prior: Its text, as exports record it.
        factors: Seven; ``None`` changes nothing.
        power: The temperature of ``as-trained`` divided by that of this prior.
    """

    class_prior: str = str(AS_TRAINED)
    factors: tuple[float, ...] | None = None
    power: float = 1.0

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Return ``(N, 7)`` ``float32`` probabilities under the prior; rows sum to 1."""
        if self.factors is None:
            return probabilities
        powers = np.maximum(probabilities.astype(np.float64), _TINY) ** self.power
        weighed = powers * np.array(self.factors)
        return (weighed / weighed.sum(axis=1, keepdims=True)).astype(np.float32)


def parse(
    prior: "ClassPrior | str | Sequence[float] | None", strength: float | None = None
) -> ClassPrior:
    """Read a class prior.

    Args:
        prior: ``as-trained``, ``recommended``, ``uniform``, or seven numbers in the order of
            ``EMOTIONS``, also as text with commas; ``uniform^0.5`` has its strength with it.
            ``None`` is that of ``FER_CLASS_PRIOR``.
        strength: 0 to 1, for ``uniform`` and numbers only.

    Raises:
        ModelError: It is none of these, or ``strength`` does not go with it.
    """
    if prior is None:
        try:
            found = parse(settings().class_prior)
        except ModelError as error:
            raise ModelError(f"FER_CLASS_PRIOR cannot be used: {error}") from error
    elif isinstance(prior, ClassPrior):
        found = prior
    elif isinstance(prior, str):
        text, _, power = prior.strip().partition("^")
        found = _of_text(text.strip(), prior)
        if "^" in prior:
            found = _with_strength(found, _number(power, prior))
    else:
        found = _of_numbers([float(share) for share in prior], str(list(prior)))
    return found if strength is None else _with_strength(found, strength)


def _of_text(text: str, whole: str) -> ClassPrior:
    for name in ("as-trained", "recommended", "uniform"):
        if text == name:
            return ClassPrior(name)
    if "," not in text:
        raise ModelError(
            f"Unknown class prior '{whole}': use as-trained, recommended, uniform, or seven "
            f"numbers with commas in the order {', '.join(EMOTIONS)}."
        )
    return _of_numbers([_number(share, whole) for share in text.split(",")], whole)


def _of_numbers(target: list[float], whole: str) -> ClassPrior:
    valid = all(math.isfinite(share) and share >= 0 for share in target)
    if len(target) != len(EMOTIONS) or not valid or not sum(target) > 0:
        raise ModelError(
            f"The class prior {whole} is not usable: it takes seven numbers from 0, not all of "
            f"them 0, in the order {', '.join(EMOTIONS)}."
        )
    return ClassPrior("custom", tuple(target))


def _number(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ModelError(
            f"The class prior '{whole}' has '{text}' where a number belongs."
        ) from error


def _with_strength(prior: ClassPrior, strength: float) -> ClassPrior:
    if prior.name not in ("uniform", "custom"):
        raise ModelError(
            f"The class prior {prior.name} has a strength of its own: leave the strength out, or "
            "use uniform or seven numbers."
        )
    if not 0 <= strength <= 1:
        raise ModelError(f"The strength of a class prior is from 0 to 1, and {strength:g} is not.")
    return ClassPrior(prior.name, prior.target, float(strength))


def correction(prior: ClassPrior, trained: Trained, model: str) -> Correction:
    """Return what applies a class prior to a model's probabilities.

    ``recommended`` is ``as-trained`` for a model that has no recommendation.

    Args:
        prior: What is asked for.
        trained: What is known of the model.
        model: Its name, for the error.

    Raises:
        ModelError: The frequencies of the training data are not known, or an emotion does not
            occur there.
    """
    if prior.name == "as-trained":
        return Correction()
    strength = trained.strength if prior.name == "recommended" else prior.strength
    if strength is None:
        return Correction()
    if trained.frequencies is None:
        raise ModelError(
            f"The card of {model} does not say how frequent the emotions are in its training data: "
            "use the class prior as-trained."
        )
    if min(trained.frequencies) <= 0:
        missing = EMOTIONS[trained.frequencies.index(min(trained.frequencies))]
        raise ModelError(
            f"{model} was trained without faces of {missing}, so no other frequency can be "
            "assumed: use the class prior as-trained."
        )
    of = dict(trained.temperatures)
    own = of.get("as-trained", 1.0)
    # Numbers and strengths use the temperature of as-trained.
    fitted = prior.name == "recommended" or (prior.name == "uniform" and strength == 1)
    temperature = of.get(prior.name, own) if fitted else own
    return Correction(
        str(prior), factors(trained.frequencies, prior.target, strength), own / temperature
    )


def factors(
    frequencies: Sequence[float], target: Sequence[float] | None, strength: float
) -> tuple[float, ...]:
    """Return ``(target ÷ training frequency) ^ strength`` of each emotion.

    Args:
        frequencies: Of the training data, none of them 0.
        target: Of which only the proportions matter; ``None`` for equal ones.
        strength: 0 to 1.
    """
    wanted = np.ones(len(EMOTIONS)) if target is None else np.array(target) / max(target)
    found = (wanted / np.array(frequencies)) ** strength
    return tuple(float(factor) for factor in found / found.max())
