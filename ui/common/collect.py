"""'Correct…': what a face really shows, and keeping it for training, with consent."""

import numpy as np
import streamlit as st

from fer_core.analysis import Face
from fer_core.emotions import EMOTIONS
from fer_core.errors import FerError
from fer_core.preprocess import crops_to_faces
from ui.common.notices import say_error
from ui.services import access, collected


def correct_button(crop: np.ndarray, face: Face, model: str, source: str, *, key: str) -> None:
    """The button, for those who may keep faces on this machine.

    Args:
        crop: ``(192, 192, 3)``, RGB.
        face: what was read.
        model: by which model.
        source: the page's name.
        key: of the widget.
    """
    if access.is_admin() and st.button(
        "Correct…",
        key=key,
        icon=":material/edit:",
        help="Say what it shows, and keep the face to learn from.",
    ):
        correct(crop, face, model, source)


@st.dialog("What does this face show?", icon=":material/edit:")
def correct(crop: np.ndarray, face: Face, model: str, source: str) -> None:
    """Ask what a face shows; arguments as those of :func:`correct_button`."""
    with st.container(horizontal=True, vertical_alignment="center"):
        seen = np.clip(np.round(crops_to_faces(crop[None])[0]), 0, 255).astype(np.uint8)
        st.image(seen, width=96, alt="The face as it would be kept, 48 by 48 grey pixels")
        emotion = st.pills(
            "It shows",
            list(EMOTIONS),
            default=face.emotion,
            required=True,
            key="collect_emotion",
            label_visibility="collapsed",
        )
    agreed = st.checkbox(collected.CONSENT, key="collect_consent")
    if st.button(
        "Keep this face",
        type="primary",
        icon=":material/save:",
        disabled=not agreed,
        key="collect_keep",
    ):
        try:
            collected.keep(
                crop,
                emotion,
                consent=agreed,
                source=source,
                model=model,
                probabilities=face.probabilities,
            )
        except FerError as error:
            say_error(error)
            return
        st.session_state["collect_done"] = emotion
        st.rerun()


def say_kept() -> None:
    """After the dialog is closed, that the face was kept."""
    if emotion := st.session_state.pop("collect_done", None):
        st.toast(
            f"Kept as {emotion.lower()}. It is under Dataset, Collected.", icon=":material/save:"
        )
