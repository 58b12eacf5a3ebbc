"""What was found in pictures: one large, or a grid of cards, and everything as files."""

import streamlit as st

from fer_core.drawing import label
from fer_core.explain import warm_up
from fer_core.files import named_after
from ui.common.collect import correct_button
from ui.common.controls import Choice
from ui.common.exports import Download, downloads, to_csv, to_json, to_png, to_zip
from ui.common.faces import emotion_bars, looks, why
from ui.common.notices import say_error
from ui.common.pictures import CARD, LARGE, Result, drawn
from ui.common.text import plain
from ui.services import quotas

CARDS_PER_PAGE = 24
FACES_PER_PAGE = 8
#: Pixels; the tallest picture that still leaves everything on one screen.
TALLEST = 440
HINT = "Try a larger or brighter picture, a face turned to the camera, or another detector."

state = st.session_state


def show(key: tuple[str, str] | None) -> None:
    """Open a picture by its key, or none."""
    state["images_open"] = key


def key_of(result: Result) -> tuple[str, str]:
    """Return what tells a picture from all others: its name and checksum."""
    return result.picture.name, result.picture.checksum


def count(number: int, one: str, many: str) -> str:
    """Return a number with its noun, such as "3 faces"."""
    return f"{number} {one if number == 1 else many}"


def summary(results: list[Result]) -> str:
    """Return how many pictures and faces there are, and what went wrong, in a line."""
    parts = [
        count(len(results), "picture", "pictures"),
        count(sum(len(r.analysis.faces) for r in results if r.analysis), "face", "faces"),
    ]
    if unreadable := sum(r.error is not None for r in results):
        parts.append(f"{unreadable} not readable")
    if faceless := sum(r.analysis is not None and not r.analysis.faces for r in results):
        parts.append(f"{faceless} without a face")
    return " · ".join(parts)


def export(results: list[Result], choice: Choice) -> None:
    """Offer all downloads; each file is made when it is asked for."""
    results = [r for r in results if r.analysis or r.error]
    pictures = [r for r in results if r.analysis]
    # One picture's files are named after it, those of several after what they hold.
    first = results[0].picture.name if len(results) == 1 else "pictures"
    files = []
    if len(pictures) == 1:
        files.append(
            Download(
                "Annotated picture (PNG)",
                lambda: to_png(pictures[0], choice.unsure_below),
                named_after(first, "annotated", ".png"),
                "image/png",
            )
        )
    elif pictures:
        most = quotas.download_bytes()  # asked now: the file is made outside of a run
        files.append(
            Download(
                "Annotated pictures (ZIP)",
                lambda: to_zip(pictures, choice.unsure_below, most),
                named_after(first, "annotated", ".zip"),
                "application/zip",
            )
        )
    files += [
        Download(
            "Table of faces (CSV)",
            lambda: to_csv(results, choice.unsure_below),
            named_after(first, "emotions", ".csv"),
            "text/csv",
        ),
        Download(
            "Everything (JSON)",
            lambda: to_json(results, choice.unsure_below),
            named_after(first, "emotions", ".json"),
            "application/json",
        ),
    ]
    downloads(files, "images")


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
        st.image(
            drawn(result, choice, LARGE),
            width=wanted,
            alt=f"{result.picture.name} with {count(len(faces), 'face', 'faces')}",
        )
    with right:
        if not faces:
            st.info(HINT, title="No face found", icon=":material/search_off:")
            return
        pages = -(-len(faces) // FACES_PER_PAGE)
        first = (
            (st.pagination(pages, key="images_faces_page") - 1) * FACES_PER_PAGE if pages > 1 else 0
        )
        # "Why?" is a click away now, and loading what it needs takes seconds.
        warm_up(analysis.model)
        with st.container(height=TALLEST if len(faces) > 2 else "content", border=False):
            for index in range(first, min(first + FACES_PER_PAGE, len(faces))):
                face_card(result, index, choice)


def face_card(result: Result, index: int, choice: Choice) -> None:
    """Show one face with its probabilities, "Why?" and "Correct"."""
    face, crop = result.analysis.faces[index], result.found.crops[index]
    with st.container(border=True, gap="small"):
        number = f"{index + 1} · " if len(result.analysis.faces) > 1 else ""
        with st.container(horizontal=True, vertical_alignment="center"):
            st.image(crop, width=64, alt=f"Face {index + 1}")
            words = looks(face, choice.unsure_below)
            st.markdown(f"**{number}{words[0].upper()}{words[1:]}**", width="stretch")
            if st.button(
                "Why?",
                key=f"why_{index}",
                icon=":material/visibility:",
                help="Which parts of the face the model used.",
            ):
                why(crop, face, result.analysis.model)
            correct_button(crop, face, result.analysis.model, "Images", key=f"correct_{index}")
        emotion_bars(face, key=f"bars_{index}")


def cards(results: list[Result], choice: Choice) -> None:
    """Show a grid of all pictures; one opens large."""
    pages = -(-len(results) // CARDS_PER_PAGE)
    page = st.pagination(pages, key="images_page") if pages > 1 else 1
    with st.grid(min_column_width=230):
        for result in results[(page - 1) * CARDS_PER_PAGE : page * CARDS_PER_PAGE]:
            with st.container(border=True, height="stretch", gap="small"):
                card(result, choice)


def card(result: Result, choice: Choice) -> None:
    """Show a small picture with its faces, which opens large."""
    name = result.picture.name
    if result.error:
        say_error(result.error, "Not readable", ":material/broken_image:")
    elif result.analysis is None:
        st.info("Not read yet.", icon=":material/hourglass_empty:")
    else:
        analysis, faces = result.analysis, result.analysis.faces
        with st.container(horizontal_alignment="center"):
            st.image(
                drawn(result, choice, CARD),
                width=round(min(240, 170 * analysis.width / analysis.height)),
                alt=f"{name}, {count(len(faces), 'face', 'faces')}"
                if faces
                else f"{name}, no face",
            )
        if faces:
            words = ", ".join(label(face, choice.unsure_below) for face in faces[:3])
            st.markdown(words + (f" and {len(faces) - 3} more" if len(faces) > 3 else ""))
        else:
            st.warning("No face found", icon=":material/search_off:")
        for problem in analysis.problems:
            st.caption(f":material/info: {plain(problem)}")
    st.space("stretch")
    if result.analysis:
        st.button(
            plain(name),
            key=f"open_{key_of(result)}",
            icon=":material/open_in_full:",
            help=f"Open {plain(name)}",
            on_click=show,
            args=(key_of(result),),
            width="stretch",
            wrap=False,
        )
    else:
        st.caption(plain(name))
