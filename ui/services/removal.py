"""Deleting with an Undo: a thing disappears at once, and its files go ten seconds later.

A timer of the server deletes them, whatever the browser does meanwhile. What waits is noted in
the database, so that the next start deletes what a server left that stopped in between. Until
then everything lies where it lay and counts in its owner's limits; the services leave it out of
what they list, see :func:`hidden`. They also check the rights, before they call :func:`remove`.
"""

import json
import logging
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection
from typing import Final, Literal

from fer_core import storage
from fer_core.errors import FerError
from ui.services import access

log = logging.getLogger(__name__)

#: Seconds in which a deletion can be undone.
SECONDS: float = 10.0

#: What can be deleted.
Kind = Literal[
    "audit", "collected face", "correction", "model", "participant", "picture", "recording", "run",
    "session", "study", "study recording", "study video", "upload", "video",
]  # fmt: skip

_MIGRATIONS: Final = (
    """
    CREATE TABLE removals (
        key TEXT PRIMARY KEY, kind TEXT NOT NULL, names TEXT NOT NULL, words TEXT NOT NULL,
        person TEXT NOT NULL, due REAL NOT NULL
    )
    """,
)

#: Held while something is deleted for good, so that nobody brings half of it back.
_lock = threading.Lock()
#: What brings back the part of a removed thing that was in memory, by the removal's key.
_restores: dict[str, Callable[[], None]] = {}


@dataclass(frozen=True)
class Removal:
    """A deletion that can still be undone.

    Attributes:
        key: By which it is undone.
        words: What was deleted, as the beginning of a sentence.
        seconds_left: Until it is final.
    """

    key: str
    words: str
    seconds_left: float


def remove(kind: Kind, *names: str, words: str, restore: Callable[[], None] | None = None) -> None:
    """Let things disappear, and delete them when the time for an undo is up.

    Where that cannot be noted, because the disk is full or the database is damaged, they are
    deleted at once.

    Args:
        kind: What they are.
        names: Which ones.
        words: What to call them, as the beginning of a sentence.
        restore: Called on undo, in the visit of the person who undoes it, for what was in
            memory alone.

    Raises:
        FerError: They cannot be deleted.
    """
    key = secrets.token_hex(8)
    row = (key, kind, json.dumps(names), words, _person(), time.time() + SECONDS)
    try:
        with _connect() as db:
            db.execute("INSERT INTO removals VALUES (?, ?, ?, ?, ?, ?)", row)
    except FerError as error:
        log.warning("There is no undo of this deletion: %s", error)
        for name in names:
            _delete(kind, name)
        return
    if restore is not None:
        _restores[key] = restore
    _finish_after(SECONDS, key)


def hidden(kind: Kind) -> frozenset[str]:
    """Return the names of things that are deleted, though their files are still there."""
    try:
        if not storage.exists():
            return frozenset()
        with _connect() as db:
            rows = db.execute("SELECT names FROM removals WHERE kind = ?", (kind,)).fetchall()
    except FerError:
        return frozenset()  # nothing waits in a database that cannot be used
    return frozenset(name for (names,) in rows for name in json.loads(names))


def mine() -> list[Removal]:
    """Return what the person who is acting can still undo, the latest first."""
    now = time.time()
    try:
        if not storage.exists():
            return []
        with _connect() as db:
            rows = db.execute(
                "SELECT key, words, due, person FROM removals WHERE due > ? ORDER BY due DESC",
                (now,),
            ).fetchall()
    except FerError:
        return []
    who = _person() if rows else ""
    return [Removal(key, words, due - now) for key, words, due, person in rows if person == who]


def undo(key: str) -> None:
    """Bring back what was deleted.

    Raises:
        FerError: It is too late, or somebody else deleted it.
    """
    with _lock, _connect() as db:
        changed = db.execute(
            "DELETE FROM removals WHERE key = ? AND person = ?", (key, _person())
        ).rowcount
        if not changed:
            raise FerError("It is too late to undo this: it is deleted.")
        if key in _restores:
            _restores[key]()  # where it refuses, the removal stands
    _restores.pop(key, None)


def resume() -> None:
    """Go on with deletions that an earlier run of the server left."""
    if not storage.exists():
        return
    with _connect() as db:
        rows = db.execute("SELECT key, due FROM removals").fetchall()
    for key, due in rows:
        _finish_after(min(max(0.0, due - time.time()), SECONDS), key)


def finish_all(kind: Kind | None = None) -> None:
    """Delete for good what waits, or what waits of one kind, without waiting any longer."""
    if not storage.exists():
        return
    with _connect() as db:
        rows = db.execute(
            "SELECT key FROM removals WHERE ?1 IS NULL OR kind = ?1", (kind,)
        ).fetchall()
    for (key,) in rows:
        _finish(key)


def _finish_after(seconds: float, key: str) -> None:
    timer = threading.Timer(seconds, _finish, [key])
    timer.daemon = True
    timer.start()


def _finish(key: str) -> None:
    """Delete for good; do nothing where it was undone."""
    try:
        with _lock:
            with _connect() as db:
                row = db.execute(
                    "SELECT kind, names FROM removals WHERE key = ?", (key,)
                ).fetchone()
            if row is None:
                _restores.pop(key, None)
                return
            kind, names = row
            for name in json.loads(names):
                try:
                    _delete(kind, name)
                except (FerError, OSError) as error:  # then it is there again
                    log.warning("The %s %s cannot be deleted: %s", kind, name, error)
            _restores.pop(key, None)
            # Only now: a server that stops before this deletes the rest at its next start.
            with _connect() as db:
                db.execute("DELETE FROM removals WHERE key = ?", (key,))
    except FerError as error:
        log.warning("A deletion has to wait for the next start: %s", error)


def _delete(kind: Kind, name: str) -> None:
    """Delete a thing for good, whoever it belongs to.

    What deletes is imported here: the app's start needs none of it.
    """
    match kind:
        case "run":
            from fer_core.train import manage as runs

            runs.delete(name)
        case "model":
            from fer_core.zoo import manage as models

            models.delete(name)
        case "video":
            from fer_core.video.jobs import VideoJob

            VideoJob.open(name).delete()
        case "session":
            from fer_core.live import saved

            saved.delete_session(int(name))
        case "recording":
            from fer_core.live.spool import Spool

            Spool(name).delete()
        case "collected face":
            from fer_core.datasets import collected

            collected.delete(int(name))
        case "correction":
            from fer_core.datasets import corrections

            corrections.delete(int(name))
        case "audit":
            from fer_core.audit.jobs import AuditJob
            from fer_core.settings import settings

            AuditJob(settings().audits / name).delete()
        case "study":
            from fer_core.files import remove_folder
            from fer_core.settings import settings
            from fer_core.study import queue
            from fer_core.study.folder import Study

            with suppress(FerError):  # a damaged study has no list of what waits
                queue.cancel(Study.open(settings().studies / name))
            remove_folder(settings().studies / name)
        case "participant" | "study recording":
            from fer_core.settings import settings
            from fer_core.study import queue
            from fer_core.study.folder import Study

            of, what = json.loads(name)
            study = Study.open(settings().studies / of)
            if kind == "participant":
                queue.remove_participant(study, what)
            else:
                study.remove_recording(what)
        case "study video":
            from fer_core.settings import settings
            from fer_core.study.folder import Study

            of, what = json.loads(name)
            Study.open(settings().studies / of).delete_video_copy(what)
        case "upload":
            from fer_core.files import remove_folder

            remove_folder(Path(name))
        case "picture":
            pass  # it was in memory alone


def _person() -> str:
    who = access.person()
    return who.digest if who else ""


def _connect() -> AbstractContextManager[Connection]:
    return storage.connect("removals", _MIGRATIONS)
