"""Dataset: browse the faces, find labelling errors and fix them."""

import streamlit as st

from fer_core.errors import Damaged
from ui.common.damaged import show_damaged
from ui.common.footer import footer
from ui.common.navigation import through_front_door
from ui.common.notices import say_problem
from ui.common.sign_in import only_for_admins
from ui.dataset import browse, compare, overview, problems, saved
from ui.dataset.open import about, chooser, opened
from ui.services import access, audits
from ui.services.models import default_model, labels

through_front_door()

VIEWS = ("Overview", "Browse", "Problems", "Compare", "Corrections", "Collected")
state = st.session_state
state.setdefault("dataset_view", "Overview")
state.setdefault("dataset_problem", None)
state.setdefault("model", default_model())

if not access.is_admin():
    st.title("Dataset")
    only_for_admins("Dataset")
    footer()
    st.stop()

with st.container(horizontal=True, vertical_alignment="bottom"):
    with st.container(gap=None):
        st.title("Dataset")
        st.markdown("Browse the training faces, find labelling errors and fix them.")
    source = chooser()
    titles = labels()
    st.selectbox(
        "Model",
        list(titles),
        format_func=titles.get,
        key="model",
        persist_state="session",
        width=260,
        help="Whose predictions and features are shown.",
    )

say_problem("dataset_problem")
data = opened(source)
if data:
    audit = data.audit(state["model"])
    with st.container(horizontal=True, vertical_alignment="center"):
        view = st.segmented_control(
            "View",
            VIEWS,
            required=True,
            key="dataset_view",
            persist_state="session",
            label_visibility="collapsed",
        )
        splits = len(data.dataset.counts())
        said = f"{splits} {'split' if splits == 1 else 'splits'}"
        said += "" if data.dataset.splits_given else " made at random"
        st.markdown(
            f"{len(data.dataset):,} faces · {data.table['label'].nunique()} classes · "
            f"{said}{about(data.dataset)}",
            width="stretch",
        )
        saved.export(data)
    saved.exported()
    if source.source == "demo":
        st.caption(
            "These faces are drawn by the program, so that everything can be tried. For real ones "
            "get FER2013 from Kaggle and give its path under 'Open…', or set FER_DATA."
        )
    if view in ("Overview", "Browse", "Problems"):
        if audits.is_deleted(audit):
            st.info(
                "The audit of this dataset is deleted. Undo brings it back, or open this view "
                "again in a moment to start a new one.",
                icon=":material/delete:",
            )
        elif problem := audit.problem():
            show_damaged(
                [Damaged(audit.name, problem)], lambda _: audits.delete(audit), "dataset_problem"
            )
        elif view == "Overview":
            overview.view(data, audit)
        elif view == "Browse":
            browse.view(data, audit)
        else:
            problems.view(data, audit)
    elif view == "Compare":
        compare.view(data, state["model"])
    elif view == "Corrections":
        saved.corrections_view(data)
    else:
        saved.collected_view()
footer()
