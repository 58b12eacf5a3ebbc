"""What is left when the camera stops: the summary of a recording, and kept sessions."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from fer_core import timeline
from fer_core.errors import FerError
from fer_core.face_labels import FaceLabel
from fer_core.files import named_after
from fer_core.live.record import delay_of, shown_of
from fer_core.live.stimulus import fill
from fer_core.settings import settings
from fer_core.study.tables import EVENTS, to_tsv
from fer_core.table import to_csv
from ui.common import timeline_panels as panels
from ui.common.damaged import show_damaged
from ui.common.exports import Download, downloads
from ui.common.notices import say_error, say_problem
from ui.common.open_row import OPEN, WORD, open_column
from ui.common.text import plain
from ui.common.times import local, zone, zone_name
from ui.common.words import EVERYONE, person_label
from ui.live.labels import Change, correct_button, labels
from ui.live.recording import recording
from ui.services import sessions
from ui.services.sessions import SavedSession

#: Key of a request made outside the stage, which the whole page handles in its next run.
ASKED = "live_asked"
#: Key of the kept session that was opened last, and how many were.
_OPENED = "live_opened"


def ask(what: str) -> None:
    """Let the whole page hear of a click, whatever run of the page comes with it."""
    st.session_state[ASKED] = what


def session_name() -> str:
    """Return what the visitor calls the recording, or else when it began."""
    # A field that was shown for an earlier recording may have left an empty text.
    given = st.session_state.get("live_name", "").strip()
    return given or f"{datetime.fromtimestamp(recording().began, zone()):%d %B %Y, %H:%M}"


def summary(
    table: pd.DataFrame,
    about: dict[str, Any],
    saved: Callable[[], None],
    discard: Callable[[], None],
    relabel: Change,
) -> None:
    """Show a recording: share of time, changes, exports, and whether to keep it.

    Args:
        table: As measured.
        about: What is stored with it; ``smoothing_seconds`` is applied to what is shown.
        saved: Called when the recording was kept.
        discard: Called when the visitor throws it away.
        relabel: Called with all labels of the visitor when one was given or taken back.
    """
    shown = smoothed(table, about)
    found = timeline.summarize(shown)
    st.subheader("This recording")
    st.markdown(timeline.in_words(found))
    shown = _corrected(shown, about, "live_delay")
    _details(shown, found, "live_whose")
    _events(about)
    labels(shown, about, relabel, "live_made")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        correct_button(shown, about, relabel, "live_made")
        st.session_state["live_name"] = name = session_name()
        exports(shown.assign(source=name), about, name, "live")
        st.text_input("Name", key="live_name", max_chars=80, width=300)

        def save() -> None:
            name = st.session_state["live_name"].strip() or "Unnamed"
            try:
                sessions.save(table, name, about)
            except FerError as error:
                say_error(error)
            else:
                saved()
                st.toast("Kept on the machine that runs this app.", icon=":material/save:")

        st.button("Keep this session", icon=":material/save:", key="live_save", on_click=save)
        st.button("Discard", icon=":material/delete:", key="live_discard", on_click=discard)


def smoothed(table: pd.DataFrame, about: dict[str, Any]) -> pd.DataFrame:
    """Return a recording averaged over the seconds that were chosen while it was made."""
    return timeline.smooth(table, float(about.get("smoothing_seconds") or 0.0))


def exports(table: pd.DataFrame, about: dict[str, Any], name: str, key: str) -> None:
    """Offer the numbers as files, made when they are asked for.

    Args:
        table: As it is shown.
        about: Plain JSON values that stand first in the JSON.
        name: Of the session; the files are named after it.
        key: Of the widgets.
    """
    events = about.get("events") or []
    downloads(
        [
            Download(
                "Table (CSV)",
                lambda: to_csv(table),
                named_after(name, "emotions", ".csv"),
                "text/csv",
            ),
            Download(
                "Summary and table (JSON)",
                lambda: timeline.to_json(table, **about),
                named_after(name, "emotions", ".json"),
                "application/json",
            ),
            *(
                [
                    Download(
                        "Events (TSV)",
                        lambda: to_tsv({name: [one[name] for one in events] for name in EVENTS}),
                        named_after(name, "events", ".tsv"),
                        "text/tab-separated-values",
                    )
                ]
                if events
                else []
            ),
        ],
        key,
    )
    if seconds := float(table["smoothing"].max() if len(table) else 0):
        st.caption(f"Averaged over {seconds:g} s.", width="content")


def saved_sessions() -> None:
    """Show sessions that were kept: open one, compare several, delete."""
    try:
        saved, damaged = sessions.list_all(), sessions.list_damaged()
    except FerError as error:
        say_error(error)
        return
    if saved or damaged:
        st.subheader("Kept sessions")
    st.session_state.setdefault("live_problem", None)
    say_problem("live_problem")
    show_damaged(damaged, _delete, "live_problem")
    if saved:
        _table(saved)


def _delete(name: str) -> None:
    sessions.delete(int(name))
    ask("delete")


def _table(saved: list[SavedSession]) -> None:
    """Show sessions in a table, and below it those that are selected."""
    rows = pd.DataFrame(
        [
            {
                OPEN: WORD,
                "name": session.name,
                "saved": local(session.saved),
                "length": timeline.clock(session.seconds),
                "model": session.about.get("model", ""),
            }
            for session in saved
        ]
    )
    opened, times = st.session_state.get(_OPENED, (None, 0))

    def open_one(row: int) -> None:
        st.session_state[_OPENED] = (saved[row].id, times + 1)
        ask("open")

    # A deleted row changes the key, so that no other row inherits its selection; and a row that is
    # opened is the only selected one of a new table.
    chosen = st.dataframe(
        rows,
        hide_index=True,
        on_select=lambda: ask("open"),
        selection_mode="multi-row",
        selection_default={
            "selection": {"rows": [i for i, one in enumerate(saved) if one.id == opened]}
        },
        key=f"live_saved_{saved[0].id}_{len(saved)}_{times}",
        height=min(250, 38 + 35 * len(rows)),
        column_config={
            OPEN: open_column("live_saved_open", open_one),
            "name": "Name",
            "saved": st.column_config.DatetimeColumn(
                f"Kept ({zone_name()})", format="D MMM YYYY, HH:mm"
            ),
            "length": "Length",
            "model": "Model",
        },
        alt="Kept sessions; select one to open it, several to compare them",
    )
    selected = [saved[row] for row in chosen.selection.rows if row < len(saved)]
    if not selected:
        owners = (
            "for you and the administrators of this copy"
            if settings().public
            else "for everyone who can open it"
        )
        st.caption(
            "Open one, or select several to compare them. They are on the machine that runs this "
            f"app, {owners}."
        )
        return
    try:
        tables = [smoothed(sessions.load(one.id), one.about) for one in selected]
    except FerError as error:
        say_error(error)
        return
    found = [timeline.summarize(table) for table in tables]
    if len(selected) == 1:
        st.markdown(f"**{plain(selected[0].name)}**: {timeline.in_words(found[0])}")
        tables[0] = _corrected(tables[0], selected[0].about, f"live_delay_{selected[0].id}")
        _details(tables[0], found[0], f"live_whose_{selected[0].id}")
        _events(selected[0].about)

        def relabel(given: Sequence[FaceLabel]) -> None:
            sessions.label(selected[0].id, given)
            ask("label")

        labels(tables[0], selected[0].about, relabel, "live_saved")
    else:
        panels.share_bars(_named([session.name for session in selected], found))
        for session, one in zip(selected, found, strict=True):
            st.markdown(f"**{plain(session.name)}**: {timeline.in_words(one)}")
    with st.container(horizontal=True):
        if len(selected) == 1:
            correct_button(tables[0], selected[0].about, relabel, "live_saved")
            exports(tables[0], selected[0].about, selected[0].name, "live_saved")
        many = f"these {len(selected)}" if len(selected) > 1 else "this session"

        def delete() -> None:
            try:
                sessions.delete(*(session.id for session in selected))
            except FerError as error:
                say_error(error)
            else:
                ask("delete")

        st.button(f"Delete {many}", icon=":material/delete:", key="live_delete", on_click=delete)


def _details(table: pd.DataFrame, found: dict[str, Any], key: str) -> None:
    """Show shares, curves and changes of everyone, or of the person who is chosen."""
    if not found["rows"]:
        st.info("No face was seen in this recording.", icon=":material/search_off:")
        return
    seconds = pd.Series({one["person"]: one["seconds"] for one in found["persons"]}, dtype=float)
    persons = timeline.long_enough(seconds, found["seconds"]).index.tolist()
    person, shown = None, found
    if len(persons) > 1:
        chosen = st.pills(
            "Person",
            [EVERYONE, *persons],
            default=EVERYONE,
            format_func=person_label,
            required=True,
            key=key,
        )
        person = None if chosen == EVERYONE else chosen
    if person is not None:
        (shown,) = [one for one in found["persons"] if one["person"] == person]
        changes = [change for change in found["changes"] if change["person"] == person]
        shown = shown | {"changes": changes, "faces": 1}
        shown["dominant"] = max(shown["shares"], key=shown["shares"].__getitem__)
    with st.grid(3, min_column_width=280):
        with st.container():
            panels.share_bars({"recording": shown})
        with st.container():
            panels.whole_curve(table, person)
        with st.container():
            st.markdown("**Changes of the dominant emotion**")
            panels.change_table(shown)


def _corrected(table: pd.DataFrame, about: dict[str, Any], key: str) -> pd.DataFrame:
    """Say the delay of the camera, and return the table corrected by it if that is asked for."""
    if "delay" not in about:
        return table
    delay = delay_of(about)
    if delay is None:
        st.caption(
            "The camera did not see the flashes, so its delay is unknown. Turn the screen "
            "brighter or the lamp darker, and play the stimuli again."
        )
        return table
    st.caption(
        f"The camera sees the screen {1000 * delay.median:.0f} ms later (median of "
        f"{delay.flashes} flashes; {1000 * delay.spread:.0f} ms between the shortest and the "
        "longest)."
    )
    if not st.toggle("Correct the times of stimuli by this delay", key=key):
        return table
    return fill(table, shown_of(about), delay.median)


def _events(about: dict[str, Any]) -> None:
    """Show the events that keys marked, if there are any."""
    events = about.get("events") or []
    if not events:
        return
    st.markdown("**Events**")
    st.dataframe(
        pd.DataFrame(events, columns=list(EVENTS)),
        hide_index=True,
        height=min(250, 38 + 35 * len(events)),
        column_config={
            "onset": st.column_config.NumberColumn("Onset", format="%.2f s"),
            "duration": st.column_config.NumberColumn(
                "Duration", format="%.2f s", help="0 for a moment; empty while the end is unknown."
            ),
            "trial_type": "Event",
        },
        alt="Events that keys marked during the recording",
    )


def _named(names: list[str], found: list[dict]) -> dict[str, dict]:
    """Return summaries by name; two sessions of one name are told apart by a number."""
    out: dict[str, dict] = {}
    for name, one in zip(names, found, strict=True):
        label, number = name, 1
        while label in out:
            number += 1
            label = f"{name} ({number})"
        out[label] = one
    return out
