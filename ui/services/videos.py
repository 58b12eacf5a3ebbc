"""Analyses of videos: each belongs to the browser that asked for it."""

import os
from typing import BinaryIO

from fer_core.errors import Damaged, FerError, VideoError
from fer_core.video import jobs
from fer_core.video.jobs import VideoJob, ensure_queue_served, place, sweep
from fer_core.video.result import VideoOptions, VideoResult
from ui.services import access, quotas, removal

__all__ = [
    "VideoJob", "cancel", "delete", "delete_damaged", "find",
    "ensure_queue_served", "list_damaged",
    "list_jobs", "place", "restart", "save_people", "set_saved", "settle", "start", "sweep",
]  # fmt: skip


def start(
    source: BinaryIO,
    name: str,
    options: VideoOptions,
    key: str,
    *,
    annotated: bool,
    keep_source: bool,
) -> VideoJob:
    """Start the analysis of a video, see :meth:`fer_core.video.jobs.VideoJob.create`."""
    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    quotas.check_room(size)
    return jobs.start(
        source,
        name,
        options,
        key,
        annotated=annotated,
        keep_source=keep_source,
        owner=access.owner(),
        limits=quotas.limits(),
    )


def find(name: str) -> VideoJob:
    """Return the job called ``name``; only the browser that asked for it knows the name."""
    if name in removal.hidden("video"):
        raise VideoError("This analysis was deleted.")
    return VideoJob.open(name)


def list_jobs(key: str) -> list[VideoJob]:
    """Return the jobs of a browser, the newest first."""
    gone = removal.hidden("video")
    return [job for job in jobs.list_jobs(key) if job.name not in gone]


def list_damaged() -> list[Damaged]:
    """Return the analyses that cannot be read, as far as they are known to be the person's."""
    gone = removal.hidden("video")
    return [one for one in jobs.list_damaged(access.visible_owner()) if one.name not in gone]


def delete_damaged(name: str) -> None:
    """Delete an analysis that cannot be read, which can be undone for a while."""
    if any(one.name == name for one in list_damaged()):
        delete(VideoJob.open(name))


def restart(job: VideoJob) -> None:
    """Analyse a video again, or render its annotated video again."""
    quotas.check_room()
    jobs.submit(job, quotas.limits())


def set_saved(job: VideoJob, saved: bool) -> None:
    """Save a job beyond ``FER_KEEP_HOURS``, or no longer."""
    access.require("keep analyses for longer")
    job.set_saved(saved)


def cancel(job: VideoJob) -> None:
    """Cancel a job: its result stays where there was one, else it is deleted.

    See :meth:`fer_core.video.jobs.VideoJob.cancel`.
    """
    if (job.path / "drawn.json").exists():
        job.cancel()
    else:
        delete(job)


def settle(job: VideoJob) -> None:
    """Mark a job as finished, see :meth:`fer_core.video.jobs.VideoJob.settle`."""
    job.settle()


def delete(job: VideoJob) -> None:
    """Delete a job with everything in it, which can be undone for a while.

    One that is running is cancelled first.
    """
    if job.busy():
        job.stop()
    try:
        words = f"Analysis of {job.config['name']}"
    except FerError:
        words = "A damaged analysis"
    removal.remove("video", job.name, words=words)


def save_people(job: VideoJob, result: VideoResult) -> None:
    """Save the names and joins of people in a result."""
    result.save_people(job.path)
