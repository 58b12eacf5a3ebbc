"""Open a video file and return its frames with their times."""

import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import av

from fer_core.errors import VideoError
from fer_core.timeline import clock
from fer_core.video.formats import SUFFIXES, url_of, walk_videos
from fer_core.video.frame import Frame
from fer_core.video.orientation import orientation
from fer_core.video.sampling import sample
from fer_core.video.timestamps import LONGEST_GAP, FrameClock, in_order
from fer_core.video.tone import HDR
from fer_core.video.tracks import choose_track, video_tracks

__all__ = ["SUFFIXES", "Frame", "VideoFile", "VideoInfo", "walk_videos"]

_FORMATS: Final = "MP4, WebM, MOV, MKV, AVI, MPEG, WMV or GIF"
#: Frames a second where a file does not say.
_RATE: Final = 25.0
#: Rates that a file may say; others stand for no rate.
_SLOWEST: Final = 0.1
_FASTEST: Final = 300.0
#: Seconds by which a decoder may show a frame after it was decoded.
_DELAY: Final = 1.0
#: Times that differ by less are the same frame.
_SAME: Final = 1e-3
#: FFmpeg's names of the formats in which a jump leads to frames with their right timestamps.
#: MPEG program streams, for one, give a timestamp to some of the frames only.
_SEEKABLE: Final = {
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    "avi",
    "mpegts",
    "flv",
    "asf",
    "gif",
}
#: Seconds to go back further where a jump into a file led to a later frame.
_FURTHER_BACK: Final = (0.0, 2.0, 10.0, 30.0)

_NO_PICTURE: Final = (
    "No picture of this video can be decoded: it is encrypted (copy-protected), damaged, or "
    "holds no frames."
)

_NO_TIME: Final = "The time for this video was over before its first picture was decoded."


@dataclass(frozen=True)
class VideoInfo:
    """What a file says of itself.

    Attributes:
        name: Name of the file; bytes that are not UTF-8 are replaced.
        width: Pixels of the first frame as it is meant to be seen: upright, with square pixels.
        height: As ``width``.
        seconds: How long it says it is; 0 if it does not say.
        rate: Frames a second on average; 0 if it does not say.
        codec: Such as ``h264``.
        audio: Whether it has sound.
        size: Bytes.
    """

    name: str
    width: int
    height: int
    seconds: float
    rate: float
    codec: str
    audio: bool
    size: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


class VideoFile:
    """An open video file; a context manager.

    All times are seconds on one timeline that starts with the file and increases with every
    frame, also where the file's own timestamps do not.

    >>> with VideoFile(Path("talk.mp4")) as video:  # doctest: +SKIP
    ...     for frame in video.frames(fps=5):
    ...         print(frame.time, frame.image().shape)

    Attributes:
        info: What the file says of itself.
        problems: Sentences on what is wrong with the file and on what was chosen for it;
            complete after :meth:`frames`.
        end: Seconds at which the last frame of :meth:`frames` ends; 0 before.
        out_of_time: Whether the deadline has ended the frames.
    """

    def __init__(self, path: Path, stream: int | None = None, deadline: float = math.inf) -> None:
        """Open a file.

        Args:
            path: A video file.
            stream: Number of the video track, counted from 1; pictures of a cover do not count.
                Defaults to the track that a player would show.
            deadline: On the monotonic clock: nothing is decoded after it, as if the file ended.

        Raises:
            VideoError: The file cannot be read, or has no such track.
        """
        try:
            size = path.stat().st_size
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise VideoError(f"It cannot be opened: {why}.") from error
        if path.is_dir():
            raise VideoError("This is a folder, no video: choose a file.")
        if path.is_file() and not size:
            raise VideoError("The file is empty: choose another video.")
        self._path, self._number = path, stream
        self._deadline, self.out_of_time = deadline, False
        self._walk: tuple[Iterator[Frame], Frame] | None = None
        self._stamps: Iterator[float | None] | None = None
        self._part = (0.0, math.inf)
        self.end = 0.0
        self._open()
        try:
            self.info = self._describe(path, size)
        except BaseException:
            self.close()
            raise
        self._in_order = path.is_file() and self._container.format.name in _SEEKABLE
        self._checked = -math.inf
        self._opening = self._choices()
        self.problems: list[str] = list(self._opening)

    def __enter__(self) -> "VideoFile":
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._walk = self._stamps = None
        self._container.close()

    def frames(
        self, fps: float | None = None, start: float | None = None, end: float | None = None
    ) -> Iterator[Frame]:
        """Decode the file, or a part of it, and yield frames in the order of time.

        Frames that cannot be decoded are left out; if the file ends early, the frames end
        there. :attr:`problems` says so. The durations of the frames add up to the length of
        the part, see :func:`fer_core.video.sampling.sample`.

        Args:
            fps: Frames a second to take, by the frames' own times. Defaults to all.
            start: Seconds. The frame that is shown then comes first, with this time.
            end: Seconds. Frames that begin later are left out.

        Raises:
            VideoError: Not one frame can be decoded, or the part is empty.
        """
        begin, until = max(0.0, start or 0.0), math.inf if end is None else end
        if not begin < until:
            raise VideoError(
                f"The part from {begin:g} s to {until:g} s is empty: choose an end after its start."
            )
        return self._frames(fps, begin, until)

    def _frames(self, fps: float | None, start: float, end: float) -> Iterator[Frame]:
        self._rewind()
        self._part, self.end = (start, end), 0.0
        self.problems[:] = self._opening
        for frame in sample(self._shown(), fps, start, end):
            self.end = frame.time + frame.duration
            yield frame
        if not self._count:
            raise VideoError(_NO_TIME if self.out_of_time else _NO_PICTURE)
        self.problems += [*self._times.problems(), *self._losses()]
        if end == math.inf:
            self._in_order, self._checked = self._in_order and not self._times.faulty, math.inf
        if not self.end:
            if self._seen >= end:
                raise VideoError(f"The video shows its first picture after {end:g} s.")
            raise VideoError(
                f"The part begins at {start:g} s, but the video ends at {self._stop:.2f} s: choose "
                "an earlier start."
            )

    def progress(self) -> float:
        """Return how much of the file or part was decoded, 0 to 1; 0 if that is unknown."""
        start, end = self._part
        if self.info.seconds and not self._times.faulty:
            end = min(end, self.info.seconds)
        if end < math.inf:
            return min(1.0, max(0.0, self._seen - start) / (end - start)) if end > start else 1.0
        share = (self._position - self._skipped) / max(1, self.info.size - self._skipped)
        return min(1.0, max(0.0, share))

    def frame_at(self, time: float) -> Frame | None:
        """Return the frame shown at ``time`` seconds, ``None`` if the file does not lead there.

        The file is searched if its timestamps are in order up to that time; otherwise it is
        decoded from the start.
        """
        frame = self._searched(time) if self._in_order_until(time) else None
        try:
            return frame or self._walked(time)
        except VideoError:
            return None

    def _open(self) -> None:
        """Open the file and decode its first frame."""
        try:
            self._container = av.open(url_of(self._path), metadata_errors="replace")
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise VideoError(
                f"This is not a video that can be read: it is damaged, cut off, or not {_FORMATS}."
            ) from error
        try:
            self._stream = choose_track(self._container, self._number)
            start = self._container.start_time
            self._start = None if start is None else start / av.time_base
            # AVI says only when frames are decoded, not when they are shown.
            self._decode_times, self._ticks = self._container.format.name == "avi", -1
            rate = float(self._stream.average_rate or self._stream.guessed_rate or 0)
            self._step = 1 / (rate if _SLOWEST <= rate <= _FASTEST else _RATE)
            self._bad, self._cut_off, self._fresh = 0, False, True
            self._reach, self._seen, self._stop = 0.0, 0.0, 0.0
            self._position, self._skipped = 0, 0
            self._count, self._sound = 0, dict[int, float]()
            self._aspects = dict[tuple[int, int], Fraction | None]()
            self._raws = self._decoded()
            self._first = next(self._raws, None)
            if self._decode_times and self._first is not None:
                # The decoder shows the first frame some frames late.
                late = (self._stamp(self._first) or 0.0) - (self._start or 0.0)
                self._start = (self._start or 0.0) + (late if late < _DELAY else 0.0)
            self._times = FrameClock(self._start, self._step)
        except BaseException:
            self._container.close()
            raise

    def _rewind(self) -> None:
        """Go back to the first frame; the file is opened anew, as damaged ones cannot seek."""
        self._walk = None
        if not self._fresh:
            if not self._path.is_file():
                raise VideoError("This video comes from a pipe and can be read only once.")
            self._container.close()
            self._open()
        self._fresh = False

    def _shown(self) -> Iterator[Frame]:
        """Yield all frames from the first on, each with the time for which it is shown."""
        held: Frame | None = None
        first = [] if self._first is None else [self._first]
        self._first = None
        for raw in chain(first, self._raws):
            time = self._times.time(self._stamp(raw), max(self._sound.values(), default=0.0))
            if held is not None:
                yield replace(held, duration=time - held.time)
            self._seen = time
            if time < self._part[0]:
                self._skipped = self._position
            held = self._frame(raw, time, self._count)
            self._stop = time + held.duration
            self._count += 1
        if held is not None:
            yield held

    def _decoded(self) -> Iterator[av.VideoFrame]:
        """Yield the frames that can be decoded from where the file stands."""
        for packet in self._packets():
            try:
                if packet is not None:
                    yield from packet.decode()
                    continue
                # Reading failed: the decoder still holds some frames.
                self._cut_off = True
                yield from self._stream.codec_context.decode(None)
            except av.error.FFmpegError:
                self._bad += packet is not None

    def _packets(self) -> Iterator[Any]:
        """Yield packets of the chosen track, and ``None`` where reading fails.

        Notes how far the file goes and how much sound it holds.
        """
        packets, start = self._container.demux(), self._start or 0.0
        while True:
            if time.monotonic() > self._deadline:
                self.out_of_time = True
                return
            try:
                packet = next(packets)
            except (StopIteration, IndexError):
                return  # PyAV's index error: a track appeared that was not there at the start
            except (av.error.FFmpegError, OSError):
                yield None
                return
            length = float((packet.duration or 0) * packet.time_base) if packet.time_base else 0.0
            if packet.pts is not None and packet.time_base:
                stop = float(packet.pts * packet.time_base) + length - start
                self._reach = max(self._reach, stop)
            self._position = max(self._position, packet.pos or 0)
            track = packet.stream
            if track.type == "audio":
                self._sound[track.index] = self._sound.get(track.index, 0.0) + length
            elif track.index == self._stream.index:
                yield packet

    def _frame(self, raw: av.VideoFrame, time: float, index: int) -> Frame:
        """Return a frame that is shown for as long as it says itself."""
        base = raw.time_base or self._stream.time_base
        duration = float(raw.duration * base) if raw.duration and base else 0.0
        if not 0 < duration <= LONGEST_GAP:
            duration = self._times.step
        return Frame(time, duration, index, raw, *self._shape(raw))

    def _shape(self, raw: av.VideoFrame) -> tuple[int, int]:
        """Return width and height of a frame, upright and with square pixels."""
        width, height = raw.width, raw.height
        if not self._aspects:  # what the file says holds for frames like the first
            self._aspects[width, height] = self._stream.sample_aspect_ratio
        # The decoder may be some frames ahead, at frames of another size.
        context = self._stream.codec_context
        self._aspects.setdefault((context.width, context.height), context.sample_aspect_ratio)
        aspect = self._aspects.get((width, height))
        if aspect and 0.2 < aspect < 5:
            width = round(width * aspect)
        return (height, width) if orientation(raw).transposed else (width, height)

    def _stamp(self, raw: av.VideoFrame) -> float | None:
        base, ticks = raw.time_base or self._stream.time_base, raw.pts
        if self._decode_times:
            self._ticks = ticks = self._ticks + 1 if raw.dts is None else raw.dts
        return None if ticks is None or base is None else float(ticks * base)

    def _losses(self) -> list[str]:
        """Return a sentence for each way in which a part of the file was lost."""
        found, seconds = [], self.info.seconds
        # Some formats count their length from 0, not from the first timestamp.
        reach = self._reach + max(0.0, self._start or 0.0)
        short = seconds - reach if self._seen < self._part[1] else 0.0
        if self.out_of_time:
            found.append(
                f"The time for this video was over at {clock(self._seen)}: what came before was "
                "analysed."
            )
        elif self._cut_off or short > max(0.5, 0.02 * seconds):
            of = f" of {clock(seconds)}" if seconds else ""
            found.append(
                f"The file is cut off at {clock(self._seen)}{of}: what came before was read."
            )
        if self._bad:
            many = "1 piece" if self._bad == 1 else f"{self._bad} pieces"
            found.append(f"{many} of the video could not be decoded and were left out.")
        return found

    def _in_order_until(self, time: float) -> bool:
        """Return whether the timestamps up to a time are those of the timeline."""
        if self._stamps is None:
            self._stamps = iter(in_order(self._all_stamps()))
        while self._in_order and self._checked <= time + 1:
            stamp = next(self._stamps, math.inf)
            if stamp is None:
                self._in_order = False
            else:
                self._checked = stamp - (self._start or 0.0)
        return self._in_order

    def _all_stamps(self) -> Iterator[float | None]:
        """Yield the timestamps of all packets of the track, without decoding them."""
        entries, base = self._stream.index_entries, float(self._stream.time_base or 0)
        if 0 < self._stream.frames <= len(entries):
            for entry in entries:
                yield entry.timestamp * base
            return
        with av.open(url_of(self._path), metadata_errors="replace") as container:
            try:
                for packet in container.demux(container.streams[self._stream.index]):
                    stamp = packet.dts if packet.pts is None else packet.pts
                    if packet.size:
                        yield None if stamp is None else stamp * base
            except (av.error.FFmpegError, OSError, IndexError):
                return

    def _searched(self, time: float) -> Frame | None:
        """Return the frame shown at a time by a jump into the file."""
        self._walk, self._fresh = None, False
        origin = self._origin
        for back in _FURTHER_BACK:
            found: Frame | None = None
            try:
                place = int((max(0.0, time - back) + origin) / self._stream.time_base)
                self._container.seek(place, stream=self._stream)
            except (av.error.FFmpegError, OSError):
                return None
            for raw in self._decoded():
                stamp = self._stamp(raw)
                if stamp is None:
                    continue
                if stamp - origin > time + _SAME:
                    if found is not None:
                        found = replace(found, duration=stamp - origin - found.time)
                    break
                found = self._frame(raw, stamp - origin, -1)
            if found is not None or time <= back:
                return found
        return None

    def _walked(self, time: float) -> Frame | None:
        """Return the frame shown at a time, decoded from the start or from the last one."""
        if self._walk is None or self._walk[1].time > time + _SAME:
            self._rewind()
            frames = self._shown()
            frame = next(frames, None)
            if frame is None:
                return None
        else:
            frames, frame = self._walk
        while frame.time + frame.duration <= time + _SAME:
            after = next(frames, None)
            if after is None:
                break
            frame = after
        self._walk = (frames, frame)
        return frame if frame.time <= time + _SAME else None

    def _choices(self) -> list[str]:
        """Return sentences on what was chosen for the file."""
        found, tracks = [], video_tracks(self._container)
        if self._number is None and len(tracks) > 1:
            at = [track.index for track in tracks].index(self._stream.index)
            found.append(
                f"The file has {len(tracks)} video tracks: track {at + 1} "
                f"({self.info.width}×{self.info.height}) is read; --stream N reads another, "
                f"N from 1 to {len(tracks)}."
            )
        if self._first is not None and self._first.color_trc in HDR:
            found.append(
                f"The video is HDR ({HDR[self._first.color_trc]}): it was tone-mapped to SDR, the "
                "brightness of usual videos."
            )
        return found

    def _describe(self, path: Path, size: int) -> VideoInfo:
        stream, container, first = self._stream, self._container, self._first
        if first is None and not stream.width:
            raise VideoError(_NO_PICTURE)
        width, height = self._shape(first) if first else (stream.width, stream.height)
        stamp = None if first is None else self._stamp(first)
        self._origin = self._start or 0.0
        if stamp is not None:
            self._origin = stamp - FrameClock(self._start, self._step).time(stamp)
        seconds = container.duration / av.time_base if container.duration else 0.0
        if not seconds and stream.duration and stream.time_base:
            seconds = float(stream.duration * stream.time_base)
        rate = stream.average_rate or stream.guessed_rate
        return VideoInfo(
            name=os.fsencode(path.name).decode("utf-8", "replace"),
            width=width,
            height=height,
            seconds=max(0.0, seconds),
            rate=float(rate) if rate else 0.0,
            codec=stream.codec_context.name,
            audio=bool(container.streams.audio),
            size=size,
        )
