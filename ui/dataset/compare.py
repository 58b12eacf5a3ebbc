"""Two datasets beside each other: classes, light, pictures that both have, and a model on both."""

from typing import Final

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from fer_core.datasets import browse
from fer_core.emotions import EMOTIONS
from fer_core.errors import FerError
from fer_core.evaluation.compare import MEASURES, QUANTILES, Comparison
from ui.common.judgement import SOURCES_COLUMNS, sources_table
from ui.common.notices import say_error
from ui.common.reading import read_dataset, show_task
from ui.common.text import plain
from ui.dataset.open import Opened, Source, sources
from ui.services import datasets

#: The comparison of a visit in its session, and of what it is.
_TASK: Final = "dataset_comparison"
_OF: Final = "dataset_comparison_of"
#: Pairs of copies that are shown.
_SHOWN: Final = 24
#: Colours of the two, which differ in lightness as well.
_COLORS: Final = ("#0072B2", "#E69F00")


def view(data: Opened, model: str) -> None:
    """Ask for the second dataset, and show how the two differ.

    Args:
        data: The first, which is open.
        model: Name of the model whose predictions are measured on both.
    """
    others = [one for one in sources() if one.source != data.source.source]
    other = st.selectbox(
        "Compare with",
        others,
        format_func=lambda source: source.title,
        key="dataset_compared",
        width=300,
        help="Datasets that were opened here, and those that are always there.",
    )
    if other is None:
        return
    try:
        second = read_dataset(other, other.title)
    except FerError as error:
        say_error(error)
        return
    if second is None:
        return
    of = (data.source, data.source.stamp(), other, other.stamp(), model)
    if st.session_state.get(_OF) != of:
        if running := st.session_state.pop(_TASK, None):
            running.cancel()
        st.session_state[_OF] = of
        st.session_state[_TASK] = datasets.comparison(data.dataset, second, model)
    elif _TASK not in st.session_state:
        st.button("Compare them", type="primary", on_click=st.session_state.pop, args=(_OF,))
    found = show_task(_TASK, "Comparing the two")
    if found:
        names = _names(data.source, other)
        _classes_and_light(found, names)
        _model(found, names)
        _copies(found, names, data.dataset.faces, second.faces)


def _names(one: Source, other: Source) -> tuple[str, str]:
    same = one.title == other.title
    return one.title, f"{other.title} (second)" if same else other.title


def _classes_and_light(found: Comparison, names: tuple[str, str]) -> None:
    color = alt.Color(
        "dataset:N",
        scale=alt.Scale(domain=list(names), range=list(_COLORS)),
        legend=alt.Legend(title=None, orient="bottom"),
    )
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Classes")
        shares = pd.DataFrame(
            [
                {"dataset": name, "emotion": emotion, "share": n / side.counts.sum(), "faces": n}
                for name, side in zip(names, found.sides, strict=True)
                for emotion, n in zip(EMOTIONS, side.counts.tolist(), strict=True)
            ]
        )
        bars = (
            alt.Chart(shares)
            .mark_bar()
            .encode(
                x=alt.X("share:Q", title="share of the dataset's faces", axis=alt.Axis(format="%")),
                y=alt.Y("emotion:N", title=None, sort=list(EMOTIONS)),
                yOffset=alt.YOffset("dataset:N", sort=list(names)),
                color=color,
                tooltip=["dataset:N", "emotion:N", "faces:Q", alt.Tooltip("share:Q", format=".1%")],
            )
            .properties(height=280)
        )
        words = ", ".join(
            f"{emotion} {a:.0%} and {b:.0%}"
            for emotion, a, b in zip(
                EMOTIONS, *(side.counts / side.counts.sum() for side in found.sides), strict=True
            )
        )
        st.altair_chart(bars, key="compare_classes", alt=f"Shares of the classes: {words}")
    with right:
        st.subheader("Brightness and sharpness")
        for measure, unit in MEASURES.items():
            rows = [side.light.loc[measure].tolist() for side in found.sides]
            columns = [f"q{share:g}".replace(".", "_") for share in QUANTILES]
            boxes = pd.DataFrame(rows, columns=columns).assign(dataset=list(names))
            base = alt.Chart(boxes).encode(
                y=alt.Y("dataset:N", title=None, sort=list(names)),
                tooltip=["dataset:N", *(alt.Tooltip(f"{c}:Q", format=".1f") for c in columns)],
            )
            x = alt.X(f"{columns[0]}:Q", title=f"{measure}: {unit}")
            lines = base.mark_rule(color="#8C8C8C").encode(x=x, x2=f"{columns[-1]}:Q")
            middle = base.mark_bar(size=14).encode(
                x=f"{columns[1]}:Q", x2=f"{columns[3]}:Q", color=color.legend(None)
            )
            median = base.mark_tick(color="white", size=14).encode(x=f"{columns[2]}:Q")
            st.altair_chart(
                (lines + middle + median).properties(height=alt.Step(34)),
                key=f"compare_{measure}",
                alt=f"Median {measure}: {rows[0][2]:.0f} and {rows[1][2]:.0f}",
            )
        st.caption("From 5 to 95 % of the faces; the bar has the middle half, the mark the median.")


def _model(found: Comparison, names: tuple[str, str]) -> None:
    st.subheader(f"How {plain(found.model)} does on each")
    table = sources_table([side.figures for side in found.sides]).assign(source=list(names))
    st.dataframe(
        table.drop(columns="copies"),
        hide_index=True,
        placeholder="–",
        column_config=SOURCES_COLUMNS,
        key="compare_figures",
        alt="Accuracy and macro recall of the model on each dataset",
    )
    per_class = pd.DataFrame(
        {
            "emotion": list(EMOTIONS),
            **{
                name: [_percent(side.result.per_class[emotion]["recall"]) for emotion in EMOTIONS]
                for name, side in zip(names, found.sides, strict=True)
            },
        }
    )
    per_class["difference"] = per_class[names[1]] - per_class[names[0]]
    share = st.column_config.NumberColumn(format="%.0f%%")
    st.dataframe(
        per_class,
        hide_index=True,
        placeholder="–",
        column_config={
            "emotion": "Share of its faces that is found",
            names[0]: share,
            names[1]: share,
            "difference": st.column_config.NumberColumn("Difference (points)", format="%+.0f"),
        },
        key="compare_recall",
        alt="Recall of each emotion on each dataset",
    )
    st.caption(
        "As trained, on PublicTest, or on all faces where a dataset has no splits of its own. Of "
        "a model that was trained on one of them, that one flatters."
    )


def _percent(share: float | None) -> float:
    return float("nan") if share is None else 100 * share


def _copies(
    found: Comparison, names: tuple[str, str], faces: np.ndarray, others: np.ndarray
) -> None:
    st.subheader("Pictures that both have")
    shared = found.shared
    if not len(shared):
        st.caption("None: no picture of one is an exact or near copy of one of the other.")
        return
    first, second = (len(np.unique(column)) for column in shared.T)
    st.markdown(
        f"**{first:,}** pictures of {plain(names[0])} are copies of **{second:,}** of "
        f"{plain(names[1])}. {found.labels_differ:,} pairs have different labels, and in "
        f"{found.crossing:,} one is in Training and the other in a test split: a training on both "
        "leaves these out."
    )
    some = shared[:_SHOWN]
    pairs = np.concatenate([faces[some[:, 0]], others[some[:, 1]]])
    st.image(
        browse.sheet(pairs, len(some)),
        width=min(1200, 60 * len(some)),
        alt=f"{len(some)} pairs of copies, those of the first dataset above",
    )
