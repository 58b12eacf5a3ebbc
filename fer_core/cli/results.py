"""``results``: write docs/results.md."""

import click

from fer_core.cli.common import note


@click.command("results")
def command() -> None:
    """Write docs/results.md and the models' READMEs from cards and measurements."""
    from fer_core import report

    note(f"Written to {report.write()}.")
