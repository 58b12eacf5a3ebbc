"""What visitors of a public copy may leave behind, and for how long.

``FER_KEEP_HOURS``, ``FER_DISK_MB`` and ``FER_WORKERS`` bound all visitors together,
``FER_VISITOR_JOBS`` each of them, ``FER_VIDEO_MINUTES`` and ``FER_JOB_MINUTES`` each of their
jobs. Uploads are bounded in :mod:`ui.services.uploads`. Administrators are never bounded.
"""

import math
from datetime import UTC, datetime, timedelta

from fer_core.errors import FerError
from fer_core.jobs import NO_LIMITS, Limits, owned_bytes
from fer_core.live import saved, spool
from fer_core.settings import settings
from ui.services import access


def oldest() -> datetime:
    """Return the time before which records of visitors are deleted."""
    return datetime.now(UTC) - timedelta(hours=settings().keep_hours)


def limits() -> Limits:
    """Return the limits of a job that the person who is acting starts."""
    if access.is_admin():
        return NO_LIMITS
    return Limits(
        jobs_at_once=settings().visitor_jobs,
        together=settings().workers,
        seconds=settings().job_minutes * 60,
        video_seconds=settings().video_minutes * 60,
        disk_bytes=settings().disk_mb * 1e6,
    )


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
    used = owned_bytes(settings().jobs) + spool.size() + saved.owned_bytes()
    if size + used > settings().disk_mb * 1e6:
        raise FerError(
            "This public copy is full: records of visitors are deleted after "
            f"{settings().keep_hours:g} hours, so try again later."
        )
