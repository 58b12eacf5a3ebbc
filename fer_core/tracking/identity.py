"""Who is who through a whole clip: across frames by place, across losses and cuts by looks.

Looks are colours: of the hair, the face and the clothes below it. That tells people of
one clip apart where they differ in these, and knows nobody by their face; what it gets
wrong can be merged by hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np

from fer_core.analysis import Face
from fer_core.tracking.tracker import Tracker

#: Mean difference of hue, saturation and value between two looks, 0 to 255, from which on
#: the scene has changed: PySceneDetect's content detector and its default.
CUT: Final = 27.0
#: Likeness, 0 to 1, from which on two tracks are one person.
ALIKE: Final = 0.75
#: Looks of a track before it is compared at all.
ENOUGH: Final = 3

_SCENE: Final = (32, 18)
_BINS: Final = (12, 4, 4)
_PARTS: Final = 3


def scene(image: np.ndarray) -> np.ndarray:
    """A frame in few pixels, ``(18, 32, 3)`` HSV, by which cuts are seen."""
    step = max(1, image.shape[1] // 320)
    small = cv2.resize(image[::step, ::step], _SCENE, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2HSV_FULL)


def is_cut(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether two results of :func:`scene` show different scenes."""
    apart = np.abs(before.astype(np.int16) - after)
    apart[..., 0] = np.minimum(apart[..., 0], 256 - apart[..., 0])  # hue is a circle
    return float(apart.mean()) > CUT


def appearance(image: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """Colours of hair, face and clothes: three histograms of unit length, ``(3, 192)``."""
    x, y, w, h = box
    parts = [
        (x - 0.1 * w, y - 0.45 * h, 1.2 * w, 0.5 * h),
        (x + 0.15 * w, y + 0.2 * h, 0.7 * w, 0.75 * h),
        (x - 0.3 * w, y + 1.3 * h, 1.6 * w, 0.8 * h),
    ]
    return np.stack([_colours(image, part) for part in parts])


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Mean cosine of what both show, 0 to 1; 0 where they show nothing in common."""
    shown = (a.any(axis=1)) & (b.any(axis=1))
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1)[shown] / norms[shown]).mean()) if shown.any() else 0.0


def _colours(image: np.ndarray, part: tuple[float, float, float, float]) -> np.ndarray:
    height, width = image.shape[:2]
    x, y, w, h = part
    x0, x1 = (int(np.clip(v, 0, width)) for v in (x, x + w))
    y0, y1 = (int(np.clip(v, 0, height)) for v in (y, y + h))
    size = int(np.prod(_BINS))
    if (x1 - x0) * (y1 - y0) < 0.3 * w * h:  # mostly outside the picture
        return np.zeros(size, np.float32)
    small = cv2.resize(image[y0:y1, x0:x1], (24, 24), interpolation=cv2.INTER_AREA)
    hsv = cv2.cvtColor(small, cv2.COLOR_RGB2HSV_FULL)
    counts = cv2.calcHist([hsv], [0, 1, 2], None, list(_BINS), [0, 256] * 3)
    # Neighbouring bins share, so that a little more light changes little.
    counts = cv2.GaussianBlur(counts.reshape(_BINS[0], -1), (1, 3), 0.7).ravel()
    counts = np.sqrt(counts)
    return counts / max(float(np.linalg.norm(counts)), 1e-6)


@dataclass
class _Track:
    start: float
    end: float
    count: int = 0
    looks: np.ndarray = field(
        default_factory=lambda: np.zeros((_PARTS, int(np.prod(_BINS))), np.float32)
    )


class IdentityTracker:
    """Numbers the faces of successive frames; at the end says which numbers are one person.

    Memory grows with the number of tracks, not of frames.
    """

    def __init__(self) -> None:
        self._tracker = Tracker()
        self._tracks: dict[int, _Track] = {}
        self._scene: np.ndarray | None = None
        #: Seconds at which the scene changed.
        self.cuts: list[float] = []

    def update(
        self,
        time: float,
        shown: np.ndarray,
        faces: Sequence[Face],
        seen: Sequence[np.ndarray],
    ) -> list[int]:
        """Track numbers of a frame's faces.

        Args:
            time: seconds, never before the last one's.
            shown: :func:`scene` of the frame.
            faces: with their boxes.
            seen: :func:`looks` of each.
        """
        if self._scene is not None and is_cut(self._scene, shown):
            self._tracker.forget()
            self.cuts.append(time)
        self._scene = shown
        numbers = self._tracker.update([face.box for face in faces], time)
        for number, colours in zip(numbers, seen, strict=True):
            track = self._tracks.setdefault(number, _Track(time, time))
            track.end = time
            track.count += 1
            track.looks += (colours - track.looks) / track.count
        return numbers

    def persons(self) -> dict[int, int]:
        """Track number → person number, 1 for who comes first.

        Tracks are joined one after another, each with the person most like it among
        those who are not in view at the same time.
        """
        persons: list[list[_Track]] = []
        of: dict[int, int] = {}
        for number, track in sorted(self._tracks.items(), key=lambda item: item[1].start):
            best, likeness = None, ALIKE
            for place, theirs in enumerate(persons):
                if any(t.start <= track.end and track.start <= t.end for t in theirs):
                    continue
                value = max(
                    (similarity(t.looks, track.looks) for t in theirs if _enough(t)), default=0
                )
                if _enough(track) and value > likeness:
                    best, likeness = place, value
            if best is None:
                best = len(persons)
                persons.append([])
            persons[best].append(track)
            of[number] = best + 1
        return of


def _enough(track: _Track) -> bool:
    return track.count >= ENOUGH
