"""Groups and events beside each other, with what must be said before anybody believes it."""

import altair as alt
import pandas as pd
import streamlit as st

from fer_core.study.compare import TERMS, Choice, Comparison, Family, summary
from fer_core.study.figures import SERIES
from fer_core.study.measures import has_baseline, measures, names, per_participant, title
from fer_core.study.report import family_view
from ui.common.exports import Download, downloads
from ui.common.text import plain
from ui.common.timeline_panels import ink
from ui.services.studies import Study
from ui.study.results import event_colors, nothing_yet, warn_of_quality

state = st.session_state

#: What is compared first: the measures whose curves the report draws. Every further one would make
#: the correction stricter.
_FIRST = ("mean_happy", "valence")
_KINDS = ("Groups", "Events")


@st.cache_data(max_entries=100, show_spinner="Comparing")
def _compared(people: pd.DataFrame, choice: Choice, column: str) -> Family:
    """Return a family of comparisons, once for the same numbers.

    Args:
        people: Measures per participant and event.
        choice: What is compared.
        column: Of the groups.
    """
    return choice.compare(people, column)


def _key(study: Study, part: str) -> str:
    return f"study_compare_{part}_{study.path.name}"


def chosen(study: Study, people: pd.DataFrame) -> Choice:
    """Return what is chosen to be compared, also while other views are open."""
    events = list(dict.fromkeys(people["event"]))
    return Choice(
        tuple(state.get(_key(study, "measures"), _FIRST)),
        tuple(name for name in state.get(_key(study, "events"), events) if name in events),
        state.get(_key(study, "kind")) == "Events",
    )


def comparison(study: Study) -> None:
    """Choose what to compare, and show it."""
    table = measures(study)
    if nothing_yet(table):
        return
    people = per_participant(table)
    events = list(dict.fromkeys(people["event"]))
    baseline = has_baseline(people)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Compare", _KINDS, default=_KINDS[0], required=True, key=_key(study, "kind"),
            persist_state="session", help="Groups are different people; events are compared within "
            "each person.",
        )  # fmt: skip
        st.multiselect(
            "Events", events, events, key=_key(study, "events"), width=300, persist_state="session"
        )
        st.multiselect(
            "Measures", list(names()), list(_FIRST), key=_key(study, "measures"), width=420,
            wrap=True, format_func=lambda name: title(name, baseline), persist_state="session",
            help="Decide which ones your question is about before you look at others: every "
            "further one makes the correction stricter. The report shows the comparisons that "
            "are chosen here.",
        )  # fmt: skip
    choice = chosen(study, people)
    if not choice.events or not choice.measures:
        st.caption("Choose events and measures.")
        return
    family = _compared(people, choice, study.file.group)
    if not choice.paired:
        warn_of_quality(study, table)
    for sentence in summary(family):
        st.markdown(f"**{plain(sentence)}**")
    for sentence in family.sentences:
        st.caption(plain(sentence))
    with st.expander("What the terms mean", icon=":material/help:"):
        for term, meaning in TERMS.items():
            st.markdown(f"**{term}**: {meaning}")
    _forest(family, event_colors(study))
    view = family_view(family)
    shown = pd.DataFrame(view["rows"], columns=view["columns"])
    # These widths show the main columns on a phone.
    widths = {
        "Event": 80 if choice.paired else 55,
        "Measure": 125 if choice.paired else 155,
        "Difference": 77,
        "p (Holm)": 70,
    }
    st.dataframe(
        shown, hide_index=True, height=min(420, 38 + 35 * len(shown)),
        column_config={name: st.column_config.Column(width=w) for name, w in widths.items()},
        alt="Comparisons with effect sizes, intervals and p values",
    )  # fmt: skip
    for note in dict.fromkeys(one.note for one in family.comparisons if one.note):
        st.caption(plain(note[0].upper() + note[1:]) + ".")

    def as_csv() -> str:
        from fer_core.table import to_csv

        return to_csv(family.table())

    downloads([Download("Comparisons (CSV)", as_csv, "comparisons.csv", "text/csv")], "study_comp")


def _series(one: Comparison, groups: bool) -> str:
    """Return what a comparison is one of: its event, and the groups where there are several."""
    return f"{one.event}: {one.a} – {one.b}" if groups else one.event


def _forest(family: Family, colors: dict[str, str]) -> None:
    """Show effect sizes with their intervals, one row per comparison.

    Args:
        family: The comparisons.
        colors: Color by event.
    """
    several = len({(one.a, one.b) for one in family.comparisons}) > 1
    groups = several and not family.comparisons[0].paired
    counts: dict[str, dict[str, None]] = {}
    for one in family.comparisons:
        counts.setdefault(_series(one, groups), {})[one.people] = None
    shown = {name: f"{name} (n = {', '.join(n)})" for name, n in counts.items()}
    rows = [
        {
            # Two lines, for a phone.
            "what": title(one.measure, family.minus_baseline).replace(" minus", "\nminus"),
            "series": shown[_series(one, groups)],
            "effect": one.effect[0], "low": one.effect[1], "high": one.effect[2],
            "n": one.people,
            "test": "p (Holm) ≤ 0.05" if one.significant else "not significant, or not tested",
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
    # A pair is neither of its groups or events.
    pairs = SERIES if several else [ink()]
    alone = not several and not first.paired
    own = {words: colors.get(name) for name, words in shown.items()}
    scale = alt.Scale(domain=series, range=[own[name] for name in series] if alone else pairs)
    base = alt.Chart(data).encode(
        y=alt.Y("what:N", sort=order, title=None, axis=alt.Axis(
            labelLimit=220, labelExpr="split(datum.label, '\\n')")),
        yOffset=alt.YOffset("series:N", sort=series),
        color=alt.Color(
            "series:N", sort=series, scale=scale,
            legend=alt.Legend(title=None, orient="top", labelLimit=400),
        ),
    )  # fmt: skip
    tips = ["series", "what", "n", "test", *(alt.Tooltip(f"{v}:Q", format=".2f")
                                            for v in ("effect", "low", "high"))]  # fmt: skip
    bars = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=name), x2="high:Q", tooltip=tips
    )
    dots = base.mark_point(size=80).encode(
        x="effect:Q",
        fill=alt.condition(
            "datum.test == 'p (Holm) ≤ 0.05'",
            alt.Color("series:N", sort=series, scale=scale, legend=None),
            alt.value("transparent"),
        ),
        tooltip=tips,
    )
    zero = alt.Chart(pd.DataFrame({"x": [0.0]})).mark_rule(color=ink(), opacity=0.5).encode(x="x:Q")
    # Legend and axis take about a hundred pixels.
    height = 130 + len(order) * max(36, 26 * min(3, len(series)))
    st.altair_chart(
        alt.layer(zero, bars, dots).properties(height=height),
        alt=f"{name} with intervals of {len(data)} comparisons",
    )
    # Beside the chart a line of text would be cut off on a phone.
    higher = "the first" if several else plain(first.a)
    st.caption(
        f"{name} with its 95 % interval: above 0, {higher} is higher. Filled: significant after "
        "correction. Open: not significant, or not tested."
    )
