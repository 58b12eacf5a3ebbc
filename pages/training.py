"""Training: start runs, watch and steer them, and put their results to use."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from fer_core.errors import FerError
from fer_core.extras import require
from fer_core.models.card import NOT_FOR_PHOTOS
from fer_core.train import TrainConfig, configure, manage
from ui.common.damaged import or_damaged
from ui.common.footer import footer
from ui.common.navigation import through_front_door
from ui.common.notices import say_error, say_missing, say_problem
from ui.common.open_row import OPEN, WORD, open_column
from ui.common.sign_in import only_for_admins, sign_in
from ui.common.text import sentence
from ui.common.times import zone_name
from ui.services import access, training
from ui.services.training import TrainingRun, list_runs
from ui.training import after as training_after
from ui.training import folds as training_folds
from ui.training import form as training_form
from ui.training import watch as training_watch
from ui.training.watch import attempt

through_front_door()

state = st.session_state
state.setdefault("training_new", False)
state.setdefault("training_chosen", st.query_params.get_all("run"))
state.setdefault("training_problem", None)


def new(fields: dict | None = None) -> None:
    """Open the form, with the settings of another run where it is cloned."""
    first = configure(preset="recommended", model="fast", data=training_form.first_dataset())
    training_form.begin(fields or first.model_dump(mode="json"))
    state["training_new"] = True


def close() -> None:
    state["training_new"] = False


def watch(run: TrainingRun | None) -> None:
    if run:
        state["training_new"] = False
        state["training_chosen"] = [run.name]


def start(config: TrainConfig, folds: int, by: training.By | None) -> TrainingRun:
    # Configured anew, which takes corrections of this machine as they are at this moment.
    config = configure(**config.model_dump())
    if folds:
        return training.submit_folds(config, folds, by).runs[1]
    return training.submit(config)


def quick_try() -> None:
    watch(attempt(training.submit, configure(preset="quick", model="fast", data="demo")))


def standing(run: TrainingRun, now: dict[str, Any]) -> tuple:
    """Return what the page shows of a run, but for its progress within an epoch."""
    return run.name, now["status"], now.get("epoch"), run.busy(), *manage.about(run).values()


def table(found: list[TrainingRun], states: list[dict[str, Any]]) -> None:
    """Show all runs; those that are selected are shown below."""
    rows = pd.DataFrame(
        [
            {
                OPEN: WORD,
                "title": about["title"],
                "status": training_watch.status(now),
                "epoch": f"{now.get('epoch', 0)} of {training_watch.epochs_of(run) or '?'}",
                "best": now.get("best_accuracy"),
                "data": training.dataset_of(run) or "",
                "started": training_watch.started(now),
                "note": about["note"],
            }
            for run, now, about in zip(found, states, map(manage.about, found), strict=True)
        ]
    )
    names = [run.name for run in found]
    chosen = [names.index(name) for name in state["training_chosen"] if name in names]
    picked = st.dataframe(
        rows,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": chosen}},
        # A new list of runs is a new table, so that no row inherits another's selection.
        key=f"training_table_{hash((*names, *state['training_chosen']))}",
        height=min(213, 38 + 35 * len(rows)),
        column_config={
            OPEN: open_column(
                "training_open", lambda row: state.update(training_chosen=[names[row]])
            ),
            "title": st.column_config.TextColumn("Run", width="medium"),
            "status": "Status",
            "epoch": "Epoch",
            "best": st.column_config.NumberColumn(
                "Best",
                format="percent",
                help="On PublicTest of the dataset beside it. "
                "Runs on different datasets do not compare.",
            ),
            "data": "Dataset",
            "started": st.column_config.DatetimeColumn(
                f"Started ({zone_name()})", format="D MMM, HH:mm"
            ),
            "note": "Note",
        },
        alt="Training runs; select one to watch it, several to compare their curves",
    )
    now_chosen = [names[row] for row in picked.selection.rows if row < len(names)]
    if now_chosen and now_chosen != [names[i] for i in chosen]:
        state["training_chosen"] = now_chosen
        st.rerun()


def alive(known: list[tuple], chosen: TrainingRun | None) -> None:
    """Show how far the chosen run is, and a new run of the page when something happened anywhere.

    It alone runs again and again: whatever a browser renders again takes time from the training.
    """
    found = list_runs()
    if [standing(run, run.state()) for run in found] != known:
        st.rerun()
    if chosen:
        training_watch.progress(chosen)


def one(
    run: TrainingRun,
    now: dict[str, Any],
    folds: training.Summary | None,
    show_alive: Callable[[TrainingRun], None],
) -> None:
    """Show a run: first what can be done with it, then how it stands, its curves and its model.

    Args:
        run: Which one.
        now: Its state.
        folds: Figures of the cross-validation that it is part of.
        show_alive: Shows how far it is.
    """
    training_watch.headline(run, now, training_after.use)
    with or_damaged(run.name, training.delete, "training_problem"):
        training_watch.buttons(run, now, new)
        training_watch.standing(run, now)
        training_after.made(run, now)
        show_alive(run)
        if folds:
            training_folds.figures(folds)
        if now["status"] == "damaged":
            return
        training_watch.watch(run, now)
        if now["status"] not in ("running", "queued"):
            training_after.result(run, now)


def show_runs() -> None:
    training.ensure_queue_served()
    found = list_runs()
    if not found:
        st.info(
            "No run yet. The quick try draws its own faces, takes about two minutes and needs "
            f"nothing else. Its model: {NOT_FOR_PHOTOS[0].lower()}{NOT_FOR_PHOTOS[1:]}.",
            icon=":material/school:",
        )
    states = [run.state() for run in found]
    known = list(map(standing, found, states))
    show_alive = st.fragment(alive, run_every=2)
    if not found:
        say_missing("run", state["training_chosen"], ())
        show_alive(known, None)
        return
    names = {run.name: run for run in found}
    say_missing("run", state["training_chosen"], names)
    if not state["training_chosen"]:
        state["training_chosen"] = [found[0].name]
    chosen = [names[name] for name in state["training_chosen"] if name in names]
    st.query_params["run"] = state["training_chosen"]
    table(found, states)
    if not chosen:
        show_alive(known, None)
        return
    group = training_folds.group_of(chosen)
    folds = training_folds.headline(group) if group else None
    if len(chosen) == 1:
        one(chosen[0], states[found.index(chosen[0])], folds, partial(show_alive, known))
    else:
        show_alive(known, None)
        if folds:
            training_folds.figures(folds)
        training_watch.beside(chosen)


def show_form() -> None:
    st.subheader("New run", anchor=False)
    config = training_form.form()
    folds, by = training_form.cross_validation()
    if config and folds != 1:
        training_form.expected_duration(config, folds, by)
    with st.container(horizontal=True):
        if st.button(
            "Start",
            type="primary",
            icon=":material/play_arrow:",
            disabled=config is None or folds == 1,
            key="training_start",
        ):
            watch(attempt(start, config, folds, by))
            st.rerun()
        st.button("Back to the runs", icon=":material/arrow_back:", on_click=close)


# The page, from top to bottom.
with st.container(horizontal=True, vertical_alignment="bottom"):
    with st.container(gap=None):
        st.title("Training")
        st.markdown(
            "Train a model on your data, follow its progress and use the result in the app."
        )
    if access.is_admin() and not state["training_new"]:
        st.button("New run", icon=":material/add:", on_click=new, type="primary")
        st.button(
            "Quick try on demo faces", icon=":material/bolt:", on_click=quick_try,
            help="Six epochs on faces that the program draws: about two minutes. "
            f"{NOT_FOR_PHOTOS}.",
        )  # fmt: skip
if only_for_admins("Training"):
    say_problem("training_problem")
    try:
        require("keras", "Training", "train")
    except FerError as error:
        st.info(sentence(error), icon=":material/download:")
    try:
        if state["training_new"]:
            show_form()
        else:
            show_runs()
    except FerError as error:
        say_error(error)
    sign_in()
footer()
