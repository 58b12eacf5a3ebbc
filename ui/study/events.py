"""Events of a study: the timeline of a recording, and events from files."""

from typing import Final

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from fer_core.emotions import COLORS, EMOTIONS
from fer_core.errors import FerError
from fer_core.study import events as read
from fer_core.study import tables as study_tables
from fer_core.study.model import Recording
from fer_core.study.samples import samples
from ui.common.notices import attempt, say_error
from ui.common.text import plain
from ui.common.timeline_panels import ink
from ui.services import access, studies
from ui.services.studies import Study

state = st.session_state
_POINTS: Final = 600
_PALETTE: Final = alt.Scale(domain=list(EMOTIONS), range=[COLORS[e] for e in EMOTIONS])


def events(study: Study) -> None:
    """Show the events of one recording over its curves, to edit, and import others."""
    if not study.file.recordings:
        st.info("There are no recordings yet: add some first.", icon=":material/movie:")
        return
    ids = [one.id for one in study.file.recordings]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        id = st.selectbox("Recording", ids, key="study_events_of", width=320)
        if access.is_admin():
            with st.popover("Import", icon=":material/upload_file:"):
                _import(study)
            with st.popover("Copy to others", icon=":material/content_copy:"):
                _copy(study, id)
    one = study.recording(id)
    try:
        table = study.events(one)
    except FerError as error:
        say_error(error)
        if access.is_admin() and st.button(
            "Begin with an empty table", icon=":material/restart_alt:"
        ):
            attempt(
                "study_problem",
                studies.set_events,
                study.path.name,
                {id: study_tables.empty_events()},
            )
            st.rerun()
        return
    path = study.video(one) if access.is_admin() else None
    left, right = st.columns([3, 2] if path else [1, 0.001], gap="medium")
    with left:
        selected = _timeline(study, one, table)
    if path:
        right.video(str(path), start_time=selected[0] if selected else 0)
    if access.is_admin():
        _editor(study, one, table, selected)
    else:
        st.dataframe(table, hide_index=True, alt="Events of the recording")


def _timeline(study: Study, one: Recording, table: pd.DataFrame) -> tuple[float, float] | None:
    """Draw the participant's curves with the events, and return what is selected in it."""
    found = samples(study, one)
    step = max(1, len(found.time) // _POINTS)
    data = pd.DataFrame(found.probabilities[::step], columns=list(EMOTIONS))
    data["time"] = found.time[::step]
    lines = data.melt("time", var_name="emotion", value_name="probability")
    span = [0.0, max(one.seconds, 0.1)]
    # Dragging marks a stretch, which becomes an event.
    brush = alt.selection_interval(encodings=["x"], name="stretch")
    curves = (
        alt.Chart(lines)
        .mark_line(strokeWidth=1.8)
        .encode(
            x=alt.X("time:Q", title="Seconds", scale=alt.Scale(domain=span)),
            y=alt.Y(
                "probability:Q", title="Probability", scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format="%", values=[0, 0.5, 1]),
            ),
            color=alt.Color(
                "emotion:N", scale=_PALETTE,
                legend=alt.Legend(title=None, orient="bottom", columns=4),
            ),
        )
        .add_params(brush)
    )  # fmt: skip
    shown = table.assign(
        end=np.where(table["duration"].isna(), table["onset"], table["onset"] + table["duration"])
    )
    bands = (
        alt.Chart(shown)
        .mark_rect(opacity=0.16, stroke="#888", strokeWidth=1)
        .encode(
            x="onset:Q", x2="end:Q",
            color=alt.Color("trial_type:N", legend=None, scale=alt.Scale(scheme="tableau10")),
            tooltip=["trial_type", "onset", "duration"],
        )
    )  # fmt: skip
    names = (
        alt.Chart(shown)
        .mark_text(align="left", baseline="top", dx=4, dy=3, fontSize=11, color=ink())
        .encode(x="onset:Q", y=alt.value(0), text="trial_type:N")
    )
    chart = alt.layer(bands, curves, names).resolve_scale(color="independent")
    chart = chart.properties(height=320)
    words = f"Curves and {len(table)} events of {one.id}"
    if not access.is_admin():
        st.altair_chart(chart, alt=words)
        return None
    event = st.altair_chart(
        chart, on_select="rerun", selection_mode="stretch", key=f"study_timeline_{one.id}",
        alt=words,
    )  # fmt: skip
    stretch = event.selection.get("stretch", {}).get("time")
    if not stretch or len(stretch) != 2:
        return None
    begin, end = (float(np.clip(value, 0.0, span[1])) for value in sorted(stretch))
    return (begin, end) if end > begin else None


def _editor(
    study: Study, one: Recording, table: pd.DataFrame, selected: tuple[float, float] | None
) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        moved = _ask_event(one, table)
        begin, end = selected or (0.0, 0.0)
        name = ""
        if moved is None:
            name = st.text_input(
                "Name", placeholder="clip1", key="study_event_name", width=180,
                help="Such as the stimulus, the task, or baseline.",
            )  # fmt: skip
        elif not selected:  # it begins with the times that the event has
            begin, lasts = table.loc[moved, ["onset", "duration"]].fillna(0.0).clip(lower=0.0)
            end = begin + lasts
        onset = st.number_input(
            "From, seconds", 0.0, None, round(begin, 2), 0.1, key=f"study_onset_{begin}", width=140
        )
        lasts = st.number_input(
            "Duration", 0.0, None, round(end - begin, 2), 0.1, key=f"study_lasts_{end}", width=140,
            help="0 is a moment.",
        )  # fmt: skip
        if moved is not None:
            if st.button("Move event", icon=":material/open_with:"):
                changed = table.copy()
                changed.loc[moved, ["onset", "duration"]] = [onset, lasts]
                attempt("study_problem", studies.set_events, study.path.name, {one.id: changed})
                st.rerun()
        elif st.button("Add event", icon=":material/add:", disabled=not name.strip()):
            row = pd.DataFrame([{"onset": onset, "duration": lasts, "trial_type": name.strip()}])
            attempt(
                "study_problem", studies.set_events, study.path.name,
                {one.id: pd.concat([table, row], ignore_index=True)},
            )  # fmt: skip
            st.rerun()
        st.caption("Drag over the timeline to mark a stretch.", width="content")
    edited = st.data_editor(
        table, hide_index=True, num_rows="dynamic", height=min(300, 73 + 35 * len(table)),
        key=f"study_events_{one.id}_{len(table)}",
        column_config={
            "onset": st.column_config.NumberColumn("From, seconds", format="%.2f", required=True),
            "duration": st.column_config.NumberColumn(
                "Duration", format="%.2f", help="0: a moment. Empty: the end is unknown."
            ),
            "trial_type": st.column_config.TextColumn("Name", required=True),
        },
    )  # fmt: skip
    if not edited.reset_index(drop=True).equals(table):
        attempt("study_problem", studies.set_events, study.path.name, {one.id: edited})
        st.rerun()
    for sentence in read.outside(table, one):
        st.warning(plain(sentence), icon=":material/timer_off:")
    if unknown := int(table["duration"].isna().sum()):
        st.caption(f"{unknown} of unknown end: left out of the measures until it has one.")


def _ask_event(one: Recording, table: pd.DataFrame) -> int | None:
    """Ask which event gets the stretch that is marked; ``None`` is a new one."""
    names = [f"{row.trial_type} at {row.onset:.1f} s" for row in table.itertuples()]
    if not names:
        return None
    return st.selectbox(
        "Event", range(len(names)), index=None, format_func=names.__getitem__, width=160,
        placeholder="a new one", key=f"study_event_moved_{one.id}_{hash(tuple(names))}",
        help="Choose one of the recording to give it other times.",
    )  # fmt: skip


def _copy(study: Study, id: str) -> None:
    st.caption("Replaces the events of all other recordings by these.")
    if st.button("Copy", key="study_copy_events"):
        mine = study.events(study.recording(id))
        given = {one.id: mine for one in study.file.recordings if one.id != id}
        attempt("study_problem", studies.set_events, study.path.name, given)
        st.rerun()


def _import(study: Study) -> None:
    dropped = st.file_uploader(
        "CSV, TSV, ELAN or XDF", type=["csv", "tsv", "txt", "log", "eaf", "xdf", "xdfz"],
        key="study_events_file",
    )  # fmt: skip
    if dropped is None:
        st.caption(
            "A table has one row per event; a column with the recording, file or participant says "
            "whose it is. PsychoPy's logs are recognised."
        )
        return
    content, columns, unit = dropped.getvalue(), None, "s"
    try:
        if not dropped.name.lower().endswith((".eaf", ".xdf", ".xdfz")):
            header, _ = read.read_table(content, dropped.name)
            guess = read.guess_columns(header)
            columns = {}
            with st.grid(min_column_width=180):
                for field, words in read.FIELDS.items():
                    options = ["", *header]
                    chosen = st.selectbox(
                        field, options, index=options.index(guess.get(field, "")), help=words,
                        key=f"study_map_{field}_{dropped.name}",
                    )  # fmt: skip
                    if chosen:
                        columns[field] = chosen
            unit = st.segmented_control("Times in", ["s", "ms"], default="s", required=True)
        offset, moments = _clock()
        recording = st.selectbox(
            "Whose events", ["as the file says", *(o.id for o in study.file.recordings)],
            key="study_import_of",
            help="A file without a column of recordings belongs to the recording or participant "
            "that it is called after, such as P1.eaf, or else to every recording.",
        )  # fmt: skip
        append = st.toggle("Keep the events that there are", key="study_import_append")
        if st.button("Import", type="primary", key="study_import"):
            found = read.read_file(content, dropped.name, columns, unit)
            if moments:
                found = read.rescale(found, *read.fit_clock(moments))
            found = read.shift(found, offset)
            given, unknown = read.assign(study, found, dropped.name)
            if recording != "as the file says":
                given, unknown = {recording: found.drop(columns="recording", errors="ignore")}, []
            if append:
                given = {
                    id: pd.concat([study.events(study.recording(id)), part], ignore_index=True)
                    for id, part in given.items()
                }
            studies.set_events(study.path.name, given)
            if unknown:
                state["study_problem"] = (
                    f"No recording is called {', '.join(unknown[:5])}: these events are left out."
                )
            st.rerun()
    except FerError as error:
        say_error(error)


def _clock() -> tuple[float, list[tuple[float, float]]]:
    """Ask how the file's clock becomes the recording's."""
    kind = st.segmented_control(
        "Clock", ["The recording's", "Offset", "Two shared moments"], required=True,
        default="The recording's", key="study_clock",
    )  # fmt: skip
    if kind == "Offset":
        return st.number_input("Seconds of the recording when the file says 0", value=0.0), []
    if kind == "Two shared moments":
        rows = []
        for number, words in enumerate(("First", "Second")):
            left, right = st.columns(2)
            log = left.number_input(f"{words} moment in the file", value=60.0 * number)
            rec = right.number_input(f"{words} moment in the recording", value=60.0 * number)
            rows.append((log, rec))
        return 0.0, rows
    return 0.0, []
