"""Which tracklets of a recording are one person, by motion and looks.

Tracklets are linked level by level, first those with the shortest time in between. Each level is
linked for the whole recording at once, so that the sum of costs is least (Huang, Wu and Nevatia
2008, "Robust Object Tracking by Hierarchical Association of Detection Responses"). Where two
people were close, how each of them looks afterwards tells which face is whose.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fer_core.tracking.appearance import Appearance, similarity
from fer_core.tracking.motion import PLACE_NOISE, SIZE_NOISE
from fer_core.tracking.tracker import APPEARANCE, DOUBT, ENOUGH, RETENTION, Swap
from fer_core.tracking.tracklets import Mean, Tracklet

#: Seconds between two tracklets up to which they are linked, level by level, and the cost, twice a
#: negative logarithm of a likelihood, from which on they stay apart.
LEVELS: Final = ((0.45, 12.0), (RETENTION, 22.0))
#: Degrees of freedom of Student's t, as which distances from the expected place are distributed:
#: people move suddenly.
FREEDOM: Final = 4.0
#: Seconds below which a chain may fill a gap of another one, and the cost from which on not.
SHORT: Final = 0.5
FILL: Final = 50.0
#: Confidence of a link from which on it is not worth telling.
CERTAIN: Final = 0.9

#: Logarithm of the spread of a place that was seen just before.
_SEEN: Final = 2 * math.log(2 * PLACE_NOISE**2) + math.log(2 * SIZE_NOISE**2)


@dataclass(frozen=True)
class Join:
    """Two tracklets that are, or may be, one person.

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


class Chain:
    """Tracklets that are one person.

    Attributes:
        parts: By time.
        appearance: Mean over the frames in which nothing hides the face, or over all where those
            are too few.
        appearance_count: Number of these frames.
    """

    def __init__(self, parts: list[Tracklet]) -> None:
        self.parts = parts
        mean = _mean(part.whole for part in parts if part.alone)
        if mean.count < ENOUGH:
            mean = _mean(part.any for part in parts)
        assert mean.appearance is not None  # each tracklet has a frame
        self.appearance: Appearance = mean.appearance
        self.appearance_count = mean.count

    @property
    def number(self) -> int:
        """Return the number of the first tracklet."""
        return self.parts[0].number

    @property
    def start(self) -> float:
        """Return seconds of the first frame."""
        return self.parts[0].start

    @property
    def seen(self) -> float:
        """Return seconds of the last frame."""
        return self.parts[-1].seen

    def is_seen_with(self, other: "Chain") -> bool:
        """Return whether there is a moment at which both are in view."""
        if self.start > other.seen or other.start > self.seen:
            return False
        starts = [part.start for part in other.parts]
        for part in self.parts:
            place = bisect_right(starts, part.seen)
            if place and other.parts[place - 1].seen >= part.start:
                return True
        return False

    def around(self, other: "Chain") -> tuple["Chain", "Chain"] | None:
        """Return what is before and after a chain that lies in a gap; ``None`` if it does not."""
        place = bisect_right([part.start for part in self.parts], other.start)
        if not 0 < place < len(self.parts):
            return None
        before, after = self.parts[place - 1], self.parts[place]
        if before.seen >= other.start or after.start <= other.seen:
            return None
        return Chain([before]), Chain([after])


@dataclass
class Links:
    """The people of a recording as far as motion tells.

    Attributes:
        chains: By time.
        joins: Links that are not certain.
        swaps: Pairs of links that may have to be the other way round.
    """

    chains: list[Chain]
    joins: list[Join]
    swaps: list[Swap]


def link(tracklets: Iterable[Tracklet]) -> Links:
    """Return who goes on as whom."""
    found = Links([Chain([one]) for one in tracklets], [], [])
    for seconds, apart in LEVELS:
        found = _level(found, seconds, apart)
    chains = sorted(_filled(found.chains), key=lambda chain: (chain.start, chain.number))
    return Links(chains, found.joins, found.swaps)


def cost(before: Chain, after: Chain) -> float:
    """Return how unlikely it is that one goes on as another; infinite where it cannot."""
    last, first = before.parts[-1], after.parts[0]
    if last.scene != first.scene:
        return math.inf
    motion = last.motion.copy()
    motion.predict(first.start)
    away, spread = motion.distance(first.first)
    away = FREEDOM * math.log1p(away / FREEDOM) + spread - _SEEN
    return away + APPEARANCE * (1 - similarity(before.appearance, after.appearance))


def _level(found: Links, seconds: float, apart: float) -> Links:
    """Link chains with at most so many seconds in between, where it costs less than ``apart``."""
    chains = sorted(found.chains, key=lambda chain: (chain.start, chain.number))
    costs = {
        (i, j): value
        for i, j in _near(chains, seconds)
        if (value := cost(chains[i], chains[j])) < math.inf
    }
    cheap = {pair: value for pair, value in costs.items() if value < apart}
    after = _assign(cheap, len(chains), apart)
    joins, swaps = list(found.joins), list(found.swaps)
    for i, j in after.items():
        confidence = 1 / (1 + math.exp((costs[i, j] - apart) / 2))
        if confidence < CERTAIN:
            numbers = chains[i].parts[-1].number, chains[j].number
            joins.append(Join(chains[j].start, chains[i].seen, numbers, confidence))
    swaps += _swaps(chains, after, costs, seconds)
    linked: dict[int, list[Tracklet]] = {}
    for i, chain in enumerate(chains):
        parts = linked.setdefault(i, [])
        parts.extend(chain.parts)
        if i in after:
            linked[after[i]] = parts
    unique = {id(parts): parts for parts in linked.values()}
    return Links([Chain(parts) for parts in unique.values()], joins, swaps)


def _near(chains: Sequence[Chain], seconds: float) -> Iterator[tuple[int, int]]:
    """Return pairs of chains of which one begins soon after the other ends."""
    starts = [chain.start for chain in chains]
    for i, before in enumerate(chains):
        end = bisect_right(starts, before.seen + seconds)
        yield from ((i, j) for j in range(bisect_right(starts, before.seen), end))


def _assign(costs: dict[tuple[int, int], float], count: int, apart: float) -> dict[int, int]:
    """Return the cheapest links: each chain has one successor at most, and one predecessor.

    The problem has a square matrix of twice the size, in which whoever has no successor gets one
    of their own for half of ``apart``, and likewise for predecessors. Few pairs are near in time,
    so that a sparse matrix does for recordings of any length.
    """
    if not costs:
        return {}
    from scipy.sparse import csr_array  # the core does without scipy
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    own = np.arange(count)
    i, j = np.array(list(costs)).T
    rows = np.concatenate([i, count + j, own, count + own])
    columns = np.concatenate([j, count + i, count + own, own])
    # Weights must not be 0, and each chain takes part in two pairs: 1 more changes nothing.
    values = np.array(list(costs.values()))
    alone = np.full(2 * count, apart / 2)
    low = min(float(values.min()), 0.0) - 1
    weights = np.concatenate([values, np.zeros(len(values)), alone]) - low
    graph = csr_array((weights, (rows, columns)), shape=(2 * count, 2 * count))
    pairs = zip(*min_weight_full_bipartite_matching(graph), strict=True)
    return {int(i): int(j) for i, j in pairs if i < count and j < count}


def _swaps(
    chains: Sequence[Chain],
    after: dict[int, int],
    costs: dict[tuple[int, int], float],
    seconds: float,
) -> Iterator[Swap]:
    """Return pairs of links that would cost little more the other way round."""
    links = sorted(after.items(), key=lambda pair: chains[pair[0]].seen)
    for place, (i, j) in enumerate(links):
        for k, m in links[place + 1 :]:
            if chains[k].seen > chains[j].start + seconds:
                break
            if (i, m) not in costs or (k, j) not in costs:
                continue
            apart = costs[i, m] + costs[k, j] - costs[i, j] - costs[k, m]
            probability = 1 / (1 + math.exp(min(apart, 100.0) / 2))
            if probability >= DOUBT:
                numbers = chains[i].number, chains[k].number
                time = max(chains[j].start, chains[m].start)
                before = min(chains[i].seen, chains[k].seen)
                yield Swap(time, before, (min(numbers), max(numbers)), probability)


def _filled(chains: list[Chain]) -> list[Chain]:
    """Return chains whose gaps are filled with the short ones that suit them."""
    long = [chain for chain in chains if chain.seen - chain.start >= SHORT]
    wanted = []
    for one in chains:
        if one.seen - one.start >= SHORT:
            continue
        for chain in long:
            if chain.start < one.start and chain.seen > one.seen and (sides := chain.around(one)):
                value = (cost(sides[0], one) + cost(one, sides[1])) / 2
                if value < FILL:
                    wanted.append((value, one.number, one, chain))
    gone, filled = set[int](), dict[int, Chain]()
    for _, number, one, chain in sorted(wanted, key=lambda want: want[:2]):
        now = filled.get(chain.number, chain)
        if number not in gone and now.around(one):
            parts = sorted(now.parts + one.parts, key=lambda part: part.start)
            filled[chain.number] = Chain(parts)
            gone.add(number)
    return [filled.get(c.number, c) for c in chains if c.number not in gone]


def _mean(means: Iterable[Mean]) -> Mean:
    total = Mean()
    for mean in means:
        if mean.appearance is not None:
            total.add(mean.appearance, mean.count)
    return total
