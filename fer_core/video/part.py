"""A part of a video: its times and a region of its picture, as people write them."""

from fer_core.errors import VideoError
from fer_core.video.frame import Frame
from fer_core.video.tracks import MIN_SIDE

#: ``(x, y, width, height)`` in pixels of the upright frame.
Region = tuple[int, int, int, int]


def parse_time(text: str) -> float:
    """Return the seconds of a time such as "75", "1:15" or "0:01:15".

    Raises:
        VideoError: It is none.

    >>> parse_time("1:15")
    75.0
    """
    try:
        parts = [float(part) for part in text.split(":")]
        if not 1 <= len(parts) <= 3 or not all(0 <= part < float("inf") for part in parts):
            raise ValueError
    except ValueError as error:
        raise VideoError(
            f"'{text}' is no time: give seconds, m:ss or h:mm:ss, such as 75 or 1:15."
        ) from error
    return sum(part * 60.0**place for place, part in enumerate(reversed(parts)))


def parse_region(text: str) -> Region:
    """Return the region that "x,y,width,height" stands for.

    Raises:
        VideoError: It is none.

    >>> parse_region("0,0,320,240")
    (0, 0, 320, 240)
    """
    try:
        x, y, width, height = (int(part) for part in text.split(","))
        if width <= 0 or height <= 0:
            raise ValueError
    except ValueError as error:
        raise VideoError(
            f"'{text}' is no region: give x,y,width,height in whole pixels, such as 0,0,320,240."
        ) from error
    return x, y, width, height


def clipped(region: Region, frame: Frame) -> Region:
    """Return the part of a region that lies within a frame.

    Raises:
        VideoError: Too little of it does.
    """
    x, y, width, height = region
    left, top = max(0, x), max(0, y)
    right, bottom = min(frame.width, x + width), min(frame.height, y + height)
    if min(right - left, bottom - top) < MIN_SIDE:
        raise VideoError(
            f"The region {x},{y},{width},{height} leaves less than {MIN_SIDE}×{MIN_SIDE} pixels of "
            f"a frame of {frame.width}×{frame.height}: give x,y,width,height within it."
        )
    return left, top, right - left, bottom - top
