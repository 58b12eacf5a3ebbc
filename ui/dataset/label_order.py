"""What the numbers of a dataset mean, where nothing says it: the user looks and chooses."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from fer_core.datasets.labels import ORDERS, LabelOrderError
from fer_core.emotions import EMOTIONS
from fer_core.errors import FerError
from fer_core.images import read_image
from ui.common.text import plain

_LEFT_OUT = "Leave out"


def ask_for_order(source: Any, error: LabelOrderError, add: Callable[[Any], None]) -> None:
    """Show sample faces of each number, and ask which emotion it is.

    Args:
        source: The dataset, a :class:`ui.dataset.open.Source`.
        error: What was found in it.
        add: Opens a source.
    """
    st.warning(
        "The labels of this dataset are numbers, and nothing says which emotion each is. Choose "
        "by the faces, or take an order that is known.",
        title=plain(source.title),
        icon=":material/help:",
    )
    numbers = sorted(map(int, error.found))
    with st.container(horizontal=True):
        for name, order in ORDERS.items():
            if set(numbers) <= set(order):
                st.button(
                    f"As {name}",
                    key=f"order_{name}",
                    on_click=add,
                    args=(replace(source, label_order=name),),
                )
    chosen: dict[int, str | None] = {}
    for number in numbers:
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            st.markdown(f"**{number}** · {error.found[str(number)]:,} faces", width=140)
            for picture in error.samples.get(str(number), []):
                try:
                    st.image(
                        picture if isinstance(picture, np.ndarray) else read_image(picture),
                        width=64,
                        alt=f"A face labelled {number}",
                    )
                except FerError:
                    continue  # reading the dataset lists it
            chosen[number] = st.selectbox(
                f"Emotion of {number}",
                [*EMOTIONS, _LEFT_OUT],
                index=None,
                key=f"order_of_{number}",
                label_visibility="collapsed",
                placeholder="Choose",
                width=160,
            )
    of = {number: "other" if name == _LEFT_OUT else name for number, name in chosen.items()}
    text = ",".join(str(of.get(number, "other")) for number in range(max(numbers) + 1))
    st.button(
        "Open",
        type="primary",
        disabled=not all(chosen.values()) or max(numbers) < 1,
        key="order_open",
        on_click=add,
        args=(replace(source, label_order=text),),
    )
