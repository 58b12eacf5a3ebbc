"""Bring a part of a page into view, which a small screen would show after scrolling only."""

from pathlib import Path
from typing import Final

import streamlit as st

_COMPONENT: Final = st.components.v2.component(
    "fer_into_view",
    html="<div></div>",
    # The app's header covers the top.
    css="div { height: 1px; scroll-margin-top: 4rem; }",
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
)


def come_into_view(key: str) -> None:
    """Let the next run of the page scroll to the place of this key, if it is out of sight."""
    st.session_state[f"{key}_come"] = True


def place(key: str) -> None:
    """Mark the place to which the page scrolls."""
    come = st.session_state.pop(f"{key}_come", False)
    _COMPONENT(key=f"{key}_place", data={"come": come}, height="content")
