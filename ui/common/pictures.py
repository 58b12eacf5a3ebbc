"""Pictures of a visitor and what was found in them.

Kept in the session, so that they are forgotten with it: the file as it came, a preview,
the faces cut out and their emotions, but never a full-size array. Each step is keyed by
all that it depends on, so changing a model or a limit repeats only what follows from it.
"""

import hashlib
import io
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final
from weakref import WeakSet

import numpy as np
import streamlit as st
from PIL import Image

from fer_core.analysis import Analysis, FoundFaces, read_emotions, with_prior
from fer_core.class_prior import AS_TRAINED
from fer_core.drawing import draw
from fer_core.errors import FerError
from fer_core.images import example_portrait
from fer_core.picture_process import (
    BusyError,
    Seen,
    has_many_faces,
    is_expensive,
    picture_process,
    see,
    to_jpeg,
)
from fer_core.pool import Turns, map_in_order
from fer_core.progress import seconds_left, time_left
from fer_core.settings import settings
from ui.common.controls import Choice
from ui.services import access

#: Long sides of what is shown, in pixels.
LARGE: Final = 1280
CARD: Final = 360
#: Turns at the processor of this process. Expensive pictures of visitors are analysed elsewhere,
#: which leaves it to the small ones of others.
_turns = Turns(os.cpu_count() or 1)
_MEMORIES: Final = ("seen", "analysis", "drawn")
#: Keys of the session's state that hold what was found in pictures.
MEMORIES: Final = tuple(f"memory_{name}" for name in _MEMORIES)


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as it came: its name, the file's bytes and their checksum."""

    name: str
    content: bytes
    checksum: str


@dataclass(frozen=True, eq=False)
class Result:
    """A picture with either what was found in it or one sentence on what went wrong.

    Neither is there while the picture waits to be read.
    """

    picture: Picture
    error: str | None = None
    analysis: Analysis | None = None
    found: FoundFaces | None = None
    preview: bytes = b""

    @property
    def analyzed(self) -> Analysis:
        """Return the analysis; of a picture that cannot be read, one that says why."""
        return self.analysis or Analysis(0, 0, "", "", error=self.error)

    @property
    def rank(self) -> int:
        """Return the rank: worst news first: not readable, no face, faces, not read yet."""
        if self.analysis:
            return 2 if self.analysis.faces else 1
        return 0 if self.error else 3


class Memory:
    """The most recently used results of one session, no more than a visitor may upload.

    Results of all sessions together take ten times as much at most; those of the session that
    holds most go first. What went is made again when it is asked for.
    """

    _all: "WeakSet[Memory]" = WeakSet()
    _lock = threading.RLock()

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._bytes = 0
        with self._lock:
            self._all.add(self)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what is kept under ``key``; made first where nothing is."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key][0]
        value = make()
        most = settings().visitor_mb * 1e6
        with self._lock:
            self._entries[key] = value, _size_of(value)
            self._bytes += self._entries[key][1]
            while len(self._entries) > 1 and (
                len(self._entries) > self._size or self._bytes > most
            ):
                self._drop()
            while sum(one._bytes for one in self._all) > most * 10:
                max(self._all, key=lambda one: one._bytes)._drop()
        return value

    @property
    def nbytes(self) -> int:
        """Return the bytes of pictures and faces in it."""
        return self._bytes

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            while self._entries:
                self._drop()

    def _drop(self) -> None:
        _, (_, size) = self._entries.popitem(last=False)
        self._bytes -= size


def _size_of(value: Any) -> int:
    """Return bytes of pictures and faces in a result."""
    if isinstance(value, tuple):
        return sum(map(_size_of, value))
    if isinstance(value, FoundFaces):
        return value.zooms.nbytes
    return len(value) if isinstance(value, bytes) else 0


def memories() -> list[Memory]:
    """Return the memories of this session."""
    return [_memory(name) for name in _MEMORIES]


def _memory(name: str, size: int = 500) -> Memory:
    if f"memory_{name}" not in st.session_state:
        st.session_state[f"memory_{name}"] = Memory(size)
    return st.session_state[f"memory_{name}"]


def picture(name: str, content: bytes) -> Picture:
    """Return a picture from a file's name and content."""
    return Picture(name, content, hashlib.sha256(content).hexdigest())


@st.cache_resource(max_entries=1)
def example() -> Picture:
    """Return the example portrait as if it had been dropped."""
    file = io.BytesIO()
    Image.fromarray(example_portrait()).save(file, "PNG")
    return picture("Example portrait.png", file.getvalue())


def read(one: Picture, choice: Choice) -> Result:
    """Find the faces of one picture and their emotions."""
    return _read(one, choice, _memory("seen"), _memory("analysis"), access.owner())


def _read(
    one: Picture, choice: Choice, seen_before: Memory, analyses: Memory, visitor: str
) -> Result:
    try:
        seen = seen_before.get(_seen_key(one, choice), lambda: _see(one, choice, visitor))
        if isinstance(seen, str):
            return Result(one, error=seen)
        found, preview, problems = seen
        analysis = analyses.get(
            (*_seen_key(one, choice), choice.model_key), lambda: _emotions(found, choice, visitor)
        )
    except FerError as error:
        return Result(one, error=str(error))
    # As trained it is computed once; a prior costs nothing.
    analysis = replace(with_prior(analysis, choice.classifier), problems=problems)
    if choice.largest:
        analysis = replace(analysis, faces=analysis.faces[:1])
    return Result(one, None, analysis, found, preview)


def read_all(pictures: list[Picture], choice: Choice) -> list[Result]:
    """Read many pictures on all cores, with a progress bar and a way to stop; worst news first.

    After a stop, what is read stays read and the rest waits for 'Continue'.
    """
    waiting = [one for one in pictures if _seen_key(one, choice) not in _memory("seen")]
    stopped = st.session_state.get("reading_stopped", False) and waiting
    place = st.empty()
    if stopped:
        with place.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"Stopped: {len(waiting)} of {len(pictures)} not read yet.", width="content")
            st.button(
                "Continue", on_click=_set_stopped, args=(False,), icon=":material/play_arrow:"
            )
        return sorted(
            (Result(one) if one in waiting else read(one, choice) for one in pictures),
            key=lambda result: result.rank,
        )

    results, start, bar = [], time.monotonic(), None
    if len(waiting) > 1:
        with place.container(horizontal=True, vertical_alignment="center"):
            bar = st.progress(0.0, f"Reading {len(waiting)} pictures")
            st.button("Stop", on_click=_set_stopped, args=(True,), icon=":material/stop:")
    done = 0
    # Threads of our own know no session: what it remembers, and whose it is, is looked up here.
    call = partial(
        _read,
        choice=choice,
        seen_before=_memory("seen"),
        analyses=_memory("analysis"),
        visitor=access.owner(),
    )
    one_by_one = map_in_order(call, pictures)
    for one, result in zip(pictures, one_by_one, strict=True):
        results.append(result)
        if bar and one in waiting:
            done += 1
            left = time_left(seconds_left(start, done / len(waiting)))
            bar.progress(done / len(waiting), f"Read {done} of {len(waiting)} · {left}")
    if bar:
        place.empty()
    return sorted(results, key=lambda result: result.rank)


def drawn(result: Result, choice: Choice, side: int) -> bytes:
    """Return the preview with its faces boxed and labelled, as JPEG; ``side`` is its long one."""

    def make() -> bytes:
        preview = Image.open(io.BytesIO(result.preview))
        preview.thumbnail((side, side))
        return to_jpeg(annotated(np.asarray(preview), result.analysis, choice.unsure_below))

    key = (
        *_seen_key(result.picture, choice),
        choice.model_key,
        choice.classifier.class_prior,
        choice.largest,
        choice.unsure_below,
        side,
        tuple(face.corrected for face in result.analysis.faces),
    )
    return _memory("drawn").get(key, make)


def annotated(image: np.ndarray, analysis: Analysis, unsure_below: float) -> np.ndarray:
    """Return faces boxed and labelled, and numbered where there are several."""
    return draw(image, analysis, numbers=len(analysis.faces) > 1, unsure_below=unsure_below)


def _seen_key(one: Picture, choice: Choice) -> tuple[str, str]:
    return one.checksum, choice.detector.name


def _see(one: Picture, choice: Choice, visitor: str) -> Seen | str:
    try:
        if visitor and is_expensive(one.content):
            return picture_process().see(one.content, choice.detector.name, LARGE, visitor)
        with _turns.take(visitor):
            return see(one.content, choice.detector, LARGE)
    except BusyError:
        raise  # the next run of the page asks again
    except FerError as error:
        return str(error)


def _emotions(found: FoundFaces, choice: Choice, visitor: str) -> Analysis:
    if visitor and has_many_faces(found):
        return picture_process().read_emotions(found, choice.classifier.name, visitor)
    with _turns.take(visitor):
        return read_emotions(found, choice.classifier.with_prior(AS_TRAINED))


def _set_stopped(stopped: bool) -> None:
    st.session_state["reading_stopped"] = stopped
