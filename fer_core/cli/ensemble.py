"""``ensemble``: several models as one."""

from pathlib import Path

import click

from fer_core.cli.common import (
    data_option,
    json_option,
    note,
    overwrite_option,
    print_json,
    to_option,
)
from fer_core.datasets import load
from fer_core.ensemble import Weights
from fer_core.models.catalogue import check_new_name


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
@to_option
@overwrite_option
@click.option("--notes", default="", help="What else the card says of how it was made.")
@json_option
def command(
    names: tuple[str, ...],
    data: str,
    name: str,
    weights: Weights,
    to: Path | None,
    overwrite: bool,
    notes: str,
    as_json: bool,
) -> None:
    """Make a model of several: they vote, and PublicTest makes the vote honest."""
    from fer_core.zoo import ensembles

    target = check_new_name(name, to, overwrite=overwrite)
    ensembles.check_members(list(names))
    dataset = load(data)
    folder = ensembles.save(
        list(names), dataset, target, weights=weights, notes=notes, overwrite=overwrite
    )
    card = folder.card
    public = card.figure("PublicTest")
    alone = ensembles.accuracies(list(names), dataset)
    result = {
        "name": card.name,
        "path": str(folder.path),
        "weights": card.members,
        "temperature": card.temperatures.as_trained,
        "members": alone,
        "PublicTest": public.accuracy if public else None,
    }
    if as_json:
        print_json(result)
        return
    note(f"Written to {folder.path}.")
    for member, accuracy in alone.items():
        click.echo(f"{member:<24} {card.members.get(member, 0):6.1%} of the vote  {accuracy:.2%}")
    click.echo(f"{card.name:<24} {'':21}{result['PublicTest']:.2%}")
