"""From a video file to a timeline: real files of every kind, good and bad."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.pictures import make_pictures
from fer_core import timeline
from fer_core.errors import VideoError
from fer_core.images import example_portrait
from fer_core.table import PROBABILITIES, columns, read_csv
from fer_core.video import VideoFile, VideoOptions, VideoResult, analyze_video
from fer_core.video.annotate import FacesAt, annotate, stills
from fer_core.video.clips import shown_in_turn, write_clip
from fer_core.video.highlights import face_at
from fer_core.video.report import to_html
from tests.unit.video_tools import clip, drawn, grey, portrait


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def changing(folder: Path) -> Path:
    """Happy, surprised from the second second on, happy from the fourth; with sound."""
    frames = drawn(("Happy", 2), ("Surprise", 2), ("Happy", 2))
    return write_clip(folder / "changing.mp4", frames, sound=True)


@pytest.fixture(scope="module")
def result(changing: Path) -> VideoResult:
    return analyze_video(changing, VideoOptions(fps=10))


# From the file to frames.


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.mp4", {"sound": True}),
        ("a.mov", {"sound": True}),
        ("a.mkv", {"sound": True}),
        ("a.webm", {"codec": "libvpx", "sound": True}),
        ("a.avi", {"codec": "mpeg4"}),
        ("a.gif", {"codec": "gif"}),
    ],
)
def test_every_kind_of_file_is_sampled_by_time(folder: Path, name: str, how: dict) -> None:
    path = clip(folder / name, 1.0, **how)
    with VideoFile(path) as video:
        times = [frame.time for frame in video.frames(5)]
        assert video.problems == []
        assert (video.info.width, video.info.height) == (320, 240)
        assert video.info.audio == how.get("sound", False)
    assert times == pytest.approx([0, 0.2, 0.4, 0.6, 0.8], abs=0.03)


def test_a_turned_phone_video_is_put_upright(folder: Path) -> None:
    lying = (np.ascontiguousarray(np.rot90(image, -1)) for image in portrait(10))
    path = write_clip(folder / "turned.mp4", lying, turn=90)
    with VideoFile(path) as video:
        assert (video.info.width, video.info.height) == (320, 240)
        image = next(video.frames()).image()
    upright = next(portrait(1))
    assert np.abs(image.astype(int) - upright).mean() < 6
    assert analyze_video(path).summary()["dominant"] == "Happy"


def test_times_are_the_frames_own(folder: Path) -> None:
    times = [0, 0.04, 0.1, 0.3, 0.35, 0.9, 1.0, 1.5]
    path = write_clip(folder / "variable.mkv", portrait(len(times)), times=times)
    result = analyze_video(path, VideoOptions(fps=0))
    assert result.table["time"].tolist() == pytest.approx(times, abs=0.002)
    sampled = analyze_video(path, VideoOptions(fps=2))
    assert sampled.table["time"].tolist() == pytest.approx([0, 0.9, 1.0, 1.5], abs=0.002)


def test_odd_sizes_keep_their_boxes_in_pixels_of_the_original(folder: Path) -> None:
    frames = portrait(5, (361, 241))
    path = write_clip(folder / "odd.webm", frames, codec="libvpx")
    result = analyze_video(path)
    assert (result.info.width, result.info.height) == (361, 241)
    box = result.table.iloc[0]
    # The astronaut's face, where the portrait has it.
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    assert (x, y) == pytest.approx((60 + 222 * 241 / 512, 120 * 241 / 512), abs=12)
    annotate(path, result, folder / "odd.mp4")
    with VideoFile(folder / "odd.mp4") as video:
        assert (video.info.width, video.info.height) == (360, 240)


# From frames to a timeline.


def test_changes_are_found_when_they_happen(result: VideoResult) -> None:
    assert list(result.table.columns) == columns("video")
    assert result.info.seconds == pytest.approx(6, abs=0.1)
    assert result.persons() == [1]
    changes = result.changes()
    assert changes["after"].tolist() == ["Surprise", "Happy"]
    assert changes["time"].tolist() == pytest.approx([2, 4], abs=0.11)
    summary = result.summary()
    assert summary["shares"]["Happy"] == pytest.approx(2 / 3, abs=0.1)
    assert summary["shares"]["Surprise"] == pytest.approx(1 / 3, abs=0.1)
    # The line counts the changes that are listed below it.
    assert timeline.in_words(summary).endswith("2 changes")
    fewer = summary | {"change_points": summary["change_points"][1:]}
    assert timeline.in_words(fewer).endswith("1 change")


def test_highlights_are_peaks_and_sharp_changes(result: VideoResult, changing: Path) -> None:
    highlights = result.highlights()
    assert highlights[highlights["kind"] == "change"]["emotion"].tolist() == ["Surprise", "Happy"]
    assert not highlights.duplicated(["time", "person", "emotion"]).any()
    # What a moment is said to show is what its picture and the timeline show.
    faces_at = FacesAt(result)
    for moment in highlights.itertuples():
        (face,) = faces_at(moment.time).faces
        assert face.emotion == moment.emotion
        assert face.confidence == pytest.approx(moment.value)
        assert (moment.emotion == "Surprise") == (2 <= moment.time < 4)
    best = highlights.groupby("emotion")["value"].max()
    assert best["Surprise"] == pytest.approx(result.smoothed()["surprise"].max())
    pictures = stills(changing, result, highlights)
    assert all(picture and picture[:2] == b"\xff\xd8" for picture in pictures)


def test_the_face_of_a_highlight_is_cut_out_to_be_corrected(
    result: VideoResult, changing: Path
) -> None:
    for time, emotion in ((1.0, "Happy"), (3.0, "Surprise")):
        crop, face = face_at(changing, result, time, result.persons()[0])
        assert crop.shape == (192, 192, 3)
        assert face.emotion == emotion
    assert face_at(changing, result, 1.0, 99) is None


def test_what_a_shaking_hand_adds_is_smoothed_away(folder: Path) -> None:
    face = example_portrait()[:300, 80:380]
    jumps = {}
    for handheld in (False, True):
        frames = shown_in_turn([face], [3], rate=5, handheld=handheld)
        # A model that noise sways: the default hardly minds it.
        options = VideoOptions(model="mini_xception")
        result = analyze_video(write_clip(folder / "shown.mp4", frames, rate=5), options)
        rows, smoothed = (t[list(PROBABILITIES)] for t in (result.rows(), result.smoothed()))
        assert len(rows) == 15
        jumps[handheld] = [t.diff().abs().sum(axis=1).mean() for t in (rows, smoothed)]
    assert jumps[True][0] > 2 * jumps[False][0]
    assert jumps[True][1] < jumps[True][0] / 2


def test_smoothing_is_not_late(result: VideoResult) -> None:
    found = timeline.segments(result.smoothed())
    assert found["emotion"].tolist() == ["Happy", "Surprise", "Happy"]
    assert found["start"].tolist() == pytest.approx([0, 2, 4], abs=0.5)


def test_a_person_is_known_again_after_a_loss_and_after_a_cut(folder: Path) -> None:
    two = list(drawn(("Happy", 1), seed=17))
    frames = [*portrait(25), *grey(75), *portrait(25), *two, *portrait(25)]
    result = analyze_video(write_clip(folder / "cuts.mp4", frames))
    assert result.persons() == [1, 2]
    who = [
        set(result.table[result.table["time"].between(a, b)]["person"])
        for a, b in ((0, 0.9), (4.1, 4.9), (5.1, 5.9), (6.1, 6.9))
    ]
    assert who == [{1}, {1}, {2}, {1}]
    assert [round(cut) for cut in result.cuts][-2:] == [5, 6]


def test_every_frame_gives_what_a_search_of_each_would(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faces are followed between searches, and not across a cut."""
    frames = [*portrait(13), *drawn(("Happy", 0.5), seed=4), *portrait(12)]
    path = write_clip(folder / "quick.mp4", frames)
    tracked = analyze_video(path, VideoOptions(fps=0)).table
    monkeypatch.setattr("fer_core.video.read.DETECT_EVERY", 1e-6)
    searched = analyze_video(path, VideoOptions(fps=0)).table
    assert tracked["time"].tolist() == searched["time"].tolist()
    assert tracked["person"].tolist() == searched["person"].tolist()
    apart = (tracked[["x", "y", "width"]] - searched[["x", "y", "width"]]).abs()
    assert (apart.max(axis=1) < 0.1 * searched["width"]).all()
    assert (tracked["emotion"] == searched["emotion"]).mean() > 0.9


def test_two_people_keep_their_numbers_side_by_side(folder: Path) -> None:
    pairs = (
        np.hstack([a, b])
        for a, b in zip(portrait(50), drawn(("Happy", 1), ("Surprise", 1)), strict=True)
    )
    result = analyze_video(write_clip(folder / "two.mp4", pairs))
    sides = result.table.groupby("person")["x"].agg(["min", "max"])
    assert len(sides) == 2
    low, high = sides.sort_values("min").iloc[0], sides.sort_values("min").iloc[1]
    assert low["max"] < 320 <= high["min"]


def test_people_are_named_and_merged_by_hand(folder: Path) -> None:
    frames = [*portrait(25), *drawn(("Happy", 1), seed=4)]
    result = analyze_video(write_clip(folder / "merge.mp4", frames))
    assert result.persons() == [1, 2]
    one = result.called(2, "Eileen").with_merged(2, 1)
    assert one.persons() == [1] and one.name(1) == "Eileen"
    assert "Eileen" in one.to_csv() and one.summary()["persons"][0]["name"] == "Eileen"
    assert one.apart().persons() == [1, 2]
    both = result.table.copy()
    both.loc[both["person"] == 2, "time"] -= 1.0
    with pytest.raises(VideoError, match="seen together"):
        VideoResult(result.info, result.options, both, 2.0, 10).with_merged(2, 1)


def test_a_result_is_saved_and_read_again(result: VideoResult, tmp_path: Path) -> None:
    result.called(1, "Ann").save(tmp_path)
    again = VideoResult.load(tmp_path)
    assert again.to_json() == result.called(1, "Ann").to_json()
    (tmp_path / "table.parquet").write_bytes(b"half")
    with pytest.raises(VideoError, match="gone or damaged"):
        VideoResult.load(tmp_path)


def test_exports_agree(result: VideoResult) -> None:
    import io
    import json

    import pandas as pd

    table = read_csv(result.to_csv().encode())
    parquet = pd.read_parquet(io.BytesIO(result.to_parquet()))
    pd.testing.assert_frame_equal(table, parquet, check_dtype=False, rtol=0, atol=0.006)
    value = json.loads(result.to_json())
    assert len(value["rows"]) == len(table) and value["video"]["name"] == "changing.mp4"
    assert value["summary"]["change_points_by"]["penalty"] == timeline.PENALTY


# What is written.


def test_the_annotated_video_keeps_times_and_sound(
    result: VideoResult, changing: Path, tmp_path: Path
) -> None:
    annotate(changing, result, tmp_path / "out.mp4")
    with VideoFile(changing) as before, VideoFile(tmp_path / "out.mp4") as after:
        assert after.info.codec == "h264" and after.info.audio
        old = [(frame.time, frame.image()) for frame in before.frames()]
        new = [(frame.time, frame.image()) for frame in after.frames()]
    assert [t for t, _ in new] == pytest.approx([t for t, _ in old], abs=0.001)
    different = [np.abs(a.astype(int) - b).mean() for (_, a), (_, b) in zip(old, new, strict=True)]
    assert min(different) > 2  # a box on every frame


def test_sound_of_another_codec_is_kept_too(folder: Path) -> None:
    path = clip(folder / "opus.webm", 1.0, codec="libvpx", sound=True)
    annotate(path, analyze_video(path), folder / "opus.mp4")
    with VideoFile(folder / "opus.mp4") as video:
        assert video.info.audio and video.info.seconds == pytest.approx(1, abs=0.2)


def test_the_report_is_one_file(result: VideoResult) -> None:
    page = to_html(result, [("0:02 · turns happy", b"\xff\xd8")])
    assert "http-equiv" not in page and "<script src" not in page and "<link" not in page
    assert "data:image/jpeg;base64," in page and "Surprise" in page and "PELT" in page


def test_a_full_disk_is_one_sentence_and_leaves_nothing(changing: Path, tmp_path: Path) -> None:
    """A real limit of the system: no file may grow beyond 20 kB."""
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from fer_core.errors import FerError\n"
        "from fer_core.video import analyze_video; from fer_core.video.annotate import annotate\n"
        "result = analyze_video(Path(sys.argv[1]))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try: annotate(Path(sys.argv[1]), result, Path(sys.argv[2]))\n"
        "except FerError as error: print(error)\n"
    )
    target = tmp_path / "out.mp4"
    done = subprocess.run(
        [sys.executable, "-c", code, str(changing), str(target)],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert "cannot be written" in done.stdout and "Make room" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


# Bad input.


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(VideoError, match="empty"):
        analyze_video(tmp_path / "empty.mp4")


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="cannot be opened"):
        analyze_video(tmp_path / "none.mp4")
    with pytest.raises(VideoError, match="folder"):
        analyze_video(tmp_path)


def test_not_a_video_at_all(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("this is no video " * 100, encoding="utf-8")
    with pytest.raises(VideoError, match="not a video that can be read"):
        analyze_video(tmp_path / "text.mp4")


def test_what_was_read_of_a_truncated_file_is_kept_and_said(folder: Path) -> None:
    whole = clip(folder / "whole.mkv", 4.0)
    cut = folder / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 85 // 100])
    result = analyze_video(cut)
    assert 3 < len(result.table) < 19 and result.summary()["dominant"] == "Happy"
    assert any("cut off at 0:0" in problem and "of 0:04" in problem for problem in result.problems)


def test_an_mp4_without_its_index(folder: Path) -> None:
    cut = folder / "cut.mp4"
    cut.write_bytes(clip(folder / "whole.mp4").read_bytes()[:500])
    with pytest.raises(VideoError, match=r"damaged|cut off"):
        analyze_video(cut)


def test_sound_without_pictures(folder: Path) -> None:
    import av

    path = folder / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        from fer_core.video.clips import _write_tone

        _write_tone(container, stream, 1.0)
    with pytest.raises(VideoError, match="no video track"):
        analyze_video(path)


def test_an_encrypted_or_garbled_video(folder: Path) -> None:
    """Right outside, noise inside: what a copy-protected file is to a decoder."""
    path = folder / "noise.mp4"
    content = bytearray(clip(folder / "clear.mp4", 1.0).read_bytes())
    start = content.index(b"mdat") + 4
    content[start:] = np.random.default_rng(0).bytes(len(content) - start)
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"encrypted|damaged"):
        analyze_video(path)


@pytest.mark.parametrize("codec", [b"zzzz", b"encv"])
def test_an_unknown_codec_and_one_that_is_said_to_be_encrypted(folder: Path, codec: bytes) -> None:
    path = folder / "other.mp4"
    path.write_bytes(clip(folder / "clear.mp4", 0.2).read_bytes().replace(b"avc1", codec))
    with pytest.raises(VideoError, match="codec is unknown here: convert it to H.264"):
        analyze_video(path)


def test_a_file_that_gives_its_length_as_zero_is_read_all_the_same(folder: Path) -> None:
    content = bytearray(clip(folder / "long.mp4", 0.4).read_bytes())
    for box, place in ((b"mvhd", 20), (b"mdhd", 20), (b"tkhd", 24)):
        start = content.index(box) + place
        content[start : start + 4] = bytes(4)
    (folder / "zero.mp4").write_bytes(content)
    shares = []
    result = analyze_video(folder / "zero.mp4", progress=lambda p: shares.append(p.share))
    assert result.info.seconds == 0 and result.seconds == pytest.approx(0.4)
    assert len(result.table) == 2 and result.problems == ()
    assert 0 < shares[0] <= shares[-1] <= 1


def test_a_thorough_search_finds_small_faces_of_a_group_that_a_fast_one_misses(
    folder: Path,
) -> None:
    group = next(p for p in make_pictures() if len(p.faces) == 6)
    frame = cv2.resize(group.image, (1280, 960), interpolation=cv2.INTER_AREA)
    path = write_clip(folder / "group.mp4", [frame])
    fast, thorough = (
        len(analyze_video(path, VideoOptions(thorough=t)).table) for t in (False, True)
    )
    assert fast < thorough == 6


def test_absurd_sizes(folder: Path) -> None:
    content = bytearray(clip(folder / "sized.gif", 0.2, codec="gif").read_bytes())
    content[6:10] = (7_000).to_bytes(2, "little") * 2  # width and height, in its header
    (folder / "huge.gif").write_bytes(content)
    with pytest.raises(VideoError, match="megapixels"):
        analyze_video(folder / "huge.gif")
    tiny = write_clip(folder / "tiny.mp4", (image[:16, :16] for image in grey(5)))
    with pytest.raises(VideoError, match="too few"):
        analyze_video(tiny)


def test_no_face_anywhere_is_said(folder: Path) -> None:
    result = analyze_video(write_clip(folder / "grey.mp4", grey(25)))
    assert set(result.table["status"]) == {"no face"}
    assert "No face was found in 5 frames" in result.problems[0]
    assert result.summary()["dominant"] is None and result.highlights().empty
    assert to_html(result) and result.to_csv().startswith("source,time,")


def test_a_single_frame_is_a_timeline_too(folder: Path) -> None:
    result = analyze_video(write_clip(folder / "one.mp4", portrait(1)))
    summary = result.summary()
    assert len(result.table) == 1
    assert (summary["faces"], summary["dominant"]) == (1, "Happy")
