"""What a visitor records, whichever way their pictures are analysed."""

import time
from dataclasses import dataclass, field

import streamlit as st

from fer_core.live import SessionRecord


@dataclass
class Recording:
    """The numbers of one visitor's visit, which both ways of analysing write to.

    Attributes:
        record: Takes the numbers.
        start: Reading of :func:`time.monotonic` at time 0 of the numbers.
    """

    record: SessionRecord = field(default_factory=SessionRecord)
    start: float = field(default_factory=time.monotonic)


def recording() -> Recording:
    """Return the recording of the visitor."""
    return st.session_state.setdefault("live_recording", Recording())
