"""Corrections that were made, collected faces, and exports."""

from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import pandas as pd
import streamlit as st

from fer_core.datasets import browse
from fer_core.emotions import EMOTIONS
from fer_core.errors import FerError
from ui.common.damaged import show_damaged
from ui.common.notices import say_error, say_problem
from ui.common.reading import show_task
from ui.common.text import plain
from ui.common.times import local, zone_name
from ui.dataset.browse import begin
from ui.dataset.face_grid import remember
from ui.dataset.open import Opened, Source
from ui.services import access, collected, corrections, datasets

#: The export of a visit in its session.
_EXPORT: Final = "dataset_export"
_FORMS: Final = {"csv": "Cleaned dataset (CSV)", "folders": "Cleaned dataset (folders, ZIP)"}


def export(data: Opened) -> None:
    """Show the menu of what can be written of a dataset."""
    with st.popover("Export", icon=":material/download:"):
        for form, label in _FORMS.items():
            st.button(
                label,
                icon=":material/save:",
                width="stretch",
                key=f"dataset_{form}",
                on_click=_begin_export,
                args=(data, form),
                help="It is written first, which takes a moment; then a button downloads it.",
            )
        st.download_button(
            "Corrections (CSV)",
            lambda: data.overlay().to_csv(),
            "corrections.csv",
            "text/csv",
            on_click="ignore",
            width="stretch",
            key="dataset_corrections",
        )
        st.caption(
            "The file itself is never changed. To train with the corrections, choose them as "
            "'Corrections' of a new run on the Training page."
        )


def _begin_export(data: Opened, form: Literal["csv", "folders"]) -> None:
    if running := st.session_state.get(_EXPORT):
        running.cancel()
    cleaned = data.overlay().apply(data.dataset, data.keys)
    name = f"{Path(data.source.title).stem.removesuffix('.csv')}-cleaned"
    st.session_state[_EXPORT] = datasets.export(cleaned, form, name)


def exported() -> None:
    """Show how far an export is, and the button that downloads it."""
    found = show_task(_EXPORT, "Writing the dataset")
    if found is None:
        return
    size = found.path.stat().st_size / 1e6
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            f"Download {plain(found.path.name)} ({size:,.0f} MB)",
            found.path.read_bytes,
            found.path.name,
            on_click="ignore",
            type="primary",
            icon=":material/download:",
            key="dataset_download",
        )
        st.button(
            "Discard", icon=":material/close:", key="dataset_discard",
            on_click=st.session_state.pop, args=(_EXPORT,),
        )  # fmt: skip


def corrections_view(data: Opened) -> None:
    """Show what was corrected in this dataset, by whom and why; undo and import."""
    st.session_state.setdefault("corrections_problem", None)
    say_problem("corrections_problem")
    show_damaged(corrections.list_damaged(), corrections.delete, "corrections_problem")
    log = corrections.history()
    log = log[log["face"].isin(data.known)].iloc[::-1].reset_index(drop=True)
    if log.empty:
        st.info(
            "Nothing was corrected yet. Under Browse and Problems the keys 1 to 7, X and T "
            "correct the face that is marked.",
            icon=":material/edit:",
        )
    else:
        _log(data, log)
    if access.is_admin():
        st.file_uploader(
            "Import corrections (CSV)",
            type=["csv", "tsv"],
            key="corrections_upload",
            on_change=_import,
            args=(data.known,),
        )


def _log(data: Opened, log: pd.DataFrame) -> None:
    now = data.overlay().faces.values()
    st.markdown(
        f"{sum(c.label is not None for c in now)} relabelled, "
        f"{sum(c.excluded for c in now)} left out, {sum(bool(c.tags) for c in now)} tagged."
    )
    shown = pd.DataFrame(
        {
            "row": [data.rows[face] for face in log["face"]],
            "picture": [
                browse.data_uri(data.dataset.faces[[data.rows[face]]], quality=None)
                for face in log["face"][:500]
            ]
            + [""] * max(0, len(log) - 500),
            "what": (log["action"] + " " + log["value"]).str.strip(),
            "undone": log["undone"],
            "author": log["author"],
            "time": [local(datetime.fromisoformat(time)) for time in log["time"]],
            "reason": log["reason"],
        }
    )
    # What was undone changes the key, so that no other row inherits its selection.
    chosen = st.dataframe(
        shown,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        key=f"corrections_log_{len(log)}_{int(log['undone'].sum())}",
        height=min(420, 38 + 35 * len(shown)),
        column_config={
            "row": "Row", "what": "What", "undone": "Undone", "author": "Author",
            "reason": "Reason",
            "picture": st.column_config.ImageColumn("Face", width="small"),
            "time": st.column_config.DatetimeColumn(
                f"Time ({zone_name()})", format="D MMM YYYY, HH:mm"
            ),
        },
        alt="Corrections, the newest first; select some to undo them",
    )  # fmt: skip
    batches = log["batch"].iloc[chosen.selection.rows].unique().tolist()
    st.button(
        "Undo selected",
        icon=":material/undo:",
        disabled=not batches or not access.is_admin(),
        help="Corrections that were made together are undone together.",
        on_click=_undo,
        args=(batches,),
        key="corrections_undo",
    )


def _undo(batches: list[str]) -> None:
    try:
        corrections.undo(*batches)
    except FerError as error:
        say_error(error)


def _import(known: frozenset[str]) -> None:
    upload = st.session_state["corrections_upload"]
    if upload is None:
        return
    try:
        overlay = corrections.read(upload.getvalue())
        batch = corrections.add_overlay(overlay)
    except FerError as error:
        say_error(error)
        return
    remember(batch, overlay.faces)
    st.toast(f"{len(overlay.events)} corrections read.", icon=":material/check:")
    if unknown := overlay.unknown(known):
        st.warning(
            f"{len(unknown)} of {len(overlay.faces)} corrected faces are not in this dataset, such "
            f"as {unknown[0]}. They are kept for the dataset that has them.",
            icon=":material/help:",
        )


def collected_view() -> None:
    """Show faces that people gave: look through them, delete, export."""
    st.session_state.setdefault("collected_problem", None)
    say_problem("collected_problem")
    show_damaged(
        collected.list_damaged(), lambda name: collected.delete(int(name)), "collected_problem"
    )
    faces = collected.list_faces()
    if not faces:
        st.info(
            "No faces were collected yet. On the Images, Live and Video pages a result can be "
            "corrected and, with consent, its face kept here.",
            icon=":material/face:",
        )
        return
    st.markdown(
        f"{len(faces)} {'face' if len(faces) == 1 else 'faces'}, kept with consent as 48×48 grey "
        "pixels. They are the dataset "
        "'Collected faces', and training can mix them in as `collected`."
    )
    shown = pd.DataFrame(
        {
            "picture": [browse.data_uri(one.face[None], quality=None) for one in faces],
            "label": [EMOTIONS[one.label] for one in faces],
            "the model said": [_said(one) for one in faces],
            "model": [one.model for one in faces],
            "page": [one.source for one in faces],
            "saved": [local(one.saved) for one in faces],
        }
    )
    chosen = st.dataframe(
        shown,
        hide_index=True,
        row_height=60,
        on_select="rerun",
        selection_mode="multi-row",
        key=f"collected_{len(faces)}_{faces[-1].id}",
        height=min(440, 40 + 60 * len(shown)),
        column_config={
            "picture": st.column_config.ImageColumn("Face", width="small"),
            "label": "Label", "the model said": "The model said", "model": "Model", "page": "Page",
            "saved": st.column_config.DatetimeColumn(
                f"Kept ({zone_name()})", format="D MMM YYYY, HH:mm"
            ),
        },
        alt="Collected faces; select some to delete them",
    )  # fmt: skip
    keys = [faces[row].id for row in chosen.selection.rows if row < len(faces)]
    with st.container(horizontal=True):
        st.button(
            f"Delete {len(keys)} selected" if keys else "Delete selected",
            icon=":material/delete:",
            disabled=not keys or not access.is_admin(),
            on_click=_delete,
            args=(keys,),
            key="collected_delete",
        )
        st.button(
            "Browse them",
            icon=":material/grid_view:",
            on_click=_browse,
            key="collected_browse",
        )


def _said(one: collected.CollectedFace) -> str:
    if not one.probabilities:
        return ""
    best = max(range(len(EMOTIONS)), key=lambda i: one.probabilities[i])
    return f"{EMOTIONS[best]} {one.probabilities[best] * 100:.0f} %"


def _delete(keys: list[int]) -> None:
    try:
        collected.delete(*keys)
    except FerError as error:
        say_error(error)


def _browse() -> None:
    st.session_state["dataset_chosen"] = Source(collected.NAME)
    begin()
