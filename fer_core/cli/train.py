"""``train``: train a network."""

import shlex
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from fer_core.cli.common import (
    FILE,
    accept_new_data_option,
    corrections_option,
    data_option,
    json_option,
    label_order_option,
    note,
    preset_option,
    print_json,
    status,
    votes_option,
)
from fer_core.errors import TrainingError

if TYPE_CHECKING:
    from fer_core.train.config import TrainConfig
    from fer_core.train.folds import By
    from fer_core.train.runs import TrainingRun


@click.command("train")
@click.option("--model", help="Architecture, such as mini_xception.")
@data_option(required=False)
@label_order_option
@votes_option
@corrections_option
@preset_option
@click.option(
    "--config",
    "config_file",
    type=FILE,
    help="Settings as JSON, such as config.json of another run.",
)
@click.option("--weights", help="Starting weights: none, imagenet, a named set, a model or a file.")
@click.option("--teacher", help="A trained model whose word is part of the targets.")
@click.option("--strategy", help="mirrored or multiworker: several devices or machines.")
@click.option("--epochs", type=click.IntRange(1))
@click.option("--seed", type=click.IntRange(0))
@click.option(
    "--set", "changes", multiple=True, metavar="NAME=VALUE",
    help="Any other setting, such as batch_size=64 or augmentation.flip=false; can be repeated.",
)  # fmt: skip
@click.option(
    "--folds", type=click.IntRange(2),
    help="Cross-validation: one run for each of so many parts of the data, which it leaves out.",
)  # fmt: skip
@click.option(
    "--folds-by", type=click.Choice(["person", "random"]),
    help="With --folds: all faces of a person in one part, or at random. Without it, by person "
    "where the dataset knows persons.",
)  # fmt: skip
@click.option("--background", is_flag=True, help="In a process of its own; see 'runs'.")
@click.option(
    "--resume", metavar="RUN",
    help="Go on with a run, which --epochs, --set learning_rate=… and --set batch_size=… change, "
    "or with what is missing of a cross-validation.",
)  # fmt: skip
@accept_new_data_option
@json_option
def command(
    resume: str | None,
    folds: int | None,
    folds_by: "By | None",
    background: bool,
    accept_new_data: bool,
    as_json: bool,
    changes: tuple[str, ...],
    **given: Any,
) -> None:
    """Train a network on a dataset; Ctrl-C stops it, --resume goes on."""
    from fer_core import train
    from fer_core.cli import folds as cli_folds
    from fer_core.cli.runs import resume_in_background
    from fer_core.train import crossvalidate
    from fer_core.train.command import publish_command, read_settings
    from fer_core.train.strategy import helps

    if resume == "":  # an unset variable of the shell would begin a new run
        raise TrainingError(
            "--resume: The name of the run is empty: see 'python -m fer_core runs'."
        )
    given |= read_settings(changes)
    if resume:
        given = _changes(given)
    elif accept_new_data:
        raise TrainingError("--accept-new-data is for a run that goes on: give --resume as well.")
    if folds_by and not folds:
        raise TrainingError("--folds-by is for a cross-validation: give --folds as well.")
    if resume and folds:
        raise TrainingError("--folds: What goes on has its folds already.")
    if resume and crossvalidate.is_one(resume):
        if accept_new_data:
            raise TrainingError("--accept-new-data: The folds of other data are other folds.")
        cli_folds.do(cli_folds.go_on(resume, given), background, as_json)
        return
    if folds:
        config = _with_weights(train.configure(**given))
        cli_folds.do(crossvalidate.start(config, folds, folds_by), background, as_json)
        return
    if background:
        run = (
            resume_in_background(resume, given, accept_new_data)
            if resume
            else _submit(_with_weights(train.configure(**given)))
        )
        for verb in ("show", "stop"):
            note(f"    {shlex.join(['python', '-m', 'fer_core', 'runs', verb, run.name])}")
        click.echo(run.name)
        return
    if resume:
        run = train.resume(resume, _watch, accept_new_data=accept_new_data, **given)
    else:
        run = train.train(_with_weights(train.configure(**given)), _watch)
    status("")
    if helps(run.config):
        note("This process helped; the first worker keeps the run.")
        return
    result = {"run": run.name, "path": str(run.path)} | run.state()
    if as_json:
        print_json(result)
    else:
        note(f"The run is {run.name}. To make a model of it:\n\n    {publish_command(run)}\n")
        click.echo(
            f"best validation accuracy {result['best_accuracy']:.2%} in epoch "
            f"{result['best_epoch']} of {result['epoch']}"
        )


def _submit(config: "TrainConfig") -> "TrainingRun":
    """Start a run in a process of its own, after reading its data once."""
    from fer_core.train import load_data, queue
    from fer_core.train.check import require_ready

    # The worker finds the dataset in the cache; what is wrong with it is said here and now.
    require_ready(config)
    load_data(config)
    return queue.submit(config)


def _with_weights(config: "TrainConfig") -> "TrainConfig":
    """Return a configuration after fetching its starting weights, where that is needed.

    What is fetched, from where and how large it is, is said before.
    """
    if config.weights == "imagenet":
        from fer_core.models.starting_weights import imagenet
        from fer_core.train.check import require_ready

        if sentence := imagenet.announcement(config.model):
            require_ready(config)
            note(sentence)
            imagenet.fetch(config.model)
    return config


def _changes(given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that were given for a run that goes on, without defaults.

    Raises:
        TrainingError: An option is given that only a new run can have.
    """
    for option, name in (("preset", "--preset"), ("config_file", "--config")):
        if given.pop(option):
            raise TrainingError(f"{name}: A run that goes on has its settings already.")
    source = click.get_current_context().get_parameter_source("data")
    if source is not ParameterSource.COMMANDLINE:
        given.pop("data")  # FER_DATA is for new runs
    return given


def _watch(progress: Any) -> None:
    minutes, seconds = divmod(round(progress.seconds_left), 60)
    hours, minutes = divmod(minutes, 60)
    left = f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
    status(
        f"epoch {progress.epoch} of {progress.epochs}, step {progress.step} of {progress.steps}, "
        f"{progress.images_per_second:.0f} images/s, {left} left"
    )
