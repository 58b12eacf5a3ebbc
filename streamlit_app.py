"""The front door: page settings and navigation, nothing else."""

from pathlib import Path

import streamlit as st

from ui.navigation import pages

st.set_page_config(
    page_title="Emotions from faces",
    # A file of ours: browsers would fetch a Material icon for the tab from Google.
    page_icon=Path(__file__).parent / "ui" / "icon.png",
    layout="wide",
    initial_sidebar_state="collapsed",
)
st.navigation(pages(), position="top").run()
