"""Long work in processes of their own, whose state lies in a folder on disk."""

from fer_core.jobs.job import Job, duration_in_words, run_worker, seconds_left

__all__ = ["Job", "duration_in_words", "run_worker", "seconds_left"]
