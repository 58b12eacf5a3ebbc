"""What was deleted a moment ago, with the way to bring it back, at the foot of every page."""

import streamlit as st

from fer_core.errors import FerError
from ui.common.text import plain, sentence
from ui.services import removal

#: Key of the visit's state: whether the page has to show again what was brought back.
_UNDONE = "undo_done"
_PROBLEM = "undo_problem"


def offer_undo() -> None:
    """Show what can be undone; the row goes by itself when the time is up."""
    found = removal.mine()
    if found or st.session_state.get(_PROBLEM):
        soonest = min((one.seconds_left for one in found), default=removal.SECONDS)
        with st.bottom:
            st.fragment(_rows, run_every=soonest + 0.1)()


def _rows() -> None:
    if st.session_state.pop(_UNDONE, False):
        st.rerun()
    if problem := st.session_state.pop(_PROBLEM, None):
        st.error(sentence(problem), icon=":material/error:")
    found = removal.mine()
    for one in found:
        with st.container(horizontal=True, vertical_alignment="center", key=f"row_{one.key}"):
            left = max(1, round(one.seconds_left))
            st.markdown(
                f":material/delete: Deleted: {plain(one.words)}. You can undo this for "
                f"{left} {'second' if left == 1 else 'seconds'}.",
                width="content",
            )
            st.button(
                # Several buttons of one name could not be told apart by ear.
                "Undo" if len(found) == 1 else f"Undo: {plain(one.words)}",
                key=f"undo_{one.key}",
                icon=":material/undo:",
                on_click=_undo,
                args=(one.key,),
            )


def _undo(key: str) -> None:
    try:
        removal.undo(key)
    except FerError as error:
        st.session_state[_PROBLEM] = str(error)
    st.session_state[_UNDONE] = True
