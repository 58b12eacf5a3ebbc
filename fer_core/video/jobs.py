"""The analysis of a video as work of its own, in a folder under ``FER_HOME/jobs``.

- ``config.json``: the video's name, how to read it, whose it is
- ``source…``: the video, until the result stands or for as long as its owner keeps it
- ``table.parquet``, ``result.json``: the result
- ``moments.json``, ``moment-….jpg``: the key moments
- ``faces.json``, ``face-….jpg``: everybody, and both sides of what is doubtful about them
- ``annotated.mp4``: the video with boxes and labels, where that was asked for
- ``drawn.json``: names and joins of people as pictures and annotated video show them
- what all long work has, see :mod:`fer_core.jobs`; the status at the end is ``done``

A job whose owner does not keep it is gone ``FER_KEEP_HOURS`` after it ended.
"""

import contextlib
import hashlib
import itertools
import json
import math
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Final

from fer_core import system
from fer_core.errors import Damaged, FerError, VideoError
from fer_core.files import write_atomic, write_json
from fer_core.jobs import (
    NO_LIMITS,
    Job,
    JobQueue,
    Kind,
    Limits,
    is_of,
    run_worker,
)
from fer_core.settings import settings

# What decodes, reads and draws is imported where it is used: deleting jobs needs none of it.
if TYPE_CHECKING:
    import pandas as pd

    from fer_core.video.cost import Step
    from fer_core.video.portraits import Portrait
    from fer_core.video.progress_note import ProgressNote
    from fer_core.video.result import VideoOptions, VideoResult

#: Longer side of the annotated video in pixels: a page shows no more.
_ANNOTATED: Final = 1280
#: Types of what a job was created with.
_CONFIG: Final[dict[str, Kind]] = {
    "name": str, "options": dict, "owner": str, "annotated": bool, "keep_source": bool,
}  # fmt: skip
_GONE: Final = "This analysis is gone."
_DAMAGED: Final = "This analysis is damaged and can only be deleted."
#: Share of a job's time that is left for drawing, where that was asked for.
_DRAWING: Final = 0.4
#: Seconds after which a folder that is still half a job is left over, and by which the clocks of
#: machines may differ.
_HALF: Final = 3600


@dataclass(frozen=True)
class VideoJob(Job):
    """One analysis; everything it knows is in its folder."""

    kind = "analysis"
    error = VideoError
    taken = "This video is being analysed already."
    worker = "fer_core.video.jobs"
    state_types: ClassVar[dict[str, Kind]] = Job.state_types | {
        "saved": bool, "kept": bool,
    }  # fmt: skip
    progress_types: ClassVar[dict[str, Kind]] = Job.progress_types | {"faces": int, "step": str}

    @classmethod
    def create(
        cls,
        source: BinaryIO,
        name: str,
        options: "VideoOptions",
        key: str,
        *,
        annotated: bool = True,
        keep_source: bool = False,
        owner: str = "",
    ) -> "VideoJob":
        """Return a new job with its own copy of the video.

        Args:
            source: the video, read to its end.
            name: of the file.
            options: how to read it.
            key: Of the browser that may find it again; only its SHA-256 is stored.
            annotated: make the video with boxes and labels as well.
            keep_source: keep the video when the result stands.
            owner: Opaque text that says in whose limits it counts; "" for the machine's own.

        Raises:
            VideoError: it cannot be stored.
        """
        path = settings().jobs / secrets.token_hex(8)
        job = cls(path)
        try:
            write_atomic(job._source(name), partial(shutil.copyfileobj, source))
            write_json(
                path / "config.json",
                {
                    "name": name,
                    "options": asdict(options),
                    "owner": _digest(key),
                    "annotated": annotated,
                    "keep_source": keep_source,
                },
            )
            job.write_state(status="created", saved=False, owner=owner)
        except OSError as error:
            shutil.rmtree(path, ignore_errors=True)
            raise VideoError(
                f"The video cannot be stored: {error.strerror or error}. Make room and try again."
            ) from error
        return job

    @classmethod
    def open(cls, name: str) -> "VideoJob":
        """Return the job called ``name``.

        Raises:
            VideoError: there is none.
        """
        path = settings().jobs / name
        if not re.fullmatch(r"[0-9a-f]{16}", name) or not (path / "config.json").is_file():
            raise VideoError(_GONE)
        return cls(path)

    @property
    def config(self) -> dict[str, Any]:
        """Return what it was created with: ``name``, ``options``, ``annotated``,
        ``keep_source``.
        """
        try:
            config = json.loads((self.path / "config.json").read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise VideoError(_GONE) from error
        except (OSError, ValueError, RecursionError) as error:
            raise VideoError(_DAMAGED) from error
        if not isinstance(config, dict) or not all(
            is_of(config.get(name), kind) for name, kind in _CONFIG.items()
        ):
            raise VideoError(_DAMAGED)
        return config

    def _source(self, name: str) -> Path:
        return self.path / f"source{Path(name).suffix.lower()[:8]}"

    @property
    def source(self) -> Path | None:
        """Return the video, where it is still there."""
        path = self._source(self.config["name"])
        return path if path.exists() else None

    @property
    def annotated(self) -> Path | None:
        """Return the video with boxes and labels, where there is one."""
        path = self.path / "annotated.mp4"
        return path if path.exists() else None

    def has_result(self) -> bool:
        """Return whether the video was read to its end."""
        return (self.path / "result.json").exists()

    def result(self) -> "VideoResult":
        """Return the result.

        Raises:
            VideoError: it has not come to anything.
        """
        from fer_core.video.result import VideoResult

        return VideoResult.load(self.path)

    def highlights(self, result: "VideoResult") -> list[dict[str, Any]]:
        """Return the key moments: ``time``, ``person`` (number in ``result``), ``kind``,
        ``emotion``, ``value`` and the ``picture``'s path, which may be ``None``.
        """
        return self._pictures("moments.json", result)

    def thumbnail(self) -> Path | None:
        """Return a picture of one of its key moments; ``None`` where there is none."""
        return min(self.path.glob("moment-*.jpg"), default=None)

    def faces(self, result: "VideoResult") -> list[dict[str, Any]]:
        """Return pictures of people: ``time``, ``person`` (number in ``result``), ``doubt`` (index
        in its doubts, or ``None``), ``side`` of the doubt, and the ``picture``'s path, which may be
        ``None``. Analyses of earlier versions have none.
        """
        return self._pictures("faces.json", result)

    def _pictures(self, name: str, result: "VideoResult") -> list[dict[str, Any]]:
        try:
            rows = json.loads((self.path / name).read_text(encoding="utf-8"))
            return [
                row
                # The name of a picture of this folder, whatever the file says.
                | {"picture": self.path / Path(row["picture"]).name if row["picture"] else None}
                | {"person": result.person_at(int(row["person"]), float(row["time"]))}
                for row in rows
            ]
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return []

    def stills(self, result: "VideoResult") -> list[tuple[str, bytes]]:
        """Return captions and pictures of the moments, for a report."""
        from fer_core.video.highlights import captions

        rows = [row for row in self.highlights(result) if row["picture"]]
        pictures = [row["picture"].read_bytes() for row in rows]
        return list(zip(captions(result, rows), pictures, strict=True))

    def is_stale(self) -> bool:
        """Return whether people were named or corrected after pictures and video were drawn."""
        from fer_core.video.people import read_edits

        try:
            drawn = json.loads((self.path / "drawn.json").read_text(encoding="utf-8"))
            before = drawn["names"], read_edits(drawn)
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return False
        result = self.result()
        return before != (result.people()["names"], result.edits)

    @property
    def is_saved(self) -> bool:
        """Return whether its result stays after ``FER_KEEP_HOURS``."""
        state = self.state()
        return bool(state.get("saved", state.get("kept")))  # "kept" until version 0.1

    def set_saved(self, saved: bool) -> None:
        """Save its result beyond ``FER_KEEP_HOURS``, or no longer."""
        self.write_state(saved=saved)

    def cancel(self) -> None:
        """End its work; all of it goes, unless there was a result before."""
        if not (self.path / "drawn.json").exists():
            return self.delete()
        self.stop()
        return self.settle()

    def settle(self) -> None:
        """Mark the job as finished, even if the annotated video could not be rendered."""
        if self.source and not self.config["keep_source"]:
            self.source.unlink()
        self.write_state(status="done", reason=None)

    def delete(self) -> None:
        """End it where it runs, and delete all of it."""
        if self.busy():
            self.stop()
        shutil.rmtree(self.path, ignore_errors=True)

    def do(self) -> None:
        """Analyse the video and render its pictures; only render them if it was analysed before."""
        from fer_core.video.cost import Cost
        from fer_core.video.progress_note import ProgressNote
        from fer_core.video.result import VideoOptions

        with self.hold():
            limits = Limits.of(self.state().get("limits"))
            if limits.together is not None:
                system.yield_to_others()
            deadline = time.monotonic() + (limits.seconds or math.inf)
            config, source = self.config, self.source
            if source is None:
                raise VideoError("The video is gone: upload it again.")
            again = self.has_result()
            steps: list[Step] = ["pictures"] if again else ["reading", "pictures"]
            steps += ["drawing"] if config["annotated"] else []
            cost = Cost.of_file(source, VideoOptions.of(config["options"]), _ANNOTATED)
            note = ProgressNote(self, steps, limits, cost=cost)
            result = self.result() if again else self._read(source, limits, deadline, note)
            try:
                self._draw(source, result, deadline, note)
            except VideoError as error:
                if not note.no_room and time.monotonic() < deadline:
                    raise
                # The numbers are there, and they are what most people came for.
                result = replace(result, problems=(*result.problems, str(error)))
                result.save_people(self.path)
            write_json(self.path / "drawn.json", result.people())
            note.learn()
            self.settle()

    def _read(
        self, source: Path, limits: Limits, deadline: float, note: "ProgressNote"
    ) -> "VideoResult":
        """Analyse the video and save the result."""
        from fer_core.timeline import clock
        from fer_core.video.read import analyze_video
        from fer_core.video.result import VideoOptions

        options, last = VideoOptions.of(self.config["options"]), math.inf
        if limits.video_seconds is not None:
            last = (options.start or 0.0) + limits.video_seconds
            if options.end is None or options.end > last:
                options = replace(options, end=last)
            else:
                last = math.inf
        if self.config["annotated"] and limits.seconds is not None:
            deadline -= limits.seconds * _DRAWING
        result = analyze_video(source, options, note.of("reading"), deadline=deadline)
        if result.seconds > last - 0.5 and not 0 < result.info.seconds <= last + 0.5:
            said = f"What comes after {clock(last)} was left out: a visitor's video may be so long."
            result = replace(result, problems=(*result.problems, said))
        result = result.of_file(self.config["name"])
        result.save(self.path)
        return result

    def _draw(
        self, source: Path, result: "VideoResult", deadline: float, note: "ProgressNote"
    ) -> None:
        """Save pictures of the moments, and the annotated video where it was asked for."""
        from fer_core.video.annotate import annotate
        from fer_core.video.portraits import portraits
        from fer_core.video.read import Progress

        highlights, chosen = result.highlights(), portraits(result)
        take, pictures = note.of("pictures"), len(highlights) + len(chosen)
        finished = itertools.count(1)

        def done() -> None:
            take(Progress(next(finished) / pictures, None, 0))

        take(Progress(0.0, None, 0))
        self._save_highlights(source, result, highlights, deadline, done)
        self._save_faces(source, result, chosen, deadline, done)
        if self.config["annotated"] and len(result.table):
            target = self.path / "annotated.mp4"
            annotate(
                source, result, target, note.of("drawing"), longest=_ANNOTATED, deadline=deadline
            )

    def _save_highlights(
        self,
        source: Path,
        result: "VideoResult",
        highlights: "pd.DataFrame",
        deadline: float,
        done: Callable[[], None],
    ) -> None:
        from fer_core.video.annotate import stills

        rows = highlights.to_dict("records")
        for row in rows:
            row["person"] = result.found_as(row["person"], row["time"])
        self._save_pictures("moment", rows, stills(source, result, highlights, deadline, done))

    def _save_faces(
        self,
        source: Path,
        result: "VideoResult",
        chosen: "list[Portrait]",
        deadline: float,
        done: Callable[[], None],
    ) -> None:
        from fer_core.video.portraits import pictures

        rows = [asdict(portrait) for portrait in chosen]
        self._save_pictures("face", rows, pictures(source, result, chosen, deadline, done))

    def _save_pictures(
        self, name: str, rows: list[dict[str, Any]], pictures: list[bytes | None]
    ) -> None:
        """Write ``NAMEs.json`` and a file for each picture."""
        for number, (row, jpeg) in enumerate(zip(rows, pictures, strict=True)):
            row["picture"] = f"{name}-{number}.jpg" if jpeg else None
            if jpeg:
                (self.path / row["picture"]).write_bytes(jpeg)
        write_json(self.path / f"{name}s.json", rows)


def start(*arguments: Any, limits: Limits = NO_LIMITS, **how: Any) -> VideoJob:
    """Create a job, see :meth:`VideoJob.create`, and do it in a process of its own."""
    job = VideoJob.create(*arguments, **how)
    try:
        submit(job, limits)
    except FerError:
        job.delete()
        raise
    return job


def submit(job: VideoJob, limits: Limits = NO_LIMITS) -> None:
    """Do a job in a process of its own, now or when its turn comes.

    Raises:
        FerError: A process works on it already, or the limits allow no further job.
    """
    if limits.together is None:
        job.spawn(limits=limits)
        return
    queue = _queue()
    with queue.lock():
        limits.check_turn(job)
        job.write_state(limits=limits.to_json())
        queue.start_or_wait(job)


def ensure_queue_served() -> None:
    """See to it that somebody starts the jobs that wait."""
    _queue().ensure_served()


def place(job: VideoJob) -> int | None:
    """Return how many jobs come before one that waits; ``None`` if it does not wait."""
    waiting = _queue().waiting()
    return waiting.index(job) if job in waiting else None


def _queue() -> JobQueue[VideoJob]:
    """Return the queue of all jobs that have limits, whoever they belong to."""
    return JobQueue(
        settings().jobs,
        lambda: [job for job in _all() if job.state().get("limits")],
        lambda job: job.spawn(),
        settings().workers,
        "fer_core.video.jobs",
    )


def list_jobs(key: str) -> list[VideoJob]:
    """Return the jobs of a browser, the newest first; those that are too old are deleted.

    A job that is damaged, or is deleted meanwhile, is left out; see :func:`list_damaged`.
    """
    sweep()
    mine = []
    for job in _all():
        with contextlib.suppress(VideoError):
            if job.config["owner"] == _digest(key):
                mine.append(job)
    return sorted(mine, key=lambda job: job.state().get("created", ""), reverse=True)


def list_damaged(owner: str | None = None) -> list[Damaged]:
    """Return the jobs whose browser is not known any more, because they are damaged.

    Args:
        owner: Whose, as far as their state says; ``None`` for those of everybody.
    """
    found = []
    for job in _all():
        try:
            _ = job.config
        except VideoError as error:
            # One that is being deleted, or made, is not damaged.
            if str(error) == _DAMAGED and owner in (None, job.owner):
                found.append(Damaged(job.name, _DAMAGED))
    return found


def sweep() -> None:
    """Delete jobs that ended ``FER_KEEP_HOURS`` ago and that nobody keeps.

    Folders in which a job was never completed go after an hour, and so do jobs that say that
    they end in the future: the clock was wrong, and they would stay for ever.
    """
    for path in settings().jobs.glob("*/"):
        job = VideoJob(path)
        state = job.state()
        if job.is_saved or job.busy():
            continue
        half = not all((path / name).is_file() for name in ("config.json", "state.json"))
        try:
            updated = datetime.fromisoformat(state["updated"])
            age = (datetime.now(UTC) - updated).total_seconds()
        except (KeyError, ValueError, TypeError):
            try:
                age = time.time() - path.stat().st_mtime
            except OSError:
                continue  # deleted in the meantime
        most = _HALF if half else settings().keep_hours * 3600
        if age > most or age < -_HALF:
            job.delete()


def count_all() -> int:
    """Return how many jobs there are, of everybody."""
    return len(_all())


def delete_all() -> None:
    """Delete all jobs of everybody."""
    for job in _all():
        job.delete()


def _all() -> list[VideoJob]:
    return [VideoJob(path.parent) for path in settings().jobs.glob("[!.]*/config.json")]


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def main(name: str | None = None) -> int:
    """Do the job ``name`` to its end, or start those that wait; returns the exit status."""
    return run_worker(lambda: VideoJob.open(name).do() if name else _queue().serve())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
