"""What an audit found: kinds with counts, and ranked faces with reason and proposal."""

import numpy as np
import pandas as pd
import streamlit as st

from fer_core.audit import EXCLUDE, KINDS
from fer_core.datasets import browse
from fer_core.datasets.base import SPLITS
from fer_core.errors import FerError
from ui.common.notices import say_error
from ui.common.text import plain
from ui.dataset.audit_report import audit_report
from ui.dataset.browse import KEYS, large
from ui.dataset.face_grid import (
    PAGE,
    afresh,
    change,
    face_grid,
    page_of,
    stable_order,
    turn_to,
    turner,
)
from ui.dataset.open import Opened
from ui.dataset.overview import audit_controls
from ui.services import access
from ui.services.audits import AuditJob
from ui.services.corrections import Change

_ALL = "all splits"


def view(data: Opened, audit: AuditJob) -> None:
    """Show the audit, or the way to make it."""
    if not audit.done:
        audit_controls(data, audit)
        return
    found = audit.result()
    place = st.expander(
        "Report", icon=":material/summarize:", key="problems_report", on_change="rerun"
    )
    if place.open:
        with place:
            audit_report(data, audit)
    afresh("problems")
    _faces(data, audit, found.problems)


@st.fragment
def _faces(data: Opened, audit: AuditJob, problems: pd.DataFrame) -> None:
    state = st.session_state
    state.setdefault("problems_focus", None)
    numbers = problems["kind"].value_counts()
    kinds = [kind for kind in KINDS if numbers.get(kind, 0)]
    if not kinds:
        st.success("Nothing was found.", icon=":material/check:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            "Kind",
            kinds,
            default=kinds[0],
            required=True,
            format_func=lambda kind: f"{KINDS[kind]} · {numbers[kind]:,}",
            key="problems_kind",
            label_visibility="collapsed",
            on_change=_first_page,
        )
        split = st.selectbox(
            "Split",
            [_ALL, *(s for s in SPLITS if (problems["split"] == s).any())],
            key="problems_split",
            width=150,
            label_visibility="collapsed",
            on_change=_first_page,
        )
        open_only = st.toggle(
            "Not yet corrected", value=True, key="problems_open", on_change=_first_page
        )
    overlay = data.overlay()
    table = browse.corrected(data.seen(audit), overlay)

    def find() -> pd.DataFrame:
        part = problems[problems["kind"] == kind]
        if split != _ALL:
            part = part[part["split"] == split]
        return part[~part["face"].isin(list(overlay.faces))] if open_only else part

    part = stable_order("problems", (audit.name, kind, split, open_only), find)
    if part.empty:
        st.success("No face of this kind is left.", icon=":material/check:")
        return
    page, pages = page_of(len(part), "problems")
    shown = part.iloc[(page - 1) * PAGE : page * PAGE]
    keys = set(shown["face"])
    if state["problems_focus"] not in keys:
        state["problems_focus"] = shown["face"].iloc[0]

    if data.source.source == "demo":
        st.caption(
            "These faces are drawn, and the models that come with the program are made for photos: "
            "reasons and proposals are guesses. Look before you accept one."
        )
    left, right = st.columns([7, 4], gap="medium")
    with left:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"{len(part):,} faces, the surest first", width="stretch")
            turner(pages, "problems", "above")
            if access.is_admin() and (shown["proposal"] != "").any():
                st.button(
                    "Accept all on this page",
                    icon=":material/done_all:",
                    on_click=_accept,
                    args=(shown,),
                    key="problems_accept",
                )
        found = face_grid(
            data.dataset.faces,
            shown["row"].to_numpy(),
            table,
            key="problems_grid",
            focus=state["problems_focus"],
            notes=[_note(*pair) for pair in zip(shown["proposal"], shown["across"], strict=True)],
            proposals=shown["proposal"].tolist(),
            tag=state.setdefault("dataset_tag", "look again"),
            author=state.get("dataset_author", ""),
            reason=f"audit: {KINDS[kind].lower()}",
        )
        turner(pages, "problems", "below")
        st.caption(f"A accepts what is proposed. {KEYS}")
    if found.turn and 1 <= page + found.turn <= pages:
        turn_to(page + found.turn, "problems")
        st.rerun(scope="fragment")
    focus = found.focus if found.focus in keys else state["problems_focus"]
    one = shown[shown["face"] == focus].iloc[0]
    with right:
        proposal = {"": "", EXCLUDE: " · proposed: leave it out"}.get(
            one["proposal"], f" · proposed: {one['proposal'].lower()}"
        )
        reason = one["reason"]
        st.markdown(plain(f"{reason[:1].upper()}{reason[1:]}{proposal}."))
        if one["group"] >= 0:
            _group(data, problems, one)
        large(data, table, data.rows[focus], audit)


def _group(data: Opened, problems: pd.DataFrame, one: pd.Series) -> None:
    """Show all copies of a picture, side by side."""
    rows = problems.loc[problems["group"] == one["group"], "row"].to_numpy()[:8]
    faces = data.dataset.faces[np.unique(rows)]
    st.image(browse.sheet(faces, len(faces)), width=60 * len(faces), alt=f"{len(faces)} copies")


def _note(proposal: str, across: bool) -> str:
    words = "leave out?" if proposal == EXCLUDE else f"{proposal.lower()}?" if proposal else ""
    return f"{words} across splits" if across and not words else words


def _first_page() -> None:
    turn_to(1, "problems")


def _accept(shown: pd.DataFrame) -> None:
    changes = [
        Change(face, "exclude") if proposal == EXCLUDE else Change(face, "label", proposal)
        for face, proposal in zip(shown["face"], shown["proposal"], strict=True)
        if proposal
    ]
    try:
        change(changes, st.session_state.get("dataset_author", ""), "audit, accepted by page")
        afresh("problems")
    except FerError as error:
        say_error(error)
