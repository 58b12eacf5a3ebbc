"""Datasets: visitors open the demo faces, administrators every dataset.

A dataset may lie on a slow disk, or its reading may never end. So it is read in a thread of its
own, once for all sessions that want it, and no lock is held meanwhile.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fer_core import datasets
from fer_core.datasets import Dataset, collected, opened
from fer_core.errors import DatasetError, FerError
from fer_core.settings import settings
from ui.services import access, removal

log = logging.getLogger(__name__)

#: Datasets held at once, for all visitors together; FER2013 is 83 MB.
_HELD: Final = 4


@dataclass(frozen=True)
class Request:
    """What to read, and how.

    Attributes:
        source: See :func:`fer_core.datasets.load`; so are the next three.
        votes: Likewise.
        skip_bad: Likewise.
        label_order: Likewise.
    """

    source: str
    votes: str | None = None
    skip_bad: bool = False
    label_order: str | None = None

    def stamp(self) -> tuple:
        """Return what changes when the faces change; it reads no file."""
        if self.source == collected.NAME:
            return tuple(one.id for one in collected.list_faces())
        found = []
        for text in (self.source, self.votes):
            try:
                stat = Path(text).expanduser().stat() if text else None
            except (OSError, ValueError, RuntimeError):
                stat = None
            found.append((stat.st_mtime_ns, stat.st_size) if stat else None)
        return tuple(found)


def remember(request: Request) -> None:
    """Offer a dataset on every page from now on, after reloads and restarts too.

    Where that cannot be stored, because the disk is full, this visit alone knows it.
    """
    access.require("open datasets")
    try:
        opened.remember(request.source, request.votes, request.skip_bad, request.label_order)
    except FerError as error:
        log.warning("The list of opened datasets cannot be written: %s", error)


def list_opened() -> list[tuple[int, Request]]:
    """Return the datasets that were opened on this machine with their numbers, the latest first.

    Visitors of a public copy, who open none, get none.
    """
    if not access.is_admin():
        return []
    try:
        found = opened.list_opened()
    except FerError as error:
        log.warning("The list of opened datasets cannot be read: %s", error)
        return []
    return [
        (one.number, Request(one.source, one.votes, one.skip_bad, one.label_order)) for one in found
    ]


def offered() -> list[str]:
    """Return the sources that pages offer beside the demo faces: opened ones and ``FER_DATA``."""
    configured = [str(settings().data)] if settings().data else []
    return list(dict.fromkeys([*configured, *(one.source for _, one in list_opened())]))


def request_of(source: str) -> Request:
    """Return how to read a source: as it was opened, where it was."""
    return next((one for _, one in list_opened() if one.source == source), Request(source))


def remove(source: Request, restore: Callable[[], None]) -> None:
    """Remove a dataset from the list of opened ones, which can be undone for a while.

    Args:
        source: Which one; the file of an upload is deleted.
        restore: Puts it back into the list.
    """
    access.require("remove datasets")
    with suppress(FerError):
        opened.forget(source.source)
    path = Path(source.source)
    uploaded = path.is_relative_to(settings().kept.resolve())
    names = [str(path.parent)] if uploaded else []
    removal.remove("upload", *names, words=f"Dataset {path.name}", restore=restore)


class _CancelledError(Exception):
    """Nobody waits for a dataset any more."""


class Reading:
    """The reading of a dataset, in a thread of its own."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.begun = time.monotonic()
        #: The share that is read, 0 to 1.
        self.share = 0.0
        self._waiting = 0
        self._ended, self._cancelled = threading.Event(), threading.Event()
        self._dataset: Dataset | None = None
        self._error: BaseException | None = None
        threading.Thread(target=self._read, name="read a dataset", daemon=True).start()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count as somebody who waits for it, while the context lasts."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    def wait(self, seconds: float) -> bool:
        """Wait for its end and return whether it came."""
        return self._ended.wait(seconds)

    def result(self) -> Dataset:
        """Return the dataset, or raise what its reading raised.

        Raises:
            DatasetError: It cannot be read, or its reading was cancelled.
        """
        self._ended.wait()
        if self._error is not None:
            _forget(self)
            if isinstance(self._error, _CancelledError):
                raise DatasetError("The reading was cancelled.")
            raise self._error
        assert self._dataset is not None
        return self._dataset

    def cancel(self) -> None:
        """Let it end, unless somebody else waits for it."""
        if self._waiting == 0:
            self._cancelled.set()
            _forget(self)

    def _read(self) -> None:
        request = self.request
        votes = Path(request.votes).expanduser() if request.votes else None
        try:
            self._dataset = datasets.load(
                request.source,
                votes,
                skip_bad=request.skip_bad,
                label_order=request.label_order,
                on_progress=self._tell,
            )
        except BaseException as error:  # whoever waits raises it
            self._error = error
        self._ended.set()

    def _tell(self, share: float) -> None:
        if self._cancelled.is_set():
            raise _CancelledError
        self.share = share


_lock = threading.Lock()  # held for moments, never while something is read
_readings: OrderedDict[tuple, Reading] = OrderedDict()


def read(request: Request) -> Reading:
    """Return the reading of a dataset, begun unless it runs or is done already."""
    if request.source != "demo":
        access.require("open datasets")
    key = request.source, request.votes, request.skip_bad, request.label_order, request.stamp()
    with _lock:
        found = _readings.get(key)
        if found is None:
            found = _readings[key] = Reading(request)
        _readings.move_to_end(key)
        while len(_readings) > _HELD:
            _readings.popitem(last=False)
    return found


def _forget(reading: Reading) -> None:
    with _lock:
        for key in [key for key, known in _readings.items() if known is reading]:
            del _readings[key]
