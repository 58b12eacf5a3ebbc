"""One run while it trains and after, several beside each other, and what can be done."""

import os
from collections.abc import Callable
from datetime import datetime
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, Literal

import plotly.graph_objects as go
import psutil
import streamlit as st

from fer_core.errors import FerError
from fer_core.train import manage
from ui.common import notices
from ui.common.notices import say_error
from ui.common.text import plain
from ui.common.times import local
from ui.common.words import duration_in_words
from ui.services import training
from ui.services.training import TrainingRun
from ui.training import charts as charts

#: Status → words, icon, colour.
STATUS: Final = {
    "created": ("new", ":material/fiber_new:", "gray"),
    "queued": ("waiting its turn", ":material/hourglass_empty:", "blue"),
    "running": ("training", ":material/play_arrow:", "blue"),
    "paused": ("paused", ":material/pause:", "orange"),
    "stopped": ("stopped, best kept", ":material/stop:", "gray"),
    "interrupted": ("failed: its process ended", ":material/error:", "red"),
    "failed": ("failed", ":material/error:", "red"),
    "trained": ("trained", ":material/check:", "green"),
    "damaged": ("damaged folder", ":material/broken_image:", "red"),
}
#: Numbers that the curves show of each row of a file.
_DRAWN: Final = {
    "metrics": (
        "epoch", "seconds", "learning_rate", "accuracy", "loss", "val_accuracy", "val_loss",
    ),
    "steps": ("epoch", "step", "loss"),
    "usage": ("time", "cpu", "memory", "images_per_second"),
}  # fmt: skip
LIVE: Final = ("queued", "running", "paused")
#: Pixels of the button whose words change, so that those after it stay where they are.
STOP_WIDTH: Final = 200

state = st.session_state


attempt: Final = partial(notices.attempt, "training_problem")


def status(run_state: dict[str, Any]) -> str:
    """Return the status in words."""
    return STATUS.get(run_state["status"], (run_state["status"],))[0]


def _changed(path: Path) -> tuple[int, int] | None:
    """Return another value whenever the file is another; ``None`` where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def epochs_of(run: TrainingRun) -> int | None:
    """Return how many it is to train; ``None`` where its folder is damaged."""
    return _epochs(str(run.path), _changed(run.path / "config.json"))


@st.cache_data(max_entries=1000, show_spinner=False)
def _epochs(path: str, changed: tuple[int, int] | None) -> int | None:
    try:
        return TrainingRun(Path(path)).config.epochs
    except FerError:
        return None


# Nobody changes what these two give, so it need not be copied each time.
@st.cache_resource(max_entries=60, show_spinner=False)
def _read(path: str, name: str, changed: tuple[int, int]) -> list[dict[str, Any]]:
    return _whole(getattr(TrainingRun(Path(path)), name)(), name)


def _whole(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Leave out rows that are damaged: those without a number that is drawn."""
    return [
        row for row in rows if all(isinstance(row.get(key), int | float) for key in _DRAWN[name])
    ]


@st.cache_resource(max_entries=20, show_spinner=False)
def _figure(
    path: str,
    changed: tuple,
    name: Literal["accuracy", "loss"],
    axis: charts.Axis,
    share: float,
    steps_per_epoch: int,
) -> go.Figure:
    run = TrainingRun(Path(path))
    steps = _whole(run.steps(), "steps") if axis == "step" and name == "loss" else []
    return charts.curves(read(run, "metrics"), name, axis, share, steps_per_epoch, steps)


def read(run: TrainingRun, name: Literal["metrics", "usage"]) -> list[dict[str, Any]]:
    """Return ``metrics`` or ``usage`` of a run, read anew only when the file changed."""
    changed = _changed(run.path / f"{name}.jsonl")
    return _read(str(run.path), name, changed) if changed else []


def headline(run: TrainingRun, now: dict[str, Any], use: Callable[..., None]) -> None:
    """Show the title and the note, and the button of ``use`` beside them.

    What changes by itself stands below the buttons (:func:`standing`), so that none of them moves.
    """
    about = manage.about(run)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(plain(about["title"]), width="content", anchor=False)
        if now["status"] != "damaged":
            use(run, now)
    if about["note"]:
        st.caption(plain(about["note"]))


def standing(run: TrainingRun, now: dict[str, Any]) -> None:
    """Show the status, the best accuracy so far, and why a run failed."""
    words, icon, color = STATUS.get(now["status"], (now["status"], None, "gray"))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(words, icon=icon, color=color)
        if "best_accuracy" in now:
            st.markdown(
                f"best validation accuracy **{now['best_accuracy']:.1%}** "
                f"in epoch {now['best_epoch']}",
                width="content",
            )
    if now["status"] in ("failed", "interrupted"):
        _failure(run, now)
    if now["status"] == "damaged":
        st.error(
            "Files of this run are missing or damaged: it can only be deleted.",
            icon=":material/broken_image:",
        )


def progress(run: TrainingRun) -> None:
    """Show how far a run is and how long it still takes."""
    now = run.state()
    if now["status"] == "queued":
        before = list(takewhile(lambda one: one != run, training.waiting()))
        st.info(f"Number {len(before) + 1} of those that wait.", icon=":material/hourglass_empty:")
    if now["status"] not in ("running", "paused"):
        return
    said, epochs = run.progress(), epochs_of(run) or 1
    # The note of a run that was stopped and went on may be older than its checkpoint.
    if not said or said["epoch"] <= now.get("epoch", 0) - 1:
        _bars(("Loading the data and the network…", now.get("epoch", 0) / epochs))
        return
    share = said["step"] / said["steps"]
    done = (said["epoch"] - 1 + share) / epochs
    left = (
        f" · {duration_in_words(said['seconds_left'])} left" if now["status"] == "running" else ""
    )
    _bars(
        (
            f"Epoch {said['epoch']} of {epochs}{left} · {said['images_per_second']:,.0f} images/s",
            done,
        ),
        (f"Update {said['step']} of {said['steps']} in this epoch", share),
    )


def _bars(*bars: tuple[str, float]) -> None:
    """Show bars that jump, all in one element: gliding to their new length, as Streamlit's do, and
    every further element costs the browser, and where it trains the training pays.
    """
    style = f"width: 100%; accent-color: {charts.TRAINING}"
    labels = "".join(
        f'<label style="flex: 1 1 280px">{words}<br>'
        f'<progress value="{share:.4f}" style="{style}">{share:.0%}</progress></label>'
        for words, share in bars
    )
    st.html(f'<div style="display: flex; flex-wrap: wrap; column-gap: 1rem">{labels}</div>')


def _failure(run: TrainingRun, now: dict[str, Any]) -> None:
    reason = now.get("reason") or (
        "Its process ended unexpectedly: it was stopped from outside, ran out of memory, or the "
        f"machine was switched off. It can continue after epoch {now.get('epoch', 0)}."
    )
    say_error(reason)
    if lines := manage.log(run, 8):
        st.code(lines, language=None)


def buttons(run: TrainingRun, now: dict[str, Any], clone: Callable[[dict], None]) -> None:
    """Show what can be done with a run as it stands."""
    name, is_ = run.name, now["status"]
    with st.container(horizontal=True, gap="small"):
        # All three always, in their places: a second click never meets another button.
        st.button(
            "Pause",
            icon=":material/pause:",
            disabled=is_ != "running",
            on_click=attempt,
            args=(training.pause, name),
        )
        st.button(
            "Resume",
            icon=":material/play_arrow:",
            disabled=is_ not in ("paused", "stopped", "interrupted", "failed", "created"),
            on_click=attempt,
            args=(training.resume, name),
        )
        st.button(
            "Leave the queue" if is_ == "queued" else "Stop, keep the best",
            icon=":material/stop:",
            disabled=is_ not in LIVE,
            on_click=attempt,
            args=(training.stop, name),
            width=STOP_WIDTH,
        )
        if epochs_of(run) is not None:
            st.button(
                "Clone with changes",
                icon=":material/content_copy:",
                on_click=lambda: clone(run.config.model_dump(mode="json")),
            )
        with st.popover("Name and note", icon=":material/edit:"):
            _describe(run)
        st.button(
            "Delete",
            icon=":material/delete:",
            on_click=_delete,
            args=(name,),
            key="training_delete",
            help="Deletes the run with its weights and curves; it is stopped first. Models that "
            "were made of it stay.",
        )


def _describe(run: TrainingRun) -> None:
    about = manage.about(run)
    with st.form(f"training_about_{run.name}", border=False):
        title = st.text_input("Name", about["title"], max_chars=80)
        note = st.text_area("Note", about["note"], max_chars=4000, height=100)
        if st.form_submit_button("Save"):
            attempt(training.describe, run, title=title, note=note)
            st.rerun()


def _delete(name: str) -> None:
    attempt(training.delete, name)
    state["training_chosen"] = [one for one in state["training_chosen"] if one != name]


def _how_to_show() -> tuple[charts.Axis, float]:
    """Ask for the axis and the smoothing, which all curves share."""
    with st.container(horizontal=True, vertical_alignment="center"):
        axis = st.segmented_control(
            "Along",
            ["epoch", "step", "time"],
            format_func={"epoch": "Epochs", "step": "Updates", "time": "Time"}.get,
            default="epoch",
            required=True,
            key="training_axis",
            persist_state="session",
            label_visibility="collapsed",
        )
        with st.popover("Smoothing", icon=":material/waves:"):
            share = st.slider(
                "Share of the past in each point", 0.0, 0.95, 0.0, 0.05,
                key="training_smoothing", persist_state="session",
            )  # fmt: skip
    return axis, share


@st.fragment
def watch(run: TrainingRun, now: dict[str, Any]) -> None:
    """Show curves, patience, rates, machine and log of a run."""
    axis, share = _how_to_show()
    running = now["status"] == "running"
    # With every epoch the page is run anew; only what comes between needs more.
    often = 2 if running and axis == "step" else None
    st.fragment(_curves, run_every=often)(run, now, axis, share)
    _patience(run, read(run, "metrics"))
    with st.expander("Rates, machine and log", on_change="rerun", key="training_more") as more:
        if more.open:
            st.fragment(_machine, run_every=5 if running else None)(run, now, axis)


def _curves(run: TrainingRun, now: dict[str, Any], axis: charts.Axis, share: float) -> None:
    """Show accuracy and loss."""
    rows = read(run, "metrics")
    changed = _changed(run.path / "metrics.jsonl"), None
    if axis == "step":
        changed = changed[0], _changed(run.path / "steps.jsonl")
    if not rows and not changed[1]:
        if now["status"] in LIVE:
            st.caption("The first figures come at the end of the first epoch.")
        return
    with st.grid(2, min_column_width=320):
        for name in ("accuracy", "loss"):
            steps = now.get("steps_per_epoch") or 1
            figure = _figure(str(run.path), changed, name, axis, share, steps)
            last = f"{rows[-1][f'val_{name}']:.3f} at the end" if rows else "not measured yet"
            st.plotly_chart(
                figure, key=f"training_{name}", alt=f"Validation {name}, {last}", config=_CONFIG
            )


def _patience(run: TrainingRun, rows: list[dict[str, Any]]) -> None:
    """Show how near early stopping is."""
    try:
        config = run.config
    except FerError:
        return
    if not rows or not config.early_stopping:
        return
    values = [row[f"val_{config.monitor}"] for row in rows]
    best = values.index(max(values) if config.monitor == "accuracy" else min(values))
    waited = len(values) - 1 - best
    st.progress(
        min(1.0, waited / config.early_stopping),
        f"Patience: {waited} of {config.early_stopping} epochs without a better validation "
        f"{config.monitor}",
    )


def _machine(run: TrainingRun, now: dict[str, Any], axis: charts.Axis) -> None:
    """Show learning rate, speed, CPU, memory, and the log."""
    rows, usage = read(run, "metrics"), read(run, "usage")
    if usage and now["status"] == "running":
        total = psutil.virtual_memory().total / 2**20
        st.markdown(
            f"CPU **{usage[-1]['cpu'] / (os.cpu_count() or 1):.0f} %** of this machine · "
            f"memory **{usage[-1]['memory']:,} MB** of {total:,.0f} MB"
        )
    with st.grid(4, min_column_width=260):
        if rows:
            last = f"Learning rate, {rows[-1]['learning_rate']:.2g} in the last epoch"
            figure = charts.rates(rows, axis, now)
            st.plotly_chart(figure, key="training_rate", alt=last, config=_CONFIG)
        for name in ("images_per_second", "cpu", "memory") if usage else ():
            last = f"{name.replace('_', ' ').capitalize()}, {usage[-1].get(name)} at last"
            figure = charts.machine(usage, name)
            st.plotly_chart(figure, key=f"training_{name}", alt=last, config=_CONFIG)
    st.code(manage.log(run) or "The log is empty.", language=None, height=180)


@st.fragment
def beside(chosen: list[TrainingRun]) -> None:
    """Show the validation curves of several runs in one chart each."""
    axis, share = _how_to_show()
    if len({training.dataset_of(run) for run in chosen}) > 1:
        st.warning(
            "These runs use different datasets, so their curves do not show which run is better.",
            icon=":material/warning:",
        )
    found = [(manage.about(run)["title"], read(run, "metrics"), run.state()) for run in chosen]
    with st.grid(2, min_column_width=320):
        for name in ("accuracy", "loss"):
            figure = charts.beside([one for one in found if one[1]], name, axis, share)
            st.plotly_chart(
                figure,
                key=f"training_beside_{name}",
                alt=f"Validation {name} of {len(found)} runs",
                config=_CONFIG,
            )


def started(run_state: dict[str, Any]) -> datetime | None:
    """Return when it was created, by the visitor's clock."""
    try:
        return local(datetime.fromisoformat(run_state["created"]))
    except (KeyError, ValueError):
        return None


_CONFIG: Final = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d"]}
