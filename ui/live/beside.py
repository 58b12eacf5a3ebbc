"""What happens beside the camera during a recording: keys 1 to 9."""

from typing import Any, Final

import streamlit as st

from fer_core.live.page_log import KEYS
from ui.live.recording import Recording

_NAMES: Final = [f"live_key_{key}" for key in range(1, KEYS + 1)]
_WHAT: Final = "live_keys_mark"
_CHOICES: Final = {
    "moments": "Moments",
    "intervals": "Intervals",
}


def take(report: dict[str, Any]) -> None:
    """Take what a page says of keys.

    Args:
        report: What the browser reports; anything that a hostile one thinks of.
    """
    mine, state = _mine(), st.session_state
    mine.log.names = [state.get(name) or "" for name in _NAMES]
    mine.log.intervals = state.get(_WHAT) == "intervals"
    mine.log.take(report.get("log"), mine.record)


def about_page() -> dict[str, Any]:
    """Return what the browser is told: what the keys stand for, and what came of its log."""
    log = _mine().log
    names = [log.name_of(key) for key in range(1, KEYS + 1)]
    return {"log": log.ack, "keys": {"names": names, "intervals": log.intervals}}


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
