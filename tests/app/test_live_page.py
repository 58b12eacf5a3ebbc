"""What a recording of Live brings beside its rows: events of keys, from the page to a study."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from fer_core.analysis import Analysis, Face
from fer_core.faces import Detection
from fer_core.live.page_log import PageLog
from fer_core.settings import settings
from fer_core.study import Study
from fer_core.study.patterns import FromName
from tests.app.test_undo import click, home, open_page, words
from ui.live.recording import Recording
from ui.services import sessions, studies

__all__ = ["home"]

CONSENT = {"consent": "2026-01-01", "setting": "research"}


def recorded() -> Recording:
    """A recording of ten seconds in which two keys were pressed."""
    mine, log = Recording(), PageLog()
    face = Face(Detection((10, 10, 90, 90), 0.9), (0.0, 0.0, 0.0, 0.9, 0.0, 0.0, 0.1))
    mine.record.recording = True
    for step in range(51):
        mine.record.add(Analysis(640, 480, "vgg", "blazeface", (face,), 3.0 + step / 5))
    log.names = ["smile"]
    log.take({"name": 1, "first": 0, "entries": [["key", 1.0, 1], ["key", 2.5, 2]]}, mine.record)
    return mine


def keep(app: AppTest) -> dict:
    click(app, "Keep this session")
    assert not app.exception
    (one,) = sessions.list_all()
    return one.about


def test_keys_of_a_kept_session_become_events_of_a_study(home: Path) -> None:
    app = open_page("live", live_recording=recorded(), live_name="Talk")
    assert "**Events**" in words(app)
    events = [
        {"onset": 1.0, "duration": 0.0, "trial_type": "smile"},
        {"onset": 2.5, "duration": 0.0, "trial_type": "2"},
    ]
    about = keep(app)
    assert about["events"] == events
    study = studies.create("Smiles", model="vgg", class_prior="as-trained")
    (one,) = sessions.list_all()
    studies.add_saved_session(study, one.id, FromName("P1", "talk"), **CONSENT)
    opened = Study.open(settings().studies / study)
    found = opened.events(opened.file.recordings[0])
    assert found["trial_type"].tolist() == ["talk", "smile", "2"]
    assert found["onset"].tolist() == pytest.approx([0.0, 1.0, 2.5])
