"""Blind labelling of moments by people, and how the product agrees with them."""

import pandas as pd
import streamlit as st

from fer_core.charts import confusion
from fer_core.emotions import EMOTIONS
from fer_core.errors import FerError
from fer_core.study import agreement as agree
from fer_core.study.labels import from_files
from ui.common.notices import attempt, say_error
from ui.common.text import plain
from ui.services import access, studies
from ui.services.studies import Study

state = st.session_state


def agreement(study: Study) -> None:
    """Show sets of moments, label one, or show its results."""
    st.markdown(
        "People label moments without seeing what the product answered; then its answers are "
        "compared with theirs."
    )
    sets = agree.list_sets(study)
    # Chosen while there was none, or in another study.
    if state.get("study_set") not in sets:
        state.pop("study_set", None)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Set of moments", sets, key="study_set", width=240, placeholder="none yet"
        )
        if access.is_admin():
            if st.button("New set", icon=":material/add:"):
                _new(study)
            with st.popover("Import labels", icon=":material/upload_file:"):
                _import(study)
    if "study_imported" in state:
        _results(agree.summarize(state["study_imported"]))
        return
    if name is None:
        return
    view = st.segmented_control(
        "Do", ["Label", "Results"], default="Label" if access.is_admin() else "Results",
        required=True, key="study_label_view", label_visibility="collapsed",
    )  # fmt: skip
    if view == "Label" and access.is_admin():
        _label(study, name)
    else:
        _results(agree.summarize(agree.answers(study, name)))


@st.dialog("New set of moments")
def _new(study: Study) -> None:
    st.caption(
        "Moments are chosen evenly over emotions, groups and uncertainty, and shuffled. Recordings "
        "need their video here."
    )
    name = st.text_input("Name", "Set 1", key="study_set_name")
    count = st.slider("Moments", 10, 300, 60, 10, key="study_set_count")
    seed = st.number_input("Seed", 0, 10_000, 0, key="study_set_seed")
    if st.button("Choose moments", type="primary", key="study_set_create"):
        with st.spinner("Taking pictures"):
            attempt("study_problem", studies.create_labels, study.path.name, name, count, seed)
        st.rerun()


def _import(study: Study) -> None:
    st.caption(
        "Events named after an emotion, from CSV, TSV or ELAN. A file is called after its "
        "recording, and after who labelled, such as P1_joy-anna.eaf; a tier, or the columns "
        "recording and rater of a table, say it too."
    )
    dropped = st.file_uploader(
        "Labels", type=["csv", "tsv", "txt", "eaf"], key="study_label_file",
        accept_multiple_files=True,
    )  # fmt: skip
    if dropped and st.button("Compare with these", type="primary"):
        try:
            state["study_imported"] = from_files(
                study, {one.name: one.getvalue() for one in dropped}
            )
        except FerError as error:
            say_error(error)
            return
        st.rerun()
    if "study_imported" in state and st.button("Back to the sets"):
        del state["study_imported"]
        st.rerun()


@st.fragment
def _label(study: Study, name: str) -> None:
    """Show one moment after another: a picture, keys 1 to 8, and nothing of the product's
    answer.
    """
    rater = st.text_input("Who labels", key="study_rater", width=240, placeholder="your initials")
    if not rater.strip():
        st.caption("Give your name or initials: the labels of each person are kept apart.")
        return
    try:
        items = agree.items(study, name)
        given = agree.labels(study, name, rater.strip())
    except FerError as error:
        say_error(error)
        return
    left = [item for item in items if item.id not in given]
    done = len(items) - len(left)
    st.progress(done / max(1, len(items)), f"{done} of {len(items)} labelled")
    if not left:
        st.success("All moments are labelled. Results show the agreement.", icon=":material/check:")
        return
    item = left[0]
    picture = agree.picture(study, name, item)
    with st.container(horizontal=True, gap="large"):
        if picture:
            st.image(picture, width=320, alt="A face to label")
        else:
            st.caption("The picture of this moment is gone.")
        with st.container(width=260):
            for number, label in enumerate((*EMOTIONS, agree.UNKNOWN), start=1):
                if st.button(
                    label, key=f"study_give_{number}", shortcut=str(number), width="stretch"
                ):
                    answers = given | {item.id: label}
                    attempt(
                        "study_problem", studies.save_labels, study.path.name, name,
                        rater.strip(), answers,
                    )  # fmt: skip
                    st.rerun(scope="fragment")
            if given and st.button("Undo the last", icon=":material/undo:", type="tertiary"):
                last = next(i.id for i in reversed(items) if i.id in given)
                answers = {id: label for id, label in given.items() if id != last}
                attempt(
                    "study_problem", studies.save_labels, study.path.name, name, rater.strip(),
                    answers,
                )  # fmt: skip
                st.rerun(scope="fragment")


def _share(value: dict, name: str) -> str:
    if value[name] is None:
        return "–"
    return f"{value[name]:.2f} ({value[f'{name}_low']:.2f} to {value[f'{name}_high']:.2f})"


def _results(found: dict) -> None:
    people = ", ".join(map(plain, found["raters"])) or "nobody yet"
    st.markdown(f"{found['moments']} moments, labelled by {people}.")
    product = found["product"]
    if not product["n"]:
        st.caption("There are no labels to compare with yet.")
        return
    with st.container(horizontal=True):
        st.metric("Accuracy of the product (95 %)", _share(product, "accuracy"), border=True)
        st.metric("Kappa of product and people (95 %)", _share(product, "kappa"), border=True)
        st.metric("Moments with an agreed label", product["n"], border=True)
    left, right = st.columns(2, gap="large")
    with left:
        if found["between"]:
            st.subheader("Between people", anchor=False)
            rows = [
                {
                    "people": f"{o['a']} and {o['b']}",
                    "n": o["n"],
                    "kappa (95 %)": _share(o, "kappa"),
                }
                for o in found["between"]
            ]
            st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Kappa between people")
        st.subheader("Per group", anchor=False)
        rows = [
            {"group": name, "n": value["n"], "accuracy (95 %)": _share(value, "accuracy")}
            for name, value in found["groups"].items()
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Accuracy per group")
    with right:
        figure = confusion(found["confusion"]).update_layout(height=420)
        st.plotly_chart(figure, alt="Confusion matrix: rows are people's labels")
        st.caption(f"Rows are people's labels, n = {product['n']} moments.")
