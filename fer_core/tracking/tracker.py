"""Who is who from one frame to the next: boxes in, person numbers out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

Box = tuple[float, float, float, float]

#: Seconds for which a person who is not seen keeps their number.
KEEP: Final = 2.0
#: A face may move by this many of its own widths from one look to the next …
REACH: Final = 0.8
#: … by this many more for every second in which it was not seen …
REACH_PER_SECOND: Final = 1.0
#: … and may grow or shrink by this factor.
GROWTH: Final = 1.8


@dataclass
class _Track:
    number: int
    box: Box
    seen: float


class Tracker:
    """Gives every face a number that stays with the person while they are in view.

    The nearest pairs of old and new boxes are joined first, with distances counted in
    face widths. A face not seen for :data:`KEEP` seconds is forgotten; whoever comes
    then is somebody new.

    >>> tracker = Tracker()
    >>> tracker.update([(10, 10, 80, 80)], 0.0), tracker.update([(14, 10, 80, 80)], 0.1)
    ([1], [1])
    """

    def __init__(self, keep: float = KEEP) -> None:
        self._keep = keep
        self._tracks: list[_Track] = []
        self._next = 1

    def update(self, boxes: Sequence[Box], time: float) -> list[int]:
        """The person number of every box.

        Args:
            boxes: ``(x, y, w, h)`` in pixels of the frame.
            time: of the frame in seconds, never before the last one's.
        """
        self._tracks = [track for track in self._tracks if time - track.seen <= self._keep]
        pairs = []
        for i, box in enumerate(boxes):
            for track in self._tracks:
                distance = _distance(box, track.box)
                reach = REACH + REACH_PER_SECOND * (time - track.seen)
                if distance <= reach and _growth(box, track.box) <= GROWTH:
                    pairs.append((distance, i, track))
        numbers = [0] * len(boxes)
        joined: set[int] = set()
        for _, i, track in sorted(pairs, key=lambda pair: pair[:2]):
            if not numbers[i] and track.number not in joined:
                numbers[i] = track.number
                joined.add(track.number)
                track.box, track.seen = boxes[i], time
        for i, box in enumerate(boxes):
            if not numbers[i]:
                numbers[i] = self._next
                self._tracks.append(_Track(self._next, box, time))
                self._next += 1
        return numbers

    def forget(self) -> None:
        """After a cut nobody is where they were: whoever comes is somebody new."""
        self._tracks = []

    def known(self) -> set[int]:
        """Numbers of those in view, or out of it for a short while only."""
        return {track.number for track in self._tracks}


def _distance(a: Box, b: Box) -> float:
    """Between the centres, in mean sides of the two boxes."""
    side = (np.sqrt(a[2] * a[3]) + np.sqrt(b[2] * b[3])) / 2
    dx, dy = a[0] + a[2] / 2 - b[0] - b[2] / 2, a[1] + a[3] / 2 - b[1] - b[3] / 2
    return float(np.hypot(dx, dy) / max(side, 1e-6))


def _growth(a: Box, b: Box) -> float:
    ratio = np.sqrt(max(a[2] * a[3], 1e-6) / max(b[2] * b[3], 1e-6))
    return float(max(ratio, 1 / ratio))
