"""A recording on disk while it is made, so that it survives a restart of the server."""

import json
import time
from pathlib import Path
from typing import Any

from fer_core.files import write_json
from fer_core.live.record import SessionRecord
from fer_core.settings import settings
from fer_core.table import Rows


def folder() -> Path:
    """Return where recordings lie while they are made."""
    return settings().cache / "recordings"


class Spool:
    """The file of one recording, to which rows are appended.

    >>> spool = Spool("0123abcd")
    >>> spool.write(record)  # doctest: +SKIP
    """

    def __init__(self, name: str, written: int = 0) -> None:
        """Use the file of a name.

        Args:
            name: Letters and digits; nobody else may guess it.
            written: Rows that it holds already.
        """
        self.name = name
        self._written = written
        self._about: dict[str, Any] | None = None

    def write(self, record: SessionRecord) -> None:
        """Append the rows that were recorded since the last call.

        Raises:
            OSError: The disk is full or not writable.
        """
        content, about = record.dump(self._written)
        count = len(record)
        if not content and about == self._about:
            return
        path = folder() / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        # First what the rows refer to: without it they could not be read.
        write_json(path.with_suffix(".json"), about)
        with path.with_suffix(".rows").open("ab") as file:
            file.write(content)
        self._written, self._about = count, about

    def read(self) -> Rows | None:
        """Return the rows of the file, ``None`` where it is damaged or gone."""
        path = folder() / self.name
        try:
            about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            rows = Rows.load(path.with_suffix(".rows").read_bytes(), about)
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            return None
        self._written = len(rows)
        return rows

    def delete(self) -> None:
        """Delete the file."""
        self._written = 0
        for suffix in (".json", ".rows"):
            (folder() / self.name).with_suffix(suffix).unlink(missing_ok=True)


def names(prefix: str) -> list[str]:
    """Return the names of recordings on disk that begin so, the latest first."""
    found = [(path.stat().st_mtime, path.stem) for path in folder().glob(f"{prefix}*.rows")]
    return [name for _, name in sorted(found, reverse=True)]


def size() -> int:
    """Return how many bytes all recordings take on the disk."""
    total = 0
    for path in folder().glob("*"):
        try:
            total += path.stat().st_size
        except OSError:
            continue  # deleted in the meantime
    return total


def delete_before(seconds: float) -> None:
    """Delete recordings to which nothing was added for so many seconds."""
    for path in folder().glob("*"):
        try:
            if time.time() - path.stat().st_mtime > seconds:
                path.unlink()
        except OSError:
            continue  # deleted in the meantime
