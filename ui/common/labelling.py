"""Labels of a visitor's own: asked in a dialog, listed beside the model's answers, with undo.

A label is no picture and is stored with its result, so it needs no consent. Keeping a face for
training is another step, see :mod:`ui.common.collect`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from fer_core.emotions import EMOTIONS
from fer_core.face_labels import FaceLabel, latest
from fer_core.timeline import clock
from ui.common.notices import attempt, say_problem
from ui.common.text import plain

#: Key of the visit's state: why the latest label was not saved.
_PROBLEM = "label_problem"

state = st.session_state


@st.dialog("What does this face show?", icon=":material/edit:")
def ask_label(
    answer: str,
    given: str,
    save: Callable[[str], None],
    note: str,
    *,
    key: str,
    picture: Any = None,
    width: Any = 96,
) -> None:
    """Ask what a face shows.

    Args:
        answer: The model's answer in words, as Markdown.
        given: The emotion that is chosen at first.
        save: Takes the emotion.
        note: What becomes of the label.
        key: Of the widgets.
        picture: What shows the face, if there is anything.
        width: Of the picture.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        if picture is not None:
            st.image(picture, width=width, alt="The face")
        st.markdown(f"The model's answer: {answer}.", width="stretch")
    choose_label(given, save, note, key=key)


def choose_label(given: str, save: Callable[[str], None], note: str, *, key: str) -> None:
    """Show the emotions to choose from, and the button that saves, within a dialog.

    Arguments are those of :func:`ask_label`.
    """
    st.pills("Your label", list(EMOTIONS), default=given, required=True, key=f"{key}_label")
    st.caption(note)

    def give() -> None:
        attempt(_PROBLEM, save, state[f"{key}_label"])

    if st.button(
        "Save label",
        type="primary",
        icon=":material/check:",
        key=f"{key}_label_save",
        on_click=give,
    ):
        st.rerun()


def list_labels(
    labels: Sequence[FaceLabel],
    answer: Callable[[FaceLabel], str],
    undo: Callable[[FaceLabel], None],
    *,
    key: str,
) -> None:
    """Show the labels of a recording, each beside the model's answer, and offer to undo each.

    Args:
        labels: The latest last.
        answer: Says of a label whose face it is and what the model answered, as plain text.
        undo: Takes back the latest label of a place.
        key: Of the widgets.
    """
    state.setdefault(_PROBLEM, None)
    say_problem(_PROBLEM)
    found = latest(labels)
    if not found:
        return
    st.markdown(f"**Your labels ({len(found)})**")
    with st.container(height=220 if len(found) > 4 else "content", border=False, gap="xsmall"):
        for number, label in enumerate(found):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(
                    f"{span(label)} · **{label.emotion}**, your label · {plain(answer(label))}",
                    width="content",
                )
                st.button(
                    # Several buttons of one name could not be told apart by ear.
                    f"Undo label at {span(label)}",
                    key=f"{key}_undo_label_{number}",
                    type="tertiary",
                    icon=":material/undo:",
                    on_click=attempt,
                    args=(_PROBLEM, undo, label),
                )
    # Room for the toolbar of a chart that follows, which would cover the last button.
    st.space("small")


def span(label: FaceLabel) -> str:
    """Return the time of a label: '0:03.2', or '0:03.2 to 0:05.0'."""
    start, end = _tenths(label.start), _tenths(label.end)
    return start if start == end else f"{start} to {end}"


def _tenths(seconds: float) -> str:
    return f"{clock(seconds)}.{int(seconds * 10 + 1e-3) % 10}"
