"""A dataset at a glance: counts, means, light, and what a model makes of it."""

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from fer_core.datasets import browse
from fer_core.datasets.base import SPLITS
from fer_core.emotions import COLORS, EMOTIONS
from fer_core.errors import FerError
from ui.common.faces import percent
from ui.common.notices import say_error
from ui.common.text import sentence
from ui.common.words import duration_in_words
from ui.dataset.browse import begin
from ui.dataset.open import Opened
from ui.services import access, audits
from ui.services.audits import AuditJob

_COLORS = alt.Scale(domain=list(EMOTIONS), range=[COLORS[e] for e in EMOTIONS])
#: Of an axis that also shows emotions without a face.
_ALL = alt.Scale(domain=list(EMOTIONS))
#: Faces on the map: each carries its picture to the browser.
_ON_MAP = 1500
_EXAMPLES = 12


def view(data: Opened, audit: AuditJob) -> None:
    """Show everything, from top to bottom."""
    table = data.table
    left, right = st.columns(2, gap="large")
    with left:
        counts(table)
    with right:
        light(table)
    means(data)
    examples(data)
    st.subheader("Predictions of a model")
    audit_controls(data, audit)
    if audit.done:
        left, right = st.columns(2, gap="large")
        with left:
            confusion(data, audit)
        with right:
            face_map(data, audit)


def counts(table: pd.DataFrame) -> None:
    """Show faces per class and split, and how unequal they are."""
    st.subheader("Faces per class")
    sizes = table.groupby(["label", "split"], observed=True).size().rename("faces").reset_index()
    sizes["emotion"] = np.array(EMOTIONS)[sizes["label"]]
    whole = table["label"].value_counts()
    chart = (
        alt.Chart(sizes)
        .mark_bar()
        .encode(
            x=alt.X("faces:Q", title="faces"),
            y=alt.Y("emotion:N", title=None, sort=list(EMOTIONS), scale=_ALL),
            color=alt.Color("emotion:N", legend=None, scale=_COLORS),
            opacity=alt.Opacity(
                "split:N",
                sort=list(SPLITS),
                scale=alt.Scale(domain=list(SPLITS), range=[1.0, 0.7, 0.45]),
                legend=alt.Legend(title=None, orient="bottom", symbolFillColor="#8C8C8C"),
            ),
            order=alt.Order("split:N", sort="descending"),
            tooltip=["emotion:N", "split:N", "faces:Q"],
        )
        .properties(height=alt.Step(26))
    )
    words = ", ".join(f"{EMOTIONS[code]} {n}" for code, n in whole.sort_index().items())
    st.altair_chart(chart, key="overview_counts", alt=f"Faces per class: {words}")
    most, least = whole.idxmax(), whole.idxmin()
    st.caption(
        f"{EMOTIONS[most]} has {whole[most] / whole[least]:.1f} times the faces of "
        f"{EMOTIONS[least]}."
        if whole[most] > whole[least]
        else "Every class has equally many faces."
    )


def light(table: pd.DataFrame) -> None:
    """Show brightness and contrast per class."""
    st.subheader("Brightness and contrast")
    names = ["least", "quarter", "median", "three quarters", "most"]
    with st.grid(2, min_column_width=220):
        for measure in ("brightness", "contrast"):
            # Five numbers per class: a browser is busy for long with a box of thousands.
            boxes = table.groupby("label")[measure].quantile([0, 0.25, 0.5, 0.75, 1]).unstack()
            boxes.columns = names
            boxes = boxes.assign(emotion=np.array(EMOTIONS)[boxes.index])
            base = alt.Chart(boxes).encode(
                y=alt.Y("emotion:N", title=None, sort=list(EMOTIONS), scale=_ALL),
                tooltip=["emotion:N", *(alt.Tooltip(f"{n}:Q", format=".0f") for n in names)],
            )
            x = alt.X("least:Q", title=f"{measure}, grey values")
            lines = base.mark_rule(color="#8C8C8C").encode(x=x, x2="most:Q")
            middle = base.mark_bar(size=10).encode(
                x="quarter:Q",
                x2="three quarters:Q",
                color=alt.Color("emotion:N", legend=None, scale=_COLORS),
            )
            median = base.mark_tick(color="white", size=10).encode(x="median:Q")
            words = f"{measure.capitalize()}, on average {table[measure].mean():.0f} of 0 to 255"
            st.altair_chart(
                (lines + middle + median).properties(height=alt.Step(26)),
                key=f"overview_{measure}",
                alt=words,
            )


def means(data: Opened) -> None:
    """Show the mean face of every class and how it varies."""
    st.subheader("Mean faces, and below them where the faces of a class differ")
    with st.grid(7, min_column_width=90):
        for emotion, (mean, spread) in data.means.items():
            with st.container(gap="xsmall"):
                pair = np.vstack(
                    [
                        browse.enlarged(mean, 144),
                        browse.enlarged(255 * spread / max(1.0, spread.max()), 144),
                    ]
                )
                st.image(pair, width="stretch", alt=f"Mean face of {emotion} and its variation")
                st.caption(emotion)


def examples(data: Opened) -> None:
    """Show some faces of every class, all of which open."""
    st.subheader("Examples")
    rng = np.random.default_rng(0)
    for code, emotion in enumerate(EMOTIONS):
        rows = np.flatnonzero(data.dataset.labels == code)
        if not len(rows):
            continue
        some = np.sort(rng.permutation(rows)[:_EXAMPLES])
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.button(
                emotion,
                key=f"overview_{emotion}",
                width=110,
                help=f"All {len(rows):,} faces",
                on_click=begin,
                kwargs={"label": emotion},
            )
            st.image(
                browse.sheet(data.dataset.faces[some], len(some)),
                width=60 * len(some),
                alt=f"{len(some)} faces labelled {emotion}",
            )


def audit_controls(data: Opened, audit: AuditJob) -> None:
    """Show the button that starts an audit, how far it is, or when it was made."""
    status = audit.state()["status"] if audit.path.is_dir() else ""
    if status == "done":
        summary = audit.result().summary
        found = summary["labels"]
        if "error" in found:
            st.warning(sentence(found["error"]), icon=":material/info:")
        right = (audit.probabilities.argmax(axis=1) == data.dataset.labels).mean()
        st.caption(
            f"{st.session_state['model']} agrees with {percent(right)} of all labels. For a model "
            "that was trained on this dataset, the figures of the split Training are too high."
        )
        return
    if status in ("running", "queued"):
        _watch(audit)
        return
    if status in ("failed", "interrupted"):
        reason = audit.state().get("reason") or "Its process ended."
        say_error(reason)
    seconds = _expected(len(data.dataset), st.session_state["model"])
    st.markdown(
        "Looking through all faces adds filters and sorting by prediction, the confusion "
        "matrix, the map, similar faces, and everything under **Problems**. It takes about "
        f"{duration_in_words(seconds)} in the background, and its result is saved."
    )
    st.button(
        "Look through all faces",
        icon=":material/search:",
        type="primary",
        disabled=not access.is_admin(),
        on_click=_start,
        args=(data, audit),
        key="overview_audit",
    )


@st.cache_data(ttl=600, max_entries=20, show_spinner=False)
def _expected(faces: int, model: str) -> float:
    return audits.expected_seconds(faces, model)


def _start(data: Opened, audit: AuditJob) -> None:
    try:
        audits.start(audit, data.source, st.session_state["model"])
    except FerError as error:
        say_error(error)


@st.fragment(run_every=1)
def _watch(audit: AuditJob) -> None:
    if not audit.busy():
        st.rerun()
    now = audit.progress()
    with st.container(horizontal=True, vertical_alignment="center"):
        left = now.get("seconds_left")
        words = now.get("what", "Starting")
        if left is not None:
            words += f" · {duration_in_words(left)} left in this step"
        st.progress(min(1.0, now.get("share") or 0.0), words)
        if st.button("Cancel", icon=":material/close:", key="overview_cancel"):
            audits.stop(audit)
            st.rerun()


def confusion(data: Opened, audit: AuditJob) -> None:
    """Show labels against predictions; a cell opens the faces in it."""
    st.subheader("Labels and predictions")
    table = data.seen(audit)
    splits = [split for split in SPLITS if (table["split"] == split).any()]
    split = st.segmented_control(
        "Split",
        splits,
        default=splits[min(1, len(splits) - 1)],
        required=True,
        key="overview_split",
        label_visibility="collapsed",
    )
    part = table[table["split"] == split]
    # Every pair, also those that never occurred: a class that is never predicted shows as such.
    pairs = pd.MultiIndex.from_product([range(len(EMOTIONS))] * 2, names=["label", "predicted"])
    counts = part.groupby(["label", "predicted"]).size()
    cells = counts.reindex(pairs, fill_value=0).rename("faces").reset_index()
    labelled = cells.groupby("label")["faces"].transform("sum")
    cells["share"] = cells["faces"] / labelled.clip(lower=1)
    for name in ("label", "predicted"):
        cells[name] = np.array(EMOTIONS)[cells[name]]
    base = alt.Chart(cells).encode(
        x=alt.X("predicted:N", title="the model says", sort=list(EMOTIONS)),
        y=alt.Y("label:N", title="label", sort=list(EMOTIONS)),
        tooltip=[
            "label:N",
            "predicted:N",
            "faces:Q",
            alt.Tooltip("share:Q", format=".0%", title="of the label"),
        ],
    )
    squares = base.mark_rect(cursor="pointer").encode(
        color=alt.Color("share:Q", legend=None, scale=alt.Scale(scheme="blues", domain=[0, 1]))
    )
    numbers = base.mark_text(fontSize=12).encode(
        text="faces:Q",
        color=alt.condition("datum.share > 0.5", alt.value("white"), alt.value("#1B2530")),
    )
    cell = alt.selection_point("cell", fields=["label", "predicted"])

    def open_cell() -> None:
        chosen = st.session_state["overview_confusion"]["selection"]["cell"]
        if chosen:
            begin(split=split, label=chosen[0]["label"], predicted=chosen[0]["predicted"])

    st.altair_chart(
        (squares.add_params(cell) + numbers).properties(height=340),
        key="overview_confusion",
        on_select=open_cell,
        selection_mode="cell",
        alt=f"Confusion matrix of {len(part)} faces",
    )
    st.caption("Click a cell to see its faces.")


def face_map(data: Opened, audit: AuditJob) -> None:
    """Show the faces as the model sees them, on a plane; the pointer shows the picture."""
    st.subheader("Map of the faces")
    some = np.random.default_rng(0).permutation(len(data.dataset))[:_ON_MAP]
    places = audit.map[some]
    points = pd.DataFrame(
        {
            "x": places[:, 0],
            "y": places[:, 1],
            "emotion": np.array(EMOTIONS)[data.dataset.labels[some]],
            "face": data.keys[some],
            "image": _pictures(data.source.title, data.dataset.faces[some]),
        }
    )
    chosen = alt.selection_point("point", fields=["face"])

    def open_face() -> None:
        picked = st.session_state["overview_map"]["selection"]["point"]
        if picked:
            begin(like=picked[0]["face"], focus=picked[0]["face"])

    chart = (
        alt.Chart(points)
        .mark_circle(size=36, opacity=0.7, cursor="pointer")
        .encode(
            x=alt.X("x:Q", axis=None),
            y=alt.Y("y:Q", axis=None),
            color=alt.Color(
                "emotion:N", scale=_COLORS, legend=alt.Legend(title=None, orient="bottom")
            ),
            tooltip=["image:N", "emotion:N"],
        )
        .add_params(chosen)
        .properties(height=380)
        .interactive()
    )
    st.altair_chart(
        chart,
        key="overview_map",
        on_select=open_face,
        selection_mode="point",
        alt=f"{len(some)} faces by the two principal components of the model's features",
    )
    st.caption(
        f"{len(some):,} faces, by the two principal components of the model's features. Point at "
        "one to see it, click it to browse what is similar."
    )


@st.cache_data(max_entries=4, show_spinner=False)
def _pictures(_title: str, faces: np.ndarray) -> list[str]:
    return [browse.data_uri(face[None], quality=70) for face in faces]
