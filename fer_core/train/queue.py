"""Runs that wait their turn: at most ``FER_RUNS_AT_ONCE`` train at the same time.

See :mod:`fer_core.jobs.queue` for how they wait.
"""

from typing import Any

from fer_core.datasets import Dataset
from fer_core.errors import TrainingError
from fer_core.jobs import NO_LIMITS, JobQueue, Limits
from fer_core.settings import settings
from fer_core.train import runs
from fer_core.train.change import change, is_complete, planned
from fer_core.train.check import require_ready, require_valid
from fer_core.train.config import TrainConfig
from fer_core.train.runs import TrainingRun, list_runs


def submit(config: TrainConfig, owner: str = "", limits: Limits = NO_LIMITS) -> TrainingRun:
    """Create a run and train it in a process of its own, now or when its turn comes.

    Raises:
        FerError: A setting is wrong, the data, the teacher or Keras is missing, or its folder
            cannot be made.
    """
    require_valid(config.model_dump())
    require_ready(config)
    queue = _queue()
    with queue.lock():
        run = TrainingRun.create(config, owner)
        queue.start_or_wait(run, lambda run: runs.resume(run.name, limits))
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
    queue = _queue()
    with queue.lock():
        run = TrainingRun.open(name)
        if run.busy() and run.state()["status"] != "paused":
            raise TrainingError(f"Run {name} is at work already.")
        if run.process() is None:
            config = planned(run, changes)
            if is_complete(run, config) and not accept_new_data:
                return run
            require_ready(config)
        change(run, changes, faces, accept_new_data)
        queue.start_or_wait(run)
    return run


def waiting() -> list[TrainingRun]:
    """Return the runs that wait, the next first."""
    return _queue().waiting()


def ensure_served() -> None:
    """See to it that somebody starts what waits."""
    _queue().ensure_served()


def _queue() -> JobQueue[TrainingRun]:
    return JobQueue(
        settings().runs,
        list_runs,
        lambda run: runs.resume(run.name),
        settings().runs_at_once,
        "fer_core.train.queue",
    )


if __name__ == "__main__":
    _queue().serve()
