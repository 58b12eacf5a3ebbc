"""``models``: which trained models there are, and what can be done with them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fer_core.cli.common import (
    ANY_PATH,
    FILE,
    json_option,
    label_order_option,
    note,
    overwrite_files_option,
    print_json,
)
from fer_core.errors import ModelError
from fer_core.extras import needed_by
from fer_core.files import check_outputs, is_stream, printable, write_output
from fer_core.models.catalogue import (
    ModelFolder,
    check_new_name,
    default_model,
    find_model,
    free_name,
    list_models,
)
from fer_core.settings import settings

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
    from fer_core.zoo import staging

    staging.recover(settings().models)
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
@click.argument("file", type=ANY_PATH)
@click.option("--name", help="Name of the model that a network becomes; without, the file's.")
@click.option(
    "--labels", metavar="LIST",
    help="Of a network that was trained elsewhere (.keras, .h5, .onnx, or the folder of a "
    "SavedModel): the emotion of each output, in its order, as angry,disgust,…; -contempt drops "
    "an output, whose probability the others share.",
)  # fmt: skip
@click.option(
    "--range", "pixels", metavar="BLACK,WHITE",
    help="The values of a black and of a white pixel, as 0,255 or 0,1 or -1,1.",
)  # fmt: skip
@click.option("--logits", is_flag=True, help="The outputs are logits, not probabilities.")
@click.option(
    "--size", type=int, help="Side of the picture in pixels; needed where the network takes any."
)
@click.option("--channels", type=int, help="1 for grey, 3 for RGB; needed likewise.")
@click.option("--data", help="Measure the network on this dataset.")
@label_order_option
@click.option("--licence", help="What the card says of the network's licence.")
@json_option
def import_(
    file: Path,
    name: str | None,
    labels: str | None,
    pixels: str | None,
    as_json: bool,
    **network: Any,
) -> None:
    """Add the models of an archive, or a network that was trained elsewhere, after checking it."""
    from fer_core.zoo import foreign

    if foreign.is_network(file):
        names = [_import_network(file, name, labels, pixels, **network)]
    else:
        for option, value in ({"name": name, "labels": labels, "range": pixels} | network).items():
            if value not in (None, False):
                raise ModelError(
                    f"--{option.replace('_', '-')} is for a network alone (.keras, .h5, .onnx, or "
                    f"the folder of a SavedModel), and {printable(file)} is none: leave it out."
                )
        names = _import_archive(file)
    if as_json:
        print_json(names)
    else:
        for one in names:
            click.echo(one)


def _import_archive(file: Path) -> list[str]:
    from fer_core.zoo import archive

    try:
        with file.open("rb") as content:
            return archive.import_(content, note)
    except OSError as error:
        raise ModelError(f"{printable(file)} cannot be read: {error.strerror}.") from error


def _import_network(
    file: Path,
    name: str | None,
    labels: str | None,
    pixels: str | None,
    logits: bool,
    size: int | None,
    channels: int | None,
    data: str | None,
    label_order: str | None,
    licence: str | None,
) -> str:
    from fer_core.zoo import foreign

    target = check_new_name(free_name(file.stem) if name is None else name)
    if labels is None or pixels is None:
        raise ModelError(
            f"{printable(file)} is a network alone, which does not say what it answers: name the "
            "emotion of each output with --labels, and the values of a black and of a white pixel "
            "with --range."
        )
    interface = foreign.Interface(
        foreign.read_labels(labels), *foreign.read_range(pixels), logits, size, channels
    )
    dataset = None
    if data is not None:
        with needed_by("Measuring a network", "data"):
            from fer_core.datasets import load

            dataset = load(data, label_order=label_order)
    folder = foreign.import_network(file, interface, target, data=dataset, licence=licence or "")
    note(folder.card.notes)
    if public := folder.card.figure("PublicTest"):
        note(f"On PublicTest of {public.dataset}: accuracy {public.accuracy:.2%}.")
    return folder.name


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
