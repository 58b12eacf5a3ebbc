"""Video: a recorded video in, how its faces change over time out."""

import streamlit as st

from fer_core.errors import FerError
from ui.common.browser_key import browser_key
from ui.common.controls import model_row
from ui.common.damaged import or_damaged
from ui.common.footer import footer
from ui.common.navigation import through_front_door
from ui.services import videos, visits
from ui.services.videos import VideoJob
from ui.video.result import finished
from ui.video.start import broken_off, earlier, new_video, show, show_progress

through_front_door()

state = st.session_state
state.setdefault("video_job", None)
state.setdefault("video_problem", None)
state.setdefault("video_fps", 5.0)
state.setdefault("video_thorough", False)
state.setdefault("video_annotated", True)
state.setdefault("video_keep_source", False)
state.setdefault("video_stream", None)
for name in ("video_from", "video_to", "video_region"):
    state.setdefault(name, "")


def opened() -> VideoJob | None:
    """Return the analysis that is open, if it still exists."""
    if state["video_job"] is None:
        return None
    try:
        found = videos.find(state["video_job"])
        _ = found.config  # damaged ones are in the list
    except FerError:
        show(None)
        return None
    return found


def delete(name: str) -> None:
    """Delete the analysis that is open."""
    videos.delete(videos.find(name))
    show(None)


# A reload shows the analysis that is open, with its progress.
visits.remember("video", "video_job", full=state["video_job"] is not None)

# The page, from top to bottom.
with st.container(horizontal=True, vertical_alignment="bottom"):
    with st.container(gap=None):
        st.title("Video")
        st.markdown("How the faces in a recorded video change over time.")
    choice = model_row()

key = browser_key()
job = opened()
if job is None:
    new_video(choice, key)
    if key:
        earlier(key)
else:
    with or_damaged(job.name, delete, "video_problem"):
        now = job.state()
        if now["status"] in ("created", "queued", "running"):
            show_progress(job)
        elif now["status"] == "done":
            finished(job)
        else:
            broken_off(job, now)
footer()
