"""The numbers of a live session, in memory: its last minute always, all of it while the
visitor records. Whoever analyses, this server or the visitor's browser, feeds it.
"""

import threading
from typing import TYPE_CHECKING, Final

from fer_core.analysis import Analysis
from fer_core.table import Rows, rows_of, table_of

if TYPE_CHECKING:
    import pandas as pd

#: Seconds of the running timeline.
WINDOW: Final = 60.0
#: Rows of a recording, so that memory has an end: two hours of one face at 28 a second.
LIMIT: Final = 200_000


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
        self._recent, self._rows = Rows(), Rows()
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
        return len(self._rows)

    def add(self, analysis: Analysis) -> None:
        """Take the next analysis; its ``time`` in seconds is never before the last one's."""
        rows = rows_of(analysis)
        with self._lock:
            self._latest = analysis
            self._recent.extend(rows)
            self._recent.drop_before((analysis.time or 0.0) - self._window)
            if self._recording and not self.full:
                self._rows.extend(rows)

    @property
    def latest(self) -> Analysis | None:
        """The last analysis added."""
        return self._latest

    def recent(self) -> "pd.DataFrame":
        """The last minute, in the columns :data:`fer_core.table.COLUMNS`."""
        with self._lock:
            return self._recent.table()

    def table(self) -> "pd.DataFrame":
        """The recording, in the same columns; its time begins with its first row."""
        with self._lock:
            rows = self._rows.numbers()
        if len(rows):
            rows[:, 0] -= rows[0, 0]
        return table_of(rows)

    def clear(self) -> None:
        """Throw the recording away."""
        with self._lock:
            self._rows = Rows()
