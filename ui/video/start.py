"""Before a video's result: the video, how to read it, its progress, earlier analyses."""

import base64
import io
from datetime import datetime
from typing import Any, BinaryIO, Final

import pandas as pd
import streamlit as st
from PIL import Image

from fer_core.errors import FerError
from fer_core.settings import settings
from fer_core.timeline import clock
from fer_core.video.clips import sample_clip
from fer_core.video.decode import SUFFIXES
from fer_core.video.part import parse_region, parse_time
from fer_core.video.result import VideoOptions
from ui.common.controls import Choice
from ui.common.damaged import show_damaged
from ui.common.notices import say_error, say_problem
from ui.common.open_row import OPEN, WORD, open_column
from ui.common.text import plain
from ui.common.times import local, zone_name
from ui.services import access, uploads, videos
from ui.services.videos import VideoJob, list_jobs, start

state = st.session_state

#: Frames a second to choose from; 0 stands for all.
RATES: Final = {1.0: "1 a second", 5.0: "5 a second", 10.0: "10 a second", 0.0: "every frame"}
_STEPS: Final = {"pictures": "saving pictures", "drawing": "drawing boxes"}
_STATUS: Final = {
    "created": "waiting",
    "queued": "waiting",
    "running": "working",
    "done": "ready",
    "failed": "failed",
    "stopped": "stopped",
    "interrupted": "interrupted",
    "damaged": "damaged",
}


def new_video(choice: Choice, key: str | None) -> None:
    """Ask for a video and how to read it."""
    state.setdefault("video_round", 0)
    dropped = st.file_uploader(
        "Drop a video here",
        type=[suffix.lstrip(".") for suffix in SUFFIXES],
        key=f"video_drop_{state['video_round']}",
    )
    uploads.use(dropped)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if dropped is not None and st.button(
            "Analyse", type="primary", icon=":material/play_arrow:", disabled=key is None
        ):
            _begin(dropped, dropped.name, choice, key)
        if dropped is None and st.button(
            "Sample clip",
            icon=":material/movie:",
            disabled=key is None,
            help="A clip of twelve seconds that the program makes: the example portrait beside "
            "a drawn person whose face changes.",
        ):
            _begin_sample(choice, key)
        st.selectbox(
            "Sampled frames",
            list(RATES),
            format_func=RATES.get,
            key="video_fps",
            persist_state="session",
            width=190,
        )
        st.toggle(
            "Thorough search",
            key="video_thorough",
            help="Searches every frame as thoroughly as a photo and also finds small faces. "
            "Takes several times as long.",
            persist_state="session",
        )
        st.toggle(
            "Annotated video",
            key="video_annotated",
            help="A copy with boxes and labels, to watch beside the timeline and to download. "
            "Takes about as long again.",
            persist_state="session",
        )
        st.toggle(
            "Keep my video",
            key="video_keep_source",
            help="Without this, the uploaded file is deleted as soon as the result is ready.",
            persist_state="session",
        )
        with st.popover("Part of it", icon=":material/content_cut:"):
            _part()
    hours = settings().keep_hours
    st.caption(
        "The video goes to the machine that runs this app. Results are deleted after "
        f"{hours:g} hours unless you keep them. They are visible in this browser only.{_limits()}"
    )


def _limits() -> str:
    """Return what of a visitor's video is analysed, in a sentence."""
    if access.is_admin():
        return ""
    minutes = settings().video_minutes
    return (
        f" The first {minutes:g} minutes of a video are analysed, and an analysis may take "
        f"{settings().job_minutes:g} minutes."
    )


def _part() -> None:
    """Ask for a part of the video; what is left empty means all of it."""
    left, right = st.columns(2)
    left.text_input("From", key="video_from", placeholder="0:00", persist_state="session")
    right.text_input("To", key="video_to", placeholder="end", persist_state="session")
    st.text_input(
        "Region",
        key="video_region",
        placeholder="x,y,width,height",
        help="Faces are looked for in this part of the picture only: left edge, top edge, width "
        "and height in pixels. Boxes in the results are those of the whole picture.",
        persist_state="session",
    )
    st.number_input(
        "Video track",
        min_value=1,
        value=None,
        key="video_stream",
        placeholder="The one that players show",
        help="For files with several pictures, such as the cameras of a concert.",
        persist_state="session",
    )


def _begin_sample(choice: Choice, key: str) -> None:
    try:
        with st.spinner("Making the clip"):
            clip = sample_clip(settings().cache)
    except FerError as error:
        st.error(str(error), icon=":material/error:")
        return
    with clip.open("rb") as file:
        _begin(file, "Sample clip.mp4", choice, key)


def _begin(source: BinaryIO, name: str, choice: Choice, key: str) -> None:
    try:
        begin, end = (
            parse_time(state[name]) if state[name].strip() else None
            for name in ("video_from", "video_to")
        )
        region = parse_region(state["video_region"]) if state["video_region"].strip() else None
    except FerError as error:
        say_error(error)
        return
    options = VideoOptions(
        fps=state["video_fps"],
        model=choice.classifier.name,
        detector=choice.detector.name,
        largest=choice.largest,
        thorough=state["video_thorough"],
        start=begin,
        end=end,
        region=region,
        stream=state["video_stream"],
        class_prior=choice.class_prior,
    )
    try:
        job = start(
            source,
            name,
            options,
            key,
            annotated=state["video_annotated"],
            keep_source=state["video_keep_source"],
        )
    except FerError as error:
        say_error(error)
        return
    state["video_round"] += 1  # a new drop zone, which holds no video in memory
    show(job.name)
    st.rerun()


def show(name: str | None) -> None:
    """Open an analysis, or none."""
    state["video_job"] = name
    state.pop("video_seek", None)
    state.pop("video_person", None)


def show_progress(job: VideoJob) -> None:
    """Show how far it is; nothing here needs the page to stay open."""

    @st.fragment(run_every=1.0)
    def progress() -> None:
        now = job.state()
        if now["status"] == "queued":
            videos.ensure_queue_served()
            st.progress(0.0, _turn(videos.place(job)))
            return
        if now["status"] not in ("created", "running"):
            st.rerun()
        said = job.progress()
        share = said.get("share", 0.0)
        parts = [f"{share * 100:.0f} %"]
        if said.get("seconds_left") is not None:
            parts.append(f"{clock(said['seconds_left'])} left")
        if said:
            if said["faces"]:
                parts.append(f"{said['faces']} faces")
            parts.append(_STEPS.get(said["step"], "reading"))
        else:
            parts.append("starting")
        st.progress(share, " · ".join(parts))

    st.subheader(plain(job.config["name"]), anchor=False)
    progress()
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Cancel", icon=":material/close:", key="video_cancel"):
            videos.cancel(job)
            show(job.name if job.has_result() else None)
            st.rerun()
        st.caption("You can close this page: the analysis continues, and you find it here again.")


def _turn(before: int | None) -> str:
    """Return the place of an analysis that waits."""
    if not before:
        return "Waiting: yours is the next"
    return f"Waiting: {before} {'analysis' if before == 1 else 'analyses'} before yours"


def broken_off(job: VideoJob, now: dict[str, Any]) -> None:
    """Show why there is no result, and what can be done."""
    reason = now.get("reason") or "The analysis ended before its result was ready."
    say_error(reason, job.config["name"])
    with st.container(horizontal=True):
        if job.source and st.button("Try again", icon=":material/refresh:"):
            videos.restart(job)
            st.rerun()
        if job.has_result() and st.button("Show the partial result", icon=":material/timeline:"):
            videos.settle(job)
            st.rerun()
        if st.button("Delete", icon=":material/delete:", key="video_delete"):
            videos.delete(job)
            show(None)
            st.rerun()


def _begun(now: dict[str, Any]) -> datetime | None:
    try:
        return local(datetime.fromisoformat(now["created"]))
    except (LookupError, ValueError):
        return None


def _status(job: VideoJob, now: dict[str, Any]) -> str:
    """Return how far an analysis is, in a word or two."""
    word = _STATUS.get(now["status"], now["status"])
    if now["status"] == "running" and (share := job.progress().get("share")):
        return f"{word}, {share:.0%}"
    return word


def _thumbnail(job: VideoJob) -> str | None:
    """Return a small picture of a moment, as a browser shows it; ``None`` without."""
    path = job.thumbnail()
    if path is None:
        return None
    try:
        picture = Image.open(path)
        picture.thumbnail((120, 80))
        file = io.BytesIO()
        picture.convert("RGB").save(file, "JPEG", quality=80)
    except OSError:
        return None
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def earlier(key: str) -> None:
    """Show the analyses that this browser asked for; one opens."""
    state.setdefault("video_problem", None)
    say_problem("video_problem")
    jobs, names, states, damaged = [], [], [], videos.list_damaged()
    for job in list_jobs(key):
        try:
            names.append(job.config["name"])
        except FerError:
            continue  # deleted in the meantime
        jobs.append(job)
        states.append(job.state())
    if jobs or damaged:
        st.subheader("Earlier analyses")
    show_damaged(damaged, videos.delete_damaged, "video_problem")
    if not jobs:
        return
    rows = pd.DataFrame(
        {
            OPEN: WORD,
            "picture": [_thumbnail(job) for job in jobs],
            "video": names,
            "begun": [_begun(s) for s in states],
            "status": [_status(job, s) for job, s in zip(jobs, states, strict=True)],
            "saved": [job.is_saved for job in jobs],
        }
    )
    chosen = st.dataframe(
        rows,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"video_earlier_{jobs[0].name}_{len(jobs)}",
        height=min(320, 38 + 35 * len(rows)),
        column_config={
            OPEN: open_column("video_earlier_open", lambda row: show(jobs[row].name)),
            "picture": st.column_config.ImageColumn("", width=60),
            "video": "Video",
            "begun": st.column_config.DatetimeColumn(
                f"Begun ({zone_name()})", format="D MMM YYYY, HH:mm"
            ),
            "status": "Status",
            "saved": st.column_config.CheckboxColumn("Kept"),
        },
        alt="Earlier analyses; select one to open it",
    )
    if chosen.selection.rows and chosen.selection.rows[0] < len(jobs):
        show(jobs[chosen.selection.rows[0]].name)
        st.rerun()
