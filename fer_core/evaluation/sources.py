"""How good a model is on each of several sources, side by side."""

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from fer_core.datasets.base import Dataset
from fer_core.evaluation.metrics import measure

_REPEATS: Final = 2000


@dataclass(frozen=True)
class SourceFigures:
    """Figures of one model on one source; those of different sources are never ranked together.

    Attributes:
        dataset: Name by which figures know the source.
        checksum: Of its decoded faces and labels.
        split: Which part of it.
        class_prior: The prior that was applied.
        accuracy: Share of faces that are right.
        low: Lower end of the 95 % interval of the accuracy.
        high: Its upper end.
        over: What the interval is over: ``persons`` where they are known, else ``faces``.
        macro_recall: Mean recall of the emotions that occur.
        n: Number of faces.
        persons: Number of people; ``None`` where they are unknown.
        classes: How many emotions occur.
    """

    dataset: str
    checksum: str
    split: str
    class_prior: str
    accuracy: float
    low: float
    high: float
    over: str
    macro_recall: float
    n: int
    persons: int | None
    classes: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def measure_source(
    said: np.ndarray, dataset: Dataset, split: str, class_prior: str, seed: int = 0
) -> SourceFigures:
    """Return the figures of predictions for a split of a source.

    Args:
        said: ``(N, 7)`` probabilities of the faces of the split.
        dataset: The whole source.
        split: One of its splits, or ``all``.
        class_prior: The prior that was applied.
        seed: Of the bootstrap.
    """
    name, checksum = dataset.identity()
    part = dataset.split(split)
    figures = measure(said, part.labels)
    known = part.persons is not None and bool((part.persons != "").all())
    low, high = interval(said.argmax(axis=1) == part.labels, part.persons if known else None, seed)
    return SourceFigures(
        dataset=name,
        checksum=checksum,
        split=split,
        class_prior=class_prior,
        accuracy=figures.accuracy,
        low=low,
        high=high,
        over="persons" if known else "faces",
        macro_recall=figures.macro_recall,
        n=figures.n,
        persons=part.people(),
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
