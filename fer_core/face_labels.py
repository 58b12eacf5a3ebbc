"""A user's own labels of faces in a recording: what a person shows, from one moment to another."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from fer_core.emotions import EMOTIONS
from fer_core.errors import FerError

if TYPE_CHECKING:
    import pandas as pd

#: Seconds by which a time may differ that was stored and read again.
_ROUNDING: Final = 1e-6


@dataclass(frozen=True)
class FaceLabel:
    """What a user says that a person shows.

    Attributes:
        person: Number, as the recording found it.
        start: Seconds of the first row that it covers.
        end: Seconds of the last row; equal to ``start`` for a single frame.
        emotion: One of the seven.
    """

    person: int
    start: float
    end: float
    emotion: str

    def __post_init__(self) -> None:
        """Refuse what is not a label.

        Raises:
            FerError: The emotion is none of the seven, or the end comes before the start.
        """
        if self.emotion not in EMOTIONS:
            raise FerError(f"'{self.emotion}' is no emotion: use one of {', '.join(EMOTIONS)}.")
        if not 0 <= self.start <= self.end < float("inf"):
            raise FerError("A label begins at 0 or later, and does not end before it begins.")

    def is_where(self, other: "FaceLabel") -> bool:
        """Return whether another label is of the same person and the same rows."""
        return (
            self.person == other.person
            and abs(self.start - other.start) < _ROUNDING
            and abs(self.end - other.end) < _ROUNDING
        )


def covers(table: "pd.DataFrame", person: int, start: float, end: float) -> "pd.Series[bool]":
    """Return for each row whether it shows a person between two times, both included.

    Args:
        table: Of a recording.
        person: Number.
        start: Seconds.
        end: Seconds.
    """
    of_person = table["person"].eq(person).fillna(False).astype(bool)
    return of_person & table["time"].between(start - _ROUNDING, end + _ROUNDING)


def with_labels(table: "pd.DataFrame", labels: Sequence[FaceLabel]) -> "pd.DataFrame":
    """Return a table whose ``corrected_emotion`` holds the labels; a later one covers an earlier.

    Args:
        table: Of a recording, with the numbers of people that the labels have.
        labels: The latest last.
    """
    if not labels:
        return table
    given = table["corrected_emotion"].astype(object)
    for label in labels:
        given = given.mask(covers(table, label.person, label.start, label.end), label.emotion)
    return table.assign(corrected_emotion=given.astype("str").where(given.notna()))


def latest(labels: Iterable[FaceLabel]) -> list[FaceLabel]:
    """Return the label that holds at each place, by time."""
    found: list[FaceLabel] = []
    for label in labels:
        found = [one for one in found if not one.is_where(label)] + [label]
    return sorted(found, key=lambda one: (one.start, one.person))


def without(labels: Sequence[FaceLabel], label: FaceLabel) -> tuple[FaceLabel, ...]:
    """Take back the latest label of a place: the one before it holds again, if there was one."""
    for index in reversed(range(len(labels))):
        if labels[index].is_where(label):
            return (*labels[:index], *labels[index + 1 :])
    return tuple(labels)


def to_values(labels: Iterable[FaceLabel]) -> list[dict[str, Any]]:
    """Return labels as plain JSON values."""
    return [asdict(label) for label in labels]


def of_values(values: Iterable[Mapping[str, Any]]) -> tuple[FaceLabel, ...]:
    """Return the labels that JSON values stand for, see :func:`to_values`.

    Raises:
        ValueError, TypeError, FerError: They stand for none.
    """
    return tuple(
        FaceLabel(int(one["person"]), float(one["start"]), float(one["end"]), one["emotion"])
        for one in values
    )
