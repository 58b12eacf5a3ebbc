"""From a video file to its emotions over time."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from fer_core.analysis import Analysis, analyze
from fer_core.class_prior import parse
from fer_core.classifier import Classifier, load_classifier
from fer_core.faces import Detector, get_detector
from fer_core.files import printable
from fer_core.pool import map_in_order
from fer_core.preprocess import ZOOMS
from fer_core.progress import seconds_left
from fer_core.table import Rows
from fer_core.tracking.appearance import Appearance, appearance
from fer_core.tracking.detector import DETECT_EVERY, TrackingDetector
from fer_core.tracking.identity import IdentityTracker, is_cut, scene
from fer_core.video.decode import Frame, VideoFile
from fer_core.video.part import Region, clipped
from fer_core.video.people import doubts
from fer_core.video.result import VideoOptions, VideoResult

#: Longer side to which frames are reduced before they are looked at. A classifier sees
#: 48 pixels of a face, so nothing is lost but time.
LONGEST: Final = 1280
#: Frames of one moment are looked at together: the first is searched for faces, and those
#: are followed through the others. Pixels that may lie there meanwhile.
_PIXELS: Final = 24e6
#: With fewer frames in a moment, its first frame is read in several crops of each face.
_FEW: Final = 4


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
    deadline: float = math.inf,
) -> VideoResult:
    """Find and follow the faces of a video and read their emotions.

    Frames are decoded in order and looked at by several threads; memory does not grow
    with the length of the video but for some 200 bytes per face and sampled frame.

    Args:
        path: of a video file.
        options: see :class:`VideoOptions`.
        progress: called again and again.
        threads: that look at frames; one per core without.
        deadline: On the monotonic clock. What was analysed until then is the result, and one
            of its problems says so.

    Raises:
        VideoError: the file cannot be read at all.
        ModelError, DetectorError: what was asked for is not there.

    >>> analyze_video(Path("talk.mp4")).summary()["dominant"]  # doctest: +SKIP
    'Neutral'
    """
    options = options or VideoOptions()
    classifier = load_classifier(options.model, parse(options.class_prior))
    detector = get_detector(options.detector)
    options = replace(
        options,
        model=classifier.name,
        detector=detector.name,
        class_prior=classifier.class_prior,
    )
    people, rows = IdentityTracker(), Rows()
    begun, sampled, found = time.monotonic(), 0, 0

    analyze_group = partial(_see, classifier=classifier, detector=detector, options=options)

    def see(group: tuple[float, list[Frame]]) -> tuple[float, list[_Seen]]:
        share, frames = group
        return share, analyze_group(frames)

    with VideoFile(path, options.stream, deadline) as video:
        frames_of_file = video.frames(options.fps or None, options.start, options.end)
        groups = ((video.progress(), frames) for frames in _groups(frames_of_file))
        for share, group in map_in_order(see, groups, threads):
            for seen in group:
                analysis = seen.analysis
                numbers = people.update(
                    analysis.time or 0.0,
                    seen.scene,
                    [face.box for face in analysis.faces],
                    seen.appearances,
                    (analysis.width, analysis.height),
                )
                faces = (replace(f, person=n) for f, n in zip(analysis.faces, numbers, strict=True))
                rows.add(replace(analysis, faces=tuple(faces)), frame=seen.frame)
                sampled += 1
                found += len(analysis.faces)
            if progress:
                progress(Progress(share, seconds_left(begun, share), found))
        info, problems, end = video.info, list(video.problems), video.end
        if video.out_of_time:
            options = replace(options, end=end)
    if not found:
        problems.append(
            f"No face was found in {sampled} frames: faces must be turned to the camera and not "
            f"too small; {'another detector' if options.thorough else 'a thorough search'} may "
            "find more."
        )
    table = rows.table("video", printable(path), persons=people.persons())
    return VideoResult(
        info,
        options,
        table,
        end,
        sampled,
        cuts=tuple(people.cuts),
        problems=tuple(problems),
        doubts=doubts(people),
    )


@dataclass(frozen=True, eq=False)
class _Seen:
    frame: int
    analysis: Analysis
    scene: np.ndarray
    appearances: list[Appearance]


def _groups(frames: Iterator[Frame]) -> Iterator[list[Frame]]:
    """Yield the frames of one moment together, no more than memory allows."""
    together: list[Frame] = []
    for frame in frames:
        first = together[0] if together else frame
        full = (len(together) + 1) * frame.width * frame.height > _PIXELS
        if together and (full or int(first.time / DETECT_EVERY) != int(frame.time / DETECT_EVERY)):
            yield together
            together = []
        together.append(frame)
    if together:
        yield together


def _see(
    frames: list[Frame], classifier: Classifier, detector: Detector, options: VideoOptions
) -> list[_Seen]:
    tracking_detector, seen = TrackingDetector(detector, recorded=True), list[_Seen]()
    # When sampling is dense, averaging neighbouring frames replaces averaging several crops of
    # one frame.
    few = len(frames) < _FEW
    for frame in frames:
        region = clipped(options.region, frame) if options.region else None
        image = frame.image(LONGEST, region)
        shown = scene(image)
        if seen and is_cut(seen[-1].scene, shown):
            tracking_detector.reset()
        analysis = analyze(
            image,
            classifier,
            tracking_detector,
            largest=options.largest,
            fast=not options.thorough,
            zooms=len(ZOOMS) if options.thorough or (few and not seen) else 1,
            time=frame.time,
        )
        colours = [appearance(image, face.box) for face in analysis.faces]
        seen.append(_Seen(frame.index, _on_frame(analysis, frame, region), shown, colours))
    return seen


def _on_frame(analysis: Analysis, frame: Frame, region: Region | None) -> Analysis:
    """Return the analysis of a part or a reduced copy of a frame, in pixels of the whole frame."""
    left, top, width, _ = region or (0, 0, frame.width, frame.height)
    factor = width / analysis.width
    faces = analysis.faces
    if factor != 1 or left or top:
        faces = tuple(
            replace(face, detection=face.detection.on_original(factor, left, top)) for face in faces
        )
    return replace(analysis, width=frame.width, height=frame.height, faces=faces)
