"""Jobs that wait their turn: no more than so many of a queue are at work at the same time.

What waits is in the jobs' states, so it outlives every process. A keeper, a small process of
its own, starts the next job when one has ended, however that ended; it is there only while
something waits. After a restart of the machine it comes back with the first call of
:meth:`JobQueue.keep`.
"""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, TypeVar

from filelock import BaseFileLock, FileLock, Timeout

from fer_core import system
from fer_core.errors import FerError
from fer_core.jobs.job import Job
from fer_core.resources import module_command, module_environment
from fer_core.settings import settings

#: Seconds between two looks of the keeper.
_EVERY = 0.5

J = TypeVar("J", bound=Job)


@dataclass(frozen=True)
class JobQueue(Generic[J]):
    """The queue of the jobs in a folder.

    Attributes:
        folder: Where the jobs lie.
        list_jobs: Returns the jobs that take turns.
        begin: Starts one of them.
        at_once: Jobs that are at work at the same time.
        dispatcher: The module whose ``__main__`` calls :meth:`serve`.
    """

    folder: Path
    list_jobs: Callable[[], Sequence[J]]
    begin: Callable[[J], object]
    at_once: int
    dispatcher: str

    def waiting(self) -> list[J]:
        """Return the jobs that wait, the next first."""
        states = [(job, job.state()) for job in self.list_jobs()]
        found = [(str(state.get("queued", "")), job) for job, state in states if _waits(state)]
        return [job for _, job in sorted(found, key=lambda pair: pair[0])]

    def start_or_wait(self, job: J, begin: Callable[[J], object] | None = None) -> None:
        """Start a job now, or when its turn comes. Call it while :meth:`lock` is held.

        Args:
            job: Ready to be started.
            begin: Starts it now; without, as its turn would.
        """
        if self._free() and not self.waiting():
            (begin or self.begin)(job)
        else:
            job.write_state(status="queued", queued=datetime.now(UTC).isoformat(), reason=None)
            self._start_dispatcher()

    def ensure_served(self) -> None:
        """See to it that somebody starts what waits."""
        if self.waiting():
            with self.lock():
                self._start_dispatcher()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Let only one process at a time decide who is next.

        Raises:
            FerError: The folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            held = FileLock(self.folder / ".queue").acquire()
        except OSError as error:
            raise FerError(f"{self.folder} cannot be written: {error.strerror}.") from error
        with held:
            yield

    def serve(self) -> None:
        """Start what waits until nothing does: the keeper's work."""
        dispatcher = self._dispatcher_lock()
        with self.lock():
            try:
                dispatcher.acquire(timeout=0)
            except Timeout:
                return  # there is one, and it leaves only while nobody holds the queue
        while True:
            with self.lock():
                queued = self.waiting()
                if not queued:
                    # Let go while nobody can add to the queue, so that no job is forgotten.
                    dispatcher.release()
                    return
                if self._free():
                    try:
                        self.begin(queued[0])
                    except FerError as error:
                        queued[0].fail(str(error))
            time.sleep(_EVERY)

    def _free(self) -> bool:
        running = sum(job.state()["status"] == "running" for job in self.list_jobs())
        return running < self.at_once

    def _start_dispatcher(self) -> None:
        """Start a keeper where there is none."""
        try:
            self._dispatcher_lock().acquire(timeout=0).lock.release()
        except Timeout:
            return
        subprocess.Popen(
            module_command(self.dispatcher),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=module_environment() | {"FER_HOME": str(settings().home.resolve())},
            **system.detached(),
        )

    def _dispatcher_lock(self) -> BaseFileLock:
        """Return the lock that the keeper holds for as long as it is there."""
        return FileLock(self.folder / ".keeper")


def _waits(state: dict[str, object]) -> bool:
    return state["status"] == "queued"
