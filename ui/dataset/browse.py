"""Browsing a dataset: filters, a page of faces, and one of them large."""

from html import escape
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from fer_core.analysis import Face
from fer_core.classifier import load_classifier
from fer_core.datasets import browse
from fer_core.datasets.base import SPLITS
from fer_core.datasets.ferplus import OTHERS, counts_of
from fer_core.emotions import COLORS, EMOTIONS
from fer_core.errors import FerError
from fer_core.explain import warm_up
from fer_core.faces import Detection
from fer_core.preprocess import faces_to_crops
from ui.common.faces import percent, why
from ui.common.notices import say_error
from ui.common.text import plain
from ui.dataset.face_grid import (
    PAGE,
    afresh,
    change,
    face_grid,
    last_changed,
    page_of,
    stable_order,
    turn_to,
    turner,
    undo_last,
)
from ui.dataset.open import Opened
from ui.services import access
from ui.services.audits import AuditJob
from ui.services.corrections import Change
from ui.services.models import list_models

_ANY = "any"
#: The order of faces by their similarity to one of them.
_SIMILAR = "similar"
KEYS = (
    "Keys: 1–7 relabel (1 angry, 2 disgust, 3 fear, 4 happy, 5 sad, 6 surprise, 7 neutral), "
    "X exclude, T tag, U undo, arrows move, Space or Shift select several, Page Up and Down turn."
)


def begin(**filters: object) -> None:
    """Set the filters and show the faces; for buttons and charts of other views."""
    state = st.session_state
    for name in ("split", "label", "predicted", "state"):
        state[f"browse_{name}"] = filters.get(name, _ANY)
    for name in ("confidence", "agreement"):
        state[f"browse_{name}"] = (0, 100)
    state["browse_tag"] = ""
    state["browse_like"] = filters.get("like")
    state["browse_order"] = _SIMILAR if filters.get("like") else filters.get("order", "row")
    turn_to(1, "browse")
    state["browse_focus"] = filters.get("focus")
    state["dataset_view"] = "Browse"


def _set_defaults() -> None:
    state = st.session_state
    for name in ("split", "label", "predicted", "state"):
        state.setdefault(f"browse_{name}", _ANY)
    for name in ("confidence", "agreement"):
        state.setdefault(f"browse_{name}", (0, 100))
    state.setdefault("browse_tag", "")
    state.setdefault("browse_order", "row")
    state.setdefault("browse_like", None)
    state.setdefault("browse_focus", None)
    state.setdefault("dataset_tag", "look again")


def _first_page() -> None:
    turn_to(1, "browse")


def view(data: Opened, audit: AuditJob) -> None:
    """Show filters, faces, and the one looked at."""
    afresh("browse")
    _view(data, audit)


@st.fragment
def _view(data: Opened, audit: AuditJob) -> None:
    _set_defaults()
    state = st.session_state
    overlay = data.overlay()
    table = browse.corrected(data.seen(audit) if audit.done else data.table, overlay)
    _filters(table)
    rows = _rows(data, audit, table)
    if not len(rows):
        st.info("No face fits. Widen the filters.", icon=":material/search_off:")
        return
    page, pages = page_of(len(rows), "browse")
    shown = rows[(page - 1) * PAGE : page * PAGE]
    if state["browse_focus"] not in set(data.keys[shown]):
        state["browse_focus"] = data.keys[shown[0]]

    left, right = st.columns([7, 4], gap="medium")
    with left:
        with st.container(horizontal=True, vertical_alignment="center"):
            touched = f" · {len(overlay.faces):,} corrected in all" if overlay.faces else ""
            words = f"{len(rows):,} faces{touched}"
            if state["browse_order"] == _SIMILAR:
                words += f", the most similar to row {data.rows.get(state['browse_like'])} first"
            st.markdown(words, width="stretch")
            turner(pages, "browse", "above")
        found = face_grid(
            data.dataset.faces,
            shown,
            table,
            key="browse_grid",
            focus=state["browse_focus"],
            notes=_notes(table, shown),
            tag=state["dataset_tag"].strip(),
            author=state.get("dataset_author", ""),
            reason=state.get("dataset_reason", ""),
        )
        turner(pages, "browse", "below")
        st.caption(KEYS)
    if found.turn and 1 <= page + found.turn <= pages:
        turn_to(page + found.turn, "browse")
        st.rerun(scope="fragment")
    focus = found.focus if found.focus in set(data.keys[shown]) else state["browse_focus"]
    with right:
        large(data, table, data.rows[focus], audit)


def _notes(table: pd.DataFrame, rows: np.ndarray) -> list[str]:
    """Return where the model says otherwise, what it says."""
    if "predicted" not in table:
        return []
    part = table.iloc[rows]
    return [
        f"model: {EMOTIONS[p].lower()}" if p != label else ""
        for p, label in zip(part["predicted"], part["label"], strict=True)
    ]


def _filters(table: pd.DataFrame) -> None:
    state = st.session_state
    with st.container(horizontal=True, vertical_alignment="bottom"):
        splits = [split for split in SPLITS if (table["split"] == split).any()]
        st.selectbox("Split", [_ANY, *splits], key="browse_split", width=140, on_change=_first_page)
        st.selectbox(
            "Label", [_ANY, *EMOTIONS], key="browse_label", width=130, on_change=_first_page
        )
        st.selectbox(
            "Model says",
            [_ANY, *EMOTIONS],
            key="browse_predicted",
            width=130,
            disabled="predicted" not in table,
            help="First press 'Look through all faces' under Overview.",
            on_change=_first_page,
        )
        st.selectbox(
            "State", [_ANY, *browse.STATES], key="browse_state", width=130, on_change=_first_page
        )
        needs = {"loss": "loss", "confident": "loss", "unsure": "loss", "agreement": "agreement"}
        offered = [by for by in browse.ORDERS if needs.get(by, "label") in table]
        if state["browse_like"] is not None:
            offered.insert(0, _SIMILAR)
        if state["browse_order"] not in offered:
            state["browse_order"] = "row"
        st.selectbox(
            "Sorted",
            offered,
            format_func=(browse.ORDERS | {_SIMILAR: "Most similar first"}).get,
            key="browse_order",
            width=230,
            on_change=_first_page,
        )
        with st.popover("More", icon=":material/filter_alt:"):
            st.slider(
                "Model's confidence, %", 0, 100, key="browse_confidence",
                disabled="confidence" not in table, on_change=_first_page,
            )  # fmt: skip
            st.slider(
                "Annotators who agree with the label, %", 0, 100, key="browse_agreement",
                disabled="agreement" not in table, on_change=_first_page,
            )  # fmt: skip
            st.text_input("Tag", key="browse_tag", on_change=_first_page)
        with st.popover("Correcting", icon=":material/edit:"):
            st.text_input("Your name", key="dataset_author", placeholder="from this machine")
            st.text_input("Reason, kept with each correction", key="dataset_reason")
            st.text_input("Tag that the key T sets", key="dataset_tag", max_chars=60)


def _rows(data: Opened, audit: AuditJob, table: pd.DataFrame) -> np.ndarray:
    state = st.session_state

    def code(name: str) -> int | None:
        value = state[f"browse_{name}"]
        return None if value == _ANY else EMOTIONS.index(value)

    def share(name: str) -> tuple[float, float]:
        low, high = state[f"browse_{name}"]
        return low / 100, high / 100

    chosen = browse.Filter(
        split=None if state["browse_split"] == _ANY else state["browse_split"],
        label=code("label"),
        predicted=code("predicted"),
        confidence=share("confidence"),
        agreement=share("agreement"),
        state=None if state["browse_state"] == _ANY else state["browse_state"],
        tag=state["browse_tag"].strip(),
    )
    similar = state["browse_order"] == _SIMILAR and state["browse_like"]
    like = data.rows.get(state["browse_like"]) if similar else None

    def find() -> np.ndarray:
        features = audit.features if like is not None and audit.done else None
        order = browse.order(table, state["browse_order"], features, like)
        return order[chosen.mask(table)[order]]

    asked = (audit.name, audit.done, chosen, state["browse_order"], like)
    return stable_order("browse", asked, find)


def large(data: Opened, table: pd.DataFrame, row: int, audit: AuditJob) -> None:
    """Show one face: large, with label, votes, predictions, and what can be done to it."""
    face = table.iloc[row]
    key, label = face["face"], EMOTIONS[face["label"]]
    # A tap on a face brings this into view, by its key, where it stands below the faces.
    with st.container(border=True, gap="small", key="dataset_face"):
        with st.container(horizontal=True, vertical_alignment="top"):
            st.image(
                browse.enlarged(data.dataset.faces[row], 160),
                width=160,
                alt=f"Row {row}, labelled {label}",
            )
            with st.container(gap="small"):
                st.markdown(f"**{label}**  \nRow {row} · {face['split']}")
                if face["label"] != face["original"]:
                    st.badge(f"was {EMOTIONS[face['original']]}", icon=":material/edit:")
                if face["excluded"]:
                    st.badge("excluded", icon=":material/block:", color="red")
                if face["tags"]:
                    st.badge(plain(face["tags"]), icon=":material/sell:", color="gray")
        if access.is_admin():
            _buttons(key, label, bool(face["excluded"]))
        said = _predictions(data, row)
        if said:
            _say(said)
        if data.dataset.votes is not None:
            _votes(data, row)
        with st.container(horizontal=True):
            name = st.session_state["model"]
            if name in said:
                warm_up(name)
            if name in said and st.button("Why?", icon=":material/visibility:", key="browse_why"):
                crop = faces_to_crops(data.dataset.faces[row : row + 1])[0]
                face = Face(Detection((0, 0, 48, 48)), tuple(map(float, said[name])))
                why(crop, face, name)
            if st.button(
                "Similar faces",
                icon=":material/image_search:",
                disabled=not audit.done,
                help="Shows all faces in Browse, the most similar first."
                if audit.done
                else "First press 'Look through all faces' under Overview.",
                on_click=begin,
                kwargs={"like": key, "focus": key},
                key="browse_similar",
            ):
                st.rerun()  # the whole page: Problems gives way to Browse


def _buttons(key: str, label: str, excluded: bool) -> None:
    """Show the same as the keys, for fingers."""
    with st.container(horizontal=True, gap="xsmall"):
        for emotion in EMOTIONS:
            st.button(
                emotion,
                key=f"set_{emotion}",
                type="primary" if emotion == label else "secondary",
                on_click=_do,
                args=(key, "label", emotion),
            )
        st.button(
            "Include" if excluded else "Exclude",
            key="set_excluded",
            icon=":material/undo:" if excluded else ":material/block:",
            on_click=_do,
            args=(key, "include" if excluded else "exclude", ""),
        )
        st.button(
            "Undo",
            key="set_undo",
            icon=":material/history:",
            disabled=key not in last_changed(),
            on_click=undo_last,
            help="Takes back your last correction, where it was of this face.",
        )


def _do(key: str, action: str, value: str) -> None:
    state = st.session_state
    try:
        change(
            [Change(key, action, value)],
            state.get("dataset_author", ""),
            state.get("dataset_reason", ""),
        )
    except FerError as error:
        say_error(error)


def _predictions(data: Opened, row: int) -> dict[str, np.ndarray]:
    found = {}
    for folder in list_models():
        try:
            classifier = load_classifier(folder.name)
            said = classifier.predict_faces(data.dataset.faces[row : row + 1])
        except FerError:
            continue  # the Models page says what is wrong with it
        found[folder.name] = said[0]
    return found


def _say(said: dict[str, np.ndarray]) -> None:
    """Show what every model says, with the seven as bars in order.

    No ``st.dataframe``: nothing else here needs its megabyte of browser code, for which the
    first face would wait.
    """
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{EMOTIONS[p.argmax()]} <b>{percent(p.max())}</b></td>"
        f'<td style="white-space: nowrap">{_seven(p)}</td></tr>'
        for name, p in said.items()
    )
    st.html(f'<table style="width: 100%; font-size: 14px">{rows}</table>')


def _seven(probabilities: np.ndarray) -> str:
    words = [f"{e} {percent(p)}" for e, p in zip(EMOTIONS, probabilities, strict=True)]
    bars = "".join(
        f'<i title="{word}" style="display: inline-block; width: 9px; margin-right: 2px; '
        f'vertical-align: bottom; height: {1 + 23 * p:.0f}px; background: {COLORS[emotion]}"></i>'
        for word, emotion, p in zip(words, EMOTIONS, probabilities, strict=True)
    )
    return f'<span role="img" aria-label="{", ".join(words)}">{bars}</span>'


@st.cache_data(max_entries=2, show_spinner=False)
def _counts(_data: Opened, votes: str, stamp: tuple) -> np.ndarray:
    return counts_of(_data.dataset, Path(votes).expanduser())


def _votes(data: Opened, row: int) -> None:
    counts = _counts(data, data.source.votes, data.source.stamp())[row]
    names = [*EMOTIONS, *(name.capitalize() if name != "NF" else "No face" for name in OTHERS)]
    votes = pd.DataFrame({"who": names, "votes": counts})
    votes = votes[votes["votes"] > 0]
    chart = (
        alt.Chart(votes)
        .mark_bar(cornerRadiusEnd=3, height=12)
        .encode(
            x=alt.X("votes:Q", title="annotators", axis=alt.Axis(tickMinStep=1)),
            y=alt.Y("who:N", title=None, sort="-x", axis=alt.Axis(labelOverlap=False)),
            color=alt.Color(
                "who:N",
                legend=None,
                scale=alt.Scale(
                    domain=names, range=[*(COLORS[e] for e in EMOTIONS), *["#555555"] * 3]
                ),
            ),
        )
        .properties(height=alt.Step(18))
    )
    words = ", ".join(f"{name} {n:.0f}" for name, n in votes.itertuples(index=False))
    st.altair_chart(chart, key="browse_votes", alt=f"Votes of FER+: {words}")
