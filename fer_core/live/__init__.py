"""A camera stream: frames and times in, results and a record of the session out.

Nothing here knows where frames come from. :class:`LiveSession` analyses frames itself. A
source that brings its own analyses puts them into a :class:`SessionRecord`; everything after
that is the same.
"""

from fer_core.live.meter import LiveStats
from fer_core.live.pool import WorkerPool, shared_pool
from fer_core.live.record import SessionRecord
from fer_core.live.session import LiveOptions, LiveSession, render

__all__ = [
    "LiveOptions",
    "LiveSession",
    "LiveStats",
    "SessionRecord",
    "WorkerPool",
    "render",
    "shared_pool",
]
