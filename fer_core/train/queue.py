"""Runs that wait their turn: at most ``FER_RUNS_AT_ONCE`` train at the same time.

What waits is in the runs' states, so it outlives every process. A keeper, a small process
of its own, starts the next run when one has ended, however that ended; it is there only
while something waits. After a restart of the machine it comes back with the first look
at the queue.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from filelock import BaseFileLock, FileLock, Timeout

from fer_core import system
from fer_core.datasets import Dataset
from fer_core.errors import FerError, TrainingError
from fer_core.jobs import NO_LIMITS, Limits
from fer_core.resources import module_command, module_environment
from fer_core.settings import settings
from fer_core.train import runs
from fer_core.train.change import change, is_complete, planned
from fer_core.train.check import require_ready, require_valid
from fer_core.train.config import TrainConfig
from fer_core.train.runs import TrainingRun, list_runs

#: Seconds between two looks of the keeper.
_EVERY = 0.5


def submit(config: TrainConfig, owner: str = "", limits: Limits = NO_LIMITS) -> TrainingRun:
    """Create a run and train it in a process of its own, now or when its turn comes.

    Raises:
        FerError: A setting is wrong, the data, the teacher or Keras is missing, or its folder
            cannot be made.
    """
    require_valid(config.model_dump())
    require_ready(config)
    with _lock():
        run = TrainingRun.create(config, owner)
        _start_or_wait(run, limits)
    return run


def resume(
    name: str, faces: Dataset | None = None, accept_new_data: bool = False, **changes: Any
) -> TrainingRun:
    """Go on with a run as :func:`fer_core.train.runs.resume` does, now or in its turn.

    Args:
        name: Of the run.
        faces: The data that it will read, where the caller has read it already: it is checked
            before the run goes on. Without it, the worker checks.
        accept_new_data: See :func:`fer_core.train.resume`; it needs ``faces``.
        changes: Of its settings, see :func:`fer_core.train.change.change`.

    Raises:
        FerError: No such run, it is being trained, a setting may not change, or the data, the
            teacher or Keras is missing.
    """
    with _lock():
        run = TrainingRun.open(name)
        if run.busy() and run.state()["status"] != "paused":
            raise TrainingError(f"Run {name} is at work already.")
        if run.process() is None:
            config = planned(run, changes)
            if is_complete(run, config) and not accept_new_data:
                return run
            require_ready(config)
        change(run, changes, faces, accept_new_data)
        _start_or_wait(run)
    return run


def waiting() -> list[TrainingRun]:
    """Runs that wait, the next first."""
    states = {run: run.state() for run in list_runs()}
    found = [run for run, state in states.items() if state["status"] == "queued"]
    return sorted(found, key=lambda run: states[run].get("queued", ""))


def keep() -> None:
    """See to it that somebody starts what waits."""
    if waiting():
        with _lock():
            _call_keeper()


def _start_or_wait(run: TrainingRun, limits: Limits = NO_LIMITS) -> None:
    if _free() and not waiting():
        runs.resume(run.name, limits)
    else:
        run.write_state(status="queued", queued=datetime.now(UTC).isoformat(), reason=None)
        _call_keeper()


def _free() -> bool:
    training = sum(run.state()["status"] == "running" for run in list_runs())
    return training < settings().runs_at_once


def _call_keeper() -> None:
    """Start a keeper where there is none."""
    try:
        _keeper_lock().acquire(timeout=0).lock.release()
    except Timeout:
        return
    subprocess.Popen(
        module_command("fer_core.train.queue"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=module_environment() | {"FER_HOME": str(settings().home.resolve())},
        **system.detached(),
    )


def _keeper_lock() -> BaseFileLock:
    """Return the lock that the keeper holds for as long as it is there."""
    return FileLock(settings().runs / ".keeper")


@contextmanager
def _lock() -> Iterator[None]:
    """Let only one process at a time decide who is next."""
    try:
        settings().runs.mkdir(parents=True, exist_ok=True)
        held = FileLock(settings().runs / ".queue").acquire()
    except OSError as error:
        raise TrainingError(f"{settings().runs} cannot be written: {error.strerror}.") from error
    with held:
        yield


def main() -> None:
    """Start what waits until nothing does: the keeper's work."""
    keeper = _keeper_lock()
    with _lock():
        try:
            keeper.acquire(timeout=0)
        except Timeout:
            return  # there is one, and it leaves only while nobody holds the queue
    while True:
        with _lock():
            queued = waiting()
            if not queued:
                # Let go while nobody can add to the queue, so that no run is forgotten.
                keeper.release()
                return
            if _free():
                try:
                    runs.resume(queued[0].name)
                except FerError as error:
                    queued[0].fail(str(error))
        time.sleep(_EVERY)


if __name__ == "__main__":
    main()
