"""What is measured while a camera runs, from the frames themselves."""

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

#: Rates and delays are those of the last seconds.
SPAN: Final = 3.0


@dataclass(frozen=True)
class LiveStats:
    """Measured over the last seconds, see :data:`SPAN`.

    Attributes:
        frames: returned, per second.
        analyses: finished, per second.
        delay: milliseconds from a frame's entering to its own result being drawn,
            median; ``None`` while nothing was drawn.
        delay_p95: its 95th percentile.
        drawing: milliseconds by which drawing holds a frame up, median.
        dropped: frames since the start that were returned without an analysis of their
            own because a newer one came first.
    """

    frames: float
    analyses: float
    delay: float | None
    delay_p95: float | None
    drawing: float | None
    dropped: int


class Meter:
    """Counts events of the last ``span`` seconds; times in seconds."""

    def __init__(self, span: float = SPAN) -> None:
        self._span = span
        self._events: deque[tuple[float, float]] = deque()
        self._start: float | None = None

    def add(self, time: float, value: float = 0.0) -> None:
        """Count one more event at ``time``."""
        if self._start is None:
            self._start = time
        self._events.append((time, value))
        self._drop(time)

    def rate(self, now: float) -> float:
        """Return events per second."""
        self._drop(now)
        if self._start is None:
            return 0.0
        return len(self._events) / max(min(self._span, now - self._start), 0.5)

    def quantile(self, share: float, now: float) -> float | None:
        """Return the value that this share of the values does not exceed."""
        self._drop(now)
        values = [value for _, value in self._events]
        return float(np.quantile(values, share)) if values else None

    def _drop(self, now: float) -> None:
        while self._events and self._events[0][0] < now - self._span:
            self._events.popleft()
