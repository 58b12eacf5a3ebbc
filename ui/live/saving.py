"""What a page has to do with a video that the visitor's browser saves (``saving.js``)."""

from typing import Any, Final

import streamlit as st

from fer_core.files import named_after
from ui.live import stage
from ui.live.after import ask, session_name

_SAVING: Final = "live_saving"


def about_file() -> dict[str, Any]:
    """Return what the browser is told: the address of its recorder, and the file's name."""
    return {
        "recorder": stage.served("recorder.js"),
        "name": named_after(session_name(), "annotated", ""),
    }


def record_with(report: dict[str, Any]) -> None:
    """Record numbers from the moment on at which a video begins.

    Args:
        report: What the browser reports; ``saving`` is whether it saves a video.
    """
    before = st.session_state.get(_SAVING, False)
    st.session_state[_SAVING] = now = bool(report.get("saving"))
    if now and not before and not st.session_state["live_record"]:
        ask("record")
        st.rerun()
