"""``benchmark``: the former name of ``python -m benchmarks``."""

import click

from fer_core.cli.common import run_benchmarks


@click.command(
    "benchmark", context_settings={"ignore_unknown_options": True, "help_option_names": []}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Run the former name of 'python -m benchmarks'."""
    run_benchmarks("benchmark", "python -m benchmarks", list(arguments))
