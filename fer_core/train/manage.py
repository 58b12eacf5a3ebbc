"""What people do with runs besides training them: name them, note, look at the log, delete."""

import os
import re

from fer_core.errors import TrainingError
from fer_core.files import read_json, remove_folder, write_json
from fer_core.settings import settings
from fer_core.train.runs import NAME, TrainingRun


def about(run: TrainingRun) -> dict[str, str]:
    """Return ``title`` and ``note`` that people gave a run; the title is its name unless given."""
    try:
        given = read_json(run.path / "about.json")
        return {"title": str(given["title"]), "note": str(given["note"])}
    except (OSError, ValueError, LookupError, TypeError):
        return {"title": run.name, "note": ""}


def describe(run: TrainingRun, title: str | None = None, note: str | None = None) -> None:
    """Give a run a title or a note; its name, which is its folder's, stays.

    Args:
        run: which.
        title: 1 to 80 characters without a slash; ``None`` leaves what it is.
        note: at most 4000 characters.

    Raises:
        TrainingError: the title or note cannot be taken, or the folder not be written.
    """
    new = about(run)
    if title is not None:
        new["title"] = title.strip()
        if not re.fullmatch(r"[^/\\\x00-\x1f]{1,80}", new["title"]):
            raise TrainingError("A title has 1 to 80 characters, and no slash among them.")
    if note is not None:
        new["note"] = note.strip()
        if len(new["note"]) > 4000:
            raise TrainingError("A note has at most 4000 characters.")
    try:
        write_json(run.path / "about.json", new)
    except OSError as error:
        raise TrainingError(f"{run.name} cannot be written: {error.strerror}.") from error


def find_any(name: str) -> TrainingRun:
    """Return the run called ``name``, also one whose files are damaged.

    Raises:
        TrainingError: No such run.
    """
    run = TrainingRun(settings().runs / name)
    if not re.fullmatch(NAME, name) or not run.path.is_dir():
        raise TrainingError(f"No run '{name}', so there is nothing to delete.")
    return run


def delete(name: str) -> None:
    """Delete a run with all it keeps; models that were made of it stay.

    Raises:
        TrainingError: no such run, or it is being trained.
    """
    run = find_any(name)
    with run.lock():
        try:
            remove_folder(run.path)
        except OSError as error:
            raise TrainingError(f"{name} cannot be deleted: {error.strerror}.") from error


def log(run: TrainingRun, lines: int = 30) -> str:
    """Return the last lines that the worker of a run printed."""
    try:
        with (run.path / "log.txt").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 64_000))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
