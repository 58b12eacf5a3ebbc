"""Identities through a whole clip: from frame to frame by motion, across losses and cuts by looks.

Nobody is recognised beyond one clip, and what is wrong can be corrected by hand.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from fer_core.tracking.appearance import Appearance, similarity, texture_similarity
from fer_core.tracking.motion import Box
from fer_core.tracking.tracker import ENOUGH, Swap, Track, Tracker

#: Mean difference of hue, saturation and value between two frames, 0 to 255, from which on the
#: scene has changed: PySceneDetect's content detector and its default.
CUT: Final = 27.0
#: The same where both are black and white, of the value alone.
GREY_CUT: Final = 40.0
#: Mean saturation, 0 to 255, below which a frame is black and white.
_COLOURLESS: Final = 8.0
#: Correlation of a face's texture with that of the sample before, below which it is another face …
OTHER_FACE: Final = 0.4
#: … if the sample before is no older than this many seconds.
_SOON: Final = 0.3

#: Similarity, 0 to 1, from which on two tracks are one person where the clip shows how alike its
#: strangers are …
ALIKE: Final = 0.72
#: … where it does not …
ALIKE_UNKNOWN: Final = 0.8
#: … and by how much it must be above that of any two strangers, …
MARGIN: Final = 0.05
#: … but this much is enough in any clip.
SURELY_ALIKE: Final = 0.9
#: Change of similarity by which the odds of a join change e-fold.
_SOFTNESS: Final = 0.03
#: Least confidence of a join that was not made which is worth showing.
_WORTH: Final = 0.05

_SCENE: Final = (32, 18)


@dataclass(frozen=True)
class Join:
    """Two tracks that are, or may be, one person.

    Attributes:
        time: Seconds at which the later one begins.
        before: Seconds at which the earlier one was last seen.
        tracks: Their numbers, the earlier one first.
        confidence: That they are one person, 0 to 1. From 0.5 on they were joined.
    """

    time: float
    before: float
    tracks: tuple[int, int]
    confidence: float


def scene(image: np.ndarray) -> np.ndarray:
    """Return a frame in few pixels, ``(18, 32, 3)`` HSV, by which cuts are seen."""
    step = max(1, image.shape[1] // 320)
    small = cv2.resize(image[::step, ::step], _SCENE, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2HSV_FULL)


def is_cut(before: np.ndarray, after: np.ndarray) -> bool:
    """Return whether two results of :func:`scene` show different scenes."""
    apart = np.abs(before.astype(np.int16) - after)
    if max(before[..., 1].mean(), after[..., 1].mean()) < _COLOURLESS:
        return float(apart[..., 2].mean()) > GREY_CUT
    apart[..., 0] = np.minimum(apart[..., 0], 256 - apart[..., 0])  # hue is a circle
    return float(apart.mean()) > CUT


class IdentityTracker:
    """Numbers the faces of successive frames; at the end says which numbers are one person.

    Memory grows with the number of tracks, not of frames.
    """

    def __init__(self) -> None:
        self._tracker = Tracker()
        self._tracks: dict[int, Track] = {}
        self._strangers: dict[tuple[int, int], int] = {}
        self._scene: np.ndarray | None = None
        self._newest: list[tuple[Box, Appearance]] = []
        self._time = -math.inf
        #: Seconds at which the scene changed.
        self.cuts: list[float] = []

    @property
    def swaps(self) -> list[Swap]:
        """Moments at which two people may have been mistaken for each other."""
        return self._tracker.swaps

    def update(
        self,
        time: float,
        shown: np.ndarray,
        boxes: Sequence[Box],
        appearances: Sequence[Appearance],
        size: tuple[int, int] | None = None,
    ) -> list[int]:
        """Return the track numbers of a frame's faces.

        Args:
            time: Seconds, never before the last one's.
            shown: :func:`scene` of the frame.
            boxes: Of its faces, ``(x, y, width, height)`` in pixels.
            appearances: Of its faces.
            size: Width and height of the frame in pixels.
        """
        now = list(zip(boxes, appearances, strict=True))
        before = self._scene
        if before is not None and (is_cut(before, shown) or self._other_faces(time, now)):
            self._tracker.forget()
            self.cuts.append(time)
        self._scene, self._newest, self._time = shown, now, time
        numbers = self._tracker.update(boxes, time, size, appearances)
        for number in numbers:
            self._tracks.setdefault(number, self._tracker.track(number))
        for place, number in enumerate(sorted(numbers)):
            for other in sorted(numbers)[place + 1 :]:
                self._strangers[number, other] = self._strangers.get((number, other), 0) + 1
        return numbers

    def persons(self) -> dict[int, int]:
        """Return the person number of each track number, 1 for who comes first."""
        return self._joined()[0]

    def joins(self) -> list[Join]:
        """Return the tracks that were joined or may be one person, least certain first."""
        return sorted(self._joined()[1], key=lambda join: abs(join.confidence - 0.5))

    def _other_faces(self, time: float, now: list[tuple[Box, Appearance]]) -> bool:
        """Return whether most faces were replaced, although the scene looks the same."""
        if time - self._time > _SOON or not now or not self._newest:
            return False
        found = []
        for box, look in now:
            near = [
                texture_similarity(look, before)
                for place, before in self._newest
                if _same_place(box, place)
            ]
            if near:
                found.append(max(near))
        return bool(found) and float(np.median(found)) < OTHER_FACE

    def _joined(self) -> tuple[dict[int, int], list[Join]]:
        """Join tracks one after another, each with the person most like it.

        Only people who are never in view together can be one. How alike those are who are in
        view together says how alike strangers are in this clip.
        """
        threshold = self._threshold()
        persons: list[list[Track]] = []
        of, joins = dict[int, int](), list[Join]()
        for track in sorted(self._tracks.values(), key=lambda track: (track.start, track.number)):
            best, likeness, nearest = None, 0.0, track
            for place, theirs in enumerate(persons):
                if any(one.start <= track.seen and track.start <= one.seen for one in theirs):
                    continue
                for one in theirs:
                    value = _likeness(one, track)
                    if value > likeness:
                        best, likeness, nearest = place, value, one
            confidence = 1 / (1 + math.exp(-(likeness - threshold) / _SOFTNESS))
            if best is not None and confidence >= _WORTH:
                tracks = nearest.number, track.number
                joins.append(Join(track.start, nearest.seen, tracks, confidence))
            if best is None or confidence < 0.5:
                best = len(persons)
                persons.append([])
            persons[best].append(track)
            of[track.number] = best + 1
        return of, joins

    def _threshold(self) -> float:
        strangers = [
            _likeness(self._tracks[a], self._tracks[b])
            for (a, b), count in self._strangers.items()
            if count >= ENOUGH
        ]
        known = [value for value in strangers if value > 0]
        return min(max(ALIKE, max(known) + MARGIN), SURELY_ALIKE) if known else ALIKE_UNKNOWN


def _likeness(a: Track, b: Track) -> float:
    """Similarity of two tracks, 0 where one of them was hardly seen."""
    if a.appearance is None or b.appearance is None or min(a.looks, b.looks) < ENOUGH:
        return 0.0
    return similarity(a.appearance, b.appearance)


def _same_place(a: Box, b: Box) -> bool:
    return math.hypot(a[0] + a[2] / 2 - b[0] - b[2] / 2, a[1] + a[3] / 2 - b[1] - b[3] / 2) < a[2]
