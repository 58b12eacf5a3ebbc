"""The register of dataset formats: what each is called, how it is recognised and read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fer_core.datasets.base import Dataset
from fer_core.datasets.labels import parse_order
from fer_core.errors import DatasetError


@dataclass(frozen=True)
class ReadOptions:
    """How a dataset is to be read.

    Attributes:
        detector: Finds the faces in pictures; ``None`` where they are faces already.
        skip_bad: Go on without rows or files that are wrong.
        seed: Decides the splits where the source has none.
        on_progress: Told the share that is read, 0 to 1, where reading takes long.
        label_order: What numeric labels mean where the format does not say, see
            :func:`fer_core.datasets.labels.parse_order`.
        unlabelled: Read a file without labels too; every label is 0 then and means nothing.
        frames: How many of the last frames of a sequence show its emotion, for CK+.
    """

    detector: str | None = None
    skip_bad: bool = False
    seed: int = 0
    on_progress: Callable[[float], None] | None = None
    label_order: str | None = None
    frames: int = 3
    unlabelled: bool = False

    @property
    def order(self) -> dict[int, str] | None:
        """Return what numeric labels mean.

        Raises:
            DatasetError: ``label_order`` is none.
        """
        return parse_order(self.label_order) if self.label_order else None


Reader = Callable[[Path, ReadOptions], Dataset]


@dataclass(frozen=True)
class Format:
    """A dataset format.

    Attributes:
        name: Short name, such as ``fer2013``.
        title: What people call it.
        recognises: Whether a path is of this format, by its content as far as possible.
        read: Reads such a path.
        general: Whether it is asked after all others, since it would take theirs too.
    """

    name: str
    title: str
    recognises: Callable[[Path], bool]
    read: Reader
    general: bool = False


_FORMATS: list[Format] = []


def register(
    name: str, title: str, recognises: Callable[[Path], bool], *, general: bool = False
) -> Callable[[Reader], Reader]:
    """Register the decorated function as the reader of a format.

    Formats registered later are asked first.

    Args:
        name: Short name of the format.
        title: What people call it.
        recognises: Whether a path is of this format.
        general: Whether it is asked after all others.

    Raises:
        ValueError: There is a format of that name.

    >>> @register("mine", "My own", lambda path: path.suffix == ".mine")  # doctest: +SKIP
    ... def read(path: Path, how: ReadOptions) -> Dataset: ...
    """

    def decorate(read: Reader) -> Reader:
        if any(known.name == name for known in _FORMATS):
            raise ValueError(f"there is a dataset format {name} already")
        _FORMATS.append(Format(name, title, recognises, read, general))
        return read

    return decorate


def formats() -> list[Format]:
    """Return all formats in the order in which they are asked."""
    latest = _FORMATS[::-1]
    return [f for f in latest if not f.general] + [f for f in latest if f.general]


def recognise(path: Path) -> Format:
    """Return the format of a path.

    Raises:
        DatasetError: It is of none that is known.
    """
    for known in formats():
        if known.recognises(path):
            return known
    titles = ", ".join(known.title for known in formats())
    raise DatasetError(
        f"{path.name} is no dataset: give {titles}, 'demo' or 'collected'. Check the path."
    )
