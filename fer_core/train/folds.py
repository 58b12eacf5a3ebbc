"""The folds of a cross-validation: which faces each run leaves out of its training.

Every face is left out by one of the runs and measured by it afterwards. Within a run the
left-out faces are the split PrivateTest, which chooses nothing; a part of the other faces, of
the same kind as a fold, is PublicTest, which chooses the epoch. A figure is therefore never that
of faces by which something was chosen.
"""

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from fer_core.datasets.base import SPLITS, Dataset
from fer_core.errors import TrainingError
from fer_core.train.config import Fold
from fer_core.train.origin import is_fer2013

if TYPE_CHECKING:
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

By = Literal["person", "random"]
#: The split that a fold's own faces are in, within its run.
LEFT_OUT: Final = "PrivateTest"
#: The faces that choose the epoch are one of so many parts of those that are not left out.
_CHOOSING: Final = 8


def divisible(dataset: Dataset) -> Dataset:
    """Return the faces that a cross-validation divides: all, but of FER2013 no PrivateTest.

    FER2013's own PrivateTest is for reporting on a finished model.
    """
    if is_fer2013(dataset):
        return dataset.take(dataset.usage != "PrivateTest")
    return dataset


def usual_way(dataset: Dataset) -> By:
    """Return how a dataset is divided where nobody says it: by person where they are known."""
    return "random" if dataset.persons is None else "person"


def divide(dataset: Dataset, fold: Fold, seed: int) -> Dataset:
    """Return the dataset of one fold's run.

    Args:
        dataset: As it was read.
        fold: Which fold.
        seed: Of the run; equal ones give equal folds.

    Raises:
        TrainingError: The data is not that of the cross-validation, or cannot be divided so.
    """
    dataset = divisible(dataset)
    checksum = dataset.identity()[1]
    if checksum != fold.checksum:
        raise TrainingError(
            f"The cross-validation {fold.group} divides data with the checksum {fold.checksum}, "
            f"and {dataset.name} has {checksum}: put its own data back, or start a new one."
        )
    own = fold_of_each(dataset, fold.count, fold.by, seed) == fold.number
    usage = np.full(len(dataset), "Training", object)
    usage[own] = LEFT_OUT
    others = np.flatnonzero(~own)
    usage[others[_chooses(dataset.take(others), fold.by, seed)]] = "PublicTest"
    for split in SPLITS:
        if not (usage == split).any():
            raise TrainingError(
                f"{dataset.name}: {fold} would have no faces as {split}: ask for another number of "
                "folds, or for another seed."
            )
    # The name of its own tells figures of a fold from those of the dataset's own splits.
    return replace(dataset, usage=usage.astype(str), name=f"{dataset.name}, {fold}")


def fold_of_each(dataset: Dataset, count: int, by: By, seed: int) -> np.ndarray:
    """Return the number of the fold that each face is in: ``(N,)``, from 1.

    Args:
        dataset: The faces that are divided, see :func:`divisible`.
        count: How many folds.
        by: ``person``: all faces of a person are in the same fold. Either way each fold has,
            as far as possible, its share of every emotion.
        seed: Decides chance.

    Raises:
        TrainingError: There are too few faces or persons, or persons are not known.
    """
    groups = _persons(dataset) if by == "person" else None
    most, what = _most(dataset, groups)
    if count > most:
        raise TrainingError(
            f"{dataset.name} has {most} {what}, so it cannot be divided into {count} folds: ask "
            "for fewer."
        )
    found = np.zeros(len(dataset), np.int64)
    for number, rows in enumerate(_parts(dataset, groups, count, seed), start=1):
        found[rows] = number
    return found


def _chooses(dataset: Dataset, by: By, seed: int) -> np.ndarray:
    """Return the rows that choose the epoch, among those that are not left out."""
    groups = _persons(dataset) if by == "person" else None
    most, what = _most(dataset, groups)
    if most < 2:
        raise TrainingError(
            f"{dataset.name}: beside a fold there are only {most} {what}, which cannot both be "
            "learnt from and choose the epoch: use more data or more folds."
        )
    return _parts(dataset, groups, min(_CHOOSING, most), seed)[0]


def _persons(dataset: Dataset) -> np.ndarray:
    if dataset.persons is None:
        raise TrainingError(
            f"{dataset.name} does not say whose face each is: divide the faces at "
            "random instead of by person."
        )
    if unknown := int((dataset.persons == "").sum()):
        raise TrainingError(
            f"{dataset.name}: the person of {unknown} faces is not known, so they could be on both "
            "sides: name them, or divide the faces at random instead of by person."
        )
    return dataset.persons


def _most(dataset: Dataset, groups: np.ndarray | None) -> tuple[int, str]:
    """Return into how many parts faces can be divided, and what there are so many of."""
    faces = int(np.bincount(dataset.labels).max(initial=0))
    persons = faces if groups is None else len(np.unique(groups))
    if persons < faces:
        return persons, "persons"
    return faces, "faces of the most frequent emotion"


def _parts(dataset: Dataset, groups: np.ndarray | None, count: int, seed: int) -> list[np.ndarray]:
    """Return the rows of each of ``count`` parts."""
    from sklearn import model_selection

    way: StratifiedGroupKFold | StratifiedKFold
    if groups is None:
        way = model_selection.StratifiedKFold(count, shuffle=True, random_state=seed)
    else:
        way = model_selection.StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # An emotion of fewer faces than folds is not in each of them; the figures say so.
        warnings.simplefilter("ignore", UserWarning)
        return [rows for _, rows in way.split(dataset.faces, dataset.labels, groups)]
