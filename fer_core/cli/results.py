"""``results``: the former name of ``python -m benchmarks results``."""

import click

from fer_core.cli.common import run_benchmarks


@click.command(
    "results", context_settings={"ignore_unknown_options": True, "help_option_names": []}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Run the former name of 'python -m benchmarks results'."""
    run_benchmarks("results", "python -m benchmarks results", ["results", *arguments])
