"""Analyses of the page Video and sessions of Live in a study, which does not need them any more."""

import json
from pathlib import Path

import pytest

from fer_core.live import saved
from fer_core.study.folder import Study
from fer_core.study.measures import measures
from fer_core.study.model import StudyError
from fer_core.study.patterns import FromName
from fer_core.video.clips import write_clip
from fer_core.video.jobs import VideoJob
from fer_core.video.result import VideoOptions
from tests.app.conftest import KEY
from tests.tables import face_row, table_of
from tests.unit.study_tools import CONSENT, new_study
from tests.unit.video_tools import portrait
from ui.services import studies


@pytest.fixture
def study(home: Path, monkeypatch) -> Study:
    # The worker of a job is run here, in this process.
    monkeypatch.setattr("fer_core.video.jobs.VideoJob.spawn", lambda self, **how: None)
    return new_study(home / "studies" / "smiles")


def analysed(home: Path, class_prior: str, keep_source: bool = True) -> VideoJob:
    """An analysis of the page Video."""
    clip = write_clip(home / "P1_A_joy.mp4", portrait(10), rate=10)
    options = VideoOptions(fps=5, model="fast", class_prior=class_prior)
    with clip.open("rb") as file:
        job = VideoJob.create(
            file, clip.name, options, KEY, annotated=False, keep_source=keep_source
        )
    job.do()
    return job


WHO = FromName("P1", "joy", {"group": "A"})


def test_an_analysis_stays_in_the_study_when_it_is_deleted_on_its_page(home, study):
    job = analysed(home, study.file.class_prior)
    one = studies.add_analysis("smiles", job, WHO, **CONSENT)
    before = measures(Study.open(study.path))
    assert one is not None and before["participant_id"].tolist() == ["P1"]
    job.delete()
    study = Study.open(study.path)
    assert measures(study).equals(before) and not study.problems()
    video = study.video(study.file.recordings[0])
    assert video is not None and video.read_bytes() == (home / "P1_A_joy.mp4").read_bytes()


def test_an_analysis_of_another_prior_is_made_again_from_its_video(home, study):
    job = analysed(home, "uniform")
    assert studies.add_analysis("smiles", job, WHO, **CONSENT) is None
    (entry,) = json.loads((study.path / "pending.json").read_text())
    VideoJob.open(entry["job"]).do()
    assert studies.collect("smiles") == []
    study = Study.open(study.path)
    one = study.file.recordings[0]
    assert set(study.table(one)["class_prior"]) == {study.file.class_prior}
    assert study.video(one) is not None and one.consent == CONSENT["consent"]


def test_an_analysis_of_another_prior_without_its_video_is_refused(home, study):
    job = analysed(home, "uniform", keep_source=False)
    with pytest.raises(StudyError, match=r"analysed with fast \(uniform\).*analyse its video"):
        studies.add_analysis("smiles", job, WHO, **CONSENT)
    assert not Study.open(study.path).file.recordings


def test_a_session_stays_in_the_study_when_it_is_deleted_on_its_page(home, study):
    rows = [face_row("Happy", time=t / 5, wall_time="2026-01-01T00:00:00.000+00:00",
                     class_prior=study.file.class_prior) for t in range(10)]  # fmt: skip
    key = saved.save_session(table_of(rows, "live"), "First sitting")
    studies.add_saved_session("smiles", key, FromName("P1"), **CONSENT)
    before = measures(Study.open(study.path))
    saved.delete_session(key)
    assert before["counted"].all() and measures(Study.open(study.path)).equals(before)
    with pytest.raises(StudyError, match="not saved any more"):
        studies.add_saved_session("smiles", key, FromName("P2"), **CONSENT)
