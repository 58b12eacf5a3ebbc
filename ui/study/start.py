"""Before a study is open: the list, a new one, the example, and an archive."""

import pandas as pd
import streamlit as st

from fer_core.errors import FerError
from fer_core.study.model import NOTICE
from ui.common.controls import model_row
from ui.common.damaged import show_damaged
from ui.common.notices import attempt, say_error, say_problem
from ui.services import access, studies
from ui.study.jobs import running_jobs

state = st.session_state


def start() -> None:
    """Offer the studies that there are, and ways to another one."""
    say_problem("study_problem")
    found, damaged = studies.list_all()
    with st.container(horizontal=True, vertical_alignment="center"):
        if access.is_admin():
            if st.button("New study", type="primary", icon=":material/add:"):
                _new()
            if st.button("Open an archive", icon=":material/unarchive:"):
                _unpack()
        there = any(one.name == studies.EXAMPLE for one in found)
        if st.button(
            "Example study",
            icon=":material/play_circle:",
            type="secondary" if access.is_admin() else "primary",
            help="Twelve drawn people of two groups. On the first clip group A smiles, and group B "
            "hardly does; the second surprises both alike. Making it takes about half a minute.",
        ):
            _example(there)
    if not access.is_admin():
        st.caption("On this public copy visitors may open the example study.")
    running_jobs(studies.EXAMPLE)
    show_damaged(damaged, studies.delete if access.is_admin() else None, "study_problem")
    if not found:
        st.info(
            "A study holds participants, their recordings, and events such as stimuli. Drop many "
            "videos at once, and compare people, stimuli and groups. The example shows it working.",
            icon=":material/groups:",
        )
        return
    st.subheader("Studies")
    with st.grid(min_column_width=300):
        for one in found:
            _card(one)


def _card(one: studies.Listed) -> None:
    from ui.common.text import plain

    with st.container(border=True):
        st.markdown(f"**{plain(one.title)}**")
        people = "1 participant" if one.participants == 1 else f"{one.participants} participants"
        count = "1 recording" if one.recordings == 1 else f"{one.recordings} recordings"
        made = pd.Timestamp(one.created).strftime("%-d %b %Y") if one.created else ""
        st.caption(f"{people} · {count} · {plain(made)}")
        with st.container(horizontal=True):
            st.button(
                f"Open {plain(one.title)}", icon=":material/folder_open:",
                key=f"study_open_{one.name}", on_click=show, args=(one.name,),
            )  # fmt: skip
            if access.is_admin():
                st.button(
                    f"Delete {plain(one.title)}", icon=":material/delete:",
                    key=f"study_delete_{one.name}", on_click=attempt,
                    args=("study_problem", studies.delete, one.name),
                )  # fmt: skip


def show(name: str) -> None:
    """Open a study with the next run of the page."""
    state["study_name"] = name


@st.dialog("New study", width="medium")
def _new() -> None:
    title = st.text_input("Name", placeholder="Smiles and frowns", key="study_new_name")
    st.caption("Model, detector and class prior hold for every recording of the study.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        choice = model_row()
    fps = st.segmented_control(
        "Frames a second", [1.0, 5.0, 10.0], default=5.0, required=True, format_func="{:g}".format
    )
    st.caption(NOTICE)
    if st.button("Create", type="primary", disabled=not title.strip()):
        try:
            name = studies.create(
                title, model=choice.classifier.name, class_prior=choice.class_prior, fps=fps,
                detector=choice.detector.name,
            )  # fmt: skip
        except FerError as error:
            say_error(error)
            return
        show(name)
        st.rerun()


@st.dialog("Open an archive")
def _unpack() -> None:
    st.caption("An archive of a study, as 'Archive (ZIP)' under Report makes it.")
    dropped = st.file_uploader("Archive", type=["zip"], key="study_archive")
    if dropped is not None and st.button("Open", type="primary"):
        try:
            show(studies.from_archive(dropped, dropped.name))
        except FerError as error:
            say_error(error)
            return
        st.rerun()


def _example(there: bool) -> None:
    """Open the example, or let it be made where it is not complete."""
    if there and studies.example_is_there():
        show(studies.EXAMPLE)
    else:
        state["study_awaits_example"] = True
        attempt("study_problem", studies.start_example)
    st.rerun()
