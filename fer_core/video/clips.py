"""Clips that the program makes: the sample, and clips whose answer is known."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np

from fer_core.datasets.demo import draw_face
from fer_core.errors import VideoError
from fer_core.files import replacing
from fer_core.images import example_portrait

RATE: Final = 25
_SOUND: Final = 48_000

_FAST: Final = {
    "libx264": {"preset": "veryfast"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
}

#: The drawn person of the sample: what they show, for how many seconds each.
SAMPLE: Final = (("Neutral", 3.0), ("Happy", 3.0), ("Surprise", 3.0), ("Angry", 3.0))
_SAMPLE_PERSON: Final = 78
_SAMPLE_SIZE: Final = (854, 480)


def sample_clip(folder: Path) -> Path:
    """Return the sample, made once: the example portrait beside a drawn person whose face changes.

    Raises:
        VideoError: It cannot be written.
    """
    path = folder / "sample.mp4"
    if not path.exists():
        try:
            with replacing(path) as new:
                write_clip(new, sample_frames())
        except (OSError, av.error.FFmpegError) as error:
            raise VideoError(f"The clip cannot be stored: {error.strerror or error}.") from error
    return path


def sample_frames() -> Iterator[np.ndarray]:
    """Return frames ``(480, 854, 3)`` of :func:`sample_clip`, :data:`RATE` a second."""
    width, height = _SAMPLE_SIZE
    portrait = cv2.resize(example_portrait(), (420, 420), interpolation=cv2.INTER_AREA)
    background = np.full((height, width, 3), (214, 219, 224), np.uint8)
    count = round(sum(seconds for _, seconds in SAMPLE) * RATE)
    for i in range(count):
        time, turn = i / RATE, 2 * np.pi * i / count
        emotion, strength = _shown(time)
        frame = background.copy()
        drawn = draw_face(
            emotion, 340, _SAMPLE_PERSON, strength=strength, yaw=6 * np.sin(3 * turn),
            roll=3 * np.sin(2 * turn),
        )  # fmt: skip
        _paste(frame, portrait, 24 + 14 * np.sin(turn), 30 + 8 * np.sin(2 * turn))
        _paste(frame, drawn, 480 + 10 * np.sin(2 * turn), 70 + 10 * np.cos(turn))
        yield frame


def _shown(time: float) -> tuple[str, float]:
    """Return the drawn emotion at a time, and its strength: it comes within a third of a second."""
    start = 0.0
    for emotion, seconds in SAMPLE:
        if time < start + seconds:
            return emotion, min(1.0, 0.4 + (time - start) / 0.5)
        start += seconds
    return SAMPLE[-1][0], 1.0


def shown_in_turn(
    faces: Sequence[np.ndarray],
    seconds: Sequence[float],
    *,
    size: tuple[int, int] = (1280, 720),
    rate: int = RATE,
    seed: int = 0,
    handheld: bool = False,
) -> Iterator[np.ndarray]:
    """Return frames in which still faces are shown one after another, wandering and growing.

    Args:
        faces: each ``(S, S)`` grey or ``(S, S, 3)`` RGB, ``uint8``, framed as FER2013 does.
        seconds: how long each is shown.
        size: width and height in pixels.
        rate: frames a second.
        seed: of the ways they go.
        handheld: as a camera in somebody's hand takes them in a dim room: it sways by
            some degrees and pixels, the light flickers, the sensor is noisy.

    Yields:
        ``(height, width, 3)`` ``uint8``, RGB.
    """
    width, height = size
    rng = np.random.default_rng(seed)
    phases = rng.uniform(0, 2 * np.pi, 3)
    hand = _Hand(size, rng) if handheld else None
    edges = np.cumsum([0.0, *seconds])
    for i in range(round(edges[-1] * rate)):
        time = i / rate
        face = faces[
            min(int(np.searchsorted(edges, time + 1e-9, side="right")) - 1, len(faces) - 1)
        ]
        if face.ndim == 2:
            face = cv2.cvtColor(face, cv2.COLOR_GRAY2RGB)
        side = round(height * (0.36 + 0.08 * np.sin(0.5 * time + phases[0])))
        face = cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC)
        x = (width - side) * (0.5 + 0.2 * np.sin(0.4 * time + phases[1]))
        y = (height - side) * (0.5 + 0.15 * np.sin(0.3 * time + phases[2]))
        frame = np.full((height, width, 3), 118, np.uint8)
        _paste(frame, face, x, y)
        yield hand.take(frame, time) if hand else frame


class _Hand:
    """A camera in a hand, in a dim room."""

    ROLL, SWAY = 8.0, 8.0  # degrees, pixels
    FLICKER, NOISE = 0.15, 20.0  # share of the light, standard deviation of a pixel

    def __init__(self, size: tuple[int, int], rng: np.random.Generator) -> None:
        width, height = size
        self._rng = rng
        self._phases = rng.uniform(0, 2 * np.pi, 4)
        # Every frame gets another part of it.
        self._grain = rng.normal(0, self.NOISE, (3 * height, width, 3)).astype(np.int16)

    def take(self, frame: np.ndarray, time: float) -> np.ndarray:
        height, width = frame.shape[:2]
        roll, x, y, light = np.sin(2 * np.pi * np.array([0.6, 1.1, 0.9, 0.7]) * time + self._phases)
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), self.ROLL * roll, 1.0)
        matrix[:, 2] = matrix[:, 2] + self.SWAY * np.array([x, y])
        frame = cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        frame = cv2.convertScaleAbs(frame, alpha=1 + self.FLICKER * light)
        top = self._rng.integers(len(self._grain) - height)
        return cv2.add(frame, self._grain[top : top + height], dtype=cv2.CV_8U)


def _paste(frame: np.ndarray, picture: np.ndarray, x: float, y: float) -> None:
    """Paste a face at a place between pixels, so that slow movement does not jerk."""
    height, width = picture.shape[:2]
    x0, y0 = int(x), int(y)
    shift = np.array([[1, 0, x - x0], [0, 1, y - y0]], np.float32)
    moved = cv2.warpAffine(picture, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)
    frame[y0 : y0 + height, x0 : x0 + width] = moved


def write_clip(
    path: Path,
    frames: Iterable[np.ndarray],
    *,
    rate: float = RATE,
    codec: str = "libx264",
    sound: bool = False,
    turn: int = 0,
    times: Sequence[float] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write frames ``(H, W, 3)`` RGB as a video; returns ``path``.

    Args:
        path: its ending says the container.
        frames: all of one size.
        rate: frames a second.
        codec: of the pictures, by FFmpeg's name of the encoder.
        sound: with a quiet tone.
        turn: degrees, counter-clockwise, by which players are told to turn it.
        times: of the frames in seconds, where they do not follow ``rate``.
        options: of the encoder, by FFmpeg's names; quick ones without.
    """
    exact = Fraction(rate).limit_denominator(1000)
    options = _FAST.get(codec, {}) if options is None else options
    flags = {"movflags": "+faststart"} if path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", options=flags) as container:
        picture: av.VideoStream | None = None
        tone: av.AudioStream | None = None
        count = 0
        for image in frames:
            if picture is None:
                made = container.add_stream(codec, rate=exact, options=options)
                assert isinstance(made, av.VideoStream)
                picture = made
                picture.height, picture.width = image.shape[:2]
                picture.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
                if times is not None:
                    picture.codec_context.time_base = Fraction(1, 1000)
                if turn:
                    picture.set_display_rotation(turn)
                if sound:
                    name = "libopus" if path.suffix == ".webm" else "aac"
                    added = container.add_stream(name, rate=_SOUND, layout="mono")
                    assert isinstance(added, av.AudioStream)
                    tone = added
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = count if times is None else round(times[count] * 1000)
            frame.time_base = 1 / exact if times is None else Fraction(1, 1000)
            container.mux(picture.encode(frame))
            count += 1
        if picture is not None:
            container.mux(picture.encode(None))
        if tone is not None:
            _write_tone(container, tone, count / rate)
    return path


def repeat_clip(source: Path, target: Path, times: int) -> Path:
    """Write the pictures of a clip again and again, copied as they are; returns ``target``."""
    with av.open(str(target), "w") as out:
        stream, shift = None, 0
        for _ in range(times):
            with av.open(str(source)) as container:
                pictures = container.streams.video[0]
                stream = stream or out.add_stream_from_template(pictures)
                ends = 0
                for packet in container.demux(pictures):
                    if packet.dts is None or packet.pts is None or packet.duration is None:
                        continue
                    ends = max(ends, packet.pts + packet.duration)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    out.mux(packet)
                shift += ends
    return target


def _write_tone(
    container: av.container.OutputContainer, tone: av.AudioStream, seconds: float
) -> None:
    size = tone.codec_context.frame_size or 1024
    for start in range(0, int(seconds * _SOUND), size):
        wave = 0.05 * np.sin(np.arange(start, start + size) * 2 * np.pi * 440 / _SOUND)
        packed = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], "fltp", "mono")
        packed.sample_rate, packed.pts, packed.time_base = _SOUND, start, Fraction(1, _SOUND)
        container.mux(tone.encode(packed))
    container.mux(tone.encode(None))
