"""What our own components share."""

from pathlib import Path


def script(*files: Path) -> str:
    """Return the script of a component: its files in order, after what all components share."""
    files = (Path(__file__).with_name("kept.js"), *files)
    return "".join(file.read_text(encoding="utf-8") for file in files)


def nothing() -> None:
    """Do nothing: Streamlit wants a callback for every value that a component may report."""
