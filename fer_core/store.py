"""What users keep, in ``FER_HOME/store.sqlite``. Nothing comes here unasked."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd

from fer_core import bounds, roles
from fer_core.analysis import COLUMNS
from fer_core.errors import FerError
from fer_core.settings import settings

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS sessions (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, kept TEXT NOT NULL, about TEXT NOT NULL,
    seconds REAL NOT NULL, owner TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS session_rows (
    session INTEGER NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
    {", ".join(f'"{column}"' for column in COLUMNS)}
);
CREATE INDEX IF NOT EXISTS session_rows_by_session ON session_rows (session);
CREATE TABLE IF NOT EXISTS corrections (
    id INTEGER PRIMARY KEY, batch TEXT NOT NULL, face TEXT NOT NULL, action TEXT NOT NULL,
    value TEXT NOT NULL, author TEXT NOT NULL, time TEXT NOT NULL, reason TEXT NOT NULL,
    undone TEXT
);
CREATE TABLE IF NOT EXISTS faces (
    id INTEGER PRIMARY KEY, face BLOB NOT NULL, label INTEGER NOT NULL, kept TEXT NOT NULL,
    source TEXT NOT NULL, model TEXT NOT NULL, probabilities TEXT NOT NULL
);
"""


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
    with connect() as db:
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
    if not _path().exists():
        return []
    with connect() as db:
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
    with connect() as db:
        if not _is_mine(db, key):
            raise FerError("This session is not kept any more.")
        return pd.read_sql_query(
            f"SELECT {columns} FROM session_rows WHERE session = ? ORDER BY rowid",
            db,
            params=(key,),
        )


def delete_session(key: int) -> None:
    """Delete a kept session; does nothing where it is gone already."""
    with connect() as db:
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
    if not _path().exists():
        return 0
    with connect() as db:
        (rows,) = db.execute(
            "SELECT COUNT(*) FROM session_rows JOIN sessions ON sessions.id = session "
            "WHERE owner != ''"
        ).fetchone()
    return rows * _ROW_BYTES


@dataclass(frozen=True)
class Forgotten:
    """How much was deleted."""

    sessions: int
    faces: int
    corrections: int


def forget() -> Forgotten:
    """Delete everything that was kept, the files included; returns how much that was."""
    roles.require("delete what was kept")
    count = Forgotten(0, 0, 0)
    if _path().exists():
        # A damaged file cannot be counted, but it can be deleted.
        with suppress(FerError), connect() as db:
            numbers = (
                db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
                for table in ("sessions", "faces", "corrections")
            )
            count = Forgotten(*numbers)
    for suffix in ("", "-wal", "-shm"):
        _path().with_name(_path().name + suffix).unlink(missing_ok=True)
    for folder in (settings().kept, settings().audits):
        shutil.rmtree(folder, ignore_errors=True)
    return count


def _path() -> Path:
    return settings().store


@contextmanager
def connect() -> Iterator[sqlite3.Connection]:
    """A connection to the store whose work is committed as a whole or not at all.

    What is committed is on the disk, and any number of processes may write in turn.

    Raises:
        FerError: the file cannot be used.
    """
    try:
        _path().parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(_path(), timeout=10)) as db:
            # What is deleted is overwritten, not just unlinked.
            db.execute("PRAGMA secure_delete = ON")
            db.execute("PRAGMA foreign_keys = ON")
            db.executescript(_SCHEMA)
            if "owner" not in {row[1] for row in db.execute("PRAGMA table_info(sessions)")}:
                # Stores of before there were visitors.
                db.execute("ALTER TABLE sessions ADD COLUMN owner TEXT NOT NULL DEFAULT ''")
            with db:
                yield db
    except (sqlite3.Error, OSError) as error:
        raise FerError(
            f"{_path()} cannot be used ({error}): check FER_HOME and the space on its disk."
        ) from error
