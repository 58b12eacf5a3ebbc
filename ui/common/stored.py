"""'Stored data': what people stored on this machine, and the deletion of all of it."""

import streamlit as st

from ui.common.navigation import LIVE, MODELS, TRAINING, VIDEO, Entry
from ui.common.notices import attempt, say_problem
from ui.services import access, stored

#: Keys of the session's state that show what is deleted.
_SHOWN = ("live_recording", "live_recording_here", "live_name", "video_job")


def offer_deletion() -> None:
    """Show the button: for administrators what everybody stored, for visitors their own."""
    if access.person() is not None or access.is_admin():
        shown = st.button("Stored data", key="stored", type="tertiary", icon=":material/database:")
        if shown and access.is_admin():
            _ask()
        elif shown:
            _show_own()
    if st.session_state.pop("stored_deleted", False):
        st.toast(
            "The stored data is deleted. Models and training runs stay.",
            icon=":material/delete_forever:",
        )
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
        "On the machine that runs this app, of everybody who uses it. **Can be deleted here:**\n"
        + "".join(f"\n- {words}: **{number:,}**" for words, number in parts)
    )
    st.markdown(
        "**Stays:** models, training runs and your own files. Models and runs are "
        "deleted one by one on their pages:"
    )
    _links(MODELS, TRAINING)
    with st.container(horizontal=True):
        with st.popover(
            "Delete all stored data…",
            icon=":material/delete_forever:",
            disabled=not any(number for _, number in parts),
            key="stored_ask",
        ):
            st.markdown(
                "This cannot be undone, and what you deleted a moment ago cannot be brought back "
                "either."
            )
            if st.button("Delete for good", key="stored_delete", on_click=_delete):
                st.rerun()
        if st.button("Cancel", key="stored_cancel"):
            st.rerun()


@st.dialog("Your stored data", icon=":material/database:")
def _show_own() -> None:
    sessions, videos = stored.count_own()
    st.markdown(
        "Yours on the machine that runs this app; other visitors do not see it:\n\n"
        f"- Saved live sessions: **{sessions:,}**\n- Analysed videos: **{videos:,}**\n\n"
        "You delete them on their pages:"
    )
    _links(LIVE, VIDEO)


def _links(*pages: Entry) -> None:
    with st.container(horizontal=True):
        for page in pages:
            st.page_link(page.file, label=page.title, icon=page.icon, width="content")
