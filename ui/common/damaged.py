"""Items of a list that cannot be read: they are shown with a way to delete them.

One damaged item must not hide the others, and nobody should need a shell to get rid of it.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import streamlit as st

from fer_core.errors import Damaged
from ui.common.notices import attempt
from ui.common.text import plain, sentence

log = logging.getLogger(__name__)

#: What code raises that meets a value it does not expect.
_UNEXPECTED: Final = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, OSError, RecursionError,
)  # fmt: skip
#: Items that are shown at once; the others follow when these are deleted.
_MOST: Final = 10


def show_damaged(
    items: Sequence[Damaged], delete: Callable[[str], object] | None, problem: str
) -> None:
    """Show items that cannot be read, each with a button that deletes it.

    Args:
        items: The items.
        delete: Deletes the item of a name; ``None`` for those who may not.
        problem: See :func:`ui.common.notices.attempt`.
    """
    for item in items[:_MOST]:
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            st.markdown(
                f":material/broken_image: **{plain(item.name)}** {sentence(item.reason)}",
                width="stretch",
            )
            if delete is not None:
                st.button(
                    f"Delete {plain(item.name)}",
                    icon=":material/delete:",
                    key=f"damaged_{problem}_{item.name}",
                    on_click=attempt,
                    args=(problem, delete, item.name),
                )
    if len(items) > _MOST:
        st.caption(f"{len(items) - _MOST} more cannot be read.")


@contextmanager
def or_damaged(name: str, delete: Callable[[str], object] | None, problem: str) -> Iterator[None]:
    """Show an item; where its stored values are not what they should be, say so instead.

    Args:
        name: Of the item.
        delete: See :func:`show_damaged`.
        problem: Likewise.
    """
    try:
        yield
    except _UNEXPECTED:
        log.exception("%s cannot be shown", name)
        show_damaged([Damaged(name, "is damaged and cannot be shown.")], delete, problem)
