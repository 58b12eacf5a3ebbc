"""FER2013 as it is published: a CSV with the columns ``emotion,pixels,Usage``.

35,887 grey faces of 48×48 pixels (Goodfellow et al. 2013, arXiv 1307.0414). Parsing
takes seconds, so the result is cached as plain arrays under ``FER_HOME``.
"""

import codecs
import csv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from fer_core.datasets.base import SPLITS, Dataset, random_splits
from fer_core.datasets.bounds import UNREADABLE, open_table
from fer_core.datasets.cache import cached
from fer_core.datasets.registry import ReadOptions, register
from fer_core.emotions import EMOTIONS
from fer_core.errors import DatasetError
from fer_core.files import ExportFolder, write_atomic
from fer_core.preprocess import FACE_SIZE

COLUMNS: Final = ("emotion", "pixels", "Usage")
PIXELS: Final = FACE_SIZE * FACE_SIZE
SUFFIXES: Final = (".csv", ".gz", ".tgz", ".xz", ".bz2", ".zip", ".tar")

_BLOCK: Final = 64  # rows parsed at once: 64 rows of text fit the processor's cache


def load_csv(
    path: Path,
    *,
    skip_bad: bool = False,
    seed: int = 0,
    on_progress: Callable[[float], None] | None = None,
) -> Dataset:
    """Read the CSV: plain, ``.gz``, ``.xz``, ``.bz2``, ``.zip``, or in Kaggle's ``.tar.gz``.

    The first call parses and checks every row; later ones read the cache, as long as
    the file's size and time of change stay the same. The order of columns is free, and
    spaces around their names do not matter (Kaggle's ``icml_face_data.csv``).

    Args:
        path: the file.
        skip_bad: leave rows out that are wrong instead of refusing the file.
        seed: decides the splits of a file without the column ``Usage``, see
            :func:`fer_core.datasets.base.random_splits`.
        on_progress: told the share of the file that is read, while it is parsed.

    Raises:
        DatasetError: the file cannot be read, or rows are wrong; ``problems`` lists
            each of them with what is wrong.
    """
    path = path.resolve()
    try:
        stat = path.stat()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}. Check the path.") from error
    key = [str(path), stat.st_size, stat.st_mtime_ns, skip_bad, seed, 2]
    arrays = cached("fer2013", key, lambda: _parse(path, skip_bad, seed, on_progress), path)
    return Dataset(
        path.name,
        arrays["faces"],
        arrays["labels"].astype(np.int64),
        np.array(SPLITS)[arrays["usage"]],
        rows=arrays["rows"],
    )


def _recognises(path: Path) -> bool:
    # Of a path that is not there, reading says so.
    return not path.is_dir() and (path.suffix.lower() in SUFFIXES or not path.exists())


@register("fer2013", "FER2013's CSV, packed or not", _recognises)
def _read(path: Path, how: ReadOptions) -> Dataset:
    return load_csv(path, skip_bad=how.skip_bad, seed=how.seed, on_progress=how.on_progress)


def export_csv(dataset: Dataset, path: Path) -> None:
    """Write a CSV with FER2013's three columns, which :func:`load_csv` reads back."""

    def write(file: BinaryIO) -> None:
        file.write(",".join(COLUMNS).encode() + b"\n")
        for face, label, split in zip(dataset.faces, dataset.labels, dataset.usage, strict=True):
            pixels = " ".join(map(str, face.ravel().tolist()))
            file.write(f"{label},{pixels},{split}\n".encode())

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


def _parse(
    path: Path, skip_bad: bool, seed: int, on_progress: Callable[[float], None] | None
) -> dict[str, np.ndarray]:
    size = max(1, path.stat().st_size)
    problems: list[str] = []
    parts: list[tuple] = []
    first = 0
    try:
        with (
            open_table(path, lambda names: _choose(names, path)) as (file, packed),
            ThreadPoolExecutor(1) as reader,
        ):
            where = _columns(file.readline(), path)
            # Unpacking goes on while the rows before are parsed.
            ahead = reader.submit(lambda: list(islice(file, _BLOCK)))
            while lines := ahead.result():
                ahead = reader.submit(lambda: list(islice(file, _BLOCK)))
                parts.append(_rows(lines, first, where, problems))
                first += len(lines)
                if on_progress and first % (16 * _BLOCK) == 0:
                    on_progress(min(1.0, packed.tell() / size))
    except UNREADABLE as error:
        if not first:
            raise DatasetError(f"{path.name} is damaged or no CSV: {error}.") from error
        problems.append(f"from row {first} on: the file is damaged or cut off ({error})")
    if problems and not skip_bad:
        raise DatasetError.listing(path.name, problems)
    if not parts or not sum(len(part[0]) for part in parts):
        raise DatasetError(f"{path.name} holds no rows.")
    faces, labels, usage, rows = (np.concatenate(column) for column in zip(*parts, strict=True))
    if "Usage" not in where:
        usage = random_splits(labels, seed)
    return {"faces": faces, "labels": labels, "usage": usage, "rows": rows}


def _columns(header: bytes, path: Path) -> dict[str, int]:
    if header.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DatasetError(f"{path.name} is encoded as UTF-16: save it as UTF-8.")
    names = next(csv.reader([header.decode("utf-8-sig", "replace")]), [])
    where = {name.strip(): i for i, name in enumerate(names)}
    for column in ("emotion", "pixels"):
        if column not in where:
            raise DatasetError(
                f"{path.name} lacks the column {column}: FER2013 has {', '.join(COLUMNS)}."
            )
    return where


def _rows(
    lines: list[bytes], first: int, where: dict[str, int], problems: list[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Faces, labels, split numbers and row numbers of a block of lines."""
    rows, labels, usage, texts = [], [], [], []
    for row, line in enumerate(lines, start=first):
        fields = [field.strip(b' "\r\n') for field in line.split(b",")]
        if fields == [b""]:
            continue
        try:
            label, split, text = _check(fields, where)
        except ValueError as error:
            problems.append(f"row {row}: {error}")
            continue
        rows.append(row)
        labels.append(label)
        usage.append(split)
        texts.append(text)
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
    )


def _check(fields: list[bytes], where: dict[str, int]) -> tuple[int, int, bytes]:
    if len(fields) != len(where):
        raise ValueError(f"{len(fields)} fields, not {len(where)}")
    label = fields[where["emotion"]].decode("ascii", "replace")
    if label not in "0123456" or len(label) != 1:
        raise ValueError(f"emotion is {label[:20]!r}, not 0 to {len(EMOTIONS) - 1}")
    split = 0
    if "Usage" in where:
        name = fields[where["Usage"]].decode("ascii", "replace")
        if name not in SPLITS:
            raise ValueError(f"Usage is {name[:20]!r}, not {', '.join(SPLITS)}")
        split = SPLITS.index(name)
    text = fields[where["pixels"]]
    if text.translate(None, b"0123456789 "):
        raise ValueError("pixels are not whole numbers from 0 to 255")
    count = text.count(b" ") + 1
    if count != PIXELS or b"  " in text:
        count = len(text.split())
    if count != PIXELS:
        raise ValueError(f"{count} pixels, not {PIXELS}")
    return int(label), split, text
