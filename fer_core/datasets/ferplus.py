"""FER+: what ten annotators saw in each face of FER2013 (Barsoum et al. 2016,
arXiv 1608.01041), from Microsoft's ``fer2013new.csv``.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import pandas as pd

from fer_core.datasets.base import Dataset
from fer_core.datasets.bounds import UNREADABLE, existing, open_table
from fer_core.emotions import EMOTIONS
from fer_core.errors import DatasetError

#: The file's column for each of the seven.
COLUMNS: Final = {
    "Angry": "anger",
    "Disgust": "disgust",
    "Fear": "fear",
    "Happy": "happiness",
    "Sad": "sadness",
    "Surprise": "surprise",
    "Neutral": "neutral",
}
#: Fewest clear votes whose agreement with the labels says more than the splits do.
_FEWEST: Final = 50
#: The file has about a megabyte.
_MOST_BYTES: Final = 100_000_000
OTHERS: Final = ("contempt", "unknown", "NF")


def read_counts(path: Path) -> np.ndarray:
    """``(N, 10)`` ``float32`` votes: the seven of ``EMOTIONS``, contempt, unknown, NF.

    Raises:
        DatasetError: not that file.
    """
    return _read(path)[0]


def _read(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the votes, and the split of each row where the file says it."""
    columns = [*(COLUMNS[emotion] for emotion in EMOTIONS), *OTHERS]
    types = dict.fromkeys(columns, np.float32) | {"Usage": str}
    try:
        with open_table(existing(path), lambda names: names[0], _MOST_BYTES) as (file, _):
            table = pd.read_csv(cast(Any, file), usecols=lambda name: name in types, dtype=types)
        if missing := [name for name in columns if name not in table]:
            raise ValueError(f"the column {missing[0]} is missing")
        usage = table.pop("Usage").to_numpy(str) if "Usage" in table else None
        if table.isna().any(axis=None):
            raise ValueError("a number of votes is missing")
        if not (np.isfinite(table) & (table >= 0)).all(axis=None):
            raise ValueError("a number of votes is negative or infinite")
    except (ValueError, IndexError, *UNREADABLE) as error:
        raise DatasetError(f"{path} is not the FER+ file fer2013new.csv: {error}.") from error
    return table[columns].to_numpy(), usage


def add(dataset: Dataset, path: Path, *, relabel: bool = False) -> Dataset:
    """``dataset`` with the votes of FER+ beside its labels.

    Args:
        dataset: FER2013, read from its CSV; rows that were left out are no trouble.
        path: ``fer2013new.csv``.
        relabel: take the emotion with the most votes as the label, where one emotion
            alone has the most and more than contempt, unknown and NF have.

    Raises:
        DatasetError: not that file, or it does not belong to this dataset.
    """
    counts = counts_of(dataset, path)
    result = replace(dataset, votes=_shares(counts))
    if relabel:
        result = replace(result, labels=majority(counts, dataset.labels))
    return result


def drop_not_faces(dataset: Dataset, path: Path) -> Dataset:
    """Leave out what more than half of the annotators called 'not a face' (NF).

    Raises:
        DatasetError: not that file, or it does not belong to this dataset.
    """
    return dataset.take(~not_faces(counts_of(dataset, path)))


def not_faces(counts: np.ndarray) -> np.ndarray:
    """``(N,)``, whether more than half of the votes ``(N, 10)`` are NF."""
    return counts[:, -1] > counts.sum(axis=1) / 2


def decided(counts: np.ndarray) -> np.ndarray:
    """``(N,)``: one of the seven emotions alone has the most of all votes ``(N, 10)``."""
    top = counts.max(axis=1, keepdims=True)
    return ((counts == top).sum(axis=1) == 1) & (counts.argmax(axis=1) < len(EMOTIONS))


def counts_of(dataset: Dataset, path: Path) -> np.ndarray:
    """The votes ``(N, 10)`` for the rows of ``dataset``, see :func:`read_counts`.

    Raises:
        DatasetError: not that file, or it does not belong to this dataset.
    """
    counts, usage = _read(path)
    if dataset.rows is None:
        raise DatasetError(
            f"{dataset.name}: FER+ votes follow the rows of fer2013.csv, so they fit no other data."
        )
    if len(dataset) and dataset.rows.max() >= len(counts):
        raise DatasetError(
            f"{path.name} has {len(counts)} rows, the dataset more ({dataset.rows.max() + 1})."
        )
    counts = counts[dataset.rows]
    _check_fit(dataset, path, counts, None if usage is None else usage[dataset.rows])
    return counts


def _check_fit(dataset: Dataset, path: Path, counts: np.ndarray, usage: np.ndarray | None) -> None:
    """Refuse votes that were given for other faces, or for these in another order.

    Raises:
        DatasetError: The splits differ, or the votes agree with the labels hardly more often
            than votes for other faces would.
    """
    said = f"{path.name}: these votes do not belong to these faces in their order"
    compared = False
    if usage is not None and dataset.splits_given:
        compared = True
        if (wrong := usage != dataset.usage).any():
            raise DatasetError(
                f"{said}: the split is another in {int(wrong.sum())} of {len(dataset)} rows, "
                f"first in row {dataset.rows[wrong][0] if dataset.rows is not None else 0}. Give "
                "the original fer2013.csv."
            )
    clear = decided(counts)
    # Where splits were compared, the agreement of a handful of faces adds nothing but chance.
    if clear.sum() < (_FEWEST if compared else 1):
        return
    voted, labels = counts[clear].argmax(axis=1), dataset.labels[clear]
    agreed = float((voted == labels).mean())
    shares = [np.bincount(codes, minlength=len(EMOTIONS)) / len(codes) for codes in (voted, labels)]
    by_chance = float(shares[0] @ shares[1])
    # Annotators and labels agree on three quarters of FER2013.
    if agreed < by_chance + (1 - by_chance) / 3:
        raise DatasetError(
            f"{said}: they agree with the labels on {agreed:.0%} of the faces, and would on "
            f"{by_chance:.0%} by chance. Give the original fer2013.csv."
        )


def agreement_of(counts: np.ndarray) -> np.ndarray:
    """``(N,)``, the largest share of all votes ``(N, 10)`` that one of the seven emotions has."""
    return counts[:, : len(EMOTIONS)].max(axis=1) / np.maximum(counts.sum(axis=1), 1)


def with_agreement(dataset: Dataset, path: Path, least: float) -> Dataset:
    """Leave out faces on which fewer than a share of the annotators agree.

    Args:
        dataset: FER2013.
        path: ``fer2013new.csv``.
        least: The share, 0 to 1.

    Raises:
        DatasetError: not that file, or it does not belong to this dataset.
    """
    return dataset.take(agreement_of(counts_of(dataset, path)) >= least)


def majority(counts: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The emotion most annotators saw; ``labels`` where they agree on none of the seven.

    Args:
        counts: ``(N, 10)`` votes, see :func:`read_counts`.
        labels: ``(N,)``, 0 to 6.
    """
    return np.where(decided(counts), counts.argmax(axis=1), labels).astype(np.int64)


def _shares(counts: np.ndarray) -> np.ndarray:
    seven = counts[:, : len(EMOTIONS)]
    return seven / np.maximum(seven.sum(axis=1, keepdims=True), 1)
