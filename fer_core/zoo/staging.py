"""Model folders are built out of sight and appear whole or not at all.

A folder is built in a staging folder ``.NAME.xxxxxxxx`` beside its final place, so that
putting it into place is a rename within one file system. While a process works in a staging
folder it holds the file lock ``.NAME.xxxxxxxx.lock``. The operating system releases the lock
when the process is killed, so the next process that builds something in the same place can
tell what is in use from what was left behind, and deletes the latter.
"""

import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from fer_core.files import read_json, write_json
from fer_core.models.card import NAME

#: Names of locks that this module makes; no other file is ever taken for one.
_LOCK: Final = re.compile(rf"\.{NAME}\.[0-9a-f]{{8}}\.lock")
#: Parts of a staging folder: what is built, and what it replaces.
_NEW: Final = "new"
_OLD: Final = "old"
#: Names of folders that are moved together, while they are.
_NOTE: Final = "moving.json"


@contextmanager
def staging(parent: Path, name: str) -> Iterator[Path]:
    """Make a folder to build in, and delete it at the end with what is left in it.

    Staging folders that killed processes left in ``parent`` are deleted first; those of
    running processes stay.

    Args:
        parent: Where the result goes; it is made where it is missing.
        name: What is built, for a person who looks into the folder; see
            :data:`fer_core.models.card.NAME`.

    Yields:
        An empty folder on the file system of ``parent``.

    Raises:
        OSError: ``parent`` cannot be written to.
    """
    parent.mkdir(parents=True, exist_ok=True)
    recover(parent)
    stage, lock = _claim(parent, name)
    try:
        (stage / _NEW).mkdir(parents=True)
        yield stage / _NEW
    finally:
        try:
            _clear(stage)
            with suppress(OSError):  # Windows deletes no file that is open; the next one does
                Path(lock.lock_file).unlink()
        finally:
            lock.release()


def recover(parent: Path) -> None:
    """Complete or delete what killed processes left; what running ones work on stays.

    Args:
        parent: Where results go.
    """
    for path in parent.glob(".*.lock"):
        if _LOCK.fullmatch(path.name):
            with suppress(Timeout, OSError), FileLock(path, timeout=0):
                _clear(path.with_suffix(""))
                path.unlink()


def put_all_in_place(new: Sequence[Path], parent: Path) -> None:
    """Move several folders out of :func:`staging` to new places, all or none.

    What is to be moved is noted beside them first. Where the process is killed in the middle,
    the next one that builds in the same place, or :func:`recover`, moves the rest.

    Args:
        new: Folders directly in what :func:`staging` yielded, in the order of moving.
        parent: That :func:`staging` was given; nothing there has one of their names.

    Raises:
        OSError: One cannot be moved, or its place is taken; none is moved then.
    """
    note = new[0].parent.with_name(_NOTE)
    placed: list[Path] = []
    write_json(note, [folder.name for folder in new])
    try:
        for folder in new:
            put_in_place(folder, parent / folder.name)
            placed.append(folder)
    except BaseException:
        for folder in reversed(placed):
            (parent / folder.name).rename(folder)
        raise
    finally:
        # From here on there is nothing to complete: all are moved, or none is.
        note.unlink()


def put_in_place(new: Path, folder: Path) -> None:
    """Move a folder out of :func:`staging` to its place, where it replaces what is there.

    Where the move fails, or the process is killed in the middle, the old folder is put back:
    at the end of :func:`staging`, or by the next process that builds in the same place.

    Args:
        new: A folder directly in what :func:`staging` yielded.
        folder: Its place, in the parent that :func:`staging` was given.

    Raises:
        OSError: it cannot be moved.
    """
    if os.path.lexists(folder):
        old = new.parent.with_name(_OLD)
        old.mkdir(exist_ok=True)
        folder.rename(old / folder.name)
    new.rename(folder)


def _claim(parent: Path, name: str) -> tuple[Path, FileLock]:
    while True:
        stage = parent / f".{name}.{secrets.token_hex(4)}"
        # The lock comes before the folder: no folder is ever seen without its lock held.
        lock = FileLock(f"{stage}.lock", timeout=0)
        with suppress(Timeout):  # another process is just looking whether it is left behind
            lock.acquire()
            return stage, lock


def _clear(stage: Path) -> None:
    """Delete a staging folder, after completing what was begun.

    What was moved aside and not replaced is put back; of several folders that belong together,
    of which one was moved, the others follow.
    """
    if not stage.is_dir():
        return
    with suppress(OSError, ValueError):
        for name in read_json(stage / _NOTE):
            if not os.path.lexists(stage.parent / name):
                (stage / _NEW / name).rename(stage.parent / name)
    for old in (stage / _OLD).glob("*"):
        if not os.path.lexists(stage.parent / old.name):
            old.rename(stage.parent / old.name)
    shutil.rmtree(stage)
