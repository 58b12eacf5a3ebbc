"""Which faces of a recording are the participant, and who else is in view."""

import pandas as pd
import pytest

from fer_core.study import curves
from fer_core.study.folder import Study
from fer_core.study.measures import measures
from fer_core.study.model import QualityRules, Recording, StudyError
from fer_core.study.reanalysis import _same_faces
from tests.unit.study_tools import add, new_study


@pytest.fixture
def split(tmp_path) -> tuple[Study, Recording]:
    """Ten seconds of a participant who is person 1 and from 4 s on person 2; 3 is a passer-by."""
    study = new_study(tmp_path / "study")
    one = add(study, "P1", [("Happy", 10)], events=[(0, 10, "clip")])
    table = study.table(one)
    table.loc[table["time"] >= 4, "person"] = 2
    other = table[table["time"].between(8, 9)].assign(person=3, x=200.0, happy=0.0, sad=0.9)
    table = pd.concat([table, other], ignore_index=True).sort_values("time", kind="stable")
    table.to_parquet(study.table_path(one), index=False)
    return study, one


def test_a_participant_who_was_taken_for_two_people_is_joined_in_the_study(split):
    study, one = split
    assert measures(study)["reason"].iloc[0] == "40% of its time is valid, 50% are asked"
    study.set_faces(one.id, [1, 2])
    study = Study.open(study.path)
    row = measures(study).iloc[0]
    assert row["counted"] and row["valid_share"] == pytest.approx(1)
    assert row["mean_happy"] == pytest.approx(0.88) and row["changes_per_minute"] == 0
    assert curves.aligned(study, "clip").of("Happy").shape[0] == 1
    # It can be taken back, and nothing of what was measured is changed.
    study.set_faces(one.id, [2])
    assert measures(study)["valid_share"].iloc[0] == pytest.approx(0.6)


def test_two_people_who_are_seen_together_are_not_one(split):
    study, one = split
    with pytest.raises(StudyError, match=r"seen together at 8\.0 s of P1_x"):
        study.set_faces(one.id, [2, 3])
    for people in ([], [7]):
        with pytest.raises(StudyError, match="people who are seen in P1_x"):
            study.set_faces(one.id, people)
    assert Study.open(study.path).file.recordings[0].faces == [1]


def test_frames_with_somebody_else_are_left_out_on_request(split):
    study, one = split
    study.set_faces(one.id, [1, 2])
    with study.editing():
        study.file.quality = QualityRules(alone=True)
    row = measures(study).iloc[0]
    assert row["several_share"] == pytest.approx(0.12)
    assert row["valid_share"] == pytest.approx(0.88) and row["mean_happy"] == pytest.approx(0.88)


def test_all_faces_of_the_participant_are_found_again_in_another_tracking(split):
    study, one = split
    study.set_faces(one.id, [1, 2])
    before, one = study.table(one), study.file.recordings[0]
    after = before.assign(person=before["person"].map({1: 5, 2: 6, 3: 7}))
    assert sorted(_same_faces(before, after, one)) == [5, 6]
    assert _same_faces(before, after.assign(x=after["x"] + 500), one) == [6]
    together = before.assign(person=before["person"].map({1: 5, 2: 5, 3: 7}))
    assert _same_faces(before, together, one) == [5]
