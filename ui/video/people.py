"""Who is in a video: pictures and names of everybody, and what is doubtful or wrong about it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import streamlit as st

from fer_core.errors import FerError
from fer_core.timeline import clock
from fer_core.video.people import Doubt
from fer_core.video.result import VideoResult
from ui.common.notices import say_error
from ui.common.text import plain
from ui.common.words import EVERYONE, person_label
from ui.services import videos
from ui.services.videos import VideoJob
from ui.video.timeline import seek

state = st.session_state

#: Doubtful cases that are shown before "Show all" is pressed.
_FIRST: Final = 3
#: Width of pictures in pixels.
_WIDTH: Final = 96


def choose_person(job: VideoJob, result: VideoResult, persons: list[int]) -> int | None:
    """Ask whose curves to show, and return the number, or ``None`` for everyone's mean."""
    if len(persons) < 2:
        return persons[0]
    options = [*persons, EVERYONE]
    if state.get("video_person") not in options:
        state["video_person"] = persons[0]
    names = _labels(result, persons) | {EVERYONE: person_label(EVERYONE)}
    key = _key("video_person", names)
    state[key] = person = state["video_person"]
    pictures = _portraits(job, result)
    if person in pictures:
        st.image(pictures[person], width=40, alt=result.name(person))
    chosen = st.selectbox(
        "Person",
        options,
        format_func=names.__getitem__,
        key=key,
        label_visibility="collapsed",
        width=180,
        on_change=lambda: state.update(video_person=state[key]),
    )
    return None if chosen == EVERYONE else chosen


def go_to(time: float, person: int | None = None) -> None:
    """Show a moment, and the curves of who is meant."""
    seek(time)
    if person is not None:
        state["video_person"] = person


def people(job: VideoJob, result: VideoResult, persons: list[int]) -> None:
    """Show everybody, the doubtful cases, and what can be corrected."""
    doubts = result.open_doubts()
    title = f"People ({len(persons)})"
    if doubts:
        title += f" · {len(doubts)} doubtful"
    with st.expander(title, icon=":material/group:", key="video_people"):
        st.caption(
            "People are told apart by place, by the colours of hair, face and clothes, and by the "
            "face's texture. Name them, join those who are one, and split those who are two: "
            "'Split at this moment' below the timeline makes the person shown somebody new from "
            "there on."
        )
        if doubts:
            _doubts(job, result, doubts)
        _names(job, result, persons)
        _join(job, result, persons)


def change(job: VideoJob, make: Callable[[], VideoResult]) -> None:
    """Save a correction and show it, or say why it cannot be made."""
    try:
        videos.save_people(job, make())
    except FerError as error:
        say_error(error)
    else:
        st.rerun()


def _portraits(job: VideoJob, result: VideoResult) -> dict[int, Path]:
    """Return a picture of each person there is one of."""
    found: dict[int, Path] = {}
    for row in job.faces(result):
        if row["doubt"] is None and row["picture"]:
            found.setdefault(row["person"], row["picture"])
    return found


def _labels(result: VideoResult, persons: list[int]) -> dict[int, str]:
    """Return names, with the number where two have the same."""
    names = {person: result.name(person) for person in persons}
    several = [name for name in names.values() if list(names.values()).count(name) > 1]
    return {p: f"{name} ({p})" if name in several else name for p, name in names.items()}


def _key(what: str, names: dict[int, str]) -> str:
    """Return a select box's key: it keeps the words that it shows, so other names are another."""
    return f"{what}_{hash(tuple(names.items()))}"


def _names(job: VideoJob, result: VideoResult, persons: list[int]) -> None:
    pictures = _portraits(job, result)
    with st.form("video_names", border=False):
        with st.grid(min_column_width=200):
            for person in persons:
                with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
                    if person in pictures:
                        st.image(pictures[person], width=64, alt=result.name(person))
                    st.text_input(
                        f"Person {person}",
                        result.names.get(person, ""),
                        max_chars=40,
                        key=f"video_name_{job.name}_{person}",
                    )
        if st.form_submit_button("Save names", icon=":material/save:"):
            for person in persons:
                result = result.called(person, state[f"video_name_{job.name}_{person}"])
            change(job, lambda: result)


def _join(job: VideoJob, result: VideoResult, persons: list[int]) -> None:
    names = _labels(result, persons)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if len(persons) > 1:
            one = st.selectbox(
                "Join",
                persons[::-1],
                format_func=names.__getitem__,
                key=_key("video_join", names),
                width=180,
            )
            into = st.selectbox(
                "with",
                [person for person in persons if person != one],
                format_func=names.__getitem__,
                key=_key("video_into", names),
                width=180,
            )
            if st.button("Join", icon=":material/merge:", key="video_merge"):
                change(job, lambda: result.with_merged(one, into))
        if result.edits and st.button(
            "All as found",
            icon=":material/undo:",
            key="video_apart",
            help="Take back every join and split. Names stay.",
        ):
            change(job, result.apart)


def _doubts(job: VideoJob, result: VideoResult, doubts: list[tuple[int, Doubt]]) -> None:
    """Show both faces of what is doubtful, the most doubtful first."""
    st.markdown("**Doubtful**")
    shown = doubts
    if len(doubts) > _FIRST and not st.toggle(f"Show all {len(doubts)}", key="video_all_doubts"):
        shown = doubts[:_FIRST]
    faces = {(row["doubt"], row["side"]): row["picture"] for row in job.faces(result)}
    with st.grid(min_column_width=300):
        for index, doubt in shown:
            with st.container(border=True, gap="xsmall"):
                _doubt(job, result, index, doubt, [faces.get((index, side)) for side in (0, 1)])


def _doubt(job: VideoJob, result: VideoResult, index: int, doubt: Doubt, faces: list[Any]) -> None:
    first, second = (result.name(person) for person in doubt.persons)
    with st.container(horizontal=True, gap="xsmall"):
        for picture, when in zip(faces, ("earlier", "later"), strict=True):
            if picture:
                st.image(picture, width=_WIDTH, alt=f"{first}, {when}")
    at, sure = clock(doubt.time), f"{doubt.confidence:.0%} sure"
    swap, joined = doubt.kind == "swap", doubt.persons[0] == doubt.persons[1]
    if swap:
        text = f"{first} before and after {second} came close at {at}: the same, {sure}"
    elif joined:
        text = f"{first} until {clock(doubt.before)} and from {at} on: one person, {sure}"
    else:
        text = (
            f"{first} until {clock(doubt.before)}, {second} from {at} on: one person, only {sure}"
        )
    st.markdown(plain(text))
    with st.container(horizontal=True, gap="xsmall"):
        st.button(
            at,
            key=f"video_doubt_{index}",
            icon=":material/my_location:",
            on_click=go_to,
            args=(doubt.time, doubt.persons[0]),
            help="Go to this moment",
        )
        if not swap and not joined:
            if st.button("Join", icon=":material/merge:", key=f"video_doubt_join_{index}"):
                change(job, lambda: result.with_merged(doubt.persons[1], doubt.persons[0]))
            return
        if swap and st.button(
            "Exchange",
            icon=":material/swap_horiz:",
            key=f"video_doubt_swap_{index}",
            help=f"From this moment on {first} is {second}, and {second} is {first}.",
        ):
            change(job, lambda: result.with_exchange(*doubt.persons, doubt.time))
        if st.button(
            "Split at this moment",
            icon=":material/call_split:",
            key=f"video_doubt_split_{index}",
            help="From this moment on it is somebody else.",
        ):
            change(job, lambda: result.with_split(doubt.persons[0], doubt.time))
