"""One visitor's camera: frames in, annotated frames out, at camera speed whatever the
model costs.
"""

import threading
import time as _time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from fer_core.analysis import Analysis, analyze
from fer_core.class_prior import parse
from fer_core.classifier import load_classifier
from fer_core.drawing import draw, hide_faces
from fer_core.emotions import UNSURE_BELOW
from fer_core.errors import FerError
from fer_core.faces import Detection, get_detector
from fer_core.live.meter import SPAN, LiveStats, Meter
from fer_core.live.pool import WorkerPool, shared_pool
from fer_core.live.record import SessionRecord
from fer_core.tracking.detector import TrackingDetector
from fer_core.tracking.smoothing import SMOOTHING, EmotionSmoother

#: Seconds after which a result is too old to be drawn on a new frame.
STALE: Final = 3.0
#: Seconds for which the place of a hidden face stays hidden when the face is not found any more.
HIDDEN: Final = 1.0


@dataclass(frozen=True)
class LiveOptions:
    """What a visitor can change while the camera runs; nothing restarts.

    Attributes:
        model: name, or ``None`` for the default.
        detector: name.
        largest: the largest face only.
        smoothing: time constant in seconds, 0 for none.
        mirror: show the picture as a mirror does. Boxes and exports stay those of the
            camera's picture.
        labels: write the emotion above each box.
        hide: hide every face that was found in the last second. The picture shown is then
            the one that was analysed, so that each box lies on its face.
        unsure_below: confidence below which a face is marked as unsure.
        class_prior: See :func:`fer_core.class_prior.parse`; ``None`` is ``FER_CLASS_PRIOR``.
    """

    model: str | None = None
    detector: str = "auto"
    largest: bool = False
    smoothing: float = SMOOTHING
    mirror: bool = True
    labels: bool = True
    hide: bool = False
    unsure_below: float = UNSURE_BELOW
    class_prior: str | None = None


class LiveSession:
    """Hands the newest frame to a worker and draws the newest result; never waits.

    Old frames are dropped, not queued, so that the delay does not grow.

    >>> session = LiveSession()
    >>> shown = session.frame(image)  # doctest: +SKIP
    """

    def __init__(
        self,
        options: LiveOptions | None = None,
        record: SessionRecord | None = None,
        *,
        pool: WorkerPool | None = None,
        span: float = SPAN,
        start: float | None = None,
        clock: Callable[[], float] = _time.monotonic,
        analyze: Callable[[np.ndarray, LiveOptions, float], Analysis] | None = None,
    ) -> None:
        """Create a session whose times start at 0 now, or at ``start``.

        Args:
            options: see :class:`LiveOptions`; assign to ``session.options`` at any time.
            record: takes the numbers; a new one without.
            pool: who analyses; the process's own without.
            span: seconds over which :meth:`stats` measures.
            start: reading of ``clock`` at time 0, for sessions that share a record.
            clock: seconds, for tests.
            analyze: a frame's analysis, for tests.
        """
        self.options = options or LiveOptions()
        self.record = SessionRecord() if record is None else record
        self._pool = pool or shared_pool()
        self._clock = clock
        self._analyze = analyze or self._seen
        self._tracking: TrackingDetector | None = None
        self._start = clock() if start is None else start
        self._wall_start = _time.time() - self.now()
        self._smoother = EmotionSmoother()
        self._lock = threading.Lock()
        self._newest: tuple[np.ndarray, float] | None = None
        self._result: tuple[np.ndarray, Analysis] | None = None
        # Results of the last HIDDEN seconds.
        self._latest: deque[Analysis] = deque()
        self._drawn: Analysis | None = None
        self._shown, self._analyses = Meter(span), Meter(span)
        self._delays, self._drawing = Meter(span), Meter(span)
        self._dropped = 0
        #: Frames taken since the session began.
        self.frames = 0
        self._closed = False
        self._loading = False
        self._waiting_since: float | None = None
        #: Why the last analysis failed, in a sentence for the visitor.
        self.error: str | None = None

    def now(self) -> float:
        """Return seconds since the session began."""
        return self._clock() - self._start

    def frame(self, image: np.ndarray) -> np.ndarray:
        """Take a camera frame; returns it with the newest result drawn on it.

        Args:
            image: ``(H, W, 3)`` ``uint8``, RGB; not written to afterwards by either side.
        """
        entered = self.now()
        if self.record.recording:
            # Every sixteenth pixel says how bright it is: flashes of the screen are seen by it.
            self.record.light(entered, float(image[::16, ::16].mean()) / 255)
        with self._lock:
            self.frames += 1
            if not self._closed:
                self._dropped += self._newest is not None
                self._newest = image, entered
                if self._waiting_since is None:
                    self._waiting_since = entered
            result, latest = self._result, list(self._latest)
        if not self._closed:
            self._pool.wake(self)
        analysis = result[1] if result else None
        if analysis and entered - (analysis.time or 0.0) > STALE:
            analysis = None
        options = self.options
        if options.hide:
            image = _hidden(image, result[0] if result and analysis else None, latest)
        shown = render(image, analysis, options)
        left = self.now()
        with self._lock:
            self._shown.add(left)
            self._drawing.add(left, left - entered)
            if analysis is not None and analysis is not self._drawn:
                self._drawn = analysis
                self._delays.add(left, left - (analysis.time or 0.0))
        return shown

    @property
    def pending(self) -> bool:
        """Return whether a frame waits to be analysed; see :class:`fer_core.live.pool.Client`."""
        return self._newest is not None

    def analyze_newest(self) -> None:
        """Analyse the newest frame, in a worker's thread."""
        with self._lock:
            newest, self._newest = self._newest, None
        if newest is None:
            return
        image, entered = newest
        options = self.options
        try:
            analysis = self._analyze(image, options, entered)
        except FerError as error:
            self.error = str(error)
            return
        shown = self._smoother(analysis, options.smoothing)
        with self._lock:
            if self._closed:
                return
            self.error = self._waiting_since = None
            self._result = image, shown
            self._latest.append(shown)
            while entered - (self._latest[0].time or 0.0) > HIDDEN:
                self._latest.popleft()
            self._analyses.add(self.now())
        self.record.unsure_below = options.unsure_below
        self.record.add(shown, measured(shown, analysis), self._wall_start + entered)

    def _seen(self, image: np.ndarray, options: LiveOptions, time: float) -> Analysis:
        self._loading = True
        classifier = load_classifier(options.model, parse(options.class_prior))
        detector = get_detector(options.detector)
        self._loading = False
        if self._tracking is None or self._tracking.detector is not detector:
            self._tracking = TrackingDetector(detector)
        tracking_detector = self._tracking.at(time)
        return analyze(
            image,
            classifier,
            tracking_detector,
            largest=options.largest,
            fast=True,
            time=time,
            # Only a recording has columns for it.
            with_quality=self.record.recording,
        )

    def stats(self) -> LiveStats:
        """Return how it runs, measured."""
        now = self.now()
        with self._lock:
            return LiveStats(
                frames=self._shown.rate(now),
                analyses=self._analyses.rate(now),
                delay=_ms(self._delays.quantile(0.5, now)),
                delay_p95=_ms(self._delays.quantile(0.95, now)),
                drawing=_ms(self._drawing.quantile(0.5, now)),
                dropped=self._dropped,
            )

    def faces(self) -> Analysis | None:
        """Return the newest analysis, or ``None`` where it is older than :data:`STALE`."""
        result = self._result
        if result is None or self.now() - (result[1].time or 0.0) > STALE:
            return None
        return result[1]

    def waiting(self) -> tuple[float, bool]:
        """Return the seconds for which a frame has waited for a result, and whether a model loads.

        Seconds are 0 while results come.
        """
        since = self._waiting_since
        return (0.0 if since is None else self.now() - since), self._loading

    def newest(self) -> tuple[np.ndarray, Analysis] | None:
        """Return the last analysed frame ``(H, W, 3)`` RGB and its result."""
        return self._result

    def snapshot(self) -> np.ndarray | None:
        """Return the last analysed frame with its own result drawn, ``(H, W, 3)`` RGB."""
        with self._lock:
            result, latest = self._result, list(self._latest)
        if result is None:
            return None
        image, analysis = result
        if self.options.hide:
            image = _hidden(image, image, latest)
        return render(image, analysis, replace(self.options, labels=True))

    def open(self) -> None:
        """Take frames again after :meth:`close`; the record marks the time in between."""
        self._closed = False

    def close(self) -> None:
        """Take no more frames and let go of those in memory; the record stays."""
        with self._lock:
            self._closed = True
            self._waiting_since = None
            self._newest = self._result = self._drawn = None
            self._latest.clear()
        self.record.pause()


def measured(shown: Analysis, analysis: Analysis) -> Analysis:
    """Return the faces with the numbers and labels of the screen, and the emotions as measured.

    Args:
        shown: As the screen shows it.
        analysis: The same faces in the same order, before smoothing.
    """
    faces = tuple(
        replace(face, probabilities=before.probabilities)
        for face, before in zip(shown.faces, analysis.faces, strict=True)
    )
    return replace(shown, faces=faces)


def render(image: np.ndarray, analysis: Analysis | None, options: LiveOptions) -> np.ndarray:
    """Return a frame as the visitor sees it: mirrored if they like, boxes and labels on it."""
    if options.mirror:
        image = cv2.flip(image, 1)
    if analysis is None or not analysis.faces:
        return image
    if options.mirror:
        faces = tuple(
            replace(face, detection=_mirrored(face.detection, analysis.width))
            for face in analysis.faces
        )
        analysis = replace(analysis, faces=faces)
    return draw(
        image,
        analysis,
        labels=options.labels,
        numbers=len(analysis.faces) > 1,
        unsure_below=options.unsure_below,
    )


def _hidden(newest: np.ndarray, analysed: np.ndarray | None, latest: list[Analysis]) -> np.ndarray:
    """Return a picture without recognisable faces.

    Args:
        newest: The camera's newest frame, ``(H, W, 3)``.
        analysed: The last frame that was analysed, ``None`` if that was too long ago. Then the
            whole picture is hidden, since nobody knows where its faces are.
        latest: Results of the last seconds; that of ``analysed`` is the last one.
    """
    if analysed is None:
        height, width = newest.shape[:2]
        return hide_faces(newest, [(0, 0, width, height)])
    size = latest[-1].width, latest[-1].height
    same = [one for one in latest if (one.width, one.height) == size]
    return hide_faces(analysed, [face.box for one in same for face in one.faces])


def _mirrored(detection: Detection, width: int) -> Detection:
    x, y, w, h = detection.box
    return replace(detection, box=(width - x - w, y, w, h))


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
