"""What a visitor records, whichever way their pictures are analysed."""

import logging
import math
import time
from dataclasses import dataclass, field
from typing import Final

import streamlit as st

from fer_core.errors import FerError
from fer_core.live import SessionRecord
from fer_core.live.page_log import PageLog
from fer_core.live.spool import Spool
from fer_core.table import Rows
from ui.services import recordings, visits

log = logging.getLogger(__name__)

#: Seconds between two writes: so much of a recording a restart of the server may cost.
EVERY: Final = 5.0
#: Key of the visit's state: whether the recording was made or found in this visit.
_HERE: Final = "live_recording_here"


@dataclass
class Recording:
    """The numbers of one visitor's visit, which both ways of analysing write to.

    Attributes:
        record: Takes the numbers.
        start: Reading of :func:`time.monotonic` at time 0 of the numbers.
        spool: Where they lie on disk while they are made.
        interrupted: Seconds since 1970 up to which a recording goes that was found on disk.
        log: Takes what the page says of keys and stimuli.
    """

    record: SessionRecord = field(default_factory=SessionRecord)
    start: float = field(default_factory=time.monotonic)
    spool: Spool | None = None
    interrupted: float | None = None
    log: PageLog = field(default_factory=PageLog)
    _written: float = 0.0

    @property
    def began(self) -> float:
        """Return when the first number was recorded, in seconds since 1970; now without any."""
        now, first = time.time(), self.record.began
        return now if first is None else now - time.monotonic() + self.start + first

    def find(self) -> None:
        """Go on with an interrupted recording of this browser, if there is one."""
        found = recordings.find_interrupted()
        if found is None:
            return
        self.spool, rows = found
        latest, clock = rows.latest or (0.0, math.nan)
        self.interrupted = time.time() if math.isnan(clock) else clock
        # What is added is as much later as it is by the clock.
        self.start = time.monotonic() - latest - max(0.0, time.time() - self.interrupted)
        self.record.restore(rows)

    def go_on(self) -> None:
        """Go on in another visit of the same browser than the one that recorded so far."""
        self.record.recording = False
        self.record.pause()
        if self.spool is not None:
            recordings.take(self.spool)
        self.interrupted = self.record.recorded_until or time.time()

    def note(self) -> None:
        """Let the next visit of this browser find the recording, which counts in its limit."""
        visits.remember("live", "live_recording", "live_name", full=len(self.record) > 0)
        visits.hold("live", size=self.record.nbytes)

    def save(self, *, at_once: bool = False) -> None:
        """Write what was recorded to the disk, every few seconds.

        Args:
            at_once: Write now.
        """
        self.note()
        now = time.monotonic()
        if not len(self.record) or (now - self._written < EVERY and not at_once):
            return
        self._written = now
        self.spool = self.spool or recordings.begin()
        try:
            if self.spool is not None:
                recordings.write(self.spool, self.record)
        except OSError as error:
            log.warning("A recording cannot be written to the disk: %s", error)

    def finish(self) -> None:
        """Begin anew after the numbers were saved."""
        if self.spool is not None:
            self.spool.delete()
        self._restart()

    def discard(self, name: str) -> None:
        """Throw the numbers away, which can be undone for a while.

        Args:
            name: What the recording was called.
        """
        start, interrupted, spool = self.start, self.interrupted, self.spool
        rows = self._restart()

        def restore() -> None:
            # Of the visit that undoes it: the page may have been loaded again.
            now = recording()
            if len(now.record):
                raise FerError("A new recording has begun: save or discard it first.")
            now.start, now.interrupted, now.spool = start, interrupted, spool
            now.record.restore(rows)
            st.session_state.update(live_record=False, live_name=name)

        recordings.remove(spool, name, restore)

    def _restart(self) -> Rows:
        self.interrupted = self.spool = None
        return self.record.clear()


def recording() -> Recording:
    """Return the recording of the visitor."""
    state = st.session_state
    found = state.setdefault("live_recording", Recording())
    if not state.get(_HERE):
        state[_HERE] = True
        if len(found.record):
            found.go_on()
    found.note()
    return found
