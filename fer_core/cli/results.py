"""``results``: write docs/results.md."""

from pathlib import Path

import click

from fer_core.cli.common import note


@click.command("results")
@click.option(
    "--keep", type=click.Path(file_okay=False, path_type=Path),
    help="First keep the figures of this model's folder, which does not ship, for the page.",
)  # fmt: skip
def command(keep: Path | None) -> None:
    """Write docs/results.md and the models' READMEs from cards and measurements."""
    from fer_core import report

    if keep:
        note(f"Kept as {report.keep(keep)}.")
    note(f"Written to {report.write()}.")
