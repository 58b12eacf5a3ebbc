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
    turner(pages, key, "above")
    yield page_of(pages, key)
    turner(pages, key, "below")


def page_of(pages: int, key: str) -> int:
    """Return the page that is shown, from 1."""
    return min(max(1, st.session_state.get(key, 1)), max(1, pages))


def turner(pages: int, key: str, where: str) -> None:
    """Show one of the pagers of a list, where it has several pages.

    Args:
        pages: As for :func:`pager`.
        key: Likewise.
        where: Tells the pagers of a list apart, such as "above".
    """
    if pages > 1:
        widget = f"{key}_{where}"
        # It follows the other pager, and what turns the page otherwise.
        st.session_state[widget] = page_of(pages, key)
        st.pagination(pages, key=widget, on_change=_turned, args=(key, widget))


def _turned(key: str, widget: str) -> None:
    st.session_state[key] = st.session_state[widget]
