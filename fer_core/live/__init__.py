"""A camera stream: frames and times in, results and a record of the session out.

Nothing here knows where frames come from. :class:`LiveSession` analyses frames itself;
a source that brings its own analyses puts them through a :class:`Steadier` and into a
:class:`SessionRecord`, and everything behind that is the same.
"""

from fer_core.live.meter import LiveStats
from fer_core.live.pool import WorkerPool, shared_pool
from fer_core.live.record import SessionRecord
from fer_core.live.session import LiveOptions, LiveSession, render
from fer_core.live.steady import Steadier
from fer_core.live.tracking import Tracker

__all__ = [
    "LiveOptions",
    "LiveSession",
    "LiveStats",
    "SessionRecord",
    "Steadier",
    "Tracker",
    "WorkerPool",
    "render",
    "shared_pool",
]
