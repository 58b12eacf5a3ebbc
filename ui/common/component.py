"""What our own components share."""


def nothing() -> None:
    """Do nothing: Streamlit wants a callback for every value that a component may report."""
