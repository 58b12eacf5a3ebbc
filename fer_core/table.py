"""The one table of every result: its columns, its rows, and how they become CSV.

Pictures, recorded videos and live sessions each have the columns of their kind, in the order
of :data:`TABLE`, whether they are filled or not. There is one row per face. A picture or a
sampled frame without a face has one row whose face columns are empty.
"""

import csv
import io
import math
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np

from fer_core.emotions import EMOTIONS, UNSURE_BELOW
from fer_core.files import printable

if TYPE_CHECKING:
    import pandas as pd

    from fer_core.analysis import Analysis, Face

#: Pictures, recorded video, or a live session.
Kind = Literal["pictures", "video", "live"]


class Column(NamedTuple):
    """A column of the table.

    Attributes:
        name: Its name in every export.
        kinds: The kinds that have it.
        type: ``text``, ``number``, ``integer`` or ``boolean``.
        unit: Unit or range of its values.
        meaning: What it says, for the documentation.
        decimals: Decimals of a number in CSV.
    """

    name: str
    kinds: tuple[Kind, ...]
    type: Literal["text", "number", "integer", "boolean"]
    unit: str
    meaning: str
    decimals: int = 6


_ALL: Final[tuple[Kind, ...]] = ("pictures", "video", "live")
_MOVING: Final[tuple[Kind, ...]] = ("video", "live")
_LIVE: Final[tuple[Kind, ...]] = ("live",)

#: Columns of the seven probabilities, in the order of ``EMOTIONS``.
PROBABILITIES: Final = tuple(emotion.lower() for emotion in EMOTIONS)


#: Every column, in the order of every export.
TABLE: Final[tuple[Column, ...]] = (
    Column("source", _ALL, "text", "", "Path as given, file name, or name of the session"),
    Column("time", _MOVING, "number", "seconds", "Since the start of the recording"),
    Column("wall_time", _LIVE, "text", "ISO 8601", "Clock of the recording machine, with its zone"),
    Column("frame", _MOVING, "integer", "from 0", "Index of the decoded or analysed frame"),
    Column("status", _ALL, "text", "", "`ok`, `no face`, `unreadable: reason`, or `paused`"),
    Column("person", _ALL, "integer", "from 1", "Person in a recording, or face in a picture"),
    Column("name", _ALL, "text", "", "What the user calls the person"),
    *(
        Column(name, _ALL, "number", "pixels", meaning, 2)
        for name, meaning in (
            ("x", "Left edge of the face's box in the upright picture"),
            ("y", "Top edge"),
            ("width", "Width of the box"),
            ("height", "Height of the box"),
        )
    ),
    Column("frame_width", _ALL, "integer", "pixels", "Width of this picture or frame, upright"),
    Column("frame_height", _ALL, "integer", "pixels", "Height of this picture or frame, upright"),
    Column("score", _ALL, "number", "0 to 1", "Confidence of the detector"),
    Column(
        "head_turn", _ALL, "number", "degrees", "Turn of the head to the picture's right, about"
    ),
    Column(
        "sharpness", _ALL, "number", "from 0", "Variance of the Laplacian of the grey aligned crop"
    ),
    Column("brightness", _ALL, "number", "0 to 1", "Mean grey of the aligned crop"),
    *(
        Column(name, _ALL, "number", "0 to 1", f"Probability of {emotion}; the seven sum to 1")
        for name, emotion in zip(PROBABILITIES, EMOTIONS, strict=True)
    ),
    Column("emotion", _ALL, "text", "", "The largest of this row's seven probabilities"),
    Column("confidence", _ALL, "number", "0 to 1", "Its probability"),
    Column(
        "unsure", _ALL, "boolean", "", "The confidence is below the threshold, or not to be trusted"
    ),
    Column("displayed_emotion", _LIVE, "text", "", "What the screen showed, held for stability"),
    Column("corrected_emotion", _ALL, "text", "", "The user's own label of this face"),
    Column("stimulus", _LIVE, "text", "", "What was shown during the recording"),
    Column("stimulus_time", _LIVE, "number", "seconds", "Time within the stimulus"),
    Column("model", _ALL, "text", "", "Model that made the row"),
    Column("class_prior", _ALL, "text", "", "Assumed frequency of the emotions"),
    Column(
        "smoothing", _MOVING, "number", "seconds", "Time constant of the average; 0 is as measured"
    ),
)

_BY_NAME: Final = {column.name: column for column in TABLE}
_DTYPES: Final = {"text": "str", "number": "float64", "integer": "Int64", "boolean": "boolean"}

OK: Final = "ok"
NO_FACE: Final = "no face"
PAUSED: Final = "paused"


def columns(kind: Kind) -> list[str]:
    """Return the names of a kind's columns, in the order of every export.

    >>> columns("pictures")[:3]
    ['source', 'status', 'person']
    """
    return [column.name for column in TABLE if kind in column.kinds]


# What a row is while a recording grows: numbers only, so that a long one stays small.
_NUMBERS: Final = (
    "time", "wall_time", "frame", "status", "person", "x", "y", "width", "height",
    "frame_width", "frame_height", "score", "head_turn", "sharpness", "brightness",
    *PROBABILITIES, "unsure", "displayed_emotion", "made_by",
)  # fmt: skip
_PLACE: Final = {name: place for place, name in enumerate(_NUMBERS)}
WIDTH: Final = len(_NUMBERS)
#: Bytes that a row takes in memory.
ROW_BYTES: Final = 8 * WIDTH


class Rows:
    """Rows of a growing recording, :data:`ROW_BYTES` bytes each.

    >>> rows = Rows()
    >>> rows.add(analysis)  # doctest: +SKIP
    >>> list(rows.table("video")) == columns("video")
    True
    """

    def __init__(self) -> None:
        self._numbers = array("d")
        self._statuses = [OK, NO_FACE, PAUSED]
        self._made_by: list[tuple[str, str]] = []
        #: Lists of JSON values that belong to the recording and are no rows, by name; their
        #: times are those of the rows.
        self.notes: dict[str, list[Any]] = {}

    def __len__(self) -> int:
        return len(self._numbers) // WIDTH

    def add(
        self,
        analysis: "Analysis",
        *,
        frame: int | None = None,
        wall_time: float | None = None,
        unsure_below: float = UNSURE_BELOW,
    ) -> None:
        """Add one row per face of a picture or frame, or one row that says there is none.

        Args:
            analysis: What was found. Its ``error`` makes the row's status "unreadable".
            frame: Index of the frame.
            wall_time: Seconds since 1970 on the recording machine.
            unsure_below: Confidence below which a row is marked as unsure, 0 to 1.
        """
        made_by = (analysis.model, analysis.class_prior)
        if made_by not in self._made_by:
            self._made_by.append(made_by)
        common = {
            "time": analysis.time,
            "wall_time": wall_time,
            "frame": frame,
            "frame_width": analysis.width or None,
            "frame_height": analysis.height or None,
            "made_by": self._made_by.index(made_by),
        }
        if analysis.error is not None:
            self._append(common | {"status": self._status(f"unreadable: {analysis.error}")})
        elif not analysis.faces:
            self._append(common | {"status": 1})
        for number, face in enumerate(analysis.faces, start=1):
            self._append(common | _of_face(face, number, unsure_below))

    def add_pause(self, time: float, wall_time: float | None = None) -> None:
        """Add a row that says that nothing was analysed from this moment on.

        Args:
            time: Seconds since the start of the recording.
            wall_time: Seconds since 1970 on the recording machine.
        """
        made_by = len(self._made_by) - 1
        self._append(
            {
                "time": time,
                "wall_time": wall_time,
                "status": 2,
                "made_by": made_by if made_by >= 0 else None,
            }
        )

    def drop_before(self, time: float) -> None:
        """Drop the rows at the beginning whose time is earlier."""
        numbers, end = self._numbers, 0
        while end < len(numbers) and numbers[end] < time:
            end += WIDTH
        del numbers[:end]

    def table(
        self,
        kind: Kind,
        source: str = "",
        *,
        persons: Mapping[int, int] | None = None,
        from_zero: bool = False,
    ) -> "pd.DataFrame":
        """Return the rows as a data frame in the columns of ``kind``.

        Args:
            kind: Which columns.
            source: Content of the column ``source``.
            persons: New number of each person.
            from_zero: Let the time begin with the first row, and frames with 0.
        """
        return data_frame(self.values(kind, source, persons=persons, from_zero=from_zero), kind)

    def for_curves(self) -> "pd.DataFrame":
        """Return time, person, probabilities and status alone, many times as fast as
        :meth:`table`; ``wall_time`` is in seconds since 1970.
        """
        import pandas as pd

        numbers = np.array(self._numbers, dtype=float).reshape(-1, WIDTH)
        wanted = {name: numbers[:, _PLACE[name]] for name in ("time", "wall_time", *PROBABILITIES)}
        statuses = np.array([*self._statuses, ""], dtype=object)
        return pd.DataFrame(
            wanted
            | {
                "person": _series(numbers[:, _PLACE["person"]], "integer"),
                "status": statuses[numbers[:, _PLACE["status"]].astype(int)],
            }
        )

    def values(
        self,
        kind: Kind,
        source: str = "",
        *,
        persons: Mapping[int, int] | None = None,
        from_zero: bool = False,
    ) -> dict[str, Sequence[Any]]:
        """Return the rows column by column, without pandas; see :meth:`table`.

        Returns:
            Name → values, ``None`` or NaN where a value is unknown.
        """
        numbers = np.array(self._numbers, dtype=float).reshape(-1, WIDTH)
        of = {name: numbers[:, place] for name, place in _PLACE.items()}
        n = len(numbers)
        if from_zero and n:
            of["time"] = of["time"] - of["time"][0]
            first = of["frame"][~np.isnan(of["frame"])][:1]
            of["frame"] = of["frame"] - (first if len(first) else 0)
        seen = ~np.isnan(of["person"])
        if persons:
            of["person"] = np.array([persons.get(int(p), p) if s else p for p, s in zip(
                of["person"], seen, strict=True)])  # fmt: skip
        probabilities = numbers[:, _PLACE[PROBABILITIES[0]] : _PLACE[PROBABILITIES[-1]] + 1]
        best = np.where(seen, np.nan_to_num(probabilities).argmax(axis=1), np.nan)
        made_by = [*self._made_by, (None, None)]
        makers = [made_by[-1 if math.isnan(i) else int(i)] for i in of["made_by"].tolist()]
        made = {
            "source": [source] * n,
            "wall_time": [None if math.isnan(t) else _iso(t) for t in of["wall_time"].tolist()],
            "status": [self._statuses[int(i)] for i in of["status"].tolist()],
            "name": [None] * n,
            "emotion": _emotions(best),
            "confidence": np.where(
                seen, np.nan_to_num(probabilities).max(axis=1, initial=0), np.nan
            ),
            "displayed_emotion": _emotions(of["displayed_emotion"]),
            "corrected_emotion": [None] * n,
            "stimulus": [None] * n,
            "stimulus_time": np.full(n, np.nan),
            "model": [maker for maker, _ in makers],
            "class_prior": [prior for _, prior in makers],
            "smoothing": np.zeros(n),
        }
        return {name: made.get(name, of.get(name)) for name in columns(kind)}  # type: ignore[misc]

    def dump(self, first: int = 0) -> tuple[bytes, dict[str, Any]]:
        """Return rows as bytes, and the JSON values without which they cannot be read.

        Args:
            first: Index of the first of them; :data:`ROW_BYTES` bytes follow for each.
        """
        about = {
            "columns": _NUMBERS,
            "statuses": list(self._statuses),
            "made_by": list(self._made_by),
            "notes": {name: list(values) for name, values in self.notes.items()},
        }
        return self._numbers[first * WIDTH :].tobytes(), about

    @classmethod
    def load(cls, content: bytes, about: Mapping[str, Any]) -> "Rows":
        """Return the rows that :meth:`dump` wrote.

        Args:
            content: All rows; an incomplete one at the end is left out.
            about: As :meth:`dump` gave it last.

        Raises:
            KeyError, TypeError, ValueError: It is nothing that this version wrote.
        """
        if tuple(about["columns"]) != _NUMBERS:
            raise ValueError("the columns are those of another version")
        rows = cls()
        rows._numbers.frombytes(content[: len(content) // ROW_BYTES * ROW_BYTES])
        rows._statuses = [str(status) for status in about["statuses"]]
        rows._made_by = [(str(model), str(prior)) for model, prior in about["made_by"]]
        rows.notes = {str(k): list(v) for k, v in about.get("notes", {}).items()}
        rows.values("live")
        return rows

    @property
    def first(self) -> float | None:
        """Return time of the first row in seconds."""
        return self._numbers[_PLACE["time"]] if self._numbers else None

    @property
    def latest(self) -> tuple[float, float] | None:
        """Return time and clock of the last row in seconds, NaN where unknown."""
        if not self._numbers:
            return None
        return self._numbers[-WIDTH + _PLACE["time"]], self._numbers[-WIDTH + _PLACE["wall_time"]]

    def _status(self, text: str) -> int:
        if text not in self._statuses:
            self._statuses.append(text)
        return self._statuses.index(text)

    def _append(self, values: Mapping[str, float | None]) -> None:
        self._numbers.extend(
            math.nan if (value := values.get(name)) is None else value for name in _NUMBERS
        )


def _of_face(face: "Face", number: int, unsure_below: float) -> dict[str, float | None]:
    x, y, width, height = face.box
    return {
        "status": 0,
        "person": number if face.person is None else face.person,
        "x": x,
        "y": y,
        "width": width,
        "height": height,
        "score": face.detection.score,
        "head_turn": face.detection.head_turn,
        "sharpness": face.sharpness,
        "brightness": face.brightness,
        **dict(zip(PROBABILITIES, face.probabilities, strict=True)),
        "unsure": face.unreliable or face.confidence < unsure_below,
        "displayed_emotion": EMOTIONS.index(face.displayed_emotion),
    }


def _emotions(places: np.ndarray) -> list[str | None]:
    return [None if math.isnan(i) else EMOTIONS[int(i)] for i in places.tolist()]


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="milliseconds")


def data_frame(values: Mapping[str, Sequence[Any]], kind: Kind) -> "pd.DataFrame":
    """Return columns of values as a data frame with the types of :data:`TABLE`.

    Args:
        values: Name → values; a column that is missing is empty.
        kind: Which columns.
    """
    # Whoever wants no data frame does not wait for pandas.
    import pandas as pd

    length = max((len(column) for column in values.values()), default=0)
    return pd.DataFrame(
        {
            name: _series(values.get(name, [None] * length), _BY_NAME[name].type)
            for name in columns(kind)
        }
    )


def _series(values: Sequence[Any] | np.ndarray, type_: str) -> Any:
    import pandas as pd

    if type_ == "integer" and isinstance(values, np.ndarray):
        # Through a mask: from floats, pandas would compare every value.
        missing = np.isnan(values)
        whole = np.where(missing, 0, values).astype(np.int64)
        return pd.arrays.IntegerArray(whole, missing)
    if type_ == "boolean" and isinstance(values, np.ndarray):
        missing = np.isnan(values)
        return pd.arrays.BooleanArray(np.where(missing, 0, values).astype(bool), missing)
    return pd.array(values, dtype=_DTYPES[type_]) if type_ != "number" else pd.Series(
        values, dtype="float64"
    )  # fmt: skip


def complete(table: "pd.DataFrame", kind: Kind, **known: Any) -> "pd.DataFrame":
    """Return a table of an earlier version in the columns of this one.

    Args:
        table: With some of the columns of ``kind``.
        kind: Which columns.
        known: Values of columns that the table lacks, such as ``model="fast"``.
    """
    known = {"status": OK, "smoothing": 0.0, "class_prior": "as-trained"} | known
    values = {
        name: table[name].tolist() if name in table else [known.get(name)] * len(table)
        for name in columns(kind)
    }
    if "unsure" not in table:
        values["unsure"] = [c < UNSURE_BELOW for c in table["confidence"]]
    # The column held the displayed emotion.
    best = table[list(PROBABILITIES)].to_numpy(float)
    if "status" not in table and len(table):
        if kind == "live":
            values["displayed_emotion"] = table["emotion"].tolist()
        values["emotion"] = [EMOTIONS[i] for i in best.argmax(axis=1)]
        values["confidence"] = best.max(axis=1)
    return data_frame(_without_nan(values), kind)


def _without_nan(values: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """Return missing values as ``None``, which every type takes."""
    return {
        name: [None if value is None or value != value else value for value in column]
        for name, column in values.items()
    }


def records(table: "pd.DataFrame | Mapping[str, Sequence[Any]]") -> list[dict[str, Any]]:
    """Return a table row by row as plain JSON values; ``None`` where a value is unknown."""
    values = [[_plain(value) for value in column] for column in _columns(table).values()]
    return [dict(zip(_columns(table), row, strict=True)) for row in zip(*values, strict=True)]


def _columns(table: "pd.DataFrame | Mapping[str, Sequence[Any]]") -> dict[str, Sequence[Any]]:
    if isinstance(table, Mapping):
        known = {name: _BY_NAME[name].type for name in table if name in _BY_NAME}
        return {name: _typed(values, known.get(name, "text")) for name, values in table.items()}
    return {str(name): table[name].astype(object).tolist() for name in table}


def _typed(values: Sequence[Any], type_: str) -> Sequence[Any]:
    """Return values of a column as what they are: rows in memory hold every number as a float."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    make: Callable[[Any], Any] = {"integer": int, "boolean": bool}.get(type_, lambda value: value)
    return [None if value is None or value != value else make(value) for value in values]


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if value is None or value is np.nan:
        return None
    if type(value).__name__ in ("NAType", "NaTType") or value != value:
        return None
    return value.item() if isinstance(value, np.generic) else value


#: A text cell that begins so would be run as a formula, or hides that it would.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "'")


def neutralize(text: str) -> str:
    """Return a text cell that no spreadsheet takes for a formula.

    >>> neutralize("=1+1"), neutralize("talk.mp4")
    ("'=1+1", 'talk.mp4')
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


def to_csv(table: "pd.DataFrame | Mapping[str, Sequence[Any]]") -> str:
    """Return a table as CSV, the one writer of every CSV of this project.

    UTF-8 text without a byte-order mark, quoted as RFC 4180 says. Numbers have six decimals,
    or as many as :data:`TABLE` gives their column. Text that a spreadsheet would run as a
    formula gets a leading apostrophe, which :func:`read_csv` takes off.

    Args:
        table: A data frame, or values by column name.
    """
    values = _columns(table)
    cells = [_cells(name, column) for name, column in values.items()]
    lines = [",".join(map(_quoted, map(neutralize, values)))]
    lines += [",".join(row) for row in zip(*cells, strict=True)]
    return "\n".join(lines) + "\n"


def _cells(name: str, values: Sequence[Any]) -> list[str]:
    decimals = _BY_NAME[name].decimals if name in _BY_NAME else 6
    cells = []
    for value in values:
        value = _plain(value)
        if value is None:
            cells.append("")
        elif isinstance(value, bool):
            cells.append("true" if value else "false")
        elif isinstance(value, float):
            cells.append(f"{value:.{decimals}f}")
        elif isinstance(value, int):
            cells.append(str(value))
        else:
            cells.append(_quoted(neutralize(printable(str(value)))))
    return cells


def _quoted(text: str) -> str:
    if any(character in text for character in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def read_csv(source: str | Path | bytes) -> "pd.DataFrame":
    """Read a table that :func:`to_csv` wrote.

    Args:
        source: Path of the file, or its content.

    Returns:
        The columns of the file, with the types of :data:`TABLE`; other columns are text.

    Raises:
        OSError, UnicodeDecodeError, csv.Error: The file cannot be read.
    """
    import pandas as pd

    content = source if isinstance(source, bytes) else Path(source).read_bytes()
    lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    header = [name.removeprefix("'") for name in next(lines, [])]
    rows: Iterable[Sequence[str]] = list(lines)
    values = list(zip(*rows, strict=True)) or [()] * len(header)
    return pd.DataFrame(
        {
            name: _series([_read(cell, _type(name)) for cell in column], _type(name))
            for name, column in zip(header, values, strict=True)
        }
    )


def _type(name: str) -> str:
    return _BY_NAME[name].type if name in _BY_NAME else "text"


def _read(cell: str, type_: str) -> Any:
    if cell == "":
        return None
    if type_ == "text":
        return cell.removeprefix("'")
    if type_ == "boolean":
        return cell == "true"
    return int(cell) if type_ == "integer" else float(cell)


def documentation() -> str:
    """Return the columns as a table in Markdown, for the documentation."""
    kinds = {"pictures": "P", "video": "V", "live": "L"}
    lines = ["| column | kinds | type | unit or range | meaning |", "|---|---|---|---|---|"]
    lines += [
        f"| `{c.name}` | {''.join(kinds[kind] for kind in c.kinds)} | {c.type} | "
        f"{c.unit or '–'} | {c.meaning} |"
        for c in TABLE
    ]
    return "\n".join(lines) + "\n"
