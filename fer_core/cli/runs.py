"""``runs``: training runs on this machine."""

from pathlib import Path

import click

from fer_core.cli.common import data_option, json_option, note, print_json
from fer_core.datasets import load
from fer_core.train.runs import Run, list_runs


@click.group("runs", invoke_without_command=True)
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List training runs, or make a model that ships from one."""
    if context.invoked_subcommand:
        return
    rows = [{"name": run.name} | run.state() for run in list_runs()]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        best = f"best {row['best_accuracy']:.2%}" if "best_accuracy" in row else ""
        click.echo(f"{row['name']:<40} {row['status']:<9} epoch {row.get('epoch', 0):<4} {best}")


@command.command("publish")
@click.argument("run")
@click.option("--name", required=True, help="Name of the model.")
@data_option()
@click.option(
    "--to", type=click.Path(file_okay=False, path_type=Path), default=Path("models"),
    help="Folder that receives the model's folder.",
)  # fmt: skip
@click.option("--flip", is_flag=True, help="Serve the mean over both mirror images.")
@click.option("--about-data", default="", help="What the card says of the data.")
@click.option("--licence", default="", help="What the card says of the licence.")
@click.option("--notes", default="", help="What else the card says of how it was made.")
def publish(
    run: str,
    name: str,
    data: str,
    to: Path,
    flip: bool,
    about_data: str,
    licence: str,
    notes: str,
) -> None:
    """Round, calibrate, export and measure a run's best weights; write its card."""
    from fer_core.models.publish import publish

    folder = publish(
        Run.open(run),
        load(data),
        to / name,
        flip=flip,
        data=about_data,
        licence=licence,
        notes=notes,
    )
    note(f"Written to {folder.path}.")
