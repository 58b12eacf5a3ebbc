"""What visitors of a public copy may leave behind, and for how long.

``FER_KEEP_HOURS`` and ``FER_DISK_MB`` bound all visitors together, ``FER_VISITOR_MB`` and
``FER_VISITOR_JOBS`` each of them. Administrators are never bounded.
"""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fer_core.errors import FerError
from fer_core.jobs import NO_LIMITS, Job, Limits
from fer_core.live import saved, spool
from fer_core.settings import settings
from ui.services import access


def oldest() -> datetime:
    """Return the time before which records of visitors are deleted."""
    return datetime.now(UTC) - timedelta(hours=settings().keep_hours)


def limits() -> Limits:
    """Return the limits of a job that the person who is acting starts."""
    return NO_LIMITS if access.is_admin() else Limits(jobs_at_once=settings().visitor_jobs)


def download_bytes() -> float:
    """Return how large a file may grow that is made for a download."""
    return math.inf if access.is_admin() else settings().visitor_mb * 1e6


def check_room(size: int = 0) -> None:
    """Check that a visitor may leave ``size`` further bytes on the disk.

    Raises:
        FerError: The records of all visitors fill ``FER_DISK_MB``.
    """
    if access.is_admin():
        return
    used = sum(_size(path) for path in (*_job_folders(), spool.folder())) + saved.owned_bytes()
    if size + used > settings().disk_mb * 1e6:
        raise FerError(
            "This public copy is full: records of visitors are deleted after "
            f"{settings().keep_hours:g} hours, so try again later."
        )


def _job_folders() -> Iterator[Path]:
    """Yield the folders of jobs that belong to visitors."""
    for path in settings().jobs.glob("*/"):
        if Job(path).owner:
            yield path


def _size(path: Path) -> int:
    total = 0
    for file in path.rglob("*"):
        try:
            total += file.stat().st_size
        except OSError:
            continue  # deleted in the meantime
    return total
