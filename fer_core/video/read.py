"""From a video file to its emotions over time."""

import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from fer_core.analysis import Analysis, analyze
from fer_core.classifier import Classifier, load_classifier
from fer_core.faces import Detector, get_detector
from fer_core.rows import Rows, rows_of
from fer_core.video.decode import Frame, VideoFile
from fer_core.video.people import People, looks, scene
from fer_core.video.result import VideoOptions, VideoResult
from fer_core.work import left

#: Longer side to which frames are reduced before they are looked at. A classifier sees
#: 48 pixels of a face, so nothing is lost but time.
LONGEST: Final = 1280


@dataclass(frozen=True)
class Progress:
    """How far a video is.

    Attributes:
        share: of the work, 0 to 1.
        seconds_left: at the speed so far; ``None`` before that can be told.
        faces: seen so far, counted once per frame.
    """

    share: float
    seconds_left: float | None
    faces: int


def analyze_video(
    path: Path,
    options: VideoOptions | None = None,
    progress: Callable[[Progress], None] | None = None,
    threads: int | None = None,
) -> VideoResult:
    """Find and follow the faces of a video and read their emotions.

    Frames are decoded in order and looked at by several threads; memory does not grow
    with the length of the video but for 120 bytes per face and frame looked at.

    Args:
        path: of a video file.
        options: see :class:`VideoOptions`.
        progress: called after every frame looked at.
        threads: that look at frames; one per core without.

    Raises:
        VideoError: the file cannot be read at all.
        ModelError, DetectorError: what was asked for is not there.

    >>> analyze_video(Path("talk.mp4")).summary()["dominant"]  # doctest: +SKIP
    'Neutral'
    """
    options = options or VideoOptions()
    classifier, detector = load_classifier(options.model), get_detector(options.detector)
    options = replace(options, model=classifier.name, detector=detector.name)
    threads = threads or os.cpu_count() or 1
    people, rows, waiting = People(), Rows(), deque[tuple[float, Future]]()
    begun, looked, last = time.monotonic(), 0, 0.0

    def take() -> None:
        nonlocal looked, last
        share, future = waiting.popleft()
        seen: _Seen = future.result()
        analysis, last = seen.analysis, seen.analysis.time or 0.0
        numbers = people.update(last, seen.scene, analysis.faces, seen.looks)
        faces = (replace(f, person=n) for f, n in zip(analysis.faces, numbers, strict=True))
        rows.extend(rows_of(replace(analysis, faces=tuple(faces))))
        looked += 1
        if progress:
            progress(Progress(share, left(begun, share), len(rows)))

    with VideoFile(path) as video, ThreadPoolExecutor(threads) as executor:
        try:
            for frame in video.frames(options.fps or None):
                future = executor.submit(_see, frame, classifier, detector, options)
                waiting.append((video.progress(), future))
                if len(waiting) > 2 * threads:
                    take()
            while waiting:
                take()
        finally:
            executor.shutdown(cancel_futures=True)
        info, problems = video.info, list(video.problems)
    if not len(rows):
        problems.append(
            f"No face was found in {looked} frames: faces must be turned to the camera and not "
            f"too small; {'another detector' if options.thorough else 'a thorough search'} may "
            "find more."
        )
    table = rows.table()
    table["person"] = table["person"].map(people.persons()).astype("int64")
    return VideoResult(info, options, table, last, looked, tuple(people.cuts), tuple(problems))


@dataclass(frozen=True, eq=False)
class _Seen:
    analysis: Analysis
    scene: np.ndarray
    looks: list[np.ndarray]


def _see(frame: Frame, classifier: Classifier, detector: Detector, options: VideoOptions) -> _Seen:
    image = frame.image(LONGEST)
    analysis = analyze(
        image,
        classifier,
        detector,
        largest=options.largest,
        fast=not options.thorough,
        time=frame.time,
    )
    colours = [looks(image, face.box) for face in analysis.faces]
    factor = frame.width / image.shape[1]
    if factor != 1:
        faces = (
            replace(
                face,
                box=tuple(v * factor for v in face.box),
                frame=tuple(v * factor for v in face.frame),
                keypoints=(),
            )
            for face in analysis.faces
        )
        analysis = replace(analysis, width=frame.width, height=frame.height, faces=tuple(faces))
    return _Seen(analysis, scene(image), colours)
