"""The front door: page settings, tidying up, uploads and navigation, nothing else.

The server imports this file once and finds ``app``; for every visit, Streamlit runs it.
"""

from pathlib import Path

import streamlit as st
from streamlit.starlette import App

from ui.common.navigation import pages
from ui.common.tidy import tidy_up
from ui.common.uploads import watch_uploads
from ui.services import server, visits

if __name__ == "__main__":
    st.set_page_config(
        page_title="Emotions from faces",
        # A file of ours: browsers would fetch a Material icon for the tab from Google.
        page_icon=Path(__file__).parent / "ui" / "icon.png",
        layout="wide",
        initial_sidebar_state="collapsed",
    )
    st.html(Path(__file__).parent / "ui" / "style.css")
    tidy_up()
    visits.begin_run()
    watch_uploads()
    st.navigation(pages(), position="top").run()
else:
    app = App(__file__, lifespan=server.lifespan, middleware=server.middleware())
