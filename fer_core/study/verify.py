"""Whether a study's numbers come from its videos: some are analysed again and compared."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fer_core.errors import FerError
from fer_core.study.folder import Study
from fer_core.study.model import Recording
from fer_core.study.reanalysis import reanalyse
from fer_core.table import PROBABILITIES
from fer_core.video.read import Progress


@dataclass(frozen=True)
class Verified:
    """What analysing a recording again gave.

    Attributes:
        recording: Its id.
        difference: Largest difference of a probability, in sampled frames with as many faces;
            ``None`` where it could not be compared.
        frames: Share of sampled frames in which as many faces were found.
        reason: Why it could not be compared, or "".
    """

    recording: str
    difference: float | None
    frames: float | None
    reason: str = ""


def verify(
    study: Study,
    *,
    count: int = 3,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> list[Verified]:
    """Analyse a random sample of recordings again.

    Args:
        study: The study.
        count: Recordings at most.
        seed: Of the choice.
        progress: Called with the share that is done, 0 to 1.
    """
    recordings = [one for one in study.file.recordings if one.kind == "video"]
    rng = np.random.default_rng(seed)
    places = np.sort(rng.permutation(len(recordings))[:count])
    found: list[Verified] = []

    def tell(now: Progress) -> None:
        if progress:
            progress((len(found) + now.share) / len(places))

    for place in places:
        found.append(_verify(study, recordings[place], tell))
    return found


def largest(found: list[Verified]) -> float | None:
    """Return the largest difference of all, ``None`` if nothing could be compared."""
    known = [one.difference for one in found if one.difference is not None]
    return max(known) if known else None


def _verify(study: Study, one: Recording, progress: Callable[[Progress], None]) -> Verified:
    try:
        before, after = study.table(one), reanalyse(study, one, progress).rows()
    except FerError as error:
        return Verified(one.id, None, None, str(error))
    names = list(PROBABILITIES)
    old = dict(iter(before.groupby("time")))
    new = dict(iter(after.groupby("time")))
    matching, worst = 0, 0.0
    for time, rows in old.items():
        other = new.get(time)
        if other is None or len(other) != len(rows) or other["x"].count() != rows["x"].count():
            continue
        matching += 1
        if rows["x"].notna().any():
            a = rows.sort_values("x")[names].to_numpy(float)
            b = other.sort_values("x")[names].to_numpy(float)
            worst = max(worst, float(np.nanmax(np.abs(a - b))))
    share = matching / len(old) if old else 1.0
    return Verified(one.id, worst if matching else None, share)
