"""Identities through a whole clip: from frame to frame by motion, across losses and cuts by looks.

Nobody is recognised beyond one clip, and what is wrong can be corrected by hand.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import cv2
import numpy as np

from fer_core.tracking.appearance import Appearance, similarities, similarity, texture_similarity
from fer_core.tracking.linking import Chain, Join, link
from fer_core.tracking.motion import Box
from fer_core.tracking.tracker import ENOUGH, Swap, Tracker, covered, distance
from fer_core.tracking.tracklets import Tracklet, Tracklets

#: Mean difference of hue, saturation and value between two frames, 0 to 255, from which on the
#: scene has changed: PySceneDetect's content detector and its default.
CUT: Final = 27.0
#: The same where both are black and white, of the value alone.
GREY_CUT: Final = 40.0
#: Mean saturation, 0 to 255, below which a frame is black and white.
_COLOURLESS: Final = 8.0
#: Correlation of a face's texture with those within so many of its widths in the sample before,
#: below which it is another face …
OTHER_FACE: Final = 0.4
_REACH: Final = 1.4
#: The same of the similarity of a look with colours: a box that jumps changes the texture alone.
_COLOURS: Final = 0.2
#: … if the sample before is no older than this many seconds, and nobody covers so much of it.
_SOON: Final = 0.3
_TOUCHING: Final = 0.02

#: Similarity, 0 to 1, from which on two chains are one person where the clip shows how alike its
#: strangers are …
SIMILAR: Final = 0.72
#: … where it does not …
SIMILAR_UNKNOWN: Final = 0.8
#: … and by how much it must be above that of any two strangers, …
MARGIN: Final = 0.05
#: … but this much is enough in any clip.
SURELY_SIMILAR: Final = 0.9
#: What more it takes where the texture decides alone.
COLOURLESS_MORE: Final = 0.08
#: Change of similarity by which the odds of a join change e-fold.
_SOFTNESS: Final = 0.03
#: Least confidence of a join that was not made which is worth showing.
_WORTH: Final = 0.05

_SCENE: Final = (32, 18)


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

    Memory grows with the number of tracklets, not of frames.
    """

    def __init__(self) -> None:
        self._tracker = Tracker()
        self._tracklets = Tracklets()
        self._together: dict[tuple[int, int], int] = {}
        self._swaps: list[Swap] = []
        self._scene: np.ndarray | None = None
        self._newest: list[tuple[Box, Appearance]] = []
        self._time = -math.inf
        self._found: _Found | None = None
        #: Seconds at which the scene changed.
        self.cuts: list[float] = []

    def update(
        self,
        time: float,
        shown: np.ndarray,
        boxes: Sequence[Box],
        appearances: Sequence[Appearance],
        size: tuple[int, int] | None = None,
    ) -> list[int]:
        """Return the tracklet numbers of a frame's faces.

        Args:
            time: Seconds, never before the last one's.
            shown: :func:`scene` of the frame.
            boxes: Of its faces, ``(x, y, width, height)`` in pixels.
            appearances: Of its faces.
            size: Width and height of the frame in pixels.
        """
        self._found = None
        before, now = self._scene, list(zip(boxes, appearances, strict=True))
        if before is not None and (is_cut(before, shown) or self._other_faces(time, now)):
            self._tracker.reset()
            self.cuts.append(time)
        self._scene, self._newest, self._time = shown, now, time
        doubted = len(self._tracker.swaps)
        numbers = self._tracker.update(boxes, time, size, appearances)
        tracks = [self._tracker.track(number) for number in numbers]
        around = self._tracker.surroundings
        tracklets = self._tracklets.update(
            time, len(self.cuts), tracks, around, boxes, appearances, size
        )
        self._note_swaps(self._tracker.swaps[doubted:], dict(zip(numbers, tracklets, strict=True)))
        found = [tracklet.number for tracklet in tracklets]
        for pair in combinations(sorted(found), 2):
            self._together[pair] = self._together.get(pair, 0) + 1
        return found

    def persons(self) -> dict[int, int]:
        """Return the person number of each tracklet number, 1 for who comes first."""
        return self._result().persons

    def joins(self) -> list[Join]:
        """Return tracklets that were joined or may be one person, least certain first."""
        return sorted(self._result().joins, key=lambda join: abs(join.confidence - 0.5))

    def swaps(self) -> list[Swap]:
        """Return the moments at which two people may have been mistaken for each other, by time.

        Their persons are tracklet numbers.
        """
        return self._result().swaps

    def _note_swaps(self, swaps: Sequence[Swap], of: Mapping[int, Tracklet]) -> None:
        """Note doubts about two faces unless both tracks are cut there: then linking decides."""
        for swap in swaps:
            both = [of[number] for number in swap.persons]
            if any(one.start < swap.time for one in both):
                first, second = sorted(one.number for one in both)
                self._swaps.append(replace(swap, persons=(first, second)))

    def _other_faces(self, time: float, now: Sequence[tuple[Box, Appearance]]) -> bool:
        """Return whether most faces were replaced, although the scene looks the same.

        A face that overlaps another one, or did a moment ago, may look different for that.
        """
        if time - self._time > _SOON or not now or not self._newest:
            return False
        found = []
        for box, current in now:
            places = [place for place, _ in now if place is not box]
            if any(covered(box, place) > _TOUCHING for place in places):
                continue
            if sum(covered(box, place) > _TOUCHING for place, _ in self._newest) > 1:
                continue
            near = [
                max(texture_similarity(current, before), similarity(current, before) - _COLOURS)
                for place, before in self._newest
                if distance(box, place) < _REACH
            ]
            if near:
                found.append(max(near))
        return bool(found) and float(np.median(found)) < OTHER_FACE

    def _result(self) -> "_Found":
        if self._found is None:
            links = link(self._tracklets.all)
            persons, joins = _joined(links.chains, self._together)
            swaps = sorted(self._swaps + links.swaps, key=lambda swap: swap.time)
            self._found = _Found(persons, links.joins + joins, swaps)
        return self._found


@dataclass(frozen=True)
class _Found:
    persons: dict[int, int]
    joins: list[Join]
    swaps: list[Swap]


def _joined(
    chains: Sequence[Chain], together: Mapping[tuple[int, int], int]
) -> tuple[dict[int, int], list[Join]]:
    """Join chains, those that are most alike first.

    Only people who are never in view together can be one. How alike those are who are in view
    together says how alike strangers are in this clip.

    Args:
        chains: By time.
        together: Frames in which two tracklets are in view together, by their numbers.

    Returns:
        The person of each tracklet number, and the joins.
    """
    if not chains:
        return {}, []
    appearances = [chain.appearance for chain in chains]
    similar = similarities(appearances)
    few = np.array([chain.appearance_count < ENOUGH for chain in chains])
    similar[few | few[:, None]] = 0
    needed = np.full(similar.shape, _threshold(chains, similar, together))
    grey = np.array([current.is_grey for current in appearances])
    needed[grey | grey[:, None]] += COLOURLESS_MORE
    confidences = 1 / (1 + np.exp(-(similar - needed) / _SOFTNESS))
    earlier, later = np.nonzero(np.triu((similar > 0) & (confidences >= _WORTH), 1))
    groups, joins, doubted = [[place] for place in range(len(chains))], list[Join](), set[int]()
    for rank in np.argsort(-similar[earlier, later], kind="stable"):
        one, other = int(earlier[rank]), int(later[rank])
        ours, theirs = groups[one], groups[other]
        if ours is theirs or any(chains[a].is_seen_with(chains[b]) for a in ours for b in theirs):
            continue
        confidence = float(confidences[one, other])
        if confidence >= 0.5:
            ours += theirs
            for place in theirs:
                groups[place] = ours
        elif other in doubted:
            continue
        doubted.add(other)
        numbers = chains[one].number, chains[other].number
        joins.append(Join(chains[other].start, chains[one].seen, numbers, confidence))
    persons, numbers_of = dict[int, int](), dict[int, int]()
    for chain, group in zip(chains, groups, strict=True):
        number = numbers_of.setdefault(id(group), len(numbers_of) + 1)
        persons |= {part.number: number for part in chain.parts}
    return persons, joins


def _threshold(
    chains: Sequence[Chain], similar: np.ndarray, together: Mapping[tuple[int, int], int]
) -> float:
    """Return the similarity from which on two chains of this clip are one person."""
    of = {part.number: place for place, chain in enumerate(chains) for part in chain.parts}
    frames: Counter[tuple[int, int]] = Counter()
    for (first, second), count in together.items():
        low, high = sorted((of[first], of[second]))
        frames[low, high] += count
    strangers = [float(similar[pair]) for pair, count in frames.items() if count >= ENOUGH]
    known = [value for value in strangers if value > 0]
    return min(max(SIMILAR, max(known) + MARGIN), SURELY_SIMILAR) if known else SIMILAR_UNKNOWN
