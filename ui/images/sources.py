"""Where the pictures of the page Images come from: files, the camera, the example."""

import time
from collections.abc import Callable
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


class _Removed:
    """A picture that counts in the visitor's limit as long as it can be brought back."""

    def __init__(self, picture: Picture) -> None:
        self._picture: Picture | None = picture
        self._until = time.monotonic() + removal.SECONDS

    @property
    def content(self) -> bytes:
        """Return the file's bytes; none when the time is up."""
        if time.monotonic() > self._until:
            self._picture = None
        return self._picture.content if self._picture else b""


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
    state.setdefault("images_removed", [])  # what can still be brought back
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
    """Remove all pictures with their labels, which can be undone for a while."""
    files, snapshot = state["images_files"], state["images_snapshot"]
    labels, batches = state["images_labels"], state["images_batches"]
    _hold([])
    state.update(images_snapshot=None, images_open=None, images_labels={}, images_batches={})

    def restore() -> None:
        prepare()  # another page may undo it, in a later visit of the browser
        _hold(_joined(files, state["images_files"]))
        state["images_snapshot"] = state["images_snapshot"] or snapshot
        state["images_labels"] = labels | state["images_labels"]
        state["images_batches"] = batches | state["images_batches"]

    _remove([*files, *([snapshot] if snapshot else [])], restore)


def take_another() -> None:
    """Let go of the camera's picture; those of files stay."""
    state.update(images_snapshot=None, images_open=None)


def remove(key: tuple[str, str]) -> None:
    """Remove one picture, which can be undone for a while.

    Args:
        key: Its name and checksum.
    """
    files = state["images_files"]
    at = [(p.name, p.checksum) for p in files].index(key)
    _hold([*files[:at], *files[at + 1 :]])
    state["images_open"] = None

    def restore() -> None:
        prepare()
        now = state["images_files"]
        _hold(_joined(now[:at], [files[at]], now[at:]))

    _remove([files[at]], restore)


def _remove(pictures: list[Picture], restore: Callable[[], None]) -> None:
    """Let pictures that the page holds no longer be brought back for a while."""
    now = [one for one in state["images_removed"] if one.content]
    state["images_removed"] = [*now, *map(_Removed, pictures)]
    several = f"{len(pictures)} pictures"
    words = f"Picture {pictures[0].name}" if len(pictures) == 1 else several
    removal.remove("picture", words=words, restore=restore)


def _joined(*parts: list[Picture]) -> list[Picture]:
    """Return pictures in their order, each once."""
    return list({(p.name, p.checksum): p for part in parts for p in part}.values())


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
    visits.hold("images", [*held, *state["images_removed"]], memories())
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
