"""Emotion over time, on sequences whose answer is known."""

import json

import numpy as np
import pandas as pd
import pytest

from fer_core import timeline
from fer_core.emotions import EMOTIONS
from tests.tables import face_row, no_face_row, table_of


def table(
    *stretches: tuple[str | None, float],
    person: int = 1,
    start: float = 0.0,
    rate: float = 10,
    kind="live",
):
    """Rows of one person: ``(emotion, seconds)`` one after another; ``None`` is no face."""
    rows, time = [], start
    for emotion, seconds in stretches:
        for _ in range(round(seconds * rate)):
            if emotion is None:
                rows.append(no_face_row(time=time))
            else:
                rows.append(face_row(emotion, time=time, person=person))
            time += 1 / rate
    return table_of(rows, kind)


def test_shares_are_shares_of_time_not_of_rows() -> None:
    slow = table(("Happy", 4), rate=2)
    fast = table(("Sad", 1), rate=50, start=4.0)
    shares = timeline.shares(pd.concat([slow, fast], ignore_index=True))
    assert shares.loc[1, "Happy"] == pytest.approx(4 / 5, abs=0.02)
    assert shares.loc[1, list(EMOTIONS)].sum() == pytest.approx(1)


def test_time_does_not_pass_while_nobody_is_there() -> None:
    both = pd.concat([table(("Happy", 2)), table(("Sad", 2), start=100.0)], ignore_index=True)
    assert timeline.shares(both).loc[1, "seconds"] == pytest.approx(4, abs=1.1)


def test_changes_say_when_and_from_what_to_what() -> None:
    found = timeline.changes(table(("Happy", 2), ("Sad", 3), ("Happy", 1)))
    assert found["before"].tolist() == ["Happy", "Sad"]
    assert found["after"].tolist() == ["Sad", "Happy"]
    assert found["time"].tolist() == pytest.approx([2, 5], abs=0.11)


def test_a_flash_is_no_change() -> None:
    assert timeline.changes(table(("Happy", 2), ("Fear", 0.2), ("Happy", 2))).empty
    # Nor is a short beginning.
    assert timeline.changes(table(("Fear", 0.2), ("Happy", 2))).empty


def test_each_person_has_their_own_changes() -> None:
    both = pd.concat(
        [table(("Happy", 2), ("Sad", 2)), table(("Neutral", 4), person=2)], ignore_index=True
    ).sort_values("time", ignore_index=True)
    assert timeline.changes(both)["person"].tolist() == [1]
    summary = timeline.summarize(both)
    assert summary["faces"] == 2
    assert summary["dominant"] == "Neutral"
    assert summary["shares"]["Happy"] == pytest.approx(0.25, abs=0.02)


def test_an_absence_separates_stretches_but_a_return_with_another_emotion_is_a_change() -> None:
    gone = pd.concat([table(("Happy", 2)), table(("Sad", 2), start=9.0)], ignore_index=True)
    assert len(timeline.segments(gone)) == 2
    assert timeline.changes(gone)["time"].tolist() == [9.0]


def test_smoothing_follows_time_and_does_not_reach_across_an_absence() -> None:
    fast, slow = (timeline.smooth(table(("Happy", 2), ("Sad", 1), rate=r), 0.5) for r in (10, 50))
    at = [t[np.isclose(t["time"], 2.5)]["happy"].iloc[0] for t in (fast, slow)]
    assert at[0] == pytest.approx(at[1], abs=0.08) and 0.2 < at[0] < 0.6
    gone = pd.concat([table(("Happy", 2)), table(("Sad", 2), start=9.0)], ignore_index=True)
    assert timeline.smooth(gone, 5.0)["happy"].iloc[20] == pytest.approx(0.1 / 6)
    pd.testing.assert_frame_equal(timeline.smooth(gone, 0), gone)


def test_the_curve_breaks_where_nobody_was() -> None:
    gone = pd.concat([table(("Happy", 2)), table(("Sad", 2), start=9.0)], ignore_index=True)
    curve = timeline.curve(gone, step=0.5)
    assert curve.loc[1.25, "Happy"] == pytest.approx(0.9)
    assert curve.loc[5.25].isna().all()


def test_json_holds_the_summary_and_every_row() -> None:
    made = table(("Happy", 1), ("Sad", 1))
    value = json.loads(timeline.to_json(made, model="fast"))
    assert value["model"] == "fast"
    assert len(value["rows"]) == 20 and value["rows"][0]["emotion"] == "Happy"
    assert value["summary"]["changes"][0]["after"] == "Sad"


def test_nothing_recorded_is_a_summary_too() -> None:
    empty = table_of([], "live")
    summary = timeline.summarize(empty)
    assert summary["dominant"] is None and summary["changes"] == []
    assert timeline.curve(empty).empty
    json.loads(timeline.to_json(empty))


def test_every_sample_of_a_video_stands_for_its_share_of_the_time() -> None:
    once_a_second = table(("Happy", 4), rate=1, kind="video")
    shares = timeline.shares(once_a_second, end=4.0)
    assert shares.loc[1, "seconds"] == pytest.approx(4)
    # A screen recording holds one frame for ten seconds.
    held = table_of([face_row(time=0.0), face_row("Sad", time=10.0)], "video")
    found = timeline.summarize(held, end=12.0)
    assert found["seconds"] == 12 and found["persons"][0]["seconds"] == pytest.approx(12)
    assert found["shares"]["Happy"] == pytest.approx(10 / 12)
    curve = timeline.curve(held, 1, step=0.5)
    assert curve.loc[7.25, "Happy"] == pytest.approx(0.9) and not curve.isna().any(axis=None)


def test_a_single_frame_has_one_person_and_a_dominant_emotion() -> None:
    found = timeline.summarize(table_of([face_row(time=0.0)], "video"), end=0.04)
    assert (found["faces"], found["dominant"]) == (1, "Happy")


def test_who_is_missing_in_sampled_frames_was_away_however_slow_the_sampling() -> None:
    away = table(("Happy", 4), (None, 4), ("Happy", 4), rate=0.5, kind="video")
    assert len(timeline.segments(away, end=12.0)) == 2
    assert timeline.shares(away, end=12.0).loc[1, "seconds"] == pytest.approx(8)
    assert len(timeline.segments(table(("Happy", 12), rate=0.5, kind="video"), end=12.0)) == 1


def test_a_pause_stands_for_nothing() -> None:
    rows = [face_row(time=t / 10) for t in range(10)]
    paused = table_of(
        [
            *rows,
            {"status": "paused", "time": 1.0},
            *(face_row(time=60 + t / 10) for t in range(10)),
        ],
        "live",
    )
    assert timeline.length(paused) == pytest.approx(2.0)
    assert timeline.shares(paused).loc[1, "seconds"] == pytest.approx(2.0)


def test_smoothing_says_how_long_and_happens_once() -> None:
    measured = table(("Happy", 2), ("Sad", 2))
    once = timeline.smooth(measured, 0.5)
    assert set(once["smoothing"]) == {0.5}
    pd.testing.assert_frame_equal(timeline.smooth(once, 2.0), once)
    best = once[[e.lower() for e in EMOTIONS]].to_numpy(float)
    assert [EMOTIONS[i] for i in best.argmax(axis=1)] == once["emotion"].tolist()
    assert best.max(axis=1).tolist() == once["confidence"].tolist()


def test_an_unreliable_answer_stays_unsure_when_it_is_smoothed() -> None:
    rows = [face_row(time=t / 10, unsure=t == 5) for t in range(10)]
    assert timeline.smooth(table_of(rows, "live"), 0.5)["unsure"].tolist() == [
        t == 5 for t in range(10)
    ]


def test_eight_seconds_are_eight_seconds() -> None:
    assert timeline.clock(7.9999) == "0:08" and timeline.clock(67.4) == "1:07"
