"""Figures of a study by matplotlib, as SVG and PNG, without a browser."""

import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from fer_core.emotions import COLORS, EMOTIONS
from fer_core.extras import needed_by
from fer_core.study.curves import (
    Aligned,
    Cluster,
    MeanCurve,
    aligned,
    clusters,
    difference,
    mean_curve,
    share_showing,
)
from fer_core.study.measures import axis_title, has_baseline
from fer_core.study.model import StudyError
from fer_core.study.statistics import p_in_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Colours of groups and events (Okabe and Ito 2008), and their line styles: never colour alone.
SERIES: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
STYLES: Final = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))
MARKERS: Final = ("o", "s", "^", "D", "v", "P")
_SIZE: Final = (7.2, 3.4)
#: Events of which every pair has a curve of differences.
_PAIRED: Final = 3
#: Characters of a name that fit a figure.
_LONGEST: Final = 48


def new(size: tuple[float, float] = _SIZE) -> "Figure":
    """Return an empty figure, in inches."""
    with needed_by("Figures of studies", "study"):
        from matplotlib.figure import Figure
    # Layout by the figure alone: no window and no state of the process.
    return Figure(figsize=size, layout="constrained")


def to_svg(figure: "Figure") -> str:
    """Return a figure as SVG, the same bytes for the same figure."""
    from matplotlib import rc_context

    file = io.StringIO()
    with rc_context({"svg.hashsalt": "fer", "svg.fonttype": "none"}):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    return text[text.index("<svg") :]


def to_png(figure: "Figure", dpi: int = 200) -> bytes:
    """Return a figure as PNG."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    return file.getvalue()


def curves(found: Mapping[str, MeanCurve], emotion: str, name: str) -> "Figure":
    """Draw mean curves of groups or events in one chart, with their intervals.

    Args:
        found: Curve by the name of its group or event.
        emotion: What they show.
        name: Title.
    """
    figure = new()
    axes = figure.subplots()
    for place, (label, curve) in enumerate(found.items()):
        color, style = SERIES[place % len(SERIES)], STYLES[place % len(STYLES)]
        n = int(np.max(curve.n)) if len(curve.n) else 0
        words = f"{_text(label)} (n = {n})"
        axes.plot(curve.time, curve.mean, color=color, linestyle=style, label=words)
        axes.fill_between(curve.time, curve.low, curve.high, color=color, alpha=0.18, linewidth=0)
    axes.axvline(0, color="#555", linewidth=0.8)
    axes.set_xlabel("Seconds from onset")
    axes.set_ylabel("Valence index" if emotion == "Valence" else f"{emotion}, probability")
    _finish(axes, name, legend=len(found) > 0)
    return figure


def difference_curve(curve: MeanCurve, stretches: Sequence[Cluster], name: str) -> "Figure":
    """Draw the curve of paired differences with the clusters that a permutation test found.

    Args:
        curve: Mean difference.
        stretches: The clusters.
        name: Title.
    """
    figure = new()
    axes = figure.subplots()
    axes.axhline(0, color="#555", linewidth=0.8)
    axes.plot(curve.time, curve.mean, color=SERIES[0])
    axes.fill_between(curve.time, curve.low, curve.high, color=SERIES[0], alpha=0.18, linewidth=0)
    bottom = axes.get_ylim()[0]
    for cluster in stretches:
        sure = cluster.p <= 0.05
        axes.hlines(
            bottom, cluster.begin, cluster.end, color="#111" if sure else "#AAA", linewidth=4
        )
        axes.annotate(
            p_in_words(cluster.p, 3), ((cluster.begin + cluster.end) / 2, bottom), (0, 4),
            textcoords="offset points", ha="center", fontsize=8,
        )  # fmt: skip
    axes.set_xlabel("Seconds from onset")
    n = int(np.max(curve.n)) if len(curve.n) else 0
    axes.set_ylabel(f"Difference (n = {n} pairs)")
    _finish(axes, name)
    return figure


def showing(found: Mapping[str, Aligned], emotion: str, threshold: float, name: str) -> "Figure":
    """Draw the share of participants who show an emotion at each moment."""
    figure = new()
    axes = figure.subplots()
    for place, (label, one) in enumerate(found.items()):
        axes.step(
            one.time, share_showing(one.of(emotion), threshold), where="post",
            color=SERIES[place % len(SERIES)], linestyle=STYLES[place % len(STYLES)],
            label=f"{_text(label)} (n = {len(one.participants)})",
        )  # fmt: skip
    axes.axvline(0, color="#555", linewidth=0.8)
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel("Seconds from onset")
    axes.set_ylabel(f"Share with {emotion} above {threshold:g}")
    _finish(axes, name, legend=True)
    return figure


def groups(people: pd.DataFrame, measure: str, column: str, event: str) -> "Figure":
    """Draw every participant's value, and the mean of each group with its interval."""
    from fer_core.study import statistics

    figure = new((5.2, 3.4))
    axes = figure.subplots()
    rows = people[people["event"] == event]
    names = sorted(name for name in rows[column].astype(str).unique() if name)
    rng = np.random.default_rng(0)
    for place, name in enumerate(names):
        values = rows.loc[rows[column] == name, measure].dropna().to_numpy(float)
        color = SERIES[place % len(SERIES)]
        axes.scatter(
            place + rng.uniform(-0.12, 0.12, len(values)), values, s=22, color=color, alpha=0.6,
            marker=MARKERS[place % len(MARKERS)],
        )  # fmt: skip
        if len(values) >= 2:
            found = statistics.mean(values)
            spread = [[found.value - found.low], [found.high - found.value]]
            axes.errorbar(
                place + 0.28, found.value, yerr=spread, fmt="_", color="#111", capsize=4,
            )  # fmt: skip
    counts = [int(rows.loc[rows[column] == name, measure].count()) for name in names]
    labels = [f"{_text(name)}\n(n = {count})" for name, count in zip(names, counts, strict=True)]
    axes.set_xticks(range(len(names)), labels)
    axes.set_xlim(-0.5, max(0.5, len(names) - 0.3))
    axes.set_ylabel(axis_title(measure, has_baseline(people)), fontsize=9)
    _finish(axes, event)
    return figure


def profile(people: pd.DataFrame, event: str, column: str) -> "Figure":
    """Draw the mean of each emotion during an event, of each group."""
    figure = new()
    axes = figure.subplots()
    rows = people[people["event"] == event]
    names = (
        sorted(name for name in rows[column].astype(str).unique() if name) if column in rows else []
    ) or [""]
    width = 0.8 / len(names)
    counts = []
    for place, name in enumerate(names):
        mine = rows[rows[column] == name] if name else rows
        means = [mine[f"mean_{emotion.lower()}"].mean() for emotion in EMOTIONS]
        n = f"n = {mine['mean_neutral'].count()}"
        counts.append(f"{_short(name)}, {n}" if name else n)
        at = np.arange(len(EMOTIONS)) + (place - (len(names) - 1) / 2) * width
        axes.bar(
            at, means, width * 0.92, color=[COLORS[emotion] for emotion in EMOTIONS],
            hatch=("", "//", "..", "xx")[place % 4], edgecolor="white",
        )  # fmt: skip
    axes.axhline(0, color="#555", linewidth=0.8)
    axes.set_xticks(range(len(EMOTIONS)), EMOTIONS)
    minus = " minus baseline" if has_baseline(people) else ""
    axes.set_ylabel(f"Mean probability{minus}")
    order = "from left: " if len(names) > 1 else ""
    _finish(axes, f"{_short(event)} ({order}{'; '.join(counts)})")
    return figure


def all_of(study: Any, people: pd.DataFrame) -> dict[str, "Figure"]:
    """Return the figures of a study's report by name, see :mod:`fer_core.study.report`."""
    found: dict[str, Figure] = {}
    column = study.file.group
    events = list(dict.fromkeys(people["event"]))
    by_group = {code: study.group_of(code) for code in study.codes()}
    by_event = {event: aligned(study, event) for event in events}
    for event, curve in by_event.items():
        groups_here = sorted({by_group.get(code, "") for code in curve.participants} - {""})
        parts = {
            name: curve.only({code for code, group in by_group.items() if group == name})
            for name in groups_here
        } or {"all": curve}
        found[f"profile-{event}"] = profile(people, event, column)
        for emotion in ("Happy", "Valence"):
            means = {name: mean_curve(one.of(emotion), one.time) for name, one in parts.items()}
            found[f"curve-{event}-{emotion.lower()}"] = curves(
                means, emotion, f"{event}: {emotion}"
            )
        found[f"showing-{event}-happy"] = showing(
            parts, "Happy", study.file.threshold, f"{event}: share who show Happy"
        )
        if groups_here:
            found[f"groups-{event}-valence"] = groups(people, "valence", column, event)
    # Of more events there are too many pairs for a report.
    for first, second in combinations(events if len(events) <= _PAIRED else (), 2):
        with suppress(StudyError):  # other people took part in each
            values, time = difference(by_event[first], by_event[second], "Happy")
            found[f"difference-{first}-{second}-happy"] = difference_curve(
                mean_curve(values, time), clusters(values, time), f"Happy, {first} minus {second}"
            )
    return found


def _text(name: str, longest: int = _LONGEST) -> str:
    """Return a name from outside as matplotlib shows it: not as a formula, and not as a label that
    a legend leaves out.
    """
    name = _short(name, longest).replace("$", r"\$")
    return f" {name}" if name.startswith("_") else name


def _short(name: str, longest: int = _LONGEST) -> str:
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def _finish(axes: Any, name: str, legend: bool = False) -> None:
    axes.set_title(_text(name, 2 * _LONGEST), fontsize=11, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    if legend:
        axes.legend(frameon=False, fontsize=9)
