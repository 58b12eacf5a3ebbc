"""Long work on a study in a process of its own: ``python -m fer_core.study.jobs NAME``.

Its folder under ``FER_HOME/study-jobs`` has the name of the study's folder and holds what was
asked (``config.json``) and, of a verification, the answer (``result.json``), besides what all
long work has, see :mod:`fer_core.jobs`; the status at the end is ``done``. One is at work at a
time, others wait. Videos that are added are jobs of their own, see :mod:`fer_core.study.queue`.
"""

import json
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from fer_core import system
from fer_core.errors import FerError
from fer_core.files import remove_folder, write_json
from fer_core.jobs import Job, JobQueue, run_worker
from fer_core.progress import seconds_left
from fer_core.settings import settings

# Deleting jobs needs nothing of what computes.
if TYPE_CHECKING:
    from fer_core.study.verify import Verified

Act = Literal["example", "model", "verify"]
_ACTS: Final = ("example", "model", "verify")
#: Seconds between two notes of progress.
_EVERY: Final = 0.5


@dataclass(frozen=True)
class StudyJob(Job):
    """The example that is created, another model for a study, or a verification."""

    kind: ClassVar[str] = "work"
    error: ClassVar[type[FerError]] = FerError
    taken: ClassVar[str] = "This study is being worked on already: wait for the end, or cancel it."
    worker: ClassVar[str] = "fer_core.study.jobs"

    @classmethod
    def of(cls, study: str) -> "StudyJob":
        """Return the job of a study in ``FER_HOME``, whether there is one or not.

        Args:
            study: Name of its folder.
        """
        return cls(settings().study_jobs / study)

    @property
    def config(self) -> dict[str, Any]:
        """Return what was asked: ``act``, and for ``model`` also ``model`` and ``class_prior``."""
        try:
            config = json.loads((self.path / "config.json").read_text(encoding="utf-8"))
            if config["act"] in _ACTS:
                return config
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            pass
        raise FerError(f"What was to be done with the study {self.name} is not known.")

    @property
    def active(self) -> bool:
        """Return whether it waits or is at work."""
        return self.path.exists() and self.state()["status"] in ("created", "queued", "running")

    def start(self, act: Act, **how: str) -> None:
        """Do something when its turn comes; what ended before goes.

        Args:
            act: What to do.
            how: For ``model``, the ``model`` and its ``class_prior``.

        Raises:
            FerError: The study is being worked on already, or the folder cannot be written.
        """
        queue = _queue()
        with queue.lock():
            if self.active:
                raise self.error(self.taken)
            try:
                self.delete()
                write_json(self.path / "config.json", {"act": act, **how})
                self.write_state(status="created")
            except OSError as error:
                raise FerError(f"{self.path} cannot be written: {error.strerror}.") from error
            queue.start_or_wait(self)

    def resume(self) -> None:
        """Go on where an earlier process was ended."""
        queue = _queue()
        with queue.lock():
            queue.start_or_wait(self)

    def verified(self) -> "list[Verified]":
        """Return what a verification found.

        Raises:
            FerError: It is damaged.
        """
        from fer_core.study.verify import Verified

        try:
            rows = json.loads((self.path / "result.json").read_text(encoding="utf-8"))
            return [Verified(**row) for row in rows]
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise FerError("What the verification found is damaged: verify again.") from error

    def delete(self) -> None:
        """End it where it is at work, and delete its folder; the study stays as it is."""
        if self.busy():
            self.stop()
        if self.path.exists():
            remove_folder(self.path)

    def do(self) -> None:
        """Do what was asked, in this process."""
        from fer_core.study import example
        from fer_core.study.folder import Study
        from fer_core.study.reanalysis import replace_model
        from fer_core.study.verify import verify

        system.yield_to_others()
        config, path = self.config, settings().studies / self.name
        begun = noted = time.monotonic()

        def tell(share: float) -> None:
            nonlocal noted
            if time.monotonic() - noted >= _EVERY:
                noted = time.monotonic()
                self.write_progress({"share": share, "seconds_left": seconds_left(begun, share)})

        with self.hold():
            if config["act"] == "example":
                example.create(path, tell)
            elif config["act"] == "verify":
                found = verify(Study.open(path), progress=tell)
                write_json(self.path / "result.json", [asdict(one) for one in found])
            else:
                replace_model(
                    Study.open(path), config["model"], config["class_prior"],
                    workers=settings().workers, progress=tell,
                )  # fmt: skip
            self.write_state(status="done", reason=None)


def ensure_queue_served() -> None:
    """See to it that somebody starts the jobs that wait."""
    _queue().ensure_served()


def delete_all() -> None:
    """End and delete all work on studies."""
    for job in _all():
        with suppress(FileNotFoundError):
            job.delete()


def _all() -> list[StudyJob]:
    return [StudyJob(path.parent) for path in settings().study_jobs.glob("[!.]*/config.json")]


def _queue() -> JobQueue[StudyJob]:
    return JobQueue(settings().study_jobs, _all, StudyJob.spawn, 1, StudyJob.worker)


def main(name: str | None = None) -> int:
    """Do the job of a study, or start those that wait; returns the exit status."""
    return run_worker(lambda: StudyJob.of(name).do() if name else _queue().serve())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
