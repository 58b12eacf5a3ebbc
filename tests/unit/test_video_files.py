"""Files as cameras, phones, editors and broadcasts leave them: every frame, when and as shown."""

import io
import itertools
import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from fer_core.errors import VideoError
from fer_core.files import walk_files
from fer_core.table import Rows
from fer_core.video.annotate import annotate
from fer_core.video.clips import write_clip
from fer_core.video.decode import SUFFIXES, VideoFile, walk_videos
from fer_core.video.formats import url_of
from fer_core.video.frame import Frame
from fer_core.video.orientation import of_matrix
from fer_core.video.result import VideoOptions, VideoResult
from fer_core.video.sampling import sample
from fer_core.video.timestamps import LONGEST_GAP, FrameClock
from fer_core.video.tone import HDR, tone_map

SIZE = (64, 48)


def levels(count: int, size: tuple[int, int] = SIZE, first: int = 40) -> Iterator[np.ndarray]:
    """Frames that can be told apart by their grey."""
    for i in range(count):
        yield np.full((size[1], size[0], 3), first + i, np.uint8)


def corners(size: tuple[int, int] = SIZE) -> np.ndarray:
    """A picture whose corners are all different."""
    width, height = size
    image = np.full((height, width, 3), 128, np.uint8)
    image[: height // 2, : width // 2] = (250, 0, 0)
    image[: height // 2, width // 2 :] = (0, 250, 0)
    image[height // 2 :, : width // 2] = (0, 0, 250)
    return image


def read(path: Path, *, stream: int | None = None, **how: float) -> tuple[list[Frame], VideoFile]:
    with VideoFile(path, stream) as video:
        return list(video.frames(**how)), video


def times_of(frames: list[Frame]) -> list[float]:
    return [frame.time for frame in frames]


def durations_of(frames: list[Frame]) -> list[float]:
    return [frame.duration for frame in frames]


def assert_in_order(frames: list[Frame], video: VideoFile) -> None:
    """Times increase, and every frame stands until the next one."""
    times = times_of(frames)
    assert (np.diff(times) > 0).all()
    assert np.diff([*times, video.end]) == pytest.approx(durations_of(frames))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def four(folder: Path) -> Path:
    """Four seconds, 25 frames a second, with frames that refer to later ones."""
    return write_clip(folder / "four.ts", levels(100), options={"bf": "3", "g": "25"})


@pytest.fixture(scope="module")
def joined(folder: Path, four: Path) -> Path:
    """What ``cat four.ts four.ts four.ts`` writes."""
    path = folder / "joined.ts"
    path.write_bytes(four.read_bytes() * 3)
    return path


# Orientation.


@pytest.mark.parametrize(
    "matrix",
    [
        (a, b, c, d)
        for a, b, c, d in itertools.product((-1, 0, 1), repeat=4)
        if abs(a) + abs(b) == 1 and (abs(a), abs(b)) == (abs(d), abs(c))
    ],
)
def test_all_eight_orientations_are_shown_as_a_player_does(
    folder: Path, matrix: tuple[int, int, int, int]
) -> None:
    a, b, c, d = matrix
    stored = corners()
    path = write_clip(folder / "turned.mp4", [stored] * 2)
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 44
    one = 1 << 16
    content[at : at + 36] = struct.pack(
        ">9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30
    )
    path.write_bytes(content)

    # QuickTime: the matrix takes each point of the stored picture to its place on the screen.
    q, p = np.mgrid[: stored.shape[0], : stored.shape[1]]
    x, y = a * p + c * q, b * p + d * q
    x, y = x - x.min(), y - y.min()
    shown = np.empty((y.max() + 1, x.max() + 1, 3), np.uint8)
    shown[y, x] = stored

    frames, video = read(path)
    image = frames[0].image()
    assert image.shape == shown.shape
    assert (frames[0].width, frames[0].height) == (shown.shape[1], shown.shape[0])
    assert (video.info.width, video.info.height) == (shown.shape[1], shown.shape[0])
    assert np.abs(image.astype(int) - shown).mean() < 8


@pytest.mark.parametrize(("hflip", "vflip"), [(True, False), (False, True), (True, True)])
def test_flips_that_ffmpeg_writes_are_shown(folder: Path, hflip: bool, vflip: bool) -> None:
    stored = corners()
    path = folder / "flipped.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.set_display_rotation(0, hflip=hflip, vflip=vflip)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(stored, "rgb24")))
        container.mux(stream.encode(None))
    shown = stored[::-1] if vflip else stored
    shown = shown[:, ::-1] if hflip else shown
    frames, _ = read(path)
    assert np.abs(frames[0].image().astype(int) - shown).mean() < 8


def test_a_damaged_matrix_leaves_the_picture_as_it_is() -> None:
    assert not of_matrix(np.zeros(9, np.int32)).transposed


# Times.


def test_joined_files_lose_no_frame(joined: Path) -> None:
    frames, video = read(joined)
    assert times_of(frames) == pytest.approx(np.arange(300) / 25)
    assert [frame.index for frame in frames] == list(range(300))
    assert video.end == pytest.approx(12)
    assert_in_order(frames, video)
    assert [p for p in video.problems if "go back" in p] == video.problems
    assert ["0:04" in video.problems[0], "0:08" in video.problems[1]] == [True, True]


def test_many_faults_are_summed_up(folder: Path, four: Path) -> None:
    path = folder / "many.ts"
    path.write_bytes(four.read_bytes() * 8)
    frames, video = read(path)
    assert len(frames) == 800 and video.end == pytest.approx(32)
    assert len(video.problems) == 1 and "7 places between 0:04 and 0:28" in video.problems[0]


def test_frames_in_another_order_than_they_are_stored_are_no_fault(four: Path) -> None:
    with av.open(str(four)) as container:
        stored = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    assert stored != sorted(stored)
    frames, video = read(four)
    assert video.problems == [] and len(frames) == 100


def test_a_broken_timestamp_leaves_no_gap_and_a_still_picture_stays(folder: Path) -> None:
    broken = [0, 0.04, 0.08, 0.12, 0.16 + 1e6, 0.2 + 1e6]
    frames, video = read(write_clip(folder / "gap.mkv", levels(6), times=broken))
    assert times_of(frames) == pytest.approx(np.arange(6) / 25, abs=0.001)
    assert "jump ahead by 1,000,000 s at 0:00" in video.problems[0] and len(video.problems) == 1
    assert_in_order(frames, video)

    honest = [0, 0.04, 0.08, 10.12, 10.16, 68]
    frames, video = read(write_clip(folder / "still.mkv", levels(6), times=honest))
    assert times_of(frames) == pytest.approx(honest, abs=0.001) and video.problems == []


def test_sound_tells_a_long_still_picture_from_a_broken_timestamp() -> None:
    long = LONGEST_GAP + 30
    clock = FrameClock(0.0, 0.04)
    assert [clock.time(0.0), clock.time(0.04, heard=0.04)] == [0, 0.04]
    assert clock.time(long, heard=long - 2) == long and not clock.faulty
    assert clock.time(2 * long, heard=long) == pytest.approx(long, abs=long / 2) and clock.faulty


@pytest.mark.parametrize(
    ("stamps", "times", "kind"),
    [
        ([0, 1, 2, 9e5, 4, 5], [0, 1, 2, 3, 4, 5], "jump"),
        ([0, 1, 2, 3, 1, 5, 6], [0, 1, 2, 3, 4, 5, 6], "back"),
        ([0, 1, None, None, 4, 5], [0, 1, 2, 3, 4, 5], "missing"),
        ([None, None, 7, 8], [0, 1, 2, 3], "missing"),
        ([-3, -2, -1, 0], [0, 1, 2, 3], "below zero"),
        ([10, 11, 12, 0, 1, 2], [0, 1, 2, 3, 4, 5], "back"),
        ([0, 1, 2, 2e5, 2e5 + 1, 7e5, 7e5 + 1], [0, 1, 2, 3, 4, 5, 6], "jump"),
        # A frame that is held before the single broken timestamp does not move those after it.
        ([0, 1, 2, 9e5, 12, 13], [0, 1, 2, 3, 12, 13], "jump"),
    ],
)
def test_broken_timestamps_give_one_timeline(
    stamps: list[float | None], times: list[float], kind: str
) -> None:
    clock = FrameClock(None, 1.0)
    assert [clock.time(stamp) for stamp in stamps] == pytest.approx(times)
    assert all(kind in problem for problem in clock.problems()) and clock.problems()


@pytest.mark.parametrize(
    "order",
    [
        [i // 2 * 2 for i in range(48)],
        # As decoders give the times of an AVI with frames that refer to later ones.
        [
            1, 3, 2, 5, 4, 7, 8, 6, 10, 9, 12, 11, 14, 15, 13, 17, 16, 19, 18, 21, 22, 20, 24, 23,
            26, 25, 28, 29, 27, 31, 30, 33, 32, 35, 36, 34, 38, 37, 40, 39, 42, 43, 41, 45, 44, 47,
            46, 49,
        ],
    ],
)  # fmt: skip
def test_timestamps_given_twice_or_out_of_order_do_not_stretch_the_time(order: list[int]) -> None:
    clock = FrameClock(0.0, 0.04)
    times = [clock.time(0.04 * number) for number in order]
    assert (np.diff(times) > 0).all()
    assert np.abs(np.array(times) - np.arange(48) / 25).max() <= 0.1
    assert len(clock.problems()) == 1


@pytest.mark.parametrize("name", ["raw.h264", "raw.m2v"])
def test_a_bare_stream_is_read_at_its_rate(folder: Path, name: str) -> None:
    codec = "mpeg2video" if name.endswith("m2v") else "libx264"
    frames, video = read(write_clip(folder / name, levels(30), codec=codec))
    assert times_of(frames) == pytest.approx(np.arange(30) / 25)
    assert video.end == pytest.approx(1.2)


def test_avi_has_decoding_times_only(folder: Path) -> None:
    path = write_clip(folder / "b.avi", levels(50), options={"bf": "3"})
    frames, video = read(path)
    assert times_of(frames) == pytest.approx(np.arange(50) / 25) and video.problems == []
    greys = [frame.image().mean() for frame in frames]
    assert greys == sorted(greys)


def test_timestamps_below_zero(folder: Path) -> None:
    path = folder / "negative.ts"
    with av.open(str(path), "w", options={"avoid_negative_ts": "disabled"}) as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for i, image in enumerate(levels(50)):
            packed = av.VideoFrame.from_ndarray(image, "rgb24")
            packed.pts, packed.time_base = i - 25, Fraction(1, 25)
            container.mux(stream.encode(packed))
        container.mux(stream.encode(None))
    frames, video = read(path)
    assert times_of(frames) == pytest.approx(np.arange(50) / 25)
    assert "below zero, at -1.00 s" in video.problems[0]


def test_the_frame_at_a_time_is_that_of_the_timeline(joined: Path, four: Path) -> None:
    for path, moments in ((four, (3.5, 0.0, 1.21)), (joined, (9.5, 0.0, 5.21, 5.3, 11.99))):
        frames, _ = read(path)
        with VideoFile(path) as video:
            for moment in moments:
                shown = max((f for f in frames if f.time <= moment + 1e-6), key=lambda f: f.time)
                found = video.frame_at(moment)
                assert found is not None and found.time == pytest.approx(shown.time)
                assert found.duration == pytest.approx(shown.duration)
                assert np.array_equal(found.image(), shown.image())
            # It can still be read as a whole.
            assert len(list(video.frames())) == len(frames)


def test_a_jump_into_a_file_and_a_walk_lead_to_the_same_frame(
    folder: Path, four: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("seek.mp4", "seek.mkv", "seek.avi", "seek.ts", "seek.mpg"):
        codec = "mpeg2video" if name == "seek.mpg" else "libx264"
        options = {"bf": "2", "g": "25"}
        path = write_clip(folder / name, levels(100), codec=codec, options=options)
        moments = (2.5, 0.7, 3.98)
        with VideoFile(path) as video:
            jumped = [video.frame_at(moment) for moment in moments]
            images = [frame.image() for frame in jumped]
            monkeypatch.setattr(video, "_in_order_until", lambda _: False)
            for moment, found, image in zip(moments, jumped, images, strict=True):
                walked = video.frame_at(moment)
                # MPEG has no index: its files may be walked instead.
                assert walked.index >= 0 and (found.index == -1 or "mp4" not in name), name
                assert found.time == pytest.approx(walked.time), name
                assert np.array_equal(image, walked.image()), name


def test_a_recording_that_starts_late_is_not_cut_off(folder: Path) -> None:
    times = [5 + i / 25 for i in range(50)]
    frames, video = read(write_clip(folder / "late.mkv", levels(50), times=times))
    assert len(frames) == 50 and video.problems == []
    assert frames[0].time == 0 and video.end == pytest.approx(2, abs=0.002)


# The shape of each frame.


def test_frames_keep_their_own_shape_where_it_changes(folder: Path, four: Path) -> None:
    tall = write_clip(folder / "tall.ts", [corners((48, 80))] * 25)
    path = folder / "shapes.ts"
    path.write_bytes(four.read_bytes() + tall.read_bytes())
    frames, video = read(path)
    assert len(frames) == 125 and (video.info.width, video.info.height) == SIZE
    assert (frames[0].width, frames[0].height) == SIZE
    assert (frames[-1].width, frames[-1].height) == (48, 80)
    assert np.abs(frames[-1].image().astype(int) - corners((48, 80))).mean() < 8
    assert frames[-1].image(40).shape == (40, 24, 3)


def test_each_shape_has_its_own_shape_of_pixels(folder: Path) -> None:
    content = b""
    for size, aspect in (((64, 48), Fraction(2)), ((48, 80), Fraction(1)), ((32, 48), Fraction(3))):
        path = folder / "pixels.ts"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            stream.codec_context.sample_aspect_ratio = aspect
            for image in levels(25, size):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
            container.mux(stream.encode(None))
        content += path.read_bytes()
    path.write_bytes(content)
    frames, video = read(path)
    shapes = [(frame.width, frame.height) for frame in frames]
    assert shapes == [(128, 48)] * 25 + [(48, 80)] * 25 + [(96, 48)] * 25
    assert (video.info.width, video.info.height) == (128, 48)


def test_an_annotated_video_puts_other_shapes_between_black_bars(folder: Path, four: Path) -> None:
    tall = write_clip(folder / "white.ts", levels(25, (48, 96), 180))
    path = folder / "bars.ts"
    path.write_bytes(four.read_bytes() + tall.read_bytes())
    frames, video = read(path)
    result = VideoResult(video.info, VideoOptions(), Rows().table("video"), video.end, len(frames))
    annotate(path, result, folder / "bars.mp4")
    drawn, _ = read(folder / "bars.mp4")
    assert times_of(drawn) == pytest.approx(times_of(frames), abs=0.001)
    last = drawn[-1].image()
    assert last.shape == (48, 64, 3)
    assert last[:, :16].mean() < 30 and last[:, -16:].mean() < 30 < 150 < last[:, 28:36].mean()


def test_the_sound_of_joined_files_goes_on_with_their_pictures(folder: Path) -> None:
    one = write_clip(folder / "sound.ts", levels(50), sound=True)
    path = folder / "sounds.ts"
    path.write_bytes(one.read_bytes() * 3)
    frames, video = read(path)
    result = VideoResult(video.info, VideoOptions(), Rows().table("video"), video.end, len(frames))
    annotate(path, result, folder / "sounds.mp4")
    drawn, written = read(folder / "sounds.mp4")
    assert len(drawn) == 150 and written.end == pytest.approx(video.end, abs=0.1)
    with av.open(str(folder / "sounds.mp4")) as container:
        heard = container.streams.audio[0]
        assert float(heard.duration * heard.time_base) == pytest.approx(6, abs=0.2)


def test_a_region_is_cut_from_the_upright_frame(folder: Path) -> None:
    lying = np.ascontiguousarray(np.rot90(corners(), -1))
    frames, _ = read(write_clip(folder / "region.mp4", [lying], turn=90))
    frame = frames[0]
    whole = frame.image()
    assert np.array_equal(frame.image(region=(40, 4, 20, 10)), whole[4:14, 40:60])
    assert np.array_equal(frame.image(region=(-10, -10, 30, 30)), whole[:20, :20])
    assert frame.image(16, region=(0, 0, 32, 24)).shape == (12, 16, 3)
    assert frame.image(16, region=(0, 0, 32, 24)).mean((0, 1)) == pytest.approx((250, 0, 0), abs=20)
    with pytest.raises(ValueError, match="outside"):
        frame.image(region=(100, 0, 10, 10))


# Tracks.


def two_tracks(path: Path, default: tuple[bool, ...] = (False, False)) -> Path:
    """A small and a large track; their greys are 60 and 200."""
    with av.open(str(path), "w") as container:
        streams = []
        for size, first in zip(((32, 24), (64, 48)), default, strict=True):
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            stream.disposition = av.stream.Disposition.default if first else 0
            streams.append(stream)
        for i in range(5):
            for stream, grey in zip(streams, (60, 200), strict=True):
                image = np.full((stream.height, stream.width, 3), grey, np.uint8)
                packed = av.VideoFrame.from_ndarray(image, "rgb24")
                packed.pts, packed.time_base = i, Fraction(1, 25)
                container.mux(stream.encode(packed))
        for stream in streams:
            container.mux(stream.encode(None))
    return path


def test_one_of_several_tracks_is_read_and_the_others_are_named(folder: Path) -> None:
    path = two_tracks(folder / "two.ts")
    frames, video = read(path)
    assert frames[0].image().mean() == pytest.approx(200, abs=4) and len(frames) == 5
    (said,) = video.problems
    assert "2 video tracks: track 2 (64×48) is read" in said and "--stream N" in said

    frames, video = read(path, stream=1)
    assert frames[0].image().mean() == pytest.approx(60, abs=4)
    assert (video.info.width, video.problems) == (32, [])

    marked = two_tracks(folder / "marked.mkv", (True, False))
    frames, video = read(marked)
    assert frames[0].width == 32 and "track 1 (32×24) is read" in video.problems[0]

    for number in (0, 3):
        with pytest.raises(VideoError, match=f"has 2 video tracks: there is no track {number}"):
            VideoFile(path, stream=number)


def test_a_cover_is_no_track(folder: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (200, 200), "red").save(file, "PNG")
    path = folder / "cover.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        cover = container.add_stream("png")
        cover.width, cover.height, cover.pix_fmt = 200, 200, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        for i, image in enumerate(levels(5)):
            packed = av.VideoFrame.from_ndarray(image, "rgb24")
            packed.pts, packed.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(packed))
        container.mux(stream.encode(None))
        packet = av.Packet(file.getvalue())
        packet.stream, packet.pts, packet.dts, packet.time_base = cover, 0, 0, Fraction(1, 25)
        container.mux(packet)
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 2
    frames, video = read(path)
    assert (frames[0].width, video.problems) == (64, [])
    with pytest.raises(VideoError, match="has 1 video track: there is no track 2"):
        VideoFile(path, stream=2)


# High dynamic range.

PQ, HLG = HDR


def signal_of(grey: np.ndarray, transfer: int) -> np.ndarray:
    """The HDR signal, 0 to 1, of greys 0 to 255 of a usual video (gamma 2.4, white 203 cd/m²)."""
    light = 203 * (grey / 255) ** 2.4
    if transfer == PQ:
        m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
        power = (light / 10_000) ** m1
        return ((c1 + c2 * power) / (1 + c3 * power)) ** m2
    scene = (light / 1000) ** (1 / 1.2)  # grey: its luminance is that of each colour
    bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_hdr_is_shown_as_usual_video(folder: Path, transfer: int) -> None:
    steps = np.array([40, 60, 80, 100, 120, 140, 160, 180])
    grey = np.repeat(steps, 16)[None].repeat(48, 0)
    code = np.round(signal_of(grey, transfer) * 65535).astype(np.uint16)
    path = folder / f"hdr{transfer}.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = grey.shape[1], 48, "yuv420p10le"
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace = transfer, 9, 9
        for i in range(3):
            packed = av.VideoFrame.from_ndarray(np.dstack([code] * 3), "rgb48le").reformat(
                format="yuv420p10le", dst_colorspace="BT2020"
            )
            packed.color_trc, packed.color_primaries = transfer, 9
            packed.pts, packed.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(packed))
        container.mux(stream.encode(None))
    frames, video = read(path)
    middles = frames[0].image()[24, 8::16].astype(int)
    assert np.abs(middles - steps[:, None]).max() <= 4
    (said,) = video.problems
    assert f"HDR ({HDR[transfer]})" in said and "tone-mapped" in said
    assert frames[0].image(64).shape == (24, 64, 3)


def test_bright_light_is_compressed_and_colours_keep_their_place() -> None:
    light = np.array([203, 400, 1000, 4000, 10_000])
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = (light / 10_000) ** m1
    code = np.round(65535 * ((c1 + c2 * power) / (1 + c3 * power)) ** m2).astype(np.uint16)
    shown = tone_map(np.dstack([code[None]] * 3), PQ, 9)[0, :, 0].astype(int)
    assert (np.diff(shown[:4]) > 0).all() and 230 < shown[0] < 245 and shown[-1] == 255
    skin = np.array([[[0.55, 0.48, 0.44]]])  # PQ signal
    red, green, blue = tone_map(np.round(skin * 65535).astype(np.uint16), PQ, 9)[0, 0]
    assert red > green > blue


# Names.

NAMES = [
    b"a:b.mp4",
    b"-dash.mp4",
    b"two\nlines.mp4",
    b"not-utf8-\xff\xfe.mp4",
    b"100%d?x=1#y.mp4",
    b"file:x.mp4",
    b"l" * 246 + b".mp4",
]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems restrict names")
@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_a_file(
    four: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: bytes
) -> None:
    write_clip(tmp_path / "plain.mp4", levels(25), sound=True)
    path = Path(os.fsdecode(name))
    monkeypatch.chdir(tmp_path)
    Path("plain.mp4").rename(path)
    with VideoFile(path) as video:
        assert len(list(video.frames())) == 25
        found = video.frame_at(0.5)
        assert found is not None and found.time == pytest.approx(0.48)
        json.dumps(video.info.to_dict(), ensure_ascii=False).encode()  # can be stored
        info = video.info
    result = VideoResult(info, VideoOptions(), Rows().table("video"), 1.0, 25)
    annotate(path, result, Path("out:1.mp4"))
    with VideoFile(Path("out:1.mp4")) as video:
        assert video.info.audio and len(list(video.frames())) == 25


def test_a_pipe_is_read_once(four: Path) -> None:
    code = (
        "from pathlib import Path; from fer_core.video.decode import VideoFile\n"
        "with VideoFile(Path('/dev/stdin')) as video: print(len(list(video.frames())))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        said, _ = process.communicate(four.read_bytes())
    assert said.strip() == b"100"


# Which files of a folder are videos.


@pytest.mark.parametrize("suffix", [".ts", ".mpg", ".wmv", ".3gp", ".flv", ".ogv", ".mxf", ".vob"])
def test_containers_of_every_kind_are_read(folder: Path, suffix: str) -> None:
    codec = {".wmv": "wmv2", ".flv": "flv", ".ogv": "libvpx", ".mpg": "mpeg2video"}.get(
        suffix, "mpeg2video" if suffix in (".mxf", ".vob") else "libx264"
    )
    path = write_clip(folder / f"kind{suffix}", levels(25), codec=codec)
    frames, video = read(path)
    assert len(frames) == 25 and suffix in SUFFIXES and video.problems == []
    assert times_of(frames) == pytest.approx(np.arange(25) / 25, abs=0.002)


def test_a_walk_takes_videos_only_and_ends(tmp_path: Path, four: Path) -> None:
    for name in (
        "b/z.mp4", "a.MP4", "b/.hidden.mp4", ".git/x.mp4", "__MACOSX/x.mp4",
        ".ipynb_checkpoints/x.mp4", "notes.txt", "b/c/clip.mov",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "b" / "camera.ts").write_bytes(four.read_bytes())
    (tmp_path / "b" / "code.ts").write_text("export const x = 1;", encoding="utf-8")
    (tmp_path / "b" / "round").symlink_to(tmp_path)
    (tmp_path / "b" / "self").symlink_to(tmp_path / "b" / "self")
    found = [str(path.relative_to(tmp_path)) for path in walk_videos([tmp_path])]
    assert found == ["a.MP4", "b/c/clip.mov", "b/camera.ts", "b/z.mp4"]
    # A file that is named is taken, and a folder that is named may be hidden.
    named = [tmp_path / "b" / "code.ts", tmp_path / ".git"]
    assert list(walk_videos(named)) == [named[0], tmp_path / ".git" / "x.mp4"]


def test_links_to_folders_elsewhere_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "else" / "deep").mkdir(parents=True)
    (tmp_path / "else" / "deep" / "x").touch()
    (tmp_path / "here").mkdir()
    for name in ("one", "two"):
        (tmp_path / "here" / name).symlink_to(tmp_path / "else")
    found = list(walk_files(tmp_path / "here", lambda path: True))
    assert found == [tmp_path / "here" / "one" / "deep" / "x"]


# Sampling.


@pytest.mark.parametrize(
    ("count", "fps", "times", "durations"),
    [
        (100, 1, [0, 1, 2, 3], [1, 1, 1, 1]),
        (22, 1, [0], [0.88]),
        (1, 5, [0], [0.04]),
        (1, None, [0], [0.04]),
        (10, 5, [0, 0.2], [0.2, 0.2]),
        (3, 50, [0, 0.04, 0.08], [0.04] * 3),
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_samples_stand_for_their_share_of_the_time(
    folder: Path, suffix: str, count: int, fps: float, times: list, durations: list
) -> None:
    frames, video = read(write_clip(folder / f"s{suffix}", levels(count)), fps=fps)
    assert times_of(frames) == pytest.approx(times, abs=0.001)
    assert durations_of(frames) == pytest.approx(durations, abs=0.002)
    assert video.end == pytest.approx(count / 25, abs=0.002)
    assert_in_order(frames, video)


@pytest.mark.parametrize(("fps", "rate"), [(1, 24), (5, 30), (7, 25), (29.97, 30), (5, 12.5)])
def test_the_shares_add_up(folder: Path, fps: float, rate: float) -> None:
    path = write_clip(folder / "rate.mkv", levels(round(8 * rate), first=0), rate=rate)
    frames, video = read(path, fps=fps)
    assert sum(durations_of(frames)) == pytest.approx(8, abs=0.002) == video.end
    assert len(frames) == pytest.approx(8 * fps, rel=0.02)


def test_a_frame_that_is_held_stands_once_for_all_its_time(folder: Path) -> None:
    times = [0, 0.04, 0.08, 10.08, 10.12]
    path = write_clip(folder / "held.mkv", levels(5), times=times)
    frames, video = read(path, fps=5)
    assert times_of(frames) == pytest.approx([0, 0.08, 10.08], abs=0.001)
    assert durations_of(frames) == pytest.approx([0.08, 10, 0.08], abs=0.005)
    assert [frame.index for frame in frames] == [0, 2, 3]
    assert_in_order(frames, video)


def test_delays_of_a_gif_are_respected(folder: Path) -> None:
    pictures = [Image.new("RGB", SIZE, (grey, grey, grey)) for grey in (50, 100, 150, 200)]
    path = folder / "slow.gif"
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=[100, 1000, 58_000, 700], loop=0
    )
    frames, video = read(path, fps=5)
    assert times_of(frames) == pytest.approx([0, 0.1, 1.1, 59.1])
    assert durations_of(frames) == pytest.approx([0.1, 1, 58, 0.7])
    assert video.problems == [] and video.end == pytest.approx(59.8)


@pytest.mark.parametrize("fps", [None, 5])
def test_a_part_holds_what_is_shown_in_it(four: Path, joined: Path, fps: float | None) -> None:
    for path in (four, joined):
        whole, _ = read(path)
        frames, video = read(path, fps=fps, start=1.5, end=3.0)
        assert frames[0].time == 1.5 and frames[0].index == 37
        assert sum(durations_of(frames)) == pytest.approx(1.5) and video.end == pytest.approx(3)
        assert frames[-1].time < 3 and video.progress() == 1
        assert_in_order(frames, video)
        for frame in frames[1:]:
            assert frame.time == pytest.approx(whole[frame.index].time)
        assert len(frames) == (38 if fps is None else 8)
    frames, video = read(joined, start=11.0)
    assert len(frames) == 25 and frames[0].index == 275
    assert video.end == pytest.approx(12)


def test_progress_counts_within_the_part(four: Path, joined: Path) -> None:
    with VideoFile(four) as video:
        shares = [video.progress() for _ in video.frames(start=1, end=3)]
    assert shares[0] < 0.1 and shares == sorted(shares) and 0.45 < shares[25] < 0.6
    with VideoFile(four) as video:
        shares = [video.progress() for _ in video.frames(start=2)]
    assert shares[0] < 0.1 and 0.9 < shares[-1] <= 1
    # Where the timestamps do not tell, the bytes do.
    with VideoFile(joined) as video:
        shares = [video.progress() for _ in video.frames(start=6)]
    assert shares[0] < 0.1 and shares == sorted(shares) and 0.9 < shares[-1] <= 1


def test_a_part_that_cannot_be(four: Path) -> None:
    with VideoFile(four) as video:
        with pytest.raises(VideoError, match="from 3 s to 2 s is empty"):
            list(video.frames(start=3, end=2))
        with pytest.raises(VideoError, match="begins at 9 s, but the video ends at 4.00 s"):
            list(video.frames(start=9))
        assert len(list(video.frames())) == 100  # it can be read again


def test_the_first_frame_of_each_slot_is_taken() -> None:
    times = [0, 0.04, 0.1, 0.3, 0.35, 0.9, 1.0, 1.5]
    shown = [
        Frame(time, after - time, i, av.VideoFrame(), 1, 1)
        for i, (time, after) in enumerate(itertools.pairwise([*times, 1.6]))
    ]
    assert times_of(list(sample(shown, 2, 0, np.inf))) == [0, 0.9, 1.0, 1.5]
    assert durations_of(list(sample(shown, 2, 0, np.inf))) == pytest.approx([0.9, 0.1, 0.5, 0.1])
    # The frame of 0.35 s is on the screen at 0.5 s, the part's start.
    part = list(sample(shown, 2, 0.5, 1.2))
    assert [(frame.index, frame.time) for frame in part] == [(4, 0.5), (6, 1.0)]
    assert durations_of(part) == pytest.approx([0.5, 0.2])


# Damage.


def test_frames_that_grow_beyond_all_bounds_are_left_out(
    folder: Path, four: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = write_clip(folder / "large.ts", [corners((320, 240))] * 25)
    path = folder / "grows.ts"
    path.write_bytes(four.read_bytes() + large.read_bytes())
    monkeypatch.setattr("fer_core.video.tracks.MAX_MEGAPIXELS", 0.05)
    frames, video = read(path)
    assert {frame.width for frame in frames} == {64} and len(frames) > 90
    assert any("could not be decoded" in problem for problem in video.problems)


def test_noise_never_hangs_and_errors_are_sentences(folder: Path, four: Path) -> None:
    random = np.random.default_rng(5)
    content = np.frombuffer(four.read_bytes(), np.uint8)
    for i in range(12):
        damaged = content.copy()
        damaged[random.integers(0, len(damaged), 4 ** (i % 6))] = random.integers(0, 256)
        path = folder / "noise.ts"
        path.write_bytes(damaged[: random.integers(len(damaged) // 2, len(damaged))])
        try:
            frames, video = read(path, fps=5)
        except VideoError as error:
            assert str(error).endswith(".")
        else:
            assert_in_order(frames, video)


def test_the_name_for_ffmpeg_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert url_of(Path("a:b.mp4")) == f"file:{tmp_path / 'a:b.mp4'}"
