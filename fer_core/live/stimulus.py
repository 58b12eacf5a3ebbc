"""Stimuli in step with a recording: their order, their time in every row, and the delay from
the screen to the camera.
"""

import hashlib
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from fer_core.errors import FerError

if TYPE_CHECKING:
    import pandas as pd

Order = Literal["fixed", "random", "latin"]
#: How stimuli may be ordered, in words.
ORDERS: Final[dict[Order, str]] = {
    "fixed": "As listed",
    "random": "Random, by the participant's code",
    "latin": "Latin square, by the participant's place",
}

#: White flashes before the first stimulus, and seconds from one to the next. Three or more
#: within a second could trigger a seizure (WCAG 2.2, success criterion 2.3.1).
FLASHES: Final = 5
PERIOD: Final = 1.0
#: Seconds that a flash lasts.
FLASH: Final = 0.25
#: The longest delay that is looked for, in seconds; the next flash must not be mistaken for one.
LONGEST: Final = 0.7
#: Flashes of :data:`FLASHES` that the camera has to see.
ENOUGH: Final = 3
#: How much brighter a flash makes the camera's picture at least, of 0 to 1.
_CONTRAST: Final = 0.008
#: The same in deviations of the brightness without a flash.
_NOISE: Final = 4.0
#: Seconds between the delays that are tried at first.
_STEP: Final = 0.005


def order(names: Sequence[str], how: Order, code: str = "", place: int = 1) -> list[int]:
    """Return in which order a participant sees the stimuli, as indices of ``names``.

    A Latin square is balanced: with an even number of stimuli every stimulus follows every
    other equally often over as many participants as there are stimuli, with an odd number over
    twice as many (Williams 1949).

    Args:
        names: Of the stimuli, as listed.
        how: One of :data:`ORDERS`.
        code: Of the participant; the same code and number of stimuli give the same random order.
        place: Of the participant in the study's list, from 1; for ``latin``.

    Raises:
        FerError: ``random`` without a code, or a place before the first.

    >>> [order("abcd", "latin", place=place) for place in (1, 2)]
    [[0, 1, 3, 2], [1, 2, 0, 3]]
    """
    count = len(names)
    if how == "fixed" or count < 2:
        return list(range(count))
    if how == "random":
        if not code.strip():
            raise FerError("A random order needs the participant's code.")
        # Not hash(), which is another one in every process.
        seed = int.from_bytes(hashlib.sha256(code.strip().encode()).digest()[:8])
        # Random.random() is the same in every version of Python; shuffle() is not promised to be.
        draw = random.Random(seed)
        return sorted(range(count), key=[draw.random() for _ in range(count)].__getitem__)
    if place < 1:
        raise FerError("The participant's place in the study's list counts from 1.")
    # 0, 1, n-1, 2, n-2, …: neighbours differ by another number each time.
    first = [0]
    for step in range(1, count):
        first.append((step + 1) // 2 if step % 2 else count - step // 2)
    row = (place - 1) % (count if count % 2 == 0 else 2 * count)
    found = [(index + row) % count for index in first]
    return found[::-1] if row >= count else found


@dataclass(frozen=True)
class Shown:
    """What the screen shows from a moment on, until the next of these.

    Attributes:
        time: Seconds of the recording.
        name: Of the stimulus; "" for a gap.
        at: Seconds within the stimulus at that moment.
        running: Whether the stimulus goes on; one that is paused or stalls does not.
    """

    time: float
    name: str
    at: float = 0.0
    running: bool = True


def fill(table: "pd.DataFrame", shown: Sequence[Shown], delay: float = 0.0) -> "pd.DataFrame":
    """Return a recording with ``stimulus`` and ``stimulus_time`` in every row.

    Args:
        table: In the columns of a live session.
        shown: What the screen showed, in the order of time.
        delay: Seconds from the screen to the camera: a row shows the response to what the
            screen showed so much earlier.
    """
    if not shown or table.empty:
        return table
    times = table["time"].to_numpy(float) - delay
    began = np.array([one.time for one in shown])
    # A row at the moment of a change belongs to what comes then.
    places = np.searchsorted(began, times + 1e-9, side="right") - 1
    names: list[str | None] = []
    seconds = np.full(len(table), math.nan)
    for row, place in enumerate(places.tolist()):
        one = shown[place] if place >= 0 else None
        names.append(one.name if one and one.name else None)
        if one and one.name:
            seconds[row] = one.at + (max(times[row] - one.time, 0.0) if one.running else 0.0)
    import pandas as pd

    return table.assign(
        stimulus=pd.array(names, dtype=table["stimulus"].dtype), stimulus_time=seconds
    )


@dataclass(frozen=True)
class Delay:
    """The delay from the screen to the camera.

    Attributes:
        median: Seconds.
        spread: Seconds between the shortest and the longest one.
        flashes: Flashes that the camera saw.
    """

    median: float
    spread: float
    flashes: int


def estimate_delay(flashes: Sequence[float], light: Sequence[tuple[float, float]]) -> Delay | None:
    """Return how much later the camera sees what the screen shows.

    The delay at which the picture is brighter during all flashes than around them is found
    first. Around it, each flash's own delay is the moment at which the brightness crosses the
    middle between dark and bright.

    Args:
        flashes: When the screen turned white, in seconds.
        light: Seconds and mean brightness, 0 to 1, of the camera's pictures.

    Returns:
        The delay to the middle of a picture's exposure; ``None`` where the camera saw fewer than
        :data:`ENOUGH` flashes.
    """
    if len(flashes) < ENOUGH or len(light) < 2:
        return None
    times, values = np.array(sorted(light), float).T
    start = np.array(sorted(flashes), float)
    inside = (times >= start[0] - PERIOD / 2) & (times <= start[-1] + PERIOD)
    times, values = times[inside], values[inside]
    if len(times) < 4 * FLASHES:
        return None  # of too few pictures no flash can be told
    after = times[:, None] - start[None, :]

    def gain(delay: float) -> float:
        lit = ((after >= delay) & (after < delay + FLASH)).any(axis=1)
        if not lit.any() or lit.all():
            return -math.inf
        return float(values[lit].mean() - values[~lit].mean())

    tried = np.arange(0.0, LONGEST + _STEP / 2, _STEP)
    gains = np.array([gain(delay) for delay in tried])
    about = float(np.median(tried[gains >= gains.max() - 1e-12]))
    found = [one for one in (_crossing(times, values, s, about) for s in start) if one is not None]
    if len(found) < ENOUGH:
        return None
    return Delay(float(np.median(found)), float(np.ptp(found)), len(found))


def _crossing(times: np.ndarray, values: np.ndarray, start: float, about: float) -> float | None:
    """Return one flash's delay in seconds; ``None`` if the camera did not see it."""
    since = times - start - about
    dark = values[(since > -PERIOD + 2 * FLASH) & (since < -FLASH / 3)]
    bright = values[(since > FLASH / 4) & (since < FLASH * 0.75)]
    if not len(dark) or not len(bright):
        return None
    low, high = float(np.median(dark)), float(np.median(bright))
    spread = float(np.median(np.abs(dark - low))) * 1.4826
    if high - low < max(_CONTRAST, _NOISE * spread):
        return None
    middle = (low + high) / 2
    near = np.flatnonzero((since > -FLASH / 2) & (since < FLASH * 0.75))
    for place in near:
        if place and values[place] >= middle > values[place - 1]:
            share = (middle - values[place - 1]) / (values[place] - values[place - 1])
            moment = times[place - 1] + share * (times[place] - times[place - 1])
            return float(moment - start)
    return None
