"""How well identities are kept: IDF1, switches, fragmentations.

IDF1 is that of Ristani et al. 2016, "Performance Measures and a Data Set for Multi-Target,
Multi-Camera Tracking"; switches and fragmentations are those of Bernardin and Stiefelhagen 2008
(CLEAR MOT).
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy.optimize import linear_sum_assignment

from fer_core.tracking.motion import Box


@dataclass
class Score:
    """Counts over one clip or many; scores add up.

    Attributes:
        found: Faces with the number of their person.
        faces: True faces.
        numbered: Faces that were found and given a number.
        switches: Times that a person's number changed.
        fragments: Times that a person was lost and found again.
        clips: Clips.
        right_count: Clips with the right number of people.
    """

    found: int = 0
    faces: int = 0
    numbered: int = 0
    switches: int = 0
    fragments: int = 0
    clips: int = 0
    right_count: int = 0

    def __add__(self, other: "Score") -> "Score":
        return Score(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Score)))

    @property
    def idf1(self) -> float:
        """Return the harmonic mean of the shares of faces and of numbers that are right, 0 to 1."""
        return 2 * self.found / max(1, self.faces + self.numbered)


#: Of one frame: boxes by true number with whether they count, and found boxes by number.
Frame = tuple[Sequence[tuple[int, Box, bool]], Sequence[tuple[int, Box]]]


def score(frames: Sequence[Frame], least: int = 1) -> Score:
    """Compare the numbers that a tracker gave with the truth.

    Args:
        frames: Of a clip, in their order. Each holds the true faces ``(person, box, counts)`` and
            the found ones ``(number, box)``. One that is found at a true face that does not
            count is left out.
        least: Faces from which on a person or a number counts as one of the people.
    """
    together: Counter[tuple[int, int]] = Counter()
    faces: Counter[int] = Counter()
    numbered: Counter[int] = Counter()
    latest: dict[int, int] = {}
    seen: dict[int, list[bool]] = defaultdict(list)
    switches = 0
    for truth, found in frames:
        matched = dict(pairs(truth, found))
        ignored = {j for i, j in matched.items() if not truth[i][2]}
        for j, (number, _) in enumerate(found):
            if j not in ignored:
                numbered[number] += 1
        for i, (person, _, counts) in enumerate(truth):
            if not counts:
                continue
            faces[person] += 1
            seen[person].append(i in matched)
            if i not in matched:
                continue
            number = found[matched[i]][0]
            together[person, number] += 1
            switches += latest.get(person, number) != number
            latest[person] = number
    return Score(
        found=_best(together),
        faces=faces.total(),
        numbered=numbered.total(),
        switches=switches,
        fragments=sum(_gaps(one) for one in seen.values()),
        clips=1,
        right_count=int(_count(numbered, least) == _count(faces, least)),
    )


def pairs(
    truth: Sequence[tuple[int, Box, bool]], found: Sequence[tuple[int, Box]]
) -> list[tuple[int, int]]:
    """Return true and found faces that are the same, by their places in the lists."""
    if not truth or not found:
        return []
    costs = np.full((len(truth), len(found)), 1e6)
    for i, (_, (x, y, w, h), _) in enumerate(truth):
        for j, (_, box) in enumerate(found):
            away = np.hypot(box[0] + box[2] / 2 - x - w / 2, box[1] + box[3] / 2 - y - h / 2)
            if away <= 0.35 * w and 0.5 <= box[2] / w <= 1.6:
                costs[i, j] = away / w
    return [
        (int(i), int(j))
        for i, j in zip(*linear_sum_assignment(costs), strict=True)
        if costs[i, j] < 1
    ]


def _count(faces: Counter[int], least: int) -> int:
    return sum(1 for count in faces.values() if count >= least)


def _best(together: Counter[tuple[int, int]]) -> int:
    """Return faces whose number is right where each person has one number."""
    people = sorted({person for person, _ in together})
    numbers = sorted({number for _, number in together})
    counts = np.array([[together[p, n] for n in numbers] for p in people])
    if not counts.size:
        return 0
    return int(counts[linear_sum_assignment(-counts)].sum())


def _gaps(seen: list[bool]) -> int:
    """Return times that somebody is seen again after not being found."""
    text = "".join("x" if one else "." for one in seen).strip(".")
    return sum(1 for part in text.split("x") if part)
