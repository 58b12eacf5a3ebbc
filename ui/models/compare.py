"""Two models beside each other, and several as one."""

from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from fer_core import ensemble
from fer_core.datasets import Dataset
from fer_core.emotions import EMOTIONS
from fer_core.errors import FerError
from fer_core.evaluation import measure
from fer_core.evaluation.predictions import predictions
from ui.common import judgement
from ui.common.notices import say_error
from ui.common.text import plain
from ui.services import models
from ui.services.models import ModelJob

_COLORS: Final = ("#0072B2", "#D55E00")
_SHOWN: Final = 24

state = st.session_state


def said(names: list[str], faces: Dataset) -> np.ndarray:
    """Return ``(M, N, 7)``: what each model says, computed once and with progress."""
    place = st.empty()
    out = []
    for name in names:
        bar = place.progress(0.0, f"{name} looks at {len(faces):,} faces…")
        out.append(
            predictions(name, faces, lambda share, bar=bar, name=name: bar.progress(share, name))
        )
    place.empty()
    return np.stack(out)


def two(names: list[str], faces: Dataset) -> None:
    """Show where two models differ: per class, and on which faces."""
    probabilities = said(names, faces)
    found = [measure(one, faces.labels) for one in probabilities]
    predicted = probabilities.argmax(axis=2)
    right = predicted == faces.labels
    a, b = names
    st.markdown(
        f"On {len(faces):,} faces of {plain(faces.name)}: **{a}** is right in "
        f"{found[0].accuracy:.1%}, **{b}** in {found[1].accuracy:.1%}. They disagree on "
        f"{(predicted[0] != predicted[1]).mean():.1%}; only {a} is right on "
        f"{int((right[0] & ~right[1]).sum())} faces, only {b} on "
        f"{int((~right[0] & right[1]).sum())}, neither on {int((~right).all(axis=0).sum())}."
    )
    _per_class(names, found)
    which = st.segmented_control(
        "Faces",
        [f"Only {a} is right", f"Only {b} is right", "Both are wrong"],
        default=f"Only {a} is right",
        required=True,
        key=f"models_faces_{a}_{b}",
    )
    rows = {
        f"Only {a} is right": right[0] & ~right[1],
        f"Only {b} is right": ~right[0] & right[1],
    }.get(which, (~right).all(axis=0))
    sure = probabilities.max(axis=2).max(axis=0)
    chosen = np.flatnonzero(rows)
    chosen = chosen[np.argsort(-sure[chosen], kind="stable")][:_SHOWN]
    if not len(chosen):
        st.caption("There are no such faces.")
    judgement.faces(
        faces.faces[chosen],
        [
            f"{EMOTIONS[faces.labels[i]]}: {a} says {EMOTIONS[predicted[0, i]]}, "
            f"{b} {EMOTIONS[predicted[1, i]]}"
            for i in chosen
        ],
    )


def _per_class(names: list[str], found: list) -> None:
    figure = go.Figure()
    for name, one, color in zip(names, found, _COLORS, strict=True):
        figure.add_bar(
            x=list(EMOTIONS),
            y=[one.per_class[e]["recall"] for e in EMOTIONS],
            name=name,
            marker={"color": color},
            hovertemplate="%{x}: %{y:.0%} found<extra>" + name + "</extra>",
        )
    figure.update_layout(
        title={"text": "Share of each emotion's faces that is found", "font": {"size": 15}},
        barmode="group",
        height=280,
        margin={"l": 8, "r": 8, "t": 40, "b": 8},
        # Below: on a narrow screen it would cover the title.
        legend={"orientation": "h", "y": -0.15, "x": 0, "yanchor": "top"},
    )
    figure.update_yaxes(tickformat=".0%", range=[0, 1])
    words = "; ".join(
        f"{e} {found[0].per_class[e]['recall']:.0%} and {found[1].per_class[e]['recall']:.0%}"
        for e in EMOTIONS
        if found[0].per_class[e]["support"]
    )
    st.plotly_chart(figure, key="models_per_class", alt=words, config={"displaylogo": False})


def build(names: list[str], faces: Dataset, data: str) -> ModelJob | None:
    """Show what several models would be together, and a way to make it one; what was begun.

    Args:
        names: of the models.
        faces: PublicTest of the dataset ``data``.
        data: see :func:`fer_core.datasets.load`.

    Raises:
        ModelError: they cannot vote together, see :func:`fer_core.zoo.ensembles.check_members`.
    """
    models.check_members(names)
    probabilities = said(names, faces)
    how = st.segmented_control(
        "Weights of the votes",
        ["equal", "fitted", "own"],
        format_func={
            "equal": "Equal",
            "fitted": "Fit on PublicTest",
            "own": "One for each",
        }.get,
        default="equal",
        required=True,
        key="models_weights",
    )
    weights: ensemble.Weights = _own_weights(names) if how == "own" else how
    share, mean = ensemble.combine(probabilities, faces.labels, weights)
    together = measure(mean, faces.labels)
    alone = [measure(one, faces.labels).accuracy for one in probabilities]
    better = together.accuracy - max(alone)
    left, right = st.columns([1, 2])
    left.metric(
        "Expected on PublicTest",
        f"{together.accuracy:.1%}",
        f"{100 * better:+.1f} points against the best alone",
        help="From the stored predictions of the members."
        + (" The weights were fitted on the same faces." if how == "fitted" else ""),
    )
    right.dataframe(
        pd.DataFrame({"model": names, "alone": alone, "weight": share}),
        hide_index=True,
        column_config={
            "model": "Model",
            "alone": st.column_config.NumberColumn("Alone", format="percent"),
            "weight": st.column_config.NumberColumn("Share of the vote", format="percent"),
        },
        alt="The members, how good each is alone, and its weight",
    )
    if left_out := [name for name, part in zip(names, share, strict=True) if not part]:
        those = "has no weight and is" if len(left_out) == 1 else "have no weight and are"
        st.warning(
            f"{plain(', '.join(left_out))} {those} left out: the ensemble has "
            f"{len(names) - len(left_out)} members.",
            icon=":material/person_remove:",
        )
    with (
        st.form("models_ensemble", border=False),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        name = st.text_input("Name", models.free_name("my-ensemble"), max_chars=64, width=300)
        if not st.form_submit_button("Save as a model", type="primary"):
            return None
    try:
        return models.make_ensemble(name.strip(), names, data, weights)
    except FerError as error:
        say_error(error)
        return None


def _own_weights(names: list[str]) -> list[float]:
    """Ask for the weight of each member."""
    with st.grid(4, min_column_width=160):
        return [
            st.number_input(
                name, min_value=0.0, max_value=1000.0, value=1.0, step=0.5, format="%g",
                key=f"models_weight_{name}",
                help="Weight of its vote; only the proportions count, and 0 leaves it out.",
            )
            for name in names
        ]  # fmt: skip
