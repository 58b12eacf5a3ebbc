"""Writing files so that a crash never leaves half of one under its final name."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to, renamed into its place when all went well.

    The file appears whole or not at all; parent folders are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    new = Path(name)
    try:
        yield new
        # mkstemp makes private files; give this one what open() would have given.
        umask = os.umask(0)
        os.umask(umask)
        new.chmod(0o666 & ~umask)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def write_atomic(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write ``path`` through ``write(file)``, see :func:`replacing`; it is on the disk then."""
    with replacing(path) as new, new.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content``, atomically."""
    write_atomic(path, lambda file: file.write(content))


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented UTF-8 JSON, atomically."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """What a file says that is only ever replaced as a whole; it is read when it is another."""
    found = path.stat()
    return json.loads(_text(path, (found.st_ino, found.st_mtime_ns, found.st_size)))


@lru_cache(maxsize=2000)
def _text(path: Path, stamp: tuple[int, ...]) -> bytes:
    return path.read_bytes()


def remove_folder(path: Path) -> None:
    """Delete a folder; it is out of sight in one step, so that nobody meets half of it."""
    gone = path.with_name(f".{path.name}")
    path.rename(gone)
    shutil.rmtree(gone)


#: Folders that programs leave behind; they hold nothing that a person put there.
_LEFT_BEHIND = {"__MACOSX"}


def walk_files(folder: Path, wanted: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield the files of a folder and of the folders below it, in order of their paths.

    Hidden files and folders are left out (names that start with a dot), as is ``__MACOSX``.
    Links are followed, but no folder is visited twice, so that links in a circle end.

    Args:
        folder: Where to begin; it may be hidden itself.
        wanted: Says whether a file is to be yielded.
    """
    visited: set[str] = set()
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        try:
            if path is not folder and not path.is_dir():
                found = path.is_file() and wanted(path)
                inside: list[Path] = []
            else:
                found, real = False, os.path.realpath(path)
                inside = [] if real in visited else sorted(path.iterdir(), reverse=True)
                visited.add(real)
        except OSError:
            continue  # nobody may read it
        if found:
            yield path
        waiting += [
            below
            for below in inside
            if not below.name.startswith(".") and below.name not in _LEFT_BEHIND
        ]


def sha256(path: Path) -> str:
    """The SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
