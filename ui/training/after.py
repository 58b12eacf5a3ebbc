"""What a run has become: its figures, its mistakes, and the model that can be made of it."""

from typing import Any, Final

import streamlit as st

from fer_core.emotions import EMOTIONS
from fer_core.errors import FerError
from fer_core.evaluation.baseline import ACCURACY
from fer_core.models.card import FER2013
from fer_core.train import judge, manage
from ui.common import judgement
from ui.common.controls import make_default
from ui.common.judgement import SOURCES_COLUMNS, sources_table
from ui.common.navigation import MODELS
from ui.common.notices import say_error
from ui.common.text import plain, sentence
from ui.services import models, training
from ui.services.training import TrainingRun
from ui.training.watch import attempt

#: What the split PrivateTest of a fold's run holds.
_LEFT_OUT: Final = "The left-out fold"

state = st.session_state


def busy(now: dict[str, Any], run: TrainingRun) -> bool:
    """Return whether something is made of the run at this moment."""
    return now.get("act", {}).get("status") == "running" and run.busy()


def result(run: TrainingRun, now: dict[str, Any]) -> None:
    """Show everything that there is to see and do after training."""
    if not (run.path / "best.npz").exists():
        return
    found = judge.figures(run)
    _act(run, now)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        splits = [split for split in ("PublicTest", "PrivateTest") if judge.is_judged(run, split)]
        split = None
        if splits:
            split = st.segmented_control(
                "Judged on", splits, default=splits[0], required=True, key="training_split",
                format_func=lambda one: _LEFT_OUT if run.fold and one == "PrivateTest" else one,
            )  # fmt: skip
        working = busy(now, run)
        if "PublicTest" not in splits:
            st.button(
                "Measure the best weights so far on PublicTest",
                icon=":material/fact_check:",
                disabled=working,
                on_click=attempt,
                args=(training.judge_run, run, "PublicTest"),
            )
        if not run.fold:
            _private(run, found, working)
        with st.popover("Use this model", icon=":material/rocket_launch:", disabled=working):
            _promote(run)
    if split:
        _figures(run, found[split], split)
    _sources(run)


def _sources(run: TrainingRun) -> None:
    """Show how good a run of several sources is on each of them."""
    found = judge.sources(run)
    if not found:
        return
    st.subheader("By source", anchor=False)
    st.dataframe(
        sources_table(found),
        hide_index=True,
        placeholder="–",
        column_config=SOURCES_COLUMNS,
        key="training_sources",
        alt="Accuracy of this run on each of its sources",
    )
    st.caption(
        "The first source chose the weights, so its figures flatter. Of the others no face was "
        "learned: copies of training faces are left out. Sources are not ranked against each other."
    )


def _private(run: TrainingRun, found: dict[str, Any], working: bool) -> None:
    with st.popover("PrivateTest…", icon=":material/lock:", disabled=working):
        evaluated = len(found.get("PrivateTest", {}).get("evaluated_at", []))
        st.markdown(
            "PrivateTest is for reporting, once, when nothing will be changed any more. "
            "Every look is written down with the run." + judgement.evaluated(evaluated)
        )
        st.button(
            "Measure on PrivateTest and record it",
            on_click=attempt,
            args=(training.judge_run, run, "PrivateTest"),
            key="training_private",
        )


def _promote(run: TrainingRun) -> None:
    st.markdown(
        "Creates a model from the best weights of this run. It is calibrated and "
        "measured, and can then be chosen on every page."
    )
    with st.form("training_promote", border=False):
        name = st.text_input(
            "Name of the model",
            models.free_name(manage.about(run)["title"]),
            max_chars=64,
            help="Small letters, digits, dots, hyphens.",
        )
        if st.form_submit_button("Make the model", type="primary"):
            attempt(training.publish, run, name.strip())
            st.rerun()


def _act(run: TrainingRun, now: dict[str, Any]) -> None:
    act = now.get("act")
    if not act:
        return
    of = plain(act["of"])
    what = f"Judging on {of}" if act["what"] == "judge" else f"Making the model {of}"
    if busy(now, run):
        st.info(
            f"{what}: this takes about a minute. You can leave the page.",
            icon=":material/hourglass:",
        )
    elif act["status"] == "failed":
        st.error(f"{what} failed: {sentence(act['reason'])}", icon=":material/error:")
    elif act["status"] == "running":
        st.error(f"{what} ended without a result. Try again.", icon=":material/error:")
    elif act["status"] == "done" and act["what"] == "publish":
        _use(act["of"])


def _use(name: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        if models.exists(name):
            st.markdown(f"The model **{plain(name)}** is ready.", width="content")
            if models.default_model() == name:
                st.badge("the default of all pages", icon=":material/check:", color="green")
            else:
                st.button(
                    "Make it the default",
                    type="primary",
                    on_click=attempt,
                    args=(make_default, name),
                    key="training_default",
                )
            st.page_link(MODELS.file, label="Show it on the Models page", icon=MODELS.icon)
        else:
            st.markdown(f"The model **{plain(name)}**, made from this run, was deleted.")


def _figures(run: TrainingRun, found: dict[str, Any], split: str) -> None:
    try:
        kept = judge.judged(run, split)
        model = run.config.model
    except FerError as error:
        say_error(error)
        return
    judgement.figures_row(found)
    public, private = ACCURACY.get(model, ("–", "–"))
    theirs = public if split == "PublicTest" else private
    if theirs != "–" and not run.fold and training.dataset_of(run) == FER2013:
        st.caption(f"The report's figure for this network on FER2013's {split}: {theirs} %.")
    if split == "PrivateTest" and not run.fold:
        st.caption(f"Looked at on {', '.join(found['evaluated_at'])}.")
    matrix, classes, honest, mistakes = st.tabs(
        ["Confusion matrix", "Per class", "Calibration", "Surest mistakes"]
    )
    with matrix:
        judgement.matrix(found["confusion_matrix"], "training_matrix")
    with classes:
        judgement.per_class(found["per_class"])
    with honest:
        judgement.calibration(kept["probabilities"], kept["labels"], "training_calibration")
    with mistakes:
        said = kept["probabilities"][kept["mistakes"]]
        words = [
            f"{EMOTIONS[row.argmax()]} {row.max():.0%}, labelled {EMOTIONS[label]}"
            for row, label in zip(said, kept["labels"][kept["mistakes"]], strict=True)
        ]
        judgement.faces(kept["faces"], words)
