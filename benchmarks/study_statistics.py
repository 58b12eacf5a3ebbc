"""Whether the statistics of studies keep what they promise, on made studies with fixed seeds.

Each case is one kind of study, with one comparison each, made some thousand times: how many are
significant though nothing differs, how often intervals hold the truth, and how many known
differences are found.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from scipy.stats import norm

from fer_core.study import statistics
from fer_core.study.statistics import ALPHA, Estimate, t_power

#: Sizes of two groups, equal and unequal.
SIZES: Final = (
    (6, 6),
    (8, 8),
    (10, 10),
    (12, 12),
    (20, 20),
    (6, 12),
    (12, 6),
    (8, 20),
    (20, 8),
    (6, 20),
    (20, 6),
)
#: Numbers of people with a pair of measurements each.
PAIRS: Final = (6, 8, 10, 12, 16, 20)
#: Standard deviations of the two groups.
SPREADS: Final = ((1, 1), (1, 2), (1, 3))
#: Differences of two means in standard deviations.
EFFECTS: Final = (0.5, 1.0, 1.5)
#: Cliff's deltas.
DELTAS: Final = (0.0, 0.25, 0.5, -0.5)


def run_study_statistics(
    studies: int = 4000, seed: int = 0, fewer: bool = False
) -> dict[str, list[dict[str, Any]]]:
    """Make the studies and count.

    Args:
        studies: Made studies per case.
        seed: Of them.
        fewer: Leave out most sizes, for a test that takes seconds.

    Returns:
        Lists of cases: ``errors`` (share that is significant without a difference), ``intervals``
        (share that holds the truth), ``power`` (share of differences found, and that of the t
        test).
    """
    rng = np.random.default_rng(seed)
    if fewer:
        return {
            "errors": _errors(rng, studies, ((6, 6), (6, 7)), (8, 10)),
            "intervals": _intervals(rng, studies, ((6, 8),), (8,), (1.0,), (0.0, 0.5)),
            "power": _power(rng, studies, ((10, 10),), (1.0,)),
        }
    return {
        "errors": _errors(rng, studies, SIZES, PAIRS),
        "intervals": _intervals(rng, studies, SIZES, PAIRS, (0.0, *EFFECTS), DELTAS),
        "power": _power(rng, studies, ((10, 10), (12, 12), (20, 20)), EFFECTS),
    }


def _errors(rng: Any, studies: int, sizes: Any, pairs: Any) -> list[dict[str, Any]]:
    cases = []
    for n, m in sizes:
        for spread in SPREADS:
            a = rng.normal(0, spread[0], (studies, n))
            b = rng.normal(0, spread[1], (studies, m))
            cases.append(_significant("normal", f"{n} and {m}", spread, a, b))
        exponential = rng.exponential(1, (studies, n + m))
        cases.append(
            _significant(
                "exponential", f"{n} and {m}", (1, 1), exponential[:, :n], exponential[:, n:]
            )
        )
        for first, second in ((1, 3), (3, 1)):
            a = rng.exponential(first, (studies, n)) - first
            b = rng.exponential(second, (studies, m)) - second
            cases.append(
                _significant("skewed, unequal variances", f"{n} and {m}", (first, second), a, b)
            )
    for n in pairs:
        for kind, d in (
            ("paired normal", rng.normal(0, 1, (studies, n))),
            ("paired skewed", rng.exponential(1, (studies, n)) - 1),
        ):
            p = statistics.paired_test(d).p
            cases.append({"data": kind, "n": str(n), "share": float((p <= ALPHA).mean())})
    return cases


def _significant(
    data: str, n: str, spread: tuple[float, float], a: np.ndarray, b: np.ndarray
) -> dict[str, Any]:
    p = statistics.independent_test(a, b).p
    share = float((p <= ALPHA).mean())
    return {"data": data, "n": n, "spread": f"{spread[0]}:{spread[1]}", "share": share}


def _intervals(
    rng: Any, studies: int, sizes: Any, pairs: Any, effects: Any, deltas: Any
) -> list[dict[str, Any]]:
    cases = []

    def count(what: str, data: str, n: str, estimate: Estimate, truth: float) -> None:
        held = (estimate.low <= truth) & (truth <= estimate.high)
        cases.append({"interval": what, "data": data, "n": n, "share": float(held.mean())})

    for n in pairs:
        count("mean", "normal", str(n), statistics.mean(rng.normal(1, 1, (studies, n))), 1)
        if n >= 8:
            drawn = rng.exponential(1, (studies, n))
            count("mean", "exponential", str(n), statistics.mean(drawn), 1)
        for effect in effects:
            found = statistics.cohens_dz(rng.normal(effect, 1, (studies, n)))
            count("d_z", f"normal, {effect:g}", str(n), found, effect)
    for n, m in sizes:
        text = f"{n} and {m}"
        for spread in SPREADS:
            a, b = rng.normal(1, spread[0], (studies, n)), rng.normal(0, spread[1], (studies, m))
            data = f"normal, {spread[0]}:{spread[1]}"
            count("difference", data, text, statistics.mean_difference(a, b), 1)
        if min(n, m) >= 8:
            a, b = rng.exponential(1, (studies, n)), rng.exponential(1, (studies, m))
            count("difference", "exponential", text, statistics.mean_difference(a, b), 0)
        for effect in effects:
            a, b = rng.normal(effect, 1, (studies, n)), rng.normal(0, 1, (studies, m))
            count("Hedges' g", f"normal, {effect:g}", text, statistics.hedges_g(a, b), effect)
        for delta in deltas:
            for spread in SPREADS:
                # P(a > b) is the normal distribution function of this shift.
                shift = norm.ppf((delta + 1) / 2) * np.hypot(*spread)
                a = rng.normal(shift, spread[0], (studies, n))
                b = rng.normal(0, spread[1], (studies, m))
                data = f"normal, {delta:g}, {spread[0]}:{spread[1]}"
                count("Cliff's delta", data, text, statistics.cliffs_delta(a, b), delta)
    return cases


def _power(rng: Any, studies: int, sizes: Any, effects: Any) -> list[dict[str, Any]]:
    cases = []

    def note(data: str, n: str, effect: float, p: np.ndarray, expected: float) -> None:
        found = float((p <= ALPHA).mean())
        cases.append({"data": data, "n": n, "effect": effect, "share": found, "t_test": expected})

    for n, m in sizes:
        for effect in effects:
            a, b = rng.normal(effect, 1, (studies, n)), rng.normal(0, 1, (studies, m))
            p = statistics.independent_test(a, b).p
            note("independent", f"{n} and {m}", effect, p, t_power(effect, n, m))
            d = rng.normal(effect, 1, (studies, n))
            note("paired", str(n), effect, statistics.paired_test(d).p, t_power(effect, n))
    return cases


def _range(cases: list[dict[str, Any]], chosen: Callable[[dict[str, Any]], bool]) -> str:
    shares = [case["share"] for case in cases if chosen(case)]
    return f"{np.mean(shares):.1%} ({min(shares):.1%} to {max(shares):.1%}, {len(shares)} cases)"


def to_markdown(result: dict[str, list[dict[str, Any]]]) -> str:
    """Return the summary as Markdown: for each kind of data the mean and the extremes."""
    lines = ["| significant without a difference | mean and range |", "|---|---|"]
    errors, intervals, power = result["errors"], result["intervals"], result["power"]
    lines.append(
        "| normal, independent and paired together | "
        + _range(errors, lambda c: c["data"] in ("normal", "paired normal"))
        + " |"
    )
    for data in dict.fromkeys(case["data"] for case in errors):
        lines.append(f"| {data} | {_range(errors, lambda c, data=data: c['data'] == data)} |")
    lines += ["", "| interval holds the truth | mean and range |", "|---|---|"]
    kinds = dict.fromkeys((c["interval"], c["data"].split(",")[0]) for c in intervals)
    for what, data in kinds:
        found = _range(
            intervals,
            lambda c, what=what, data=data: c["interval"] == what and c["data"].startswith(data),
        )
        lines.append(f"| {what}, {data} | {found} |")
    lines += ["", "| known difference | n | found | t test |", "|---|---|---|---|"]
    lines += [
        f"| {c['data']}, {c['effect']:g} standard deviations | {c['n']} | {c['share']:.1%} | "
        f"{c['t_test']:.1%} |"
        for c in power
    ]
    return "\n".join(lines) + "\n"
