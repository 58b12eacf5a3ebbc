"""The table of every result while it grows: numbers in memory, a data frame when asked."""

import math
from array import array
from typing import TYPE_CHECKING, Final

import numpy as np

from fer_core.emotions import EMOTIONS

if TYPE_CHECKING:
    import pandas as pd

    from fer_core.analysis import Analysis, Face

#: The table of every result: seconds, pixels of the original, one row per face.
COLUMNS = [
    "time",
    "person",
    "x",
    "y",
    "width",
    "height",
    "score",
    *(emotion.lower() for emotion in EMOTIONS),
    "emotion",
    "confidence",
]

#: Numbers per row: all columns but the last two, and the emotion's place in EMOTIONS.
WIDTH: Final = len(COLUMNS) - 1


class Rows:
    """One row per face and moment, 120 bytes each.

    >>> rows = Rows()
    >>> rows.extend(rows_of(analysis))  # doctest: +SKIP
    >>> rows.table().columns.equals(pd.Index(COLUMNS))
    True
    """

    def __init__(self) -> None:
        self._numbers = array("d")

    def __len__(self) -> int:
        return len(self._numbers) // WIDTH

    def extend(self, rows: list[tuple[float, ...]]) -> None:
        """Take what :func:`rows_of` gave."""
        for row in rows:
            self._numbers.extend(row)

    def drop_before(self, time: float) -> None:
        """Let go of the rows at the beginning whose time is earlier."""
        numbers, end = self._numbers, 0
        while end < len(numbers) and numbers[end] < time:
            end += WIDTH
        del numbers[:end]

    def numbers(self) -> np.ndarray:
        """A copy, ``(N, WIDTH)`` ``float64``."""
        return np.array(self._numbers, dtype=float).reshape(-1, WIDTH)

    def table(self) -> "pd.DataFrame":
        """All rows, in the columns :data:`COLUMNS`."""
        return table_of(self.numbers())


def rows_of(analysis: "Analysis") -> list[tuple[float, ...]]:
    """The faces of an analysis, which has its ``time``, as rows of numbers."""
    if analysis.time is None:
        raise ValueError("the analysis has no time")
    return [_row(analysis.time, number, face) for number, face in enumerate(analysis.faces, 1)]


def table_of(numbers: np.ndarray) -> "pd.DataFrame":
    """Rows of numbers as the table of every result."""
    # Whoever wants no data frame does not wait for pandas.
    import pandas as pd

    labels = numbers[:, -1].astype(int)
    names = pd.array(EMOTIONS, dtype="str")
    columns = dict(zip(COLUMNS, numbers.T[:-1], strict=False))
    columns |= {
        "person": columns["person"].astype(int),
        "emotion": names[labels],
        "confidence": numbers[np.arange(len(numbers)), 7 + labels],
    }
    return pd.DataFrame(columns)


def _row(time: float, number: int, face: "Face") -> tuple[float, ...]:
    person = face.person if face.person is not None else number
    label = EMOTIONS.index(face.emotion)
    score = math.nan if face.detection.score is None else face.detection.score
    return (time, person, *face.box, score, *face.probabilities, label)
