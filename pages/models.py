"""Models: how good, how fast, compared, combined, exchanged, and which one is used."""

from pathlib import PurePath

import numpy as np
import streamlit as st

from fer_core.datasets import Dataset
from fer_core.errors import FerError
from fer_core.models.card import NOT_FOR_PHOTOS
from ui.common import judgement
from ui.common.controls import make_default
from ui.common.damaged import or_damaged, show_damaged
from ui.common.footer import footer
from ui.common.navigation import through_front_door
from ui.common.notices import attempt, say_error, say_missing, say_problem
from ui.common.reading import read_dataset
from ui.common.sign_in import sign_in
from ui.common.text import plain, sentence
from ui.models import compare as model_compare
from ui.models import jobs as model_jobs
from ui.models import sources as model_sources
from ui.models import table as model_table
from ui.services import access, datasets, models
from ui.services.models import ModelFolder, ModelJob, list_models

through_front_door()

state = st.session_state
state.setdefault("models_chosen", st.query_params.get_all("model"))
state.setdefault("models_problem", None)


def delete(name: str) -> None:
    models.delete(name)
    state["models_chosen"] = [one for one in state["models_chosen"] if one != name]
    if state.get("model") == name:
        state["model"] = models.default_model()


def public_faces(data: str) -> Dataset | None:
    """Return the faces to compare models on; without PrivateTest, which decides nothing."""
    found = read_dataset(datasets.request_of(data), PurePath(data).name)
    return None if found is None else found.take(np.asarray(found.usage) == "PublicTest")


def choose_data(label: str, split: str, key: str) -> str:
    """Return the dataset to measure on, by name."""
    options = datasets.offered()
    return st.selectbox(
        label,
        [*options, "demo"],
        accept_new_options=True,
        key=key,
        persist_state="session",
        width=420,
        help=f"The split {split} of a dataset: FER2013's CSV, a folder, or 'demo'.",
    )


def measure_private(folder: ModelFolder) -> None:
    """Show the plain act by which a model of this machine is measured on PrivateTest."""
    private = folder.card.figure("PrivateTest")
    evaluated = len(private.evaluated_at) if private else 0
    # Its state is kept here: the bar of the work above would close it, coming and going.
    with st.popover(
        "PrivateTest…", icon=":material/lock:", key="models_private_open", on_change="rerun"
    ):
        st.markdown(
            "PrivateTest is for reporting, once, when nothing will be changed any more. Every "
            "look is written into the model's card." + judgement.evaluated(evaluated)
        )
        data = choose_data("Dataset", "PrivateTest", "models_private_data")
        if st.button(
            "Measure on PrivateTest and record it",
            key="models_private",
            on_click=state.update,
            kwargs={"models_private_open": False},
        ):
            begin(attempt("models_problem", models.measure_private, folder.name, data))


def measure_source(folder: ModelFolder) -> None:
    """Measure a model of this machine on a dataset that chooses nothing."""
    with st.popover(
        "Measure on a source…", icon=":material/library_add:", key="models_source_open",
        on_change="rerun",
    ):  # fmt: skip
        st.markdown(
            "Another dataset shows how good the model is beside the one it was made with. It is "
            "measured on PublicTest, or on all faces where the dataset has no splits."
        )
        data = choose_data("Dataset", "PublicTest", "models_source_data")
        if st.button(
            "Measure",
            key="models_source",
            type="primary",
            on_click=state.update,
            kwargs={"models_source_open": False},
        ):
            begin(attempt("models_problem", models.measure_source, folder.name, data))


def begin(job: ModelJob | None) -> None:
    """Show what was begun above the table, and the model itself when it is there."""
    if job:
        state["models_waits_for"] = job.name
    st.rerun()


def one(folder: ModelFolder) -> None:
    """Show the card of a model and what can be done with it."""
    name = folder.name
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(models.label(folder)), anchor=False, width="content")
        if models.default_model() == name:
            st.badge("the default of all pages", icon=":material/check:", color="green")
        if folder.imported:
            st.badge("from elsewhere", icon=":material/shield:", color="gray")
        if folder.card.drawn:
            st.badge(NOT_FOR_PHOTOS, icon=":material/draw:", color="orange")
    if reason := models.stopped(folder):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(f"This model is not used. {sentence(reason)}", icon=":material/block:")
            if access.is_admin():
                st.button(
                    "Allow again",
                    icon=":material/lock_open:",
                    on_click=attempt,
                    args=("models_problem", models.allow, name),
                )
    if access.is_admin():
        with st.container(horizontal=True):
            if models.default_model() != name:
                st.button(
                    "Make it the default",
                    type="primary",
                    icon=":material/star:",
                    on_click=attempt,
                    args=("models_problem", make_default, name),
                    help="Images, Live and Video begin with it.",
                )
            st.download_button(
                "Export",
                lambda: models.export(name),
                f"{name}.zip",
                "application/zip",
                icon=":material/download:",
                on_click="ignore",
                help="LiteRT, Keras and card in one archive.",
            )
            if not folder.ships:
                measure_source(folder)
                measure_private(folder)
                st.button(
                    "Delete",
                    icon=":material/delete:",
                    on_click=attempt,
                    args=("models_problem", delete, name),
                    key="models_delete",
                    help="Deletes this model from the machine that runs the app.",
                )
    model_table.card(folder)


def several(names: list[str]) -> None:
    """Compare two models; two or more can become one."""
    data = choose_data("Faces to compare on", "PublicTest", "models_data")
    try:
        faces = public_faces(data)
    except FerError as error:
        say_error(error)
        return
    if faces is None:
        return
    views = ["Compare", "Build an ensemble"] if len(names) == 2 else ["Build an ensemble"]
    view = st.segmented_control(
        "What to do", views, default=views[0], required=True, key=f"models_view_{len(names)}",
        label_visibility="collapsed",
    )  # fmt: skip
    try:
        if view == "Compare":
            model_compare.two(names, faces)
        elif job := model_compare.build(names, faces, data):
            begin(job)
    except FerError as error:
        say_error(error)


def take_archive() -> None:
    with st.popover("Import", icon=":material/upload:"):
        st.markdown("An archive that was exported here or elsewhere. It is checked before use.")
        with st.form("models_import", border=False, clear_on_submit=True):
            file = st.file_uploader("Archive", type="zip", key="models_archive")
            if st.form_submit_button("Check and add") and file:
                with st.spinner("Checking the archive. This takes some seconds."):
                    try:
                        state["models_chosen"] = models.import_archive(file)
                    except FerError as error:
                        state["models_problem"] = str(error)
                st.rerun()


# The page, from top to bottom.
with st.container(horizontal=True, vertical_alignment="bottom"):
    with st.container(gap=None):
        st.title("Models")
        st.markdown(
            "Accuracy and speed of every model. Open one for its card, select several to compare."
        )
    if access.is_admin():
        take_archive()
say_problem("models_problem")
if access.is_admin():
    model_jobs.running_jobs()

folders = {folder.name: folder for folder in list_models()}
measured_on = model_table.choose_dataset(list(folders.values()))
found = model_table.rows(list(folders.values()), measured_on)
chosen = model_table.table(found, state["models_chosen"])
chosen = [name for name in chosen if name in folders]
if chosen == [name for name in state["models_chosen"] if name in folders]:  # nothing else since
    say_missing("model", state["models_chosen"], folders)
st.query_params["model"] = chosen
show_damaged(models.list_damaged(), models.delete, "models_problem")
if len(chosen) == 1:
    with or_damaged(
        chosen[0], None if folders[chosen[0]].ships else models.delete, "models_problem"
    ):
        one(folders[chosen[0]])
elif chosen and access.is_admin():
    several(chosen)
else:
    views = ["Accuracy and speed", "By source"]
    view = st.segmented_control(
        "Figures", views, default=views[0], required=True, key="models_figures",
        persist_state="session", label_visibility="collapsed",
    )  # fmt: skip
    if view == views[0]:
        model_table.chart(found, measured_on)
    else:
        model_sources.table(list(folders.values()))
sign_in()
footer()
