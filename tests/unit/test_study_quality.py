"""What a study says of quality, of settings and of the number of people before it compares."""

import re

import numpy as np
import pytest

from fer_core.study import figures
from fer_core.study.compare import compare_events, compare_groups, quality_differences
from fer_core.study.measures import measures, per_participant, unknown_quality
from fer_core.study.model import QualityRules
from fer_core.study.report import to_html
from fer_core.study.samples import samples
from tests.unit.study_tools import add, new_study


@pytest.fixture
def study(tmp_path):
    return new_study(tmp_path / "study")


def test_groups_that_differ_in_what_was_left_out_are_told_apart_first(study, monkeypatch):
    for number in range(12):
        bad = number % 2
        add(study, f"P{number:02}", [("Happy", 8 + number / 10)], group="AB"[bad],
            events=[(0, 4, "clip"), (4, 4, "again")])  # fmt: skip
        if bad:  # of the second event hardly anything is seen
            one = study.file.recordings[-1]
            table = study.table(one)
            table.loc[table["time"] > 4.5, "head_turn"] = 80.0
            table.to_parquet(study.table_path(one), index=False)
    table = measures(study)
    assert table.groupby("group")["counted"].sum().to_dict() == {"A": 12, "B": 6}
    said = quality_differences(table)
    assert any("share of valid time" in sentence for sentence in said)
    monkeypatch.setattr(figures, "all_of", lambda *_: {})  # drawing takes seconds
    html = to_html(study)
    assert html.index("A and B differ in the share") < html.index("No difference could be told")


def test_what_is_unknown_of_the_quality_is_said_and_excludes_nothing(study):
    add(study, "P1", [("Happy", 4)], head_turn=10.0, sharpness=5.0, brightness=0.5)
    add(study, "P2", [("Happy", 4)], sharpness=5.0)
    add(study, "P3", [("Happy", 4)])
    add(study, "P4", [(None, 4)])
    table = measures(study)
    assert table.set_index("participant_id")["counted"].tolist() == [True, True, True, False]
    assert unknown_quality(table) == [
        "Unknown in 2 of 3 recordings: head turn, brightness. What is unknown excludes nothing.",
        "Unknown in 1 of 3 recordings: sharpness. What is unknown excludes nothing.",
    ]
    assert "Unknown in 2 of 3 recordings: head turn" in to_html(study)


def test_changes_are_counted_in_valid_time_alone(study):
    shown = [("Happy", 2), ("Sad", 2), ("Happy", 2), ("Sad", 2)]
    one = add(study, "P1", shown, events=[(0, 8, "clip")], head_turn=0.0)
    assert len(samples(study, one).changes) == 3
    assert measures(study)["changes_per_minute"].iloc[0] == pytest.approx(3 * 60 / 8)
    table = study.table(one)
    table.loc[table["time"].between(3.5, 5.9), "head_turn"] = 80.0
    table.to_parquet(study.table_path(one), index=False)
    # The change after 4 s is not in valid time.
    row = measures(study).iloc[0]
    assert row["changes_per_minute"] == pytest.approx(2 * 60 / row["valid_seconds"])


def test_every_quality_of_a_frame_can_be_asked_for(study):
    add(study, "P1", [("Happy", 4)], head_turn=-60.0, width=40.0, sharpness=2.0, brightness=0.9,
        unsure=True)  # fmt: skip
    ask_nothing = QualityRules(head_turn=None)
    rules = [{"head_turn": 45}, {"face_width": 60}, {"sharpness": 3}, {"brightest": 0.8},
             {"darkest": 0.95}, {"sure": True}]  # fmt: skip
    for rule in rules:
        with study.editing():
            study.file.quality = ask_nothing.model_copy(update=rule)
        row = measures(study).iloc[0]
        assert not row["counted"] and row["reason"] == "0% of its time is valid, 50% are asked"
    with study.editing():
        study.file.quality = ask_nothing
    row = measures(study).iloc[0]
    assert row["counted"] and row["unsure_share"] == 1
    assert row["head_turn"] == pytest.approx(60)
    with study.editing():
        study.file.quality = QualityRules(share=0)
    assert measures(study)["reason"].iloc[0] == "no time of it is valid"


def test_one_person_in_a_group_is_told_how_many_it_takes(study):
    for number in range(5):
        shown = [("Happy", 3 + number / 10), ("Neutral", 2)]
        add(study, f"P{number}", shown, group="AB"[number == 4], events=[(0, 3, "x"), (2, 2, "y")])
    people = per_participant(measures(study))
    family = compare_groups(people, ["mean_happy"])
    assert all("it takes 5 people per group" in one.note for one in family.comparisons)
    assert "2 of 2 are not tested: there are too few people for an interval" in family.sentences[2]
    alone = people[people["participant_id"] == "P0"]
    assert "it takes 6 people" in compare_events(alone, ["valence"], ["x", "y"]).comparisons[0].note


def test_figures_state_how_many_people_have_a_value(study):
    for number in range(5):
        add(study, f"P{number}", [("Happy", 3)], group="AB"[number % 2], events=[(0, 3, "x")])
    people = per_participant(measures(study))
    people.loc[0, "valence"] = np.nan
    svg = figures.to_svg(figures.groups(people, "valence", "group", "x"))
    assert re.findall(r">\(n = (\d)\)<", svg) == ["2", "2"]
    svg = figures.to_svg(figures.profile(people, "x", "group"))
    assert "x (from left: A, n = 3; B, n = 2)" in svg
    assert "x (n = 5)" in figures.to_svg(figures.profile(people, "x", "none"))


def test_paired_events_have_a_curve_of_differences_with_its_clusters(study):
    for number in range(6):
        shown = [("Neutral", 3 + number / 10), ("Happy", 4)]
        add(study, f"P{number}", shown, events=[(0, 3, "rest"), (3.6, 3, "clip")])
    people = per_participant(measures(study))
    drawn = figures.all_of(study, people)
    svg = figures.to_svg(drawn["difference-rest-clip-happy"])
    assert "Happy, rest minus clip" in svg and "n = 6 pairs" in svg and "p = 0.031" in svg
    svg = figures.to_svg(drawn["showing-clip-happy"])
    assert "clip: share who show Happy" in svg and "all (n = 6)" in svg
