"""Moments worth seeing, as pictures with words."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fer_core.timeline import clock
from fer_core.video.annotate import stills
from fer_core.video.result import VideoResult


def caption(result: VideoResult, moment: Mapping[str, Any]) -> str:
    """A row of :meth:`fer_core.video.VideoResult.moments` in words, its time first."""
    return f"{clock(moment['time'])} · {in_words(result, moment)}"


def in_words(result: VideoResult, moment: Mapping[str, Any]) -> str:
    """What happens at a moment, without its time."""
    person = result.merged.get(moment["person"], moment["person"])
    who, emotion = result.name(person), moment["emotion"]
    if moment["kind"] == "peak":
        return f"{who} most clearly {emotion}, {moment['value']:.0%}"
    return f"{who} turns to {emotion}"


def captioned(source: Path, result: VideoResult) -> list[tuple[str, bytes]]:
    """Captions and stills of the moments that the file leads to."""
    moments = result.moments()
    pictures = stills(source, result, moments)
    rows = zip(moments.to_dict("records"), pictures, strict=True)
    return [(caption(result, moment), jpeg) for moment, jpeg in rows if jpeg]
