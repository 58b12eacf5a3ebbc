"""Long lists in parts, with the way from part to part above and below them."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st


@contextmanager
def pager(pages: int, key: str) -> Iterator[int]:
    """Show a pager above and below what is shown while the context lasts.

    Args:
        pages: How many there are; one needs no pager.
        key: Of the session's state, which holds the page and may be set before.

    Yields:
        The page, from 1.
    """
    state = st.session_state
    state[key] = page = min(max(1, state.get(key, 1)), max(1, pages))

    def turned(widget: str) -> None:
        state[key] = state[widget]

    def turn(where: str) -> None:
        if pages > 1:
            widget = f"{key}_{where}"
            state[widget] = page
            st.pagination(pages, key=widget, on_change=turned, args=(widget,))

    turn("above")
    yield page
    turn("below")
