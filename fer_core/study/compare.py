"""Groups, or stimuli, beside each other: effect sizes, intervals and corrected tests."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
import pandas as pd

from fer_core.study import statistics
from fer_core.study.measures import has_baseline, title
from fer_core.study.model import StudyError
from fer_core.study.statistics import ALPHA, Estimate, p_in_words
from fer_core.study.tables import PARTICIPANT

#: Said beside every comparison.
EXPLORATORY: Final = (
    "This comparison is exploratory: it describes these people for these stimuli, and what it "
    "finds needs a study of its own to be confirmed."
)
#: Said where there is a baseline.
MINUS_BASELINE: Final = (
    "Means and the valence index are minus baseline: below 0, people showed less than during the "
    "baseline."
)
#: Terms of a comparison, for people who do not know them.
TERMS: Final = {
    "p": "how often chance alone would give a difference as large as this one. People are "
    "exchanged between the groups, or the signs of paired differences are flipped, and Welch's t "
    "is computed each time: the difference in units of its standard error, where groups may vary "
    "differently.",
    "p (Holm)": "p after the correction of Holm (1979). Of several comparisons some look "
    "significant by chance; the correction makes p larger for that. At 0.05 or below we say that "
    "there is a difference.",
    "95 %": "an interval that would hold the true value in 95 of 100 such studies. It is not "
    "corrected for the number of comparisons.",
    "Hedges' g": "the difference of two groups in standard deviations, corrected for small groups. "
    "By convention 0.2 is small, 0.5 medium and 0.8 large.",
    "Cliff's delta": "of all pairs of one person from each group, the share in which the first is "
    "higher minus the share in which the second is; from -1 to 1.",
    "d_z": "the mean difference of the same people between two events, in standard deviations of "
    "that difference.",
}
#: Quality that groups may differ in, and what to call it.
_QUALITY: Final = {
    "valid_share": "the share of valid time",
    "head_turn": "how far the head is turned",
    "face_width": "the size of the face",
    "sharpness": "the sharpness",
    "brightness": "the brightness",
}
#: Cliff's delta from which groups differ in quality, whatever their size.
_LARGE: Final = 0.474


@dataclass(frozen=True)
class Choice:
    """What somebody chose to compare: one family.

    Attributes:
        measures: Names of measures.
        events: Names of events.
        paired: Compare the events, each person with themselves, instead of groups in each event.
    """

    measures: tuple[str, ...]
    events: tuple[str, ...]
    paired: bool = False

    def compare(self, people: pd.DataFrame, column: str) -> "Family":
        """Return the family that was chosen.

        Args:
            people: What :func:`fer_core.study.measures.per_participant` gave.
            column: Column that says who is in which group.

        Raises:
            StudyError: Nothing is chosen, or there are no two groups, or no two events.
        """
        if not self.events or not self.measures:
            raise StudyError("Choose events and measures.")
        if self.paired:
            return compare_events(people, self.measures, self.events)
        return compare_groups(people, self.measures, column=column, events=self.events)


@dataclass(frozen=True)
class Comparison:
    """One measure of two groups, or of two events of the same people.

    Attributes:
        event: Event that was measured, or both, as ``A – B``.
        measure: Name of the measure.
        a: First group or event.
        b: Second one.
        paired: Whether the same people are on both sides.
        n_a: People on the first side.
        n_b: People on the second side; pairs are counted on both.
        mean_a: Mean of the first side with its interval, ``(value, low, high)``.
        mean_b: Mean of the second side.
        difference: a minus b, with its interval.
        effect: Hedges' g, or d_z of pairs, with its interval.
        delta: Cliff's delta with its interval; ``None`` of pairs.
        p: Of the permutation test; ``None`` where no test is shown.
        p_corrected: After Holm, for the whole family.
        note: Why there is no test, or "".
    """

    event: str
    measure: str
    a: str
    b: str
    paired: bool
    n_a: int
    n_b: int
    mean_a: tuple[float, float, float]
    mean_b: tuple[float, float, float]
    difference: tuple[float, float, float]
    effect: tuple[float, float, float]
    delta: tuple[float, float, float] | None
    p: float | None
    p_corrected: float | None
    note: str = ""

    @property
    def people(self) -> str:
        """Return of how many people it is, or of how many of each group, as text."""
        return str(self.n_a) if self.paired else f"{self.n_a} and {self.n_b}"

    @property
    def significant(self) -> bool:
        """Return whether the two sides differ after the correction."""
        return self.p_corrected is not None and self.p_corrected <= ALPHA


@dataclass(frozen=True)
class Family:
    """Comparisons that are corrected together.

    Attributes:
        comparisons: All of them.
        sentences: What must be said beside them: which family, how exploratory, and what could
            not be tested.
        minus_baseline: Whether means and the valence index are differences to a baseline.
    """

    comparisons: tuple[Comparison, ...]
    sentences: tuple[str, ...]
    minus_baseline: bool

    def table(self) -> pd.DataFrame:
        """Return the comparisons as a table, one row each."""
        rows = []
        for one in self.comparisons:
            row: dict[str, Any] = {}
            for name, value in asdict(one).items():
                if name in ("mean_a", "mean_b", "difference", "effect", "delta"):
                    values = value or (np.nan,) * 3
                    parts = ("", "_low", "_high")
                    row |= {f"{name}{p}": v for p, v in zip(parts, values, strict=True)}
                else:
                    row[name] = value
            rows.append(row)
        return pd.DataFrame(rows)


def compare_groups(
    people: pd.DataFrame,
    measures: Sequence[str],
    *,
    column: str = "group",
    events: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> Family:
    """Compare every two groups in some measures of some events.

    Args:
        people: What :func:`fer_core.study.measures.per_participant` gave.
        measures: Names of measures.
        column: Column that says who is in which group.
        events: Names of events; by default all.
        groups: Groups to compare; by default all.
        seed: Of random rearrangements.

    Raises:
        StudyError: There are no two groups, or there is no such measure.
    """
    _check_measures(people, measures)
    if column not in people:
        raise StudyError(f"The participants have no column {column}: fill it in first.")
    known = people[people[column].astype(str) != ""]
    found = sorted(known[column].unique()) if groups is None else list(groups)
    if len(found) < 2:
        raise StudyError(
            "There are no two groups with results: fill in the column "
            f"{column} of the participants."
        )
    sides = []
    for event in events or list(dict.fromkeys(known["event"])):
        rows = known[known["event"] == event]
        for measure in measures:
            for a, b in combinations(found, 2):
                values = [_values(rows[rows[column] == name], measure) for name in (a, b)]
                sides.append((event, measure, a, b, values[0], values[1]))
    shown = len({side[0] for side in sides})
    family = f"{_several(len(measures), 'measure')} × {_several(shown, 'event')}"
    family += f" × {_several(len(found) * (len(found) - 1) // 2, 'pair')} of groups"
    return _family(sides, paired=False, words=family, seed=seed, baseline=has_baseline(people))


def compare_events(
    people: pd.DataFrame,
    measures: Sequence[str],
    events: Sequence[str],
    *,
    seed: int = 0,
) -> Family:
    """Compare every two events, each person with themselves.

    Args:
        people: What :func:`fer_core.study.measures.per_participant` gave.
        measures: Names of measures.
        events: Names of two or more events.
        seed: Of random rearrangements.

    Raises:
        StudyError: Fewer than two events are named, or there is no such measure.
    """
    _check_measures(people, measures)
    if len(events) < 2:
        raise StudyError("Choose two events to compare.")
    sides = []
    for a, b in combinations(events, 2):
        for measure in measures:
            wide = people.pivot_table(index=PARTICIPANT, columns="event", values=measure)
            both = wide.reindex(columns=[a, b]).dropna()
            sides.append((f"{a} – {b}", measure, a, b, both[a].to_numpy(), both[b].to_numpy()))
    pairs = len(events) * (len(events) - 1) // 2
    family = f"{_several(len(measures), 'measure')} × {_several(pairs, 'pair')} of events"
    return _family(sides, paired=True, words=family, seed=seed, baseline=has_baseline(people))


def quality_differences(table: pd.DataFrame, column: str = "group") -> list[str]:
    """Return in what groups differ that has nothing to do with expressions, as sentences.

    Args:
        table: What :func:`fer_core.study.measures.measures` gave: events that are left out for
            their quality count here.
        column: Column that says who is in which group.
    """
    if column not in table:
        return []
    measured = table.groupby([PARTICIPANT, column])[list(_QUALITY)].mean().reset_index()
    groups = sorted(name for name in measured[column].astype(str).unique() if name)
    found = []
    for a, b in combinations(groups, 2):
        for name, words in _QUALITY.items():
            x, y = (_values(measured[measured[column] == group], name) for group in (a, b))
            if min(len(x), len(y)) < 2:
                continue
            delta = float(statistics.cliffs_delta(x, y).value)
            p = float(statistics.independent_test(x, y).p)
            if p <= ALPHA or abs(delta) >= _LARGE:
                found.append(
                    f"{a} and {b} differ in {words}: {x.mean():.3g} and {y.mean():.3g} on average "
                    f"(n = {len(x)} and {len(y)}). A difference between them may come from that."
                )
    return found


def _check_measures(people: pd.DataFrame, measures: Sequence[str]) -> None:
    for name in measures:
        if name not in people or not pd.api.types.is_numeric_dtype(people[name]):
            raise StudyError(f"There is no measure {name}.")


def _values(rows: pd.DataFrame, measure: str) -> np.ndarray:
    return rows[measure].dropna().to_numpy(float)


def _family(sides: list[tuple], *, paired: bool, words: str, seed: int, baseline: bool) -> Family:
    size = len(sides)
    threshold, permutations = ALPHA / max(1, size), statistics.permutations_for(size)
    tests: dict[int, float] = {}
    notes: dict[int, str] = {}
    for place, (_, _, _, _, x, y) in enumerate(sides):
        n, m = len(x), len(y)
        few = min(n, m) < 2
        smallest = 1.0 if few else statistics.smallest_p(n, None if paired else m, permutations)
        if smallest > threshold:
            need = statistics.people_needed(threshold, paired)
            each = "people" if paired else "people per group"
            notes[place] = "not tested: " + (
                "there are too few people for an interval"
                if few
                else f"with so few people p cannot be below {smallest:.2g}"
            )
            notes[place] += f", and {threshold:.2g} is asked; it takes {need} {each}"
            continue
        if paired:
            test = statistics.paired_test(x - y, permutations=permutations, seed=seed)
        else:
            test = statistics.independent_test(x, y, permutations=permutations, seed=seed)
        tests[place] = float(test.p)
    # What could not be tested stays in the family: nobody chose it away for its result.
    corrected = statistics.holm([tests.get(place, 1.0) for place in range(size)])
    comparisons = []
    for place, (event, measure, a, b, x, y) in enumerate(sides):
        comparisons.append(
            _comparison(event, measure, a, b, x, y, paired)(
                p=tests.get(place),
                p_corrected=float(corrected[place]) if place in tests else None,
                note=notes.get(place, ""),
            )
        )
    sentences = [
        EXPLORATORY,
        f"Family: {words} = {_several(size, 'comparison')}, corrected after Holm at "
        f"{ALPHA:.0%}; the smallest p must be at most {threshold:.2g}. "
        + (
            "Sign-flip test of paired differences."
            if paired
            else "Permutation test with Welch's t."
        ),
    ]
    untested = Counter(notes.values())
    sentences += [f"{count} of {size} are {note}." for note, count in untested.items()]
    if baseline and any(title(side[1], baseline) != title(side[1]) for side in sides):
        sentences.append(MINUS_BASELINE)
    return Family(tuple(comparisons), tuple(sentences), baseline)


def _comparison(
    event: str, measure: str, a: str, b: str, x: np.ndarray, y: np.ndarray, paired: bool
) -> Any:
    nothing = (np.nan, np.nan, np.nan)
    enough = min(len(x), len(y)) >= 2

    def plain(estimate: Estimate) -> tuple[float, float, float]:
        return float(estimate.value), float(estimate.low), float(estimate.high)

    def side(values: np.ndarray) -> tuple[float, float, float]:
        if len(values) >= 2:
            return plain(statistics.mean(values))
        return (float(values[0]), np.nan, np.nan) if len(values) else nothing

    difference = effect = nothing
    delta = None
    if enough and paired:
        difference = plain(statistics.mean(x - y))
        effect = plain(statistics.cohens_dz(x - y))
    elif enough:
        difference = plain(statistics.mean_difference(x, y))
        effect = plain(statistics.hedges_g(x, y))
        delta = plain(statistics.cliffs_delta(x, y))

    def make(**rest: Any) -> Comparison:
        return Comparison(
            event, measure, a, b, paired, len(x), len(y), side(x), side(y), difference, effect,
            delta, **rest,
        )  # fmt: skip

    return make


def summary(family: Family) -> list[str]:
    """Return what a family of comparisons found, as plain sentences for the top of a page.

    A measure in which something differs has a sentence of its own; the others share one.
    """
    by_measure: dict[str, list[Comparison]] = {}
    for one in family.comparisons:
        by_measure.setdefault(one.measure, []).append(one)
    several = len({(one.a, one.b) for one in family.comparisons}) > 1
    found: list[str] = []
    rest: list[str] = []
    untested: list[str] = []
    for measure, mine in by_measure.items():
        name = title(measure, family.minus_baseline)
        if not any(one.significant for one in mine):
            (rest if any(one.p is not None for one in mine) else untested).append(name)
            continue
        differ = [one for one in mine if one.significant]
        parts = [_difference_in_words(one, family.minus_baseline) for one in differ]
        for words, tested in (("no difference could be told", True),
                              ("there were too few people for a test", False)):  # fmt: skip
            others = [
                f"{one.event} ({one.a} and {one.b})" if several and not one.paired else one.event
                for one in mine
                if not one.significant and (one.p is not None) == tested
            ]
            if others:
                parts.append(f"in {_listed(others)} {words}")
        found.append(f"{'; '.join(parts)}.")
    found = [sentence[0].upper() + sentence[1:] for sentence in found]
    if rest:
        found.append(f"No difference could be told in: {'; '.join(rest)}.")
    if untested:
        found.append(f"There are too few people for a test of: {'; '.join(untested)}.")
    return found


def _difference_in_words(one: Comparison, baseline: bool) -> str:
    more = one.difference[0] > 0
    emotion = one.measure.removeprefix("mean_").capitalize()
    if one.measure.startswith("mean_"):
        verb, noun = ("show" if one.paired else "shows"), f"{'more' if more else 'less'} {emotion}"
    else:
        verb = "have" if one.paired else "has"
        name = "valence index" if one.measure == "valence" else f"value of {title(one.measure)}"
        noun = f"a {'higher' if more else 'lower'} {name}"
    values = f"{one.mean_a[0]:.2f} against {one.mean_b[0]:.2f}"
    if title(one.measure, baseline) != title(one.measure):
        values += " minus baseline"
    p = f"{p_in_words(one.p_corrected or 0)} after Holm"
    if one.paired:
        return f"people {verb} {noun} in {one.a} than in {one.b} ({values}, n = {one.people}, {p})"
    return f"in {one.event}, {one.a} {verb} {noun} than {one.b} ({values}, n = {one.people}, {p})"


def _listed(names: Sequence[str]) -> str:
    """Return names as people list them: ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def in_words(one: Comparison) -> str:
    """Return a comparison as a line for people."""
    name = "d_z" if one.paired else "g"
    words = (
        f"{one.event}: {title(one.measure)}, {one.a} {one.mean_a[0]:.3f}, {one.b} "
        f"{one.mean_b[0]:.3f}, difference {one.difference[0]:+.3f} "
        f"({one.difference[1]:.3f} to {one.difference[2]:.3f}), {name} = {one.effect[0]:.2f} "
        f"({one.effect[1]:.2f} to {one.effect[2]:.2f}), n = {one.people}"
    )
    if one.p is not None and one.p_corrected is not None:
        return f"{words}, {p_in_words(one.p)}, corrected {p_in_words(one.p_corrected)}"
    return f"{words}, {one.note}" if one.note else words


def _several(count: int, word: str) -> str:
    return f"1 {word}" if count == 1 else f"{count} {word}s"
