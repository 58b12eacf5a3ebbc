"""Archives of pictures: a tar or zip file with any of the layouts of folders in it."""

import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from fer_core.datasets.base import Dataset
from fer_core.datasets.bounds import most_bytes, too_large
from fer_core.datasets.cache import cached
from fer_core.datasets.folders import names_a_class
from fer_core.datasets.labels import LabelOrderError, Sample
from fer_core.datasets.registry import ReadOptions, recognise, register
from fer_core.errors import DatasetError, ImageError
from fer_core.files import printable
from fer_core.images import SUFFIXES, read_image
from fer_core.settings import settings

_TITLE: Final = "a tar or zip archive of pictures"
#: Files that say what the pictures are.
_LISTS: Final = (".txt", ".csv", ".lst", ".npy", ".tsv")
_DAMAGED: Final = (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, RuntimeError)


def _names(path: Path) -> list[str]:
    """Return the files in an archive, none where it is no archive."""
    with suppress(*_DAMAGED):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return archive.namelist()
        if tarfile.is_tarfile(path):
            with tarfile.open(path) as archive:
                return archive.getnames()
    return []


def _wanted(name: str) -> bool:
    """Return whether a file of an archive is part of a dataset, and not hidden."""
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return not hidden and path.suffix.lower() in (*SUFFIXES, *_LISTS)


def _recognises(path: Path) -> bool:
    if not path.is_file() or path.suffix.lower() == ".csv":
        return False
    return any(PurePosixPath(name).suffix.lower() in SUFFIXES for name in _names(path))


@register("archive", _TITLE, _recognises)
def _read(path: Path, how: ReadOptions) -> Dataset:
    path = path.resolve()
    stat = path.stat()
    key = [str(path), stat.st_size, stat.st_mtime_ns, how.detector, how.skip_bad, how.seed]
    key += [how.label_order, how.frames]
    arrays = cached("archive", key, lambda: _arrays(path, how), path)
    return Dataset(
        path.name,
        arrays["faces"],
        arrays["labels"],
        arrays["usage"],
        persons=arrays.get("persons"),
        format=str(arrays["format"]),
        splits_given=bool(arrays["splits_given"]),
        left_out=dict(zip(arrays["classes"].tolist(), arrays["left_out"].tolist(), strict=True)),
    )


def _arrays(path: Path, how: ReadOptions) -> dict[str, np.ndarray]:
    settings().cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings().cache, prefix="unpacked-") as place:
        root = Path(place)
        try:
            _unpack(path, root)
        except _DAMAGED as error:
            raise DatasetError(f"{printable(path.name)} is damaged: {error}.") from error
        # An archive often holds one folder, and the dataset in it.
        inside = list(root.iterdir())
        while len(inside) == 1 and inside[0].is_dir() and not names_a_class(inside[0]):
            root, inside = inside[0], list(inside[0].iterdir())
        found = recognise(root)
        try:
            dataset = found.read(root, how)
        except LabelOrderError as error:
            # What was unpacked goes, so whoever chooses the order needs the pictures themselves.
            samples = {number: _pictures(some) for number, some in error.samples.items()}
            raise LabelOrderError(path.name, error.found, samples) from error
    out = dataset.left_out or {}
    arrays = {
        "faces": dataset.faces,
        "labels": dataset.labels,
        "usage": dataset.usage,
        "format": np.array(found.title),
        "splits_given": np.array(dataset.splits_given),
        "classes": np.array(list(out), np.str_),
        "left_out": np.array(list(out.values()), np.int64),
    }
    return arrays if dataset.persons is None else arrays | {"persons": dataset.persons}


def _pictures(samples: Sequence[Sample]) -> list[Sample]:
    found: list[Sample] = []
    for sample in samples:
        with suppress(ImageError):  # it is listed as wrong when the order is known
            found.append(read_image(sample) if isinstance(sample, Path) else sample)
    return found


def _unpack(path: Path, root: Path) -> None:
    """Write the pictures and lists of an archive below a folder, and nothing anywhere else.

    Raises:
        DatasetError: They have more bytes than they may, see :mod:`fer_core.datasets.bounds`.
    """
    most = left = most_bytes(path)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if _wanted(entry.filename):
                    left -= entry.file_size  # it never unpacks to more than that
                    if left < 0:
                        raise too_large(path.name, most)
                    archive.extract(entry, root)
        return
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isreg() and _wanted(member.name):
                left -= member.size
                if left < 0:
                    raise too_large(path.name, most)
                archive.extract(member, root, filter="data")
