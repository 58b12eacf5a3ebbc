"""``forget``: delete all that was kept."""

import click


@click.command("forget")
@click.confirmation_option(prompt="Delete everything that was kept on this machine?")
def command() -> None:
    """Delete every kept live session; --yes asks nothing."""
    from fer_core.store import forget

    click.echo(f"{forget()} kept sessions deleted.")
