"""One SQLite file, ``FER_HOME/store.sqlite``; each area hands in its own migrations.

An area is a part of the library that owns some tables, such as ``sessions``. Its migrations
are numbered from 1 in the order they are given. A migration runs once: the table
``migrations`` records which ones have run.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from fer_core.errors import FerError
from fer_core.settings import settings

#: SQL statements, or a function that changes the database through its connection.
Migration = str | Callable[[sqlite3.Connection], None]

_MIGRATIONS = """
CREATE TABLE IF NOT EXISTS migrations (
    area TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (area, number)
)
"""


def exists() -> bool:
    """Return whether anything was ever stored on this machine."""
    return settings().store.exists()


@contextmanager
def connect(area: str, migrations: Sequence[Migration]) -> Iterator[sqlite3.Connection]:
    """Open the database with the tables of one area up to date.

    What is done through the connection is committed as a whole or not at all. Committed
    data is on the disk, and any number of processes may write in turn. Deleted data is
    overwritten, not only unlinked.

    Args:
        area: Name of the part of the library that owns the tables.
        migrations: All migrations of the area, the oldest first.

    Yields:
        The open connection, inside a transaction.

    Raises:
        FerError: The file cannot be used.
    """
    path = settings().store
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=10)) as db:
            db.execute("PRAGMA secure_delete = ON")
            db.execute("PRAGMA foreign_keys = ON")
            _migrate(db, path, area, migrations)
            with db:
                yield db
    except (sqlite3.Error, OSError) as error:
        raise FerError(
            f"{path} cannot be used ({error}): check FER_HOME and the space on its disk."
        ) from error


def delete_database() -> None:
    """Delete the database with everything in it; do nothing where there is none."""
    path = settings().store
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _migrate(
    db: sqlite3.Connection, path: Path, area: str, migrations: Sequence[Migration]
) -> None:
    """Run the migrations of ``area`` that have not run yet, all of them or none."""
    if _pending(db, area, migrations) == []:
        return
    copy = path.with_name(f"{path.name}.before-migration")
    had_tables = db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0] > 0
    with db:
        # Two processes may open an old database at once: the second waits here and then
        # finds nothing left to do.
        db.execute("BEGIN IMMEDIATE")
        db.execute(_MIGRATIONS)
        pending = _pending(db, area, migrations)
        if pending and had_tables:
            with closing(sqlite3.connect(copy)) as backup, closing(sqlite3.connect(path)) as old:
                old.backup(backup)
        for number, migration in pending:
            if isinstance(migration, str):
                for statement in migration.split(";"):
                    db.execute(statement)
            else:
                migration(db)
            db.execute("INSERT INTO migrations VALUES (?, ?)", (area, number))
    # Only now is the new form safe on the disk. After a failure the copy stays.
    copy.unlink(missing_ok=True)


def _pending(
    db: sqlite3.Connection, area: str, migrations: Sequence[Migration]
) -> list[tuple[int, Migration]]:
    """Return the migrations that have not run, with their numbers."""
    known = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone()
    rows = db.execute("SELECT number FROM migrations WHERE area = ?", (area,)) if known else ()
    done = {number for (number,) in rows}
    return [(n, migration) for n, migration in enumerate(migrations, 1) if n not in done]
