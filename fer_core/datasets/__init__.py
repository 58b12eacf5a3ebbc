"""Labelled faces from wherever they come.

>>> from fer_core.datasets import load
>>> load("demo").split("Training").faces.shape
(2800, 48, 48)
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from fer_core import renamed

# Each module registers the formats that it reads.
from fer_core.datasets import (  # noqa: F401
    affectnet,
    archives,
    ckplus,
    expw,
    fer2013,
    folders,
    named,
    rafdb,
    tables,
)
from fer_core.datasets.base import SPLITS, Dataset, mix
from fer_core.datasets.bounds import existing
from fer_core.datasets.registry import Format, ReadOptions, formats, recognise, register
from fer_core.errors import DatasetError

__all__ = [
    "MADE_HERE",
    "SPLITS",
    "Dataset",
    "Format",
    "ReadOptions",
    "formats",
    "load",
    "mix",
    "recognise",
    "register",
]

#: Sources that are names, not paths.
MADE_HERE: Final = ("demo", "collected")


def load(
    source: str | Path,
    votes: Path | None = None,
    *,
    relabel: bool = False,
    drop_not_faces: bool = False,
    detector: str | None = None,
    skip_bad: bool = False,
    seed: int = 0,
    corrections: str | Path | None = None,
    agreement: float = 0.0,
    label_order: str | None = None,
    frames: int = 3,
    unlabelled: bool = False,
    on_progress: Callable[[float], None] | None = None,
) -> Dataset:
    """Read a dataset.

    Args:
        source: ``demo``, ``collected`` (:mod:`fer_core.datasets.collected`), or a path of
            one of :func:`formats`, such as FER2013's CSV in whatever it is packed or a
            folder with one subfolder per emotion.
        votes: the votes of FER+ that belong to the CSV.
        relabel: let the majority of those votes decide the labels.
        drop_not_faces: leave out what that majority calls 'not a face'.
        detector: finds the faces in a folder's pictures; without, they are faces.
        skip_bad: go on without rows or files that are wrong.
        seed: decides the splits where the source has none.
        corrections: a CSV of :mod:`fer_core.datasets.corrections`, or ``saved`` for those of
            this machine. What people corrected stands above what votes decide.
        agreement: keep only faces of which at least this share of the annotators of FER+ agree
            on one emotion, 0 to 1.
        label_order: what numeric labels mean where the format does not say: ``fer2013``,
            ``affectnet``, ``rafdb``, ``ckplus``, or names with commas.
        frames: of CK+, how many of the last frames of a sequence show its emotion.
        unlabelled: read a CSV without labels too, such as Kaggle's ``test.csv``; its labels are
            all 0 and mean nothing.
        on_progress: told the share that is read, 0 to 1, where reading takes long.

    Raises:
        DatasetError: it cannot be read; where rows or files are wrong, ``problems``
            lists all of them.
    """
    for text in (source, corrections):
        if text is not None and not str(text).strip():
            # The path of an empty text would be the current folder.
            raise DatasetError("The path of the dataset or its corrections is empty: give one.")
    if corrections is not None:
        corrections = renamed.current_name(str(corrections), renamed.CORRECTIONS)
    for text in (votes, corrections):
        if text is not None and str(text) != "saved":
            existing(text)
    if str(source) == "demo":
        from fer_core.datasets import demo

        dataset = demo.load(on_progress=on_progress)
    elif str(source) == "collected":
        from fer_core.datasets import collected

        dataset = collected.load()
    else:
        how = ReadOptions(detector, skip_bad, seed, on_progress, label_order, frames, unlabelled)
        path = existing(source)
        dataset = recognise(path).read(path, how)
    if votes is None and (relabel or drop_not_faces or agreement):
        raise DatasetError("Labels by majority need the FER+ file (fer2013new.csv) as votes.")
    if votes is not None:
        from fer_core.datasets import ferplus

        dataset = ferplus.add(dataset, votes, relabel=relabel)
    if corrections is not None:
        from fer_core.datasets.corrections import SAVED
        from fer_core.datasets.corrections import load as load_corrections
        from fer_core.datasets.identity import face_keys

        overlay = load_corrections(corrections)
        keys = face_keys(dataset.faces)
        unknown = overlay.unknown(keys)
        if str(corrections) != SAVED and unknown and len(unknown) == len(overlay.faces):
            raise DatasetError(
                f"None of the {len(unknown)} faces that {corrections} corrects is in "
                f"{dataset.name}: they belong to other data."
            )
        dataset = overlay.apply(dataset, keys)
    if drop_not_faces and votes is not None:
        dataset = ferplus.drop_not_faces(dataset, votes)
    if agreement and votes is not None:
        dataset = ferplus.with_agreement(dataset, votes, agreement)
    return dataset
