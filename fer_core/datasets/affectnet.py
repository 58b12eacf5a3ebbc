"""AffectNet (Mollahosseini et al. 2017) in its three forms.

- ``train_set/images/*.jpg`` with ``train_set/annotations/*_exp.npy``, and ``val_set``
- a CSV with the columns ``subDirectory_filePath`` and ``expression`` beside the pictures
- folders by class: those of numbers are read with ``--label-order affectnet``
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from fer_core.datasets.base import Dataset
from fer_core.datasets.bounds import open_list
from fer_core.datasets.labels import ORDERS, LabelReader
from fer_core.datasets.pictures import Picture, load_pictures
from fer_core.datasets.registry import ReadOptions, register
from fer_core.errors import DatasetError

#: Folders or files of a split, and its position in ``SPLITS``.
_SPLITS: Final = {"train_set": 0, "training": 0, "val_set": 2, "validation": 2}
_ARRAYS: Final = "AffectNet (annotations/*_exp.npy)"
_CSV: Final = "AffectNet (CSV)"
_PATH: Final = "subdirectory_filepath"


def _parts(root: Path) -> dict[Path, int | None]:
    """Return the folders with pictures and annotations, with their splits."""
    places = {root / name: split for name, split in _SPLITS.items()} | {root: None}
    return {
        place: split
        for place, split in places.items()
        if (place / "images").is_dir()
        and next((place / "annotations").glob("*_exp.npy"), None) is not None
    }


@register("affectnet", _ARRAYS, lambda path: path.is_dir() and bool(_parts(path)))
def _read_arrays(path: Path, how: ReadOptions) -> Dataset:
    root = path.resolve()
    labels, pictures, problems = LabelReader(root.name, ORDERS["affectnet"]), [], list[str]()
    for place, split in _parts(root).items():
        there = {p.stem: p for p in sorted((place / "images").iterdir())}
        for file in sorted((place / "annotations").glob("*_exp.npy")):
            name = file.stem.removesuffix("_exp")
            try:
                # Mapped, a file that announces more numbers than it has is refused.
                label = labels.read(str(np.load(file, "r", allow_pickle=False).item()))
                picture = there[name]
            except KeyError:
                problems.append(f"{file.relative_to(root)}: there is no picture {name}")
            except (OSError, ValueError, EOFError) as error:
                problems.append(f"{file.relative_to(root)}: {error}")
            else:
                if label is not None:
                    pictures.append(Picture(picture, label, split))
    return load_pictures(root, _ARRAYS, pictures, labels, how, problems=problems)


def _lists(path: Path) -> list[Path]:
    """Return the CSV files with AffectNet's columns."""
    if path.is_dir():
        files = sorted(file for file in path.glob("*.csv") if file.is_file())  # no pipe
    else:
        files = [path] if path.suffix.lower() == ".csv" and path.is_file() else []
    return [file for file in files if _PATH in _header(file)]


def _header(file: Path) -> list[str]:
    with file.open("rb") as content:
        line = content.readline(2000).decode("utf-8-sig", "replace")
    return [name.strip().strip('"').lower() for name in line.split(",")]


@register("affectnet-csv", _CSV, lambda path: bool(_lists(path)))
def _read_csv(path: Path, how: ReadOptions) -> Dataset:
    path = path.resolve()
    root = path if path.is_dir() else path.parent
    labels, pictures, problems = LabelReader(path.name, ORDERS["affectnet"]), [], list[str]()
    for file in _lists(path):
        split = _SPLITS.get(file.stem.lower())
        for number, row in _rows(file):
            try:
                label = labels.read(row.get("expression") or "")
            except ValueError as error:
                problems.append(f"{file.name}, line {number}: {error}")
                continue
            if label is None:
                continue
            found = _find(root, row.get(_PATH) or "")
            if found is None:
                problems.append(f"{file.name}, line {number}: {row.get(_PATH)} is not there")
            else:
                pictures.append(Picture(found, label, split))
    return load_pictures(root, _CSV, pictures, labels, how, problems=problems)


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with open_list(file, errors="replace") as lines:
            reader = csv.DictReader(lines)
            reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or []]
            yield from enumerate(reader, start=2)
    except csv.Error as error:
        raise DatasetError(f"{file.name} is no CSV: {error}.") from error


def _find(root: Path, name: str) -> Path | None:
    for folder in ("", "Manually_Annotated_Images", "Manually_Annotated/Manually_Annotated_Images"):
        path = (root / folder / name).resolve()
        # A list names pictures beside it, nothing else of this machine.
        if path.is_relative_to(root) and path.is_file():
            return path
    return None
