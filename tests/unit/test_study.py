"""Studies as folders of plain files: measures by hand, events, quality, and what is damaged."""

import json
import zipfile

import cv2
import numpy as np
import pandas as pd
import pytest

from fer_core.errors import FerError
from fer_core.settings import settings
from fer_core.study import (
    agreement,
    archive,
    bids,
    curves,
    example,
    export,
    labels,
    patterns,
)
from fer_core.study.compare import (
    Choice,
    compare_events,
    compare_groups,
    quality_differences,
    summary,
)
from fer_core.study.folder import Study
from fer_core.study.measures import exclusions, measures, names, per_participant
from fer_core.study.model import Baseline, QualityRules, StudyError, parse_baseline
from fer_core.study.recordings import add_result, add_session
from fer_core.study.report import families, to_html
from fer_core.video.annotate import FacesAt
from tests.tables import face_row, table_of
from tests.unit.study_tools import CONSENT, add, new_study, result_of


@pytest.fixture
def study(tmp_path):
    return new_study(tmp_path / "study")


def test_measures_of_a_small_table_by_hand(study):
    # Ten seconds at five samples a second: 4 neutral, 4 happy at 0.88, 2 without a face.
    add(study, "P1", [("Neutral", 4), ("Happy", 4), (None, 2)], events=[(2.0, 8.0, "clip")])
    row = measures(study).iloc[0]
    rest = 0.12 / 6
    assert row["counted"] and row["valid_seconds"] == pytest.approx(6.0)
    assert row["valid_share"] == pytest.approx(0.75)
    assert row["present_share"] == pytest.approx(0.75)
    assert row["mean_happy"] == pytest.approx((2 * rest + 4 * 0.88) / 6)
    assert row["share_happy"] == pytest.approx(4 / 6)
    assert row["above_neutral"] == pytest.approx(2 / 6)
    assert row["peak_happy"] == pytest.approx(0.88)
    assert row["peak_time_happy"] == pytest.approx(2.0)
    # Happy minus the largest negative one: 0 while neutral, 0.86 while happy.
    assert row["valence"] == pytest.approx(4 * (0.88 - rest) / 6)
    assert row["changes_per_minute"] == pytest.approx(60 / 6)
    # Trapezoids between the 30 samples, 0.2 s apart.
    area = (9 * rest + 19 * 0.88 + (rest + 0.88) / 2) / 29
    assert row["area_happy"] == pytest.approx(area)


def test_a_baseline_is_subtracted_and_is_a_column(study):
    shown = [("Neutral", 4), ("Happy", 4)]
    add(study, "P1", shown, events=[(0, 4, "rest"), (4, 4, "clip")])
    add(study, "P2", shown, events=[(4, 4, "clip")])
    with study.editing():
        study.file.baseline = Baseline(kind="event", event="rest")
    table = measures(study)
    clip = table[(table["event"] == "clip") & table["counted"]].iloc[0]
    assert clip["mean_happy"] == pytest.approx(0.88 - 0.02)
    assert clip["baseline_happy"] == pytest.approx(0.02)
    out = exclusions(table).set_index(["participant_id", "event"])["reason"]
    assert out["P1", "rest"] == "it is the baseline"
    assert out["P2", "clip"] == "the person has no baseline"
    with study.editing():
        study.file.baseline = Baseline(kind="window", seconds=2)
    table = measures(study).set_index(["participant_id", "event"])
    assert table.loc[("P2", "clip"), "mean_neutral"] == pytest.approx(0.02 - 0.88)
    assert "2 s before it" in table.loc[("P1", "rest"), "reason"]


def test_another_recording_of_the_person_is_a_baseline(study):
    add(study, "P1", [("Neutral", 4)], task="rest")
    add(study, "P1", [("Happy", 4)], task="clip")
    with study.editing():
        study.file.baseline = parse_baseline("recording:rest")
    table = measures(study).set_index("task")
    assert table.loc["clip", "mean_happy"] == pytest.approx(0.86)
    assert not table.loc["rest", "counted"]


def test_what_is_left_out_says_why(study):
    add(
        study,
        "P1",
        [("Happy", 2), (None, 8)],
        events=[(0, 10, "mostly empty"), (0, np.nan, "open"), (1, 0, "moment"), (8, 9, "beyond")],
    )
    reasons = exclusions(measures(study)).set_index("event")["reason"]
    assert reasons["mostly empty"] == "20% of its time is valid, 50% are asked"
    assert reasons["open"] == "its end is unknown"
    assert "moment" in reasons["moment"]
    assert "outside" in reasons["beyond"]


def test_quality_excludes_what_is_known_and_nothing_else(study):
    add(study, "P1", [("Happy", 4)], events=[(0, 4, "clip")], head_turn=60.0, brightness=0.1)
    add(study, "P2", [("Happy", 4)], events=[(0, 4, "clip")])
    table = measures(study).set_index("participant_id")
    assert not table.loc["P1", "counted"] and table.loc["P1", "head_turn"] == pytest.approx(60)
    assert table.loc["P2", "counted"] and np.isnan(table.loc["P2", "head_turn"])
    with study.editing():
        study.file.quality = QualityRules(head_turn=None, darkest=0.2)
    assert measures(study)["counted"].tolist() == [False, True]


def test_smoothing_needs_no_new_analysis(study):
    add(study, "P1", [("Neutral", 4), ("Happy", 4)], events=[(4, 4, "clip")])
    sharp = measures(study)["mean_happy"].iloc[0]
    with study.editing():
        study.file.smoothing = 2.0
    assert measures(study)["mean_happy"].iloc[0] < sharp - 0.1
    assert study.table(study.file.recordings[0])["smoothing"].eq(0).all()


def test_groups_are_compared_with_effect_sizes_and_a_corrected_test(study):
    for number in range(12):
        happy = number % 2 == 0
        shown = [("Happy" if happy else "Sad", 3.0), ("Neutral", 1 + number / 10)]
        add(study, f"P{number:02}", shown, group="A" if happy else "B", events=[(0, 4, "clip")])
    people = per_participant(measures(study))
    family = compare_groups(people, ["mean_happy", "mean_sad"])
    first = family.comparisons[0]
    assert (first.a, first.b, first.n_a, first.n_b) == ("A", "B", 6, 6)
    assert first.difference[1] > 0 and first.effect[0] > 3 and first.delta[0] == 1
    assert first.p == pytest.approx(2 / 924) and first.p_corrected == pytest.approx(4 / 924)
    assert "exploratory" in family.sentences[0] and "2 comparisons" in family.sentences[1]
    assert len(family.table()) == 2
    more, less = summary(family)
    assert more.startswith(
        "In clip, A shows more Happy than B (0.67 against 0.02, n = 6 and 6, p = "
    )
    assert "A shows less Sad than B" in less


def test_with_too_few_people_there_is_no_test_and_the_number_it_takes(study):
    for number in range(6):
        shown = [("Happy" if number % 2 else "Sad", 3 + number / 10)]
        add(study, f"P{number}", shown, group="AB"[number % 2], events=[(0, 3, "clip")])
    family = compare_groups(per_participant(measures(study)), ["mean_happy"])
    assert family.comparisons[0].p is None
    assert "it takes 4 people per group" in family.comparisons[0].note
    assert any("not tested" in sentence for sentence in family.sentences)
    assert summary(family) == ["There are too few people for a test of: Happy, mean."]


def test_events_of_the_same_people_are_paired(study):
    for number in range(8):
        shown = [("Neutral", 3 + number / 10), ("Happy", 6)]
        add(study, f"P{number}", shown, events=[(0, 3, "rest"), (4, 4, "clip")])
    family = compare_events(per_participant(measures(study)), ["mean_happy"], ["clip", "rest"])
    assert family.comparisons[0].paired and family.comparisons[0].n_a == 8
    assert family.comparisons[0].difference[0] > 0.5
    first, second = curves.aligned(study, "clip"), curves.aligned(study, "rest")
    values, time = curves.difference(first, second, "Happy")
    found = curves.clusters(values, time)
    assert found and found[0].p == pytest.approx(2 / 256)


def test_a_difference_in_quality_is_said(study):
    for number in range(12):
        group = "AB"[number % 2]
        bright = 0.7 if group == "A" else 0.3
        add(study, f"P{number}", [("Happy", 3)], group=group, brightness=bright + number / 1000)
    said = quality_differences(per_participant(measures(study)))
    assert len(said) == 1 and "brightness" in said[0]


def test_aligned_curves_begin_before_onset(study):
    add(study, "P1", [("Neutral", 2), ("Happy", 3)], events=[(2, 3, "clip")])
    found = curves.aligned(study, "clip", before=1.0)
    happy = dict(zip(found.time.round(1).tolist(), found.of("Happy")[0], strict=True))
    assert happy[-0.4] == pytest.approx(0.02) and happy[0.2] == pytest.approx(0.88)


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("{participant}_{group}_{stimulus}", "P07_A_clip2.mp4", ("P07", "clip2", {"group": "A"})),
        ("{stimulus}-{participant}", "joy-ä b.mov", ("ä b", "joy", {})),
        ("sub {participant} {age}", "sub 3 41.mp4", ("3", "", {"age": "41"})),
    ],
)
def test_patterns_read_file_names(pattern, name, expected):
    found = patterns.read_name(pattern, name)
    assert (found.participant, found.stimulus, found.columns) == expected
    assert found.matched


def test_a_pattern_that_cannot_be_used_says_why():
    for pattern in ("{group}", "{participant}{group}", "{participant}_{participant}", "{Part}"):
        with pytest.raises(StudyError, match=r"\."):
            patterns.compile_pattern(pattern)
    assert not patterns.read_name("{participant}_{group}", "clip.mp4").matched


def test_nothing_is_added_without_consent_or_from_another_model(study):
    result = result_of(study, [("Happy", 2)], "a.mp4")
    for consent in ("", "soon", "2999-01-01"):
        with pytest.raises(StudyError):
            add_result(study, result, "a.mp4", "P1", consent=consent, setting="research")
    study.file.model = "other"
    with pytest.raises(StudyError, match="analyse its video again"):
        add_result(study, result, "a.mp4", "P1", **CONSENT)
    assert not Study.open(study.path).file.recordings


def test_a_live_session_brings_its_stimuli_as_events(study):
    rows = [
        face_row("Happy", time=t / 5, wall_time="2026-01-01T00:00:00.000+00:00",
                 stimulus=None if t < 5 else ("cat" if t < 15 else "dog"),
                 class_prior=study.file.class_prior)
        for t in range(25)
    ]  # fmt: skip
    one = add_session(study, table_of(rows, "live"), "session", "P1", **CONSENT)
    found = study.events(one)
    assert found["trial_type"].tolist() == ["cat", "dog"]
    assert found["onset"].tolist() == [1.0, 3.0] and found["duration"].iloc[0] == 2.0
    table = table_of(rows, "live")
    about = {
        "events": [{"onset": 0.5, "duration": None, "trial_type": "key"}],
        "shown": [[1.0, "cat", 0.0, True], [3.0, "dog", 0.0, True]],
        "delay": {"median": 0.2, "spread": 0.01, "flashes": 5},
    }
    corrected = add_session(
        study, table, "session", "P2", about=about, correct_delay=True, **CONSENT
    )
    found = study.events(corrected)
    assert found["trial_type"].tolist() == ["key", "cat", "dog"]
    assert found["onset"].tolist() == pytest.approx([0.5, 1.2, 3.2])
    assert found["duration"].isna().tolist() == [True, False, False]
    with pytest.raises(StudyError, match="was not measured"):
        add_session(study, table, "session", "P3", correct_delay=True, **CONSENT)
    other = table_of([row | {"model": "vgg"} for row in rows], "live")
    with pytest.raises(StudyError, match="no video to analyse again"):
        add_session(study, other, "session", "P2", **CONSENT)


def test_what_is_in_the_folder_is_plain_and_survives_being_opened_again(study):
    add(study, "P\t1", [("Happy", 2)], group="A\nB", events=[(0.5, np.nan, "open")])
    again = Study.open(study.path)
    assert again.codes() == ["P 1"] and again.group_of("P 1") == "A B"
    text = (study.path / "participants.tsv").read_text()
    assert text.startswith("participant_id\tgroup\nP 1\tA B")
    one = again.file.recordings[0]
    assert again.events_path(one).read_text() == "onset\tduration\ttrial_type\n0.5\tn/a\topen\n"
    assert np.isnan(again.events(one)["duration"].iloc[0])


def test_deleting_a_participant_leaves_everybody_else(study):
    add(study, "P1", [("Happy", 2)])
    kept = add(study, "P2", [("Happy", 2)])
    study.remove_participant("P1")
    assert study.codes() == ["P2"]
    assert [path.stem for path in (study.path / "recordings").iterdir()] == [kept.id]
    with pytest.raises(StudyError, match="no participant"):
        study.remove_participant("P1")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("study.json", "{"),
        ("study.json", "[]"),
        ("study.json", '{"schema": 99}'),
        ("study.json", '{"schema": 1, "name": "x"}'),
        ("participants.tsv", "code\nP1\n"),
        ("participants.tsv", "participant_id\nP1\nP1\n"),
        ("participants.tsv", ""),
        ("participants.tsv", "participant_id\nP1\tA\n"),
    ],
)
def test_a_damaged_folder_is_one_sentence(study, file, content):
    (study.path / file).write_text(content)
    with pytest.raises(FerError) as error:
        Study.open(study.path)
    assert file in str(error.value) and "\n" not in str(error.value).split(": ", 1)[0]


def test_an_edit_by_hand_is_taken_and_its_gaps_are_said(study):
    one = add(study, "P1", [("Happy", 4)])
    (study.path / "participants.tsv").write_text("participant_id\tage\nP9\t30\n")
    study.events_path(one).write_text("onset\tduration\n1,5\t2\n")
    again = Study.open(study.path)
    assert again.events(one)["onset"].tolist() == [1.5]
    assert any("P9 has no recording" in said for said in again.problems())
    assert any("P1 has a recording" in said for said in again.problems())
    study.events_path(one).write_text("onset\tduration\nsoon\t2\n")
    with pytest.raises(StudyError, match="soon"):
        again.events(one)
    study.table_path(one).write_bytes(b"no table")
    study.events_path(one).unlink()
    with pytest.raises(StudyError, match="missing or damaged"):
        again.table(one)


def test_exports_hold_every_measure_with_its_meaning(study, tmp_path):
    add(study, "P1", [("Happy", 3)], group="A", task="=cmd", events=[(0, 3, "a b")])
    files = export.export(study, tmp_path / "out")
    assert {"wide.csv", "wide.sav", "long.parquet", "events-codebook.csv"} <= set(files)
    wide = pd.read_csv(tmp_path / "out" / "wide.csv")
    assert wide["a b__mean_happy"].iloc[0] == pytest.approx(0.88)
    assert "'=cmd" in (tmp_path / "out" / "events.csv").read_text()
    import pyreadstat

    table, about = pyreadstat.read_sav(tmp_path / "out" / "wide.sav")
    assert table["a_b__mean_happy"].iloc[0] == pytest.approx(0.88)
    assert "Happy" in about.column_names_to_labels["a_b__mean_happy"]
    long = pd.read_parquet(tmp_path / "out" / "long.parquet")
    assert set(names()) <= set(long["measure"])
    assert (tmp_path / "out" / "figures" / "profile-a_b.svg").read_text().startswith("<svg")
    with pytest.raises(FerError, match="earlier export"):
        export.export(study, tmp_path / "out")


def test_bids_has_the_names_of_the_standard(study, tmp_path):
    add(study, "P-1", [("Happy", 3)], group="A", task="clip 1", events=[(0, np.nan, "x")])
    add(study, "P-1", [("Happy", 3)], task="clip 1", source="again.mp4")
    add(study, "P1", [("Sad", 3)])
    study.set_participants(study.participants.assign(age=["20", "old"]))
    files = bids.export(study, tmp_path / "bids")
    assert "sub-P1/beh/sub-P1_task-clip1_run-1_events.tsv" in files
    assert "sub-P12/beh/sub-P12_task-recording_events.tsv" in files
    people = pd.read_csv(tmp_path / "bids" / "participants.tsv", sep="\t")
    assert people["participant_id"].tolist() == ["sub-P1", "sub-P12"]
    assert people["code"].tolist() == ["P-1", "P1"]
    # The standard wants numbers in the column age.
    assert people["age_as_entered"].tolist() == ["20", "old"] and "age" not in people
    text = (tmp_path / "bids" / "sub-P1/beh/sub-P1_task-clip1_run-1_events.tsv").read_text()
    assert text == "onset\tduration\ttrial_type\n0\tn/a\tx\n"
    assert json.loads((tmp_path / "bids" / "dataset_description.json").read_text())["BIDSVersion"]


def test_the_report_is_one_file_that_fetches_nothing(study):
    for number in range(6):
        add(study, f"<b>{number}", [("Happy", 3 + number / 5)], group="AB"[number % 2],
            events=[(0, 3, "a$b"), (0, np.nan, "open")])  # fmt: skip
    html = to_html(study)
    assert "&lt;b&gt;0" in html and "<b>0" not in html
    assert "its end is unknown" in html and "exploratory" in html and "<svg" in html
    assert "for these stimuli" in html and "Maris and Oostenveld 2007" in html
    for text in ("<script", 'src="http', 'href="http', "@import", "<img"):
        assert text not in html


def test_the_report_corrects_for_the_comparisons_that_were_chosen(study):
    with study.editing():
        study.file.baseline = Baseline(kind="event", event="rest")
    for number in range(12):
        shown = [("Neutral", 2), ("Happy" if number % 2 else "Sad", 2 + number / 5)]
        add(study, f"P{number:02}", shown, group="BA"[number % 2],
            events=[(0, 2, "rest"), (2, 2, "clip")])  # fmt: skip
    choice = Choice(("mean_happy",), ("clip",))
    people = per_participant(measures(study))
    ((_, own),) = families(study, people)
    assert "8 measures × 1 event" in own.sentences[1] and len(own.comparisons) == 8
    assert families(study, people, Choice(("mean_happy",), ())) == []
    chosen = to_html(study, choice=choice)
    # Once as p and once as p after a correction for nothing else; eight measures make it larger.
    assert "1 measure × 1 event" in chosen and chosen.count(">0.0022</td>") == 2
    happy = next(one for one in own.comparisons if one.measure == "mean_happy")
    assert happy.p == pytest.approx(2 / 924) and happy.p_corrected > 0.01
    # Baselines are counted in one line, and whatever they are subtracted from says so.
    assert "12 events are the baseline" in chosen and "12 of 12 events" in chosen
    assert "it is the baseline" not in chosen and "participant_id" not in chosen
    assert ">Happy minus baseline</td>" in chosen and "Mean probability minus baseline" in chosen
    assert "In clip, A shows more Happy than B" in chosen and "minus baseline, n = 6" in chosen


def test_a_study_moves_as_one_archive(study, tmp_path):
    add(study, "P1", [("Happy", 3)], group="A")
    archive.pack(study, tmp_path / "s.zip")
    with pytest.raises(FerError, match="exists"):
        archive.pack(study, tmp_path / "s.zip")
    other = archive.unpack(tmp_path / "s.zip", tmp_path / "other")
    pd.testing.assert_frame_equal(measures(other), measures(study))
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as file:
        for name in ("study.json", "participants.tsv", "../evil.txt"):
            file.writestr(name, "x")
    with pytest.raises(StudyError, match="no file of a study"):
        archive.unpack(tmp_path / "bad.zip", tmp_path / "bad")
    assert not (tmp_path / "bad").exists() and not (tmp_path / "evil.txt").exists()


def test_kappa_by_hand_and_agreement_of_labels(study):
    # 20 of 50 both yes, 15 both no, 5 and 10 apart: kappa 0.4 (Wikipedia's example).
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    found = agreement.kappa(first, second)
    assert found.value == pytest.approx(0.4) and found.low < 0.4 < found.high
    one = add(study, "P1", [("Happy", 3), ("Sad", 3)], group="A")
    given = pd.DataFrame(
        {"onset": [0.0, 3.5], "duration": [2.0, 2.0], "trial_type": ["happy", "Angry"]}
    )
    table = labels.from_events(study, {one.id: given})
    found = agreement.summarize(table)
    assert found["product"]["accuracy"] == 0.5 and found["groups"]["A"]["n"] == 2
    assert found["confusion"][0][4] == 1 and found["confusion"][3][3] == 1


def test_measures_are_computed_once_for_the_same_content(study, monkeypatch):
    one = add(study, "P1", [("Happy", 3)], events=[(0, 2, "a")])
    before = measures(study)
    from fer_core.study import measures as module

    monkeypatch.setattr(module, "_measured", None)
    pd.testing.assert_frame_equal(measures(study), before)
    monkeypatch.undo()
    study.set_events(one, pd.DataFrame([{"onset": 0, "duration": 3, "trial_type": "b"}]))
    assert measures(study)["event"].tolist() == ["b"]
    assert (settings().cache / "study").is_dir()


def test_a_face_stays_hidden_while_it_is_lost_for_a_short_while(study):
    shown = [("Happy", 2.0), (None, 1.5), ("Happy", 1.0), (None, 6.0), ("Happy", 1.0)]
    box = {"x": 40.0, "y": 40.0, "width": 40.0, "height": 40.0}
    faces_at = FacesAt(result_of(study, shown, "a.mp4", **box))
    image = np.random.default_rng(0).integers(0, 255, (120, 120, 3), np.uint8)
    for time, hidden in ((0.5, True), (2.8, True), (6.0, True), (8.0, False), (9.0, True)):
        found = faces_at.hidden(image, time, 120)
        inside = cv2.Laplacian(found[45:75, 45:75].astype(float), cv2.CV_64F).std()
        assert (inside < 20) == hidden, time
        assert (found[:20] == image[:20]).all()


@pytest.mark.slow
def test_the_example_goes_on_where_it_was_interrupted_and_shows_what_is_known(tmp_path):
    def stop(share: float) -> None:
        if share >= 2 / 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        example.create(tmp_path / "e", stop)
    broken = Study.open(tmp_path / "e").file.recordings[1]
    Study.open(tmp_path / "e").events_path(broken).unlink()
    study = example.create(tmp_path / "e")
    assert len(study.file.recordings) == 12 and not study.problems()
    people = per_participant(measures(study))
    found = compare_groups(people, ["mean_happy"], events=["clip1"]).comparisons[0]
    assert (found.n_a, found.n_b) == (6, 6), "somebody is taken for two people"
    assert found.difference[1] > 0.2 and found.p_corrected < 0.05
    assert people.groupby("event")["mean_surprise"].mean()["clip2"] > 0.2
    with pytest.raises(StudyError, match="another study"):
        example.create(new_study(tmp_path / "other").path)
