"""Live sessions that users saved, in the database. Nothing is saved unasked."""

import json
import sqlite3
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd

from fer_core import bounds, roles, storage
from fer_core.analysis import COLUMNS
from fer_core.emotions import EMOTIONS
from fer_core.errors import FerError


def _add_owner(db: sqlite3.Connection) -> None:
    """Add the column that stores of before there were visitors lack."""
    if "owner" not in {row[1] for row in db.execute("PRAGMA table_info(sessions)")}:
        db.execute("ALTER TABLE sessions ADD COLUMN owner TEXT NOT NULL DEFAULT ''")


_COLUMNS = (
    "time", "person", "x", "y", "width", "height", "score",
    *(emotion.lower() for emotion in EMOTIONS), "emotion", "confidence",
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
)


def _connect() -> AbstractContextManager[sqlite3.Connection]:
    return storage.connect("sessions", _MIGRATIONS)


@dataclass(frozen=True)
class KeptSession:
    """A live session that somebody kept.

    Attributes:
        id: its number.
        name: given by the visitor.
        kept: when, with its time zone.
        seconds: from first to last row.
        about: model, detector and the like, as kept with it.
    """

    id: int
    name: str
    kept: datetime
    seconds: float
    about: dict[str, Any]


def keep_session(table: pd.DataFrame, name: str, about: dict[str, Any] | None = None) -> int:
    """Keep the numbers of a session; returns its id.

    Args:
        table: in the columns :data:`fer_core.analysis.COLUMNS`.
        name: for people.
        about: plain JSON values to remember with it.

    Raises:
        FerError: nothing was recorded, the store cannot be written, or visitors of a
            public copy have left too much already.
    """
    if table.empty:
        raise FerError("There are no numbers to keep: record some first.")
    bounds.check_room(len(table) * _ROW_BYTES)
    seconds = float(table["time"].max() - table["time"].min())
    kept = datetime.now(UTC).isoformat()
    rows = table[COLUMNS].astype(object).itertuples(index=False)
    marks = ", ".join("?" * (len(COLUMNS) + 1))
    with _connect() as db:
        key = db.execute(
            "INSERT INTO sessions (name, kept, about, seconds, owner) VALUES (?, ?, ?, ?, ?)",
            (name, kept, json.dumps(about or {}), seconds, roles.owner()),
        ).lastrowid
        db.executemany(f"INSERT INTO session_rows VALUES ({marks})", ((key, *row) for row in rows))
    assert key is not None
    return key


def list_sessions() -> list[KeptSession]:
    """Kept sessions, the newest first; a visitor of a public copy has their own only.

    What visitors left ``FER_KEEP_HOURS`` ago is deleted before.
    """
    if not storage.exists():
        return []
    with _connect() as db:
        db.execute(
            "DELETE FROM sessions WHERE owner != '' AND kept < ?", (bounds.oldest().isoformat(),)
        )
        rows = db.execute(
            "SELECT id, name, kept, seconds, about, owner FROM sessions ORDER BY id DESC"
        )
        return [
            KeptSession(key, name, datetime.fromisoformat(kept), seconds, json.loads(about))
            for key, name, kept, seconds, about, owner in rows
            if roles.sees(owner)
        ]


def load_session(key: int) -> pd.DataFrame:
    """The numbers of a kept session, in the columns it was kept with.

    Raises:
        FerError: there is none of that id.
    """
    columns = ", ".join(f'"{column}"' for column in COLUMNS)
    with _connect() as db:
        if not _is_mine(db, key):
            raise FerError("This session is not kept any more.")
        return pd.read_sql_query(
            f"SELECT {columns} FROM session_rows WHERE session = ? ORDER BY rowid",
            db,
            params=(key,),
        )


def delete_session(key: int) -> None:
    """Delete a kept session; does nothing where it is gone already."""
    with _connect() as db:
        if _is_mine(db, key):
            db.execute("DELETE FROM sessions WHERE id = ?", (key,))


def _is_mine(db: sqlite3.Connection, key: int) -> bool:
    """Whether there is such a session, and who is acting may see it."""
    row = db.execute("SELECT owner FROM sessions WHERE id = ?", (key,)).fetchone()
    return row is not None and roles.sees(row[0])


#: Bytes that a row of numbers takes in the file, about.
_ROW_BYTES: Final = 150


def left_by_visitors() -> int:
    """Bytes of what visitors of a public copy keep here, about."""
    if not storage.exists():
        return 0
    with _connect() as db:
        (rows,) = db.execute(
            "SELECT COUNT(*) FROM session_rows JOIN sessions ON sessions.id = session "
            "WHERE owner != ''"
        ).fetchone()
    return rows * _ROW_BYTES


def count_sessions() -> int:
    """Return the number of saved sessions of everybody."""
    if not storage.exists():
        return 0
    with _connect() as db:
        return db.execute("SELECT COUNT(*) FROM sessions").fetchone()[0]
