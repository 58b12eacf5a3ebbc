"""What a recording of Live brings beside its rows: events of keys, from the page to a study."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fer_core.analysis import Analysis, Face
from fer_core.faces import Detection
from fer_core.live.page_log import PageLog
from fer_core.settings import settings
from fer_core.study import Study
from fer_core.study.patterns import FromName
from tests.app.test_undo import click, open_page, words
from tests.unit.study_tools import add, new_study
from tests.unit.test_live_stimulus import camera
from ui.live.recording import Recording
from ui.services import sessions, studies

CONSENT = {"consent": "2026-01-01", "setting": "research"}


def recorded(light: list[tuple[float, float]] | None = None) -> Recording:
    """A recording of ten seconds in which two keys were pressed.

    With the brightness of a camera's pictures, flashes and a stimulus were shown too.
    """
    mine, log = Recording(), PageLog()
    face = Face(Detection((10, 10, 90, 90), 0.9), (0.0, 0.0, 0.0, 0.9, 0.0, 0.0, 0.1))
    mine.record.recording = True
    for step in range(51):
        mine.record.add(Analysis(640, 480, "vgg", "blazeface", (face,), 3.0 + step / 5))
    log.names = ["smile"]
    entries: list[list] = [["key", 1.0, 1], ["key", 2.5, 2]]
    if light is not None:
        entries += [["light", time - 9, value] for time, value in light]
        entries += [["flash", 1.0 + second] for second in range(5)] + [["flashed", 7.0]]
        entries += [["show", 7.0, "cat.mp4", 0, True], ["show", 9.0, "", 0, True]]
    log.take({"name": 1, "first": 0, "entries": entries}, mine.record)
    return mine


def save(app: AppTest) -> dict:
    click(app, "Keep this session")
    assert not app.exception
    (one,) = sessions.list_all()
    return one.about


def test_keys_of_a_saved_session_become_events_of_a_study(home: Path) -> None:
    app = open_page("live", live_recording=recorded(), live_name="Talk")
    assert "**Events**" in words(app)
    events = [
        {"onset": 1.0, "duration": 0.0, "trial_type": "smile"},
        {"onset": 2.5, "duration": 0.0, "trial_type": "2"},
    ]
    about = save(app)
    assert about["events"] == events
    study = studies.create("Smiles", model="vgg", class_prior="as-trained")
    (one,) = sessions.list_all()
    studies.add_saved_session(study, one.id, FromName("P1", "talk"), **CONSENT)
    opened = Study.open(settings().studies / study)
    found = opened.events(opened.file.recordings[0])
    assert found["trial_type"].tolist() == ["talk", "smile", "2"]
    assert found["onset"].tolist() == pytest.approx([0.0, 1.0, 2.5])


def test_what_was_shown_is_corrected_by_the_measured_delay_on_request(home: Path) -> None:
    _, light = camera(0.4, np.random.default_rng(0))
    app = open_page("live", live_recording=recorded(light), live_name="Talk")
    assert any("ms later (median of 5 flashes" in one.value for one in app.caption)
    about = save(app)
    assert about["delay"]["median"] == pytest.approx(0.4, abs=0.05)
    study = studies.create("Smiles", model="vgg", class_prior="as-trained")
    (one,) = sessions.list_all()
    for code, correct, onset in (("P1", False, 7.0), ("P2", True, 7.4)):
        studies.add_saved_session(study, one.id, FromName(code), correct_delay=correct, **CONSENT)
        opened = Study.open(settings().studies / study)
        found = opened.events(opened.file.recordings[-1]).set_index("trial_type")
        assert found.loc["cat.mp4", "onset"] == pytest.approx(onset, abs=0.2)
        assert found.loc["smile", "onset"] == 1.0


def test_flashes_that_the_camera_did_not_see_are_said(home: Path) -> None:
    _, light = camera(0.4, np.random.default_rng(0), bright=0.0)
    app = open_page("live", live_recording=recorded(light), live_name="Talk")
    assert any("did not see the flashes" in one.value for one in app.caption)
    assert save(app)["delay"] is None


def test_a_random_order_asks_for_the_code_of_the_participant(home: Path) -> None:
    app = open_page("live", live_stimuli=True)
    app.selectbox(key="live_stimuli_order").select("random").run()
    assert not app.exception
    app.session_state["live_stimuli_files"] = ["a.mp4", "b.mp4"]
    assert app.text_input(key="live_stimuli_code").value == ""
    app.text_input(key="live_stimuli_code").input("P01").run()
    app.selectbox(key="live_stimuli_order").select("latin").run()
    assert app.number_input(key="live_stimuli_place").value == 1
    assert not app.exception


def test_a_part_is_labelled_by_its_visitor_before_and_after_it_is_kept(home: Path) -> None:
    app = open_page("live", live_recording=recorded(), live_name="Talk")
    for emotion in ("Sad", "Fear"):
        click(app, "Correct a part…")
        app.pills(key="live_made_label").set_value(emotion)
        click(app, "Save label")
    assert "0:00.0 to 0:01.0 · **Fear**, your label · the model: looks happy" in words(app)
    click(app, "Undo label at 0:00.0 to 0:01.0")
    assert "**Sad**, your label" in words(app)
    save(app)
    (one,) = sessions.list_all()
    given = sessions.load(one.id)
    assert given.loc[given["corrected_emotion"].eq("Sad"), "time"].max() == pytest.approx(1.0)
    # Of one that is kept, labels are changed in place.
    sessions.label(one.id, [])
    assert sessions.load(one.id)["corrected_emotion"].isna().all()


def test_the_place_in_a_latin_square_is_that_of_the_participant_in_the_study(home: Path) -> None:
    study = new_study(home / "studies" / "smiles")
    for code in ("P1", "P2", "P3"):
        add(study, code, [("Happy", 2)])
    files = ["a.mp4", "b.mp4", "c.mp4", "d.mp4"]
    app = open_page(
        "live", live_recording=recorded(), live_stimuli_files=files, live_stimuli_order="latin"
    )
    choose(app, "Study", "smiles")
    # Whoever comes next is not in the list yet.
    assert "Place 4 of the study's list." in [one.value for one in app.caption]
    for place, code in enumerate(("P1", "P2", "P3"), start=1):
        choose(app, "Participant", code)
        assert f"Place {place} of the study's list." in [one.value for one in app.caption]
        assert app.session_state["live_stimuli_person"] == {"code": code, "place": place}
    # Their code makes the random order, too.
    choose(app, "Order", "random")
    assert "Participant's code" not in [one.label for one in app.text_input]


def choose(app: AppTest, label: str, value: str) -> None:
    next(one for one in app.selectbox if one.label == label).set_value(value).run()
    assert not app.exception


def test_a_recording_without_a_face_says_so_and_is_not_added_to_unawares(home: Path) -> None:
    mine = Recording()
    mine.record.recording = True
    for second in range(3):
        mine.record.add(Analysis(640, 480, "vgg", "blazeface", (), float(second)))
    app = open_page("live", live_recording=mine, live_recording_here=True)
    assert [one.value for one in app.info if "No face" in one.value] == [
        "No face was seen in this recording."
    ]
    assert "dominant emotion" not in words(app)
    assert any("adds to the numbers below" in one.value for one in app.caption)


def test_the_switch_that_records_says_what_it_does(home: Path) -> None:
    app = open_page("live")
    switches = [one for one in app.toggle if one.key.startswith("live_")]
    assert switches[0].label == "**Record numbers**"
    assert any("no numbers are kept" in one.value for one in app.caption)
    switches[0].set_value(True).run()
    assert any("from the moment the camera starts" in one.value for one in app.caption)
