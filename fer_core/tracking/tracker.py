"""Identities from one frame to the next: boxes in, person numbers out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fer_core.tracking.appearance import Appearance, similarity, texture_similarity
from fer_core.tracking.motion import Box, Motion

#: Seconds for which a person who is not found keeps their number.
RETENTION: Final = 2.0
#: Where no frame came for longer than that, because the camera was off or the machine slept, nobody
#: was seen to leave: it counts as so many seconds. Then a face may be a known one within about two
#: of its sides, at half to twice its size.
PAUSE: Final = 0.5
#: Squared Mahalanobis distance up to which a box may be a face that is known: four standard
#: deviations.
GATE: Final = 16.0
#: Share of the smaller of two boxes that the other one covers, from which on they overlap.
OVERLAP: Final = 0.1
#: Widths of a face within which another one is near.
NEAR: Final = 2.0
#: What two appearances that have nothing in common add to that distance.
APPEARANCE: Final = 40.0
#: Who was not found for this many seconds must look like themselves where looks are known: least
#: correlation of the face's texture, and the looks that it takes to know.
LOST: Final = 0.3
STRANGER: Final = 0.35
ENOUGH: Final = 3
#: Share of a box outside the picture from which on the face is not seen whole.
OUTSIDE: Final = 0.1
#: Least probability that two people were mistaken for each other which is worth telling.
DOUBT: Final = 0.05

_FORBIDDEN: Final = 1e6


@dataclass(frozen=True)
class Swap:
    """Two people who may have been mistaken for each other.

    Attributes:
        time: Seconds, from which on their numbers would have to be exchanged.
        before: Seconds at which one of them was last seen before.
        persons: Their numbers.
        probability: That they were, 0 to 0.5.
    """

    time: float
    before: float
    persons: tuple[int, int]
    probability: float


@dataclass(frozen=True)
class Surroundings:
    """What is around a face.

    Attributes:
        alone: Whether no other face overlaps it, seen or expected there.
        near: Whether somebody else is near.
        whole: Whether the face is whole in the picture.
    """

    alone: bool
    near: bool
    whole: bool


@dataclass(eq=False)
class Track:
    """One person, from the first frame to the last in which they were followed.

    Attributes:
        number: Of the person.
        motion: Where they are expected.
        start: Seconds of the first frame.
        seen: Seconds of the last frame in which they were found.
        appearance: Mean over the frames in which nothing hid the face, ``None`` before the first.
        appearance_count: Number of these frames.
        missing: Seconds for which they have not been found; a pause counts as :data:`PAUSE`.
    """

    number: int
    motion: Motion
    start: float
    seen: float
    appearance: Appearance | None = None
    appearance_count: int = 0
    missing: float = 0.0

    def add_appearance(self, appearance: Appearance) -> None:
        """Let another appearance be part of the mean."""
        self.appearance_count += 1
        before = self.appearance
        self.appearance = (
            before.mean_with(appearance, self.appearance_count) if before else appearance
        )


class Tracker:
    """Gives every face a number that stays with the person while they are in view.

    Each face has a motion model (:mod:`fer_core.tracking.motion`). The boxes of a frame are
    assigned to the known faces all at once, so that their joint likelihood is largest (Kuhn
    1955, "The Hungarian method"). A face that is not found, because another one or a hand hides
    it, is expected where its motion leads for :data:`RETENTION` seconds. After that it is
    dropped, and whoever comes then is somebody new. Who was in view when a camera paused is
    expected where they were, however long the pause. Where appearances are known, nobody is
    expected after a pause: appearances tell better.

    >>> tracker = Tracker()
    >>> tracker.update([(10, 10, 80, 80)], 0.0), tracker.update([(14, 10, 80, 80)], 0.1)
    ([1], [1])
    """

    def __init__(self, retention: float = RETENTION) -> None:
        self._retention = retention
        self._tracks: list[Track] = []
        self._size: tuple[int, int] | None = None
        self._time = 0.0
        self._next = 1
        #: Possible mistakes so far, in the order of time.
        self.swaps: list[Swap] = []
        #: Of each face of the last frame, where appearances were given.
        self.surroundings: list[Surroundings] = []

    def update(
        self,
        boxes: Sequence[Box],
        time: float,
        size: tuple[int, int] | None = None,
        appearances: Sequence[Appearance] | None = None,
    ) -> list[int]:
        """Return the person number of every box.

        Args:
            boxes: ``(x, y, width, height)`` in pixels of the frame.
            time: Of the frame in seconds, never before the last one's.
            size: Width and height of the frame. Where it changes, so do the known places.
            appearances: Of each face, see :func:`fer_core.tracking.appearance.appearance`; they
                decide where places alone do not.
        """
        self._adapt_to_size(size)
        step = time - self._time
        if step > self._retention and appearances is None:
            step = PAUSE
        self._time = time
        for track in self._tracks:
            track.missing += step
        self._tracks = [track for track in self._tracks if track.missing <= self._retention]
        for track in self._tracks:
            track.motion.predict(track.motion.time + step)
        costs = self._costs(boxes, time, appearances)
        numbers, pairs = [0] * len(boxes), []
        for row, column in assign(costs):
            if costs[row][column] < _FORBIDDEN:
                pairs.append((row, column))
                numbers[column] = self._tracks[row].number
        self._note_swaps(costs, pairs, time)
        for row, column in pairs:
            track = self._tracks[row]
            track.motion.update(boxes[column])
            track.seen, track.missing = time, 0.0
        for column, box in enumerate(boxes):
            if not numbers[column]:
                numbers[column] = self._next
                self._tracks.append(Track(self._next, Motion(box, time), time, time))
                self._next += 1
        if appearances is not None:
            self._add_appearances(boxes, numbers, appearances)
        return numbers

    def reset(self) -> None:
        """Forget everybody: after a cut nobody is where they were."""
        self._tracks = []

    def track(self, number: int) -> Track:
        """Return the track of a number that is known."""
        return next(track for track in self._tracks if track.number == number)

    def known(self) -> set[int]:
        """Return numbers of those in view, or out of it for a short while only."""
        return {track.number for track in self._tracks}

    def _adapt_to_size(self, size: tuple[int, int] | None) -> None:
        if size is None:
            return
        if self._size is not None and size != self._size:
            x, y = size[0] / self._size[0], size[1] / self._size[1]
            for track in self._tracks:
                track.motion.rescale(x, y)
        self._size = size

    def _costs(
        self, boxes: Sequence[Box], time: float, appearances: Sequence[Appearance] | None
    ) -> list[list[float]]:
        """Return twice the negative log likelihood of every pair of a known face and a box."""
        costs = []
        for track in self._tracks:
            row = []
            for column, box in enumerate(boxes):
                away, spread = track.motion.distance(box)
                if away > GATE:
                    row.append(_FORBIDDEN)
                    continue
                if appearances is not None and track.appearance is not None:
                    now = appearances[column]
                    away += APPEARANCE * (1 - similarity(track.appearance, now))
                    lost = time - track.seen > LOST and track.appearance_count >= ENOUGH
                    if lost and texture_similarity(track.appearance, now) < STRANGER:
                        away = _FORBIDDEN
                row.append(away + spread)
            costs.append(row)
        return costs

    def _note_swaps(
        self, costs: list[list[float]], pairs: list[tuple[int, int]], time: float
    ) -> None:
        for place, (row, column) in enumerate(pairs):
            for other_row, other_column in pairs[place + 1 :]:
                crossed = costs[row][other_column] + costs[other_row][column]
                if crossed >= _FORBIDDEN:
                    continue
                apart = crossed - costs[row][column] - costs[other_row][other_column]
                probability = 1 / (1 + math.exp(min(apart, 100.0) / 2))
                if probability >= DOUBT:
                    both = sorted(
                        (self._tracks[r] for r in (row, other_row)), key=lambda t: t.number
                    )
                    before = min(track.seen for track in both)
                    numbers = both[0].number, both[1].number
                    self.swaps.append(Swap(time, before, numbers, probability))

    def _add_appearances(
        self, boxes: Sequence[Box], numbers: list[int], appearances: Sequence[Appearance]
    ) -> None:
        """Take the appearance of every face that nothing hides."""
        tracks = {track.number: track for track in self._tracks}
        self.surroundings = []
        for number, box, appearance in zip(numbers, boxes, appearances, strict=True):
            others = [track.motion.box for track in self._tracks if track.number != number]
            around = Surroundings(
                alone=not any(covered(box, other) > OVERLAP for other in others),
                near=any(distance(box, other) < NEAR for other in others),
                whole=self._size is None or covered(box, (0, 0, *self._size)) > 1 - OUTSIDE,
            )
            self.surroundings.append(around)
            if around.alone and around.whole:
                tracks[number].add_appearance(appearance)


def assign(costs: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """Return the pairs ``(row, column)`` of the cheapest assignment, each row and column once."""
    if not costs or not costs[0]:
        return []
    from scipy.optimize import linear_sum_assignment  # the core does without scipy

    rows, columns = linear_sum_assignment(np.asarray(costs))
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True)]


def distance(a: Box, b: Box) -> float:
    """Return how far two faces are from each other, in widths of the first."""
    return math.hypot(a[0] + a[2] / 2 - b[0] - b[2] / 2, a[1] + a[3] / 2 - b[1] - b[3] / 2) / a[2]


def covered(a: Box, b: Box) -> float:
    """Return the share of the smaller of two boxes that the other one covers, 0 to 1."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / max(min(a[2] * a[3], b[2] * b[3]), 1e-6)
