"""``models``: which trained models there are."""

from typing import Any

import click

from fer_core.cli.common import json_option, print_json
from fer_core.errors import ModelError
from fer_core.models.catalogue import ModelFolder, default_model, list_models


def _bytes(folder: ModelFolder) -> int | None:
    """What is loaded to serve it; ``None`` where a member is missing."""
    try:
        return folder.served_bytes()
    except ModelError:
        return None


@click.command("models")
@json_option
def command(as_json: bool) -> None:
    """List the trained models with their accuracy and size."""
    default = default_model()
    rows: list[dict[str, Any]] = []
    for folder in list_models():
        card = folder.card
        public, private = card.figure("PublicTest"), card.figure("PrivateTest")
        rows.append(
            {
                "name": card.name,
                "title": card.title,
                "default": card.name == default,
                "PublicTest": public.accuracy if public else None,
                "PrivateTest": private.accuracy if private else None,
                "parameters": card.parameters,
                "bytes": _bytes(folder),
                "path": str(folder.path),
            }
        )
    if as_json:
        print_json(rows)
        return
    for row in rows:
        shares = [
            f"{row[split]:.2%}" if row[split] is not None else "–"
            for split in ("PublicTest", "PrivateTest")
        ]
        mark = "*" if row["default"] else " "
        click.echo(
            f"{mark} {row['name']:<20} PublicTest {shares[0]:>7}  PrivateTest {shares[1]:>7}  "
            + (f"{row['bytes'] / 1e6:5.1f} MB" if row["bytes"] else " broken ")
            + f"  {row['title']}"
        )
