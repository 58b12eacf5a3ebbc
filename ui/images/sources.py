"""Where the pictures of the page Images come from: files, the camera, the example."""

from typing import Final

import streamlit as st

from fer_core.images import SUFFIXES
from ui.common.into_view import come_into_view
from ui.common.pictures import MEMORIES, Picture, example, memories, picture
from ui.images.grid import prepare_grid, show_everything
from ui.services import removal, uploads, visits

SOURCES = {
    "Files": ":material/upload: Files",
    "Camera": ":material/photo_camera: Camera",
    "Example": ":material/face: Example",
}
#: Fewer than the session remembers, so that no rerun reads a picture twice.
MOST_PICTURES = 300

state = st.session_state

#: What the next visit of the same browser finds again.
_REMEMBERED: Final = (
    "images_source", "images_files", "images_retained", "images_snapshot", "images_open",
    "images_labels", "images_batches", "images_view", "images_order", "images_kinds",
    "images_confidence", "reading_stopped",
)  # fmt: skip


def prepare() -> None:
    """Give the session what this page remembers, where it is not there yet."""
    prepare_grid()
    state.setdefault("images_source", "Files")
    state.setdefault("images_files", [])  # all pictures that were dropped, also before a reload
    state.setdefault("images_retained", [])  # those of them from earlier visits to this page
    state.setdefault("images_snapshot", None)
    state.setdefault("images_open", None)
    state.setdefault("images_round", 0)
    state.setdefault("images_labels", {})
    state.setdefault("images_batches", {})  # when each picture was added, by its key


def take_files() -> None:
    """Add the dropped files to the pictures."""
    dropped = state[f"images_drop_{state['images_round']}"]
    pictures = [*state["images_retained"], *(picture(f.name, f.getvalue()) for f in dropped)]
    files = {(p.name, p.checksum): p for p in pictures}
    batches = state["images_batches"]
    if new := [key for key in files if key not in batches]:
        number = max(batches.values(), default=0) + 1
        batches.update(dict.fromkeys(new, number))
        state["images_open"] = None
        show_everything()
        come_into_view("images")
    state["images_files"] = list(files.values())
    state["reading_stopped"] = False


def clear() -> None:
    """Let go of all pictures."""
    state.update(images_files=[], images_retained=[], images_snapshot=None, images_open=None)
    state.update(images_labels={}, images_batches={})
    state["images_round"] += 1  # a new drop zone is an empty one


def remove(key: tuple[str, str]) -> None:
    """Remove one picture, which can be undone for a while.

    Args:
        key: Its name and checksum.
    """
    at = [(p.name, p.checksum) for p in state["images_files"]].index(key)
    picture = state["images_files"][at]
    _hold([p for p in state["images_files"] if p is not picture])
    state["images_open"] = None

    def restore() -> None:
        files = list(state["images_files"])
        if key not in [(p.name, p.checksum) for p in files]:
            _hold([*files[:at], picture, *files[at:]])

    removal.remove("picture", words=f"Picture {picture.name}", restore=restore)


def _hold(pictures: list[Picture]) -> None:
    """Let these be the pictures, whatever the drop zone holds."""
    state.update(images_files=pictures, images_retained=pictures)
    state["images_round"] += 1  # a new drop zone is an empty one


def choose(source: str) -> None:
    """Take pictures from another source."""
    state["images_source"] = source


def ask_for_pictures(source: str) -> list[Picture]:
    """Show the widget of a source, and return the pictures that it gives."""
    pictures = _pictures(source)
    snapshot = state["images_snapshot"]
    held = [*state["images_files"], *([snapshot] if snapshot else [])]
    visits.hold("images", held, memories())
    visits.remember("images", *_REMEMBERED, *MEMORIES, full=bool(held))
    return pictures


def _pictures(source: str) -> list[Picture]:
    if source == "Example":
        return [example()]
    if source == "Camera":
        if state["images_snapshot"] is None:
            shot = st.camera_input("Take a picture", key="images_camera", width=560)
            st.caption("The picture goes to the machine that runs this app and is not kept.")
            if shot is None:
                return []
            state["images_snapshot"] = picture("Snapshot.jpg", shot.getvalue())
            st.rerun()  # without the camera, which is thereby switched off
        return [state["images_snapshot"]]
    dropped = st.file_uploader(
        "Drop pictures here",
        type=[suffix.lstrip(".") for suffix in SUFFIXES],
        accept_multiple_files=True,
        max_upload_size=200,
        key=f"images_drop_{state['images_round']}",
        on_change=take_files,
        label_visibility="collapsed" if state["images_files"] else "visible",
    )
    uploads.use(dropped)
    if not dropped:
        state["images_retained"] = state["images_files"]
    if len(state["images_files"]) > MOST_PICTURES:
        st.warning(
            f"These are the first {MOST_PICTURES} pictures: clear them, then drop the rest.",
            icon=":material/stacks:",
        )
    return state["images_files"][:MOST_PICTURES]
