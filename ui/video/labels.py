"""What faces of a video show in the user's own eyes: labels beside the model's answers."""

from typing import Any

import streamlit as st

from fer_core.errors import FerError
from fer_core.face_labels import FaceLabel
from fer_core.timeline import clock
from fer_core.video.highlights import face_at, in_words
from fer_core.video.result import VideoResult
from ui.common.collect import collect_face
from ui.common.faces import percent
from ui.common.labelling import ask_label, list_labels
from ui.common.text import plain, sentence
from ui.services import access, videos
from ui.services.videos import VideoJob
from ui.video.start import show

state = st.session_state


def correct(
    job: VideoJob, result: VideoResult, person: int, time: float, picture: Any = None
) -> None:
    """Ask what a person's face shows in the frame nearest to a moment.

    Args:
        job: Where the label is saved.
        result: Its result.
        person: Number as shown.
        time: Seconds.
        picture: Of the moment, if there is one.
    """
    row = result.row_at(person, time)
    if row is None:
        return
    at, given = float(row["time"]), result.label_at(person, time)
    ask_label(
        f"{plain(result.name(person))} at {clock(at)} {_answer(row)}",
        given.emotion if given else row["emotion"],
        lambda emotion: videos.save_people(job, result.with_label(person, at, emotion)),
        "Your label stands beside the model's answer on this page and in everything you export. "
        "It is stored with this analysis; no face is stored.",
        key="video",
        picture=picture,
        width=260,
    )


def said(result: VideoResult, moment: dict[str, Any]) -> str:
    """Return what happens at a moment, as Markdown: the user's label first, if there is one."""
    words = plain(in_words(result, moment))
    label = result.label_at(moment["person"], moment["time"])
    return f"**{label.emotion}**, your label  \nThe model: {words}" if label else words


def offer_labels(
    job: VideoJob, result: VideoResult, moment: dict[str, Any], number: int, at: str
) -> None:
    """Offer to correct a key moment, to undo that, and to keep its face for training.

    Args:
        job: Where labels are saved.
        result: Its result.
        moment: A row of :meth:`VideoJob.highlights`.
        number: Its place among them.
        at: Its time in words, which tells it from the others.
    """
    person, time = moment["person"], moment["time"]
    if st.button(
        f"Correct at {at}…",
        key=f"video_correct_{number}",
        icon=":material/edit:",
        help="Say what the face shows: your label stands beside the model's answer.",
    ):
        correct(job, result, person, time, moment["picture"])
    label = result.label_at(person, time)
    if (
        label
        and access.is_admin()
        and st.button(
            f"Keep face at {at} for training…",
            key=f"video_keep_face_{number}",
            type="tertiary",
            icon=":material/save:",
            help="Keep the face with your label on this machine, with consent.",
        )
    ):
        _keep(job, result, moment, label)


def labels(job: VideoJob, result: VideoResult) -> None:
    """Show all labels of the video, each with the way back."""

    def answer(label: FaceLabel) -> str:
        person = result.person_at(label.person, label.start)
        row = result.row_at(person, label.start)
        return f"{result.name(person)}, the model: {_answer(row)}" if row else result.name(person)

    list_labels(
        result.labels,
        answer,
        lambda label: videos.save_people(job, result.without_label(label)),
        key="video",
    )


def _answer(row: dict[str, Any]) -> str:
    return f"looks {row['emotion'].lower()}, {percent(row['confidence'])}"


def _keep(job: VideoJob, result: VideoResult, moment: dict[str, Any], label: FaceLabel) -> None:
    """Ask whether to keep the face of a moment for training."""
    if job.source is None:
        _no_source()
        return
    try:
        found = face_at(job.source, result, label.start, moment["person"])
    except FerError as error:
        st.toast(sentence(error), icon=":material/error:")
        return
    if found is None:
        st.toast("The face is not found again at this moment.", icon=":material/search_off:")
    else:
        collect_face(*found, result.options.model or "", "Video", label.emotion)


@st.dialog("The video is not here any more", icon=":material/save:")
def _no_source() -> None:
    """Say why a face of a video cannot be kept, and offer the remedy."""
    st.markdown(
        "A face is kept as the uploaded video shows it, and this one was deleted when its result "
        "was ready. Upload it again and keep it: then every face can be kept for training. Your "
        "labels need no video."
    )
    if st.button(
        "Upload it again and keep it",
        type="primary",
        icon=":material/upload:",
        key="video_upload_again",
        on_click=_upload_again,
    ):
        st.rerun()


def _upload_again() -> None:
    state["video_keep_source"] = True
    show(None)
