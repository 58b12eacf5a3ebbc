"""Long work in processes of their own, whose state lies in a folder on disk."""

from fer_core.jobs.job import NO_LIMITS, Job, Kind, is_of, run_worker
from fer_core.jobs.limits import Limits, owned_bytes
from fer_core.jobs.queue import JobQueue

__all__ = [
    "NO_LIMITS", "Job", "JobQueue", "Kind", "Limits", "is_of", "owned_bytes", "run_worker",
]  # fmt: skip
