"""The command line: results on standard output, everything else on standard error.

Ends with 0, or with 1 and one line ``error: …`` that says what to do.
"""

import importlib
import os
from typing import Final

import click

from fer_core import __version__
from fer_core.cli.common import run_as_program

#: Command → module; a module is imported only when its command runs, so that a picture
#: does not wait for what training needs.
_COMMANDS: Final = {
    "analyze": "analyze",
    "models": "models",
    "evaluate": "evaluate",
    "train": "train",
    "video": "video",
    "runs": "runs",
    "ensemble": "ensemble",
    "benchmark": "benchmark",
    "results": "results",
    "dataset": "dataset",
    "forget": "forget",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        return importlib.import_module(f"fer_core.cli.{_COMMANDS[name]}").command


@click.command(cls=_Commands, no_args_is_help=False, invoke_without_command=True)
@click.version_option(__version__, prog_name="fer_core")
@click.pass_context
def cli(context: click.Context) -> None:
    """Read emotions from faces, train the models that do, and measure them."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    # TensorFlow's notes on start-up would drown what is said here.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    run_as_program(cli, "python -m fer_core", arguments)
