"""The front door: page settings and navigation, nothing else."""

import streamlit as st

from ui.navigation import pages

st.set_page_config(
    page_title="Emotions from faces",
    page_icon=":material/sentiment_satisfied:",
    layout="wide",
    initial_sidebar_state="collapsed",
)
st.navigation(pages(), position="top").run()
