"""``delete-all``: delete everything that people stored."""

import click


@click.command("delete-all")
@click.confirmation_option(prompt="Delete all stored data on this machine?")
def command() -> None:
    """Delete every saved session, face, correction, video and study; --yes asks nothing."""
    from fer_core.stored_data import delete_all

    gone = delete_all()
    click.echo(
        f"{gone.sessions} saved sessions, {gone.faces} collected faces, {gone.corrections} "
        f"corrections, {gone.videos} analysed videos and {gone.studies} studies deleted."
    )
