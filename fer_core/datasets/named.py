"""JAFFE and KDEF, whose file names say emotion and person.

JAFFE (Lyons et al. 1998): ``KA.AN1.39.tiff``, person KA. KDEF (Lundqvist et al. 1998):
``AF01ANS.JPG``, session A, female, person 01, angry, straight; the two sessions show the same
people. Its full profiles are left out.
"""

import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from fer_core.datasets.base import Dataset
from fer_core.datasets.labels import LabelReader
from fer_core.datasets.pictures import Picture, load_pictures
from fer_core.datasets.registry import ReadOptions, register
from fer_core.files import walk_files
from fer_core.images import SUFFIXES

_JAFFE: Final = re.compile(
    r"(?P<person>[A-Z]{2})[.-](?P<emotion>AN|DI|FE|HA|NE|SA|SU)[0-9]*[.-][0-9]+\.\w+", re.I
)
_KDEF: Final = re.compile(
    r"[AB](?P<person>[FM][0-9]{2})(?P<emotion>AF|AN|DI|HA|NE|SA|SU)(?P<angle>S|HL|HR|FL|FR)\.\w+",
    re.I,
)


def _files(root: Path) -> Iterator[Path]:
    return walk_files(root, lambda path: path.suffix.lower() in SUFFIXES)


def _all_match(pattern: re.Pattern[str]) -> Callable[[Path], bool]:
    """Return a function that says whether most pictures of a folder are named so."""

    def recognises(path: Path) -> bool:
        if not path.is_dir():
            return False
        # Enough to tell; a folder may hold a million.
        names = [file.name for file in islice(_files(path), 200)]
        return bool(names) and sum(bool(pattern.fullmatch(name)) for name in names) > len(names) / 2

    return recognises


def _load(path: Path, how: ReadOptions, pattern: re.Pattern[str], title: str) -> Dataset:
    root = path.resolve()
    labels, pictures, problems = LabelReader(root.name), list[Picture](), list[str]()
    for file in _files(root):
        found = pattern.fullmatch(file.name)
        if found is None:
            problems.append(f"{file.relative_to(root)}: it is not named as {title} names its files")
        elif found.groupdict().get("angle", "").upper() in ("FL", "FR"):
            labels.leave_out("full profile")
        else:
            label = labels.read(found["emotion"])
            if label is not None:
                pictures.append(Picture(file, label, None, found["person"].upper()))
    return load_pictures(root, title, pictures, labels, how, problems=problems)


@register("jaffe", "JAFFE", _all_match(_JAFFE))
def _jaffe(path: Path, how: ReadOptions) -> Dataset:
    return _load(path, how, _JAFFE, "JAFFE")


@register("kdef", "KDEF", _all_match(_KDEF))
def _kdef(path: Path, how: ReadOptions) -> Dataset:
    return _load(path, how, _KDEF, "KDEF")
