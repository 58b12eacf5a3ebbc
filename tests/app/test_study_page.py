"""The page Study, as a person uses it and as a visitor may."""

import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from fer_core.settings import settings
from fer_core.stored_data import delete_all
from fer_core.study.folder import Study
from fer_core.study.patterns import FromName
from fer_core.study.queue import collect
from fer_core.video.clips import write_clip
from tests.app.conftest import KEY
from tests.unit.study_tools import add, new_study
from tests.unit.video_tools import portrait
from ui.services import removal, studies
from ui.services.access import AccessError

ROOT = Path(__file__).resolve().parents[2]
VIEWS = ("Recordings", "Events", "Measures", "Curves", "Compare", "Agreement", "Report")


def made(home: Path, name: str = "smiles") -> Study:
    study = new_study(home / "studies" / name)
    for number in range(4):
        shown = [("Neutral", 2.0), ("Happy" if number % 2 else "Sad", 3.0 + number / 5)]
        add(study, f"P{number}", shown, group="AB"[number % 2],
            events=[(0.0, 2.0, "rest"), (2.0, 3.0, "clip")])  # fmt: skip
    return study


def open_page(**state: object) -> AppTest:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    for name, value in {"browser_key": {"key": KEY}, **state}.items():
        app.session_state[name] = value
    app.run().switch_page("pages/study.py").run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    kinds = (app.markdown, app.title, app.caption, app.error, app.warning, app.info, app.subheader)
    return "\n".join(str(one.value) for kind in kinds for one in kind)


def click(app: AppTest, label: str) -> AppTest:
    next(one for one in app.button if one.label == label).click().run()
    assert not app.exception
    return app


def test_an_empty_page_offers_the_example(home):
    app = open_page()
    assert {"New study", "Example study"} <= {one.label for one in app.button}
    assert "The example shows it working" in words(app)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_of_a_study_and_of_an_empty_one(home, view):
    made(home)
    new_study(home / "studies" / "empty")
    app = open_page(study_name="smiles", study_view=view)
    assert "Smiles" in words(app) and not app.error
    assert not open_page(study_name="empty", study_view=view).error


def test_a_comparison_says_that_it_is_exploratory_and_how_many_people_it_takes(home):
    made(home)
    said = words(open_page(study_name="smiles", study_view="Compare"))
    assert "exploratory" in said and "people per group" in said and "Family: 2 measures" in said


def test_the_report_shows_what_was_chosen_to_be_compared(home, monkeypatch):
    made(home)
    files = {}

    def offer(label, make, *_, **__):  # the testing of Streamlit downloads nothing
        files[label] = make

    monkeypatch.setattr(st, "download_button", offer)
    app = open_page(study_name="smiles", study_view="Compare")
    measures = next(one for one in app.multiselect if one.label == "Measures")
    measures.set_value(["share_sad"]).run()
    next(one for one in app.button_group if one.label == "View").set_value("Report").run()
    assert not app.exception and "Groups: Sad, share of time dominant, in rest, clip" in words(app)
    html = files["Report (HTML)"]()
    assert "1 measure × 2 events × 1 pair of groups = 2 comparisons" in html
    assert "Valence index</td>" not in html and "chosen on the page" in html
    # What was chosen is still there after another view.
    next(one for one in app.button_group if one.label == "View").set_value("Compare").run()
    measures = next(one for one in app.multiselect if one.label == "Measures")
    assert measures.value == ["share_sad"]


def test_a_study_and_a_participant_are_deleted_and_come_back(home):
    study = made(home)
    app = click(open_page(), "Delete Smiles")
    assert "Deleted: Study Smiles" in words(app) and not any(
        b.label == "Open Smiles" for b in app.button
    )
    click(app, "Undo")
    assert any(button.label == "Open Smiles" for button in app.button)
    studies.delete_participant("smiles", "P1")
    assert "P1" not in studies.open_study("smiles").codes()
    # What is changed meanwhile loses nothing of what may come back.
    shown = studies.open_study("smiles").participants
    studies.set_participants("smiles", shown.assign(age="30"))
    removal.undo(removal.mine()[0].key)
    again = studies.open_study("smiles")
    assert again.codes() == ["P0", "P2", "P3", "P1"] and again.group_of("P1") == "B"
    studies.delete_participant("smiles", "P1")
    removal.finish_all()
    assert not study.table_path(study.file.recordings[1]).exists()
    assert studies.open_study("smiles").codes() == ["P0", "P2", "P3"]


def test_settings_are_applied_without_a_new_analysis(home):
    study = made(home)
    before = study.table_path(study.file.recordings[0]).stat().st_mtime_ns
    app = open_page(study_name="smiles", study_view="Measures")
    smoothing = next(one for one in app.number_input if one.label == "Smoothing, seconds")
    smoothing.set_value(1.5)
    click(app, "Apply")
    assert Study.open(study.path).file.smoothing == 1.5
    assert study.table_path(study.file.recordings[0]).stat().st_mtime_ns == before


def test_damaged_studies_break_no_page(home):
    made(home)
    for name, content in (("a", "{"), ("b", json.dumps({"schema": 9}))):
        (home / "studies" / name).mkdir()
        (home / "studies" / name / "study.json").write_text(content)
    app = open_page()
    assert "newer version" in words(app) and any(b.label == "Open Smiles" for b in app.button)
    study = Study.open(home / "studies" / "smiles")
    study.events_path(study.file.recordings[0]).write_text("onset\tduration\nx\t1\n")
    for view in VIEWS:
        app = open_page(study_name="smiles", study_view=view)
        assert not app.exception


def test_visitors_open_the_example_and_nothing_else(home, monkeypatch):
    made(home)
    made(home, "example")
    monkeypatch.setenv("FER_PUBLIC", "1")
    settings.cache_clear()
    app = open_page()
    labels = {one.label for one in app.button}
    assert not labels & {"New study", "Open an archive"}
    assert not [label for label in labels if label.startswith("Delete")]
    assert [one.name for one in studies.list_all()[0]] == ["example"]
    for view in VIEWS:
        app = open_page(study_name="example", study_view=view)
        labels = {one.label for one in app.button}
        assert not labels & {"Delete study", "Add event", "Delete participant", "Verify"}, view
        assert not app.error
    assert "cannot open studies" in words(open_page(study_name="smiles"))
    for act in (
        lambda: studies.create("x"),
        lambda: studies.open_study("smiles"),
        lambda: studies.delete("example"),
        lambda: studies.change("example", smoothing=1.0),
        lambda: studies.set_events("example", {}),
        lambda: studies.delete_participant("example", "P0"),
        lambda: studies.to_archive("example", False),
    ):
        with pytest.raises(AccessError):
            act()


def test_names_of_studies_lead_nowhere_else(home):
    for name in ("../x", "..", "a/b", ""):
        with pytest.raises(Exception, match="deleted"):
            studies.open_study(name)


def test_videos_wait_in_the_queue_and_enter_the_study(home, monkeypatch):
    study = new_study(home / "studies" / "clips")
    clip = write_clip(home / "P1_A_joy.mp4", portrait(25), rate=25)
    who = FromName("P1", "joy", {"group": "A"})
    about = {"consent": "2026-01-02", "setting": "research", "copy": True}
    # The worker of the job is run here, in this process.
    monkeypatch.setattr("fer_core.video.jobs.VideoJob.spawn", lambda self, **how: None)
    with clip.open("rb") as file:
        studies.submit("clips", file, clip.name, who, **about)
    with clip.open("rb") as file, pytest.raises(Exception, match="already"):
        studies.submit("clips", file, clip.name, who, **about)
    entry = json.loads((study.path / "pending.json").read_text())[0]
    from fer_core.video.jobs import VideoJob

    job = VideoJob.open(entry["job"])
    assert job.is_saved
    # One whose process was killed is analysed when the page asks for it once more.
    job.write_state(status="running")
    assert "broken off" in studies.collect("clips")[0].reason
    studies.retry_failed("clips")
    job.do()
    # The page shows it at once, although the study was opened before it was taken in.
    assert "1 participant · 1 recording" in words(open_page(study_name="clips"))
    again = studies.open_study("clips")
    one = again.file.recordings[0]
    assert (one.participant, one.task, again.group_of("P1")) == ("P1", "joy", "A")
    assert again.video(one) and again.events(one)["trial_type"].tolist() == ["joy"]
    assert not job.path.exists() and not (study.path / "pending.json").exists()
    # A process that was killed before it noted this takes nothing in twice.
    (study.path / "pending.json").write_text(json.dumps([entry]))
    assert collect(Study.open(study.path)) == []
    assert len(studies.open_study("clips").file.recordings) == 1

    # Copies of videos go like everything else, and come back until the time is up.
    def copies() -> list[bool]:
        return [one.video.copied for one in studies.open_study("clips").file.recordings]

    studies.delete_video_copies("clips")
    assert copies() == [False]
    (removed,) = removal.mine()
    assert removed.words == "Video copies of study Smiles"
    removal.undo(removed.key)
    assert copies() == [True]
    studies.delete_video_copies("clips")
    removal.finish_all()
    assert not list((study.path / "videos").iterdir())
    assert isinstance(studies.open_study("clips").table(one), pd.DataFrame)


def test_delete_all_deletes_studies(home):
    made(home)
    assert delete_all().studies == 1
    assert not (home / "studies").exists() and not (home / "cache" / "study").exists()


def test_groups_that_differ_in_quality_are_named_before_they_are_compared(home):
    study = new_study(home / "studies" / "smiles")
    for number in range(8):
        add(study, f"P{number}", [("Happy", 3 + number / 10)], group="AB"[number % 2],
            brightness=0.7 - 0.4 * (number % 2), events=[(0.0, 3.0, "clip")])  # fmt: skip
    for view in ("Measures", "Curves", "Compare"):
        app = open_page(study_name="smiles", study_view=view)
        assert "A and B differ in the brightness" in "\n".join(one.value for one in app.warning)
    said = words(open_page(study_name="smiles", study_view="Measures"))
    assert "smoothing 0 s, threshold 0.5, baseline: none" in said
    assert "Unknown in 8 of 8 recordings: head turn, sharpness." in said


def test_charts_state_how_many_people_they_show(home):
    made(home)
    expected = {"Measures": "rest\nn = 2 and 2", "Curves": "A (n = 2)",
                "Compare": "clip (n = 2 and 2)"}  # fmt: skip
    for view, label in expected.items():
        app = open_page(study_name="smiles", study_view=view)
        charts = b"".join(one.proto.SerializeToString() for one in app.get("vega_lite_chart"))
        assert label.encode() in charts, view


def test_what_is_deleted_takes_its_waiting_videos_along(home, monkeypatch):
    new_study(home / "studies" / "clips")
    monkeypatch.setattr("fer_core.video.jobs.VideoJob.spawn", lambda self, **how: None)
    about = {"consent": "2026-01-02", "setting": "research", "copy": False}
    study = Study.open(home / "studies" / "clips")
    for number, code in enumerate(("P1", "P2")):
        add(study, code, [("Happy", 2)], group="A")
        clip = write_clip(home / f"{code}_A_joy.mp4", portrait(10 + number), rate=10)
        with clip.open("rb") as file:
            studies.submit("clips", file, clip.name, FromName(code), **about)
    entries = json.loads((study.path / "pending.json").read_text())
    jobs = [home / "jobs" / entry["job"] for entry in entries]
    assert all(job.exists() for job in jobs)
    studies.delete_participant("clips", "P1")
    removal.finish_all()
    assert [job.exists() for job in jobs] == [False, True]
    assert [one.participant for one in studies.collect("clips")] == ["P2"]
    studies.delete("clips")
    removal.finish_all()
    assert not jobs[1].exists() and not study.path.exists()


def test_a_participant_who_was_taken_for_two_people_is_joined(home, monkeypatch):
    study = made(home)
    one = study.file.recordings[0]
    table = study.table(one)
    table.loc[table["time"] >= 2, "person"] = 2
    both = pd.concat([table, table[table["time"] > 4].assign(person=3)])
    both.to_parquet(study.table_path(one), index=False)
    # The testing of Streamlit selects no rows.
    chosen = SimpleNamespace(selection=SimpleNamespace(rows=[0]))
    monkeypatch.setattr(st, "dataframe", lambda *_, **__: chosen)

    def choose(faces: list[int]) -> AppTest:
        app = open_page(study_name="smiles", study_view="Recordings")
        asked = next(one for one in app.multiselect if one.label == "Face of the participant")
        assert asked.value == Study.open(study.path).file.recordings[0].faces
        asked.set_value(faces).run()
        assert not app.exception
        return app

    choose([1, 2])
    assert Study.open(study.path).file.recordings[0].faces == [1, 2]
    app = choose([1, 2, 3])
    assert "seen together" in words(app) and "split them on the page Video" in words(app)
    assert Study.open(study.path).file.recordings[0].faces == [1, 2]


def test_participants_are_listed_before_they_have_recordings(home):
    new_study(home / "studies" / "smiles")
    for code in ("P2", "P1"):
        app = open_page(study_name="smiles")
        next(one for one in app.text_input if one.label == "Code").set_value(code).run()
        next(one for one in app.button if one.key == "study_new_add").click().run()
        assert not app.exception
    assert Study.open(home / "studies" / "smiles").codes() == ["P2", "P1"]
    assert "P2, P1 have no recording, and are in no result." in words(app)
    next(one for one in app.text_input if one.label == "Code").set_value("P1").run()
    next(one for one in app.button if one.key == "study_new_add").click().run()
    assert "needs a code of their own" in words(app)


def test_events_are_added_and_moved_on_the_timeline(home):
    study = made(home)
    one = study.file.recordings[0]

    def field(app: AppTest, label: str):
        kinds = (app.number_input, app.text_input, app.selectbox)
        return next(one for kind in kinds for one in kind if one.label == label)

    app = open_page(study_name="smiles", study_view="Events")
    field(app, "Name").set_value("end").run()
    field(app, "From, seconds").set_value(4.0)
    field(app, "Duration").set_value(0.5)
    click(app, "Add event")
    events = study.events(one)
    assert events["trial_type"].tolist() == ["rest", "clip", "end"]
    # One whose end is unknown gets one.
    study.set_events(one, events.assign(duration=[2.0, None, 0.5]))
    app = open_page(study_name="smiles", study_view="Events")
    assert "1 of unknown end" in words(app)
    field(app, "Event").set_value(1).run()
    field(app, "From, seconds").set_value(2.5)
    field(app, "Duration").set_value(1.5)
    click(app, "Move event")
    found = study.events(one).set_index("trial_type")
    assert found.loc["clip"].tolist() == [2.5, 1.5] and found.loc["rest"].tolist() == [0.0, 2.0]
