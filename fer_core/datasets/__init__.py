"""Labelled faces from wherever they come.

>>> from fer_core.datasets import load
>>> load("demo").split("Training").faces.shape
(2800, 48, 48)
"""

from pathlib import Path

from fer_core.datasets.base import SPLITS, Dataset, mix
from fer_core.errors import DatasetError

__all__ = ["SPLITS", "Dataset", "load", "mix"]


def load(
    source: str | Path,
    votes: Path | None = None,
    *,
    relabel: bool = False,
    drop_not_faces: bool = False,
    detector: str | None = None,
    skip_bad: bool = False,
    seed: int = 0,
) -> Dataset:
    """Read a dataset.

    Args:
        source: ``demo``, FER2013's CSV in whatever it is packed
            (:func:`fer_core.datasets.fer2013.load_csv`), or a folder with one subfolder
            per emotion (:func:`fer_core.datasets.folders.load_folder`).
        votes: the votes of FER+ that belong to the CSV.
        relabel: let the majority of those votes decide the labels.
        drop_not_faces: leave out what that majority calls 'not a face'.
        detector: finds the faces in a folder's pictures; without, they are faces.
        skip_bad: go on without rows or files that are wrong.
        seed: decides the splits where the source has none.

    Raises:
        DatasetError: it cannot be read; where rows or files are wrong, ``problems``
            lists all of them.
    """
    path = Path(source).expanduser()
    if str(source) == "demo":
        from fer_core.datasets import demo

        dataset = demo.load()
    elif path.is_dir():
        from fer_core.datasets import folders

        dataset = folders.load_folder(path, detector=detector, skip_bad=skip_bad, seed=seed)
    else:
        from fer_core.datasets import fer2013

        if path.is_file() and path.suffix.lower() not in fer2013.SUFFIXES:
            raise DatasetError(
                f"{path.name} is no dataset: give FER2013's CSV, packed or not, a folder of "
                "pictures, or 'demo'."
            )
        dataset = fer2013.load_csv(path, skip_bad=skip_bad, seed=seed)
    if votes is not None:
        from fer_core.datasets import ferplus

        return ferplus.add(dataset, votes, relabel=relabel, drop_not_faces=drop_not_faces)
    if relabel or drop_not_faces:
        raise DatasetError("Labels by majority need the FER+ file: give it with --votes.")
    return dataset
