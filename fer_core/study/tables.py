"""The plain tables of a study's folder: tab-separated, UTF-8, ``n/a`` where nothing is known."""

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pandas as pd

from fer_core.files import stamp, write_bytes
from fer_core.study.model import StudyError
from fer_core.table import PROBABILITIES

NOT_KNOWN: Final = "n/a"
#: Columns of a table of events, see BIDS.
EVENTS: Final = ("onset", "duration", "trial_type")
PARTICIPANT: Final = "participant_id"
#: Columns of results, which no column of the participants may be called.
_RESULTS: Final = re.compile(
    "recording|task|event|number|onset|duration|counted|reason|occurrences|measure|value"
    "|valid_seconds|(valid|present|several|unsure)_share|head_turn|face_width|sharpness|brightness"
    "|valence|changes_per_minute"
    rf"|(mean|share|above|peak|peak_time|area|baseline)_({'|'.join(PROBABILITIES)}|valence)"
)


def clean(text: object) -> str:
    """Return text as a cell holds it: one line, no space at its ends; "" where nothing is known."""
    line = " ".join(str(text).split())
    return "" if line.casefold() in (NOT_KNOWN, "nan", "none", "<na>") else line


def check_column(name: str) -> None:
    """Check that participants can have a column of a name.

    Raises:
        StudyError: The tables of results have one of this name.
    """
    if _RESULTS.fullmatch(name):
        raise StudyError(
            f"Participants cannot have a column called {name}, because the tables of results have "
            f"one: call it {name}_of_participant, for example."
        )


def free_name(base: str, taken: set[str], joint: str = "", longest: int = 200) -> str:
    """Return a name that nothing has yet, with a number where needed, and note it as taken.

    Args:
        base: What it should be called.
        taken: Names that are taken, without differences of capital and small letters, which some
            file systems and programs do not tell apart.
        joint: What stands before the number.
        longest: Characters at most.

    >>> free_name("P7", {"p7"})
    'P72'
    """
    name, number = base[:longest], 1
    while name.casefold() in taken:
        number += 1
        end = f"{joint}{number}"
        name = f"{base[: longest - len(end)]}{end}"
    taken.add(name.casefold())
    return name


def read_rows(path: Path, delimiter: str | None = "\t") -> tuple[list[str], list[list[str]]]:
    """Return names of columns and rows of a table of text.

    Args:
        path: Of the file.
        delimiter: Between cells; ``None`` finds out.

    Raises:
        StudyError: It cannot be read, or is no such table.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StudyError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    return parse_rows(content, path.name, delimiter)


def parse_rows(
    content: bytes, name: str, delimiter: str | None = None
) -> tuple[list[str], list[list[str]]]:
    """Return names of columns and rows of a CSV or TSV file, see :func:`read_rows`."""
    try:
        text = content.decode(
            "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        )
    except UnicodeDecodeError as error:
        raise StudyError(f"{name} is not UTF-8 text: save it as UTF-8 and try again.") from error
    if delimiter is None:
        first = text.split("\n", 1)[0]
        delimiter = max("\t,;", key=first.count)
    try:
        lines = [
            [cell.strip() for cell in line]
            for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
            if any(cell.strip() for cell in line)
        ]
    except csv.Error as error:
        raise StudyError(f"{name} is not a table of text: {error}.") from error
    if not lines:
        raise StudyError(f"{name} is empty: its first line should hold the names of the columns.")
    header, rows = lines[0], lines[1:]
    if len(set(header)) < len(header):
        raise StudyError(f"{name} has two columns of one name: rename one of them.")
    for number, row in enumerate(rows, start=2):
        if len(row) > len(header) and any(row[len(header) :]):
            raise StudyError(
                f"{name}, row {number}, has {len(row)} cells, but there are {len(header)} columns."
            )
    width = len(header)
    return header, [(row + [""] * width)[:width] for row in rows]


def to_tsv(columns: Mapping[str, Iterable[Any]]) -> bytes:
    """Return columns of values as TSV."""
    lines = ["\t".join(columns)]
    lines += ["\t".join(_cell(v) for v in row) for row in zip(*columns.values(), strict=True)]
    return ("\n".join(lines) + "\n").encode()


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return NOT_KNOWN if math.isnan(value) else f"{value:.6f}".rstrip("0").rstrip(".")
    return clean(value) or NOT_KNOWN


def read_participants(path: Path) -> pd.DataFrame:
    """Return the participants of a study.

    Returns:
        Text columns, ``participant_id`` first; "" where nothing is known.

    Raises:
        StudyError: The file cannot be read, or two rows have one code.
    """
    header, rows = read_rows(path)
    if PARTICIPANT not in header:
        raise StudyError(f"{path.name} has no column {PARTICIPANT}: add it as the first one.")
    table = pd.DataFrame(rows, columns=header, dtype=str).map(clean)
    table = table[[PARTICIPANT, *(name for name in header if name != PARTICIPANT)]]
    for name in table:
        check_column(name)
    codes = table[PARTICIPANT]
    if (codes == "").any():
        raise StudyError(f"{path.name} has a row without a {PARTICIPANT}: fill it in.")
    if codes.duplicated().any():
        double = codes[codes.duplicated()].iloc[0]
        raise StudyError(f"{path.name} has two rows for {double}: leave one of them.")
    return table


def write_participants(path: Path, table: pd.DataFrame) -> None:
    """Write the participants of a study, see :func:`read_participants`."""
    write_bytes(path, to_tsv({str(name): table[name].tolist() for name in table}))


def empty_events() -> pd.DataFrame:
    """Return a table of no events."""
    return pd.DataFrame({"onset": [], "duration": [], "trial_type": []}).astype(
        {"onset": float, "duration": float, "trial_type": str}
    )


def read_events(path: Path) -> pd.DataFrame:
    """Return the events of a recording, by time.

    Returns:
        ``onset`` and ``duration`` in seconds (NaN: the end is unknown), ``trial_type``, and
        further text columns of the file.

    Raises:
        StudyError: The file cannot be read.
    """
    try:
        now = stamp(path)
    except OSError as error:
        raise StudyError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    return _events(path, now).copy()


@lru_cache(maxsize=2000)
def _events(path: Path, stamp: tuple[int, ...]) -> pd.DataFrame:
    """Return events of a file, read again only if the file was replaced meanwhile."""
    header, rows = read_rows(path)
    table = pd.DataFrame(rows, columns=header, dtype=str)
    for name in EVENTS[:2]:
        if name not in table:
            raise StudyError(f"{path.name} has no column {name}: see docs/study.md for its form.")
    if "trial_type" not in table:
        table["trial_type"] = "event"
    return tidy_events(table, path.name)


def tidy_events(table: pd.DataFrame, name: str = "The table of events") -> pd.DataFrame:
    """Return events with the types and order that a study keeps.

    Args:
        table: At least ``onset``, ``duration``, ``trial_type``; text or numbers.
        name: What to call the table in an error.

    Raises:
        StudyError: A time is no number, a duration is negative, or an event has no name.
    """
    if table.empty:
        return empty_events()
    columns: dict[str, Any] = {}
    for column in EVENTS[:2]:
        columns[column] = [
            _seconds(value, column, f"{name}, row {number}")
            for number, value in enumerate(table[column], start=1)
        ]
    if any(math.isnan(onset) for onset in columns["onset"]):
        raise StudyError(f"{name} has an event without an onset: fill it in, in seconds.")
    columns["trial_type"] = [clean(value) or "event" for value in table["trial_type"]]
    for other in table:
        if other not in EVENTS:
            columns[str(other)] = [clean(value) for value in table[other]]
    return pd.DataFrame(columns).sort_values("onset", kind="stable").reset_index(drop=True)


def _seconds(value: Any, column: str, where: str) -> float:
    text = clean(value)
    if not text:
        return math.nan
    try:
        seconds = float(text.replace(",", "."))
    except ValueError:
        seconds = math.inf
    if not math.isfinite(seconds):
        raise StudyError(f"{where}: the {column} is '{text}', which is no number of seconds.")
    if column == "duration" and seconds < 0:
        raise StudyError(f"{where}: the duration is negative; an event ends after it begins.")
    return seconds
