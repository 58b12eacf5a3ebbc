"""The result of a video: the video beside its timeline, moments, people, exports."""

from typing import Any

import pandas as pd
import streamlit as st

from fer_core import timeline
from fer_core.errors import FerError
from fer_core.files import named_after
from fer_core.table import to_csv
from fer_core.video.highlights import in_words
from fer_core.video.report import to_html
from fer_core.video.result import SHARPEST, VideoResult
from ui.common import timeline_panels as panels
from ui.common.collect import say_collected
from ui.common.exports import Download, downloads
from ui.common.notices import say_error
from ui.common.text import plain, sentence
from ui.services import videos
from ui.services.videos import VideoJob
from ui.video.labels import correct, labels, offer_labels, said
from ui.video.people import change, choose_person, go_to, people
from ui.video.start import show
from ui.video.timeline import VIEWS, video_timeline

state = st.session_state


@st.cache_resource(max_entries=6, show_spinner=False)
def _load(name: str, changed: int) -> tuple[VideoResult, pd.DataFrame, dict[str, Any]]:
    result = videos.find(name).result()
    return result, result.smoothed(), result.summary()


def finished(job: VideoJob) -> None:
    """Show the result of a job."""
    say_collected()
    try:
        changed = (job.path / "result.json").stat().st_mtime_ns
        result, table, summary = _load(job.name, changed)
    except (FerError, OSError):
        st.error(
            "This analysis was deleted or is damaged. Analyse the video again.",
            icon=":material/error:",
        )
        return
    _head(job, result, summary)
    for problem in result.problems:
        st.warning(sentence(problem), icon=":material/warning:")
    persons = result.persons()
    if not persons:
        _video(job, result)
        return
    left, right = st.columns([1, 1], gap="medium")
    with left:
        _video(job, result)
        if job.is_stale():
            _stale(job)
    with right:
        person = _beside(job, result, table, summary, persons)
    _highlights(job, result)
    labels(job, result)
    _numbers(summary, result, person)
    people(job, result, persons)


def _head(job: VideoJob, result: VideoResult, summary: dict[str, Any]) -> None:
    saved = job.is_saved
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{plain(result.info.name)}** · {timeline.in_words(summary)}"
            if result.persons()
            else f"**{plain(result.info.name)}**",
            width="stretch",
        )
        st.button("Another video", icon=":material/arrow_back:", on_click=show, args=(None,))
        downloads(_files(job, result), "video")
        st.button(
            "Kept" if saved else "Keep",
            icon=":material/bookmark_added:" if saved else ":material/bookmark:",
            key="video_save",
            on_click=videos.set_saved,
            args=(job, not saved),
            help="Press again to have it deleted automatically."
            if saved
            else "Do not delete it automatically.",
        )
        if st.button("Delete", icon=":material/delete:", key="video_delete"):
            videos.delete(job)
            show(None)
            st.rerun()


def _files(job: VideoJob, result: VideoResult) -> list[Download]:
    def name(suffix: str, what: str = "emotions") -> str:
        return named_after(result.info.name, what, suffix)

    files = [
        Download("Table (CSV, opens in Excel)", result.to_csv, name(".csv"), "text/csv"),
        Download(
            "Segments (CSV, opens in Excel)",
            lambda: to_csv(result.segments()),
            name(".csv", "segments"),
            "text/csv",
        ),
        Download("Everything (JSON)", result.to_json, name(".json"), "application/json"),
        Download("Table (Parquet)", result.to_parquet, name(".parquet"), "application/x-parquet"),
        Download(
            "Report (HTML)",
            lambda: to_html(result, job.stills(result)),
            name(".html", "report"),
            "text/html",
        ),
    ]
    if video := job.annotated:
        files.append(
            Download(
                "Annotated video (MP4)", video.read_bytes, name(".mp4", "annotated"), "video/mp4"
            )
        )
    return files


def _video(job: VideoJob, result: VideoResult) -> None:
    if path := job.annotated or job.source:
        st.video(path)
        return
    pictures = [row["picture"] for row in job.highlights(result) if row["picture"]]
    if pictures:
        st.image(pictures[0], width="stretch", alt="A moment of the video")
    st.caption(
        "There is no video to play: the upload was not kept, and no annotated video was "
        "made. The timeline shows all numbers."
    )


def _stale(job: VideoJob) -> None:
    drawn = "The annotated video and the pictures" if job.annotated else "The pictures"
    if not job.source:
        st.caption(
            f"{drawn} show people as they were found: the uploaded video was not kept, so they "
            "cannot be rendered again."
        )
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{drawn} show people as they were before.")
        if st.button("Render again", icon=":material/refresh:", key="video_redraw"):
            try:
                videos.restart(job)
            except FerError as error:
                say_error(error)
            else:
                st.rerun()


def _beside(
    job: VideoJob,
    result: VideoResult,
    table: pd.DataFrame,
    summary: dict[str, Any],
    persons: list[int],
) -> int | None:
    """Show the timeline of the chosen person and return its number; ``None`` for everyone."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        person = choose_person(job, result, persons)
        view = st.segmented_control(
            "View",
            VIEWS,
            default=VIEWS[0],
            required=True,
            key="video_view",
            label_visibility="collapsed",
            width="content",
        )
    asked = video_timeline(
        job.name,
        table,
        person,
        result.seconds,
        view,
        summary["change_points"],
        result.cuts,
        result.options.fps,
        # The annotated video of a part begins with it.
        (result.options.start or 0.0) if job.annotated else 0.0,
    )
    if asked is not None and person is not None:
        act, moment = asked
        if act == "correct":
            correct(job, result, person, moment)
        else:
            change(job, lambda: result.with_split(person, moment))
    return person


def _highlights(job: VideoJob, result: VideoResult) -> None:
    rows = [row for row in job.highlights(result) if row["picture"]]
    if not rows:
        return
    st.subheader("Key moments")
    note = f"The clearest moment of each emotion, and the {SHARPEST} sharpest changes at most."
    seconds = result.options.smoothing
    values = f"values averaged over {seconds:g} s" if seconds else "values as measured"
    st.caption(f"{note} Pictures and captions show {values}.")
    times = timeline.clocks([row["time"] for row in rows])
    with st.grid(min_column_width=200):
        for number, (row, at) in enumerate(zip(rows, times, strict=True)):
            with st.container(gap="xsmall"):
                words = in_words(result, row)
                st.image(row["picture"], width="stretch", alt=words)
                with st.container(horizontal=True, gap="xsmall"):
                    st.button(
                        at,
                        key=f"video_moment_{number}",
                        icon=":material/my_location:",
                        on_click=go_to,
                        args=(row["time"], row["person"]),
                        help="Go to this moment",
                    )
                    offer_labels(job, result, row, number, at)
                st.markdown(said(result, row))


def _numbers(summary: dict[str, Any], result: VideoResult, person: int | None) -> None:
    with st.grid(2, min_column_width=300):
        with st.container():
            name, shown = "everyone", summary
            if person is not None:
                name = result.name(person)
                (shown,) = [one for one in summary["persons"] if one["person"] == person]
            panels.share_bars({name: shown}, f"Share of time: {name}")
        with st.container():
            _changes(summary)


def _changes(summary: dict[str, Any]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Changes**")
        key = "change_points"
        if summary["shifts"] and st.toggle(
            f"Shifts within one emotion ({len(summary['shifts'])})",
            key="video_shifts",
            help="Moments at which a face changed while its strongest emotion stayed the same.",
        ):
            key = "shifts"
    found, by = summary[key], summary["change_points_by"]
    if not found:
        st.caption("Nobody's strongest emotion changed for longer than a moment.")
        return
    rows = pd.DataFrame(found)
    rows["size"] = (rows["size"] * 100).round()
    table = rows.drop(columns=["person"] if len(summary["persons"]) > 1 else ["person", "name"])
    if key == "shifts":
        table = table.drop(columns="after")
    chosen = st.dataframe(
        table,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"video_{key}",
        height=min(250, 38 + 35 * len(rows)),
        column_order=("time", "name", "before", "after", "size"),
        column_config={
            "time": st.column_config.NumberColumn("Second", format="%.1f"),
            "name": "Person",
            "before": "From" if key == "change_points" else "Emotion",
            "after": "To",
            "size": st.column_config.ProgressColumn(
                "Size", min_value=0, max_value=100, format="%d %%"
            ),
        },
        alt="When faces changed; select a row to go there",
    )
    row = chosen.selection.rows[0] if chosen.selection.rows else None
    if row is not None and row < len(rows) and state.get("video_change") != (key, row):
        state["video_change"] = key, row
        go_to(float(rows["time"].iloc[row]), int(rows["person"].iloc[row]))
        st.rerun()
    state["video_change"] = key, row
    st.caption(
        f"Select one to go there. {by['method']}, penalty {by['penalty']}, at least "
        f"{by['seconds_at_least']} s apart."
    )
