"""Options and habits that several commands share."""

import importlib
import io
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from fer_core import renamed
from fer_core.errors import FerError
from fer_core.files import printable
from fer_core.settings import settings

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
model_option = click.option(
    "--model", default=None, help="Model, see 'models'; without it the default."
)


def _renamed(names: Mapping[str, str]) -> Callable[..., Any]:
    """Return a callback for an option that takes former names of its values, with a note."""

    def callback(_ctx: click.Context, _option: click.Parameter, value: Any) -> Any:
        if value in names:
            note_new_name(value, names[value])
        return names.get(value, value)

    return callback


preset_option = click.option(
    "--preset",
    help="A named recipe; other options change it.",
    callback=_renamed(renamed.PRESETS),
)


def data_option(required: bool = True) -> Callable:
    """Make the option ``--data``: a path or 'demo', from ``FER_DATA`` where that is set."""
    return click.option(
        "--data",
        default=lambda: str(settings().data) if settings().data else None,
        required=required,
        help="fer2013.csv (compressed too), a folder of images by class, or 'demo'; "
        "FER_DATA sets the default.",
    )


class_prior_option = click.option(
    "--class-prior",
    metavar="NAME|NUMBERS",
    help="How frequent the emotions are assumed to be: as-trained, recommended, uniform, or seven "
    "numbers with commas.",
)
prior_strength_option = click.option(
    "--prior-strength",
    type=click.FloatRange(0, 1),
    metavar="0…1",
    help="Strength of the class prior; only with uniform and numbers.",
)

label_order_option = click.option(
    "--label-order",
    metavar="fer2013|affectnet|rafdb|ckplus|NAME,NAME,…",
    help="What labels mean that are numbers, where the format does not say.",
)

corrections_option = click.option(
    "--corrections",
    metavar="FILE",
    help="Corrections of labels as CSV, or 'saved' for those of the Dataset page.",
    callback=_renamed(renamed.CORRECTIONS),
)


class PathType(click.Path):
    """A path; an empty text, as of an unset variable, is refused."""

    def __init__(self, path_type: type = Path, **how: Any) -> None:
        super().__init__(path_type=path_type, **how)

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Refuse what click would take for the current folder."""
        if value == "":
            self.fail("The text is empty: give a path, or leave the option out.", param, ctx)
        return super().convert(value, param, ctx)


#: A file or a folder; a file; a folder. None of them need exist.
ANY_PATH = PathType()
FILE = PathType(dir_okay=False)
FOLDER = PathType(file_okay=False)

accept_new_data_option = click.option(
    "--accept-new-data",
    is_flag=True,
    help="Go on although the data is not what the run was trained on until now; the run's "
    "history says so.",
)

votes_option = click.option(
    "--votes", type=PathType(str, dir_okay=False), help="FER+ votes, fer2013new.csv."
)

to_option = click.option(
    "--to",
    type=FOLDER,
    help="Folder that receives the model's folder; without, where your own models are "
    "(FER_HOME/models).",
)

overwrite_option = click.option(
    "--overwrite",
    is_flag=True,
    help="Replace a model of that name, unless an ensemble needs it.",
)

overwrite_files_option = click.option(
    "--overwrite", is_flag=True, help="Replace files that exist; never one that is read."
)

engine_option = click.option(
    "--engine", type=click.Choice(["local", "dask"]), default="local", show_default=True,
    help="Where the work is done: on this machine's cores, or on a Dask cluster.",
)  # fmt: skip
scheduler_option = click.option(
    "--scheduler", metavar="ADDRESS", help="Of a Dask cluster, such as tcp://host:8786."
)


def print_json(value: Any) -> None:
    """Print ``value`` as JSON; characters that the console cannot show are escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2)
    click.echo(text)


def note(message: str) -> None:
    """Say something that is not the result."""
    click.echo(message, err=True)


def status(message: str) -> None:
    """Show a line that the next one overwrites; only where a person is watching."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[2K{message}", err=True, nl=False)


def run_as_program(command: click.Command, name: str, arguments: list[str] | None = None) -> None:
    """Run a command and leave the process: with 0, or with 1 and one line that says why.

    Args:
        command: What to run.
        name: What the help calls the program.
        arguments: Those of the command line; without, the process's own.
    """
    for stream in (sys.stdout, sys.stderr):
        # A console of Windows may not know every character: it shows a question mark then.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        command.main(arguments, prog_name=name, standalone_mode=False)
    except FerError as error:
        _fail(str(error))
    except click.ClickException as error:
        _fail(error.format_message())
    except (KeyboardInterrupt, click.Abort):
        _fail("Stopped.")
    except BrokenPipeError:
        # Whoever read our output has enough; say nothing more into the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        # Another user's folder, a full disk, a drive that is gone: nothing is wrong with us.
        named = f"{printable(str(error.filename))}: " if error.filename else ""
        _fail(f"{named}{error.strerror or error}.")


def note_new_name(old: str, new: str) -> None:
    """Say what a command is called now, after it was called by its former name."""
    note(f"'{old}' is now '{new}'; the old name works for one more release.")


def run_benchmarks(old_name: str, new_name: str, arguments: list[str]) -> None:
    """Run ``python -m benchmarks`` for a command that moved there, and name the new one.

    Args:
        old_name: What the user typed.
        new_name: What to type from now on.
        arguments: Those of ``python -m benchmarks``.

    Raises:
        FerError: This is an installed package, which has no benchmarks.
    """
    try:
        benchmarks = importlib.import_module("benchmarks.__main__")
    except ModuleNotFoundError as error:
        raise FerError(
            "Measuring needs the project's repository: run 'python -m benchmarks' in a checkout."
        ) from error
    note_new_name(old_name, new_name)
    benchmarks.command.main(arguments, prog_name="python -m benchmarks", standalone_mode=False)


def _fail(message: str) -> None:
    click.echo("error: " + " ".join(message.split()), err=True)
    sys.exit(1)
