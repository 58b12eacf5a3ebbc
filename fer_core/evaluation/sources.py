"""How good a model is on each of several sources, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from fer_core.datasets.base import Dataset
from fer_core.evaluation.metrics import measure
from fer_core.models.card import Figures, PersonInterval

_REPEATS: Final = 2000


@dataclass(frozen=True)
class SourceFigures:
    """Figures of one model on one source; those of different sources are never ranked together.

    Attributes:
        dataset: Name by which figures know the source.
        checksum: Of its decoded faces and labels; ``None`` where nobody computed it.
        split: Which part of it.
        class_prior: The prior that was applied.
        accuracy: Share of faces that are right.
        low: Lower end of the 95 % interval of the accuracy.
        high: Its upper end.
        over: What the interval is over: ``persons`` where they are known, else ``faces``.
        macro_recall: Mean recall of the emotions that occur.
        n: Number of faces.
        persons: Number of people; ``None`` where they are unknown.
        classes: How many emotions occur; ``None`` where the card does not say.
        copies: How many faces were left out because copies of them are learned from.
    """

    dataset: str
    checksum: str | None
    split: str
    class_prior: str
    accuracy: float
    low: float
    high: float
    over: str
    macro_recall: float | None
    n: int
    persons: int | None
    classes: int | None
    copies: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> "SourceFigures":
        """Return what :meth:`to_dict` wrote.

        Raises:
            TypeError, ValueError: It is damaged.
        """
        found = cls(**row)
        if not all(isinstance(value, int | float) for value in (found.accuracy, found.n)):
            raise TypeError("figures are numbers")
        return found


def measure_source(
    said: np.ndarray,
    dataset: Dataset,
    split: str,
    class_prior: str,
    seed: int = 0,
    source: tuple[str, str] | None = None,
) -> SourceFigures:
    """Return the figures of predictions for a split of a source.

    Args:
        said: ``(N, 7)`` probabilities of the faces of the split.
        dataset: The whole source.
        split: One of its splits, or ``all``.
        class_prior: The prior that was applied.
        seed: Of the bootstrap.
        source: See :func:`card_figures`.
    """
    return of_card(card_figures(said, dataset, split, class_prior, seed=seed, source=source), seed)


def card_figures(
    said: np.ndarray,
    dataset: Dataset,
    split: str,
    class_prior: str = "as-trained",
    *,
    seed: int = 0,
    source: tuple[str, str] | None = None,
    **more: Any,
) -> Figures:
    """Return the figures of predictions for a split of a source as a card stores them.

    Args:
        said: ``(N, 7)`` probabilities of the faces of the split.
        dataset: The whole source.
        split: One of its splits, or ``all``.
        class_prior: The prior that was applied.
        seed: Of the bootstrap.
        source: Name and checksum of the source, where ``dataset`` is a part of it.
        more: Further fields.
    """
    name, checksum = source or dataset.measured_as(split)
    part = dataset.split(split)
    persons = None
    if part.persons is not None and bool((part.persons != "").all()):
        low, high = interval(said.argmax(axis=1) == part.labels, part.persons, seed)
        count = part.people()
        persons = PersonInterval(low=low, high=high, persons=count) if count else None
    return Figures(
        dataset=name,
        checksum=checksum,
        split=split,
        class_prior=class_prior,
        interval=persons,
        **measure(said, part.labels).to_dict(),
        **more,
    )


def of_card(figures: Figures, seed: int = 0) -> SourceFigures:
    """Return the figures of a card with their interval.

    Args:
        figures: Of one split of one dataset.
        seed: Of the bootstrap over faces, where people are not known.
    """
    persons = figures.interval
    if persons:
        low, high = persons.low, persons.high
    else:
        low, high = interval(np.arange(figures.n) < round(figures.accuracy * figures.n), seed=seed)
    return SourceFigures(
        dataset=figures.dataset,
        checksum=figures.checksum,
        split=figures.split,
        class_prior=figures.class_prior,
        accuracy=figures.accuracy,
        low=low,
        high=high,
        over="persons" if persons else "faces",
        macro_recall=figures.macro_recall,
        n=figures.n,
        persons=persons.persons if persons else None,
        classes=figures.classes,
    )


def interval(
    correct: np.ndarray, persons: np.ndarray | None = None, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of an accuracy by bootstrap (percentiles of 2,000 samples).

    Pictures of one person resemble each other, so people are drawn where they are known.

    Args:
        correct: ``(N,)`` ``bool``.
        persons: ``(N,)``, who is in each picture; without, each counts for itself.
        seed: Equal seeds give equal intervals.
    """
    rng = np.random.default_rng(seed)
    if persons is None:
        accuracies = rng.binomial(len(correct), correct.mean(), _REPEATS) / len(correct)
    else:
        _, who = np.unique(persons, return_inverse=True)
        sizes = np.bincount(who)
        right = np.bincount(who, weights=correct)
        drawn = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), _REPEATS)
        accuracies = (drawn @ right) / (drawn @ sizes)
    low, high = np.percentile(accuracies, [2.5, 97.5])
    return float(low), float(high)


def side_by_side(found: Sequence[SourceFigures]) -> str:
    """Return the figures of several sources as a table for people, a column each."""
    rows = {
        "": [one.dataset[:24] for one in found],
        "split": [one.split for one in found],
        "class prior": [one.class_prior for one in found],
        "accuracy": [f"{one.accuracy:.2%}" for one in found],
        "95 % interval": [f"{one.low:.1%}–{one.high:.1%}" for one in found],
        "  drawn over": [one.over for one in found],
        "macro recall": [_or_dash(one.macro_recall, ".2%") for one in found],
        "emotions": [_or_dash(one.classes) for one in found],
        "faces": [f"{one.n:,}" for one in found],
        "people": [_or_dash(one.persons) for one in found],
    }
    if any(one.copies for one in found):
        rows["copies left out"] = [str(one.copies) for one in found]
    return "\n".join(
        f"{name:<15}" + "".join(f"{cell:>26}" for cell in row) for name, row in rows.items()
    )


def _or_dash(value: float | None, form: str = "") -> str:
    return "–" if value is None else format(value, form)
