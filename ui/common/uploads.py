"""Files that do not arrive: chosen while the connection is lost, or more than a visitor may hold.

They arrive after all, or the visitor is told.
"""

import secrets
from pathlib import Path
from typing import Final

import streamlit as st

from ui.common.component import nothing, script
from ui.services import uploads

_HTML: Final = '<div id="lost" role="alert" hidden></div>'
_CSS: Final = """
#lost { position: fixed; z-index: 1000000; left: 50%; bottom: 1rem; transform: translateX(-50%);
  width: max-content; max-width: calc(100vw - 2rem); padding: 0.75rem 1rem;
  border-radius: var(--st-base-radius); border: 1px solid var(--st-border-color);
  color: var(--st-yellow-text-color); background:
  linear-gradient(var(--st-yellow-background-color), var(--st-yellow-background-color)),
  var(--st-background-color); font: 1rem var(--st-font); }
#lost[hidden] { display: none; }
"""
_COMPONENT: Final = st.components.v2.component(
    "fer_uploads",
    html=_HTML,
    css=_CSS,
    js=script(Path(__file__).with_suffix(".js")),
)


def watch_uploads() -> None:
    """Watch every file uploader of the app, on whatever page it stands."""
    # Another name for every run, by which the browser knows that there was one.
    run = secrets.token_hex(4)
    data = {"run": run, "full": uploads.full_sentence()}
    _COMPONENT(key="uploads", data=data, on_again_change=nothing, height="content")
