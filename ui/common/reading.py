"""Reading a dataset with progress and a way to cancel."""

import time
from typing import Final

import streamlit as st

from fer_core.datasets import Dataset
from ui.common.text import plain
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
    spent = time.monotonic() - reading.begun
    if reading.share < 0.01:
        return f"Reading {plain(title)}, {spent:.0f} s so far"
    left = spent * (1 - reading.share) / reading.share
    return f"Reading {plain(title)}: {reading.share:.0%}, {left:.0f} s left"


def _cancel(key: str, reading: Reading) -> None:
    st.session_state[_CANCELLED].add(key)
    reading.cancel()


def _resume(key: str) -> None:
    st.session_state[_CANCELLED].discard(key)
