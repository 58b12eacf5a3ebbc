"""``forget``: delete all that was kept."""

import click


@click.command("forget")
@click.confirmation_option(prompt="Delete everything that was kept on this machine?")
def command() -> None:
    """Delete every kept session, face, correction and video; --yes asks nothing."""
    from fer_core.store import forget
    from fer_core.video import job

    gone, videos = forget(), job.forget()
    click.echo(
        f"{gone.sessions} kept sessions, {gone.faces} kept faces, {gone.corrections} corrections "
        f"and {videos} analysed videos deleted."
    )
