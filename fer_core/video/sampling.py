"""Which frames of a video are taken, and for how long each of them stands."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from fer_core.video.frame import Frame

#: Files round times to as much as a millisecond: half of it may be missing.
_ROUNDED: Final = 5e-4
#: Times that differ by less are the same moment.
_SAME: Final = 1e-6


def sample(frames: Iterable[Frame], fps: float | None, start: float, end: float) -> Iterator[Frame]:
    """Yield frames so that every moment of a part of a video is represented once.

    With ``fps``, time is divided into slots of 1/fps seconds, counted from 0 also where a part
    begins later. The first frame that begins in a slot is taken, and a frame that fills a
    whole slot. So a frame that is held for long is taken, even where it begins right after
    another, and is taken once.

    Args:
        frames: All frames in order, each with the time for which it is shown.
        fps: Frames a second to take; ``None`` for all.
        start: Seconds. The frame that is shown then is the first, with this time.
        end: Seconds. Frames that begin later are left out.

    Returns:
        The frames taken; ``duration`` reaches to the next one, and for the last one to the end.
    """
    chosen: Frame | None = None
    slot, stop = -1, start
    for frame in frames:
        if frame.time >= end - _SAME:
            break
        stop_of_frame = min(frame.time + frame.duration, end)
        if stop_of_frame <= start + _SAME:
            continue
        begin, stop = max(frame.time, start), stop_of_frame
        if fps:
            first, after = _slot(begin, fps), _slot(stop, fps)
            if first <= slot and after < first + 2:
                continue
            slot = first
        if chosen is not None:
            yield replace(chosen, duration=begin - chosen.time)
        chosen = replace(frame, time=begin)
    if chosen is not None:
        yield replace(chosen, duration=stop - chosen.time)


def _slot(time: float, fps: float) -> int:
    return int((time + _ROUNDED) * fps + 1e-6)
