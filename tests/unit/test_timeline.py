"""Emotion over time, on sequences whose answer is known."""

import io
import json

import numpy as np
import pandas as pd
import pytest

from fer_core import timeline
from fer_core.emotions import EMOTIONS
from fer_core.table import COLUMNS


def table(*stretches: tuple[str, float], person: int = 1, start: float = 0.0, rate: float = 10):
    """Rows of one person: ``(emotion, seconds)`` one after another."""
    rows, time = [], start
    for emotion, seconds in stretches:
        for _ in range(round(seconds * rate)):
            values = [0.9 if e == emotion else 0.1 / 6 for e in EMOTIONS]
            rows.append([time, person, 1, 2, 30, 40, 1.0, *values, emotion, 0.9])
            time += 1 / rate
    return pd.DataFrame(rows, columns=COLUMNS)


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


def test_exports_read_back() -> None:
    made = table(("Happy", 1), ("Sad", 1))
    back = pd.read_csv(io.StringIO(timeline.to_csv(made)))
    pd.testing.assert_frame_equal(back, made)
    value = json.loads(timeline.to_json(made, model="fast"))
    assert value["model"] == "fast"
    assert len(value["rows"]) == 20 and value["rows"][0]["emotion"] == "Happy"
    assert value["summary"]["changes"][0]["after"] == "Sad"


def test_nothing_recorded_is_a_summary_too() -> None:
    empty = pd.DataFrame(columns=COLUMNS)
    summary = timeline.summarize(empty)
    assert summary["dominant"] is None and summary["changes"] == []
    assert timeline.curve(empty).empty
    json.loads(timeline.to_json(empty))
