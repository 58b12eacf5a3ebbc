"""Measures of every participant and event, quality, and what is left out and why."""

from typing import Final

import altair as alt
import pandas as pd
import streamlit as st

from fer_core.study.compare import quality_differences
from fer_core.study.figures import SERIES
from fer_core.study.measures import (
    IS_BASELINE,
    QUALITY_TITLES,
    axis_title,
    exclusions,
    has_baseline,
    measures,
    names,
    per_participant,
    title,
    unknown_quality,
)
from fer_core.study.report import MEASURES
from fer_core.study.tables import PARTICIPANT
from ui.common.text import plain
from ui.services.studies import Study
from ui.study.settings import event_names

#: Color of people in no group.
NO_GROUP: Final = "#767676"


def group_colors(study: Study) -> dict[str, str]:
    """Return the color of each group, which is the same in every view."""
    names = sorted({study.group_of(code) for code in study.codes()} - {""})
    return {name: SERIES[place % len(SERIES)] for place, name in enumerate(names)}


def event_colors(study: Study) -> dict[str, str]:
    """Return the color of each event, which is the same in every view, and no group's."""
    names = sorted(event_names(study), key=lambda name: name == study.file.baseline.event)
    free = len(group_colors(study))
    return {name: SERIES[(free + place) % len(SERIES)] for place, name in enumerate(names)}


def nothing_yet(table: pd.DataFrame) -> bool:
    """Say why there are no results, if there are none."""
    if table.empty:
        st.info("There are no events yet: add recordings and events.", icon=":material/flag:")
    elif not table["counted"].any():
        st.warning("No event counts: the reasons stand under Measures.", icon=":material/block:")
    return table.empty or not bool(table["counted"].any())


@st.cache_data(max_entries=100, show_spinner=False)
def _quality_differences(table: pd.DataFrame, column: str) -> list[str]:
    """Return how groups differ in quality, once for the same numbers."""
    return quality_differences(table, column)


def warn_of_quality(study: Study, table: pd.DataFrame) -> None:
    """Say whether groups differ in quality, before anything of them is shown side by side."""
    found = _quality_differences(table, study.file.group)
    if found:
        st.warning("  \n".join(map(plain, found)), icon=":material/balance:")


def choose_measure(key: str) -> str:
    """Ask for one measure."""
    return st.selectbox(
        "Measure", list(names()), format_func=title, key=key, width=320, persist_state="session",
        index=list(names()).index("mean_happy"),
    )  # fmt: skip


def results(study: Study) -> None:
    """Show the measures."""
    table = measures(study)
    if table.empty:
        nothing_yet(table)
        return
    counted = table[table["counted"]]
    left_out = exclusions(table)
    baseline = left_out["reason"].eq(IS_BASELINE)
    with st.container(horizontal=True):
        st.metric("Participants in results", counted[PARTICIPANT].nunique(), border=True)
        st.metric("Events that count", len(counted), border=True)
        st.metric("Left out", int((~baseline).sum()), border=True)
        share = counted["valid_share"].mean() if len(counted) else 0.0
        st.metric("Valid time", f"{share:.0%}", border=True)
    nothing_yet(table)
    if len(counted):
        people = per_participant(table)
        warn_of_quality(study, table)
        measure = choose_measure("study_measure")
        st.caption(plain(f"Of every value: {study.file.in_words()}."))
        _dots(study, people, measure)
        with st.expander("Table of measures", icon=":material/table:"):
            shown = st.segmented_control(
                "Columns", ["Main", "All"], default="Main", required=True, key="study_columns",
                label_visibility="collapsed",
            )  # fmt: skip
            about = [n for n in people if n not in names() and not str(n).startswith("baseline_")]
            about = [n for n in about if n not in QUALITY_TITLES and n != "valid_seconds"]
            wanted = [*about, *MEASURES, "changes_per_minute", "valid_share"]
            titles = {n: title(n, has_baseline(people)) for n in names()} | QUALITY_TITLES
            titles |= {PARTICIPANT: "Participant", "valid_seconds": "Valid time, s"}
            st.dataframe(
                people[list(dict.fromkeys(wanted))] if shown == "Main" else people,
                hide_index=True, column_config=titles,
                alt="Measures per participant and event",
            )  # fmt: skip
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Quality", anchor=False)
        quality = table.groupby(PARTICIPANT, sort=False)[list(QUALITY_TITLES)].mean().reset_index()
        percent = st.column_config.ProgressColumn
        config = {
            name: percent(words, min_value=0, max_value=1, format="percent")
            if name.endswith("_share")
            else st.column_config.NumberColumn(words, format="%.2f")
            for name, words in QUALITY_TITLES.items()
        }
        st.dataframe(
            quality, hide_index=True, column_config={PARTICIPANT: "Participant"} | config,
            height=min(320, 38 + 35 * len(quality)), alt="Quality per participant",
        )  # fmt: skip
        for sentence in unknown_quality(table):
            st.caption(sentence)
    with right:
        st.subheader("Left out", anchor=False)
        listed = left_out[~baseline]
        if listed.empty:
            st.caption("Nothing was left out.")
        else:
            st.dataframe(
                listed, hide_index=True, height=min(320, 38 + 35 * len(listed)),
                alt="What is left out, and why",
                column_config={
                    PARTICIPANT: "Participant", "recording": "Recording", "event": "Event",
                    "onset": st.column_config.NumberColumn("From", format="%.1f"),
                    "duration": st.column_config.NumberColumn("Duration", format="%.1f"),
                    "reason": "Reason",
                },
            )  # fmt: skip
        if baseline.any():
            st.caption(f"Besides, {int(baseline.sum())} events are the baseline.")


def _dots(study: Study, people: pd.DataFrame, measure: str) -> None:
    """Show every participant's value per event, groups beside each other, with their means."""
    group = study.file.group if study.file.group in people else None
    data = people.assign(group=people[group] if group else "all", value=people[measure])
    if data["value"].notna().sum() == 0:
        st.caption("There is no value of this measure.")
        return
    colors = group_colors(study) if group else {"all": SERIES[0]}
    shown = sorted(data["group"].unique())
    color = alt.Color(
        "group:N", title=plain(study.file.group),
        scale=alt.Scale(domain=shown, range=[colors.get(name, NO_GROUP) for name in shown]),
        legend=alt.Legend(orient="top") if group else None,
    )  # fmt: skip
    label = axis_title(measure, has_baseline(people))
    # Below each event the number of people, of its groups in their order.
    counts = data.pivot_table(index="event", columns="group", values="value", aggfunc="count")
    n = counts.fillna(0).astype(int).astype(str).agg(" and ".join, axis=1)
    data["event"] = [f"{event}\nn = {n.get(event, 0)}" for event in data["event"]]
    base = alt.Chart(data.dropna(subset=["value"]))
    axis = alt.Axis(labelAngle=0, labelExpr="split(datum.label, '\\n')")
    place = {"x": alt.X("event:N", title=None, sort=None, axis=axis)}
    if group:
        place["xOffset"] = alt.XOffset("group:N")
    dots = base.mark_point(size=70, filled=True, opacity=0.65).encode(
        y=alt.Y("value:Q", title=label),
        color=color,
        shape=alt.Shape("group:N", legend=None),
        tooltip=[PARTICIPANT, "event", alt.Tooltip("value:Q", format=".3f")],
        **place,
    )
    means = base.mark_tick(thickness=3, width=34, orient="horizontal").encode(
        y="mean(value):Q", color=color, tooltip=["group", "mean(value)"], **place
    )
    chart = alt.layer(dots, means).properties(height=300)
    st.altair_chart(chart, alt=f"{label} of every participant")
