"""Datasets: visitors open the demo faces, administrators every dataset.

A dataset may lie on a slow disk, or its reading may never end. So it is read in a thread of its
own, once for all sessions that want it, and no lock is held meanwhile.
"""

import logging
import tempfile
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

from fer_core import datasets
from fer_core.datasets import Dataset, collected, opened
from fer_core.datasets.fer2013 import export_csv
from fer_core.datasets.folders import export_folders
from fer_core.errors import DatasetError, FerError
from fer_core.evaluation.compare import Comparison, compare
from fer_core.files import ExportFolder
from fer_core.settings import settings
from ui.services import access, removal
from ui.services.background import Task

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
        opened.remove(source.source)
    path = Path(source.source)
    uploaded = path.is_relative_to(settings().saved_files.resolve())
    names = [str(path.parent)] if uploaded else []
    removal.remove("upload", *names, words=f"Dataset {path.name}", restore=restore)


class Reading(Task[Dataset]):
    """The reading of a dataset, in a thread of its own."""

    error = DatasetError

    def __init__(self, request: Request) -> None:
        super().__init__("The reading", partial(_read, request))

    def result(self) -> Dataset:
        """Return the dataset, or raise what its reading raised.

        Raises:
            DatasetError: It cannot be read, or its reading was cancelled.
        """
        try:
            return super().result()
        except BaseException:
            _remove(self)
            raise

    def cancel(self) -> bool:
        """Let it end, unless somebody else waits for it."""
        ends = super().cancel()
        if ends:
            _remove(self)
        return ends


def _read(request: Request, tell: Callable[[float], None]) -> Dataset:
    return datasets.load(
        request.source,
        Path(request.votes).expanduser() if request.votes else None,
        skip_bad=request.skip_bad,
        label_order=request.label_order,
        on_progress=tell,
    )


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


@dataclass(frozen=True)
class Export:
    """A dataset as a file.

    Attributes:
        path: Of the file, which is deleted with this object.
        folder: That keeps it.
    """

    path: Path
    folder: tempfile.TemporaryDirectory


def export(dataset: Dataset, form: Literal["csv", "folders"], name: str) -> Task[Export]:
    """Begin to write a dataset as one file, see :class:`Export`.

    Args:
        dataset: What to write.
        form: FER2013's CSV, or a ZIP archive of pictures in folders.
        name: Of the file, without its ending.
    """
    access.require("export datasets")
    write = {"csv": _write_csv, "folders": _write_folders}[form]
    return Task("The export", partial(write, dataset, name))


def _write_csv(dataset: Dataset, name: str, tell: Callable[[float], None]) -> Export:
    folder = tempfile.TemporaryDirectory(prefix="fer-export-")
    path = Path(folder.name) / f"{name}.csv"
    export_csv(dataset, path, tell)
    return Export(path, folder)


def _write_folders(dataset: Dataset, name: str, tell: Callable[[float], None]) -> Export:
    folder = tempfile.TemporaryDirectory(prefix="fer-export-")
    path, pictures = Path(folder.name) / f"{name}.zip", Path(folder.name) / "pictures"
    pictures.mkdir()
    export_folders(dataset, ExportFolder(pictures), lambda share: tell(share / 2))
    files = sorted(pictures.rglob("*.png"))
    with zipfile.ZipFile(path, "w") as archive:
        for number, file in enumerate(files):
            archive.write(file, file.relative_to(pictures))
            if number % 500 == 0:
                tell(0.5 + number / len(files) / 2)
    return Export(path, folder)


def comparison(one: Dataset, other: Dataset, model: str) -> Task[Comparison]:
    """Begin to compare two datasets, see :func:`fer_core.evaluation.compare.compare`."""
    access.require("compare datasets")
    return Task("The comparison", partial(compare, one, other, model))


def _remove(reading: Reading) -> None:
    with _lock:
        for key in [key for key, known in _readings.items() if known is reading]:
            del _readings[key]
