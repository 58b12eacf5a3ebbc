"""Pictures in folders, one subfolder per emotion: Kaggle's FER2013, CK+48, SFEW, one's own."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2

from fer_core.datasets.base import Dataset
from fer_core.datasets.labels import EXTRAS, NAMES, LabelReader, code_of, number_of
from fer_core.datasets.pictures import SPLIT_NAMES, Picture, load_pictures
from fer_core.datasets.registry import ReadOptions, register
from fer_core.emotions import EMOTIONS
from fer_core.errors import DatasetError
from fer_core.files import ExportFolder, walk_files
from fer_core.images import SUFFIXES

#: How CK+48 and copies of it name their files: person, sequence, frame.
_CKPLUS_NAME: Final = re.compile(r"(S[0-9]{3})_[0-9]{3}_[0-9]{8}")


def load_folder(root: Path, how: ReadOptions | None = None) -> Dataset:
    """Read pictures from ``root``.

    Two layouts are understood. ``root/<emotion>/*``: rows are split at random, class by
    class, 80 to 10 to 10; where CK+'s file names tell the person, nobody is in two splits.
    ``root/<split>/<emotion>/*`` with the splits ``train``, ``val`` and ``test``, or FER2013's
    names. Folders that are numbers need :attr:`ReadOptions.label_order`; those of other
    classes, such as contempt, are left out and counted.

    Kaggle's ``msambare/fer2013`` has ``train`` and ``test`` only, and its ``test`` is
    PublicTest and PrivateTest together. Where its files still carry their names
    (``PublicTest_123.jpg``), each goes to its own split, and figures compare with those
    of the CSV. Elsewhere the files of ``test`` are divided in halves at random, class by
    class: one to choose by, one to report with, comparable with nobody's.

    Args:
        root: the folder.
        how: With a detector, the largest face of each picture is taken; without, pictures are
            faces already: they are reduced to 48×48, of oblong ones the middle.

    Raises:
        DatasetError: nothing found, or ``problems`` that list every bad file.
        LabelOrderError: Folders are numbers, and no order is given.
    """
    root, how = root.resolve(), how or ReadOptions()
    problems: list[str] = []
    labels = LabelReader(root.name, how.order)
    pictures = list(_walk(root, labels, problems))
    labels.check()
    if not pictures:
        raise DatasetError(
            f"{root} has no pictures in folders named after emotions "
            f"({', '.join(names[0] for names in NAMES.values())}), below train and test or not.",
            problems,
        )
    pictures = _with_own_names(pictures)
    return load_pictures(root, "a folder of pictures", pictures, labels, how, problems=problems)


@register("folders", "a folder of pictures", Path.is_dir, general=True)
def _read(path: Path, how: ReadOptions) -> Dataset:
    return load_folder(path, how)


def export_folders(
    dataset: Dataset, folder: ExportFolder, on_progress: Callable[[float], None] | None = None
) -> int:
    """Write ``<split>/<emotion>/<number>.png``, which :func:`load_folder` reads back.

    Args:
        dataset: What to write.
        folder: Where.
        on_progress: Told the share that is written, 0 to 1.

    Returns:
        How many pictures were written.
    """
    names = [
        f"{split}/{EMOTIONS[label].lower()}/{i:06d}.png"
        for i, (split, label) in enumerate(zip(dataset.usage, dataset.labels, strict=True))
    ]
    folder.begin(names)
    for place in {(folder.path / name).parent for name in names}:
        place.mkdir(parents=True, exist_ok=True)
    for number, (name, face) in enumerate(zip(names, dataset.faces, strict=True)):
        (folder.path / name).write_bytes(cv2.imencode(".png", face)[1].tobytes())
        if on_progress and number % 200 == 0:
            on_progress(number / len(dataset))
    folder.finish()
    return len(dataset)


def _walk(root: Path, labels: LabelReader, problems: list[str]) -> Iterator[Picture]:
    """Pictures with label and split, the latter ``None`` where no folder says it."""
    for folder in folders_in(root):
        split = SPLIT_NAMES.get(folder.name.lower())
        below = [folder] if split is None else folders_in(folder)
        for part in below:
            pictures = list(walk_files(part, lambda p: p.suffix.lower() in SUFFIXES))
            for path in pictures:
                try:
                    label = labels.read(part.name, path)
                except ValueError:
                    problems.append(f"{part.relative_to(root)}: names none of the seven emotions")
                    break
                if label is not None:
                    person = _CKPLUS_NAME.match(path.name)
                    yield Picture(path, label, split, person[1] if person else "")


def folders_in(path: Path) -> list[Path]:
    """Return the folders in a folder, without hidden ones.

    Raises:
        DatasetError: Nobody may read it.
    """
    try:
        return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}. Check the path.") from error


def names_a_class(folder: Path) -> bool:
    """Return whether a folder is called as a class is, by name or number."""
    name = folder.name.lower()
    return code_of(name) is not None or name in EXTRAS or number_of(name) is not None


def _with_own_names(pictures: list[Picture]) -> list[Picture]:
    """Return Kaggle's FER2013 with the splits that its files are named after."""
    test = [one for one in pictures if one.split == 2]
    named = all(one.path.name.startswith(("PublicTest_", "PrivateTest_")) for one in test)
    if not test or not named:
        return pictures
    return [
        replace(one, split=1) if one.split == 2 and one.path.name.startswith("PublicTest_") else one
        for one in pictures
    ]
