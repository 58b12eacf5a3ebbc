"""What a run has become: its figures, its mistakes, and the model that can be made of it."""

from typing import Any, Final

import streamlit as st

from fer_core.emotions import EMOTIONS
from fer_core.errors import FerError
from fer_core.evaluation.baseline import ACCURACY
from fer_core.models.card import FER2013, NOT_FOR_PHOTOS
from fer_core.train import judge, manage
from ui.common import judgement
from ui.common.controls import make_default
from ui.common.judgement import SOURCES_COLUMNS, sources_table
from ui.common.navigation import IMAGES, MODELS
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
    _act(run, now, "judge")
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


def use(run: TrainingRun, now: dict[str, Any]) -> None:
    """Show the button that makes a model of a run; it is always in its place beside the title."""
    usable = now["status"] not in ("running", "queued") and (run.path / "best.npz").exists()
    with st.popover(
        "Use this model",
        icon=":material/rocket_launch:",
        disabled=not usable or busy(now, run),
        key=_panel(run),
        on_change="rerun",  # with which it stays open until the name is accepted
    ):
        st.markdown(
            "Creates a model from the best weights of this run. It is calibrated and "
            "measured, and can then be chosen on every page."
        )
        free = models.free_name(manage.about(run)["title"])
        with st.form("training_promote", border=False):
            st.text_input(
                "Name of the model",
                free,
                max_chars=64,
                help="Small letters, digits, dots, hyphens.",
                key=f"training_name_{run.name}_{free}",
            )
            if problem := state.pop("training_name_problem", None):
                say_error(problem)
            st.form_submit_button(
                "Make the model",
                type="primary",
                on_click=_make,
                args=(run, f"training_name_{run.name}_{free}"),
            )


def _panel(run: TrainingRun) -> str:
    """Return the key of the panel of a run, whose value is whether it is open."""
    return f"training_use_{run.name}"


def _make(run: TrainingRun, field: str) -> None:
    try:
        training.publish(run, state[field].strip())
    except FerError as error:
        state["training_name_problem"] = str(error)
    else:
        state[_panel(run)] = False


def made(run: TrainingRun, now: dict[str, Any]) -> None:
    """Show that a model is made of the run, and the model when it is ready."""
    _act(run, now, "publish")


def _act(run: TrainingRun, now: dict[str, Any], what: str) -> None:
    """Show how far an act is: ``judge`` or ``publish``."""
    act = now.get("act")
    if not act or act["what"] != what:
        return
    of = plain(act["of"])
    words = f"Judging on {of}" if what == "judge" else f"Making the model {of}"
    if busy(now, run):
        st.info(
            f"{words}: this takes about a minute. You can leave the page.",
            icon=":material/hourglass:",
        )
    elif act["status"] == "failed":
        st.error(f"{words} failed: {sentence(act['reason'])}", icon=":material/error:")
    elif act["status"] == "running":
        st.error(f"{words} ended without a result. Try again.", icon=":material/error:")
    elif act["status"] == "done" and what == "publish":
        _ready(act["of"])


def _ready(name: str) -> None:
    """Show what can be done with a model that was made of the run."""
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        if not models.exists(name):
            st.markdown(f"The model **{plain(name)}**, made from this run, was deleted.")
            return
        drawn = f" {NOT_FOR_PHOTOS}." if models.find_model(name).card.drawn else ""
        st.markdown(f"The model **{plain(name)}** is ready.{drawn}", width="content")
        if st.button("Try it on a picture", type="primary", icon=IMAGES.icon, key="training_try"):
            state["model"] = name
            st.switch_page(IMAGES.file)
        if models.default_model() == name:
            st.badge("the default of all pages", icon=":material/check:", color="green")
        else:
            st.button(
                "Make it the default",
                icon=":material/star:",
                on_click=attempt,
                args=(make_default, name),
                key="training_default",
            )
        if st.button("Show it on Models", icon=MODELS.icon, key="training_show"):
            state["models_chosen"] = [name]
            st.switch_page(MODELS.file)


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
