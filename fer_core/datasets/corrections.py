"""Corrections of labelled faces: an overlay that never touches the file it corrects.

Every correction is an event with its author, time and reason, kept in
``FER_HOME/store.sqlite`` as soon as it is made. What holds for a face follows from its
events in their order, so people who work at the same time lose nothing of each other's;
undoing marks events, it deletes none. As CSV the events travel:

    face,action,value,author,time,reason
    k90d7ea3e1a4b5c6d,label,Sad,ada,2026-11-25T04:00:00+00:00,mouth and brows

There every key begins with a "k": some keys would be numbers to a spreadsheet, which rounds them.

>>> overlay = read("corrections.csv")  # doctest: +SKIP
>>> overlay.apply(load("fer2013.csv")).labels  # doctest: +SKIP
"""

import csv
import getpass
import io
import re
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import uuid4

import numpy as np

from fer_core import renamed, storage
from fer_core.datasets.base import Dataset
from fer_core.datasets.identity import face_keys
from fer_core.emotions import EMOTIONS
from fer_core.errors import Damaged, DatasetError
from fer_core.files import write_bytes
from fer_core.settings import settings
from fer_core.table import to_csv

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Final = ("face", "action", "value", "author", "time", "reason")
#: What can be done to a face; ``label`` and the tags have a value.
ACTIONS: Final = ("label", "exclude", "include", "tag", "untag")
#: In the place of a file's name: the corrections saved on this machine.
SAVED: Final = "saved"
#: A face's key, see :func:`fer_core.datasets.identity.face_keys`, as a file has it.
_KEY: Final = re.compile(r"^k?([0-9a-f]{16}(?:-[0-9]+)?)$")
_LONGEST: Final = 60  # characters of a tag


_MIGRATIONS: Final = (
    """
    CREATE TABLE IF NOT EXISTS corrections (
        id INTEGER PRIMARY KEY, batch TEXT NOT NULL, face TEXT NOT NULL, action TEXT NOT NULL,
        value TEXT NOT NULL, author TEXT NOT NULL, time TEXT NOT NULL, reason TEXT NOT NULL,
        undone TEXT
    )
    """,
)


def _connect() -> AbstractContextManager[sqlite3.Connection]:
    return storage.connect("corrections", _MIGRATIONS)


class Change(NamedTuple):
    """What somebody wants done to a face: its key, one of :data:`ACTIONS`, a value."""

    face: str
    action: str
    value: str = ""


@dataclass(frozen=True)
class Correction:
    """What holds for one face after all its events.

    Attributes:
        label: the corrected one, 0 to 6; ``None`` where it was not touched.
        excluded: whether the face is left out.
        tags: words that people put on it.
    """

    label: int | None = None
    excluded: bool = False
    tags: frozenset[str] = frozenset()

    def after(self, action: str, value: str) -> "Correction":
        """Return what holds after one more event."""
        if action == "label":
            return replace(self, label=EMOTIONS.index(value))
        if action in ("exclude", "include"):
            return replace(self, excluded=action == "exclude")
        tags = self.tags | {value} if action == "tag" else self.tags - {value}
        return replace(self, tags=tags)


@dataclass(frozen=True)
class Overlay:
    """Events and what follows from them.

    Attributes:
        events: a table in the columns :data:`COLUMNS`, in the order in which they happened.
        faces: what holds, by the key of each face that was touched.
    """

    events: "pd.DataFrame"
    faces: dict[str, Correction] = field(repr=False)

    @classmethod
    def of(cls, events: "pd.DataFrame") -> "Overlay":
        """Return what follows from ``events``."""
        faces: dict[str, Correction] = {}
        for face, action, value in zip(
            events["face"], events["action"], events["value"], strict=True
        ):
            faces[face] = faces.get(face, Correction()).after(action, value)
        return cls(events, faces)

    def of_faces(self, keys: Iterable[str]) -> "Overlay":
        """Return the part that concerns the given faces."""
        wanted = set(keys)
        part = self.events[self.events["face"].isin(wanted)]
        return Overlay(part, {k: c for k, c in self.faces.items() if k in wanted})

    def apply(self, dataset: Dataset, keys: np.ndarray | None = None) -> Dataset:
        """Return ``dataset`` with corrected labels and without excluded faces.

        Args:
            dataset: the whole of it, as it was read, so that copies of a face are numbered
                as they were when they were corrected.
            keys: of its faces, where they are known already.
        """
        keys = face_keys(dataset.faces) if keys is None else keys
        labels, keep = dataset.labels.copy(), np.ones(len(dataset), bool)
        for i, key in enumerate(keys):
            if correction := self.faces.get(key):
                keep[i] = not correction.excluded
                if correction.label is not None:
                    labels[i] = correction.label
        return replace(dataset, labels=labels).take(keep)

    def to_csv(self) -> bytes:
        """Return the events as CSV, in the columns :data:`COLUMNS`, keys as text."""
        columns = {name: self.events[name].tolist() for name in COLUMNS}
        columns["face"] = [f"k{face}" for face in columns["face"]]
        return to_csv(columns).encode()

    def unknown(self, keys: Iterable[str]) -> list[str]:
        """Return the faces that were corrected and are not among ``keys``."""
        return sorted(self.faces.keys() - set(keys))


def load(source: str | Path) -> Overlay:
    """Read corrections from a CSV file, or those of this machine for :data:`SAVED`."""
    return (
        saved()
        if renamed.current_name(str(source), renamed.CORRECTIONS) == SAVED
        else read(Path(source))
    )


def read(source: Path | bytes) -> Overlay:
    """Read corrections from a CSV, see :meth:`Overlay.to_csv`.

    Only ``face``, ``action`` and ``value`` are needed. Fields may be divided by semicolons or
    tabs, as some spreadsheets do.

    Raises:
        DatasetError: it cannot be read, or ``problems`` lists every row that is wrong.
    """
    name = source.name if isinstance(source, Path) else "The file"
    try:
        content = source.read_bytes() if isinstance(source, Path) else source
        text = content.decode("utf-8-sig")
        delimiter = max(",;\t", key=text.partition("\n")[0].count)
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
        rows, columns = list(reader), list(reader.fieldnames or [])
    except OSError as error:
        raise DatasetError(f"{name}: {error.strerror}. Check the path.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{name} is no CSV of corrections: {error}.") from error
    if missing := [c for c in COLUMNS[:3] if c not in columns]:
        raise DatasetError(
            f"{name} lacks the column {missing[0]}: corrections have {', '.join(COLUMNS)}."
        )
    events = [{c: (row.get(c) or "").strip().removeprefix("'") for c in COLUMNS} for row in rows]
    for event in events:
        event["face"] = _KEY.sub(r"\1", event["face"])
    wrong = (
        (
            n,
            _damaged(e["face"])
            or _wrong(e["face"], e["action"], e["value"])
            or _wrong_time(e["time"]),
        )
        for n, e in enumerate(events)
    )
    if problems := [f"row {n}: {what}" for n, what in wrong if what]:
        raise DatasetError.listing(name, problems)
    return Overlay.of(_table(events, list(COLUMNS)))


def _damaged(face: str) -> str | None:
    """Return what is wrong with a key that a spreadsheet took for a number, in words."""
    if not face or _KEY.fullmatch(face):
        return None
    if re.fullmatch(r"-?[0-9]+([.,][0-9]*)?([eE][+-]?[0-9]+)?|#.*", face):
        return (
            f"{face[:24]!r} is what a spreadsheet made of a face's key. Import the original file "
            "as text, or export the corrections again: keys begin with a k since then"
        )
    return f"{face[:24]!r} is no key of a face: 16 hexadecimal digits, with a k before them or not"


def _wrong(face: str, action: str, value: str) -> str | None:
    """Return what is wrong with a change, in words."""
    if not face:
        return "it names no face"
    if action not in ACTIONS:
        return f"action is {action[:20]!r}, not {', '.join(ACTIONS)}"
    if action == "label" and value not in EMOTIONS:
        return f"the label is {value[:20]!r}, not {', '.join(EMOTIONS)}"
    if action in ("tag", "untag") and not 0 < len(value) <= _LONGEST:
        return f"a tag has 1 to {_LONGEST} characters"
    return None


def _wrong_time(time: str) -> str | None:
    """Return what is wrong with the time of an event, in words; it may be missing."""
    try:
        datetime.fromisoformat(time or _now())
    except ValueError:
        return f"the time is {time[:20]!r}, not one such as {_now()}"
    return None


def saved() -> Overlay:
    """Return the corrections of this machine, those that were undone left out."""
    log = history()
    return Overlay.of(log.loc[~log["undone"], list(COLUMNS)])


def history() -> "pd.DataFrame":
    """Return every event there ever was: :data:`COLUMNS`, ``id``, ``batch`` and ``undone``.

    Events that cannot be read are left out, see :func:`list_damaged`.
    """
    rows = [row for row in _stored() if _wrong_row(row) is None]
    table = _table(rows, list(_STORED))
    return table.assign(undone=table["undone"].notna())


def list_damaged() -> list[Damaged]:
    """Return the events that cannot be read, each by its id."""
    return [
        Damaged(str(row[0]), f"This correction is damaged: {wrong}.")
        for row in _stored()
        if (wrong := _wrong_row(row))
    ]


def delete(key: int) -> None:
    """Delete an event that cannot be read; others are undone, not deleted."""
    with _connect() as db:
        for row in db.execute(f"SELECT {', '.join(_STORED)} FROM corrections WHERE id = ?", (key,)):
            if _wrong_row(row):
                db.execute("DELETE FROM corrections WHERE id = ?", (key,))


#: Columns of the database, in the order of :func:`history`.
_STORED: Final = ("id", "batch", *COLUMNS, "undone")


def _stored() -> list[tuple]:
    if not storage.exists():
        return []
    with _connect() as db:
        return db.execute(f"SELECT {', '.join(_STORED)} FROM corrections ORDER BY id").fetchall()


def _wrong_row(row: tuple) -> str | None:
    """Return what is wrong with a row of the database, in words."""
    texts = row[1 : 2 + len(COLUMNS)]
    if not all(isinstance(text, str) for text in texts):
        return "a text is missing"
    _, face, action, value, _, time, _ = texts
    return _wrong(face, action, value) or _wrong_time(time)


def count_events() -> int:
    """Return how many events there ever were, undone ones included."""
    if not storage.exists():
        return 0
    with _connect() as db:
        return db.execute("SELECT count(*) FROM corrections").fetchone()[0]


def _table(rows: Sequence, columns: list[str]) -> "pd.DataFrame":
    # Counting and deleting corrections works without pandas.
    import pandas as pd

    return pd.DataFrame(rows, columns=columns, dtype=object)


def add(changes: Sequence[Change], author: str = "", reason: str = "") -> str:
    """Keep changes, all or none; when this returns they are on the disk.

    Args:
        changes: what to do, in this order.
        author: who says so; without, the user of this machine.
        reason: why.

    Returns:
        The batch, which :func:`undo` takes.

    Raises:
        DatasetError: a change is none.
    """
    for change in changes:
        if what := _wrong(*change):
            raise DatasetError(f"This cannot be corrected: {what}.")
    author, now = author.strip() or user(), _now()
    return _insert([(*change, author, now, reason) for change in changes])


def add_overlay(overlay: Overlay, author: str = "") -> str:
    """Keep the events of a CSV, with the authors, times and reasons that it gives them.

    Events that are here already are not kept twice.

    Args:
        overlay: The events.
        author: Who said it where the file does not tell; without, the user of this machine.

    Returns:
        The batch, which :func:`undo` takes.
    """
    now = _now()
    here = set(saved().events[list(COLUMNS)].itertuples(index=False, name=None))
    rows: list[tuple[str, ...]] = [
        (face, action, value, said or author or user(), time or now, reason)
        for face, action, value, said, time, reason in overlay.events[list(COLUMNS)].itertuples(
            index=False, name=None
        )
        if (face, action, value, said, time, reason) not in here
    ]
    return _insert(rows)


def _insert(rows: list[tuple[str, ...]]) -> str:
    """Keep events, each in the order of :data:`COLUMNS`, all or none; returns their batch."""
    batch = uuid4().hex
    columns = ("batch", *COLUMNS)
    with _connect() as db:
        db.executemany(
            f"INSERT INTO corrections ({', '.join(columns)}) "
            f"VALUES ({', '.join('?' * len(columns))})",
            [(batch, *row) for row in rows],
        )
    return batch


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def undo(*batches: str) -> list[str]:
    """Take batches back; they stay in :func:`history` as undone.

    Returns:
        The keys of the faces concerned.
    """
    now = _now()
    faces = []
    with _connect() as db:
        for batch in batches:
            faces += db.execute(
                "UPDATE corrections SET undone = ? WHERE batch = ? AND undone IS NULL "
                "RETURNING face",
                (now, batch),
            ).fetchall()
    return [face for (face,) in faces]


def frozen(source: str | Path) -> Path:
    """Return a file that holds ``source``'s corrections as they are now and never changes.

    Training takes it, so that a run that is resumed goes on with the same labels.
    """
    content = load(source).to_csv()
    path = settings().saved_files / f"corrections-{blake2b(content, digest_size=8).hexdigest()}.csv"
    if not path.exists():
        write_bytes(path, content)
    return path.resolve()


def user() -> str:
    """Return the name of the user of this machine."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
