"""ExpW (Zhang et al. 2015): ``label.lst`` beside photos, with a box per face.

Each line is ``name face top left right bottom score label``.
"""

from pathlib import Path
from typing import Final

from fer_core.datasets.base import Dataset
from fer_core.datasets.bounds import open_list
from fer_core.datasets.labels import ORDERS, LabelReader
from fer_core.datasets.pictures import Picture, load_pictures
from fer_core.datasets.registry import ReadOptions, register
from fer_core.files import walk_files
from fer_core.images import SUFFIXES

_TITLE: Final = "ExpW (label.lst)"


def _list_of(root: Path) -> Path:
    beside = root / "label.lst"
    return beside if beside.is_file() else root / "label" / "label.lst"


@register("expw", _TITLE, lambda path: path.is_dir() and _list_of(path).is_file())
def _read(path: Path, how: ReadOptions) -> Dataset:
    root = path.resolve()
    there = {p.name: p for p in walk_files(root, lambda p: p.suffix.lower() in SUFFIXES)}
    # ExpW numbers the emotions as FER2013 does.
    labels = LabelReader(root.name, ORDERS["fer2013"])
    pictures, problems = list[Picture](), list[str]()
    with open_list(_list_of(root), errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            fields = line.split()
            if not fields:
                continue
            try:
                if len(fields) != 8:
                    raise ValueError(f"{len(fields)} fields, not 8")
                top, left, right, bottom = (int(field) for field in fields[2:6])
                label = labels.read(fields[7])
                if fields[0] not in there:
                    raise ValueError(f"{fields[0]} is not there")
            except ValueError as error:
                problems.append(f"label.lst, line {number}: {error}")
                continue
            if label is not None:
                box = (left, top, right - left, bottom - top)
                pictures.append(Picture(there[fields[0]], label, box=box))
    return load_pictures(root, _TITLE, pictures, labels, how, problems=problems)
