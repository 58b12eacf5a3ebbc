"""How long work still takes."""

import time


def seconds_left(begun: float, share: float) -> float | None:
    """Return the seconds left of work, at its speed so far; ``None`` before that can be told.

    Args:
        begun: When it began, on the monotonic clock.
        share: Of the work that is done, 0 to 1.
    """
    spent = time.monotonic() - begun
    return spent / share * (1 - share) if share > 0.01 else None


def time_left(seconds: float | None) -> str:
    """Return a remaining time in words, such as "35 s left"; empty while it is unknown."""
    if seconds is None:
        return ""
    return f"{seconds / 60:.0f} min left" if seconds > 90 else f"{max(1, seconds):.0f} s left"
