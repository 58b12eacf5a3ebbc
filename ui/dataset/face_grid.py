"""A page of faces to look at and to correct by keyboard; ``face_grid.js`` is its browser
half.

Every correction is in the store before the browser is told that it is done; until then
the browser shows it as done and sends it again.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd
import streamlit as st

from fer_core.datasets.browse import data_uri
from fer_core.emotions import COLORS, EMOTIONS
from fer_core.errors import FerError
from ui.common import pager
from ui.common.component import nothing, script
from ui.common.notices import say_error
from ui.services import access, corrections
from ui.services.corrections import Change

T = TypeVar("T")

#: Faces a page shows, and how many of them stand in a row of the sheet.
PAGE: Final = 60
_COLUMNS: Final = 10

_HTML: Final = """
<div id="grid" role="listbox" aria-label="Faces" aria-multiselectable="true"></div>
"""
_CSS: Final = """
#grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(70px, 1fr)); gap: 6px; }
[role=option] { border: 2px solid transparent; border-radius: 8px; padding: 3px; cursor: pointer;
  min-width: 0; color: var(--st-text-color); background: var(--st-secondary-background-color); }
[role=option]:focus-visible { outline: none; }
.at { border-color: var(--st-primary-color); }
.chosen { background: color-mix(in srgb, var(--st-primary-color) 35%, transparent); }
.picture { width: 100%; aspect-ratio: 1; background-repeat: no-repeat; border-radius: 5px; }
.word, .note { font-size: 12px; line-height: 1.35; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; }
.word::before { content: ""; display: inline-block; width: 8px; height: 8px; margin-right: 4px;
  border-radius: 50%; background: var(--dot); }
.note { opacity: 0.75; min-height: 1.35em; }
.changed .word { font-weight: 650; }
.excluded .picture { opacity: 0.3; }
.excluded .word { text-decoration: line-through; }
"""
_COMPONENT: Final = st.components.v2.component(
    "fer_face_grid",
    html=_HTML,
    css=_CSS,
    js=script(Path(__file__).with_suffix(".js")),
)


@dataclass(frozen=True)
class Shown:
    """What the visitor did on the page.

    Attributes:
        focus: key of the face looked at.
        turn: +1 or -1 where the page was left by keyboard, else 0.
    """

    focus: str | None
    turn: int


def face_grid(
    faces: np.ndarray,
    rows: np.ndarray,
    table: pd.DataFrame,
    *,
    key: str,
    focus: str | None,
    notes: Sequence[str] = (),
    proposals: Sequence[str] = (),
    tag: str = "",
    author: str = "",
    reason: str = "",
) -> Shown:
    """Show faces, and keep what is done to them.

    Args:
        faces: ``(N, 48, 48)``, all of the dataset.
        rows: positions of those to show.
        table: of :func:`fer_core.datasets.browse.corrected`.
        key: of the widget.
        focus: key of the face to begin at.
        notes: a word or two below each face.
        proposals: what the key A does to each.
        tag: what the key T puts on them.
        author: who corrects.
        reason: why.
    """
    session = st.session_state.setdefault(f"{key}_session", secrets.token_hex(4))
    part = table.iloc[rows]
    state = st.session_state.get(key, {})

    def save() -> None:
        _save(st.session_state[key].get("actions"), key, author, reason)

    result = _COMPONENT(
        key=key,
        data={
            "page": f"{session}-{hash(tuple(rows.tolist()))}",
            "session": session,
            "done": st.session_state.get(f"{key}_done", 0),
            "sheet": _sheet(faces[rows].tobytes(), len(rows)),
            "columns": _COLUMNS,
            "faces": _describe(part, rows, notes, proposals),
            "focus": focus,
            "emotions": list(EMOTIONS),
            "colors": COLORS,
            "tag": tag,
            "edit": access.is_admin(),
        },
        on_actions_change=save,
        on_focus_change=nothing,
        on_turn_change=nothing,
    )
    problem = st.session_state.pop(f"{key}_problem", None)
    if problem:
        say_error(problem)
    return Shown(result.focus or state.get("focus") or focus, int(result.turn or 0))


def _describe(
    part: pd.DataFrame, rows: np.ndarray, notes: Sequence[str], proposals: Sequence[str]
) -> list[dict[str, Any]]:
    found = []
    for i, (row, face) in enumerate(zip(rows.tolist(), part.itertuples(), strict=True)):
        words = f"Row {row}, {face.split}"
        if hasattr(face, "predicted"):
            said = f"{EMOTIONS[face.predicted]} {face.confidence * 100:.0f} %"
            words += f", the model says {said}"
        found.append(
            {
                "key": face.face,
                "label": EMOTIONS[face.label],
                "original": EMOTIONS[face.original],
                "excluded": bool(face.excluded),
                "tags": face.tags.split(", ") if face.tags else [],
                "note": notes[i] if len(notes) else "",
                "proposal": proposals[i] if len(proposals) else "",
                "words": words,
            }
        )
    return found


@st.cache_data(max_entries=64, show_spinner=False)
def _sheet(content: bytes, number: int) -> str:
    faces = np.frombuffer(content, np.uint8).reshape(number, 48, 48)
    return data_uri(faces, _COLUMNS)


def _save(actions: dict[str, Any] | None, key: str, author: str, reason: str) -> None:
    """Keep what is new in the browser's queue, in its order."""
    state = st.session_state
    if not actions or actions["session"] != state.get(f"{key}_session"):
        return
    for one in actions["queue"]:
        if one["seq"] <= state.get(f"{key}_done", 0):
            continue
        try:
            if one["action"] == "undo":
                undo_last()
            else:
                change(
                    [Change(face, one["action"], one["value"]) for face in one["faces"]],
                    author,
                    reason,
                )
        except FerError as error:
            state[f"{key}_problem"] = str(error)
        state[f"{key}_done"] = one["seq"]


def stable_order(key: str, asked: object, find: Callable[[], T]) -> T:
    """Return what ``find`` returns, called again only when something else is ``asked``.

    Faces that no longer fit once they are corrected stay where they are: the next key must
    hit the face that the eye is on.
    """
    state = st.session_state
    if state.get(f"{key}_stable_order", (None,))[0] != asked:
        state[f"{key}_stable_order"] = (asked, find())
    return state[f"{key}_stable_order"][1]


def afresh(key: str) -> None:
    """Let :func:`stable_order` call its function again."""
    st.session_state.pop(f"{key}_stable_order", None)


def page_of(number: int, key: str) -> tuple[int, int]:
    """Ask which page of ``number`` faces is shown, from 1, and how many there are."""
    pages = max(1, -(-number // PAGE))
    return pager.page_of(pages, f"{key}_page"), pages


def turn_to(page: int, key: str) -> None:
    """Show another page."""
    st.session_state[f"{key}_page"] = page


def turner(pages: int, key: str, where: str) -> None:
    """Show a pager of the grid, ``where`` is "above" or "below"."""
    pager.turner(pages, f"{key}_page", where)


def change(changes: list[Change], author: str = "", reason: str = "") -> None:
    """Keep changes; the session remembers them for :func:`undo_last`."""
    remember(corrections.add(changes, author, reason), [one.face for one in changes])


def remember(batch: str, faces: Iterable[str]) -> None:
    """Let :func:`undo_last` take back a batch of corrections of some faces."""
    st.session_state.setdefault("dataset_batches", []).append((batch, frozenset(faces)))


def last_changed() -> frozenset[str]:
    """Return the keys of the faces that :func:`undo_last` would change."""
    batches = st.session_state.get("dataset_batches")
    return batches[-1][1] if batches else frozenset()


def undo_last() -> None:
    """Take back the last thing that was done in this session."""
    batches = st.session_state.setdefault("dataset_batches", [])
    while batches:
        if corrections.undo(batches.pop()[0]):
            return
