"""``forget``: delete all that was kept."""

import click


@click.command("forget")
@click.confirmation_option(prompt="Delete everything that was kept on this machine?")
def command() -> None:
    """Delete every kept session, face, correction and video; --yes asks nothing."""
    from fer_core.stored_data import delete_all

    gone = delete_all()
    click.echo(
        f"{gone.sessions} saved sessions, {gone.faces} collected faces, {gone.corrections} "
        f"corrections and {gone.videos} analysed videos deleted."
    )
