"""How good something is on labelled faces: figures, matrix, calibration, mistakes."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import pandas as pd
import streamlit as st

from fer_core import charts
from fer_core.calibration import reliability
from fer_core.emotions import EMOTIONS
from fer_core.evaluation.sources import SourceFigures
from ui.services.models import times_evaluated

#: Of a column that says over how many emotions a macro figure is the mean.
EMOTIONS_HELP: Final = "How many of the seven occur in these faces; the others do not count."
#: Of :func:`sources_table`.
SOURCES_COLUMNS: Final = {
    "source": "Source",
    "split": "Split",
    "accuracy": st.column_config.NumberColumn("Accuracy", format="%.1f%%"),
    "interval": st.column_config.TextColumn("95 % interval"),
    "over": st.column_config.TextColumn(
        "Drawn over", help="The interval is a bootstrap over people where they are known."
    ),
    "recall": st.column_config.NumberColumn("Macro recall", format="%.1f%%"),
    "emotions": st.column_config.NumberColumn("Emotions", help=EMOTIONS_HELP),
    "faces": st.column_config.NumberColumn("Faces", format="localized"),
    "people": st.column_config.NumberColumn("People"),
    "copies": st.column_config.NumberColumn(
        "Copies left out", help="Faces of which a copy is learned from."
    ),
}
_CONFIG: Final = {"displaylogo": False}


def matrix(counts: list[list[int]], key: str) -> None:
    """Show a confusion matrix: share of each label, with the counts on hover."""
    figure = charts.confusion(counts)
    share = figure.data[0].z
    figure.update_traces(texttemplate="%{z:.0%}", showscale=False)
    figure.update_layout(height=340, margin={"l": 8, "r": 8, "t": 8, "b": 8}, uirevision="stays")
    figure.update_xaxes(title="Predicted")
    figure.update_yaxes(title="Label")
    right = ", ".join(f"{e} {share[i, i]:.0%}" for i, e in enumerate(EMOTIONS))
    st.plotly_chart(figure, key=key, alt=f"Confusion matrix; right are {right}", config=_CONFIG)


def per_class(rows: dict[str, dict[str, float | None]]) -> None:
    """Show precision, recall, F1 and support of each emotion."""
    table = pd.DataFrame(rows, dtype=float).T.reset_index(names="emotion")
    share = st.column_config.NumberColumn(format="percent")
    st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        column_config={
            "emotion": "Emotion",
            "precision": share,
            "recall": share,
            "f1": st.column_config.NumberColumn("F1", format="%.3f"),
            "support": st.column_config.NumberColumn("faces", format="%d"),
        },
        alt="Precision, recall and F1 of each emotion",
    )


def calibration(probabilities: np.ndarray, labels: np.ndarray, key: str) -> None:
    """Show a reliability diagram: honest probabilities lie on the diagonal."""
    figure = charts.reliability([asdict(b) for b in reliability(probabilities, labels)])
    figure.update_layout(
        height=340, margin={"l": 8, "r": 8, "t": 8, "b": 8}, showlegend=False, uirevision="stays"
    )
    figure.update_xaxes(title="How sure it is")
    figure.update_yaxes(title="How often it is right")
    st.plotly_chart(figure, key=key, alt="Accuracy by confidence", config=_CONFIG)


def sources_table(found: Sequence[SourceFigures]) -> pd.DataFrame:
    """Return figures of several sources as a table, a row per source."""
    return pd.DataFrame(
        {
            "source": [one.dataset for one in found],
            "split": [one.split for one in found],
            "accuracy": [100 * one.accuracy for one in found],
            "interval": [f"{one.low:.1%} to {one.high:.1%}" for one in found],
            "over": [one.over for one in found],
            "recall": [
                None if one.macro_recall is None else 100 * one.macro_recall for one in found
            ],
            "emotions": [one.classes for one in found],
            "faces": [one.n for one in found],
            "people": [one.persons for one in found],
            "copies": [one.copies for one in found],
        }
    )


def evaluated(times: int) -> str:
    """Return how often PrivateTest was looked at, as a sentence to add; none where never."""
    return f" It was {times_evaluated(times)}" if times else ""


def faces(pictures: np.ndarray, words: list[str]) -> None:
    """Show a grid of dataset faces ``(N, 48, 48)``, each with what to say of it."""
    with st.grid(min_column_width=110):
        for picture, caption in zip(pictures, words, strict=True):
            with st.container(gap="xsmall"):
                st.image(picture, width=96, alt=caption)
                st.caption(caption)


def figures_row(found: dict[str, Any]) -> None:
    """Show accuracy, macro F1, calibration and the number of faces."""
    with st.container(horizontal=True):
        st.metric("Accuracy", f"{found['accuracy']:.1%}")
        classes = found.get("classes") or len(EMOTIONS)
        st.metric(
            "Macro F1",
            f"{found['macro_f1']:.3f}",
            help=f"Mean F1 of the {classes} emotions that occur in these faces.",
        )
        st.metric(
            "Calibration error",
            f"{found['ece']:.1%}",
            help="How far its confidence lies from its accuracy, on average (ECE).",
        )
        st.metric("Faces", f"{found['n']:,}")
