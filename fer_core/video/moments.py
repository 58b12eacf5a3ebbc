"""Moments worth seeing, as pictures with words."""

from pathlib import Path

import pandas as pd

from fer_core.timeline import clock
from fer_core.video.annotate import stills
from fer_core.video.result import VideoResult


def caption(result: VideoResult, moment: object) -> str:
    """A row of :meth:`fer_core.video.VideoResult.moments` in words."""
    who = f"{result.name(moment.person)}, " if len(result.persons()) > 1 else ""
    if moment.kind == "peak":
        return f"{clock(moment.time)} · {who}most {moment.emotion.lower()}, {moment.value:.0%}"
    return f"{clock(moment.time)} · {who}turns {moment.emotion.lower()}"


def captioned(source: Path, result: VideoResult) -> list[tuple[str, bytes]]:
    """Captions and stills of the moments that the file leads to."""
    moments: pd.DataFrame = result.moments()
    pictures = stills(source, result, moments)
    rows = zip(moments.itertuples(), pictures, strict=True)
    return [(caption(result, moment), jpeg) for moment, jpeg in rows if jpeg]
