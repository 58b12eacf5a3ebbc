"""What our own components share."""


def nothing() -> None:
    """Streamlit wants a callback for every value that a component may report."""
