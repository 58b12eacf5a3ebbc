"""A cross-validation: its figures over all folds, and what can be done with it."""

import pandas as pd
import streamlit as st

from ui.common import judgement
from ui.common.judgement import EMOTIONS_HELP
from ui.services import training
from ui.services.training import CrossValidation, Summary, TrainingRun
from ui.training.watch import LIVE, STATUS, attempt

state = st.session_state


def group_of(chosen: list[TrainingRun]) -> CrossValidation | None:
    """Return the cross-validation that all chosen runs are part of, if there is one."""
    groups = {run.fold.group if run.fold else None for run in chosen}
    return training.cross_validation_of(chosen[0]) if len(groups) == 1 else None


def headline(group: CrossValidation) -> Summary:
    """Show how far a cross-validation is and what can be done with it, and return its figures."""
    found = training.summary(group)
    how = {"person": "by person", "random": "at random"}[group.by]
    with st.container(border=True):
        st.markdown(
            f"**Cross-validation {group.name}**: {found.done} of {group.count} folds are done, "
            f"the faces divided {how}."
        )
        _buttons(group, any(row.status not in (*LIVE, "trained") for row in found.folds))
    return found


def figures(found: Summary) -> None:
    """Show the figures over all folds, below every button, for they come while somebody looks."""
    if found.confusion_matrix is None:
        return
    st.subheader("All folds", anchor=False)
    with st.container(horizontal=True):
        for label, spread in (("Accuracy", found.accuracy), ("Macro recall", found.macro_recall)):
            deviation = "" if spread.sd is None else f" ± {100 * spread.sd:.1f}"
            st.metric(
                label,
                f"{spread.mean:.1%}{deviation}",
                help="Mean and standard deviation over the folds, each measured on the faces that "
                "its run left out.",
            )
        faces = sum(map(sum, found.confusion_matrix))
        st.metric("All faces together", f"{found.pooled_accuracy:.1%}", help=f"Of {faces:,} faces.")
    pooled, folds = st.tabs(["Pooled confusion matrix", "Folds"])
    with pooled:
        judgement.matrix(found.confusion_matrix, "training_pooled")
    with folds:
        st.dataframe(
            pd.DataFrame(
                [
                    {
                        "fold": row.number,
                        "status": STATUS.get(row.status, (row.status,))[0],
                        "faces": row.faces,
                        "accuracy": row.accuracy,
                        "recall": row.macro_recall,
                        "emotions": row.classes,
                    }
                    for row in found.folds
                ]
            ),
            hide_index=True,
            placeholder="–",
            column_config={
                "fold": "Fold",
                "status": "Status",
                "faces": "Faces",
                "accuracy": st.column_config.NumberColumn("Accuracy", format="percent"),
                "recall": st.column_config.NumberColumn("Macro recall", format="percent"),
                "emotions": st.column_config.NumberColumn("Emotions", help=EMOTIONS_HELP),
            },
            alt="The folds, and the figures of each",
        )


def _buttons(group: CrossValidation, left: bool) -> None:
    with st.container(horizontal=True, gap="small"):
        # All three always, in their places: a second click never meets another button.
        st.button(
            "Stop all folds", icon=":material/stop:", key="training_folds_stop",
            disabled=not group.is_live(), on_click=attempt, args=(training.stop_folds, group),
        )  # fmt: skip
        st.button(
            "Train the missing folds", icon=":material/play_arrow:", key="training_folds_go_on",
            disabled=not left, on_click=attempt, args=(training.go_on_with_folds, group),
            help="Trains folds that were deleted, stopped or failed.",
        )  # fmt: skip
        st.button(
            "Delete all folds", icon=":material/delete:", key="training_folds_delete",
            on_click=_delete, args=(group,),
            help="Deletes every run of this cross-validation; those that run are stopped first.",
        )  # fmt: skip


def _delete(group: CrossValidation) -> None:
    attempt(training.delete_folds, group)
    gone = {run.name for run in group.runs.values()}
    state["training_chosen"] = [name for name in state["training_chosen"] if name not in gone]
