"""``app``: open the app in a browser."""

import importlib

import click

from fer_core.resources import app_folder


@click.command("app")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on; 8501 without.")
@click.option(
    "--address", help="Address to listen on; without it, only this machine can open the app."
)
def command(port: int | None, address: str | None) -> None:
    """Open the app in the browser; Ctrl-C ends it."""
    # Streamlit reads the configuration beside the script too, so this works in any folder.
    # By its name, since the library does not depend on Streamlit.
    streamlit = importlib.import_module("streamlit.web.cli")
    options = [
        f"--server.{name}={value}"
        for name, value in (("port", port), ("address", address))
        if value is not None
    ]
    streamlit.main(["run", str(app_folder() / "streamlit_app.py"), *options], "streamlit")
