"""All pictures as cards, sorted and filtered as the visitor likes."""

import math
from collections.abc import Callable
from typing import Any, Final

import streamlit as st

from fer_core.analysis import Face
from fer_core.drawing import label
from fer_core.emotions import EMOTIONS
from ui.common.controls import Choice
from ui.common.notices import say_error
from ui.common.pager import pager
from ui.common.pictures import CARD, Result, drawn
from ui.common.text import plain
from ui.images.results import count, key_of, show

CARDS_PER_PAGE: Final = 24
ORDERS: Final = {
    "new": "Newest first",
    "problems": "Problems first",
    "least": "Least confident first",
    "most": "Most confident first",
    "emotion": "Emotion",
    "name": "Name",
}
UNSURE, LABELLED, NO_FACE, UNREADABLE = "Unsure", "Labelled by you", "No face", "Not readable"
KINDS: Final = (*EMOTIONS, UNSURE, LABELLED, NO_FACE, UNREADABLE)

state = st.session_state


def prepare_grid() -> None:
    """Give the session what the grid remembers, where it is not there yet."""
    state.setdefault("images_view", "Pictures")
    state.setdefault("images_order", "new")
    state.setdefault("images_kinds", [])
    state.setdefault("images_confidence", (0, 100))


def show_everything() -> None:
    """Take filters away and begin with the first page, so that what is new comes into view."""
    state.update(images_kinds=[], images_confidence=(0, 100), images_page=1, images_order="new")


def arrange(results: list[Result], choice: Choice) -> list[Result]:
    """Return the pictures that pass the filters, in the order that is chosen."""
    kept = [result for result in results if _passes(result, choice)]
    return sorted(kept, key=_ORDER[state["images_order"]])


def controls() -> None:
    """Ask for the order and the filters."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Sort by",
            list(ORDERS),
            format_func=ORDERS.__getitem__,
            key="images_order",
            persist_state="session",
            width=210,
        )
        st.multiselect(
            "Show",
            KINDS,
            key="images_kinds",
            placeholder="All pictures",
            persist_state="session",
            width=380,
        )
        st.slider(
            "Confidence",
            0,
            100,
            step=5,
            format="%d %%",
            key="images_confidence",
            help="Pictures with a face whose answer is this sure.",
            persist_state="session",
            width=260,
        )


def cards(results: list[Result], choice: Choice) -> None:
    """Show a grid of pictures; one opens large."""
    if not results:
        st.info("No picture passes these filters.", icon=":material/filter_alt_off:")
        st.button("Show all pictures", on_click=show_everything)
        return
    pages = -(-len(results) // CARDS_PER_PAGE)
    with pager(pages, "images_page") as page, st.grid(min_column_width=230):
        for result in results[(page - 1) * CARDS_PER_PAGE : page * CARDS_PER_PAGE]:
            # By its key's name, style.css lets a click anywhere on it press its button.
            tile = f"tile_{key_of(result)}"
            with st.container(border=True, height="stretch", gap="small", key=tile):
                _card(result, choice)


def _passes(result: Result, choice: Choice) -> bool:
    kinds = set(state["images_kinds"])
    low, high = state["images_confidence"]
    faces = result.analysis.faces if result.analysis else ()
    if not faces:
        mine = UNREADABLE if result.error else NO_FACE if result.analysis else ""
        return (low, high) == (0, 100) and (not kinds or mine in kinds)

    def fits(face: Face) -> bool:
        of = {face.corrected or face.emotion}
        of |= {UNSURE} if face.is_unsure(choice.unsure_below) else set()
        of |= {LABELLED} if face.corrected else set()
        # As the page shows it: whole percent.
        return (not kinds or bool(of & kinds)) and low <= round(100 * face.confidence) <= high

    return any(map(fits, faces))


def _batch(result: Result) -> int:
    """Return when a picture was added; later ones come first."""
    return -state["images_batches"].get(key_of(result), 0)


def _least(result: Result) -> float:
    faces = result.analysis.faces if result.analysis else ()
    return min((face.confidence for face in faces), default=math.inf)


def _most(result: Result) -> float:
    faces = result.analysis.faces if result.analysis else ()
    return -max((face.confidence for face in faces), default=-math.inf)


def _emotion(result: Result) -> int:
    faces = result.analysis.faces if result.analysis else ()
    shown = [face.corrected or face.emotion for face in faces[:1]]
    return EMOTIONS.index(shown[0]) if shown else len(EMOTIONS)


_ORDER: Final[dict[str, Callable[[Result], Any]]] = {
    "new": lambda result: (_batch(result), result.rank),
    "problems": lambda result: result.rank,
    "least": _least,
    "most": _most,
    "emotion": lambda result: (_emotion(result), _most(result)),
    "name": lambda result: result.picture.name.casefold(),
}


def _card(result: Result, choice: Choice) -> None:
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
