"""One picture large, with a card for each of its faces beside it."""

from typing import Final

import streamlit as st

from fer_core.explain import warm_up
from ui.common.collect import collect_face
from ui.common.controls import Choice
from ui.common.faces import emotion_bars, expression_in_words, why
from ui.common.notices import say_error
from ui.common.pager import pager
from ui.common.pictures import LARGE, Result, drawn
from ui.common.text import plain
from ui.images.boxes import boxes, point_at
from ui.images.labels import correct, undo_label
from ui.images.results import count
from ui.services import access

FACES_PER_PAGE: Final = 8
#: Pixels; the tallest picture that still leaves everything on one screen.
TALLEST: Final = 440
HINT: Final = "Try a larger or brighter picture, a face turned to the camera, or another detector."

state = st.session_state


def large(result: Result, choice: Choice) -> None:
    """Show one picture with its faces beside it."""
    if result.error:
        say_error(result.error, result.picture.name, ":material/broken_image:")
        return
    if result.analysis is None:
        st.info("This picture is not read yet.", icon=":material/hourglass_empty:")
        return
    faces, analysis = result.analysis.faces, result.analysis
    for problem in analysis.problems:
        st.caption(f":material/info: {plain(problem)}")
    # The picture gets what its shape needs, the faces the rest.
    wanted = round(min(680, TALLEST * analysis.width / analysis.height))
    left, right = st.columns([wanted, 1120 - wanted], gap="medium")
    with left:
        clicked = boxes(
            drawn(result, choice, LARGE),
            analysis,
            alt=f"{result.picture.name} with {count(len(faces), 'face', 'faces')}",
            width=wanted,
            unsure_below=choice.unsure_below,
            key=f"images_boxes_{result.picture.checksum[:16]}",
        )
        if len(faces) > 1:
            st.caption("The numbers on the boxes are those of the faces: the largest is 1.")
    if clicked is not None:
        state["images_faces_page"] = clicked // FACES_PER_PAGE + 1
        point_at(clicked, card=True)
        st.rerun()
    with right:
        if not faces:
            st.info(HINT, title="No face found", icon=":material/search_off:")
            return
        # "Why?" is a click away now, and loading what it needs takes seconds.
        warm_up(analysis.model)
        pages = -(-len(faces) // FACES_PER_PAGE)
        with (
            st.container(height=TALLEST if len(faces) > 2 else "content", border=False),
            pager(pages, "images_faces_page") as page,
        ):
            first = (page - 1) * FACES_PER_PAGE
            for index in range(first, min(first + FACES_PER_PAGE, len(faces))):
                _face(result, index, choice)


def _face(result: Result, index: int, choice: Choice) -> None:
    """Show one face with its probabilities, "Why?" and "Correct…"."""
    face, crop = result.analysis.faces[index], result.found.crops[index]
    several = len(result.analysis.faces) > 1
    number = f"{index + 1} · " if several else ""
    # Its class is where a click on the box of this face leads.
    with st.container(border=True, gap="small", key=f"face_card_{index}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.image(crop, width=64, alt=f"Face {index + 1}")
            words = expression_in_words(face, choice.unsure_below)
            if face.corrected:
                st.markdown(
                    f"**{number}{face.corrected}**, your label  \nThe model: {words}",
                    width="stretch",
                )
            else:
                st.markdown(f"**{number}{words[0].upper()}{words[1:]}**", width="stretch")
        with st.container(horizontal=True, gap="xsmall"):
            # Several buttons of a page that do different things have different names.
            name = f" face {index + 1}" if several else ""
            if st.button(
                f"Explain{name}" if several else "Why?",
                key=f"why_{index}",
                icon=":material/visibility:",
                help="Which parts of the face the model used.",
            ):
                why(crop, face, result.analysis.model)
            if st.button(
                f"Correct{name}…",
                key=f"correct_{index}",
                icon=":material/edit:",
                help="Say what this face shows: your label stands beside the model's answer.",
            ):
                correct(result, index, choice.unsure_below)
            if several:
                st.button(
                    f"Show{name}",
                    key=f"show_{index}",
                    type="tertiary",
                    icon=":material/my_location:",
                    help="Go to its box in the picture.",
                    on_click=point_at,
                    args=(index,),
                )
            if face.corrected:
                st.button(
                    f"Undo label{' of' + name if several else ''}",
                    key=f"undo_label_{index}",
                    type="tertiary",
                    icon=":material/undo:",
                    help="Take your latest label back.",
                    on_click=undo_label,
                    args=(result, face),
                )
                if access.is_admin() and st.button(
                    f"Keep{name} for training…",
                    key=f"keep_{index}",
                    type="tertiary",
                    icon=":material/save:",
                    help="Keep the face with your label on this machine, with consent.",
                ):
                    collect_face(crop, face, result.analysis.model, "Images", face.corrected)
        emotion_bars(face, key=f"bars_{index}")
