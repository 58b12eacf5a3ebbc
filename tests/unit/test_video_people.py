"""People of a video: what is doubtful, and what is corrected by hand."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fer_core.datasets.demo import draw_face
from fer_core.errors import VideoError
from fer_core.files import write_json
from fer_core.settings import settings
from fer_core.table import data_frame
from fer_core.tracking.appearance import appearance
from fer_core.tracking.identity import IdentityTracker
from fer_core.video import VideoFile, VideoOptions
from fer_core.video.clips import write_clip
from fer_core.video.decode import VideoInfo
from fer_core.video.jobs import VideoJob
from fer_core.video.people import Doubt, Edit, doubts
from fer_core.video.report import to_html
from fer_core.video.result import VideoResult
from tests.unit.video_tools import drawn, portrait

INFO = VideoInfo("talk.mp4", 640, 480, 20.0, 25.0, "h264", False, 1)


def result_of(spans: dict[int, list[tuple[float, float]]], **how: object) -> VideoResult:
    """People who are in view at these seconds, sampled five times a second.

    Person 1 turns from happy to surprised after 10 seconds, and looks less happy from 5 on.
    """
    rows: dict[str, list[object]] = {
        name: []
        for name in (
            *("time", "person", "x", "y", "width", "height", "frame_width", "frame_height"),
            *("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "emotion"),
        )
    }
    for person, seen in spans.items():
        for start, end in seen:
            for time in np.arange(start, end, 0.2).round(1):
                happy = 0.9 if person != 1 or time < 5 else 0.6 if time < 10 else 0.1
                other = "surprise" if person == 1 and time >= 10 else "neutral"
                values = dict.fromkeys(("angry", "disgust", "fear", "sad"), 0.0)
                values |= {"happy": happy, "surprise": 0.0, "neutral": 0.0} | {other: 1 - happy}
                emotion = max(values, key=lambda name: values[name]).capitalize()
                box = {"x": 100.0 * person, "y": 50.0, "width": 80.0, "height": 80.0}
                size = {"frame_width": 640, "frame_height": 480}
                for name, value in (
                    values | box | size | {"time": time, "person": person, "emotion": emotion}
                ).items():
                    rows[name].append(value)
    rows |= {"status": ["ok"] * len(rows["time"]), "smoothing": [0.0] * len(rows["time"])}
    table = data_frame(rows, "video").sort_values("time", kind="stable").reset_index(drop=True)
    return VideoResult(INFO, VideoOptions(smoothing=0.0), table, 20.0, 100, **how)


def spans(result: VideoResult) -> dict[int, tuple[float, float]]:
    """First and last second of each person."""
    rows = result.rows()
    return {int(p): (float(t.min()), float(t.max())) for p, t in rows.groupby("person")["time"]}


def test_a_person_is_split_and_both_halves_are_corrected_further() -> None:
    found = result_of({1: [(0, 20)], 2: [(0, 6)], 3: [(12, 20)]}).called(1, "Ann")
    split = found.with_split(1, 8.0)
    assert spans(split) == {1: (0, 7.8), 2: (0, 5.8), 3: (12, 19.8), 4: (8, 19.8)}
    assert split.name(1) == "Ann" and split.name(4) == "Person 4"
    joined = split.with_merged(4, 2).called(2, "Bo")
    assert spans(joined) == {1: (0, 7.8), 2: (0, 19.8), 3: (12, 19.8)}
    # Person 3 joins who was split off from: that must not lead to person 2.
    again = joined.with_merged(3, 1)
    assert spans(again) == {1: (0, 19.8), 2: (0, 19.8)}
    moment = again.found_as(1, 15.0)
    assert moment == 3 and again.person_at(moment, 15.0) == 1
    with pytest.raises(VideoError, match="seen together at 0.0 s"):
        again.with_merged(2, 1)
    assert spans(again.apart()) == spans(found)


@pytest.mark.parametrize("time", [0.0, 25.0])
def test_there_is_nothing_to_split_at_the_ends(time: float) -> None:
    with pytest.raises(VideoError, match="not seen both before and after"):
        result_of({1: [(0, 20)]}).with_split(1, time)


def test_two_people_who_were_mistaken_for_each_other_are_exchanged() -> None:
    found = result_of({1: [(0, 20)], 2: [(0, 20)]})
    right = found.with_exchange(1, 2, 8.0)
    assert right.persons() == [1, 2]
    before, after = (right.rows()["time"] < 8.0), (right.rows()["time"] >= 8.0)
    same = right.rows()["person"] == found.rows()["person"]
    assert same[before].all() and not same[after].any()


def test_doubts_come_most_doubtful_first_and_go_when_they_are_settled() -> None:
    sure = Doubt("join", 12.0, 5.8, (1, 1), 0.9)
    unsure = Doubt("join", 14.0, 9.8, (2, 3), 0.45)
    swap = Doubt("swap", 4.0, 3.8, (1, 2), 0.7)
    found = result_of(
        {1: [(0, 6), (12, 20)], 2: [(0, 10)], 3: [(14, 20)]}, doubts=(sure, unsure, swap)
    )
    assert [index for index, _ in found.open_doubts()] == [1, 2, 0]
    joined = found.with_merged(3, 2)
    assert [index for index, _ in joined.open_doubts()] == [2, 0]
    # A join that was made is undone by a split where it was made.
    split = joined.with_split(1, sure.time)
    assert [index for index, _ in split.open_doubts()] == [2]
    assert split.with_exchange(1, 2, 4.0).open_doubts() == []


def test_what_the_tracker_doubts_is_told_in_person_numbers() -> None:
    tracker = IdentityTracker()
    dark = np.zeros((18, 32, 3), np.uint8)
    twin = appearance(draw_face("Neutral", 80, 3), (0, 0, 80, 80))  # twins
    for index in range(4):  # two faces come so close that either may be the other
        boxes = [(100 + 8.0 * index, 100, 80, 80), (150 - 8.0 * index, 100, 80, 80)]
        tracker.update(index / 2, dark, boxes, [twin, twin], (600, 300))
    (swap,) = [doubt for doubt in doubts(tracker) if doubt.kind == "swap"]  # however long it lasts
    assert swap.persons == (1, 2) and 0.4 < swap.confidence < 0.95


def test_shifts_within_one_emotion_are_a_list_of_their_own() -> None:
    result = result_of({1: [(0, 20)]}).called(1, "Ann")
    changes, shifts = result.changes(), result.shifts()
    assert changes[["before", "after"]].to_numpy().tolist() == [["Happy", "Surprise"]]
    assert changes["time"].tolist() == pytest.approx([10], abs=0.3)
    assert shifts["time"].tolist() == pytest.approx([5], abs=0.3)
    summary = json.loads(result.to_json())["summary"]
    assert [c["name"] for c in summary["change_points"] + summary["changes"]] == ["Ann"] * 2
    assert [c["after"] for c in summary["shifts"]] == ["Happy"]
    page = to_html(result)
    assert "Shifts within one emotion (1)" in page and "Ann" in page


def test_results_keep_corrections_and_those_of_earlier_versions_open(tmp_path: Path) -> None:
    doubt = Doubt("join", 14.0, 9.8, (2, 3), 0.45)
    found = result_of({1: [(0, 20)], 2: [(0, 10)], 3: [(14, 20)]}, doubts=(doubt,))
    result = found.with_merged(3, 2).with_split(1, 8.0)
    result.save(tmp_path)
    again = VideoResult.load(tmp_path)
    assert (again.edits, again.doubts) == (result.edits, (doubt,))
    pd.testing.assert_frame_equal(again.rows(), result.rows())

    value = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    value = {k: v for k, v in value.items() if k not in ("edits", "doubts")}
    write_json(tmp_path / "result.json", value | {"merged": {"3": 2}})
    old = VideoResult.load(tmp_path)
    assert old.edits == (Edit(3, 2),) and old.persons() == [1, 2] and old.open_doubts() == []


def test_there_are_pictures_of_everybody_which_follow_corrections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FER_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    frames = [*portrait(25), *drawn(("Happy", 1), seed=4)]
    path = write_clip(tmp_path / "two.mp4", frames)
    with path.open("rb") as file:
        job = VideoJob.create(file, path.name, VideoOptions(), "mine", annotated=False)
    job.do()
    settings.cache_clear()
    result = job.result()
    assert job.source is None, "the pictures are there without the video"
    faces = [row for row in job.faces(result) if row["doubt"] is None]
    assert {row["person"] for row in faces} == {1, 2}
    with VideoFile(path) as video:
        still = video.frame_at(faces[0]["time"]).image()
    face = np.asarray(Image.open(io.BytesIO(faces[0]["picture"].read_bytes())))
    assert face.shape == (160, 160, 3)
    # It shows the face, not the grey beside it.
    assert np.abs(face.astype(int) - 128).mean() > np.abs(still.astype(int) - 128).mean()
    assert {row["person"] for row in job.faces(result.with_merged(2, 1))} == {1}
    half = result.with_split(1, 0.5)
    assert {row["person"] for row in job.faces(half)} == {1, 2, 3}
