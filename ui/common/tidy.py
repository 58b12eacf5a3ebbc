"""What is too old goes from the disk, also where nobody opens the page that lists it."""

import threading
import time
from contextlib import suppress
from typing import Final

import streamlit as st

from fer_core.errors import FerError
from ui.services import models, removal

#: Seconds between two looks.
_EVERY: Final = 600


@st.cache_resource(show_spinner=False)
def tidy_up() -> threading.Thread:
    """Delete what was left to delete and old analyses, and start those that wait."""
    with suppress(FerError):
        removal.resume()
        models.finish_imports()
    thread = threading.Thread(target=_run, name="tidy up", daemon=True)
    thread.start()
    return thread


def _run() -> None:
    while True:
        time.sleep(_EVERY)
        # Here, so that the app's start does not wait for what the video page needs.
        from fer_core.study import jobs as study_jobs
        from ui.services.videos import ensure_queue_served, sweep

        with suppress(OSError, FerError):  # somebody else deletes at the same time
            sweep()
            ensure_queue_served()
            study_jobs.ensure_queue_served()
