"""Groups and events beside each other, with what must be said before anybody believes it."""

import altair as alt
import pandas as pd
import streamlit as st

from fer_core.study.compare import Family, compare_events, compare_groups, quality_differences
from fer_core.study.measures import measures, names, per_participant, title
from fer_core.study.report import MEASURES, family_view
from ui.common.exports import Download, downloads
from ui.common.text import plain
from ui.common.timeline_panels import ink
from ui.services.studies import Study
from ui.study.results import SERIES, nothing_yet


@st.cache_data(max_entries=100, show_spinner="Comparing")
def _compared(
    people: pd.DataFrame, wanted: list[str], events: list[str], column: str | None
) -> tuple[Family, list[str]]:
    """Return a family of comparisons and how groups differ in quality, once for the same numbers.

    Args:
        people: Measures per participant and event.
        wanted: Measures.
        events: Events.
        column: Of the groups; ``None`` compares events, each person with themselves.
    """
    if column is None:
        return compare_events(people, wanted, events), []
    family = compare_groups(people, wanted, column=column, events=events)
    return family, quality_differences(people, column)


def comparison(study: Study) -> None:
    """Choose what to compare, and show it."""
    table = measures(study)
    if nothing_yet(table):
        return
    people = per_participant(table)
    events = list(dict.fromkeys(people["event"]))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            "Compare", ["Groups", "Events"], default="Groups", required=True,
            key="study_compare", help="Groups are different people; events are compared within "
            "each person.",
        )  # fmt: skip
        chosen = st.multiselect("Events", events, events, key="study_compare_events", width=300)
        wanted = st.multiselect(
            "Measures", list(names()), list(MEASURES), format_func=title,
            key="study_compare_measures", width=420,
            help="Choose before you look: every further one makes the correction stricter.",
        )  # fmt: skip
    if not chosen or not wanted:
        st.caption("Choose events and measures.")
        return
    if kind == "Groups":
        family, differences = _compared(people, wanted, chosen, study.file.group)
        for sentence in differences:
            st.warning(plain(sentence), icon=":material/balance:")
    else:
        family, _ = _compared(people, wanted, chosen, None)
    for sentence in family.sentences:
        st.markdown(plain(sentence))
    _forest(family)
    view = family_view(family)
    shown = pd.DataFrame(view["rows"], columns=view["columns"])
    st.dataframe(
        shown, hide_index=True, height=min(420, 38 + 35 * len(shown)),
        alt="Comparisons with effect sizes, intervals and p values",
    )  # fmt: skip
    for note in dict.fromkeys(one.note for one in family.comparisons if one.note):
        st.caption(plain(note[0].upper() + note[1:]) + ".")

    def as_csv() -> str:
        from fer_core.table import to_csv

        return to_csv(family.table())

    downloads([Download("Comparisons (CSV)", as_csv, "comparisons.csv", "text/csv")], "study_comp")


def _forest(family: Family) -> None:
    """Show effect sizes with their intervals, one row per comparison."""
    several = len({(one.a, one.b) for one in family.comparisons}) > 1
    groups = several and not family.comparisons[0].paired
    rows = [
        {
            "what": title(one.measure),
            "series": f"{one.event}: {one.a} – {one.b}" if groups else one.event,
            "effect": one.effect[0], "low": one.effect[1], "high": one.effect[2],
            "n": str(one.n_a) if one.paired else f"{one.n_a} and {one.n_b}",
            "test": "p (Holm) ≤ 0.05" if (one.p_corrected or 1) <= 0.05 else "not significant, or "
            "not tested",
        }
        for one in family.comparisons
    ]  # fmt: skip
    data = pd.DataFrame(rows).dropna(subset=["effect"])
    if data.empty:
        return
    first = family.comparisons[0]
    name = "d_z" if first.paired else "Hedges' g"
    order = list(dict.fromkeys(data["what"]))
    series = list(dict.fromkeys(data["series"]))
    base = alt.Chart(data).encode(
        y=alt.Y("what:N", sort=order, title=None, axis=alt.Axis(labelLimit=220)),
        yOffset=alt.YOffset("series:N", sort=series),
        color=alt.Color(
            "series:N", sort=series, scale=alt.Scale(domain=series, range=SERIES),
            legend=alt.Legend(title=None, orient="top", labelLimit=400),
        ),
    )  # fmt: skip
    higher = "the first event" if first.paired else first.a
    # Two lines, so that a narrow screen cuts nothing off.
    words = [f"{name} with 95 % interval;", f"above 0, {higher} is higher"]
    tips = ["series", "what", "n", "test", *(alt.Tooltip(f"{v}:Q", format=".2f")
                                            for v in ("effect", "low", "high"))]  # fmt: skip
    bars = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=words if not several or first.paired else f"{name} with interval"),
        x2="high:Q",
        tooltip=tips,
    )
    dots = base.mark_point(size=80).encode(
        x="effect:Q",
        fill=alt.condition(
            "datum.test == 'p (Holm) ≤ 0.05'",
            alt.Color("series:N", sort=series, scale=alt.Scale(domain=series, range=SERIES),
                      legend=None),
            alt.value("transparent"),
        ),
        tooltip=tips,
    )  # fmt: skip
    zero = alt.Chart(pd.DataFrame({"x": [0.0]})).mark_rule(color=ink(), opacity=0.5).encode(x="x:Q")
    height = max(140, 26 * len(order) * max(1, min(3, len(series))))
    st.altair_chart(
        alt.layer(zero, bars, dots).properties(height=height),
        alt=f"{name} with intervals of {len(data)} comparisons",
    )
    st.caption("Filled: significant after correction. Open: not significant, or not tested.")
