"""Live: the visitor's own camera, with every face's emotions as they change."""

import io
from collections.abc import Sequence
from datetime import datetime

import streamlit as st
from PIL import Image

from fer_core.emotions import EMOTIONS
from fer_core.face_labels import FaceLabel
from fer_core.live import LiveOptions
from fer_core.preprocess import crop_face
from fer_core.settings import settings
from fer_core.tracking.smoothing import SMOOTHING
from ui.common import timeline_panels as panels
from ui.common.browser_key import browser_key
from ui.common.collect import correct, say_collected
from ui.common.controls import model_row
from ui.common.faces import expression_in_words
from ui.common.footer import footer
from ui.common.navigation import IMAGES, through_front_door
from ui.common.notices import say_error
from ui.common.text import plain
from ui.common.times import zone
from ui.common.words import EVERYONE, person_label
from ui.live import beside, device
from ui.live.after import ASKED, ask, saved_sessions, session_name, summary
from ui.live.causes import CAUSES, DEVICE_CAUSES, SERVER_CAUSES
from ui.live.link import live_link
from ui.live.recording import recording
from ui.services import access

through_front_door()

state = st.session_state
state.setdefault("live_mirror", True)
state.setdefault("live_labels", True)
state.setdefault("live_bars", True)
state.setdefault("live_hide", False)
state.setdefault("live_smoothing", SMOOTHING)
state.setdefault("live_record", False)
state.setdefault("live_met", False)

#: What is chosen outside the stage, and decides what the whole page shows.
CHOSEN = (
    *("model", "detector", "largest", "unsure_below", "live_where", "live_record"),
    *("class_prior", "prior_strength", *(f"prior_{emotion}" for emotion in EMOTIONS)),
    *("live_mirror", "live_labels", "live_bars", "live_hide", "live_smoothing"),
    ASKED,
)

WHERE = {"device": "On this device", "server": "Through the server"}
WHERE_TO = {
    "device": "The picture stays in this browser and is analysed there. Only numbers go to the "
    "machine that runs this app.",
    "server": "The picture goes to the machine that runs this app, is analysed there in memory "
    "and comes back.",
}
CORRECT = {
    "device": "No picture leaves this browser here, so no face can be kept. Take a photo on "
    "Images and correct it there, or choose 'Through the server'.",
    "server": "Say what the largest face shows, and keep it for training.",
}
FIGURES = {
    "device": "Frames that the camera gives, analyses finished, and the median time from a frame "
    "to its result being drawn.",
    "server": "Frames that came back to this browser, analyses finished, and the median time from "
    "a frame's reaching the server to its own result being drawn.",
}


def where() -> str:
    """Return where pictures are analysed, as the visitor chose."""
    if not device.available():
        return "server"
    return state.setdefault("live_where", settings().live_first)


def ask_where() -> None:
    """Ask where pictures are analysed, if there is a choice."""
    if not device.available():
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.segmented_control(
            "Where pictures are analysed",
            list(WHERE),
            format_func=WHERE.__getitem__,
            required=True,
            key="live_where",
            label_visibility="collapsed",
            persist_state="session",
            width="content",
        )
        st.caption(WHERE_TO[state["live_where"]], width="content")


def intro() -> None:
    """Show what will happen, before anything does."""
    with st.container(border=True):
        st.markdown(
            "**Before you start.** Your browser will ask for the camera. "
            f"{WHERE_TO[place]} You see every face boxed and labelled. No picture is kept. "
            "Numbers are kept while you record them, on the machine that runs this app, until "
            "you discard them or keep the session."
        )
        st.markdown(
            "**Where it must not be used.** In the European Union, inferring emotions of people "
            "at work or in education is prohibited except for medical or safety reasons (AI Act, "
            "Article 5(1)(f)). Elsewhere, tell everyone in front of the camera what it does "
            "(Article 50(3))."
        )


def trouble() -> None:
    """Show why there is no picture, what to do, and another way on."""
    title, advice = (CAUSES | SERVER_CAUSES | DEVICE_CAUSES).get(live.cause, CAUSES["camera"])
    st.warning(advice, title=title, icon=":material/videocam_off:")
    if live.cause in DEVICE_CAUSES:
        if st.button(
            "Analyse through the server",
            icon=":material/dns:",
            on_click=lambda: state.update(live_where="server"),
        ):
            st.rerun()
        return
    if live.cause == "embedded":
        # Single pictures need the same camera, so there is no other way inside the frame.
        address = st.context.url
        if address:
            st.link_button("Open in a tab of its own", address, icon=":material/open_in_new:")
        return
    if live.phase == "failed" and st.button(
        "Use single pictures instead", icon=":material/photo_camera:"
    ):
        state["images_source"] = "Camera"
        st.switch_page(IMAGES.file)


def chosen() -> list:
    """Return what the page stands for at the moment."""
    return [live.session, *map(state.get, CHOSEN)]


def stage(drawn: list) -> None:
    """Show the picture, and all that moves beside it. One fragment, so that twice a second costs
    the server one run.

    Args:
        drawn: what was :func:`chosen` when the whole page was drawn.
    """
    # Streamlit's browser half sends a click that meets a report as if it were of this
    # fragment, and the rest of the page would not hear of it
    # (github.com/streamlit/streamlit/pull/12747).
    if chosen() != drawn:
        st.rerun()
    left, right = st.columns([3, 2], gap="medium")
    with left:
        live.show()
        if live.on and live.session.record.recording:
            mine.save()
    with right:
        if live.phase in ("failed", "lost"):
            trouble()
        if live.on:
            faces_in_view()
            running_numbers()
        elif not state["live_met"]:
            intro()
        elif live.phase == "off":
            st.caption("The camera is off. Press Start to go on.")


def faces_in_view() -> None:
    """Show seven bars for every face, or why there are none."""
    session = live.session
    if session.error:
        say_error(session.error)
        return
    seen = session.faces()
    if seen is None:
        # What is wrong stands over the picture.
        said = "No result at the moment." if live.trouble else "Looking…"
        if live.trouble in ("loading", "load_long") and place == "server":
            said = f"The model is loading, {session.waiting()[0]:.0f} s so far."
        st.caption(said)
    elif not seen.faces:
        st.info("No face in view.", icon=":material/search_off:")
    else:
        # Side by side, so that two people's bars are seen whole; by number, so that nobody jumps.
        faces = sorted(seen.faces, key=lambda face: face.person or 0)
        many = len(faces) > 1
        with st.container(height=215 if len(faces) > 2 else "content", border=False):
            columns = st.columns(2, gap="small") if many else [st.container()]
            for index, face in enumerate(faces):
                with columns[index % len(columns)]:
                    number = f"{face.person} · " if many else ""
                    st.markdown(
                        f"**{number}{expression_in_words(face, choice.unsure_below).capitalize()}**"
                    )
                    if state["live_bars"]:
                        panels.bars(face, key=f"live_bars_{index}")


def running_numbers() -> None:
    """Show how it runs, and the last minute."""
    session = live.session
    stats = session.stats()
    frames = stats.frames if live.fps is None else live.fps
    parts = [f"{frames:.0f} frames/s", f"{stats.analyses:.0f} analyses/s"]
    if stats.delay is not None:
        parts.append(f"{stats.delay:.0f} ms delay")
    if live.relay:
        parts.append("through the relay")
    if session.record.recording:
        full = ", full" if session.record.full else ""
        parts.append(f":red[recording, {len(session.record)} rows{full}]")
    st.markdown(" · ".join(parts), help=FIGURES[place])
    recent = session.record.recent()
    # Whoever was there for a moment only was probably no face.
    rows = recent["person"].value_counts()
    persons = sorted(rows.index[rows >= 5].tolist())
    person = None
    if len(persons) > 1:
        seen = session.faces()
        in_view = [face.person for face in seen.faces if face.person in persons] if seen else []
        options = [*persons, EVERYONE]
        # The largest face in view, until the visitor chooses somebody; then them, while there
        # is anything to show.
        now = state.get("live_person")
        if now not in options or (not state.get("live_person_chosen") and now not in in_view):
            state["live_person_chosen"] = False
            state["live_person"] = in_view[0] if in_view else persons[-1]
        person = st.pills(
            "Person",
            options,
            format_func=person_label,
            required=True,
            key="live_person",
            on_change=lambda: state.update(live_person_chosen=True),
        )
        person = None if person == EVERYONE else person
    panels.last_minute(recent, session.now(), person)


def snapshot() -> bytes:
    """Return the last analysed picture with its result, as PNG."""
    image = live.session.snapshot()
    file = io.BytesIO()
    if image is not None:
        Image.fromarray(image).save(file, "PNG", compress_level=3)
    return file.getvalue()


def correct_newest() -> None:
    """Ask what the largest face of the last analysed frame shows."""
    newest = live.session.newest()
    if newest is None or not newest[1].faces:
        st.toast("There is no face in view.", icon=":material/search_off:")
        return
    frame, seen = newest
    face = seen.faces[0]
    correct(
        crop_face(frame, face.detection.square, face.detection.roll or 0.0),
        face,
        seen.model,
        "Live",
    )


def recording_in_words() -> str:
    """Return what the switch "Record numbers" does at the moment."""
    if not state["live_record"]:
        return "Off: no numbers are kept. Turn it on for a table, curves and exports."
    if not live.on:
        return "Numbers are recorded from the moment the camera starts."
    return "Numbers are recorded until you turn it off or stop the camera."


def discard() -> None:
    """Throw the recording away."""
    mine.discard(session_name())
    restart_recording()


def saved() -> None:
    """Let go of a recording that is kept now."""
    mine.finish()
    restart_recording()


def relabel(labels: Sequence[FaceLabel]) -> None:
    """Give the recording labels of its visitor."""
    record.labels = labels
    ask("label")


def restart_recording() -> None:
    """Prepare for the next recording, which gets a name of its own."""
    state["live_record"] = False
    state.pop("live_name", None)


# The page, from top to bottom.
asked = state.pop(ASKED, None)
if asked == "record":  # with a video that begins
    state["live_record"] = True
say_collected()
place = where()
with st.container(horizontal=True, vertical_alignment="bottom"):
    with st.container(gap=None):
        st.title("Live")
        st.markdown("Follow the expressions in your camera's picture.")
    choice = model_row(device.only() if place == "device" else None)

browser_key()  # by which kept sessions are found again
ask_where()
mine = recording()
if not len(mine.record) and not state["live_record"]:
    mine.find()
left = state.get({"device": "live", "server": "live_own"}[place])
if left is not None and left.on:
    left.leave()
live = (device.device_link if place == "device" else live_link)(
    LiveOptions(
        model=choice.classifier.name,
        detector=choice.detector.name,
        largest=choice.largest,
        smoothing=state["live_smoothing"],
        mirror=state["live_mirror"],
        labels=state["live_labels"],
        hide=state["live_hide"],
        unsure_below=choice.unsure_below,
        class_prior=choice.class_prior,
    )
)
if place == "device" and live.model != state["model"]:
    st.caption(
        f"{plain(state['model'])} does not run in a browser, so {plain(live.model)} runs here. "
        "To use it, choose 'Through the server'."
    )
record = live.session.record
record.recording = state["live_record"] and live.on
if record.recording:
    mine.interrupted = None
state["live_met"] = state["live_met"] or live.on

st.fragment(stage, run_every=live.pace if live.on else None)(chosen())
with st.container(horizontal=True, vertical_alignment="center", gap="small"):
    # Apart from what only changes the picture, and said in words: it decides what is left later.
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", width="content"):
        st.markdown(":red[:material/radio_button_checked:]", width="content")
        st.toggle("**Record numbers**", key="live_record", persist_state="session")
    if place == "server":  # on the device it is beside Start: this side has no picture
        st.download_button(
            "Snapshot",
            snapshot,
            "snapshot.png",
            "image/png",
            icon=":material/photo_camera:",
            on_click="ignore",
            disabled=not live.on,
        )
    if access.is_admin():
        st.button(
            "Correct…",
            icon=":material/edit:",
            disabled=not live.on or place == "device",
            help=CORRECT[place],
            key="live_correct",
            on_click=lambda: ask("correct"),
        )
    beside.ask_keys()
    beside.ask_stimuli()
    st.caption(recording_in_words(), width="content")
with st.container(horizontal=True, vertical_alignment="center", gap="small"):
    st.toggle("Mirror", key="live_mirror", persist_state="session")
    st.toggle("Labels", key="live_labels", persist_state="session")
    st.toggle("Bars", key="live_bars", persist_state="session")
    st.toggle(
        "Hide faces",
        key="live_hide",
        persist_state="session",
        help="Hides every face in the picture, in snapshots and in videos that you save.",
    )
    with st.popover("Smoothing", icon=":material/waves:"):
        st.slider(
            "Seconds over which probabilities are averaged",
            0.0,
            2.0,
            step=0.1,
            format="%.1f s",
            key="live_smoothing",
            help="With 0, every result is shown as it is measured.",
            persist_state="session",
        )
if len(record) and not state["live_record"] and mine.interrupted is None:
    st.caption(
        "Recording again adds to the numbers below. To begin a new recording, keep or discard "
        "them first."
    )
if len(record) and state["live_record"] and not live.on:
    st.info(
        "The recording is interrupted, and goes on in the same table when you press "
        f"{'Go on' if live.phase == 'lost' else 'Start'}. The time in between will be marked as "
        "paused.",
        icon=":material/pause_circle:",
    )
if mine.interrupted is not None:
    until = datetime.fromtimestamp(mine.interrupted, zone()).strftime("%H:%M:%S %Z")
    st.info(
        f"A recording of this browser was interrupted. Its numbers until {until} are below. It "
        "goes on in the same table when you record again.",
        icon=":material/history:",
    )
if len(record) and not record.recording:
    mine.save(at_once=True)
    about = {
        "model": live.model,
        "detector": live.detector,
        "smoothing_seconds": state["live_smoothing"],
        **record.beside,
    }
    summary(record.table(), about, saved, discard, relabel)
saved_sessions()
if asked == "correct":
    correct_newest()
footer()
