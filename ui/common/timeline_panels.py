"""What stands beside a live picture and after it: bars, curves, shares of time, changes."""

from typing import Any, Final

import altair as alt
import pandas as pd
import pyarrow as pa
import streamlit as st

from fer_core import timeline
from fer_core.analysis import Face
from fer_core.emotions import COLORS, EMOTIONS
from fer_core.live.record import WINDOW

_AXIS: Final = {"ticks": False, "domain": False, "labelOverlap": False, "labelFlush": False}
_PALETTE: Final = alt.Scale(domain=list(EMOTIONS), range=[COLORS[e] for e in EMOTIONS])
_COLORS: Final[dict[str, Any]] = {
    "field": "emotion",
    "type": "nominal",
    "scale": {"domain": list(EMOTIONS), "range": [COLORS[e] for e in EMOTIONS]},
}


def bars(face: Face, *, key: str) -> None:
    """Show seven bars in the order of the dataset, which never changes while one watches."""
    data = pa.table({"emotion": EMOTIONS, "probability": face.probabilities})
    words = ", ".join(f"{e} {p:.0%}" for e, p in zip(EMOTIONS, face.probabilities, strict=True))
    st.vega_lite_chart(data, _bars_spec(ink()), key=key, alt=words)


def last_minute(recent: pd.DataFrame, now: float, person: int | None) -> None:
    """Show one line per emotion over the last minute; a gap where nobody was seen."""
    curve = timeline.curve(recent, person)
    # A gap is a number that is missing, not one that is none.
    lines = [pa.array(line, from_pandas=True) for line in curve.to_numpy().T]
    data = {"time": curve.index.to_numpy() - now} | dict(zip(EMOTIONS, lines, strict=True))
    st.vega_lite_chart(
        pa.table(data),
        _MINUTE_SPEC,
        key="live_minute",
        alt="The seven probabilities over the last minute",
    )


# What moves twice a second is written as plain Vega-Lite: building the same through
# Altair costs some fifteen milliseconds a chart, and a specification that stays the same
# lets the browser exchange the data only. Its data are Arrow's, which is what Streamlit
# makes of data frames, at some milliseconds each.


def _bars_spec(ink: str) -> dict[str, Any]:
    y = {"field": "emotion", "type": "nominal", "sort": list(EMOTIONS), "title": None}
    x = {"field": "probability", "type": "quantitative", "scale": {"domain": [0, 1.15]}}
    return {
        "height": 20 * len(EMOTIONS),
        "encoding": {
            "y": y | {"axis": {"minExtent": 60, **_AXIS}},
            "x": x | {"axis": None},
        },
        "layer": [
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 3, "height": 13},
                "encoding": {"color": _COLORS | {"legend": None}},
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "color": ink},
                "encoding": {
                    "text": {"field": "probability", "type": "quantitative", "format": ".0%"}
                },
            },
        ],
    }


_MINUTE_SPEC: Final[dict[str, Any]] = {
    "height": 170,
    "transform": [{"fold": list(EMOTIONS), "as": ["emotion", "probability"]}],
    "mark": {"type": "line", "strokeWidth": 2, "clip": True},
    "encoding": {
        "x": {
            "field": "time",
            "type": "quantitative",
            "title": "Seconds ago",
            "scale": {"domain": [-WINDOW, 0]},
            "axis": {"labelExpr": "-datum.value", "grid": False},
        },
        "y": {
            "field": "probability",
            "type": "quantitative",
            "title": "Probability",
            "scale": {"domain": [0, 1]},
            "axis": {"format": "%", "values": [0, 0.5, 1]},
        },
        "color": _COLORS | {"legend": {"title": None, "orient": "right"}},
    },
}


def share_bars(summaries: dict[str, dict], title: str = "Share of time") -> None:
    """Show the share of time per emotion; of several sessions one beside the other."""
    data = pd.DataFrame(
        [
            {"session": name, "emotion": emotion, "share": share}
            for name, summary in summaries.items()
            for emotion, share in summary["shares"].items()
        ]
    )
    several = len(summaries) > 1
    base = alt.Chart(data).encode(
        x=alt.X("share:Q", title="Share of time", axis=None, scale=alt.Scale(domain=[0, 1.15])),
        y=alt.Y(
            "emotion:N",
            sort=list(EMOTIONS),
            title=None,
            axis=alt.Axis(**_AXIS),
        ),
    )
    if several:
        base = base.encode(yOffset=alt.YOffset("session:N", sort=list(summaries)))
        colors = alt.Color(
            "session:N", sort=list(summaries), legend=alt.Legend(title=None, orient="top")
        )
    else:
        colors = alt.Color("emotion:N", legend=None, scale=_PALETTE)
    chart = base.mark_bar(cornerRadiusEnd=3).encode(color=colors) + _numbers(base, "share:Q")
    height = 24 * len(EMOTIONS) * (1 if not several else max(1.0, 0.7 * len(summaries)))
    st.altair_chart(
        chart.properties(height=height, title=title),
        alt="Share of time per emotion: "
        + "; ".join(
            f"{name}: " + ", ".join(f"{e} {share:.0%}" for e, share in s["shares"].items())
            for name, s in summaries.items()
        ),
    )


def whole_curve(table: pd.DataFrame, person: int | None = None) -> None:
    """Show the probabilities of a whole recording, at most 300 points a line.

    Args:
        table: Smoothed.
        person: Whose; by default the mean of everyone.
    """
    length = float(table["time"].max()) if len(table) else 0.0
    curve = timeline.curve(table, person, step=max(0.5, length / 300))
    data = curve.melt(ignore_index=False, var_name="emotion", value_name="probability")
    chart = (
        alt.Chart(data.reset_index())
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X("time:Q", title="Seconds"),
            y=alt.Y(
                "probability:Q", title="Probability", axis=alt.Axis(format="%", values=[0, 0.5, 1])
            ),
            color=alt.Color("emotion:N", scale=_PALETTE, legend=alt.Legend(title=None)),
        )
        .properties(height=220, title="Probabilities over time")
    )
    means = ", ".join(f"{e} {curve[e].mean():.0%}" for e in EMOTIONS) if len(curve) else "no face"
    st.altair_chart(
        chart, alt=f"The seven probabilities over {length:.0f} seconds; on average {means}"
    )


def change_table(summary: dict) -> None:
    """Show when the dominant emotion changed."""
    found = summary["changes"]
    if not found:
        st.caption("The dominant emotion did not change.")
        return
    rows = pd.DataFrame(found)
    if summary["faces"] == 1:
        rows = rows.drop(columns="person")
    st.dataframe(
        rows,
        hide_index=True,
        height=min(220, 38 + 35 * len(rows)),
        column_config={
            "time": st.column_config.NumberColumn("Second", format="%.1f"),
            "person": "Person",
            "before": "From",
            "after": "To",
        },
        alt="Changes of the dominant emotion",
    )


def ink() -> str:
    """Return the colour of text within charts: marks take none from the theme."""
    return "#E6EBF0" if st.context.theme.type == "dark" else "#1B2530"


def _numbers(base: alt.Chart, field: str) -> alt.Chart:
    """Return percentages at the ends of bars."""
    text = base.mark_text(align="left", dx=5, color=ink())
    return text.encode(text=alt.Text(field, format=".0%"))
