"""Any list of pictures: a CSV with ``path,label[,split][,person]``, or a folder with one."""

import csv
from pathlib import Path
from typing import Final

from fer_core.datasets.base import Dataset
from fer_core.datasets.bounds import open_list
from fer_core.datasets.labels import LabelReader
from fer_core.datasets.pictures import SPLIT_NAMES, Picture, load_pictures
from fer_core.datasets.registry import ReadOptions, register
from fer_core.errors import DatasetError

_TITLE: Final = "a CSV with path,label[,split][,person]"
#: What the columns may be called.
_COLUMNS: Final = {
    "path": ("path", "file", "filename", "image", "filepath"),
    "label": ("label", "emotion", "expression", "class"),
    "split": ("split", "usage", "set"),
    "person": ("person", "subject", "identity"),
}
_NAMES: Final = ("labels.csv", "annotations.csv", "dataset.csv", "list.csv")
DELIMITERS: Final = (",", ";", "\t")


def columns_of(line: str) -> tuple[dict[str, int], str] | None:
    """Return which column is where, and the delimiter; ``None`` without path and label."""
    for delimiter in DELIMITERS:
        names = next(csv.reader([line], delimiter=delimiter), [])
        plain = [name.strip().lower() for name in names]
        where = {
            column: plain.index(name)
            for column, known in _COLUMNS.items()
            for name in known[::-1]
            if name in plain
        }
        if "path" in where and "label" in where:
            return where, delimiter
    return None


def _list_of(path: Path) -> Path | None:
    candidates = [path / name for name in _NAMES] if path.is_dir() else [path]
    for file in candidates:
        if file.is_file() and file.suffix.lower() in (".csv", ".tsv", ".txt"):
            with file.open("rb") as content:
                first = content.readline(2000).decode("utf-8-sig", "replace")
            if columns_of(first):
                return file
    return None


@register("list", _TITLE, lambda path: _list_of(path) is not None)
def _read(path: Path, how: ReadOptions) -> Dataset:
    file = _list_of(path.resolve())
    if file is None:
        raise DatasetError(f"{path.name} has no columns path and label.")
    root = file.parent
    labels = LabelReader(file.name, how.order)
    pictures, problems = list[Picture](), list[str]()
    try:
        with open_list(file) as lines:
            found = columns_of(next(lines, ""))
            if found is None:
                raise DatasetError(f"{file.name} has no columns path and label.")
            where, delimiter = found
            for number, row in enumerate(csv.reader(lines, delimiter=delimiter), start=2):
                if not any(field.strip() for field in row):
                    continue
                fields = {
                    name: row[at].strip() if at < len(row) else "" for name, at in where.items()
                }
                try:
                    picture = _picture(fields, root, labels)
                except ValueError as error:
                    problems.append(f"line {number}: {error}")
                    continue
                if picture:
                    pictures.append(picture)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{file.name} is no CSV in UTF-8: {error}.") from error
    return load_pictures(
        root if path.is_dir() else file, _TITLE, pictures, labels, how, problems=problems
    )


def _picture(fields: dict[str, str], root: Path, labels: LabelReader) -> Picture | None:
    place = (root / fields["path"].replace("\\", "/")).resolve()
    # A list names pictures beside it, nothing else of this machine.
    if not place.is_relative_to(root) or not place.is_file():
        raise ValueError(f"{fields['path'][:80]!r} is no file in the folder of the list")
    split = None
    if name := fields.get("split", "").lower():
        if name not in SPLIT_NAMES:
            raise ValueError(f"the split is {name[:20]!r}, not train, val or test")
        split = SPLIT_NAMES[name]
    label = labels.read(fields["label"], place)
    return None if label is None else Picture(place, label, split, fields.get("person", ""))
