"""Expressions over time, aligned at the onset of events, with intervals over participants."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from fer_core.emotions import EMOTIONS
from fer_core.study import statistics
from fer_core.study.folder import Study
from fer_core.study.model import StudyError
from fer_core.study.samples import Samples, samples, valence
from fer_core.study.statistics import ALPHA, LEVEL

#: What a curve may show: the seven emotions, or the valence index.
CURVES: Final = (*EMOTIONS, "Valence")
#: Samples of the studentised bootstrap.
BOOTSTRAP: Final = 1999
_STEP: Final = 0.2
_LONGEST: Final = 600


@dataclass(frozen=True, eq=False)
class Aligned:
    """Curves of participants around the onset of an event.

    Attributes:
        event: Its name.
        time: ``(T,)`` seconds from onset.
        participants: Codes, P of them.
        values: ``(P, T, 8)`` means over occurrences, in the order of :data:`CURVES`; NaN where
            nothing valid was seen.
    """

    event: str
    time: np.ndarray
    participants: tuple[str, ...]
    values: np.ndarray

    def of(self, emotion: str) -> np.ndarray:
        """Return ``(P, T)`` of one of :data:`CURVES`."""
        return self.values[:, :, CURVES.index(emotion)]

    def only(self, codes: set[str]) -> "Aligned":
        """Return the curves of some participants."""
        keep = [place for place, code in enumerate(self.participants) if code in codes]
        names = tuple(self.participants[place] for place in keep)
        return Aligned(self.event, self.time, names, self.values[keep])


@dataclass(frozen=True, eq=False)
class MeanCurve:
    """A mean over participants at each moment, with its pointwise interval.

    Attributes:
        time: ``(T,)`` seconds from onset.
        mean: ``(T,)``; NaN where fewer than two participants were seen.
        low: Lower end of the interval.
        high: Upper end.
        n: Participants seen at each moment.
    """

    time: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: np.ndarray


@dataclass(frozen=True)
class Cluster:
    """A stretch of time in which paired curves differ.

    Attributes:
        begin: Seconds from onset.
        end: Likewise.
        mass: Sum of the t values in it, with their sign.
        p: Of the permutation test, corrected for all moments.
    """

    begin: float
    end: float
    mass: float
    p: float


def aligned(study: Study, event: str, *, before: float = 1.0, after: float | None = None,
            step: float = _STEP) -> Aligned:  # fmt: skip
    """Return every participant's curves around the onset of an event.

    Args:
        study: The study.
        event: Name of the event.
        before: Seconds before onset.
        after: Seconds after onset; by default the longest of these events, or 5 seconds.
        step: Seconds between moments.

    Raises:
        StudyError: There is no such event.
    """
    onsets: list[tuple[str, Samples, float]] = []
    lengths = []
    for recording in study.file.recordings:
        events = study.events(recording)
        mine = events[events["trial_type"] == event]
        its = samples(study, recording)
        onsets += [(recording.participant, its, float(onset)) for onset in mine["onset"]]
        lengths += [float(d) for d in mine["duration"] if d > 0]
    if not onsets:
        raise StudyError(f"There is no event called {event}.")
    until = after if after is not None else (max(lengths) if lengths else 5.0)
    until = min(until, _LONGEST)
    step = max(step, (before + until) / 1500)
    time = np.arange(-round(before / step), round(until / step) + 1) * step
    rules = study.file.quality
    curves: dict[str, list[np.ndarray]] = {}
    for code, found, onset in onsets:
        curves.setdefault(code, []).append(_around(found, found.valid(rules), onset + time))
    codes = tuple(curves)
    values = np.stack([_mean(np.stack(curves[code])) for code in codes])
    return Aligned(event, time, codes, values)


def _around(found: Samples, valid: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """The sample that stands for each moment; NaN where there is none, or it is not valid."""
    out = np.full((len(moments), len(CURVES)), np.nan)
    if not len(found.time):
        return out
    places = np.searchsorted(found.time, moments + 1e-9, side="right") - 1
    at = np.clip(places, 0, None)
    good = (places >= 0) & (moments < found.time[at] + found.span[at] + 1e-9) & valid[at]
    values = np.column_stack([found.probabilities, valence(found.probabilities)])
    out[good] = values[at[good]]
    return out


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what is known."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def mean_curve(values: np.ndarray, time: np.ndarray, *, bootstrap: bool = False,
               seed: int = 0) -> MeanCurve:  # fmt: skip
    """Return the mean over participants at each moment, with its pointwise 95 % interval.

    Args:
        values: ``(P, T)``, NaN where somebody was not seen.
        time: ``(T,)`` seconds.
        bootstrap: Take a studentised bootstrap over participants instead of the t distribution.
        seed: Of the bootstrap.
    """
    known = np.isfinite(values)
    n = known.sum(axis=0)
    mean, error = _mean_and_error(np.where(known, values, 0.0), known)
    freedom = np.maximum(n - 1, 1)
    low_t = high_t = stats.t.ppf((1 + LEVEL) / 2, freedom)
    if bootstrap and len(values) >= 2:
        low_t, high_t = _bootstrap_t(values, known, mean, seed)
    enough = n >= 2
    mean = np.where(n >= 1, mean, np.nan)
    low = np.where(enough, mean - low_t * error, np.nan)
    return MeanCurve(time, mean, low, np.where(enough, mean + high_t * error, np.nan), n)


def _mean_and_error(values: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n = known.sum(axis=-2)
    mean = np.divide(values.sum(axis=-2), n, out=np.full(n.shape, np.nan, dtype=float), where=n > 0)
    squares = (np.where(known, values - np.nan_to_num(mean)[..., None, :], 0.0) ** 2).sum(axis=-2)
    return mean, np.sqrt(squares / np.maximum(n - 1, 1) / np.maximum(n, 1))


def _bootstrap_t(
    values: np.ndarray, known: np.ndarray, mean: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles of the bootstrapped t of each moment, for the two ends of the interval."""
    rng = np.random.default_rng(seed)
    people = len(values)
    filled = np.where(known, values, 0.0)
    found = []
    for _ in range(BOOTSTRAP):
        drawn = rng.integers(0, people, people)
        again, error = _mean_and_error(filled[drawn], known[drawn])
        with np.errstate(invalid="ignore", divide="ignore"):
            found.append(np.where(error > 1e-12, (again - mean) / error, np.nan))
    tail = (1 - LEVEL) / 2
    all_nan = np.isnan(found).all(axis=0)
    table = np.where(all_nan, 0.0, np.array(found))
    return np.nanquantile(table, 1 - tail, axis=0), -np.nanquantile(table, tail, axis=0)


def share_showing(values: np.ndarray, threshold: float) -> np.ndarray:
    """Return the share of participants above a threshold at each moment, of those seen.

    Args:
        values: ``(P, T)``.
        threshold: Probability.
    """
    known = np.isfinite(values)
    count = known.sum(axis=0)
    above = (np.where(known, values, -np.inf) > threshold).sum(axis=0)
    return np.divide(above, count, out=np.full(count.shape, np.nan), where=count > 0)


def difference(first: Aligned, second: Aligned, emotion: str) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(P, T)`` differences, first minus second, of people with both, and the time.

    Raises:
        StudyError: Fewer than two people have both.
    """
    both = [code for code in first.participants if code in second.participants]
    if len(both) < 2:
        raise StudyError(
            f"Fewer than two people have both {first.event} and {second.event}: a curve of "
            "differences needs pairs."
        )
    length = min(first.values.shape[1], second.values.shape[1])
    at = [[one.participants.index(code) for code in both] for one in (first, second)]
    values = first.of(emotion)[at[0], :length] - second.of(emotion)[at[1], :length]
    return values, first.time[:length]


def clusters(values: np.ndarray, time: np.ndarray, *, permutations: int = statistics.PERMUTATIONS,
             seed: int = 0) -> list[Cluster]:  # fmt: skip
    """Find stretches of time in which paired differences are not 0.

    The cluster-based permutation test of Maris and Oostenveld (2007), *Nonparametric statistical
    testing of EEG- and MEG-data*: neighbouring moments whose t is beyond its 95 % quantile form a
    cluster, whose mass is the sum of its t values. Its p is the share of sign flips whose largest
    mass, of either sign, is as large. It says that the curves differ, and not when exactly.

    Args:
        values: ``(P, T)`` differences; moments at which somebody was not seen are left out.
        time: ``(T,)`` seconds.
        permutations: Random sign flips, where not all are tried.
        seed: Of the random ones.

    Returns:
        Clusters by time; without two people, none.
    """
    people = len(values)
    whole = np.isfinite(values).all(axis=0)
    if people < 2 or not whole.any():
        return []
    clean = np.where(whole, values, 0.0)
    edge = float(stats.t.ppf(1 - ALPHA / 2, people - 1))
    squares = (clean**2).sum(axis=0)
    # Where everybody differs by the same, t would have no bound.
    least = np.maximum(1e-6 * np.sqrt(squares / people), 1e-12)

    def t_of(means: np.ndarray) -> np.ndarray:
        variance = np.maximum(squares - people * means**2, 0.0) / (people - 1)
        return np.where(whole, means / np.maximum(np.sqrt(variance / people), least), 0.0)

    own = t_of(clean.mean(axis=0))
    found = _stretches(own, edge)
    if not found:
        return []
    signs, exact = statistics.sign_flips(people, permutations, seed)
    largest = np.zeros(len(signs))
    for begin in range(0, len(signs), 1000):
        part = t_of(signs[begin : begin + 1000] @ clean / people)
        largest[begin : begin + 1000] = _largest_mass(part, edge)
    step = float(np.median(np.diff(time))) if len(time) > 1 else 0.0
    out = []
    for begin, end, mass in found:
        more = float((largest >= abs(mass) * (1 - 1e-9)).sum())
        p = more / len(signs) if exact else (more + 1) / (len(signs) + 1)
        out.append(Cluster(float(time[begin]), float(time[end - 1] + step), mass, p))
    return out


def _stretches(t: np.ndarray, edge: float) -> list[tuple[int, int, float]]:
    """Begin, end and mass of the clusters of one curve of t values."""
    found: list[tuple[int, int, float]] = []
    kinds = np.where(t > edge, 1, np.where(t < -edge, -1, 0))
    begin = 0
    for place in range(1, len(t) + 1):
        if place == len(t) or kinds[place] != kinds[begin]:
            if kinds[begin]:
                found.append((begin, place, float(t[begin:place].sum())))
            begin = place
    return found


def _largest_mass(t: np.ndarray, edge: float) -> np.ndarray:
    """Largest mass of either sign of each row of ``(R, T)`` t values."""
    largest = np.zeros(len(t))
    for sign in (1, -1):
        running = np.zeros(len(t))
        for column in (sign * t).T:
            running = np.where(column > edge, running + column, 0.0)
            np.maximum(largest, running, out=largest)
    return largest
