"""The pages there are, in the order of the navigation; a new one is one more entry."""

from dataclasses import dataclass
from functools import cache

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager


@dataclass(frozen=True)
class Entry:
    """A page: its file, its name, its icon, and what it is for in one sentence."""

    file: str
    title: str
    icon: str
    help: str


HOME = Entry(
    "pages/home.py",
    "Home",
    ":material/home:",
    "See the app work on an example, and how accurate it is.",
)
IMAGES = Entry(
    "pages/images.py",
    "Images",
    ":material/photo_library:",
    "Detect every face in your pictures and estimate its expression.",
)
LIVE = Entry(
    "pages/live.py",
    "Live",
    ":material/videocam:",
    "Follow the expressions in your camera's picture, record and export them.",
)
VIDEO = Entry(
    "pages/video.py",
    "Video",
    ":material/movie:",
    "Follow the expressions in a recorded video, and export them.",
)
DATASET = Entry(
    "pages/dataset.py",
    "Dataset",
    ":material/grid_view:",
    "Browse the training faces, find labelling errors and fix them.",
)
TRAINING = Entry(
    "pages/training.py",
    "Training",
    ":material/school:",
    "Train a model on your data, follow its progress and use the result in the app.",
)
MODELS = Entry(
    "pages/models.py",
    "Models",
    ":material/model_training:",
    "Compare, combine, import and export models.",
)
STUDY = Entry(
    "pages/study.py",
    "Study",
    ":material/groups:",
    "Compare people, stimuli and groups: from many videos to measures, curves and a report.",
)
PAGES = (HOME, IMAGES, LIVE, VIDEO, DATASET, TRAINING, MODELS, STUDY)


@cache
def through_front_door() -> None:
    """Run the app again from ``streamlit_app.py`` if Streamlit ran a page alone.

    It does so for the first visitor of a fresh server who comes by a link to a page, because
    there is a folder ``pages/``. Every page calls this first; it matters once in a process.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()


def pages() -> list:
    """The pages for ``st.navigation``."""
    return [
        st.Page(page.file, title=page.title, icon=page.icon, help=page.help, default=page is HOME)
        for page in PAGES
    ]
