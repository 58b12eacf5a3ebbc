"""One continuous timeline from the timestamps that a video file gives its frames."""

import heapq
import statistics
from collections import deque
from collections.abc import Iterable
from typing import Final

from fer_core.timeline import clock

#: A frame may be shown for this many seconds before the next one: screen recordings and GIFs
#: hold a picture for long. A longer gap that no sound fills is a broken timestamp.
LONGEST_GAP: Final = 60.0
#: Faults of one kind that get a sentence each; more of them share one sentence.
SENTENCES: Final = 5

#: Seconds by which timestamps may go back within one recording; two that were joined differ
#: by more.
_DISORDER: Final = 0.5
#: Frames after a fault in which the timestamps may return to what they were before it.
_RETURN: Final = 25
#: Steps between frames of which the usual step is the median.
_STEPS: Final = 25
#: Frames that a decoder holds back at most to put them into the order in which they are shown.
_REORDERED: Final = 32


class FrameClock:
    """Gives the frames of a video strictly increasing times.

    Timestamps are used as they are, counted from the start of the file, as long as they
    increase and leave no gap above :data:`LONGEST_GAP`. Where they do not, the frame comes
    one usual step after the frame before it, and the timestamps that follow are counted from
    there. If they return to the old count within a second or so, because a single timestamp
    was broken, the old count holds again.

    >>> times = FrameClock(start=0.0, step=0.5)
    >>> [times.time(stamp) for stamp in (0.0, 0.5, 0.0, 0.5, 1e6, 1e6 + 0.5)]
    [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
    """

    def __init__(self, start: float | None, step: float) -> None:
        """Begin a timeline.

        Args:
            start: Timestamp in seconds that counts as 0. Defaults to the first frame's.
            step: Seconds between two frames, used until the frames themselves tell it.
        """
        self._start, self._step = start, step
        self._steps: deque[float] = deque(maxlen=_STEPS)
        self._last: float | None = None
        self._offset: float | None = None
        self._before: float | None = None
        self._since = 0
        self._missing = False
        self._back: list[float] = []
        self._jumps: list[tuple[float, float]] = []
        self._gaps: list[float] = []
        self._below: float | None = None

    @property
    def step(self) -> float:
        """Return the usual time between two frames in seconds."""
        return statistics.median(self._steps) if self._steps else self._step

    @property
    def faulty(self) -> bool:
        """Return whether times differ from the timestamps counted from the start."""
        return bool(self._back or self._jumps or self._gaps)

    def time(self, stamp: float | None, heard: float = 0.0) -> float:
        """Return the time of the next frame in seconds.

        Args:
            stamp: Timestamp of the frame in seconds, ``None`` if it has none.
            heard: Seconds of sound that the file holds up to this frame. A long gap that
                sound fills is a picture that stands still, not a broken timestamp.
        """
        if self._last is None:
            now = self._first(stamp, heard)
        elif stamp is None:
            now = self._last + self.step
            if not self._missing:
                self._gaps.append(now)
        else:
            now = self._next(self._last, stamp, heard)
        self._missing = stamp is None
        self._last = now
        return now

    def problems(self) -> list[str]:
        """Return a sentence for each fault of the timestamps."""
        found = []
        if self._below is not None:
            found.append(
                f"The timestamps begin below zero, at {self._below:.2f} s: times are counted "
                "from the first frame."
            )
        if len(self._back) > SENTENCES:
            found.append(
                f"The timestamps go back or repeat at {_places(self._back)}: the frames were put "
                "one after the other."
            )
        else:
            found += [
                f"The timestamps go back or repeat at {clock(at)}: the frames from there on follow "
                "those before."
                for at in self._back
            ]
        if len(self._jumps) > SENTENCES:
            found.append(
                f"The timestamps jump ahead at {_places([at for at, _ in self._jumps])}: the gaps "
                "were closed."
            )
        else:
            found += [
                f"The timestamps jump ahead by {gap:,.0f} s at {clock(at)}: the gap was closed."
                for at, gap in self._jumps
            ]
        if len(self._gaps) > SENTENCES:
            found.append(
                f"Timestamps are missing at {_places(self._gaps)}: they were filled in from the "
                "frame rate."
            )
        else:
            found += [
                f"Timestamps are missing at {clock(at)}: they were filled in from the frame rate."
                for at in self._gaps
            ]
        return found

    def _first(self, stamp: float | None, heard: float) -> float:
        if stamp is None:
            self._gaps.append(0.0)
            return 0.0
        if stamp < -1e-3:
            self._below = stamp
        start = stamp if self._start is None else self._start
        now = max(0.0, stamp - start)
        if now - heard > LONGEST_GAP:
            self._jumps.append((0.0, now))
            now = 0.0
        # Subtracting the start itself keeps times free of a second rounding.
        self._offset = start if stamp - start == now else stamp - now
        return now

    def _next(self, last: float, stamp: float, heard: float) -> float:
        if self._offset is None:  # no frame so far had a timestamp
            self._offset = stamp - (last + self.step)
        now, step = stamp - self._offset, self.step
        self._since += 1
        if self._before is not None:
            old = stamp - self._before
            back = self._fits(last, old, heard) and (
                not self._fits(last, now, heard) or abs(old - last - step) < abs(now - last - step)
            )
            if back:
                self._offset, now = self._before, old
            if back or self._since > _RETURN:
                self._before = None
        if not self._fits(last, now, heard):
            if now <= last:
                # Of timestamps that are only given twice or out of order, the next one is
                # likely right: room is left for it.
                now = last + (step / 2 if last - now < _DISORDER else step)
                self._back.append(now)
            else:
                self._jumps.append((last, now - last))
                now = last + step
            if self._before is None:
                self._before, self._since = self._offset, 0
            self._offset = stamp - now
        elif not self._missing:
            self._steps.append(now - last)
        return now

    @staticmethod
    def _fits(last: float, now: float, heard: float) -> bool:
        return now > last and min(now - last, now - heard) <= LONGEST_GAP


def in_order(stamps: Iterable[float | None]) -> Iterable[float | None]:
    """Yield timestamps as a decoder would show the frames; ``None`` where there is a fault.

    Packets lie in a file in the order in which they are decoded. That they go back a few
    frames is right; the smallest of the next frames is shown first.

    Args:
        stamps: Timestamps of packets in seconds, ``None`` for a packet without one.

    Returns:
        The timestamps in order. ``None`` stands for a missing timestamp, for one that goes
        back, and for a gap above :data:`LONGEST_GAP`; the timestamps end there.
    """
    held: list[float] = []
    last: float | None = None

    def faulty(stamp: float) -> bool:
        return last is not None and not 0 <= stamp - last <= LONGEST_GAP

    for stamp in stamps:
        if stamp is None:
            yield None
            return
        heapq.heappush(held, stamp)
        if len(held) > _REORDERED:
            least = heapq.heappop(held)
            if faulty(least):
                yield None
                return
            last = least
            yield least
    while held:
        least = heapq.heappop(held)
        if faulty(least):
            yield None
            return
        last = least
        yield least


def _places(times: list[float]) -> str:
    return f"{len(times)} places between {clock(min(times))} and {clock(max(times))}"
