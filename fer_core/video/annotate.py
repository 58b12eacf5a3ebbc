"""A video with its result drawn on every frame, and stills of single moments."""

import io
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
import pandas as pd
from PIL import Image

from fer_core import timeline
from fer_core.analysis import Analysis, Face
from fer_core.drawing import draw, hide_faces
from fer_core.emotions import UNSURE_BELOW
from fer_core.errors import VideoError
from fer_core.faces import Detection
from fer_core.files import check_outputs, printable, writing
from fer_core.progress import seconds_left
from fer_core.table import PROBABILITIES
from fer_core.video.decode import VideoFile
from fer_core.video.formats import url_of
from fer_core.video.read import Progress
from fer_core.video.result import VideoResult
from fer_core.video.timestamps import FrameClock

#: Longer side of annotated videos, unless told otherwise, and of stills, in pixels.
LONGEST: Final = 1920
STILL: Final = 480

#: Seconds for which a face that is lost stays hidden, before and after it is seen, and between.
HIDDEN_GAP: Final = 2.0

_BOX: Final = ["x", "y", "width", "height"]
_CLOCK: Final = Fraction(1, 90_000)
#: Codecs of sound that MP4 holds and browsers play: copied as they are.
_COPIED: Final = {"aac", "mp3"}


class FacesAt:
    """The faces of a result at any time: between two samples, boxes move evenly.

    >>> faces_at = FacesAt(result)  # doctest: +SKIP
    >>> draw(image, faces_at(12.34))  # doctest: +SKIP
    """

    def __init__(self, result: VideoResult) -> None:
        self._result = result
        table = result.smoothed()
        table = table.assign(until=table["time"] + timeline.durations(table, end=result.seconds))
        table = timeline.seen(table).sort_values("time", kind="stable")
        self._persons = [
            (
                int(person),
                rows["time"].to_numpy(float),
                rows["until"].to_numpy(float),
                rows[_BOX].to_numpy(float),
                rows[list(PROBABILITIES)].to_numpy(float),
                rows["score"].to_numpy(float),
                rows["unsure"].to_numpy(bool, na_value=False)
                & (rows["confidence"].to_numpy(float) >= UNSURE_BELOW),
            )
            for person, rows in table.groupby("person")
        ]

    def __call__(self, time: float) -> Analysis:
        """Return what is drawn on the frame at ``time`` seconds."""
        faces = []
        for person, times, until, boxes, probabilities, scores, unreliable in self._persons:
            # The frame that was sampled is shown a little after it begins.
            i = int(np.searchsorted(times, time + 1e-6)) - 1
            if i < 0:
                continue
            box = boxes[i]
            if i + 1 < len(times) and times[i + 1] - times[i] <= timeline.GAP:
                share = (time - times[i]) / (times[i + 1] - times[i])
                box = box + min(max(share, 0.0), 1.0) * (boxes[i + 1] - box)
            elif time > until[i] + 1e-6:
                continue
            score = None if np.isnan(scores[i]) else float(scores[i])
            faces.append(
                Face(
                    Detection((box[0], box[1], box[2], box[3]), score),
                    tuple(probabilities[i]),
                    person,
                    unreliable=bool(unreliable[i]),
                )
            )
        faces.sort(key=lambda face: face.box[2] * face.box[3], reverse=True)
        info, options = self._result.info, self._result.options
        return Analysis(
            info.width, info.height, options.model or "", options.detector, tuple(faces), time
        )

    def hidden(self, image: np.ndarray, time: float, width: int) -> np.ndarray:
        """Return a frame in which nobody can be recognised, see :func:`hide_faces`.

        A face that is not found for a short while stays hidden where it must be.

        Args:
            image: The frame, or a reduced copy of it.
            time: Seconds.
            width: Of the frame, in pixels.
        """
        boxes = []
        for _, times, until, found, *_ in self._persons:
            i = int(np.searchsorted(times, time + 1e-6)) - 1
            if i < 0:
                if times[0] - time <= HIDDEN_GAP:
                    boxes.append(found[0])
            elif i + 1 < len(times) and times[i + 1] - times[i] <= 2 * HIDDEN_GAP:
                share = (time - times[i]) / (times[i + 1] - times[i])
                boxes.append(found[i] + min(max(share, 0.0), 1.0) * (found[i + 1] - found[i]))
            elif time <= until[i] + HIDDEN_GAP:
                boxes.append(found[i])
            elif i + 1 < len(times) and times[i + 1] - time <= HIDDEN_GAP:
                boxes.append(found[i + 1])
        scale = image.shape[1] / width
        return hide_faces(image, [tuple(box * scale) for box in boxes])

    def drawn(
        self,
        image: np.ndarray,
        time: float,
        unsure_below: float,
        shape: tuple[int, int] | None = None,
    ) -> np.ndarray:
        """Return a frame with its faces boxed and labelled.

        Args:
            image: The frame, or a reduced copy of it.
            time: Seconds.
            unsure_below: Confidence, 0 to 1.
            shape: Width and height of the frame in pixels. Defaults to the video's.
        """
        analysis = self(time)
        if shape is not None:
            analysis = replace(analysis, width=shape[0], height=shape[1])
        return draw(
            image,
            analysis,
            numbers=len(self._persons) > 1,
            names=self._result.names,
            unsure_below=unsure_below,
        )


def annotate(
    source: Path,
    result: VideoResult,
    target: Path,
    progress: Callable[[Progress], None] | None = None,
    *,
    longest: int = LONGEST,
    unsure_below: float = UNSURE_BELOW,
    deadline: float = math.inf,
    hide: bool = False,
) -> None:
    """Write the video with boxes and labels on every frame: H.264 in MP4, with its sound.

    The frames keep their times; of a video of which a part was read, that part is written.
    ``target`` appears when it is complete, or not at all.

    Args:
        source: the video that ``result`` is of.
        result: see :func:`fer_core.video.analyze_video`.
        target: ends in ``.mp4``.
        progress: called after every frame.
        longest: pixels; larger frames are reduced so that their longer side has so many.
        unsure_below: confidence, 0 to 1.
        deadline: On the monotonic clock, by which it must be done.
        hide: Hide every face, so that nobody can be recognised, also for as long as it is lost
            for a short while.

    Raises:
        VideoError: The source cannot be read, or there was not enough time.
        FerError: The target cannot be written, or is the source.
    """
    check_outputs([target], [source], overwrite=True)
    faces_at, begun, drawn = FacesAt(result), time.monotonic(), 0
    scale = min(1.0, longest / max(result.info.width, result.info.height))
    width, height = (
        round(side * scale) // 2 * 2 for side in (result.info.width, result.info.height)
    )
    with (
        _written(target) as path,
        VideoFile(source, result.options.stream, deadline) as video,
        av.open(url_of(path), "w", format="mp4", options={"movflags": "+faststart"}) as out,
    ):
        rate = Fraction(min(max(result.info.rate, 1.0), 120.0)).limit_denominator(1001)
        options = {"preset": "veryfast", "crf": "23"}
        picture = out.add_stream("libx264", rate=rate, options=options)
        picture.width, picture.height, picture.pix_fmt = width, height, "yuv420p"
        picture.codec_context.time_base = _CLOCK
        begin = result.options.start or 0.0
        sound = _Sound(source, out, begin, result.seconds) if result.info.audio else None
        for frame in video.frames(None, result.options.start, result.options.end):
            image, shape = frame.image(longest), (frame.width, frame.height)
            if shape == (result.info.width, result.info.height):
                image = _resized(image, width, height)
            if hide:
                image = faces_at.hidden(image, frame.time, frame.width)
            image = faces_at.drawn(image, frame.time, unsure_below, shape)
            image = _between_bars(image, width, height)
            packed = av.VideoFrame.from_ndarray(image, format="rgb24")
            packed.pts, packed.time_base = round((frame.time - begin) / _CLOCK), _CLOCK
            if sound:
                sound.write_until(frame.time - begin)
            out.mux(picture.encode(packed))
            drawn += 1
            if progress:
                share = video.progress()
                progress(Progress(share, seconds_left(begun, share), drawn))
        if video.out_of_time:
            raise VideoError("There was not enough time to draw the annotated video.")
        out.mux(picture.encode(None))
        if sound:
            sound.finish()


def _resized(image: np.ndarray, width: int, height: int) -> np.ndarray:
    if image.shape[:2] == (height, width):
        return image
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def _between_bars(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return a picture in the middle of a black one of another shape, as large as it fits."""
    if image.shape[:2] == (height, width):
        return image
    scale = min(width / image.shape[1], height / image.shape[0])
    inner = [max(1, round(side * scale)) for side in (image.shape[1], image.shape[0])]
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[top : top + inner[1], left : left + inner[0]] = _resized(image, *inner)
    return canvas


class _Sound:
    """Copies the sound of a part of a video, in step with its pictures."""

    def __init__(
        self, source: Path, out: av.container.OutputContainer, begin: float, end: float
    ) -> None:
        self._out, self._begin, self._end = out, begin, end
        self._container = av.open(url_of(source), metadata_errors="replace")
        self._from = self._container.streams.audio[0]
        start = self._container.start_time
        self._start = start / av.time_base if start is not None else 0.0
        name = self._from.codec_context.name if self._from.codec_context else ""
        self._copied = name in _COPIED
        if self._copied:
            self._to = out.add_stream_from_template(self._from)
        else:
            self._to = out.add_stream("aac", rate=48_000, layout="stereo")
            self._resampler = av.AudioResampler(format="fltp", layout="stereo", rate=48_000)
        self._samples: int | None = None
        self._packets = self._packed()
        self._next = next(self._packets, None)

    def write_until(self, time: float) -> None:
        """Write what is heard before ``time`` seconds of the part."""
        while self._next is not None and self._next[0] <= time:
            self._out.mux(self._next[1])
            self._next = next(self._packets, None)

    def finish(self) -> None:
        """Write the rest."""
        self.write_until(float("inf"))
        self._container.close()

    def _packed(self) -> Iterator[tuple[float, av.Packet]]:
        # One second more keeps the few samples that some codecs put before the start.
        times = FrameClock(self._start - 1, 1024 / 48_000)
        try:
            for packet in self._container.demux(self._from):
                if self._copied:
                    if packet.dts is None:
                        continue
                    # Timestamps that restart or jump are joined as those of the pictures are.
                    at = times.time(float(packet.dts * packet.time_base), self._end + 1) - 1
                    if at < self._begin and self._begin:
                        continue
                    if at >= self._end:
                        return
                    packet.pts = packet.dts = round((at - self._begin) / packet.time_base)
                    packet.stream = self._to
                    yield float(packet.dts * packet.time_base), packet
                    continue
                try:
                    frames = packet.decode()
                except av.error.FFmpegError:
                    continue
                for frame in frames:
                    yield from self._encoded(frame)
            if not self._copied:
                yield from self._encoded(None)
        except (av.error.FFmpegError, OSError):
            return  # cut off: what came before is kept

    def _encoded(self, frame: av.AudioFrame | None) -> Iterator[tuple[float, av.Packet]]:
        if frame is not None:
            begins = 0.0
            if frame.pts and frame.time_base:
                begins = float(frame.pts * frame.time_base) - self._start
            if begins >= self._end or (begins < self._begin and self._begin):
                return
            if self._samples is None:
                self._samples = max(0, round((begins - self._begin) * 48_000))
        for piece in self._resampler.resample(frame):
            at = self._samples or 0
            piece.pts, piece.time_base = at, Fraction(1, 48_000)
            self._samples = at + piece.samples
            yield from self._timed(self._to.encode(piece))
        if frame is None:
            yield from self._timed(self._to.encode(None))

    @staticmethod
    def _timed(packets: list[av.Packet]) -> Iterator[tuple[float, av.Packet]]:
        for packet in packets:
            yield float((packet.dts or 0) * packet.time_base), packet


@contextmanager
def _written(target: Path) -> Iterator[Path]:
    """Return a path to write to, which becomes ``target`` when all went well."""
    try:
        with writing(target) as path:
            yield path
    except av.error.FFmpegError as error:
        raise VideoError(
            f"{printable(target)} cannot be written: {error.strerror}. Its pictures or times may "
            "be such as MP4 does not hold; the numbers are not concerned."
        ) from error


def stills(
    source: Path,
    result: VideoResult,
    highlights: pd.DataFrame,
    deadline: float = math.inf,
    done: Callable[[], None] | None = None,
) -> list[bytes | None]:
    """Return a JPEG of each moment, its faces boxed; ``None`` where the file does not lead there.

    Args:
        source: the video that ``result`` is of.
        result: see :func:`fer_core.video.analyze_video`.
        highlights: see :meth:`fer_core.video.VideoResult.highlights`.
        deadline: On the monotonic clock; nothing is searched for after it.
        done: Called after each picture but the last.
    """
    faces_at = FacesAt(result)
    found: list[bytes | None] = []
    with VideoFile(source, result.options.stream, deadline) as video:
        for highlight in highlights.itertuples():
            if found and done:
                done()
            frame = video.frame_at(highlight.time)
            if frame is None:
                found.append(None)
                continue
            shape = frame.width, frame.height
            image = faces_at.drawn(frame.image(STILL), frame.time, UNSURE_BELOW, shape)
            found.append(to_jpeg(image))
    return found


def to_jpeg(image: np.ndarray) -> bytes:
    """Return a picture ``(H, W, 3)`` ``uint8``, RGB, as a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=85)
    return file.getvalue()
