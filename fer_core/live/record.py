"""The numbers of a live session, in memory: its last minute always, all of it while the
visitor records. Whoever analyses, this server or the visitor's browser, feeds it.
"""

import threading
from array import array
from collections import deque
from typing import Final

import numpy as np
import pandas as pd

from fer_core.analysis import COLUMNS, Analysis, FaceEmotion
from fer_core.emotions import EMOTIONS

#: Seconds of the running timeline.
WINDOW: Final = 60.0
#: Rows of a recording, so that memory has an end: two hours of one face at 28 a second.
LIMIT: Final = 200_000

_WIDTH: Final = 8 + len(EMOTIONS)


class SessionRecord:
    """Thread-safe: a worker adds while a page reads.

    >>> record = SessionRecord()
    >>> record.recording = True
    >>> record.add(analysis)  # doctest: +SKIP
    >>> record.table().columns.equals(pd.Index(COLUMNS))
    True
    """

    def __init__(self, window: float = WINDOW, limit: int = LIMIT) -> None:
        self._window, self._limit = window, limit
        self._lock = threading.Lock()
        self._recent: deque[tuple[float, ...]] = deque()
        self._rows = array("d")
        self._latest: Analysis | None = None
        self._recording = False

    @property
    def recording(self) -> bool:
        """Whether what is added is kept beyond the last minute."""
        return self._recording

    @recording.setter
    def recording(self, on: bool) -> None:
        self._recording = on

    @property
    def full(self) -> bool:
        """Whether the recording has reached its limit."""
        return len(self) >= self._limit

    def __len__(self) -> int:
        return len(self._rows) // _WIDTH

    def add(self, analysis: Analysis) -> None:
        """Take the next analysis; its ``time`` in seconds is never before the last one's."""
        if analysis.time is None:
            raise ValueError("the analysis has no time")
        rows = [_row(analysis.time, number, face) for number, face in enumerate(analysis.faces, 1)]
        with self._lock:
            self._latest = analysis
            self._recent.extend(rows)
            while self._recent and self._recent[0][0] < analysis.time - self._window:
                self._recent.popleft()
            if self._recording and not self.full:
                for row in rows:
                    self._rows.extend(row)

    @property
    def latest(self) -> Analysis | None:
        """The last analysis added."""
        return self._latest

    def recent(self) -> pd.DataFrame:
        """The last minute, in the columns :data:`fer_core.analysis.COLUMNS`."""
        with self._lock:
            rows = np.array(self._recent, dtype=float).reshape(-1, _WIDTH)
        return _table(rows)

    def table(self) -> pd.DataFrame:
        """The recording, in the same columns; its time begins with its first row."""
        with self._lock:
            rows = np.array(self._rows, dtype=float).reshape(-1, _WIDTH)
        if len(rows):
            rows[:, 0] -= rows[0, 0]
        return _table(rows)

    def clear(self) -> None:
        """Throw the recording away."""
        with self._lock:
            self._rows = array("d")


def _row(time: float, number: int, face: FaceEmotion) -> tuple[float, ...]:
    person = face.person if face.person is not None else number
    label = EMOTIONS.index(face.emotion)
    return (time, person, *face.box, face.score, *face.probabilities, label)


def _table(rows: np.ndarray) -> pd.DataFrame:
    labels = rows[:, -1].astype(int)
    table = pd.DataFrame(rows[:, :-1], columns=COLUMNS[:-2])
    table["person"] = table["person"].astype(int)
    table["emotion"] = np.array(EMOTIONS, dtype=object)[labels]
    table["confidence"] = rows[np.arange(len(rows)), 7 + labels]
    return table
