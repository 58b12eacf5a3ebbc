"""Names of a study with any characters: groups, events, columns, measures, and files of exports."""

import re

import pandas as pd
import pytest

from fer_core.study import bids, export, figures, patterns
from fer_core.study.compare import compare_events, compare_groups
from fer_core.study.folder import Study
from fer_core.study.measures import measures, per_participant
from fer_core.study.model import StudyError
from fer_core.study.report import to_html
from tests.unit.study_tools import add, new_study


def two_groups(path, first: str = "A", event: str = "clip") -> Study:
    study = new_study(path / "s")
    for number in range(4):
        add(study, f"P{number}", [("Neutral", 2), ("Happy", 2)], group=(first, "B")[number % 2],
            events=[(0, 2, "rest"), (2, 2, event)])  # fmt: skip
    return study


@pytest.mark.parametrize("name", ["$x^$", r"$\foo$", "_A", "<b>", "a" * 300])
def test_groups_and_events_may_have_any_name_in_figures(tmp_path, name):
    study = two_groups(tmp_path, name, name)
    for one in study.file.recordings:
        study.set_events(one, study.events(one).query("trial_type != 'rest'"))
    html = to_html(study)
    shown = "<b>" if name == "<b>" else name[:40]
    assert shown.replace("<", "&lt;").replace(">", "&gt;") in html and "<b>" not in html
    # A legend leaves out nobody, and says how many people each curve stands for.
    legend = re.escape(shown[:10].replace("<", "&lt;").replace(">", "&gt;"))
    assert re.search(rf"> ?{legend}[^<]*\(n = 2\)<", html)


def test_every_event_has_its_own_figures_however_it_is_called(tmp_path, monkeypatch):
    # Drawing all of them would take ten seconds.
    monkeypatch.setattr(figures, "to_svg", lambda figure: "<svg>")
    monkeypatch.setattr(figures, "to_png", lambda figure: b"png")
    study = two_groups(tmp_path)
    events = pd.DataFrame({"onset": [0, 1, 2, 3], "duration": 1.0,
                           "trial_type": ["a b", "a_b", "A b", "ä" * 300]})  # fmt: skip
    for one in study.file.recordings:
        study.set_events(one, events)
    files = export.export(study, tmp_path / "out")
    profiles = [name.casefold() for name in files if re.match(r"figures/profile.*\.png", name)]
    assert len(set(profiles)) == 4


def test_no_column_of_the_participants_takes_the_place_of_a_result(tmp_path):
    study = two_groups(tmp_path)
    results = {*measures(study), *export.long(study), *per_participant(measures(study))}
    for name in results - {"participant_id", "group"}:
        with pytest.raises(StudyError, match=f"column called {name}, because"):
            study.set_participants(study.participants.assign(**{name: "7"}))
    with pytest.raises(StudyError, match="column called task, because"):
        patterns.compile_pattern("{participant}_{task}")
    study = Study.open(study.path)
    study.set_participants(study.participants.assign(**{"value of x": "7"}))
    assert export.wide(study)["value of x"].tolist() == ["7"] * 4
    (study.path / "participants.tsv").write_text("participant_id\tevent\nP0\tx\n")
    with pytest.raises(StudyError, match="column called event, because"):
        Study.open(study.path)


def test_what_is_no_measure_is_refused_in_one_sentence(tmp_path):
    people = per_participant(measures(two_groups(tmp_path)))
    for name in ("joy", "event", "group"):
        with pytest.raises(StudyError, match=f"no measure {name}"):
            compare_groups(people, [name])
        with pytest.raises(StudyError, match=f"no measure {name}"):
            compare_events(people, [name], ["rest", "clip"])


def test_no_column_is_lost_in_a_dataset_of_bids(tmp_path):
    study = two_groups(tmp_path)
    study.set_participants(study.participants.assign(**{"code": "1", "a b": "2", "a-b": "3"}))
    one = study.file.recordings[0]
    study.set_events(one, study.events(one).assign(**{"x 1": "4", "x_1": "5"}))
    bids.export(study, tmp_path / "bids")
    people = pd.read_csv(tmp_path / "bids" / "participants.tsv", sep="\t")
    assert people["code"].tolist() == ["P0", "P1", "P2", "P3"]
    assert people.loc[0, ["code_2", "a_b", "a_b_2"]].tolist() == [1, 2, 3]
    events = pd.read_csv(
        tmp_path / "bids" / "sub-P0/beh/sub-P0_task-recording_events.tsv", sep="\t"
    )
    assert events.loc[0, ["x_1", "x_1_2"]].tolist() == [4, 5]


def test_a_model_that_was_changed_by_hand_is_told(tmp_path):
    study = two_groups(tmp_path)
    text = (study.path / "study.json").read_text()
    (study.path / "study.json").write_text(text.replace('"model": "fast",', '"model": "vgg",', 1))
    said = Study.open(study.path).problems()
    assert "P0_x was analysed with the model fast, but study.json says vgg" in said[0]
    (study.path / "study.json").write_text(text.replace(study.file.created, "yesterday"))
    with pytest.raises(StudyError, match="created: .*it must be a time"):
        Study.open(study.path)
