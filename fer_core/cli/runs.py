"""``runs``: training runs on this machine."""

from pathlib import Path
from typing import Any, get_args

import click

from fer_core.cli import folds as cli_folds
from fer_core.cli.common import (
    accept_new_data_option,
    json_option,
    label_order_option,
    note,
    overwrite_option,
    print_json,
    to_option,
)
from fer_core.datasets import load
from fer_core.errors import TrainingError
from fer_core.evaluation.sources import side_by_side
from fer_core.models.card import Stored
from fer_core.models.catalogue import check_new_name
from fer_core.models.keras_settings import check_keras
from fer_core.train import crossvalidate, judge, load_data, manage, origin, queue, runs
from fer_core.train.change import is_complete, planned
from fer_core.train.command import read_settings
from fer_core.train.runs import TrainingRun, list_runs


def resume_in_background(name: str, changes: dict[str, Any], accept_new_data: bool) -> TrainingRun:
    """Go on with a run in a process of its own, after reading and checking its data.

    Args:
        name: Of the run.
        changes: Of its settings.
        accept_new_data: Whether the data may be other data than before.
    """
    run = TrainingRun.open(name)
    config = planned(run, changes)
    idle = not run.busy() and (accept_new_data or not is_complete(run, config))
    faces = load_data(config) if idle else None
    return queue.resume(name, faces, accept_new_data, **changes)


@click.group("runs", invoke_without_command=True)
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List training runs, steer them, or make a model of one."""
    if context.invoked_subcommand:
        return
    rows = [_row(run) for run in list_runs()]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        best = f"best {row['best_accuracy']:.2%}" if "best_accuracy" in row else ""
        click.echo(f"{row['name']:<40} {row['status']:<9} epoch {row.get('epoch', 0):<4} {best}")
    for group in crossvalidate.list_all():
        click.echo(cli_folds.in_words(crossvalidate.summary(group)))


def _row(run: TrainingRun) -> dict[str, Any]:
    fold = run.fold
    part = {"cross_validation": fold.group, "fold": fold.number} if fold else {}
    return {"name": run.name} | run.state() | part


@command.command("publish")
@click.argument("run")
@click.option("--name", required=True, help="Name of the model.")
@click.option(
    "--data", help="Measure on other data, which the card then names; without it, on the run's own."
)
@label_order_option
@to_option
@overwrite_option
@click.option("--flip", is_flag=True, help="Serve the mean over both mirror images.")
@click.option(
    "--stored", type=click.Choice(get_args(Stored)), default="float32",
    help="How the file keeps its weights: float16 is half the size, int8 a quarter and quicker.",
)  # fmt: skip
@click.option(
    "--keras/--no-keras", "keras_form", default=True,
    help="With model.keras, which explanations, audits and further training start from.",
)  # fmt: skip
@click.option(
    "--brief", is_flag=True, help="Measure PublicTest and PrivateTest alone, nothing else."
)
@click.option("--cycle", type=click.IntRange(1), help="Weights at the end of this cycle.")
@click.option("--about-data", default="", help="What the card says of the data.")
@click.option("--licence", default="", help="What the card says of the licence.")
@click.option("--notes", default="", help="What else the card says of how it was made.")
def publish(
    run: str,
    name: str,
    data: str | None,
    label_order: str | None,
    to: Path | None,
    overwrite: bool,
    flip: bool,
    stored: Stored,
    keras_form: bool,
    brief: bool,
    cycle: int | None,
    about_data: str,
    licence: str,
    notes: str,
) -> None:
    """Round, calibrate, export and measure a run's best weights; write its card."""
    if label_order and data is None:
        raise TrainingError("--label-order is for other data: give --data as well.")
    target = check_new_name(name, to, overwrite=overwrite)
    chosen = TrainingRun.open(run)
    config = chosen.config
    check_keras("Publishing")
    if data is None:
        dataset = load_data(config)
        origin.check_same(
            chosen, dataset, "put the run's own data back, or name other data with --data."
        )
    else:
        # Read as for training: another seed would split a dataset without splits differently.
        dataset = load(
            data,
            detector=config.detector,
            skip_bad=config.skip_bad,
            seed=config.seed,
            label_order=label_order,
        )
    from fer_core.zoo.publish import publish

    folder = publish(
        chosen,
        dataset,
        target,
        overwrite=overwrite,
        flip=flip,
        stored=stored,
        keras_form=keras_form,
        brief=brief,
        cycle=cycle,
        data=about_data,
        licence=licence,
        notes=notes,
    )
    if said := folder.card.notes.removeprefix(notes).strip():
        note(said)
    note(f"Written to {folder.path}.")


@command.command("show")
@click.argument("run")
@json_option
def show(run: str, as_json: bool) -> None:
    """How a run stands, epoch by epoch; a cross-validation, fold by fold."""
    if crossvalidate.is_one(run):
        cli_folds.show(crossvalidate.find(run), as_json)
        return
    chosen = TrainingRun.open(run)
    state, rows, progress = chosen.state(), chosen.metrics(), chosen.progress()
    sources = judge.sources(chosen)
    if as_json:
        found = [one.to_dict() for one in sources]
        print_json({"state": state, "progress": progress, "metrics": rows, "sources": found})
        return
    click.echo(f"{state['status']}" + (f": {state['reason']}" if state.get("reason") else ""))
    for row in rows:
        click.echo(
            f"epoch {row['epoch']:<4} loss {row['loss']:.3f}  accuracy {row['accuracy']:.2%}  "
            f"validation: loss {row['val_loss']:.3f}  accuracy {row['val_accuracy']:.2%}  "
            f"{row['seconds']:.0f} s"
        )
    if sources:
        click.echo("\nThe first source chose the weights; of the others, no face was learned:")
        click.echo(side_by_side(sources))
    if state["status"] in ("running", "paused") and progress:
        click.echo(
            f"epoch {progress['epoch']} of {progress['epochs']}, step {progress['step']} of "
            f"{progress['steps']}, {progress['images_per_second']:.0f} images/s, "
            f"{progress['seconds_left'] / 60:.0f} minutes left"
        )


@command.command("pause")
@click.argument("run")
def pause(run: str) -> None:
    """Halt a run; it keeps its memory and loses no step."""
    runs.pause(run)
    _note_status(run)


@command.command("stop")
@click.argument("run")
def stop(run: str) -> None:
    """End a run's process; 'resume' goes on from its last epoch."""
    if crossvalidate.is_one(run):
        crossvalidate.stop(crossvalidate.find(run))
    else:
        runs.stop(run)
    _note_status(run)


def _note_status(name: str) -> None:
    if crossvalidate.is_one(name):
        note(cli_folds.in_words(crossvalidate.summary(crossvalidate.find(name))))
    else:
        note(f"{name} is {TrainingRun.open(name).state()['status']}.")


@command.command("resume")
@click.argument("run")
@click.option("--epochs", type=click.IntRange(1), help="Epochs altogether, those done included.")
@click.option(
    "--set", "changes", multiple=True, metavar="NAME=VALUE",
    help="Another learning_rate or batch_size from here on; can be repeated.",
)  # fmt: skip
@click.option("--data", help="Where the run's data is now.")
@accept_new_data_option
def resume(
    run: str, epochs: int | None, changes: tuple[str, ...], data: str | None, accept_new_data: bool
) -> None:
    """Go on with a run in a process of its own, or with what is missing of a cross-validation."""
    given = {"epochs": epochs, "data": data} | read_settings(changes)
    if crossvalidate.is_one(run):
        cli_folds.go_on(run, given)
    else:
        resume_in_background(run, given, accept_new_data)
    _note_status(run)


@command.command("remove")
@click.argument("run")
def remove(run: str) -> None:
    """Delete a run, or every run of a cross-validation, at once; models made of it stay."""
    if crossvalidate.is_one(run):
        crossvalidate.delete(crossvalidate.find(run))
    else:
        manage.delete(run)
    note(f"{run} is deleted.")
