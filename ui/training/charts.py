"""Curves of training runs: accuracy, loss, rates and what the machine gives."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any, Final, Literal

import numpy as np
import plotly.graph_objects as go

Axis = Literal["epoch", "step", "time"]

TRAINING: Final = "#0072B2"
VALIDATION: Final = "#D55E00"
#: Of runs beside each other.
_RUNS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C8C8C")
_AXES: Final = {"epoch": "Epoch", "step": "Updates", "time": "Minutes"}


def smooth(values: Sequence[float], share: float) -> np.ndarray:
    """Return an exponential moving average that does not begin at 0.

    Args:
        values: in order.
        share: of the past, 0 for none, below 1.
    """
    out, mean, weight = np.empty(len(values)), 0.0, 0.0
    for i, value in enumerate(values):
        mean = share * mean + (1 - share) * value
        weight = share * weight + (1 - share)
        out[i] = mean / weight
    return out


def positions(rows: list[dict[str, Any]], axis: Axis, steps_per_epoch: int) -> list[float]:
    """Return where each epoch's row stands on the axis."""
    if axis == "time":
        return list(np.cumsum([row["seconds"] for row in rows]) / 60)
    return [row["epoch"] * (steps_per_epoch if axis == "step" else 1) for row in rows]


def curves(
    rows: list[dict[str, Any]],
    name: Literal["accuracy", "loss"],
    axis: Axis,
    share: float,
    per_epoch: int,
    steps: list[dict[str, Any]],
) -> go.Figure:
    """Return training and validation of one run; in updates, the loss of every batch as well.

    Args:
        rows: of the epochs.
        name: what to draw.
        axis: along what.
        share: see :func:`smooth`.
        per_epoch: updates in an epoch.
        steps: of the updates, where they are wanted.
    """
    x = positions(rows, axis, per_epoch)
    figure = go.Figure()
    if name == "loss" and axis == "step" and steps:
        thin = steps[:: max(1, len(steps) // 2000)]
        figure.add_scattergl(
            x=[(row["epoch"] - 1) * per_epoch + row["step"] for row in thin],
            y=smooth([row["loss"] for row in thin], share),
            name="batches",
            mode="lines",
            line={"color": TRAINING, "width": 1},
            opacity=0.45,
        )
    for key, label, color in (
        (name, "training", TRAINING),
        (f"val_{name}", "validation", VALIDATION),
    ):
        figure.add_scatter(
            x=x, y=smooth([row[key] for row in rows], share), name=label,
            mode="lines+markers" if len(rows) < 40 else "lines",
            line={"color": color, "width": 2}, marker={"size": 5},
        )  # fmt: skip
    return _laid_out(figure, name.capitalize(), axis, ".0%" if name == "accuracy" else ".2f")


def beside(
    runs: list[tuple[str, list[dict[str, Any]], dict[str, Any]]],
    name: Literal["accuracy", "loss"],
    axis: Axis,
    share: float,
) -> go.Figure:
    """Return the validation figures of many runs: title, rows and state of each."""
    figure = go.Figure()
    for i, (title, rows, state) in enumerate(runs):
        figure.add_scatter(
            x=positions(rows, axis, state.get("steps_per_epoch") or 1),
            y=smooth([row[f"val_{name}"] for row in rows], share),
            name=escape(title),  # Plotly shows tags
            mode="lines",
            line={"color": _RUNS[i % len(_RUNS)], "dash": ("solid", "dash", "dot")[i // 7 % 3]},
        )
    form = ".0%" if name == "accuracy" else ".2f"
    return _laid_out(figure, f"Validation {name}", axis, form)


def rates(rows: list[dict[str, Any]], axis: Axis, state: dict[str, Any]) -> go.Figure:
    """Return the learning rate."""
    x = positions(rows, axis, state.get("steps_per_epoch") or 1)
    figure = go.Figure()
    figure.add_scatter(
        x=x, y=[row["learning_rate"] for row in rows], mode="lines", line={"color": TRAINING}
    )
    return _laid_out(figure, "Learning rate", axis, ".0e")


def machine(
    usage: list[dict[str, Any]], name: Literal["images_per_second", "cpu", "memory"]
) -> go.Figure:
    """Return what the worker did and used over the clock."""
    titles = {
        "images_per_second": "Faces per second",
        "cpu": "CPU, % of one core",
        "memory": "Memory, MB",
    }
    thin = usage[:: max(1, len(usage) // 500)]
    figure = go.Figure()
    figure.add_scatter(
        x=[datetime.fromtimestamp(row["time"]) for row in thin],
        y=[row[name] for row in thin],
        mode="lines",
        line={"color": TRAINING},
    )
    figure = _laid_out(figure, titles[name], None, None)
    figure.update_yaxes(rangemode="tozero")
    return figure


def _laid_out(figure: go.Figure, title: str, axis: Axis | None, form: str | None) -> go.Figure:
    figure.update_layout(
        title={"text": title, "font": {"size": 15}, "x": 0, "xanchor": "left", "y": 0.97},
        height=250,
        margin={"l": 8, "r": 8, "t": 34, "b": 8},
        hovermode="x unified",
        legend={"orientation": "h", "y": 1.16, "x": 1, "xanchor": "right"},
        # What was zoomed to stays while new values come.
        uirevision="stays",
        showlegend=len(figure.data) > 1,
    )
    figure.update_xaxes(title={"text": _AXES[axis] if axis else None, "standoff": 4})
    figure.update_yaxes(tickformat=form)
    if axis == "epoch":
        furthest = max((max(line.x) for line in figure.data if len(line.x)), default=1)
        figure.update_xaxes(dtick=max(1, -(-furthest // 10)))
    return figure
