"""What happens beside the camera during a recording: keys 1 to 9, and stimuli in step."""

from typing import Any, Final

import streamlit as st

from fer_core.errors import FerError
from fer_core.live.page_log import KEYS
from fer_core.live.stimulus import FLASH, FLASHES, ORDERS, PERIOD, order
from ui.common.notices import say_error
from ui.live.recording import Recording

_NAMES: Final = [f"live_key_{key}" for key in range(1, KEYS + 1)]
_WHAT: Final = "live_keys_mark"
_CHOICES: Final = {
    "moments": "Moments",
    "intervals": "Intervals",
}

#: Names of the files that the visitor chose in their browser.
_FILES: Final = "live_stimuli_files"
#: Code and place of the participant of a study who was chosen, where one was.
_PERSON: Final = "live_stimuli_person"
#: Files of one list, and characters of a name.
_MOST, _LONG = 500, 200


def take(report: dict[str, Any]) -> None:
    """Take what a page says of keys and stimuli.

    Args:
        report: What the browser reports; anything that a hostile one thinks of.
    """
    mine, state = _mine(), st.session_state
    mine.log.names = [state.get(name) or "" for name in _NAMES]
    mine.log.intervals = state.get(_WHAT) == "intervals"
    mine.log.take(report.get("log"), mine.record)
    names = report.get("stimuli")
    names = names if isinstance(names, list) else []
    state[_FILES] = [str(name)[:_LONG] for name in names[:_MOST]]


def about_page() -> dict[str, Any]:
    """Return what the browser is told: what the keys stand for, and what came of its log."""
    log = _mine().log
    names = [log.name_of(key) for key in range(1, KEYS + 1)]
    return {
        "log": log.ack,
        "keys": {"names": names, "intervals": log.intervals},
        "player": _player(),
    }


def _player() -> dict[str, Any]:
    """Return how the browser is to play the files that its visitor chose."""
    state, problem = st.session_state, ""
    try:
        found = order(
            state.get(_FILES, []),
            state.get("live_stimuli_order", "fixed"),
            (state.get(_PERSON) or {}).get("code") or state.get("live_stimuli_code") or "",
            (state.get(_PERSON) or {}).get("place") or int(state.get("live_stimuli_place") or 1),
        )
    except FerError as error:
        found, problem = [], str(error)
    return {
        "on": bool(state.get("live_stimuli")),
        "order": found,
        "problem": problem,
        "gap": float(state.get("live_stimuli_gap") or 0.0),
        "still": float(state.get("live_stimuli_still") or 0.0),
        "flashes": FLASHES if state.get("live_stimuli_flashes") else 0,
        "period": PERIOD,
        "flash": FLASH,
    }


def _mine() -> Recording:
    """Return the recording of the visitor, which the page has found before."""
    return st.session_state["live_recording"]


def ask_keys() -> None:
    """Ask what the keys 1 to 9 stand for."""
    with st.popover("Keys", icon=":material/keyboard:"):
        st.caption(
            "While numbers are recorded, the keys 1 to 9 mark events of the recording. They become "
            "events of a study when the kept session is added to one."
        )
        st.segmented_control(
            "A key marks",
            list(_CHOICES),
            format_func=_CHOICES.__getitem__,
            default="moments",
            required=True,
            key=_WHAT,
            help="An interval begins with a press and ends with the next press of the same key.",
            persist_state="session",
        )
        columns = st.columns(3, gap="small")
        for key, name in enumerate(_NAMES, start=1):
            with columns[(key - 1) % 3]:
                st.text_input(
                    f"Key {key}", key=name, placeholder=str(key), max_chars=60,
                    persist_state="session",
                )  # fmt: skip


def _ask_person() -> dict[str, Any] | None:
    """Ask for the participant of a study, and return their code and place in its list.

    Returns:
        ``None`` where no study is chosen; the code is "" for somebody who is not in the list yet.
    """
    # Here, so that Live does not wait for what studies need.
    from ui.services import studies

    titles = {one.name: one.title for one in studies.list_all()[0]}
    if not titles:
        return None
    name = st.selectbox(
        "Study", list(titles), index=None, format_func=titles.get, placeholder="none",
        key="live_stimuli_study", persist_state="session",
    )  # fmt: skip
    if name is None:
        return None
    try:
        codes = studies.open_study(name).codes()
    except FerError as error:
        say_error(error)
        return None
    code = st.selectbox(
        "Participant", ["", *codes], key=f"live_stimuli_of_{name}", persist_state="session",
        format_func=lambda code: code or "the next one, who is not in the list yet",
    )  # fmt: skip
    return {"code": code, "place": codes.index(code) + 1 if code else len(codes) + 1}


def ask_stimuli() -> None:
    """Ask whether stimuli play with the recording, and in which order."""
    state = st.session_state
    for name, value in (("gap", 2.0), ("still", 5.0), ("flashes", True), ("place", 1)):
        state.setdefault(f"live_stimuli_{name}", value)
    with st.popover("Stimuli", icon=":material/slideshow:"):
        st.toggle(
            "Play videos and pictures",
            key="live_stimuli",
            help="You choose the files below the picture. They stay in this browser; the table "
            "gets their names and times.",
            persist_state="session",
        )
        how = st.selectbox(
            "Order", list(ORDERS), format_func=ORDERS.__getitem__, key="live_stimuli_order",
            persist_state="session",
        )  # fmt: skip
        state[_PERSON] = _ask_person() if how != "fixed" else None
        if state[_PERSON] and (how == "latin" or state[_PERSON]["code"]):
            st.caption(f"Place {state[_PERSON]['place']} of the study's list.")
        elif how == "random":
            st.text_input(
                "Participant's code", key="live_stimuli_code", max_chars=60,
                persist_state="session",
            )  # fmt: skip
        elif how == "latin":
            st.number_input(
                "Participant's place in the study's list", 1, 10_000, key="live_stimuli_place",
                persist_state="session",
            )  # fmt: skip
        left, right = st.columns(2, gap="small")
        left.number_input(
            "Seconds of a gap", 0.0, 600.0, step=0.5, key="live_stimuli_gap",
            persist_state="session",
        )  # fmt: skip
        right.number_input(
            "Seconds of a picture", 0.5, 600.0, step=0.5, key="live_stimuli_still",
            persist_state="session",
        )  # fmt: skip
        st.toggle(
            "Measure the delay with five white flashes",
            key="live_stimuli_flashes",
            help="One flash a second before the first stimulus. The camera sees them on the face "
            "or the wall, which tells how much later it sees what the screen shows.",
            persist_state="session",
        )
