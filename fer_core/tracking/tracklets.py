"""Pieces of a recording in which it is certain which face is whose.

Places decide from frame to frame, see :mod:`fer_core.tracking.tracker`. They do not where two
faces overlap, where somebody was not found for a moment, or where a face suddenly looks like
another one. A track is cut there into tracklets, and :mod:`fer_core.tracking.linking` says which of
them are one person, since a recording has the future as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fer_core.tracking.appearance import Appearance, similarity
from fer_core.tracking.motion import Box, Motion
from fer_core.tracking.tracker import Surroundings, Track

#: Seconds from which on a track is cut where the face was not found in between.
GAP: Final = 0.25
#: Similarity to the tracklet so far, and to the last frame, below which a face may be another one:
#: where somebody else is near, and where nobody is.
OTHER_NEAR: Final = 0.7
OTHER: Final = 0.5


@dataclass
class Mean:
    """The mean of some appearances.

    Attributes:
        appearance: ``None`` of none.
        count: Number of them.
    """

    appearance: Appearance | None = None
    count: int = 0

    def add(self, appearance: Appearance, count: int = 1) -> None:
        """Take another one, or the mean of ``count`` others."""
        self.count += count
        before = self.appearance
        self.appearance = before.mixed(appearance, count / self.count) if before else appearance


class Tracklet:
    """A face for a while.

    Attributes:
        number: From 1, in the order of time.
        scene: Number of cuts before.
        alone: Whether no other face overlaps it.
        start: Seconds of the first frame.
        first: Box in the first frame.
        seen: Seconds of the last frame.
        motion: Where the face goes from there.
        latest: Appearance in the last frame.
        whole: Appearance over the frames in which the whole face is in the picture.
        any: Appearance over all frames.
    """

    def __init__(
        self, number: int, scene: int, surroundings: Surroundings, time: float, box: Box
    ) -> None:
        self.number, self.scene, self.alone = number, scene, surroundings.alone
        self.start, self.first = time, box
        self.whole, self.any = Mean(), Mean()

    def goes_on(self, surroundings: Surroundings, appearance: Appearance) -> bool:
        """Return whether a face that was not lost is surely of this tracklet too."""
        if surroundings.alone != self.alone:
            return False
        if not surroundings.whole or self.whole.appearance is None:
            return True
        similar = max(
            similarity(self.whole.appearance, appearance), similarity(self.latest, appearance)
        )
        return similar >= (OTHER_NEAR if surroundings.near else OTHER)

    def add(
        self, time: float, surroundings: Surroundings, appearance: Appearance, motion: Motion
    ) -> None:
        """Take the face of the next frame."""
        self.seen, self.motion, self.latest = time, motion.copy(), appearance
        self.any.add(appearance)
        if surroundings.whole:
            self.whole.add(appearance)

    def rescale(self, x: float, y: float) -> None:
        """Follow a change of the picture's size, by these factors."""
        self.motion.rescale(x, y)
        left, top, width, height = self.first
        self.first = left * x, top * y, width * x, height * y


class Tracklets:
    """Cuts tracks into tracklets, frame by frame.

    Attributes:
        all: Those so far, in the order of their numbers.
    """

    def __init__(self) -> None:
        self.all: list[Tracklet] = []
        self._latest: dict[Track, Tracklet] = {}
        self._size: tuple[int, int] | None = None
        self._time = 0.0

    def update(
        self,
        time: float,
        scene: int,
        tracks: Sequence[Track],
        surroundings: Sequence[Surroundings],
        boxes: Sequence[Box],
        appearances: Sequence[Appearance],
        size: tuple[int, int] | None = None,
    ) -> list[Tracklet]:
        """Return the tracklet of each face of a frame.

        Args:
            time: Seconds.
            scene: Number of cuts so far.
            tracks: Of the faces.
            surroundings: Of the faces.
            boxes: Of the faces, ``(x, y, width, height)`` in pixels.
            appearances: Of the faces.
            size: Width and height of the frame in pixels.
        """
        self._adapt_to_size(size)
        self._latest = {
            track: one
            for track, one in self._latest.items()
            if one.seen == self._time or time - one.seen <= GAP
        }
        self._time = time
        found = []
        for track, around, box, appearance in zip(
            tracks, surroundings, boxes, appearances, strict=True
        ):
            now = self._latest.get(track)
            if now is None or not now.goes_on(around, appearance):
                now = Tracklet(len(self.all) + 1, scene, around, time, box)
                self.all.append(now)
            now.add(time, around, appearance, track.motion)
            found.append(now)
        self._latest |= dict(zip(tracks, found, strict=True))
        return found

    def _adapt_to_size(self, size: tuple[int, int] | None) -> None:
        if size is None:
            return
        if self._size is not None and size != self._size:
            for one in self.all:
                one.rescale(size[0] / self._size[0], size[1] / self._size[1])
        self._size = size
