"""What every dataset becomes: faces, labels, and which split each belongs to."""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from fer_core.emotions import EMOTIONS
from fer_core.errors import DatasetError
from fer_core.preprocess import FACE_SIZE

#: FER2013's own names: to train on, to choose by, to report with.
SPLITS: Final = ("Training", "PublicTest", "PrivateTest")


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
    """

    name: str
    faces: np.ndarray
    labels: np.ndarray
    usage: np.ndarray
    votes: np.ndarray | None = field(default=None)

    def __post_init__(self) -> None:
        n = len(self.faces)
        if self.faces.shape != (n, FACE_SIZE, FACE_SIZE) or self.faces.dtype != np.uint8:
            raise DatasetError(f"{self.name}: faces must be {FACE_SIZE}×{FACE_SIZE} grey bytes.")
        if len(self.labels) != n or len(self.usage) != n:
            raise DatasetError(f"{self.name}: faces, labels and splits differ in number.")
        if n and not (0 <= self.labels.min() and self.labels.max() < len(EMOTIONS)):
            raise DatasetError(f"{self.name}: labels must be 0 to {len(EMOTIONS) - 1}.")

    def __len__(self) -> int:
        return len(self.faces)

    def split(self, name: str) -> "Dataset":
        """The rows of one split, or of ``all``.

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
        """The given rows (indices or a mask), in that order."""
        return replace(
            self,
            faces=self.faces[rows],
            labels=self.labels[rows],
            usage=self.usage[rows],
            votes=None if self.votes is None else self.votes[rows],
        )

    def counts(self) -> dict[str, dict[str, int]]:
        """Rows per split and emotion."""
        return {
            split: {
                emotion: int(((self.usage == split) & (self.labels == code)).sum())
                for code, emotion in enumerate(EMOTIONS)
            }
            for split in SPLITS
            if (self.usage == split).any()
        }

    def targets(self, votes_share: float = 0.0) -> np.ndarray:
        """Training targets ``(N, 7)`` ``float32``: one-hot labels, mixed with votes.

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
                f"{self.name} has no votes: give the FER+ file (fer2013new.csv) with --votes."
            )
        voted = self.votes.sum(axis=1, keepdims=True) > 0
        return np.where(voted, (1 - votes_share) * onehot + votes_share * self.votes, onehot)
