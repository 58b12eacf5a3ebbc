"""Live sessions that users saved, in the database. Nothing is saved unasked."""

import json
import sqlite3
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from fer_core import storage
from fer_core.emotions import EMOTIONS
from fer_core.errors import FerError
from fer_core.table import COLUMNS

if TYPE_CHECKING:
    import pandas as pd


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


def keep_session(
    table: "pd.DataFrame", name: str, about: dict[str, Any] | None = None, owner: str = ""
) -> int:
    """Keep the numbers of a session; returns its id.

    Args:
        table: in the columns :data:`fer_core.table.COLUMNS`.
        name: for people.
        about: plain JSON values to remember with it.
        owner: Opaque text that says whose it is; "" for the machine's own.

    Raises:
        FerError: Nothing was recorded, or the database cannot be written.
    """
    if table.empty:
        raise FerError("There are no numbers to keep: record some first.")
    seconds = float(table["time"].max() - table["time"].min())
    kept = datetime.now(UTC).isoformat()
    rows = table[COLUMNS].astype(object).itertuples(index=False)
    marks = ", ".join("?" * (len(COLUMNS) + 1))
    with _connect() as db:
        key = db.execute(
            "INSERT INTO sessions (name, kept, about, seconds, owner) VALUES (?, ?, ?, ?, ?)",
            (name, kept, json.dumps(about or {}), seconds, owner),
        ).lastrowid
        db.executemany(f"INSERT INTO session_rows VALUES ({marks})", ((key, *row) for row in rows))
    assert key is not None
    return key


def list_sessions(owner: str | None = None) -> list[KeptSession]:
    """Return saved sessions, the newest first.

    Args:
        owner: Whose; ``None`` for those of everybody.
    """
    if not storage.exists():
        return []
    with _connect() as db:
        rows = db.execute(
            "SELECT id, name, kept, seconds, about FROM sessions "
            "WHERE ?1 IS NULL OR owner = ?1 ORDER BY id DESC",
            (owner,),
        )
        return [
            KeptSession(key, name, datetime.fromisoformat(kept), seconds, json.loads(about))
            for key, name, kept, seconds, about in rows
        ]


def load_session(key: int, owner: str | None = None) -> "pd.DataFrame":
    """Return the numbers of a saved session, in the columns it was saved with.

    Args:
        key: Its id.
        owner: Whose it must be; ``None`` for anybody's.

    Raises:
        FerError: There is none of that id, or it belongs to somebody else.
    """
    # Deleting and counting sessions works without pandas.
    import pandas as pd

    columns = ", ".join(f'"{column}"' for column in COLUMNS)
    with _connect() as db:
        if not db.execute(f"SELECT 1 {_THIS_ONE}", (key, owner)).fetchone():
            raise FerError("This session is not kept any more.")
        table = pd.read_sql_query(
            f"SELECT {columns} FROM session_rows WHERE session = ? ORDER BY rowid",
            db,
            params=(key,),
        )
    # A column without any value, such as the scores of Haar, would be one of objects.
    return table.astype({"score": float})


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
ROW_BYTES: Final = 150


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
