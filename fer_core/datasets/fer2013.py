"""FER2013 as it is published: a CSV with the columns ``emotion,pixels,Usage``.

35,887 grey faces of 48×48 pixels (Goodfellow et al. 2013, arXiv 1307.0414). Parsing
takes seconds, so the result is cached as plain arrays under ``FER_HOME``.
"""

import codecs
import csv
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from fer_core.datasets.base import SPLITS, Dataset
from fer_core.datasets.bounds import UNREADABLE, open_table
from fer_core.datasets.cache import cached
from fer_core.datasets.labels import EXTRAS, ORDERS, code_of, number_of
from fer_core.datasets.pictures import SPLIT_NAMES, check_persons, person_splits
from fer_core.datasets.registry import ReadOptions, register
from fer_core.emotions import EMOTIONS
from fer_core.errors import DatasetError
from fer_core.files import ExportFolder, write_atomic
from fer_core.preprocess import FACE_SIZE

COLUMNS: Final = ("emotion", "pixels", "Usage")
PIXELS: Final = FACE_SIZE * FACE_SIZE
SUFFIXES: Final = (".csv", ".gz", ".tgz", ".xz", ".bz2", ".zip", ".tar")

_TITLE: Final = "FER2013's CSV, packed or not"
#: What the columns may be called, in lower case.
_NAMES: Final = {
    "emotion": ("emotion", "label", "expression", "class"),
    "pixels": ("pixels", "pixel"),
    "Usage": ("usage", "split", "set"),
    "person": ("person", "subject", "identity"),
}

#: The text of each value of a pixel.
_TEXTS: Final = [str(value).encode() for value in range(256)]
_BLOCK: Final = 64  # rows parsed at once: 64 rows of text fit the processor's cache


def load_csv(path: Path, how: ReadOptions | None = None) -> Dataset:
    """Read the CSV: plain, ``.gz``, ``.xz``, ``.bz2``, ``.zip``, or in Kaggle's ``.tar.gz``.

    The first call parses and checks every row; later ones read the cache, as long as
    the file's size and time of change stay the same. The order and the case of columns are
    free, spaces around their names do not matter (Kaggle's ``icml_face_data.csv``), further
    columns such as an index are ignored, and fields may be divided by semicolons or tabs. Labels
    are FER2013's numbers, also as ``3.0``, or names; splits may be called train, val and test. A
    column ``person``, which FER2013 does not have, says whose face each row is.

    Args:
        path: the file.
        how: Its seed decides the splits of a file without the column ``Usage``, see
            :func:`fer_core.datasets.pictures.person_splits`.

    Raises:
        DatasetError: the file cannot be read, or rows are wrong; ``problems`` lists
            each of them with what is wrong.
    """
    path, how = path.resolve(), how or ReadOptions()
    try:
        stat = path.stat()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}. Check the path.") from error
    key = [str(path), stat.st_size, stat.st_mtime_ns, how.skip_bad, how.seed, 5]
    key += [how.label_order, how.unlabelled]
    arrays = cached("fer2013", key, lambda: _parse(path, how), path)
    return Dataset(
        path.name,
        arrays["faces"],
        arrays["labels"].astype(np.int64),
        np.array(SPLITS)[arrays["usage"]],
        rows=arrays["rows"],
        persons=arrays.get("persons"),
        format=_TITLE,
        splits_given=bool(arrays["splits_given"]),
        left_out=dict(zip(arrays["classes"].tolist(), arrays["left_out"].tolist(), strict=True)),
    )


def _recognises(path: Path) -> bool:
    # Of a path that is not there, reading says so.
    if path.is_dir():
        return False
    return (
        path.suffix.lower() in SUFFIXES
        or not path.exists()
        or zipfile.is_zipfile(path)
        or tarfile.is_tarfile(path)
    )


@register("fer2013", _TITLE, _recognises, general=True)
def _read(path: Path, how: ReadOptions) -> Dataset:
    return load_csv(path, how)


def export_csv(
    dataset: Dataset, path: Path, on_progress: Callable[[float], None] | None = None
) -> None:
    """Write a CSV with FER2013's three columns, which :func:`load_csv` reads back.

    Args:
        dataset: What to write.
        path: The file.
        on_progress: Told the share that is written, 0 to 1. What it raises ends the writing, and
            leaves nothing.
    """

    def write(file: BinaryIO) -> None:
        file.write(",".join(COLUMNS).encode() + b"\n")
        rows = zip(dataset.faces, dataset.labels, dataset.usage, strict=True)
        for number, (face, label, split) in enumerate(rows):
            pixels = b" ".join(map(_TEXTS.__getitem__, face.tobytes()))
            file.write(b"%d,%b,%b\n" % (label, pixels, split.encode()))
            if on_progress and number % 200 == 0:
                on_progress(number / len(dataset))

    write_atomic(path, write)


def export_splits(dataset: Dataset, folder: ExportFolder) -> int:
    """Write one CSV per split, as the 2021 project report does: ``Training.csv`` and so on.

    Args:
        dataset: What to write.
        folder: Where.

    Returns:
        How many files were written.
    """
    names = [f"{split}.csv" for split in dataset.counts()]
    folder.begin(names)
    for name in names:
        export_csv(dataset.split(name.removesuffix(".csv")), folder.path / name)
    folder.finish()
    return len(names)


def _choose(names: list[str], path: Path) -> str:
    for known in ("fer2013.csv", "icml_face_data.csv"):
        for name in names:
            if Path(name).name.lower() == known:
                return name
    if len(names) == 1:
        return names[0]
    what = "the file" if names else "the folder"
    raise DatasetError(
        f"{path.name} holds {len(names) or 'no'} CSV files and no fer2013.csv: unpack it and give "
        f"{what}."
    )


def _parse(path: Path, how: ReadOptions) -> dict[str, np.ndarray]:
    size = max(1, path.stat().st_size)
    problems: list[str] = []
    left_out = Counter[str]()
    parts: list[tuple] = []
    first = 0
    try:
        with (
            open_table(path, lambda names: _choose(names, path)) as (file, packed),
            ThreadPoolExecutor(1) as reader,
        ):
            layout = _layout(file.readline(), path, how)
            if layout.first is not None:
                parts.append(_rows([layout.first], 0, layout, problems, left_out))
                first = 1
            # Unpacking goes on while the rows before are parsed.
            ahead = reader.submit(lambda: list(islice(file, _BLOCK)))
            while lines := ahead.result():
                ahead = reader.submit(lambda: list(islice(file, _BLOCK)))
                parts.append(_rows(lines, first, layout, problems, left_out))
                first += len(lines)
                if how.on_progress and first % (16 * _BLOCK) == 0:
                    how.on_progress(min(1.0, packed.tell() / size))
    except UNREADABLE as error:
        if not first:
            raise DatasetError(f"{path.name} is damaged or no CSV: {error}.") from error
        problems.append(f"from row {first} on: the file is damaged or cut off ({error})")
    if problems and not how.skip_bad:
        raise DatasetError.listing(path.name, problems)
    if not parts or not sum(len(part[0]) for part in parts):
        raise DatasetError(f"{path.name} holds no rows.")
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    arrays = dict(zip(("faces", "labels", "usage", "rows", "persons"), columns, strict=True))
    if "Usage" not in layout.where:
        arrays["usage"] = person_splits(arrays["labels"], arrays["persons"], how.seed)
    check_persons(arrays["persons"], arrays["usage"])
    if "person" not in layout.where:
        del arrays["persons"]
    return arrays | {
        "splits_given": np.array("Usage" in layout.where),
        "classes": np.array(list(left_out), np.str_),
        "left_out": np.array(list(left_out.values()), np.int64),
    }


@dataclass(frozen=True)
class _Layout:
    """How a CSV is written.

    Attributes:
        where: Position of each column.
        columns: How many there are.
        delimiter: Between them.
        order: What numeric labels mean.
        first: The first line, where it is a row and no header.
    """

    where: dict[str, int]
    columns: int
    delimiter: bytes
    order: Mapping[int, str]
    first: bytes | None = None


def _layout(header: bytes, path: Path, how: ReadOptions) -> _Layout:
    """Read the header, or tell the columns from the first row where there is none.

    Raises:
        DatasetError: A column is missing, or the file is written in another way.
    """
    if header.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DatasetError(f"{path.name} is encoded as UTF-16: save it as UTF-8.")
    text = header.decode("utf-8-sig", "replace")
    # The delimiter that divides the line into most fields; pixels have blanks between them.
    delimiter = max(",;\t", key=text.count)
    names = [name.strip().lower() for name in next(csv.reader([text], delimiter=delimiter), [])]
    order = how.order or ORDERS["fer2013"]
    where = {
        column: names.index(name)
        for column, known in _NAMES.items()
        for name in reversed(known)
        if name in names
    }
    first = None
    if not where and (told := _without_header(names, path)):
        where, first = told, header
    needed = ("pixels",) if how.unlabelled else ("emotion", "pixels")
    if "pixels" in where and "emotion" not in where and not how.unlabelled:
        raise DatasetError(
            f"{path.name} lacks the column emotion, so it can be predicted (dataset --predict), "
            "but no model can be trained or measured on it."
        )
    for column in needed:
        if column not in where:
            raise DatasetError(
                f"{path.name} lacks the column {column}: FER2013 has {', '.join(COLUMNS)}."
            )
    return _Layout(where, len(names), delimiter.encode(), order, first)


def _without_header(fields: list[str], path: Path) -> dict[str, int] | None:
    """Return which column is which in a row; ``None`` where it is no row of faces.

    Raises:
        DatasetError: It cannot be told which column is the label.
    """
    pixels = [i for i, field in enumerate(fields) if len(field.split()) == PIXELS]
    if len(pixels) != 1:
        return None
    usage = [i for i, field in enumerate(fields) if field in SPLIT_NAMES]
    rest = [i for i in range(len(fields)) if i not in (*pixels, *usage)]
    if len(rest) > 1 or len(usage) > 1:
        raise DatasetError(
            f"{path.name} has no header, and more than one of its columns may be the label: write "
            f"{','.join(COLUMNS)} into its first line, each name where its column stands."
        )
    found = {"pixels": pixels[0]}
    found |= {"Usage": usage[0]} if usage else {}
    return found | ({"emotion": rest[0]} if rest else {})


def _rows(
    lines: list[bytes],
    first: int,
    layout: _Layout,
    problems: list[str],
    left_out: Counter[str],
) -> tuple[np.ndarray, ...]:
    """Faces, labels, split numbers, row numbers and persons of a block of lines."""
    where = layout.where
    rows, labels, usage, texts, persons = [], [], [], [], []
    for row, line in enumerate(lines, start=first):
        fields = [field.strip(b' "\r\n') for field in line.split(layout.delimiter)]
        if fields == [b""]:
            continue
        try:
            label, split, text = _check(fields, layout)
        except ValueError as error:
            problems.append(f"row {row}: {error}")
            continue
        if isinstance(label, str):
            left_out[label] += 1
            continue
        rows.append(row)
        labels.append(label)
        usage.append(split)
        texts.append(text)
        persons.append(
            fields[where["person"]].decode(errors="replace") if "person" in where else ""
        )
    values = np.fromstring(b" ".join(texts), np.int64, sep=" ")
    if (values > 255).any():
        bad = set(np.flatnonzero((values.reshape(-1, PIXELS) > 255).any(axis=1)).tolist())
        problems += [f"row {rows[i]}: a pixel is above 255" for i in sorted(bad)]
    else:
        bad = set()
    keep = [i for i in range(len(rows)) if i not in bad]
    return (
        values.reshape(-1, FACE_SIZE, FACE_SIZE)[keep].astype(np.uint8),
        np.array(labels, np.uint8)[keep],
        np.array(usage, np.uint8)[keep],
        np.array(rows, np.int64)[keep],
        np.array(persons, np.str_)[keep],
    )


def _check(fields: list[bytes], layout: _Layout) -> tuple[int | str, int, bytes]:
    """Return label, split and pixels of a row; a label as text is a class to leave out."""
    where = layout.where
    if len(fields) != layout.columns:
        raise ValueError(f"{len(fields)} fields, not {layout.columns}")
    label: int | str = 0
    if "emotion" in where:
        label = _label(fields[where["emotion"]].decode("utf-8", "replace"), layout.order)
    split = 0
    if "Usage" in where:
        name = fields[where["Usage"]].decode("ascii", "replace")
        found = SPLIT_NAMES.get(name.lower())
        if found is None:
            raise ValueError(f"Usage is {name[:20]!r}, not {', '.join(SPLITS)}")
        split = found
    text = fields[where["pixels"]]
    if text.translate(None, b"0123456789 "):
        raise ValueError("pixels are not whole numbers from 0 to 255")
    count = text.count(b" ") + 1
    if count != PIXELS or b"  " in text:
        count = len(text.split())
    if count != PIXELS:
        raise ValueError(f"{count} pixels, not {PIXELS}")
    return label, split, text


def _label(text: str, order: Mapping[int, str]) -> int | str:
    number = number_of(text)
    if number is not None and number not in order:
        raise ValueError(f"emotion is {text[:20]!r}, not {min(order)} to {max(order)}")
    name = text.strip().lower() if number is None else order[number]
    if name in EXTRAS:
        return name
    code = code_of(name)
    if code is None:
        raise ValueError(f"emotion is {text[:20]!r}, not 0 to {len(EMOTIONS) - 1} or a name")
    return code
