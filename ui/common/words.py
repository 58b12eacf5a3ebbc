"""Texts that several pages write the same way."""

from typing import Final

#: Stands for the mean of everyone where a person can be chosen: their numbers begin with 1.
EVERYONE: Final = 0


def duration_in_words(seconds: float) -> str:
    """Return a duration as people say it: '40 s', '12 min', '3 h 20 min'."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def person_label(number: int) -> str:
    """Return what a choice of a person says: a number, or everyone's mean."""
    return "Everyone" if number == EVERYONE else str(number)
