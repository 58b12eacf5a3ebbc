"""Datasets that were opened on this machine, so that every page can offer them again."""

import sqlite3
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from fer_core import storage

_MIGRATIONS: Final = (
    """
    CREATE TABLE opened (
        number INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL UNIQUE, votes TEXT,
        skip_bad INTEGER NOT NULL, label_order TEXT, turn INTEGER NOT NULL
    )
    """,
)


@dataclass(frozen=True)
class OpenedDataset:
    """A dataset that was opened, and how.

    Attributes:
        number: By which it is known, in addresses too.
        source: See :func:`fer_core.datasets.load`; so are the next three.
        votes: Likewise.
        skip_bad: Likewise.
        label_order: Likewise.
    """

    number: int
    source: str
    votes: str | None
    skip_bad: bool
    label_order: str | None


def _connect() -> AbstractContextManager[sqlite3.Connection]:
    return storage.connect("opened datasets", _MIGRATIONS)


def remember(source: str, votes: str | None, skip_bad: bool, label_order: str | None) -> int:
    """Note that a dataset was opened; one that was opened before keeps its number.

    Args:
        source: See :func:`fer_core.datasets.load`; so are the next three.
        votes: Likewise.
        skip_bad: Likewise.
        label_order: Likewise.

    Returns:
        Its number.

    Raises:
        FerError: The database cannot be written.
    """
    with _connect() as db:
        db.execute(
            "INSERT INTO opened (source, votes, skip_bad, label_order, turn) "
            "VALUES (?, ?, ?, ?, (SELECT COALESCE(MAX(turn), 0) + 1 FROM opened)) "
            "ON CONFLICT (source) DO UPDATE SET votes = excluded.votes, "
            "skip_bad = excluded.skip_bad, label_order = excluded.label_order, "
            "turn = excluded.turn",
            (source, votes, int(skip_bad), label_order),
        )
        (number,) = db.execute("SELECT number FROM opened WHERE source = ?", (source,)).fetchone()
    return int(number)


def list_opened() -> list[OpenedDataset]:
    """Return all of them, the latest first.

    Raises:
        FerError: The database cannot be read.
    """
    if not storage.exists():
        return []
    with _connect() as db:
        rows = db.execute(
            "SELECT number, source, votes, skip_bad, label_order FROM opened ORDER BY turn DESC"
        ).fetchall()
    return [OpenedDataset(int(a), b, c, bool(d), e) for a, b, c, d, e in rows]


def remove(source: str) -> None:
    """Leave a dataset out of the list; its files stay.

    Raises:
        FerError: The database cannot be written.
    """
    with _connect() as db:
        db.execute("DELETE FROM opened WHERE source = ?", (source,))
