"""What people of a finished recording show in the visitor's eyes, beside the model's answers."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from fer_core import timeline
from fer_core.errors import FerError
from fer_core.face_labels import FaceLabel, covers, of_values, without
from fer_core.table import PROBABILITIES
from ui.common.faces import percent
from ui.common.labelling import choose_label, list_labels
from ui.common.words import person_label

#: Seconds that a new label covers at first.
_AT_FIRST = 1.0

#: Saves all labels of a recording, the latest last.
Change = Callable[[Sequence[FaceLabel]], None]


def correct_button(table: pd.DataFrame, about: dict[str, Any], change: Change, key: str) -> None:
    """Offer to say what a person shows.

    Args:
        table: Of the recording, as shown.
        about: What is stored with it.
        change: Saves labels.
        key: Of the widgets.
    """
    if st.button(
        "Correct a part…",
        icon=":material/edit:",
        key=f"{key}_correct",
        disabled=timeline.seen(table).empty,
        help="Say what a person shows in a part of this recording: your label stands beside the "
        "model's answer.",
    ):
        _ask(table, of_values(about.get("labels") or []), change, key)


def labels(table: pd.DataFrame, about: dict[str, Any], change: Change, key: str) -> None:
    """Show all labels of a recording, each with the way back; arguments as above."""
    given = of_values(about.get("labels") or [])

    def answer(label: FaceLabel) -> str:
        said = _answer(_within(table, label.person, label.start, label.end))
        several = timeline.seen(table)["person"].nunique() > 1
        return f"{f'person {label.person}, ' if several else ''}the model: {said}"

    list_labels(given, answer, lambda label: change(without(given, label)), key=key)


@st.dialog("What does this person show?", icon=":material/edit:")
def _ask(table: pd.DataFrame, given: Sequence[FaceLabel], change: Change, key: str) -> None:
    seen = timeline.seen(table)
    persons = sorted(int(person) for person in seen["person"].unique())
    person = persons[0]
    if len(persons) > 1:
        person = st.pills(
            "Person",
            persons,
            default=person,
            format_func=person_label,
            required=True,
            key=f"{key}_whose",
        )
    times = seen.loc[seen["person"] == person, "time"]
    start, end = float(times.min()), float(times.max())
    if start < end:
        start, end = st.slider(
            "From and to",
            start,
            end,
            (start, min(start + _AT_FIRST, end)),
            step=0.1,
            format="%.1f s",
            key=f"{key}_span_{person}",
        )
    rows = _within(table, person, start, end)
    st.markdown(f"The model's answer: {_answer(rows)}.")

    def save(emotion: str) -> None:
        if rows.empty:
            raise FerError("No face is seen in this part: choose a longer one.")
        change([*given, FaceLabel(person, start, end, emotion)])

    choose_label(
        _best(rows)[0] if len(rows) else "Neutral",
        save,
        "Your label stands beside the model's answer here and in every row of this part that you "
        "export. It is stored with the recording; no face is stored.",
        key=key,
    )


def _within(table: pd.DataFrame, person: int, start: float, end: float) -> pd.DataFrame:
    rows = timeline.seen(table)
    return rows[covers(rows, person, start, end)]


def _best(rows: pd.DataFrame) -> tuple[str, float]:
    """Return the emotion that is the most probable on average, and its mean probability."""
    means = rows[list(PROBABILITIES)].mean()
    return str(means.idxmax()).capitalize(), float(means.max())


def _answer(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "no face"
    emotion, probability = _best(rows)
    return f"looks {emotion.lower()}, {percent(probability)} on average"
