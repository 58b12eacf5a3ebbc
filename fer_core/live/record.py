"""The numbers of a live session, in memory: its last minute always, all of it while the
visitor records. Whoever analyses, this server or the visitor's browser, feeds it.
"""

import math
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from fer_core.analysis import Analysis
from fer_core.emotions import UNSURE_BELOW
from fer_core.face_labels import FaceLabel, of_values, to_values, with_labels
from fer_core.live.stimulus import Delay, Shown, estimate_delay, fill
from fer_core.table import ROW_BYTES, Rows

if TYPE_CHECKING:
    import pandas as pd

#: Seconds of the running timeline.
WINDOW: Final = 60.0
#: Seconds without an analysis after which a row says that there was a pause.
PAUSE: Final = 3.0
#: Rows of a recording, so that memory has an end: two hours of one face at 28 a second.
LIMIT: Final = 200_000
#: Keys and changes of the stimulus of a recording, so that memory has an end.
NOTES: Final = 50_000
#: Pictures of which the brightness is remembered: half a minute at 60 a second.
_LIGHT: Final = 2000


class SessionRecord:
    """Thread-safe: a worker adds while a page reads.

    >>> record = SessionRecord()
    >>> record.recording = True
    >>> record.add(analysis)  # doctest: +SKIP
    >>> list(record.table()) == columns("live")
    True
    """

    def __init__(self, window: float = WINDOW, limit: int = LIMIT) -> None:
        self._window, self._limit = window, limit
        self._lock = threading.Lock()
        self._recent, self._rows = Rows(), Rows()
        self._latest: Analysis | None = None
        self._recording = False
        self._frames = 0
        #: Whether the camera was off before the next analysis, and before the next recorded row:
        #: an analysis that comes late, when nothing is recorded, tells nothing of the latter.
        self._off = self._gap = False
        self._light: deque[tuple[float, float]] = deque(maxlen=_LIGHT)
        #: Seconds between the last two analyses, and time and clock of the last row.
        self._step = 0.0
        self._last_row: tuple[float, float | None] | None = None
        #: Confidence below which rows are marked as unsure, 0 to 1.
        self.unsure_below = UNSURE_BELOW

    @property
    def recording(self) -> bool:
        """Return whether results are kept beyond the last minute."""
        return self._recording

    @recording.setter
    def recording(self, on: bool) -> None:
        self._recording = on

    @property
    def full(self) -> bool:
        """Return whether the recording has reached its limit."""
        return len(self) >= self._limit

    def __len__(self) -> int:
        return len(self._rows)

    def add(
        self,
        analysis: Analysis,
        measured: Analysis | None = None,
        wall_time: float | None = None,
    ) -> None:
        """Add the next analysis.

        Args:
            analysis: As the screen shows it, smoothed; with its ``time`` in seconds. One that is
                older than the last is left out.
            measured: The same faces with their probabilities as measured; this is recorded.
                By default ``analysis``.
            wall_time: Clock of the recording machine, in seconds since 1970.
        """
        time = analysis.time or 0.0
        with self._lock:
            before = self._latest.time or 0.0 if self._latest else time
            if time < before:
                return  # of a way of analysing that the visitor has left
            off, self._off = self._off, False
            if self._latest and (off or time - before > PAUSE):
                self._recent.add_pause(min(before + self._step, time))
            else:
                self._step = time - before
            self._latest = analysis
            self._recent.add(analysis, unsure_below=self.unsure_below)
            self._recent.drop_before(time - self._window)
            if self._recording and not self.full:
                if self._last_row and (self._gap or time - self._last_row[0] > PAUSE):
                    row, clock = self._last_row
                    step = min(self._step, time - row)
                    self._rows.add_pause(row + step, None if clock is None else clock + step)
                self._gap = False
                self._last_row = time, wall_time
                self._rows.add(
                    measured or analysis,
                    frame=self._frames,
                    wall_time=wall_time,
                    unsure_below=self.unsure_below,
                )
            self._frames += 1

    def pause(self) -> None:
        """Note that the camera is off: the time until the next analysis does not count."""
        with self._lock:
            self._off = self._gap = True

    @property
    def latest(self) -> Analysis | None:
        """Return the last analysis added."""
        return self._latest

    @property
    def began(self) -> float | None:
        """Return the time of the first recorded row, in seconds of the session; ``None`` without
        rows.
        """
        with self._lock:
            return self._rows.first

    @property
    def recorded_until(self) -> float | None:
        """Return clock of the last recorded row, in seconds since 1970; ``None`` if unknown."""
        with self._lock:
            return self._last_row[1] if self._last_row else None

    @property
    def nbytes(self) -> int:
        """Return the bytes that the recording takes."""
        return len(self) * ROW_BYTES

    def recent(self) -> "pd.DataFrame":
        """Return the last minute as it was shown, see
        :meth:`fer_core.table.Rows.for_curves`.
        """
        with self._lock:
            return self._recent.for_curves()

    def table(self, source: str = "") -> "pd.DataFrame":
        """Return the recording as measured; its time begins with its first row.

        What was shown is in every row, by the times of the screen: see :attr:`beside` for what
        corrects them.

        Args:
            source: Name of the session.
        """
        with self._lock:
            table = self._rows.table("live", source, from_zero=True)
        return with_labels(fill(table, shown_of(self.beside)), self.labels)

    def light(self, time: float, brightness: float) -> None:
        """Remember how bright a picture of the camera is, for a while.

        Args:
            time: Seconds of the session.
            brightness: Mean of the picture, 0 to 1.
        """
        with self._lock:
            self._light.append((time, brightness))

    def press(self, time: float, name: str, *, edge: bool) -> None:
        """Note that a key was pressed during the recording.

        Args:
            time: Seconds of the session.
            name: What the key stands for.
            edge: Whether it begins or ends an interval; otherwise it marks a moment.
        """
        self._note("keys", [time, name, edge])

    def show(self, shown: Shown) -> None:
        """Note what the screen shows from a moment on, in seconds of the session."""
        self._note("shown", [shown.time, shown.name, shown.at, shown.running])

    def flash(self, time: float) -> None:
        """Note that the screen turned white, in seconds of the session."""
        self._note("flashes", [time])

    @property
    def labels(self) -> tuple[FaceLabel, ...]:
        """Return the user's labels, in seconds of the recording; the latest last."""
        with self._lock:
            return of_values(self._rows.notes.get("labels", []))

    @labels.setter
    def labels(self, labels: Sequence[FaceLabel]) -> None:
        with self._lock:
            self._rows.notes["labels"] = to_values(labels)

    def measure_delay(self) -> None:
        """Estimate the delay of the camera from the flashes since the last estimate."""
        with self._lock:
            notes = self._rows.notes
            flashes = [time for (time,) in notes.pop("flashes", [])]
            found = estimate_delay(flashes, list(self._light))
            notes["delay"] = [vars(found)] if found else []

    def _note(self, kind: str, value: list[Any]) -> None:
        with self._lock:
            notes = self._rows.notes.setdefault(kind, [])
            if len(notes) < NOTES:
                notes.append(value)

    @property
    def beside(self) -> dict[str, Any]:
        """Return what happened beside the rows, as plain JSON values to store with them.

        Returns:
            ``events`` of the keys as in BIDS, by ``onset``; ``shown``, each a list of the values
            of :class:`~fer_core.live.stimulus.Shown`; ``delay``, the values of
            :class:`~fer_core.live.stimulus.Delay`, or ``None`` where it could not be measured;
            and the user's ``labels``, see :func:`fer_core.face_labels.to_values`. Times are
            seconds of the recording. What did not happen is left out.
        """
        with self._lock:
            zero, notes = self._rows.first or 0.0, self._rows.notes
            keys = [(time - zero, *rest) for time, *rest in notes.get("keys", [])]
            shown = [[time - zero, *rest] for time, *rest in notes.get("shown", [])]
            delay, labels = notes.get("delay"), notes.get("labels")
        found: dict[str, Any] = {}
        if keys:
            found["events"] = events_of(keys)
        if shown:
            found["shown"] = sorted(shown)
        if delay is not None:
            found["delay"] = delay[0] if delay else None
        if labels:
            found["labels"] = list(labels)
        return found

    def dump(self, first: int) -> tuple[bytes, dict[str, Any]]:
        """Return recorded rows from an index on; see :meth:`fer_core.table.Rows.dump`."""
        with self._lock:
            return self._rows.dump(first)

    def restore(self, rows: Rows) -> None:
        """Go on with a recording of an earlier process.

        Args:
            rows: Its rows. What is added from now on is later than they are.
        """
        with self._lock:
            self._rows = rows
            if rows.latest:
                time, clock = rows.latest
                self._last_row = time, None if math.isnan(clock) else clock

    def clear(self) -> Rows:
        """Begin anew, and return what was recorded."""
        with self._lock:
            rows, self._rows, self._last_row = self._rows, Rows(), None
            return rows


def events_of(keys: Sequence[tuple[float, str, bool]]) -> list[dict[str, Any]]:
    """Return the events that keys stand for.

    Args:
        keys: When each was pressed, in seconds; its name; whether it begins or ends an interval.

    Returns:
        ``onset``, ``duration`` (0 for a moment, ``None`` where the end is unknown) and
        ``trial_type``, by onset.
    """
    found: list[dict[str, Any]] = []
    begun: dict[str, dict[str, Any]] = {}
    for time, name, edge in sorted(keys):
        before = begun.pop(name, None) if edge else None
        if before is not None:
            before["duration"] = time - before["onset"]
            continue
        event = {"onset": time, "duration": None if edge else 0.0, "trial_type": name}
        found.append(event)
        if edge:
            begun[name] = event
    return found


def shown_of(about: Mapping[str, Any]) -> list[Shown]:
    """Return what the screen showed during a recording, see :attr:`SessionRecord.beside`."""
    return [Shown(*values) for values in about.get("shown") or []]


def delay_of(about: Mapping[str, Any]) -> Delay | None:
    """Return the delay that was measured during a recording; ``None`` where it was not."""
    found = about.get("delay")
    return Delay(**found) if found else None
