"""Effect sizes with intervals, permutation tests, and the correction for several of them.

Only ``numpy`` and ``scipy`` compute here. Every function takes measurements along the last axis
and treats the axes before it as separate studies, so that thousands of made studies can be
checked at once, see ``benchmarks/study_statistics.py``. Measured error rates, coverage and power
are in ``docs/study.md``.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any, Final, NamedTuple

import numpy as np
from scipy import special, stats

#: Confidence level of every interval.
LEVEL: Final = 0.95
#: Level of significance before the correction.
ALPHA: Final = 0.05
#: Random rearrangements, where there are more than :data:`EXACT` different ones.
PERMUTATIONS: Final = 9_999
#: Rearrangements up to which all of them are tried.
EXACT: Final = 20_000
#: Numbers of one step of a permutation test that lie in memory together.
_NUMBERS: Final = 4_000_000
#: Two statistics that differ by less than rounding are equal.
_EQUAL: Final = 1 - 1e-9


class Estimate(NamedTuple):
    """An estimate with its interval; arrays where several studies were given.

    Attributes:
        value: The estimate.
        low: Lower end of the interval.
        high: Upper end.
    """

    value: Any
    low: Any
    high: Any


def mean(values: np.ndarray) -> Estimate:
    """Return the mean with its t interval.

    Args:
        values: ``(…, n)``, n of 2 or more.
    """
    values = np.asarray(values, float)
    n = values.shape[-1]
    middle = values.mean(axis=-1)
    half = _t_quantile(n - 1) * values.std(axis=-1, ddof=1) / math.sqrt(n)
    return Estimate(middle, middle - half, middle + half)


def mean_difference(a: np.ndarray, b: np.ndarray) -> Estimate:
    """Return the difference of two means, a minus b, with Welch's interval.

    Args:
        a: ``(…, n)``.
        b: ``(…, m)``.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    difference = a.mean(axis=-1) - b.mean(axis=-1)
    part_a = a.var(axis=-1, ddof=1) / a.shape[-1]
    part_b = b.var(axis=-1, ddof=1) / b.shape[-1]
    error = part_a + part_b
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = error**2 / (part_a**2 / (a.shape[-1] - 1) + part_b**2 / (b.shape[-1] - 1))
    freedom = np.where(np.isfinite(freedom), freedom, 1.0)
    half = stats.t.ppf((1 + LEVEL) / 2, freedom) * np.sqrt(error)
    return Estimate(difference, difference - half, difference + half)


def hedges_g(a: np.ndarray, b: np.ndarray) -> Estimate:
    """Return Hedges' g of two independent groups, positive where a is larger.

    The interval is that of the standardised difference in the population, from the noncentral
    t distribution; it is exact for normal data of equal variance.

    Args:
        a: ``(…, n)``.
        b: ``(…, m)``.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    n, m = a.shape[-1], b.shape[-1]
    freedom = n + m - 2
    pooled = ((n - 1) * a.var(axis=-1, ddof=1) + (m - 1) * b.var(axis=-1, ddof=1)) / freedom
    with np.errstate(invalid="ignore", divide="ignore"):
        d = (a.mean(axis=-1) - b.mean(axis=-1)) / np.sqrt(pooled)
    scale = math.sqrt(n * m / (n + m))
    low, high = _noncentral(d * scale, freedom)
    return Estimate(_small_sample(freedom) * d, low / scale, high / scale)


def cohens_dz(differences: np.ndarray) -> Estimate:
    """Return d_z of paired differences: their mean divided by their standard deviation.

    The interval comes from the noncentral t distribution.

    Args:
        differences: ``(…, n)``, one per person.
    """
    differences = np.asarray(differences, float)
    n = differences.shape[-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        d = differences.mean(axis=-1) / differences.std(axis=-1, ddof=1)
    low, high = _noncentral(d * math.sqrt(n), n - 1)
    return Estimate(d, low / math.sqrt(n), high / math.sqrt(n))


def cliffs_delta(a: np.ndarray, b: np.ndarray) -> Estimate:
    """Return Cliff's delta: P(a > b) minus P(a < b), from -1 to 1.

    The interval is the asymmetric one of Feng and Cliff (2004), *Monte Carlo evaluation of ordinal
    d with improved confidence interval*. It uses the variance of the sample, and the quantile of t
    with Satterthwaite's degrees of freedom. With a normal quantile it would hold the truth too
    rarely where the smaller group has the larger spread.

    Args:
        a: ``(…, n)``.
        b: ``(…, m)``.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    n, m = a.shape[-1], b.shape[-1]
    order = np.sign(a[..., :, None] - b[..., None, :])
    delta = order.mean(axis=(-1, -2))
    part_a = order.mean(axis=-1).var(axis=-1) / n
    part_b = order.mean(axis=-2).var(axis=-1) / m
    # No variance of so many pairs can be smaller (Cliff 1993).
    variance = np.maximum(part_a + part_b, (1 - delta**2) / (n * m - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = (part_a + part_b) ** 2 / (part_a**2 / (n - 1) + part_b**2 / (m - 1))
    freedom = np.where(np.isfinite(freedom), freedom, n + m - 2)
    quantile = stats.t.ppf((1 + LEVEL) / 2, freedom)
    middle, spread = delta - delta**3, quantile**2 * variance
    half = np.sqrt(spread * ((1 - delta**2) ** 2 + spread))
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = ((middle + side) / (1 - delta**2 + spread) for side in (-half, half))
    # Where no pair contradicts, the variance says nothing: as Feng and Cliff, after Cliff (1996).
    certain = (min(n, m) - quantile**2) / (min(n, m) + quantile**2)
    low = np.where(delta >= 1, certain, np.where(delta <= -1, -1.0, low))
    high = np.where(delta <= -1, -certain, np.where(delta >= 1, 1.0, high))
    return Estimate(delta, low, high)


class Test(NamedTuple):
    """A permutation test.

    Attributes:
        p: Two-sided p value; an array where several studies were given.
        smallest: The smallest p that so many people allow.
        rearrangements: How many were tried.
        exact: Whether these are all there are.
    """

    p: Any
    smallest: float
    rearrangements: int
    exact: bool


def independent_test(
    a: np.ndarray, b: np.ndarray, *, permutations: int = PERMUTATIONS, seed: int = 0
) -> Test:
    """Test whether two independent groups differ, by exchanging people between them.

    The statistic is Welch's t, which keeps the test's level also where variances differ (Janssen
    1997, *Studentized permutation tests for non-i.i.d. hypotheses*).

    Args:
        a: ``(…, n)``, n of 2 or more.
        b: ``(…, m)``, likewise.
        permutations: Random rearrangements, where not all are tried.
        seed: Of the random ones.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    n, m = a.shape[-1], b.shape[-1]
    values = np.concatenate([a, b], axis=-1)
    shape = values.shape[:-1]
    values = (values - values.mean(axis=-1, keepdims=True)).reshape(-1, n + m)
    # On one scale, so that rounding is told from spread.
    scale = values.std(axis=1, keepdims=True)
    values = np.divide(values, scale, out=np.zeros_like(values), where=scale > 0)
    places, exact = _places(n, m, permutations, seed)
    total, squares = values.sum(axis=1), (values**2).sum(axis=1)

    def statistic(sums: np.ndarray, sums_of_squares: np.ndarray, some: slice) -> np.ndarray:
        """Return square of Welch's t, from the sums of the first group."""
        rest, rest_of_squares = total[some] - sums, squares[some] - sums_of_squares
        error = np.maximum(sums_of_squares - sums**2 / n, 0) / ((n - 1) * n)
        error += np.maximum(rest_of_squares - rest**2 / m, 0) / ((m - 1) * m)
        return _ratio((sums / n - rest / m) ** 2, error)

    own = statistic(values[:, :n].sum(axis=1), (values[:, :n] ** 2).sum(axis=1), slice(None))
    larger = np.zeros(len(values))
    step = max(1, _NUMBERS // len(places))
    for begin in range(0, len(values), step):
        some = slice(begin, begin + step)
        part = values[some].T
        found = statistic(places @ part, places @ part**2, some)
        larger[some] = (found >= own[some] * _EQUAL).sum(axis=0)
    return _test(larger, len(places), exact, shape, smallest_p(n, m, permutations))


def paired_test(
    differences: np.ndarray, *, permutations: int = PERMUTATIONS, seed: int = 0
) -> Test:
    """Test whether paired differences have a mean of 0, by turning their signs round.

    Args:
        differences: ``(…, n)``, one per person.
        permutations: Random rearrangements, where not all are tried.
        seed: Of the random ones.
    """
    values = np.asarray(differences, float)
    n, shape = values.shape[-1], values.shape[:-1]
    values = values.reshape(-1, n)
    signs, exact = sign_flips(n, permutations, seed)
    # The sum of squares is the same for all signs, so that the sum orders as t does.
    own = np.abs(values.sum(axis=1))
    larger = np.zeros(len(values))
    step = max(1, _NUMBERS // len(signs))
    for begin in range(0, len(values), step):
        some = slice(begin, begin + step)
        larger[some] = (np.abs(signs @ values[some].T) >= own[some] * _EQUAL).sum(axis=0)
    return _test(larger, len(signs), exact, shape, smallest_p(n, None, permutations))


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return p values corrected after Holm (1979) for the family that they form.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, float)
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    corrected = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    out = np.empty_like(corrected)
    out[order] = corrected
    return out


def smallest_p(n: int, m: int | None = None, permutations: int = PERMUTATIONS) -> float:
    """Return the smallest p that a permutation test of so many people can give.

    Args:
        n: People of the first group, or pairs.
        m: People of the second group; ``None`` for a paired test.
        permutations: Random rearrangements, where there are more than :data:`EXACT`.
    """
    ways = 2**n if m is None else math.comb(n + m, n)
    if ways > EXACT:
        return 1 / (permutations + 1)
    # Turned round, an arrangement of equal groups, or of signs, is as extreme.
    return (2 if m is None or n == m else 1) / ways


def people_needed(threshold: float, paired: bool) -> int:
    """Return how many people, or people per group, allow a p of at most ``threshold``."""
    n = 2
    while smallest_p(n, None if paired else n, math.ceil(1 / threshold)) > threshold:
        n += 1
    return n


def permutations_for(family: int) -> int:
    """Return how many random rearrangements a family of so many tests takes.

    More than :data:`PERMUTATIONS` where the corrected threshold is finer than these can show.
    """
    return max(PERMUTATIONS, 20 * math.ceil(family / ALPHA) - 1)


def wilson(successes: int, n: int) -> Estimate:
    """Return a share with Wilson's interval; NaN without any case."""
    if not n:
        nothing = np.float64(math.nan)
        return Estimate(nothing, nothing, nothing)
    z, share = stats.norm.ppf((1 + LEVEL) / 2), successes / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return Estimate(np.float64(share), np.float64(middle - half), np.float64(middle + half))


def t_power(effect: float, n: int, m: int | None = None, alpha: float = ALPHA) -> float:
    """Return the power of the two-sided t test for a standardised difference.

    Args:
        effect: Difference in standard deviations (paired: d_z).
        n: People of the first group, or pairs.
        m: People of the second group; ``None`` for a paired test.
        alpha: Level of the test.
    """
    freedom = n - 1 if m is None else n + m - 2
    scale = math.sqrt(n if m is None else n * m / (n + m))
    edge = stats.t.ppf(1 - alpha / 2, freedom)
    shifted = stats.nct(freedom, effect * scale)
    return float(shifted.sf(edge) + shifted.cdf(-edge))


def _t_quantile(freedom: int) -> float:
    return float(stats.t.ppf((1 + LEVEL) / 2, freedom))


def _small_sample(freedom: int) -> float:
    """Return Hedges' exact correction of small samples."""
    return math.exp(
        math.lgamma(freedom / 2) - math.lgamma((freedom - 1) / 2) - 0.5 * math.log(freedom / 2)
    )


def _noncentral(t: np.ndarray, freedom: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the noncentralities for which ``t`` is just not too large, and not too small."""
    t = np.asarray(t, float)
    known = np.isfinite(t)
    safe = np.where(known, t, 0.0)
    ends = []
    for level in ((1 + LEVEL) / 2, (1 - LEVEL) / 2):
        # Noncentral t is near normal around its centre, so this reaches far enough.
        reach = 8 + np.abs(safe)
        low, high = safe - reach, safe + reach
        for _ in range(48):
            middle = (low + high) / 2
            above = special.nctdtr(freedom, middle, safe) > level
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        ends.append(np.where(known, (low + high) / 2, math.nan))
    return ends[0], ends[1]


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return a quotient whose zeros mean what they should: no difference, or one without any
    spread.
    """
    tiny = 1e-12
    spread = np.where(below > tiny, below, 1.0)
    return np.where(below > tiny, above / spread, np.where(above > tiny, np.inf, 0.0))


@lru_cache(maxsize=64)
def _places(n: int, m: int, permutations: int, seed: int) -> tuple[np.ndarray, bool]:
    """Return who is in the first group in each rearrangement, ``(P, n + m)`` of 0 and 1."""
    count = math.comb(n + m, n)
    if count <= EXACT:
        places = np.zeros((count, n + m))
        chosen = np.array(list(combinations(range(n + m), n)))
        places[np.arange(count)[:, None], chosen] = 1
        return places, True
    rng = np.random.default_rng([seed, n, m])
    return rng.permuted(np.tile(np.repeat([1.0, 0.0], [n, m]), (permutations, 1)), axis=1), False


@lru_cache(maxsize=64)
def sign_flips(n: int, permutations: int, seed: int) -> tuple[np.ndarray, bool]:
    """Return the signs of the differences in each rearrangement, ``(P, n)`` of 1 and -1."""
    if 2**n <= EXACT:
        bits = np.arange(2**n)[:, None] >> np.arange(n) & 1
        return 1.0 - 2 * bits, True
    rng = np.random.default_rng([seed, n])
    return rng.choice([-1.0, 1.0], (permutations, n)), False


def _test(
    larger: np.ndarray, tried: int, exact: bool, shape: tuple[int, ...], smallest: float
) -> Test:
    # Of random rearrangements, the one that was observed counts too.
    p = larger / tried if exact else (larger + 1) / (tried + 1)
    return Test(p.reshape(shape), smallest, tried, exact)


def p_in_words(p: float, digits: int = 4) -> str:
    """Return a p value as papers print it: never as zero.

    >>> p_in_words(0.01234), p_in_words(0.0004, digits=3)
    ('p = 0.0123', 'p < 0.001')
    """
    least = 10.0**-digits
    return f"p < {least:.{digits}f}" if p < least else f"p = {p:.{digits}f}"
