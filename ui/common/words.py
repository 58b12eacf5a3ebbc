"""Texts that several pages write the same way."""


def duration_in_words(seconds: float) -> str:
    """Return a duration as people say it: '40 s', '12 min', '3 h 20 min'."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
