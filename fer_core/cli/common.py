"""Options and habits that several commands share."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from fer_core.settings import settings

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
model_option = click.option(
    "--model", default=None, help="Model, see 'models'; without it the default."
)


def data_option(required: bool = True) -> Callable:
    """``--data``: a path or 'demo', from ``FER_DATA`` where that is set."""
    return click.option(
        "--data",
        default=lambda: str(settings().data) if settings().data else None,
        required=required,
        help="fer2013.csv (compressed too), a folder of images by class, or 'demo'; "
        "FER_DATA sets the default.",
    )


votes_option = click.option(
    "--votes", type=click.Path(dir_okay=False), help="FER+ votes, fer2013new.csv."
)

corrections_option = click.option(
    "--corrections",
    metavar="FILE",
    help="Corrections of labels as CSV, or 'kept' for those of the Dataset page.",
)


class _Folder(click.Path):
    """A folder that may be missing; an empty text, as of an unset variable, is refused."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Refuse what click would take for the current folder."""
        if value == "":
            self.fail("The text is empty: name a folder, or leave the option out.", param, ctx)
        return super().convert(value, param, ctx)


to_option = click.option(
    "--to",
    type=_Folder(),
    help="Folder that receives the model's folder; without, where your own models are "
    "(FER_HOME/models).",
)

overwrite_option = click.option(
    "--overwrite",
    is_flag=True,
    help="Replace a model of that name, unless an ensemble needs it.",
)


def print_json(value: Any) -> None:
    """Print ``value`` as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def note(message: str) -> None:
    """Say something that is not the result."""
    click.echo(message, err=True)


def status(message: str) -> None:
    """A line that the next one overwrites; only where a person is watching."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[2K{message}", err=True, nl=False)
