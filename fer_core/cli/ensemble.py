"""``ensemble``: several models as one."""

from pathlib import Path

import click

from fer_core.cli.common import data_option, json_option, note, print_json
from fer_core.datasets import load
from fer_core.settings import settings


@click.command("ensemble")
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@data_option()
@click.option("--save", "name", required=True, help="Name of the new model.")
@click.option(
    "--weights",
    type=click.Choice(["equal", "fitted"]),
    default="equal",
    help="Equal votes, or those that fit PublicTest best.",
)
@click.option(
    "--to", type=click.Path(file_okay=False, path_type=Path),
    help="Folder that receives the model's folder; without, where your own models are.",
)  # fmt: skip
@click.option("--notes", default="", help="What else the card says of how it was made.")
@json_option
def command(
    names: tuple[str, ...],
    data: str,
    name: str,
    weights: str,
    to: Path | None,
    notes: str,
    as_json: bool,
) -> None:
    """Make a model of several: they vote, and PublicTest makes the vote honest."""
    from fer_core import ensemble

    dataset = load(data)
    folder = ensemble.save(
        list(names), dataset, (to or settings().models) / name, weights=weights, notes=notes
    )
    card = folder.card
    alone = ensemble.accuracies(list(names), dataset)
    result = {
        "name": card.name,
        "path": str(folder.path),
        "weights": card.members,
        "temperature": card.temperature,
        "members": alone,
        "PublicTest": card.figures["PublicTest"]["accuracy"],
    }
    if as_json:
        print_json(result)
        return
    note(f"Written to {folder.path}.")
    for member, accuracy in alone.items():
        click.echo(f"{member:<24} {card.members.get(member, 0):6.1%} of the vote  {accuracy:.2%}")
    click.echo(f"{card.name:<24} {'':21}{result['PublicTest']:.2%}")
