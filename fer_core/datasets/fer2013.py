"""FER2013 as it is published: a CSV with the columns ``emotion,pixels,Usage``.

35,887 grey faces of 48×48 pixels (Goodfellow et al. 2013, arXiv 1307.0414). Parsing
takes seconds, so the result is cached as plain arrays under ``FER_HOME``.
"""

import hashlib
import lzma
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from fer_core.datasets.base import SPLITS, Dataset
from fer_core.emotions import EMOTIONS
from fer_core.errors import DatasetError
from fer_core.files import write_atomic
from fer_core.preprocess import FACE_SIZE
from fer_core.settings import settings

COLUMNS = ("emotion", "pixels", "Usage")
PIXELS = FACE_SIZE * FACE_SIZE
#: Votes of the FER+ file that name one of our seven emotions, by its column.
VOTES = {
    "anger": "Angry",
    "disgust": "Disgust",
    "fear": "Fear",
    "happiness": "Happy",
    "sadness": "Sad",
    "surprise": "Surprise",
    "neutral": "Neutral",
}


def load_csv(path: Path) -> Dataset:
    """Read the CSV, plain or compressed (``.gz``, ``.xz``, ``.bz2``, ``.zip``).

    The first call parses and checks every row; later ones read the cache, as long as
    the file's size and time of change stay the same.

    Raises:
        DatasetError: the file cannot be read, or rows are wrong: the message names the
            first of them and what is wrong.
    """
    path = path.resolve()
    try:
        stat = path.stat()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}. Check the path.") from error
    key = hashlib.sha256(f"{path}|{stat.st_size}|{stat.st_mtime_ns}|1".encode()).hexdigest()[:16]
    cached = settings().cache / f"fer2013-{key}.npz"
    if cached.exists():
        try:
            with np.load(cached) as arrays:
                return Dataset(
                    path.name, arrays["faces"], arrays["labels"], np.array(SPLITS)[arrays["usage"]]
                )
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            cached.unlink(missing_ok=True)
    dataset = _parse(path)
    try:
        usage = np.array([SPLITS.index(u) for u in dataset.usage], np.uint8)
        write_atomic(
            cached,
            lambda file: np.savez(file, faces=dataset.faces, labels=dataset.labels, usage=usage),
        )
    except OSError:
        # A cache that cannot be written costs time, nothing else.
        pass
    return dataset


def _parse(path: Path) -> Dataset:
    try:
        table = pd.read_csv(path)
    except (ValueError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, OSError) as error:
        raise DatasetError(f"{path.name} cannot be read as CSV: {error}") from error
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise DatasetError(
            f"{path.name} lacks the column {missing[0]}: FER2013 has {', '.join(COLUMNS)}."
        )
    if table.empty:
        raise DatasetError(f"{path.name} holds no rows.")

    problems: list[str] = []
    labels = pd.to_numeric(table["emotion"], errors="coerce")
    wrong = ~labels.isin(range(len(EMOTIONS)))
    problems += [
        f"row {row}: emotion is {table['emotion'][row]!r}, not 0 to {len(EMOTIONS) - 1}"
        for row in np.flatnonzero(wrong)
    ]
    problems += [
        f"row {row}: Usage is {table['Usage'][row]!r}, not {', '.join(SPLITS)}"
        for row in np.flatnonzero(~table["Usage"].isin(SPLITS))
    ]
    faces = np.zeros((len(table), PIXELS), np.uint8)
    for row, text in enumerate(table["pixels"]):
        try:
            values = np.array(str(text).split(), dtype=np.int64)
        except (ValueError, OverflowError):
            problems.append(f"row {row}: pixels are not whole numbers")
            continue
        if len(values) != PIXELS:
            problems.append(f"row {row}: {len(values)} pixels, not {PIXELS}")
        elif values.min() < 0 or values.max() > 255:
            problems.append(f"row {row}: a pixel is outside 0 to 255")
        else:
            faces[row] = values
    if problems:
        more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
        raise DatasetError(f"{path.name}: {problems[0]}{more}.")
    return Dataset(
        path.name,
        faces.reshape(-1, FACE_SIZE, FACE_SIZE),
        labels.to_numpy(np.int64),
        table["Usage"].to_numpy(str),
    )


def load_votes(path: Path, rows: int) -> np.ndarray:
    """The FER+ votes of each row of FER2013, as shares of the seven emotions.

    Args:
        path: ``fer2013new.csv`` of FER+ (Barsoum et al. 2016, arXiv 1608.01041), whose
            rows follow those of FER2013.
        rows: how many rows the dataset has.

    Returns:
        ``(rows, 7)`` ``float32``; a row sums to 1, or is zero where no annotator chose
        one of the seven (contempt, unknown and 'not a face' are left out).

    Raises:
        DatasetError: not that file, or another number of rows.
    """
    try:
        table = pd.read_csv(path)
        counts = table[list(VOTES)].to_numpy(np.float32)
    except (ValueError, OSError, KeyError) as error:
        raise DatasetError(f"{path} is not the FER+ file fer2013new.csv: {error}") from error
    if len(counts) != rows:
        raise DatasetError(f"{path.name} has {len(counts)} rows, the dataset {rows}.")
    order = [list(VOTES.values()).index(emotion) for emotion in EMOTIONS]
    counts = counts[:, order]
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
