"""What visitors of a public copy may leave behind, and for how long.

``FER_KEEP_HOURS`` and ``FER_DISK_MB`` bound all visitors together, ``FER_VISITOR_MB`` and
``FER_VISITOR_JOBS`` each of them. Whoever may do all is never bounded.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fer_core import roles
from fer_core.errors import FerError
from fer_core.files import read_json
from fer_core.settings import settings


def oldest() -> datetime:
    """What a visitor left before this is deleted."""
    return datetime.now(UTC) - timedelta(hours=settings().keep_hours)


def check_upload(size: int) -> None:
    """See that a visitor may have uploaded so much at once.

    Args:
        size: bytes, of everything that the visitor has open.

    Raises:
        FerError: it is more than ``FER_VISITOR_MB``.
    """
    if not roles.is_admin() and size > settings().visitor_mb * 1e6:
        raise FerError(
            f"This public copy takes {settings().visitor_mb:g} MB at once from each visitor: "
            "give fewer or smaller files."
        )


def check_room(size: int = 0) -> None:
    """See that a visitor may leave ``size`` further bytes on the disk.

    Raises:
        FerError: what visitors left fills ``FER_DISK_MB``.
    """
    from fer_core.live import saved

    if roles.is_admin():
        return
    left = sum(_size(path) for path in _left()) + saved.left_by_visitors()
    if size + left > settings().disk_mb * 1e6:
        raise FerError(
            "This public copy is full: what visitors left is deleted after "
            f"{settings().keep_hours:g} hours, so try again later."
        )


def check_turn(folder: Path) -> None:
    """See that a visitor may start another long job.

    Args:
        folder: of the job; it is not counted itself.

    Raises:
        FerError: so many of theirs run already as ``FER_VISITOR_JOBS`` says.
    """
    from fer_core.jobs import Job

    if roles.is_admin():
        return
    mine = roles.owner()
    running = sum(Job(path).busy() for path in _left() if path != folder and _owner(path) == mine)
    if running >= settings().visitor_jobs:
        raise FerError(
            "Something of yours is at work already: wait for its end, or cancel it first."
        )


def _left() -> Iterator[Path]:
    """Folders of jobs that visitors left."""
    for path in settings().jobs.glob("*/"):
        if _owner(path):
            yield path


def _owner(path: Path) -> str:
    try:
        return str(read_json(path / "state.json").get("owner", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def _size(path: Path) -> int:
    total = 0
    for file in path.rglob("*"):
        try:
            total += file.stat().st_size
        except OSError:
            continue  # gone in the meantime
    return total
