"""A face and its seven probabilities."""

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from fer_core.analysis import Face
from fer_core.emotions import COLORS, EMOTIONS
from fer_core.errors import FerError
from fer_core.explain import explain
from ui.common.notices import say_error


def percent(probability: float) -> str:
    """Write a share without decimals: '92 %'."""
    return f"{probability * 100:.0f} %"


def expression_in_words(face: Face, unsure_below: float) -> str:
    """Say in plain words: 'looks happy, 92 %', or 'unsure: sad 38 %, neutral 35 %'."""
    if face.is_unsure(unsure_below):
        best = (f"{emotion.lower()} {percent(p)}" for emotion, p in face.ranked()[:2])
        return f"unsure: {', '.join(best)}"
    return f"looks {face.displayed_emotion.lower()}, {percent(face.displayed_confidence)}"


def emotion_bars(face: Face, *, key: str, row: int = 22) -> None:
    """Show seven bars in the emotions' colours, the most probable first."""
    ranked = face.ranked()
    data = pd.DataFrame(
        {
            "emotion": [emotion for emotion, _ in ranked],
            "probability": [p for _, p in ranked],
            "label": [f"{emotion}  {percent(p)}" for emotion, p in ranked],
        }
    )
    bars = (
        alt.Chart(data)
        .mark_bar(cornerRadiusEnd=3, height=row - 8)
        .encode(
            x=alt.X("probability:Q", axis=None, scale=alt.Scale(domain=[0, 1])),
            y=alt.Y(
                "label:N",
                title=None,
                sort=None,
                axis=alt.Axis(
                    minExtent=110,
                    labelLimit=200,
                    labelFontSize=14,
                    labelOverlap=False,
                    labelPadding=8,
                    # The page's own text colour, in light and dark; only SVG can say so.
                    labelColor="currentColor",
                ),
            ),
            color=alt.Color(
                "emotion:N",
                legend=None,
                scale=alt.Scale(domain=list(EMOTIONS), range=[COLORS[e] for e in EMOTIONS]),
            ),
            tooltip=[
                alt.Tooltip("emotion:N", title="Emotion"),
                alt.Tooltip("probability:Q", title="Probability", format=".1%"),
            ],
        )
        .properties(
            height=row * len(EMOTIONS),
            padding={"top": 0, "bottom": 0, "left": 0, "right": 0},
        )
    )
    words = ", ".join(f"{emotion} {percent(p)}" for emotion, p in ranked)
    st.altair_chart(bars, key=key, alt=f"Probabilities: {words}")


@st.dialog("Why?", width="large", icon=":material/visibility:")
def why(crop: np.ndarray, face: Face, model: str) -> None:
    """Show what the model looked at in one face, for any of the seven emotions."""
    emotion = st.pills(
        "Which emotion to explain",
        [emotion for emotion, _ in face.ranked()],
        default=face.emotion,
        format_func=lambda e: f"{e} {percent(dict(face.ranked())[e])}",
        required=True,
        key="why_emotion",
    )
    try:
        with st.spinner("Computing the explanation; the first one takes a few seconds."):
            shown = explain(crop, emotion, model)
    except FerError as error:
        say_error(error)
        # Pressing it runs the dialog again.
        st.button("Try again", icon=":material/refresh:", key="why_again")
        return
    with st.grid(3, min_column_width=200):
        with st.container():
            st.image(shown.face, width="stretch", alt="The face in 48 by 48 grey pixels")
            st.markdown(
                "**What the model sees**  \nThe face in grey, 48×48 pixels. The model gets nothing "
                "else."
            )
        with st.container():
            st.image(
                shown.grad_cam,
                width="stretch",
                alt=f"The face, brighter where it speaks for {emotion}",
            )
            st.markdown(
                "**Regions that matter**  \nThe brighter a region, the more it spoke for "
                f"'{emotion.lower()}'."
                if shown.has_region
                else "**Regions that matter**  \nNo region of this face speaks for "
                f"'{emotion.lower()}'."
            )
            st.caption("Grad-CAM")
        with st.container():
            st.image(shown.guided, width="stretch", alt="Grey relief of the pixels that matter")
            st.markdown(
                "**Pixels that matter**  \nLight ones would make it more "
                f"'{emotion.lower()}' if they were lighter, dark ones if they were darker."
            )
            st.caption("Guided back-propagation")
    st.caption(
        "The second and the third picture show what this model used, not what makes people see "
        "this expression."
    )
