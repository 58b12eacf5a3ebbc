"""``ensemble``: several models as one."""

from pathlib import Path

import click

from fer_core.cli.common import (
    data_option,
    json_option,
    label_order_option,
    note,
    overwrite_option,
    print_json,
    to_option,
)
from fer_core.datasets import load
from fer_core.ensemble import Weights, check_weights
from fer_core.errors import ModelError
from fer_core.models.catalogue import check_new_name


@click.command("ensemble")
@click.argument("members", nargs=-1, required=True, metavar="NAME[=WEIGHT]…")
@data_option()
@label_order_option
@click.option("--save", "name", required=True, help="Name of the new model.")
@click.option(
    "--weights",
    type=click.Choice(["equal", "fitted"]),
    help="Equal votes (the default), or those that fit PublicTest best; or give each member's "
    "weight as NAME=WEIGHT, of which only the proportions matter.",
)
@to_option
@overwrite_option
@click.option("--notes", default="", help="What else the card says of how it was made.")
@json_option
def command(
    members: tuple[str, ...],
    data: str,
    label_order: str | None,
    name: str,
    weights: Weights | None,
    to: Path | None,
    overwrite: bool,
    notes: str,
    as_json: bool,
) -> None:
    """Make a model of several: they vote, and PublicTest makes the vote honest."""
    from fer_core.zoo import ensembles

    target = check_new_name(name, to, overwrite=overwrite)
    names, given = _read(members)
    if given and weights:
        raise ModelError("Give --weights, or a weight to each member (NAME=WEIGHT), not both.")
    how: Weights = given or weights or "equal"
    ensembles.check_members(names)
    check_weights(how, len(names))
    dataset = load(data, label_order=label_order)
    folder = ensembles.save(names, dataset, target, weights=how, notes=notes, overwrite=overwrite)
    card = folder.card
    public = card.figure("PublicTest")
    alone = ensembles.accuracies(names, dataset)
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


def _read(members: tuple[str, ...]) -> tuple[list[str], list[float]]:
    """Return the names of members and their weights; no weights where none was given.

    Raises:
        ModelError: A weight is no number, or some members have one and others have none.
    """
    names, weights = [], []
    for member in members:
        name, given, text = member.partition("=")
        names.append(name)
        if given:
            try:
                weights.append(float(text))
            except ValueError as error:
                raise ModelError(f"{member}: '{text}' is no number.") from error
    if weights and len(weights) < len(names):
        raise ModelError("Some members have a weight and others have none: give each NAME=WEIGHT.")
    return names, weights
