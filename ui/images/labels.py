"""What faces show in the visitor's own eyes: labels beside the model's answers, with undo.

They lie in the session's memory alone. A label belongs to a place in a picture, so that it stays
where another model or detector reads the same face.
"""

from dataclasses import dataclass, field, replace
from typing import Final

import streamlit as st

from fer_core.analysis import Face
from fer_core.faces.base import Box, overlap
from ui.common.faces import expression_in_words
from ui.common.labelling import ask_label
from ui.common.pictures import Result

#: Overlap of two detectors' boxes from which on they are taken for the same face.
_SAME: Final = 0.4

state = st.session_state


@dataclass
class Labels:
    """The labels that one face was given.

    Attributes:
        place: Where the face is, in pixels of the picture.
        given: The emotions, the latest last.
    """

    place: Box
    given: list[str] = field(default_factory=list)


def labelled(result: Result) -> Result:
    """Return a result whose faces carry the visitor's labels."""
    known = state["images_labels"].get(result.picture.checksum)
    if not known or result.analysis is None:
        return result
    faces = tuple(
        replace(face, corrected=found.given[-1]) if (found := _of(face, known)) else face
        for face in result.analysis.faces
    )
    return replace(result, analysis=replace(result.analysis, faces=faces))


def correct(result: Result, index: int, unsure_below: float) -> None:
    """Ask what a face shows.

    Args:
        result: The picture.
        index: The face's place in its analysis.
        unsure_below: Confidence, 0 to 1.
    """
    face = result.analysis.faces[index]
    ask_label(
        expression_in_words(face, unsure_below),
        face.corrected or face.emotion,
        lambda emotion: _give(result, face, emotion),
        "Your label stands beside the model's answer on this page and in everything you export. "
        "It is forgotten with the picture; no face is stored.",
        key="images",
        picture=result.found.crops[index],
    )


def undo_label(result: Result, face: Face) -> None:
    """Take back the latest label of a face: the one before it stands again, if there was one."""
    known = state["images_labels"].get(result.picture.checksum, [])
    if found := _of(face, known):
        found.given.pop()
        if not found.given:
            known.remove(found)


def _give(result: Result, face: Face, emotion: str) -> None:
    """Give a face a label."""
    known = state["images_labels"].setdefault(result.picture.checksum, [])
    found = _of(face, known)
    if found is None:
        known.append(found := Labels(_place(face)))
    if found.given[-1:] != [emotion]:
        found.given.append(emotion)


def _place(face: Face) -> Box:
    x, y, side = face.detection.square
    return x, y, side, side


def _of(face: Face, known: list[Labels]) -> Labels | None:
    """Return the labels of the same face, which another detector may have framed otherwise."""
    best = max(known, key=lambda one: overlap(one.place, _place(face)), default=None)
    return best if best and overlap(best.place, _place(face)) >= _SAME else None
