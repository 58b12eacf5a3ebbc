"""What every dataset becomes: faces, labels, and which split each belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from fer_core.datasets.identity import digest
from fer_core.emotions import EMOTIONS
from fer_core.errors import DatasetError
from fer_core.preprocess import FACE_SIZE

#: FER2013's own names: to train on, to choose by, to report with.
SPLITS: Final = ("Training", "PublicTest", "PrivateTest")
#: The split to choose by.
_CHOICE: Final = SPLITS[1]
#: Published number of faces per emotion in each of them.
_FER2013: Final = {
    "Training": [3995, 436, 4097, 7215, 4830, 3171, 4965],
    "PublicTest": [467, 56, 496, 895, 653, 415, 607],
    "PrivateTest": [491, 55, 528, 879, 594, 416, 626],
}


@dataclass(frozen=True)
class Dataset:
    """Labelled faces.

    Attributes:
        name: what to call it.
        faces: ``(N, 48, 48)`` ``uint8``, grey.
        labels: ``(N,)`` ``int64``, 0 to 6, see :data:`fer_core.emotions.EMOTIONS`.
        usage: ``(N,)`` strings, each one of :data:`SPLITS`.
        votes: ``(N, 7)`` ``float32`` shares of annotators per emotion, rows that sum to
            1, or all zero where nobody voted for one of the seven; ``None`` without.
        weights: ``(N,)`` ``float32``, how much each row counts in training; ``None``
            where all count 1.
        rows: ``(N,)``, the number of each row in FER2013's CSV, from 0, by which other
            files name it; ``None`` for other data.
        persons: person of each face as text, "" where unknown; None where the format does not
            say.
        format: title of the format that it was read as, empty for what was made here.
        left_out: How many faces of classes besides the seven the source has, by class.
        splits_given: Whether the source has splits; without, they were made at random.
        first: Of a mixture, name and checksum of its first source, whose its test splits are.
        further: Of a mixture, faces of its other sources that nothing is learned from.
    """

    name: str
    faces: np.ndarray
    labels: np.ndarray
    usage: np.ndarray
    votes: np.ndarray | None = None
    weights: np.ndarray | None = None
    rows: np.ndarray | None = None
    persons: np.ndarray | None = None
    format: str = ""
    left_out: Mapping[str, int] | None = None
    splits_given: bool = True
    first: tuple[str, str] | None = None
    further: tuple["Further", ...] = ()

    def __post_init__(self) -> None:
        n = len(self.faces)
        if self.faces.shape != (n, FACE_SIZE, FACE_SIZE) or self.faces.dtype != np.uint8:
            raise DatasetError(f"{self.name}: faces must be {FACE_SIZE}×{FACE_SIZE} grey bytes.")
        optional = (self.votes, self.weights, self.rows, self.persons)
        given = (array for array in optional if array is not None)
        if any(len(array) != n for array in (self.labels, self.usage, *given)):
            raise DatasetError(f"{self.name}: faces, labels and splits differ in number.")
        if n and not (self.labels.min() >= 0 and self.labels.max() < len(EMOTIONS)):
            raise DatasetError(f"{self.name}: labels must be 0 to {len(EMOTIONS) - 1}.")

    def __len__(self) -> int:
        return len(self.faces)

    def split(self, name: str) -> "Dataset":
        """Return the rows of one split, or of ``all``.

        Raises:
            DatasetError: no such split, or it is empty.
        """
        if name == "all":
            return self
        if name not in SPLITS:
            raise DatasetError(f"Unknown split '{name}': use one of {', '.join(SPLITS)} or all.")
        rows = self.usage == name
        if not rows.any():
            raise DatasetError(f"{self.name} has no rows of the split {name}.")
        return self.take(rows)

    def take(self, rows: np.ndarray) -> "Dataset":
        """Return the given rows (indices or a mask), in that order."""
        return replace(
            self,
            faces=self.faces[rows],
            labels=self.labels[rows],
            usage=self.usage[rows],
            votes=None if self.votes is None else self.votes[rows],
            weights=None if self.weights is None else self.weights[rows],
            rows=None if self.rows is None else self.rows[rows],
            persons=None if self.persons is None else self.persons[rows],
        )

    def identity(self) -> tuple[str, str]:
        """Return the name by which figures know this dataset, and the checksum of its content.

        A set with the published counts per class and split is FER2013, whatever its file is
        called. The checksum is that of the decoded faces and labels, not of the file.
        """
        counts = {split: list(row.values()) for split, row in self.counts().items()}
        name = self.name if self.name != "FER2013" else "FER2013, other faces"
        return "FER2013" if counts == _FER2013 else name, digest(self.faces, self.labels)

    def measured_as(self, split: str) -> tuple[str, str]:
        """Return name and checksum for the figures of a split.

        A mixture tests with the faces of its first source, so these figures are that source's.
        """
        if self.first and split in SPLITS[1:]:
            return self.first
        return self.identity()

    def people(self) -> int | None:
        """Return how many people are named; ``None`` where the source names none."""
        if self.persons is None:
            return None
        return len(set(self.persons.tolist()) - {""})

    def counts(self) -> dict[str, dict[str, int]]:
        """Count rows per split and emotion."""
        return {
            split: {
                emotion: int(((self.usage == split) & (self.labels == code)).sum())
                for code, emotion in enumerate(EMOTIONS)
            }
            for split in SPLITS
            if (self.usage == split).any()
        }

    def targets(self, votes_share: float = 0.0) -> np.ndarray:
        """Return training targets ``(N, 7)`` ``float32``: one-hot labels, mixed with votes.

        Args:
            votes_share: weight of the annotators' votes, 0 to 1 (Barsoum et al. 2016,
                arXiv 1608.01041, train on them alone). Rows without votes keep their
                label.

        Raises:
            DatasetError: a share above 0 but no votes.
        """
        onehot = np.eye(len(EMOTIONS), dtype=np.float32)[self.labels]
        if not votes_share:
            return onehot
        if self.votes is None:
            raise DatasetError(
                f"{self.name} has no votes: name the FER+ file (fer2013new.csv) as its votes."
            )
        voted = self.votes.sum(axis=1, keepdims=True) > 0
        return np.where(voted, (1 - votes_share) * onehot + votes_share * self.votes, onehot)


@dataclass(frozen=True)
class Further:
    """What measures a training on a further source of a mixture.

    Attributes:
        name: Of the source, see :meth:`Dataset.identity`.
        checksum: Of all its faces and labels.
        faces: Its split PublicTest, without copies of faces that are learned from.
        copies: How many copies were left out.
    """

    name: str
    checksum: str
    faces: Dataset
    copies: int


def random_splits(
    labels: np.ndarray, seed: int, shares: tuple[float, ...] = (0.8, 0.1, 0.1)
) -> np.ndarray:
    """Return which split each row goes to, class by class, where a dataset does not say.

    Args:
        labels: ``(N,)``, 0 to 6.
        seed: equal seeds give equal splits.
        shares: of Training, PublicTest and PrivateTest; they sum to 1.

    Returns:
        ``(N,)`` ``uint8``, positions in :data:`SPLITS`.
    """
    rng = np.random.default_rng(seed)
    usage = np.zeros(len(labels), np.uint8)
    for label in range(len(EMOTIONS)):
        rows = rng.permutation(np.flatnonzero(labels == label))
        bounds = np.round(np.cumsum(shares) * len(rows)).astype(int)
        for split, part in enumerate(np.split(rows, bounds[:-1])):
            usage[part] = split
    return usage


def mix(parts: list[tuple[Dataset, float]], name: str = "mixed") -> Dataset:
    """Join several datasets as one, each with the weight that its rows have in training.

    The first one chooses and tests: of the others the training faces are taken alone, without
    exact and near copies of faces that are in a test split of any of them. What the others have
    to choose by measures how good the training is on them, see :attr:`Dataset.further`.

    Args:
        parts: datasets and weights; only the proportions of the weights matter.
        name: what to call the result.

    Raises:
        DatasetError: no dataset, or a weight that is not above 0.
    """
    if not parts or any(not weight > 0 for _, weight in parts):
        raise DatasetError("Mixing needs at least one dataset, and weights above 0.")
    whole = [dataset for dataset, _ in parts]
    held = [dataset.take(dataset.usage != "Training") for dataset in whole]
    parts = [parts[0], *((_to_learn_from(d, held), w) for d, w in parts[1:])]
    learned = [dataset.take(dataset.usage == "Training") for dataset, _ in parts]
    sets = [dataset for dataset, _ in parts]
    weights = np.concatenate([np.full(len(d), w, np.float32) for d, w in parts])
    votes = None
    if any(d.votes is not None for d in sets):
        votes = np.concatenate(
            [
                np.zeros((len(d), len(EMOTIONS)), np.float32) if d.votes is None else d.votes
                for d in sets
            ]
        )
    persons = None
    if any(d.persons is not None for d in sets):
        unknown = [np.full(len(d), "") if d.persons is None else d.persons for d in sets]
        persons = np.concatenate(unknown)
    return Dataset(
        name,
        np.concatenate([d.faces for d in sets]),
        np.concatenate([d.labels for d in sets]),
        np.concatenate([d.usage for d in sets]),
        votes,
        weights / weights.mean(),
        persons=persons,
        first=whole[0].identity(),
        further=tuple(
            _to_measure(source, learned) for source in whole[1:] if (source.usage == _CHOICE).any()
        ),
    )


def _to_learn_from(dataset: Dataset, held: list[Dataset]) -> Dataset:
    """Return the training faces of a further source of which no test split has a copy."""
    training = dataset.take(dataset.usage == "Training")
    return training.take(~_copies(training, held))


def _to_measure(dataset: Dataset, learned: list[Dataset]) -> Further:
    """Return the faces of a further source that measure, but copies of what is learned."""
    faces = dataset.split(_CHOICE)
    copies = _copies(faces, learned)
    return Further(*dataset.identity(), faces.take(~copies), int(copies.sum()))


def _copies(dataset: Dataset, others: list[Dataset]) -> np.ndarray:
    """Return ``(N,)``: which faces others have too, as exact or near copies."""
    from fer_core.datasets.duplicates import between  # SciPy takes long to load

    found = np.zeros(len(dataset), bool)
    for other in others:
        found[between(dataset.faces, other.faces)[:, 0]] = True
    return found
