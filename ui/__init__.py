"""What the pages share."""

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

if PagesManager.uses_pages_directory:
    # A fresh server whose first visitor came by a link to a page: because there is a folder
    # pages/, Streamlit ran that page alone. Once more, through the front door.
    PagesManager.uses_pages_directory = False
    st.rerun()
