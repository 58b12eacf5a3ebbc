"""Cross-validation: one run per fold, through the queue, and their figures together.

A cross-validation is the runs whose configurations name it; there is nothing else on disk. What
is missing of it, because a run was deleted, stopped or failed, can be done at any time.

>>> from fer_core.train import configure, crossvalidate
>>> group = crossvalidate.start(configure(model="fast", data="demo"), 5)  # doctest: +SKIP
>>> crossvalidate.summary(group).accuracy  # doctest: +SKIP
Spread(mean=0.712, sd=0.031)
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from filelock import FileLock

from fer_core.emotions import EMOTIONS
from fer_core.errors import TrainingError
from fer_core.jobs import NO_LIMITS, Limits
from fer_core.settings import settings
from fer_core.train import folds, judge, load_data, manage, queue, runs
from fer_core.train.check import require_ready, require_valid, with_absolute_paths
from fer_core.train.config import Fold, TrainConfig
from fer_core.train.folds import LEFT_OUT, By
from fer_core.train.runs import TrainingRun, list_runs

#: How a run stands that is at work or will be.
_LIVE: Final = ("queued", "running", "paused")
#: Seconds between two looks of :func:`wait`.
_EVERY: Final = 0.5


@dataclass(frozen=True)
class CrossValidation:
    """The runs of one cross-validation.

    Attributes:
        name: Of the whole.
        count: How many folds there are.
        by: How the faces were divided.
        runs: By number of the fold; a fold without a run is missing.
    """

    name: str
    count: int
    by: By
    runs: dict[int, TrainingRun]

    def is_live(self) -> bool:
        """Return whether one of its runs is at work or waits its turn."""
        return any(run.state()["status"] in _LIVE for run in self.runs.values())


@dataclass(frozen=True)
class FoldResult:
    """How one fold stands, and the figures of its left-out faces once its run is trained.

    Attributes:
        number: Of the fold.
        run: Name of its run; ``None`` where there is none.
        status: Of the run, or ``missing``.
        faces: How many were left out.
        accuracy: On these.
        macro_recall: Mean recall over the emotions that occur among them.
        classes: How many emotions occur among them.
        confusion_matrix: 7×7 counts: rows are labels, columns predictions.
    """

    number: int
    run: str | None
    status: str
    faces: int | None = None
    accuracy: float | None = None
    macro_recall: float | None = None
    classes: int | None = None
    confusion_matrix: list[list[int]] | None = None


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation over folds; of one fold there is no deviation."""

    mean: float
    sd: float | None

    def __str__(self) -> str:
        return f"{self.mean:.2%}" + ("" if self.sd is None else f" ± {100 * self.sd:.2f}")


@dataclass(frozen=True)
class Summary:
    """The figures of a cross-validation, over the folds that are trained.

    Attributes:
        name: Of the cross-validation.
        by: How the faces were divided.
        folds: Each fold.
        done: How many of them are trained.
        accuracy: Over the folds.
        macro_recall: Likewise.
        pooled_accuracy: Of all left-out faces together.
        confusion_matrix: Of all left-out faces together, 7×7 counts: rows are labels, columns
            predictions.
    """

    name: str
    by: By
    folds: list[FoldResult]
    done: int
    accuracy: Spread | None
    macro_recall: Spread | None
    pooled_accuracy: float | None
    confusion_matrix: list[list[int]] | None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)


def start(
    config: TrainConfig,
    count: int,
    by: By | None = None,
    owner: str = "",
    limits: Limits = NO_LIMITS,
) -> CrossValidation:
    """Begin a cross-validation, or go on with the one that has these very settings and data.

    Args:
        config: Of every run.
        count: How many folds.
        by: How to divide the faces; without, by person where the dataset knows persons.
        owner: Opaque text that says whose the runs are.
        limits: What the owner may use.

    Raises:
        FerError: A setting is wrong, or the data cannot be read or divided so.
    """
    if config.strategy == "multiworker":
        raise TrainingError("folds: A run of several machines cannot be one of several folds.")
    if count < 2:
        raise TrainingError("folds: One fold leaves nothing to learn from: ask for 2 or more.")
    require_valid(config.model_dump())
    require_ready(config)
    config = with_absolute_paths(config.model_copy(update={"fold": None}))
    data = load_data(config)
    by = by or folds.usual_way(data)
    part: dict[str, Any] = {"count": count, "by": by}
    part["checksum"] = folds.divisible(data).identity()[1]
    for number in range(1, count + 1):
        # What cannot be divided is refused before any run is there.
        folds.divide(data, Fold(group="", number=number, **part), config.seed)
    settings().runs.mkdir(parents=True, exist_ok=True)
    with FileLock(settings().runs / ".folds"):  # of two starts at once, one finds the other's
        group = _like(config, part)
        if group is None:
            name = f"{config.model}-{datetime.now():%Y%m%d-%H%M%S}-{count}-folds"
            group = CrossValidation(name, count, by, {})
        return _go_on(group, config, part, owner, limits)


def go_on(
    name: str, owner: str = "", limits: Limits = NO_LIMITS, data: str | None = None
) -> CrossValidation:
    """Do what is missing of a cross-validation.

    Args:
        name: Of the cross-validation.
        owner: Opaque text that says whose new runs are.
        limits: What the owner may use.
        data: Where its data is now.

    Raises:
        FerError: There is none of that name, or its data cannot be read.
    """
    group = find(name)
    first = next(iter(group.runs.values()))
    config = first.config
    if data is not None:
        config = with_absolute_paths(config.model_copy(update={"data": data}))
    require_ready(config)
    load_data(config)  # which compares it with what was divided
    assert config.fold is not None
    part = config.fold.model_dump(include={"count", "by", "checksum"})
    with FileLock(settings().runs / ".folds"):
        return _go_on(find(name), config, part, owner, limits, data)


def _go_on(
    group: CrossValidation,
    config: TrainConfig,
    part: dict[str, Any],
    owner: str,
    limits: Limits,
    data: str | None = None,
) -> CrossValidation:
    for number in range(1, group.count + 1):
        run = group.runs.get(number)
        if run is None:
            fold = Fold(group=group.name, number=number, **part)
            queue.submit(config.model_copy(update={"fold": fold}), owner, limits)
        elif run.state()["status"] not in ("queued", "running", "trained"):
            queue.resume(run.name, data=data)
    return find(group.name)


def list_all() -> list[CrossValidation]:
    """Return every cross-validation, the newest first."""
    of_group: dict[str, Fold] = {}
    found: dict[str, dict[int, TrainingRun]] = {}
    for run in reversed(list_runs()):  # of two runs of one fold, the newer counts
        if fold := run.fold:
            of_group[fold.group] = fold
            found.setdefault(fold.group, {})[fold.number] = run
    return [
        CrossValidation(name, fold.count, fold.by, dict(sorted(found[name].items())))
        for name, fold in reversed(of_group.items())
    ]


def find(name: str) -> CrossValidation:
    """Return the cross-validation called ``name``.

    Raises:
        TrainingError: There is none.
    """
    for group in list_all():
        if group.name == name:
            return group
    raise TrainingError(f"No cross-validation '{name}': see 'python -m fer_core runs'.")


def is_one(name: str) -> bool:
    """Return whether a cross-validation is called ``name``."""
    return any(group.name == name for group in list_all())


def summary(group: CrossValidation) -> Summary:
    """Return the figures of a cross-validation as it stands."""
    rows = [_result(number, group.runs.get(number)) for number in range(1, group.count + 1)]
    done = [row for row in rows if row.accuracy is not None]
    pooled = np.zeros((len(EMOTIONS), len(EMOTIONS)), np.int64)
    for row in done:
        pooled += np.array(row.confusion_matrix)
    return Summary(
        group.name,
        group.by,
        rows,
        len(done),
        _spread([row.accuracy for row in done if row.accuracy is not None]),
        _spread([row.macro_recall for row in done if row.macro_recall is not None]),
        float(pooled.trace() / pooled.sum()) if done else None,
        pooled.tolist() if done else None,
    )


def wait(group: CrossValidation, tell: Callable[[CrossValidation], None] | None = None) -> None:
    """Wait until nothing of a cross-validation is at work or waits its turn.

    Args:
        group: Which one.
        tell: Called again and again meanwhile.
    """
    while group.is_live():
        queue.ensure_served()
        if tell:
            tell(group)
        time.sleep(_EVERY)


def stop(group: CrossValidation) -> None:
    """End what is at work of a cross-validation; :func:`go_on` goes on.

    Raises:
        TrainingError: A run cannot be stopped from here.
    """
    live = [run for run in group.runs.values() if run.state()["status"] in _LIVE]
    # Those that wait come first, or they would begin in the place of those that are stopped.
    for run in sorted(live, key=lambda run: run.state()["status"] != "queued"):
        runs.stop(run.name)


def delete(group: CrossValidation) -> None:
    """Delete every run of a cross-validation.

    Raises:
        TrainingError: One of them is being trained; nothing is deleted then.
    """
    for run in group.runs.values():
        if run.busy():
            raise TrainingError(f"{run.name} is being trained: stop {group.name} first.")
    for run in group.runs.values():
        manage.delete(run.name)


def _like(config: TrainConfig, part: dict[str, Any]) -> CrossValidation | None:
    """Return the newest cross-validation of the same settings and data."""
    for group in list_all():
        for run in group.runs.values():
            try:
                theirs = run.config
            except TrainingError:
                continue
            assert theirs.fold is not None
            same = theirs.fold.model_dump(include=set(part)) == part
            if same and theirs.model_copy(update={"fold": None}) == config:
                return group
    return None


def _result(number: int, run: TrainingRun | None) -> FoldResult:
    if run is None:
        return FoldResult(number, None, "missing")
    status = run.state()["status"]
    if status != "trained":
        return FoldResult(number, run.name, status)
    try:
        found = judge.figures(run)[LEFT_OUT]
        recalls = [
            row["recall"] for row in found["per_class"].values() if row["recall"] is not None
        ]
        return FoldResult(
            number,
            run.name,
            status,
            found["n"],
            found["accuracy"],
            float(np.mean(recalls)),
            len(recalls),
            found["confusion_matrix"],
        )
    except (LookupError, TypeError, AttributeError):
        return FoldResult(number, run.name, "damaged")


def _spread(values: list[float]) -> Spread | None:
    if not values:
        return None
    return Spread(
        float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None
    )
