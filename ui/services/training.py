"""Training runs, for administrators."""

import dataclasses
from typing import Any

from fer_core.errors import TrainingError
from fer_core.train import TrainConfig, crossvalidate, estimate, judge, manage, origin, queue, runs
from fer_core.train.crossvalidate import CrossValidation, Summary
from fer_core.train.folds import By
from fer_core.train.runs import TrainingRun
from fer_core.zoo import publish_job
from ui.services import access, quotas, removal

__all__ = [
    "By", "CrossValidation", "Summary", "TrainingRun", "cross_validation_of", "dataset_of",
    "delete", "delete_folds", "describe", "find", "go_on_with_folds", "judge_run",
    "ensure_queue_served", "list_runs",
    "measure",
    "pause", "publish", "resume", "stop", "stop_folds", "submit", "submit_folds", "summary",
    "waiting",
]  # fmt: skip


def submit(config: TrainConfig) -> TrainingRun:
    """Start a run now or when its turn comes, see :func:`fer_core.train.queue.submit`."""
    access.require("train")
    removal.finish_all("collected face")  # a face that was deleted is not learned from
    return queue.submit(config, owner=access.owner(), limits=quotas.limits())


def submit_folds(config: TrainConfig, count: int, by: By | None) -> CrossValidation:
    """Start a cross-validation, see :func:`fer_core.train.crossvalidate.start`."""
    access.require("train")
    removal.finish_all("collected face")
    return crossvalidate.start(config, count, by, owner=access.owner(), limits=quotas.limits())


def cross_validation_of(run: TrainingRun) -> CrossValidation | None:
    """Return the cross-validation that a run is part of; ``None`` of none."""
    access.require("look at training runs")
    fold = run.fold
    if not fold:
        return None
    group, gone = crossvalidate.find(fold.group), removal.hidden("run")
    there = {number: one for number, one in group.runs.items() if one.name not in gone}
    return dataclasses.replace(group, runs=there)


def summary(group: CrossValidation) -> Summary:
    """Return its figures, see :func:`fer_core.train.crossvalidate.summary`."""
    access.require("look at training runs")
    return crossvalidate.summary(group)


def go_on_with_folds(group: CrossValidation) -> CrossValidation:
    """Do what is missing, see :func:`fer_core.train.crossvalidate.go_on`."""
    access.require("train")
    removal.finish_all("run")  # or a fold that was just deleted would count as there
    return crossvalidate.go_on(group.name, owner=access.owner(), limits=quotas.limits())


def stop_folds(group: CrossValidation) -> None:
    """End its runs, see :func:`fer_core.train.crossvalidate.stop`."""
    access.require("train")
    crossvalidate.stop(group)


def delete_folds(group: CrossValidation) -> None:
    """Delete its runs, which can be undone for a while; those that run are stopped first."""
    access.require("delete a run")
    crossvalidate.stop(group)
    names = [run.name for run in group.runs.values()]
    removal.remove("run", *names, words=f"Cross-validation {group.name}")


def find(name: str) -> TrainingRun:
    """Return the run called ``name``."""
    access.require("look at training runs")
    return TrainingRun.open(name)


def list_runs() -> list[TrainingRun]:
    """Return all runs, the newest first."""
    access.require("look at training runs")
    gone = removal.hidden("run")
    return [run for run in runs.list_runs() if run.name not in gone]


def dataset_of(run: TrainingRun) -> str | None:
    """Return the name of the dataset that a run learns from; ``None`` while it is not known."""
    access.require("look at training runs")
    try:
        found = origin.stored(run)
    except TrainingError:
        return None
    return found.name if found else None


def waiting() -> list[TrainingRun]:
    """Return the runs that wait, the next first."""
    access.require("look at training runs")
    return queue.waiting()


def ensure_queue_served() -> None:
    """Make sure that runs that wait are started."""
    access.require("train")
    queue.ensure_served()


def resume(name: str) -> TrainingRun:
    """Go on with a run, see :func:`fer_core.train.queue.resume`."""
    access.require("train")
    return queue.resume(name)


def pause(name: str) -> TrainingRun:
    """Halt a run, see :func:`fer_core.train.runs.pause`."""
    access.require("train")
    return runs.pause(name)


def stop(name: str) -> TrainingRun:
    """End a run's process, see :func:`fer_core.train.runs.stop`."""
    access.require("train")
    return runs.stop(name)


def describe(run: TrainingRun, **about: Any) -> None:
    """Give a run a title or a note, see :func:`fer_core.train.manage.describe`."""
    access.require("rename a run")
    manage.describe(run, **about)


def delete(name: str) -> None:
    """Delete a run, which can be undone for a while; one that runs is stopped first."""
    access.require("delete a run")
    run = manage.find_any(name)
    if run.busy() or run.state()["status"] == "queued":
        run.stop()
    removal.remove("run", name, words=f"Run {manage.about(run)['title']}")


def judge_run(run: TrainingRun, split: str) -> None:
    """Evaluate a run on a split, see :func:`fer_core.train.judge.start`."""
    access.require("evaluate a run")
    judge.start(run, split)


def publish(run: TrainingRun, name: str) -> None:
    """Make a model of a run, see :func:`fer_core.zoo.publish_job.start`."""
    access.require("make models")
    removal.finish_all("model")  # whose names are free then
    publish_job.start(run, name)


def measure(config: TrainConfig) -> float:
    """Measure how fast this machine trains, see :func:`fer_core.train.estimate.measure`."""
    access.require("measure the machine")
    return estimate.measure(config)
