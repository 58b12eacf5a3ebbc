"""Who is who in a video: what is doubtful about it, and what was corrected by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import pandas as pd

from fer_core.tracking.identity import IdentityTracker

#: Seconds within which two people who stay close are doubtful once.
_ONCE: Final = 2.0


@dataclass(frozen=True)
class Edit:
    """A correction: rows of one person belong to another one.

    Attributes:
        person: Number before the correction.
        into: Number after it: of somebody else, or a new one.
        since: Seconds from which on it holds; ``None`` for the whole recording.
    """

    person: int
    into: int
    since: float | None = None


@dataclass(frozen=True)
class Doubt:
    """Two faces of which it is not sure whether they are one person.

    Attributes:
        kind: ``join``: two tracks, joined or not. ``swap``: two people who were close to each
            other, and may have been mistaken for each other there.
        time: Seconds at which the later face begins.
        before: Seconds at which the earlier one was last seen.
        persons: Numbers as found. Of a join: of the earlier and the later face, which are equal
            where they were joined. Of a swap: of the two who were close.
        confidence: That the two faces are one person; of a swap, that nobody was mistaken. 0 to 1.
    """

    kind: Literal["join", "swap"]
    time: float
    before: float
    persons: tuple[int, int]
    confidence: float

    @property
    def certainty(self) -> float:
        """Distance from not knowing at all, 0 to 0.5."""
        return abs(self.confidence - 0.5)

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> "Doubt":
        """Return the one that JSON values stand for, see :func:`dataclasses.asdict`."""
        first, second = value["persons"]
        return cls(**dict(value) | {"persons": (int(first), int(second))})


def doubts(identities: IdentityTracker) -> tuple[Doubt, ...]:
    """Return what is doubtful in a recording, by time.

    A possible swap that lasts is one doubt, at its most doubtful moment.
    """
    of = identities.persons()
    found = [
        Doubt("join", j.time, j.before, (of[j.tracks[0]], of[j.tracks[1]]), j.confidence)
        for j in identities.joins()
    ]
    latest: dict[tuple[int, int], tuple[float, Doubt]] = {}
    for swap in identities.swaps():
        persons = of[swap.persons[0]], of[swap.persons[1]]
        now = Doubt("swap", swap.time, swap.before, persons, 1 - swap.probability)
        seen, before = latest.get(persons, (-float("inf"), now))
        if swap.time - seen > _ONCE:
            if persons in latest:
                found.append(before)
            before = now
        latest[persons] = swap.time, min(before, now, key=lambda doubt: doubt.confidence)
    found += [doubt for _, doubt in latest.values()]
    return tuple(sorted(found, key=lambda doubt: doubt.time))


def corrected(persons: pd.Series, times: pd.Series, edits: Sequence[Edit]) -> pd.Series:
    """Return whose rows these are after corrections, which are made one after another.

    Args:
        persons: Numbers as found.
        times: Seconds of the same rows.
        edits: The earliest first.
    """
    for edit in edits:
        moved = persons.eq(edit.person).fillna(False)
        if edit.since is not None:
            moved &= times >= edit.since
        persons = persons.mask(moved, edit.into)
    return persons


def person_at(person: int, time: float, edits: Sequence[Edit]) -> int:
    """Return who a person as found is at one moment after corrections."""
    for edit in edits:
        if edit.person == person and (edit.since is None or time >= edit.since):
            person = edit.into
    return person


def read_edits(value: Mapping[str, Any]) -> tuple[Edit, ...]:
    """Return the corrections of a stored result, or of what is noted of one.

    Results of earlier versions have ``merged``: numbers as found, and who they were joined with.
    """
    if "edits" in value:
        return tuple(Edit(**one) for one in value["edits"])
    return tuple(Edit(int(a), int(b)) for a, b in value["merged"].items())
