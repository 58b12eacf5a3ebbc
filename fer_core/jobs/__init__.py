"""Long work in processes of their own, whose state lies in a folder on disk."""

from fer_core.jobs.job import NO_LIMITS, Job, Kind, is_of, run_worker, seconds_left
from fer_core.jobs.limits import Limits

__all__ = ["NO_LIMITS", "Job", "Kind", "Limits", "is_of", "run_worker", "seconds_left"]
