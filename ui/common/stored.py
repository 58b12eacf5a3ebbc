"""'Stored data': what people stored on this machine, and the deletion of all of it."""

import streamlit as st

from ui.common.notices import attempt, say_problem
from ui.services import access, stored

#: Keys of the session's state that show what is deleted.
_SHOWN = ("live_recording", "live_recording_here", "live_name", "video_job")


def offer_deletion() -> None:
    """Show the button, for those who may delete."""
    if access.is_admin() and st.button(
        "Stored data", key="stored", type="tertiary", icon=":material/database:"
    ):
        _ask()
    if st.session_state.pop("stored_deleted", False):
        st.toast("All stored data is deleted.", icon=":material/delete_forever:")
    st.session_state.setdefault("stored_problem", None)
    say_problem("stored_problem")


def _delete() -> None:
    attempt("stored_problem", stored.delete_all)
    for key in _SHOWN:
        st.session_state.pop(key, None)
    st.session_state["stored_deleted"] = not st.session_state["stored_problem"]


@st.dialog("Stored data", icon=":material/database:")
def _ask() -> None:
    found = stored.count()
    parts = [
        ("Saved live sessions", found.sessions),
        ("Live recordings that are not saved", found.recordings),
        ("Analysed videos, with their tables, pictures and kept videos", found.videos),
        ("Faces that were collected for training", found.faces),
        ("Corrections of labels, undone ones included", found.corrections),
        ("Audits of datasets", found.audits),
        ("Studies kept on this machine", found.studies),
    ]
    st.markdown(
        "On the machine that runs this app, of everybody who uses it:\n"
        + "".join(f"\n- {words}: **{number:,}**" for words, number in parts)
    )
    st.markdown(
        "Models, training runs and your own files stay: delete them on their pages. "
        "This cannot be undone, and what you deleted a moment ago cannot be brought back either."
    )
    with st.container(horizontal=True):
        if st.button(
            "Delete all stored data",
            type="primary",
            icon=":material/delete_forever:",
            key="stored_delete",
            on_click=_delete,
        ):
            st.rerun()
        if st.button("Cancel", key="stored_cancel"):
            st.rerun()
