"""The command line: results on standard output, everything else on standard error.

Ends with 0, or with 1 and one line ``error: …`` that says what to do.
"""

import importlib
import os
from typing import Any, Final

import click

from fer_core import __version__, extras
from fer_core.cli.common import note_new_name, run_as_program

#: Command → module; a module is imported only when its command runs, so that a picture
#: does not wait for what training needs.
_COMMANDS: Final = {
    "analyze": "analyze",
    "models": "models",
    "evaluate": "evaluate",
    "train": "train",
    "train-plan": "train_plan",
    "video": "video",
    "study": "study",
    "runs": "runs",
    "ensemble": "ensemble",
    "benchmark": "benchmark",
    "results": "results",
    "dataset": "dataset",
    "app": "app",
    "delete-all": "delete_all",
}
#: Former names of commands, which work for one more release.
_RENAMED: Final = {"forget": "delete-all"}
#: The extra that brings what a command needs besides the core.
_EXTRAS: Final = {
    "dataset": "data",
    "evaluate": "data",
    "ensemble": "data",
    "video": "video",
    "study": "study",
    "train": "train",
    "train-plan": "train",
    "runs": "train",
    "app": "app",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name in _RENAMED:
            note_new_name(name, _RENAMED[name])
            name = _RENAMED[name]
        if name not in _COMMANDS:
            return None
        return importlib.import_module(f"fer_core.cli.{_COMMANDS[name]}").command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a package that it lacks is one sentence that says how to get it."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            name = ctx.invoked_subcommand or ""
            if known := extras.explain(error, f"'{name}'", _EXTRAS.get(name)):
                raise known from error
            raise


@click.command(cls=_Commands, no_args_is_help=False, invoke_without_command=True)
@click.version_option(__version__, prog_name="fer_core")
@click.pass_context
def cli(context: click.Context) -> None:
    """Read emotions from faces, train the models that do, and measure them."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(arguments: list[str] | None = None, program: str = "fer-core") -> None:
    """Run the command line and leave the process with its exit code.

    Args:
        arguments: Those of the command; without, the process's own.
        program: What the help calls the program.
    """
    # TensorFlow's notes on start-up would drown what is said here.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    run_as_program(cli, program, arguments)
