"""Keeping a face for training, with what it shows and with consent."""

import numpy as np
import streamlit as st

from fer_core.analysis import Face
from fer_core.emotions import EMOTIONS
from fer_core.errors import FerError
from fer_core.preprocess import crops_to_faces
from ui.common.notices import say_error
from ui.services import collected


@st.dialog("What does this face show?", icon=":material/edit:")
def correct(crop: np.ndarray, face: Face, model: str, source: str) -> None:
    """Ask what a face shows, and keep it.

    Args:
        crop: ``(192, 192, 3)``, RGB.
        face: The model's answer.
        model: By which model.
        source: The page's name.
    """
    _collect(crop, face, model, source)


@st.dialog("Keep this face for training", icon=":material/save:")
def collect_face(crop: np.ndarray, face: Face, model: str, source: str, label: str) -> None:
    """Keep a face that has a label; arguments as those of :func:`correct`."""
    _collect(crop, face, model, source, label)


def _collect(crop: np.ndarray, face: Face, model: str, source: str, label: str = "") -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        seen = np.clip(np.round(crops_to_faces(crop[None])[0]), 0, 255).astype(np.uint8)
        st.image(seen, width=96, alt="The face as it would be kept, 48 by 48 grey pixels")
        if label:
            emotion = label
            st.markdown(f"Your label: **{label}**", width="stretch")
        else:
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
        key="collect_save",
    ):
        try:
            collected.add(
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


def say_collected() -> None:
    """Say, after the dialog is closed, that the face was kept."""
    if emotion := st.session_state.pop("collect_done", None):
        st.toast(
            f"Kept as {emotion.lower()}. It is under Dataset, Collected.", icon=":material/save:"
        )
