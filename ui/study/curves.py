"""Mean curves aligned at the onset of events, their differences, and clusters of time."""

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
from fer_core.study.model import StudyError
from ui.common.notices import say_error
from ui.common.timeline_panels import ink
from ui.services.studies import Study
from ui.study.results import SERIES
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
    found = {name: aligned(study, name, before=before, after=after) for name in chosen}
    series: dict[str, Aligned] = {}
    groups = {code: study.group_of(code) for code in study.codes()}
    for name, one in found.items():
        here = sorted({groups.get(code, "") for code in one.participants} - {""}) if split else []
        if not here:
            series[name] = one
        for group in here:
            part = one.only({code for code, of in groups.items() if of == group})
            series[f"{name}, {group}" if len(found) > 1 else group] = part
    bootstrap = kind == "Bootstrap"
    means = {
        name: mean_curve(one.of(emotion), one.time, bootstrap=bootstrap)
        for name, one in series.items()
    }
    words = "Valence index" if emotion == "Valence" else f"{emotion}, probability"
    title = ["Mean over participants", "with pointwise 95 % intervals"]  # lines, for a phone
    _bands(means, words, title)
    if emotion != "Valence":
        _shares(series, emotion, study.file.threshold)
    if len(chosen) == 2:
        _difference(found[chosen[0]], found[chosen[1]], emotion)
    else:
        st.caption("Choose two events to see the difference of the same people between them.")


def _frame(means: dict[str, MeanCurve]) -> pd.DataFrame:
    rows = [
        pd.DataFrame(
            {"time": c.time, "mean": c.mean, "low": c.low, "high": c.high,
             "series": f"{name} (n = {int(c.n.max()) if len(c.n) else 0})"}
        )
        for name, c in means.items()
    ]  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def _bands(means: dict[str, MeanCurve], words: str, title: list[str]) -> None:
    data = _frame(means)
    names = list(dict.fromkeys(data["series"]))
    base = alt.Chart(data).encode(
        x=alt.X("time:Q", title="Seconds from onset"),
        color=alt.Color(
            "series:N", sort=names, scale=alt.Scale(domain=names, range=SERIES),
            legend=alt.Legend(title=None, orient="top", symbolStrokeWidth=3, labelLimit=400),
        ),
    )  # fmt: skip
    band = base.mark_area(opacity=0.18).encode(
        y=alt.Y("low:Q", title=words),
        y2="high:Q",
    )
    line = base.mark_line(strokeWidth=2.5).encode(
        y=alt.Y("mean:Q", title=words),
        strokeDash=alt.StrokeDash(
            "series:N", legend=None, scale=alt.Scale(domain=names, range=_DASHES)
        ),
        tooltip=["series", alt.Tooltip("time:Q", format=".1f"),
                 alt.Tooltip("mean:Q", format=".3f"), alt.Tooltip("low:Q", format=".3f"),
                 alt.Tooltip("high:Q", format=".3f")],
    )  # fmt: skip
    onset = alt.Chart(pd.DataFrame({"time": [0.0]})).mark_rule(color=ink(), opacity=0.5)
    chart = alt.layer(band, line, onset.encode(x="time:Q"))
    st.altair_chart(
        chart.properties(height=350, title=alt.Title(title, subtitle="Pointwise 95 % intervals")),
        alt=f"{words} over time",
    )


def _shares(series: dict[str, Aligned], emotion: str, threshold: float) -> None:
    rows = [
        pd.DataFrame({"time": one.time, "share": share_showing(one.of(emotion), threshold),
                      "series": f"{name} (n = {len(one.participants)})"})
        for name, one in series.items()
    ]  # fmt: skip
    data = pd.concat(rows, ignore_index=True)
    names = list(dict.fromkeys(data["series"]))
    chart = (
        alt.Chart(data)
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=alt.X("time:Q", title="Seconds from onset"),
            y=alt.Y(
                "share:Q", title="Share of participants", scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format="%"),
            ),
            color=alt.Color(
                "series:N", legend=None, scale=alt.Scale(domain=names, range=SERIES)
            ),
            strokeDash=alt.StrokeDash(
                "series:N", legend=None, scale=alt.Scale(domain=names, range=_DASHES)
            ),
        )
        .properties(height=240, title=f"Share who show {emotion} (above {threshold:g})")
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
    _bands({name: mean_curve(values, time)}, f"Difference, {emotion}", ["Paired difference"])
    if found:
        rows = [f"{c.begin:.1f} to {c.end:.1f} s (p = {c.p:.3f})" for c in found]
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
