"""Live sessions that users saved, in the database. Nothing is saved unasked."""

import json
import math
import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from fer_core import storage
from fer_core.emotions import EMOTIONS
from fer_core.errors import Damaged, FerError
from fer_core.face_labels import FaceLabel, of_values, to_values, with_labels
from fer_core.table import columns, complete, data_frame, records

if TYPE_CHECKING:
    import pandas as pd


def _add_owner(db: sqlite3.Connection) -> None:
    """Add the column that stores of before there were visitors lack."""
    if "owner" not in {row[1] for row in db.execute("PRAGMA table_info(sessions)")}:
        db.execute("ALTER TABLE sessions ADD COLUMN owner TEXT NOT NULL DEFAULT ''")


def _add_columns(db: sqlite3.Connection) -> None:
    """Add the columns that rows of earlier versions lack."""
    for column in _ADDED:
        db.execute(f'ALTER TABLE session_rows ADD COLUMN "{column}"')


# Both lists are what a version stored, whatever a later one calls the table's columns.
_COLUMNS: Final = (
    "time", "person", "x", "y", "width", "height", "score",
    *(emotion.lower() for emotion in EMOTIONS), "emotion", "confidence",
)  # fmt: skip
_ADDED: Final = (
    "source", "wall_time", "frame", "status", "name", "frame_width", "frame_height", "head_turn",
    "sharpness", "brightness", "unsure", "displayed_emotion", "corrected_emotion", "stimulus",
    "stimulus_time", "model", "class_prior", "smoothing",
)  # fmt: skip
_MIGRATIONS: Final = (
    f"""
    CREATE TABLE IF NOT EXISTS sessions (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, kept TEXT NOT NULL, about TEXT NOT NULL,
        seconds REAL NOT NULL, owner TEXT NOT NULL DEFAULT ''
    );
    CREATE TABLE IF NOT EXISTS session_rows (
        session INTEGER NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
        {", ".join(f'"{column}"' for column in _COLUMNS)}
    );
    CREATE INDEX IF NOT EXISTS session_rows_by_session ON session_rows (session)
    """,
    _add_owner,
    _add_columns,
)


_GONE: Final = "This session is not kept any more."
#: Said of a session whose numbers are not what they should be.
_DAMAGED: Final = "This session is damaged and can only be deleted."


def _connect() -> AbstractContextManager[sqlite3.Connection]:
    return storage.connect("sessions", _MIGRATIONS)


@dataclass(frozen=True)
class SavedSession:
    """A live session that somebody kept.

    Attributes:
        id: its number.
        name: given by the visitor.
        saved: when, with its time zone.
        seconds: from first to last row.
        about: model, detector and the like, as kept with it.
    """

    id: int
    name: str
    saved: datetime
    seconds: float
    about: dict[str, Any]


def save_session(
    table: "pd.DataFrame", name: str, about: dict[str, Any] | None = None, owner: str = ""
) -> int:
    """Keep the numbers of a session; returns its id.

    Args:
        table: In the columns of a live session, as measured.
        name: for people.
        about: plain JSON values to remember with it.
        owner: Opaque text that says whose it is; "" for the machine's own.

    Raises:
        FerError: Nothing was recorded, or the database cannot be written.
    """
    # Deleting and counting sessions works without pandas.
    from fer_core import timeline

    if table.empty:
        raise FerError("There are no numbers to keep: record some first.")
    seconds = timeline.length(table)
    saved = datetime.now(UTC).isoformat()
    names = columns("live")
    table = table.assign(source=name)
    if about and about.get("labels"):
        # They are stored once, where they can be taken back.
        table = table.assign(corrected_emotion=None)
    rows = [tuple(row.values()) for row in records(table[names])]
    marks = ", ".join("?" * (len(names) + 1))
    stored = ", ".join(f'"{column}"' for column in names)
    with _connect() as db:
        key = db.execute(
            "INSERT INTO sessions (name, kept, about, seconds, owner) VALUES (?, ?, ?, ?, ?)",
            (name, saved, json.dumps(about or {}), seconds, owner),
        ).lastrowid
        db.executemany(
            f"INSERT INTO session_rows (session, {stored}) VALUES ({marks})",
            ((key, *row) for row in rows),
        )
    assert key is not None
    return key


def list_sessions(owner: str | None = None) -> list[SavedSession]:
    """Return saved sessions, the newest first.

    Args:
        owner: Whose; ``None`` for those of everybody.
    """
    return [session for _, session in _listed(owner) if session is not None]


def list_damaged(owner: str | None = None) -> list[Damaged]:
    """Return the saved sessions that cannot be read, each by its id.

    Args:
        owner: Whose; ``None`` for those of everybody.
    """
    return [Damaged(str(key), _DAMAGED) for key, session in _listed(owner) if session is None]


def _listed(owner: str | None) -> list[tuple[Any, SavedSession | None]]:
    """Return each id, the newest first, with its session; ``None`` for one that is damaged."""
    if not storage.exists():
        return []
    with _connect() as db:
        rows = db.execute(
            "SELECT id, name, kept, seconds, about FROM sessions "
            "WHERE ?1 IS NULL OR owner = ?1 ORDER BY id DESC",
            (owner,),
        ).fetchall()
    return [(row[0], _session(*row)) for row in rows]


def _session(key: int, name: Any, saved: Any, seconds: Any, about: Any) -> SavedSession | None:
    """Return a session from its row; ``None`` where the row is damaged."""
    try:
        more = json.loads(about)
        when = datetime.fromisoformat(saved)
        whole = isinstance(more, dict) and math.isfinite(seconds) and when.tzinfo is not None
        smoothing = float(more.get("smoothing_seconds") or 0.0)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    if not whole or not math.isfinite(smoothing):
        return None
    return SavedSession(key, str(name), when, float(seconds), more)


def load_session(key: int, owner: str | None = None) -> "pd.DataFrame":
    """Return the numbers of a saved session, in the columns of a live session.

    Args:
        key: Its id.
        owner: Whose it must be; ``None`` for anybody's.

    Raises:
        FerError: There is none of that id, it belongs to somebody else, or it is damaged.
    """
    try:
        return _load(key, owner)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise FerError(_DAMAGED) from error


def _load(key: int, owner: str | None) -> "pd.DataFrame":
    with _connect() as db:
        found = db.execute(f"SELECT name, about {_THIS_ONE}", (key, owner)).fetchone()
        if not found:
            raise FerError(_GONE)
        names = columns("live")
        stored = ", ".join(f'"{column}"' for column in names)
        rows = db.execute(
            f"SELECT {stored} FROM session_rows WHERE session = ? ORDER BY rowid", (key,)
        ).fetchall()
    name, about = found[0], json.loads(found[1])
    values = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}
    table = data_frame(values, "live")
    if rows and table["status"].isna().all():
        # Earlier versions stored what the screen showed, smoothed.
        return complete(
            table[list(_COLUMNS)],
            "live",
            source=name,
            model=about.get("model"),
            smoothing=about.get("smoothing_seconds", 0.0),
        )
    table = table.assign(source=table["source"].fillna(name))
    return with_labels(table, of_values(about.get("labels", [])))


def label_session(key: int, labels: Sequence[FaceLabel], owner: str | None = None) -> None:
    """Save the user's labels of a saved session in place of those that it has.

    Args:
        key: Its id.
        labels: The latest last.
        owner: Whose it must be; ``None`` for anybody's.

    Raises:
        FerError: There is none of that id, or it belongs to somebody else.
    """
    with _connect() as db:
        found = db.execute(f"SELECT about {_THIS_ONE}", (key, owner)).fetchone()
        if not found:
            raise FerError(_GONE)
        about = json.loads(found[0]) | {"labels": to_values(labels)}
        db.execute("UPDATE sessions SET about = ? WHERE id = ?", (json.dumps(about), key))


def delete_session(key: int, owner: str | None = None) -> None:
    """Delete a saved session; do nothing where it is gone or belongs to somebody else.

    Args:
        key: Its id.
        owner: Whose it must be; ``None`` for anybody's.
    """
    with _connect() as db:
        db.execute(f"DELETE {_THIS_ONE}", (key, owner))


def delete_owned_before(time: datetime) -> None:
    """Delete sessions that belong to somebody and were saved before ``time``."""
    if storage.exists():
        with _connect() as db:
            db.execute("DELETE FROM sessions WHERE owner != '' AND kept < ?", (time.isoformat(),))


#: A session by id and owner, where the owner is given.
_THIS_ONE: Final = "FROM sessions WHERE id = ?1 AND (?2 IS NULL OR owner = ?2)"


#: Bytes that a row of numbers takes in the file, about.
ROW_BYTES: Final = 300


def owned_bytes() -> int:
    """Return about how many bytes the sessions take that belong to somebody."""
    if not storage.exists():
        return 0
    with _connect() as db:
        (rows,) = db.execute(
            "SELECT COUNT(*) FROM session_rows JOIN sessions ON sessions.id = session "
            "WHERE owner != ''"
        ).fetchone()
    return rows * ROW_BYTES


def count_sessions() -> int:
    """Return the number of saved sessions of everybody."""
    if not storage.exists():
        return 0
    with _connect() as db:
        return db.execute("SELECT COUNT(*) FROM sessions").fetchone()[0]
