"""``models``: which trained models there are, and what can be done with them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fer_core.cli.common import (
    FILE,
    json_option,
    note,
    overwrite_files_option,
    print_json,
)
from fer_core.errors import ModelError
from fer_core.files import check_outputs, is_stream, printable, write_output
from fer_core.models.catalogue import ModelFolder, default_model, find_model, list_models

if TYPE_CHECKING:
    from fer_core.zoo.convert import Format


def _bytes(folder: ModelFolder) -> int | None:
    """What is loaded to serve it; ``None`` where a member is missing."""
    try:
        return folder.served_bytes()
    except ModelError:
        return None


@click.group("models", invoke_without_command=True)
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List the trained models; show, import, export or remove one, or choose the default."""
    if context.invoked_subcommand is None:
        _list(as_json)


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the trained models with their accuracy and size; * marks the default."""
    _list(as_json)


@command.command("show")
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show a model's card: what it is, how it was made, and how good it is."""
    from fer_core.zoo import readme

    folder = find_model(name)
    if as_json:
        more = {"default": folder.name == default_model(), "path": str(folder.path)}
        print_json(folder.card.to_json() | more)
    else:
        click.echo(readme.text(folder.card))


@command.command("import")
@click.argument("file", type=FILE)
@json_option
def import_(file: Path, as_json: bool) -> None:
    """Add the models of an archive, after checking everything in it."""
    from fer_core.zoo import archive

    try:
        with file.open("rb") as content:
            names = archive.import_(content, note)
    except OSError as error:
        raise ModelError(f"{printable(file)} cannot be read: {error.strerror}.") from error
    if as_json:
        print_json(names)
    else:
        for name in names:
            click.echo(name)


@command.command("export")
@click.argument("name")
@click.option("--to", type=FILE, required=True, help="The file to write.")
@click.option(
    "--format", "form", type=click.Choice(["archive", "onnx", "tflite", "keras"]),
    default="archive", show_default=True,
    help="A ZIP archive with the card (and the members of an ensemble), or a file for ONNX "
    "Runtime, LiteRT or Keras.",
)  # fmt: skip
@overwrite_files_option
def export(name: str, to: Path, form: "Format", overwrite: bool) -> None:
    """Write a model as an archive, or as a file for another program."""
    from fer_core.zoo.convert import SUFFIXES, converted

    folder = find_model(name)
    check_outputs([to], folder.path.iterdir(), overwrite=overwrite)
    if to.suffix.lower() != SUFFIXES[form] and not is_stream(to):
        raise ModelError(f"{printable(to)} does not end in {SUFFIXES[form]}: give it that ending.")
    write_output(to, converted(name, form))
    note(f"Written to {printable(to)}.")


@command.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Delete a model of this machine, at once; shipped ones stay."""
    from fer_core.zoo import manage

    manage.delete(name)
    note(f"{name} is deleted.")


@command.command("allow")
@click.argument("name")
def allow(name: str) -> None:
    """Use a model again that was stopped because it exceeded its limits."""
    from fer_core.zoo import manage

    manage.allow(name)
    note(f"{name} is allowed again.")


@command.command("default")
@click.argument("name")
def default(name: str) -> None:
    """Use a model on every page and in every command that names no other."""
    from fer_core.zoo import manage

    manage.set_default(name)
    note(f"{name} is the default now.")


def _list(as_json: bool) -> None:
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
