"""Which models came from elsewhere, and which of those are stopped.

The import writes ``imported.json`` into a model's folder. No archive can bring or leave out
that file, so nobody who sends a model decides how far it is trusted. A model that exceeded its
limits is stopped: the file says why, until somebody allows it again.
"""

from pathlib import Path
from typing import Any, Final

from fer_core.errors import ModelError
from fer_core.files import read_json, write_json

#: The file that the import writes.
IMPORTED: Final = "imported.json"

# What could not be written because the disk is full, by folder.
_unwritten: dict[Path, str] = {}


def mark(folder: Path) -> None:
    """Note that a model came from elsewhere."""
    write_json(folder / IMPORTED, {"stopped": None})


def is_imported(folder: Path) -> bool:
    """Return whether a model came from elsewhere."""
    return (folder / IMPORTED).exists()


def stop(folder: Path, reason: str) -> None:
    """Let a model of elsewhere not be used until it is allowed again.

    Args:
        folder: Of the model.
        reason: A sentence.
    """
    try:
        write_json(folder / IMPORTED, {"stopped": reason})
    except OSError:
        _unwritten[folder.absolute()] = reason


def allow(folder: Path) -> None:
    """Let a model that was stopped be used again.

    Raises:
        ModelError: The folder cannot be written.
    """
    try:
        if is_imported(folder):
            mark(folder)
    except OSError as error:
        raise ModelError(f"{folder.name} cannot be allowed: {error.strerror}.") from error
    _unwritten.pop(folder.absolute(), None)


def stopped(folder: Path) -> str | None:
    """Return why a model is not used; ``None`` where it is."""
    if reason := _unwritten.get(folder.absolute()):
        return reason
    try:
        value: Any = read_json(folder / IMPORTED)
        reason = value["stopped"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError):
        return "Its note of where it came from is damaged."
    return None if reason is None else str(reason)
