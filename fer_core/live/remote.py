"""A camera that somebody else analyses: the visitor's own browser. Its numbers come in,
and go into the same record as those of a :class:`fer_core.live.LiveSession`.
"""

import math
import time as _time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fer_core.analysis import Analysis, Face
from fer_core.class_prior import AS_TRAINED
from fer_core.emotions import EMOTIONS
from fer_core.faces import Detection
from fer_core.live.meter import LiveStats
from fer_core.live.record import SessionRecord
from fer_core.live.session import STALE

#: Scores and probabilities come as whole numbers, of which this is 1.
UNIT: Final = 10_000
#: Numbers of a face: person, box, score, label, seven probabilities as shown and as measured.
_NUMBERS: Final = 7 + 2 * len(EMOTIONS)
#: More of them: both eyes and the tip of the nose, sharpness and brightness. A page of an
#: earlier version that is still open in a browser does not send these.
_QUALITY: Final = 8
#: Eyes and nose come in whole numbers of a tenth of a pixel.
TENTH: Final = 10
_LARGEST: Final = 1e9
#: The year 5138, in seconds since 1970.
_LATEST: Final = 1e11


@dataclass
class _Run:
    """One time that the camera was on: which it was, its beginning, what has come of it."""

    name: Any = None
    offset: float = 0.0
    wall_start: float | None = None
    next: int = 0
    stats: dict[str, float] = field(default_factory=dict)


class RemoteSession:
    """Takes reports of what was analysed elsewhere, each result once and in order.

    Reports may come late or twice, since their sender repeats what :attr:`ack` does not
    name as received. What a report holds is not believed: what is no face is left out.

    >>> session = RemoteSession("mini_xception", "blazeface")
    >>> session.take(report)  # doctest: +SKIP
    """

    def __init__(
        self,
        model: str,
        detector: str,
        record: SessionRecord | None = None,
        *,
        start: float | None = None,
        clock: Callable[[], float] = _time.monotonic,
    ) -> None:
        """Create a session whose times start at 0 now, or at ``start``.

        Args:
            model: name, for the results.
            detector: likewise.
            record: takes the numbers; a new one without.
            start: reading of ``clock`` at time 0, for sessions that share a record.
            clock: seconds, for tests.
        """
        self.model, self.detector = model, detector
        self.record = SessionRecord() if record is None else record
        self._clock, self._start = clock, clock() if start is None else start
        self._run = _Run()
        self._newest: Analysis | None = None
        #: The class prior that the browser was told to apply, as exports record it.
        self.class_prior = str(AS_TRAINED)
        #: Nothing fails here; what fails in the browser, the browser reports.
        self.error: str | None = None

    def now(self) -> float:
        """Return seconds since the session began."""
        return self._clock() - self._start

    @property
    def ack(self) -> dict[str, Any]:
        """Return what has been received: the run's name, and the number of the next result."""
        return {"run": self._run.name, "next": self._run.next}

    def take(self, report: dict[str, Any]) -> None:
        """Take what came since the last report.

        Args:
            report: ``run`` names one time that the camera was on, ``now`` is its age in
                seconds, ``wall`` the device's clock in seconds since 1970, ``width`` and
                ``height`` are the picture's, ``first`` numbers the first of ``results``. Each
                is ``[milliseconds, face, …]``. A face is ``[person, x, y, w, h, score, label,
                …]`` with the seven probabilities as shown and as measured, see :data:`UNIT`.
                At last come right eye, left eye and nose in tenths of a pixel, sharpness, and
                brightness, see :data:`UNIT`. ``stats`` are ``fps``, ``analyses``, ``delay``.
        """
        run, first = self._run, int(number(report.get("first")))
        if report.get("run") != run.name:
            if run.name is not None:
                self.record.pause()
            # The browser's clock begins at 0 again; the record's goes on.
            offset = self.now() - number(report.get("now"))
            began = number(report.get("wall"), _LATEST) - number(report.get("now"))
            run = _Run(
                report.get("run"),
                max(offset, _time_of(self.record.latest)),
                began if began > 0 else None,
                first,
            )
            self._run = run
        stats, results = report.get("stats"), report.get("results")
        run.stats = {k: number(v) for k, v in stats.items()} if isinstance(stats, dict) else {}
        size = int(number(report.get("width"))), int(number(report.get("height")))
        if not isinstance(results, list) or first > run.next:
            return  # something before it is missing, and will be sent again
        for result in results[run.next - first :]:
            run.next += 1
            self._add(result, size, run)

    def _add(self, result: Any, size: tuple[int, int], run: _Run) -> None:
        if not isinstance(result, list) or not result:
            return
        seconds = number(result[0]) / 1000
        # Times never go back, whatever the browser says.
        time = max(run.offset + seconds, _time_of(self.record.latest))
        time = min(time, self.now())
        pairs = [pair for pair in map(_face, result[1:]) if pair]
        shown, measured = (
            (tuple(faces) for faces in zip(*pairs, strict=True)) if pairs else ((), ())
        )
        self._newest = Analysis(
            *size, self.model, self.detector, shown, time, class_prior=self.class_prior
        )
        wall_time = None if run.wall_start is None else run.wall_start + seconds
        self.record.add(self._newest, replace(self._newest, faces=measured), wall_time)

    @property
    def clock(self) -> dict[str, Any]:
        """Return the present run's name, and its second at which the recording begins.

        The latter, ``zero``, is ``None`` while nothing is recorded, and negative where the
        recording began before this run.
        """
        began = self.record.began if self.record.recording else None
        return {
            "run": self._run.name,
            "zero": None if began is None else began - self._run.offset,
        }

    def stats(self) -> LiveStats:
        """Return how it runs, as the browser measured it."""
        found = self._run.stats
        return LiveStats(
            frames=found.get("fps", 0.0),
            analyses=found.get("analyses", 0.0),
            delay=found.get("delay"),
            delay_p95=None,
            drawing=None,
            dropped=0,
        )

    def faces(self) -> Analysis | None:
        """Return the newest analysis, or ``None`` where it is older than a few seconds."""
        if self._newest is None or self.now() - _time_of(self._newest) > STALE:
            return None
        return self._newest


def _time_of(analysis: Analysis | None) -> float:
    return (analysis.time or 0.0) if analysis else 0.0


def number(value: Any, largest: float = _LARGEST) -> float:
    """Return what a browser sent as a number, 0 where it is none; nothing it sends is believed.

    Args:
        value: Anything.
        largest: Limit of its size.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return 0.0
    return max(-largest, min(float(value), largest))


def _face(values: Any) -> tuple[Face, Face] | None:
    """Return a face as shown and as measured, ``None`` if the numbers are none of a face."""
    if not isinstance(values, list) or len(values) not in (_NUMBERS, _NUMBERS + _QUALITY):
        return None
    person, *box, score, label = (number(value) for value in values[:7])
    shown, measured = (
        [max(number(value), 0.0) for value in values[first : first + len(EMOTIONS)]]
        for first in (7, 7 + len(EMOTIONS))
    )
    valid = sum(shown) and sum(measured) and min(box[2:]) > 0
    if not valid or not 0 <= label < len(EMOTIONS):
        return None
    x, y, width, height = box
    quality = [number(value) for value in values[_NUMBERS:]]
    points = [value / TENTH for value in quality[:6]]
    detection = Detection(
        (x, y, width, height),
        min(max(score / UNIT, 0.0), 1.0),
        keypoints=tuple(zip(points[::2], points[1::2], strict=True)),
    )
    faces = [
        Face(
            detection,
            tuple(share / sum(shares) for share in shares),
            person=int(person),
            label=EMOTIONS[int(label)],
            sharpness=max(quality[6], 0.0) if quality else None,
            brightness=min(max(quality[7] / UNIT, 0.0), 1.0) if quality else None,
        )
        for shares in (shown, measured)
    ]
    return faces[0], faces[1]
