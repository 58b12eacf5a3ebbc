"""A picture with its faces boxed, where a click on a box leads to the card of that face."""

import base64
from pathlib import Path
from typing import Final

import streamlit as st

from fer_core.analysis import Analysis
from ui.common.component import nothing
from ui.common.faces import expression_in_words

_HTML: Final = (
    '<div id="frame"><img alt=""><button id="full" type="button" '
    'aria-label="Full screen" title="Full screen" hidden><svg viewBox="0 0 16 16" width="16" '
    'height="16" aria-hidden="true"><path d="M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4" fill="none" '
    'stroke="currentColor" stroke-width="2"/></svg></button></div>'
)
_CSS: Final = """
#frame { position: relative; width: 100%; }
#frame:fullscreen { max-width: none !important; width: min(100vw, 100vh * var(--shape)) !important;
  margin: auto; height: fit-content; }
img { display: block; width: 100%; border-radius: var(--st-base-radius); }
.box { position: absolute; padding: 0; background: none; border: none; cursor: pointer;
  border-radius: 4px; }
.box:hover { background: rgb(255 255 255 / 0.15); }
.box:focus-visible, #full:focus-visible { outline: 3px solid var(--st-primary-color);
  outline-offset: 2px; }
#full { position: absolute; right: 0.5rem; bottom: 0.5rem; width: 2rem; height: 2rem; padding: 0;
  display: grid; place-items: center; color: #fff; background: rgb(0 0 0 / 0.55); border: none;
  border-radius: var(--st-button-radius); cursor: pointer; }
[hidden] { display: none !important; }
"""
_COMPONENT: Final = st.components.v2.component(
    "fer_boxes",
    html=_HTML,
    css=_CSS,
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
)
#: Key of the session's state: what the picture is to point at next.
_SHOW: Final = "images_show"


def boxes(
    image: bytes, analysis: Analysis, *, alt: str, width: int, unsure_below: float, key: str
) -> int | None:
    """Show a picture with its boxes.

    Args:
        image: JPEG, with the boxes drawn.
        analysis: What was found in it.
        alt: What the picture shows, in words.
        width: Pixels that it takes at most.
        unsure_below: Confidence, 0 to 1.
        key: Of the component; another one for another picture.

    Returns:
        The place of a face that was clicked and whose card is not on the page, once.
    """
    shown = _COMPONENT(
        key=key,
        data={
            "image": "data:image/jpeg;base64," + base64.b64encode(image).decode(),
            "alt": alt,
            "width": width,
            "shape": analysis.width / analysis.height,
            "boxes": [
                {
                    "left": 100 * face.box[0] / analysis.width,
                    "top": 100 * face.box[1] / analysis.height,
                    "width": 100 * face.box[2] / analysis.width,
                    "height": 100 * face.box[3] / analysis.height,
                    "words": f"Face {number}: {expression_in_words(face, unsure_below)}",
                }
                for number, face in enumerate(analysis.faces, start=1)
            ],
            "show": st.session_state.get(_SHOW),
        },
        on_face_change=nothing,
        height="content",
    )
    # What a browser reports may be anything.
    face = shown.face
    return face if isinstance(face, int) and 0 <= face < len(analysis.faces) else None


def point_at(face: int, *, card: bool = False) -> None:
    """Let the next run of the page point at the box of a face, or at its card."""
    number = st.session_state.get(_SHOW, {"number": 0})["number"] + 1
    st.session_state[_SHOW] = {"face": face, "card": card, "number": number}
