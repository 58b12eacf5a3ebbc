"""A video file in, its frames with their own times out."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import av
import numpy as np

from fer_core.errors import VideoError
from fer_core.timeline import clock

SUFFIXES: Final = (".mp4", ".m4v", ".webm", ".mov", ".mkv", ".avi", ".gif")
#: Larger frames are refused before they are unpacked (8K has 33 megapixels).
MAX_MEGAPIXELS: Final = 40
#: No detector finds a face in fewer pixels than this.
MIN_SIDE: Final = 24

_FORMATS: Final = "MP4, WebM, MOV, MKV, AVI or GIF"


@dataclass(frozen=True)
class VideoInfo:
    """What a file says of itself.

    Attributes:
        name: of the file.
        width: in pixels, as it is meant to be seen: upright, with square pixels.
        height: likewise.
        seconds: how long it says it is; 0 where it does not say.
        rate: frames a second on average; 0 where it does not say.
        codec: such as ``h264``.
        audio: whether it has sound.
        size: bytes.
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
        """As plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Frame:
    """A decoded frame that is not yet a picture.

    Attributes:
        time: seconds from the start of the file.
        raw: PyAV's.
        width: as in :class:`VideoInfo`.
        height: likewise.
    """

    time: float
    raw: av.VideoFrame
    width: int
    height: int

    def image(self, longest: int | None = None) -> np.ndarray:
        """The picture upright, ``(H, W, 3)`` ``uint8``, RGB.

        Args:
            longest: reduce it so that its longer side has no more pixels than this.
        """
        scale = min(1.0, longest / max(self.width, self.height)) if longest else 1.0
        width, height = max(1, round(self.width * scale)), max(1, round(self.height * scale))
        turns = _turns(self.raw)
        if turns % 2:
            width, height = height, width
        rgb = self.raw.reformat(width, height, format="rgb24", interpolation="AREA")
        return np.ascontiguousarray(np.rot90(rgb.to_ndarray(), turns))


class VideoFile:
    """An open video file; a context manager.

    >>> with VideoFile(Path("talk.mp4")) as video:  # doctest: +SKIP
    ...     for frame in video.frames(fps=5):
    ...         print(frame.time, frame.image().shape)

    Attributes:
        info: what the file says of itself.
        problems: sentences on what was wrong with it; complete after :meth:`frames`.
    """

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            VideoError: with one sentence on what is wrong and what to do.
        """
        try:
            size = path.stat().st_size
        except OSError as error:
            raise VideoError(f"It cannot be opened: {error.strerror or error}.") from error
        if path.is_dir():
            raise VideoError("This is a folder, no video: choose a file.")
        if path.is_file() and not size:
            raise VideoError("The file is empty: choose another video.")
        self.problems: list[str] = []
        self._seen = 0.0
        self._open(path)
        try:
            turns = self._turns_of_first()
        finally:
            self.close()
        # Opened anew: not every file, above all no damaged one, can be rewound.
        self._open(path)
        self.info = self._describe(path, size, turns)

    def _open(self, path: Path) -> None:
        try:
            self._container = av.open(str(path), metadata_errors="replace")
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise VideoError(
                f"This is not a video that can be read: it is damaged, cut off, or not {_FORMATS}."
            ) from error
        try:
            self._stream = self._video_stream()
            self._check_size()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "VideoFile":
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def frames(self, fps: float | None = None) -> Iterator[Frame]:
        """Decode from the start.

        Frames that cannot be decoded are left out; where the file ends early, the frames
        end there. Both are told in :attr:`problems`.

        Args:
            fps: frames a second to take, by the frames' own times; all without.

        Raises:
            VideoError: not one frame can be decoded.
        """
        self.problems.clear()
        bad, number, slot, last = 0, 0, -1, -math.inf
        cut_off = False
        for packet in self._packets():
            if packet is None:
                cut_off = True
                break
            try:
                decoded = packet.decode()
            except av.error.FFmpegError:
                bad += 1
                continue
            for raw in decoded:
                time = self._time(raw, number)
                number += 1
                if time <= last:
                    continue
                last = time
                self._seen = max(self._seen, time)
                if fps:
                    if int(time * fps + 1e-6) <= slot:
                        continue
                    slot = int(time * fps + 1e-6)
                yield Frame(time, raw, self.info.width, self.info.height)
        if not number:
            raise VideoError(
                "No picture of this video can be decoded: it is encrypted (copy-protected), "
                "damaged, or holds no frames."
            )
        self._note_problems(cut_off, bad, last)

    def progress(self) -> float:
        """How much of the file has been decoded, 0 to 1; 0 where that cannot be told."""
        if self.info.seconds:
            return min(1.0, self._seen / self.info.seconds)
        return min(1.0, self._position / self.info.size)

    def frame_at(self, time: float) -> Frame | None:
        """The frame shown at ``time`` seconds, ``None`` where that cannot be reached."""
        start = int((time + self._start) / self._stream.time_base)
        try:
            self._container.seek(max(0, start), stream=self._stream)
            before = None
            for number, raw in enumerate(self._container.decode(self._stream)):
                now = self._time(raw, number)
                if now > time + 1e-3:
                    break
                before = Frame(now, raw, self.info.width, self.info.height)
            return before
        except (av.error.FFmpegError, OSError):
            return None

    def _packets(self) -> Iterator[av.Packet | None]:
        """Packets of the picture; ``None`` where reading fails. Notes how far the file goes."""
        self._reach, self._position = 0.0, 0
        packets = self._container.demux()
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.error.FFmpegError, OSError):
                yield None
                return
            if packet.pts is not None and packet.time_base:
                end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                self._reach = max(self._reach, end - self._start)
            self._position = max(self._position, packet.pos or 0)
            if packet.stream is self._stream or packet.stream.index == self._stream.index:
                yield packet

    def _note_problems(self, cut_off: bool, bad: int, last: float) -> None:
        short = self.info.seconds - self._reach
        if cut_off or short > max(0.5, 0.02 * self.info.seconds):
            of = f" of {clock(self.info.seconds)}" if self.info.seconds else ""
            self.problems.append(
                f"The file is cut off at {clock(last)}{of}: what came before was read."
            )
        if bad:
            many = "1 piece" if bad == 1 else f"{bad} pieces"
            self.problems.append(f"{many} of the video could not be decoded and were left out.")

    def _time(self, raw: av.VideoFrame, number: int) -> float:
        if raw.pts is None or raw.time_base is None:
            return number / (self.info.rate or 25)
        return max(0.0, float(raw.pts * raw.time_base) - self._start)

    def _video_stream(self) -> Any:
        pictures = [s for s in self._container.streams.video if not _is_cover(s)]
        if not pictures:
            raise VideoError("The file has no video track: choose one with pictures in it.")
        stream = pictures[0]
        if stream.codec_context is None:
            raise VideoError(
                "The video's codec is unknown here: convert it to H.264 in MP4 and try again."
            )
        stream.thread_type = "AUTO"
        return stream

    def _check_size(self) -> None:
        width, height = self._stream.width, self._stream.height
        if width * height > MAX_MEGAPIXELS * 1e6:
            raise VideoError(
                f"Its frames have {width}×{height} pixels, more than {MAX_MEGAPIXELS} megapixels: "
                "reduce the video and try again."
            )
        if min(width, height) < MIN_SIDE:
            raise VideoError(
                f"Its frames have {width}×{height} pixels, too few to show a face: "
                "choose a larger version."
            )

    def _describe(self, path: Path, size: int, turns: int) -> VideoInfo:
        stream, container = self._stream, self._container
        width, height = stream.width, stream.height
        aspect = stream.sample_aspect_ratio
        if aspect and 0.2 < aspect < 5:
            width = round(width * aspect)
        if turns % 2:
            width, height = height, width
        start = container.start_time
        self._start = start / av.time_base if start is not None else 0.0
        seconds = container.duration / av.time_base if container.duration else 0.0
        if not seconds and stream.duration and stream.time_base:
            seconds = float(stream.duration * stream.time_base)
        rate = stream.average_rate or stream.guessed_rate
        return VideoInfo(
            name=path.name,
            width=width,
            height=height,
            seconds=max(0.0, seconds),
            rate=float(rate) if rate else 0.0,
            codec=stream.codec_context.name,
            audio=bool(container.streams.audio),
            size=size,
        )

    def _turns_of_first(self) -> int:
        try:
            return next((_turns(raw) for raw in self._container.decode(self._stream)), 0)
        except (av.error.FFmpegError, OSError):
            return 0  # said when the frames are asked for


def _turns(raw: av.VideoFrame) -> int:
    """Quarter turns, counter-clockwise, that put a frame upright."""
    return round(raw.rotation / 90) % 4


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def walk_videos(paths: list[Path]) -> Iterator[Path]:
    """The given files, and the videos in the given folders and below, in order."""
    for path in paths:
        if path.is_dir():
            yield from sorted(
                p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()
            )
        else:
            yield path
