"""RAF-DB (Li et al. 2017): ``list_patition_label.txt`` beside its pictures.

Each line is ``train_00001.jpg 5``; the published aligned faces are called
``train_00001_aligned.jpg``.
"""

from pathlib import Path
from typing import Final

from fer_core.datasets.base import Dataset
from fer_core.datasets.bounds import open_list
from fer_core.datasets.labels import ORDERS, LabelReader
from fer_core.datasets.pictures import SPLIT_NAMES, Picture, load_pictures
from fer_core.datasets.registry import ReadOptions, register
from fer_core.errors import DatasetError
from fer_core.files import walk_files
from fer_core.images import SUFFIXES

_TITLE: Final = "RAF-DB (list_patition_label.txt)"
_NAMES: Final = ("list_patition_label.txt", "list_partition_label.txt")


def _list_of(root: Path) -> Path | None:
    if not root.is_dir():
        return None
    for below in ("", "EmoLabel", "basic/EmoLabel"):
        for name in _NAMES:
            if (root / below / name).is_file():
                return root / below / name
    return None


@register("rafdb", _TITLE, lambda path: _list_of(path) is not None)
def _read(path: Path, how: ReadOptions) -> Dataset:
    root = path.resolve()
    file = _list_of(root)
    if file is None:
        raise DatasetError(f"{root} has no {_NAMES[0]}.")
    there = {}
    for picture in walk_files(root, lambda p: p.suffix.lower() in SUFFIXES):
        # Aligned faces stand above the photos that they were cut from.
        plain = picture.stem.removesuffix("_aligned")
        if plain not in there or picture.stem != plain:
            there[plain] = picture
    labels = LabelReader(root.name, ORDERS["rafdb"])
    pictures, problems = list[Picture](), list[str]()
    with open_list(file, errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            fields = line.split()
            if not fields:
                continue
            found = there.get(Path(fields[0]).stem)
            try:
                if len(fields) != 2:
                    raise ValueError(f"{len(fields)} fields, not a name and a label")
                label = labels.read(fields[1])
                if found is None:
                    raise ValueError(f"{fields[0]} is not there")
            except ValueError as error:
                problems.append(f"{file.name}, line {number}: {error}")
                continue
            if label is not None and found is not None:
                pictures.append(
                    Picture(found, label, SPLIT_NAMES.get(fields[0].split("_")[0].lower()))
                )
    return load_pictures(root, _TITLE, pictures, labels, how, problems=problems)
