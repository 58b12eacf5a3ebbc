"""The timeline beside a video: curves or segments, change marks, and a playhead."""

from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import streamlit as st

from fer_core import timeline
from fer_core.emotions import COLORS, EMOTIONS
from fer_core.table import PROBABILITIES
from ui.common.component import nothing, script

#: What is asked for at a moment of the timeline.
Act = Literal["correct", "split"]
VIEWS: Final = ("Lines", "Stacked", "Segments")
#: Points of a curve at most.
_POINTS: Final = 600

_HTML: Final = """
<div id="chart" role="slider" tabindex="0" aria-label="Timeline: choose a moment"
  aria-valuemin="0"></div>
<div id="row"><div id="now" aria-live="off"></div>
<div id="acts"><button id="correct" type="button" hidden>Correct at this moment…</button>
<button id="split" type="button" hidden>Split at this moment</button></div></div>
<div id="legend"></div>
"""
_CSS: Final = """
#chart { width: 100%; height: 230px; cursor: pointer; touch-action: pan-y; user-select: none;
  border-radius: var(--st-base-radius); }
#chart:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
svg { display: block; }
text { font: 12px var(--st-font); fill: var(--st-text-color); opacity: 0.75; }
text.on { fill: #111; opacity: 1; }
.grid { stroke: var(--st-border-color); stroke-width: 1; }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
.cut { stroke: var(--st-text-color); stroke-width: 1; stroke-dasharray: 2 4; opacity: 0.6; }
.change { fill: var(--st-text-color); }
.head { stroke: var(--st-text-color); stroke-width: 2; }
#row { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; align-items: center;
  justify-content: space-between; margin: 0.25rem 0; }
#now { color: var(--st-text-color); font: 600 1rem var(--st-font); }
#acts { display: flex; flex-wrap: wrap; gap: 0.25rem 0.5rem; }
#acts button { font: 0.85rem var(--st-font); color: var(--st-text-color); cursor: pointer;
  background: none; border: 1px solid var(--st-border-color);
  border-radius: var(--st-button-radius); padding: 0.15rem 0.6rem; }
#acts button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
#legend { display: flex; flex-wrap: wrap; gap: 0.15rem 0.9rem; color: var(--st-text-color);
  font: 0.85rem var(--st-font); }
#legend span::before { content: ""; display: inline-block; width: 0.8rem; height: 0.8rem;
  border-radius: 3px; margin-right: 0.35rem; vertical-align: -1px; background: var(--color); }
"""
_COMPONENT: Final = st.components.v2.component(
    "fer_video_timeline",
    html=_HTML,
    css=_CSS,
    js=script(Path(__file__).with_suffix(".js")),
)


def video_timeline(
    of: str,
    table: pd.DataFrame,
    person: int | None,
    seconds: float,
    view: str,
    changes: list[dict[str, Any]],
    cuts: tuple[float, ...],
    fps: float,
    begin: float,
) -> tuple[Act, float] | None:
    """Show one person, or the mean of everybody, over time, bound to the page's ``st.video``.

    Args:
        of: a name of the analysis: with another one the playhead begins anew.
        table: smoothed, in the columns of every result.
        person: whose; ``None`` for everybody.
        seconds: length of the video.
        view: one of :data:`VIEWS`.
        changes: rows of :func:`fer_core.timeline.change_points`, with names.
        cuts: seconds.
        fps: frames a second that were looked at, 0 for all.
        begin: second of the video that the player shows first.

    Returns:
        What is asked for, once, if a button was pressed, and the second: to correct what the
        person shows there, or to split the person.
    """
    sought = _sought(table, person)
    step = max(1 / fps if fps else 0.1, seconds / _POINTS)
    curve = timeline.curve(table, person, step)
    values = curve.astype(object).where(curve.notna(), None)
    if person is None:
        known = curve.notna().all(axis=1).to_numpy()
        table = pd.DataFrame(
            {
                "time": curve.index.to_numpy() - step / 2,
                "person": pd.array(np.where(known, 0, None), dtype="Int64"),
                "emotion": curve.fillna(0.0).idxmax(axis=1).to_numpy(),
            }
        )
    stretches = timeline.segments(table, end=seconds)
    stretches = stretches[stretches["person"] == (person or 0)]
    shown = _COMPONENT(
        key="video_timeline",
        data={
            "id": of,
            "seconds": max(seconds, 0.1),
            "begin": begin,
            "view": view,
            "everyone": person is None,
            "emotions": list(EMOTIONS),
            "colors": [COLORS[emotion] for emotion in EMOTIONS],
            "times": np.round(curve.index.to_numpy(), 3).tolist(),
            "curves": [values[emotion].tolist() for emotion in EMOTIONS],
            "segments": stretches.drop(columns="person").to_dict("records"),
            "changes": [c for c in changes if person in (None, c["person"])],
            "cuts": list(cuts),
            "seek": sought,
        },
        on_correct_change=nothing,
        on_split_change=nothing,
    )
    acts: tuple[Act, ...] = ("correct", "split")
    return next(((act, time) for act in acts if (time := shown[act]) is not None), None)


def _sought(table: pd.DataFrame, person: int | None) -> dict[str, Any] | None:
    """Return the moment to go to, with the person's probabilities there if it is a sample."""
    sought = st.session_state.get("video_seek")
    if sought is None:
        return None
    at = table[table["person"].eq(person).fillna(False) & np.isclose(table["time"], sought["time"])]
    return sought | {"values": at[list(PROBABILITIES)].iloc[0].tolist() if len(at) else None}


def seek(time: float) -> None:
    """Move the video, and the playhead, to a moment with the next run of the page."""
    number = st.session_state.get("video_seek", {"number": 0})["number"] + 1
    st.session_state["video_seek"] = {"time": float(time), "number": number}
