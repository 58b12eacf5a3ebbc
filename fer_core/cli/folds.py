"""What ``train`` and ``runs`` say of a cross-validation."""

import shlex
from typing import Any

import click

from fer_core.cli.common import note, print_json, status
from fer_core.emotions import EMOTIONS
from fer_core.errors import TrainingError
from fer_core.train import crossvalidate
from fer_core.train.crossvalidate import CrossValidation, Summary


def do(group: CrossValidation, background: bool, as_json: bool) -> None:
    """Wait for the runs of a cross-validation and show their figures, unless in the background.

    Args:
        group: Whose runs are on their way.
        background: Whether to return at once.
        as_json: Whether to print JSON.

    Raises:
        TrainingError: Some of the runs did not end well.
    """
    if background:
        for verb in ("show", "stop"):
            note(f"    {shlex.join(['python', '-m', 'fer_core', 'runs', verb, group.name])}")
        click.echo(group.name)
        return
    note(f"The cross-validation is {group.name}.")
    try:
        crossvalidate.wait(group, _watch)
    except KeyboardInterrupt:
        crossvalidate.stop(group)
        raise
    finally:
        status("")
    show(group, as_json)
    left = [row for row in crossvalidate.summary(group).folds if row.accuracy is None]
    if left:
        raise TrainingError(
            f"Fold {left[0].number} is {left[0].status}"
            + (f", and {len(left) - 1} more are not done" if len(left) > 1 else "")
            + f": see 'runs show {left[0].run or group.name}'; 'train --resume {group.name}' goes "
            "on with what is missing."
        )


def go_on(name: str, changes: dict[str, Any]) -> CrossValidation:
    """Do what is missing of a cross-validation; nothing but the path of its data may change."""
    for setting, value in changes.items():
        if setting != "data" and value is not None:
            raise TrainingError(
                f"{setting}: The folds of a cross-validation keep the settings that it began with: "
                "start a new one to change them."
            )
    return crossvalidate.go_on(name, data=changes.get("data"))


def show(group: CrossValidation, as_json: bool) -> None:
    """Print how a cross-validation stands: each fold, and all left-out faces together."""
    found = crossvalidate.summary(group)
    if as_json:
        print_json(found.to_dict())
        return
    click.echo(in_words(found))
    for row in found.folds:
        figures = "" if row.accuracy is None else (
            f"{row.faces:>6} faces  accuracy {row.accuracy:7.2%}  "
            f"macro recall {row.macro_recall:7.2%} of {row.classes} emotions"
        )  # fmt: skip
        click.echo(f"fold {row.number:<4} {row.status:<12} {figures}  {row.run or ''}".rstrip())
    if found.confusion_matrix is None:
        return
    faces = sum(map(sum, found.confusion_matrix))
    click.echo(
        f"\n{faces} faces, each measured by the run that left it out: accuracy "
        f"{found.pooled_accuracy:.2%}. Rows are labels, columns predictions."
    )
    click.echo(f"{'':<10}" + "".join(f"{emotion:>9}" for emotion in EMOTIONS))
    for emotion, counts in zip(EMOTIONS, found.confusion_matrix, strict=True):
        click.echo(f"{emotion:<10}" + "".join(f"{count:>9}" for count in counts))


def in_words(found: Summary) -> str:
    """Return a line with mean and standard deviation over the folds that are trained."""
    figures = ""
    if found.done:
        figures = f"  accuracy {found.accuracy}  macro recall {found.macro_recall}"
    how = {"person": "by person", "random": "at random"}[found.by]
    return f"{found.name:<40} {found.done} of {len(found.folds)} folds, {how}{figures}"


def _watch(group: CrossValidation) -> None:
    states = [run.state() for run in group.runs.values()]
    done = sum(state["status"] == "trained" for state in states)
    now = [
        f"fold {number} in epoch {run.progress().get('epoch', 1)}"
        for (number, run), state in zip(group.runs.items(), states, strict=True)
        if state["status"] == "running"
    ]
    status(", ".join([f"{done} of {group.count} folds", *now]))
