"""``forget``: delete all that was kept."""

import click


@click.command("forget")
@click.confirmation_option(prompt="Delete everything that was kept on this machine?")
def command() -> None:
    """Delete every kept session, face and correction; --yes asks nothing."""
    from fer_core.store import forget

    gone = forget()
    click.echo(
        f"{gone.sessions} kept sessions, {gone.faces} kept faces and {gone.corrections} "
        "corrections deleted."
    )
