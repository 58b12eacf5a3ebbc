"""Study: many videos in, what people showed, and how groups and stimuli compare."""

import streamlit as st

from fer_core.errors import FerError
from ui.common.damaged import or_damaged
from ui.common.footer import footer
from ui.common.navigation import through_front_door
from ui.common.notices import say_error, say_problem
from ui.common.text import plain
from ui.services import studies
from ui.study.compare import comparison
from ui.study.curves import curves
from ui.study.events import events
from ui.study.files import files
from ui.study.jobs import running_jobs
from ui.study.labelling import agreement
from ui.study.recordings import recordings
from ui.study.results import results
from ui.study.settings import study_settings
from ui.study.start import start

through_front_door()

state = st.session_state
state.setdefault("study_name", st.query_params.get("study"))
state.setdefault("study_problem", None)

VIEWS = {
    "Recordings": recordings,
    "Events": events,
    "Measures": results,
    "Curves": curves,
    "Compare": comparison,
    "Agreement": agreement,
    "Report": files,
}


def close() -> None:
    """Leave the study."""
    state["study_name"] = None
    st.query_params.pop("study", None)


def opened() -> "studies.Study | None":
    """Return the study that is open, if there is one."""
    if not state["study_name"]:
        return None
    try:
        return studies.open_study(state["study_name"])
    except FerError as error:
        close()
        say_error(error)
        return None


study = opened()
if study is None:
    st.title("Study")
    st.markdown("How several people respond to the same stimuli, and whether groups differ.")
    start()
else:
    st.query_params["study"] = state["study_name"]
    with st.container(
        horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"
    ):
        # On a phone it takes a line of its own.
        with st.container(gap=None, width=600):
            st.title(plain(study.file.name))
            people, count = len(study.participants), len(study.file.recordings)
            st.markdown(
                f"{people} {'participant' if people == 1 else 'participants'} · {count} "
                f"{'recording' if count == 1 else 'recordings'} · model "
                f"{plain(study.file.model)}, prior {plain(study.file.class_prior)}"
            )
        with st.container(horizontal=True, width="content"):
            study_settings(study)
            st.button("All studies", icon=":material/arrow_back:", on_click=close)
    say_problem("study_problem")
    running_jobs(study.path.name)
    view = st.segmented_control(
        "View",
        list(VIEWS),
        required=True,
        default="Recordings",
        key="study_view",
        label_visibility="collapsed",
        persist_state="session",
    )
    with or_damaged(study.path.name, None, "study_problem"):
        try:
            VIEWS[view](study)
        except FerError as error:
            say_error(error)
footer()
