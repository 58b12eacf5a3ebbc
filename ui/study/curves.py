"""Mean curves aligned at the onset of events, their differences, and clusters of time."""

from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from fer_core.study.curves import (
    CURVES,
    Aligned,
    MeanCurve,
    aligned,
    clusters,
    difference,
    mean_curve,
    share_showing,
)
from fer_core.study.measures import measures
from fer_core.study.model import StudyError
from fer_core.study.statistics import p_in_words
from ui.common.notices import say_error
from ui.common.timeline_panels import ink
from ui.services.studies import Study
from ui.study.results import event_colors, group_colors, warn_of_quality
from ui.study.settings import event_names

_DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [1, 3], [10, 4]]


def curves(study: Study) -> None:
    """Show curves of events or groups, and of differences of paired events."""
    names = event_names(study)
    if not names:
        st.info("There are no events yet.", icon=":material/flag:")
        return
    first = [name for name in names if name != study.file.baseline.event] or names
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect("Events", names, first[:1], key="study_curve_events", width=320)
        emotion = st.selectbox(
            "Show", CURVES, index=CURVES.index("Happy"), key="study_curve_of", width=140
        )
        split = st.toggle("By group", True, key="study_curve_groups")
        with st.popover("Interval and range", icon=":material/straighten:"):
            kind = st.segmented_control(
                "Interval over participants", ["t", "Bootstrap"], default="t", required=True
            )
            before = st.number_input("Seconds before onset", 0.0, 60.0, 1.0, 0.5)
            after = st.number_input("Seconds after onset", 0.5, 600.0, None, placeholder="whole")
    if not chosen:
        st.caption("Choose one or more events.")
        return
    if split:
        warn_of_quality(study, measures(study))
    found = {name: aligned(study, name, before=before, after=after) for name in chosen}
    series: dict[str, Aligned] = {}
    colors: dict[str, str] = {}
    of_group, of_event = group_colors(study), event_colors(study)
    groups = {code: study.group_of(code) for code in study.codes()}
    for name, one in found.items():
        here = sorted({groups.get(code, "") for code in one.participants} - {""}) if split else []
        if not here:
            series[name], colors[name] = one, of_event[name]
        for group in here:
            part = one.only({code for code, of in groups.items() if of == group})
            both = f"{name}, {group}" if len(found) > 1 else group
            series[both], colors[both] = part, of_group[group]
    bootstrap = kind == "Bootstrap"
    means = {
        name: mean_curve(one.of(emotion), one.time, bootstrap=bootstrap)
        for name, one in series.items()
    }
    shown = {name: f"{name} (n = {_most(curve)})" for name, curve in means.items()}
    lines = _Lines(shown, colors)
    words = "Valence index" if emotion == "Valence" else f"{emotion}, probability"
    _bands(means, words, "Mean over participants", lines)
    if emotion != "Valence":
        _shares(series, emotion, study.file.threshold, lines)
    st.caption(
        "n is the most participants seen at one moment. Curves show the values as measured, not "
        "minus baseline, at every valid moment, also of events that are left out of the measures."
    )
    if len(chosen) == 2:
        _difference(found[chosen[0]], found[chosen[1]], emotion)
    else:
        st.caption("Choose two events to see the difference of the same people between them.")


@dataclass(frozen=True)
class _Lines:
    """How the series of a chart are called, and their colors.

    Attributes:
        names: Words in the legend by series.
        colors: Color by series.
    """

    names: dict[str, str]
    colors: dict[str, str]

    def channels(self) -> dict[str, Any]:
        """Return color and dashes with one legend for both."""
        names = list(self.names.values())
        legend = alt.Legend(
            title=None, orient="top", symbolType="stroke", symbolSize=400, symbolOpacity=1,
            symbolStrokeWidth=3, labelLimit=400, columns=2,
        )  # fmt: skip
        colors = [self.colors[name] for name in self.names]
        return {
            "color": alt.Color(
                "series:N", sort=names, legend=legend, scale=alt.Scale(domain=names, range=colors)
            ),
            "strokeDash": alt.StrokeDash(
                "series:N", sort=names, legend=legend, scale=alt.Scale(domain=names, range=_DASHES)
            ),
        }


def _most(curve: MeanCurve) -> int:
    return int(curve.n.max()) if len(curve.n) else 0


def _bands(means: dict[str, MeanCurve], words: str, title: str, lines: _Lines) -> None:
    rows = [
        pd.DataFrame({"time": curve.time, "mean": curve.mean, "low": curve.low, "high": curve.high,
                      "series": lines.names[name]})
        for name, curve in means.items()
    ]  # fmt: skip
    channels = lines.channels()
    base = alt.Chart(pd.concat(rows, ignore_index=True)).encode(
        x=alt.X("time:Q", title="Seconds from onset"), color=channels["color"]
    )
    band = base.mark_area(opacity=0.18).encode(y=alt.Y("low:Q", title=words), y2="high:Q")
    line = base.mark_line(strokeWidth=2.5).encode(
        y=alt.Y("mean:Q", title=words),
        strokeDash=channels["strokeDash"],
        tooltip=["series", alt.Tooltip("time:Q", format=".1f"),
                 alt.Tooltip("mean:Q", format=".3f"), alt.Tooltip("low:Q", format=".3f"),
                 alt.Tooltip("high:Q", format=".3f")],
    )  # fmt: skip
    onset = alt.Chart(pd.DataFrame({"time": [0.0]})).mark_rule(color=ink(), opacity=0.5)
    chart = alt.layer(band, line, onset.encode(x="time:Q"))
    st.altair_chart(
        chart.properties(height=370, title=alt.Title(title, subtitle="Pointwise 95 % intervals")),
        alt=f"{words} over time",
    )


def _shares(series: dict[str, Aligned], emotion: str, threshold: float, lines: _Lines) -> None:
    rows = [
        pd.DataFrame({"time": one.time, "share": share_showing(one.of(emotion), threshold),
                      "series": lines.names[name]})
        for name, one in series.items()
    ]  # fmt: skip
    chart = (
        alt.Chart(pd.concat(rows, ignore_index=True))
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=alt.X("time:Q", title="Seconds from onset"),
            y=alt.Y(
                "share:Q", title="Share of participants", scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format="%"),
            ),
            **lines.channels(),
        )
        .properties(height=290, title=f"Share who show {emotion} (above {threshold:g})")
    )  # fmt: skip
    st.altair_chart(chart, alt=f"Share of participants who show {emotion}")


def _difference(first: Aligned, second: Aligned, emotion: str) -> None:
    try:
        values, time = difference(first, second, emotion)
    except StudyError as error:
        say_error(error)
        return
    name = f"{first.event} minus {second.event}"
    found = clusters(values, time)
    curve = mean_curve(values, time)
    lines = _Lines({name: f"{name} (n = {_most(curve)})"}, {name: ink()})
    _bands({name: curve}, f"Difference, {emotion}", "Paired difference", lines)
    if found:
        rows = [f"{c.begin:.1f} to {c.end:.1f} s ({p_in_words(c.p, 3)})" for c in found]
        st.markdown(
            f"Clusters of time in which the same {len(values)} people differ: {', '.join(rows)}."
        )
    else:
        st.markdown("No cluster of time in which the same people differ.")
    whole = int(np.isfinite(values).all(axis=0).sum())
    st.caption(
        "Cluster-based permutation test (Maris and Oostenveld 2007) over "
        f"{whole} of {len(time)} moments at which everybody was seen. It says that the curves "
        "differ, not exactly when. Exploratory, and for these stimuli."
    )
