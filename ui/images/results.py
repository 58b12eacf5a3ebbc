"""What is found in pictures, in words."""

import streamlit as st

from ui.common.into_view import come_into_view
from ui.common.pictures import Result


def show(key: tuple[str, str] | None) -> None:
    """Open a picture by its key, or none."""
    st.session_state["images_open"] = key
    if key:
        come_into_view("images")


def key_of(result: Result) -> tuple[str, str]:
    """Return what tells a picture from all others: its name and checksum."""
    return result.picture.name, result.picture.checksum


def count(number: int, one: str, many: str) -> str:
    """Return a number with its noun, such as "3 faces"."""
    return f"{number} {one if number == 1 else many}"


def in_words(results: list[Result]) -> str:
    """Return how many pictures and faces there are, and what went wrong, in a line."""
    parts = [
        count(len(results), "picture", "pictures"),
        count(sum(len(r.analysis.faces) for r in results if r.analysis), "face", "faces"),
    ]
    if unreadable := sum(r.error is not None for r in results):
        parts.append(f"{unreadable} not readable")
    if faceless := sum(r.analysis is not None and not r.analysis.faces for r in results):
        parts.append(f"{faceless} without a face")
    return " · ".join(parts)
