"""Reading a dataset with progress and a way to cancel."""

import time
from typing import Any, Final

import streamlit as st

from fer_core.datasets import Dataset
from fer_core.errors import FerError
from ui.common.notices import say_error
from ui.common.text import plain
from ui.common.words import duration_in_words
from ui.services import datasets
from ui.services.datasets import Reading, Request

#: Seconds after which the progress is shown, and between two looks at it.
_SOON, _EVERY = 0.3, 0.25
_CANCELLED: Final = "reading_cancelled"


def read_dataset(request: Request, title: str) -> Dataset | None:
    """Return a dataset; while it is read, show how far it is.

    Args:
        request: What to read.
        title: What to call it.

    Returns:
        ``None`` where the visitor cancelled it; a button begins anew.

    Raises:
        DatasetError: It cannot be read.
    """
    key = f"{request.source}_{request.votes}_{request.skip_bad}"
    place = st.empty()
    if key in st.session_state.setdefault(_CANCELLED, set()):
        with place.container(horizontal=True, vertical_alignment="center"):
            st.info(f"The reading of {plain(title)} was cancelled.", icon=":material/cancel:")
            st.button(
                "Read it", icon=":material/refresh:", on_click=_resume, args=(key,),
                key=f"read_{key}",
            )  # fmt: skip
        return None
    reading = datasets.read(request)
    with reading.waiting():
        if not reading.wait(_SOON):
            with place.container(horizontal=True, vertical_alignment="center"):
                bar = st.progress(0.0, _words(reading, title))
                st.button(
                    "Cancel", icon=":material/close:", on_click=_cancel, args=(key, reading),
                    key=f"cancel_{key}",
                )  # fmt: skip
            while not reading.wait(_EVERY):
                bar.progress(min(1.0, reading.share), _words(reading, title))
            place.empty()
        return reading.result()


def _words(reading: Reading, title: str) -> str:
    left = reading.seconds_left()
    if left is None:
        return f"Reading {plain(title)}, {time.monotonic() - reading.begun:.0f} s so far"
    return f"Reading {plain(title)}: {reading.share:.0%}, {left:.0f} s left"


def show_task(key: str, doing: str) -> Any | None:
    """Show how far a task is, with a way to cancel it, while the page stays usable.

    Args:
        key: Under which it is in the session; it is taken out when it is cancelled or fails.
        doing: What it does, as the beginning of a sentence.

    Returns:
        What came of it; ``None`` while it runs, or where there is none.
    """
    task = st.session_state.get(key)
    if task is None:
        return None
    if not task.ended:
        st.fragment(_progress, run_every=_EVERY)(key, doing)
        return None
    try:
        return task.result()
    except FerError as error:
        del st.session_state[key]
        say_error(error)
    except OSError as error:
        del st.session_state[key]
        say_error(f"This cannot be written: {error.strerror or error}. Make room and try again.")
    return None


def _progress(key: str, doing: str) -> None:
    task = st.session_state.get(key)
    if task is None or task.ended:
        st.rerun()
    left = task.seconds_left()
    words = f"{doing}: {task.share:.0%}, {duration_in_words(left)} left" if left else f"{doing}…"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(task.share, words)
        if st.button("Cancel", icon=":material/close:", key=f"cancel_{key}"):
            task.cancel()
            del st.session_state[key]
            st.rerun()


def _cancel(key: str, reading: Reading) -> None:
    st.session_state[_CANCELLED].add(key)
    reading.cancel()


def _resume(key: str) -> None:
    st.session_state[_CANCELLED].discard(key)
