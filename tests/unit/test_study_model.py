"""Another model or class prior for a whole study: all of it, or nothing."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pandas as pd
import psutil
import pytest

from benchmarks.browser import wait_for
from fer_core.cli import main
from fer_core.datasets.demo import draw_face
from fer_core.settings import settings
from fer_core.study import archive
from fer_core.study.adding import add_videos, plan
from fer_core.study.folder import Study
from fer_core.study.jobs import StudyJob
from fer_core.study.model import StudyError
from fer_core.study.reanalysis import replace_model
from fer_core.video.clips import write_clip
from tests.command_line import ROOT
from tests.unit.study_tools import CONSENT, add, new_study
from tests.unit.video_tools import portrait


def with_videos(path, count: int = 1, frames: int = 10) -> Study:
    """A study of real clips, of which it keeps copies."""
    study = new_study(path)
    clips = path.with_name(f"{path.name}-videos")
    clips.mkdir()
    for number in range(count):
        write_clip(clips / f"P{number}_A_joy.mp4", portrait(frames + number), rate=10)
    added = add_videos(study, plan(study, sorted(clips.iterdir())), copy=True, workers=1, **CONSENT)
    assert all(not isinstance(outcome, str) for _, outcome in added)
    return study


def made_by(study: Study) -> set[tuple[str, str]]:
    """Models and class priors of the tables that a study has now."""
    tables = [study.table(one) for one in study.file.recordings]
    return {pair for t in tables for pair in zip(t["model"], t["class_prior"], strict=True)}


def test_another_class_prior_makes_every_table_and_nothing_else(tmp_path):
    study = with_videos(tmp_path / "s")
    one = study.file.recordings[0]
    study.set_events(one, pd.DataFrame({"onset": [0.2], "duration": [0.5], "trial_type": ["x"]}))
    before = study.table(one)
    shares = []
    replace_model(study, "fast", "uniform", workers=1, progress=shares.append)
    study = Study.open(study.path)
    assert made_by(study) == {("fast", "uniform")} == {(study.file.model, study.file.class_prior)}
    one = study.file.recordings[0]
    after = study.table(one)
    assert after["time"].tolist() == before["time"].tolist()
    assert (after["happy"] - before["happy"]).abs().max() > 0.001
    assert study.events(one)["trial_type"].tolist() == ["x"]
    assert study.group_of("P0") == "A" and not study.problems()
    assert shares == sorted(shares) and shares[-1] == 1
    # It goes on in an archive and with a deletion, whatever the folder of the tables is called.
    archive.pack(study, tmp_path / "s.zip")
    assert made_by(archive.unpack(tmp_path / "s.zip", tmp_path / "t")) == {("fast", "uniform")}
    study.remove_participant("P0")
    assert not list(study.path.rglob("*.parquet"))
    replace_model(study, "fast", "as-trained", workers=1)
    assert Study.open(study.path).file.class_prior == "as-trained"


def test_a_recording_without_its_video_refuses_another_model(tmp_path):
    study = with_videos(tmp_path / "s")
    add(study, "P7", [("Happy", 2)])
    before = study.file.model, study.file.class_prior
    with pytest.raises(StudyError, match="P7_x has no video here"):
        replace_model(study, "fast", "uniform")
    study.remove_participant("P7")
    copy = study.video(study.file.recordings[0])
    content = bytearray(copy.read_bytes())
    content[-1] ^= 1
    copy.write_bytes(content)
    with pytest.raises(StudyError, match="is not the file that was analysed"):
        replace_model(study, "fast", "uniform")
    found = Study.open(study.path)
    assert made_by(found) == {before} == {(found.file.model, found.file.class_prior)}


def test_the_face_that_was_chosen_stays_the_participant(tmp_path):
    faces = [draw_face("Happy", 220, seed) for seed in (4, 11)]

    def frames():
        for _ in range(10):
            frame = np.full((240, 640, 3), 90, np.uint8)
            for face, x in zip(faces, (40, 380), strict=True):
                frame[10:230, x : x + 220] = cv2.resize(face, (220, 220))
            yield frame

    clip = write_clip(tmp_path / "P1_A_joy.mp4", frames(), rate=10)
    study = new_study(tmp_path / "s")
    ((_, one),) = add_videos(study, plan(study, [clip]), **CONSENT)
    people = study.table(one).dropna(subset=["person"]).groupby("person")["x"].mean()
    assert len(people) == 2
    for person in people.index:
        with study.editing():
            study.recording(one.id).person = int(person)
        prior = "uniform" if study.file.class_prior == "as-trained" else "as-trained"
        replace_model(study, "fast", prior)
        new = study.table(study.recording(one.id)).groupby("person")["x"].mean()
        assert new[study.recording(one.id).person] == pytest.approx(people[person], abs=2)


def test_the_command_shows_and_changes_settings(tmp_path, capsys):
    study = with_videos(tmp_path / "s")
    how = ["study", "settings", str(study.path)]
    main([*how, "--smoothing", "1.5", "--baseline", "event:rest", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert (said["smoothing"], said["baseline"]["event"]) == (1.5, "rest")
    main([*how, "--class-prior", "uniform", "--prior-strength", "0.5"])
    assert "class prior uniform^0.5, smoothing 1.5 s" in capsys.readouterr().out
    assert made_by(Study.open(study.path)) == {("fast", "uniform^0.5")}
    main(how)
    assert "model fast, class prior uniform^0.5" in capsys.readouterr().out


def test_a_job_verifies_a_study_and_gives_it_another_model(tmp_path, monkeypatch):
    with_videos(settings().studies / "clips")
    # The worker is run here, in this process.
    monkeypatch.setattr(StudyJob, "spawn", lambda self: self.write_state(status="created"))
    job = StudyJob.of("clips")
    job.start("verify")
    with pytest.raises(Exception, match="being worked on already"):
        job.start("verify")
    job.do()
    assert job.state()["status"] == "done" and not job.active
    assert job.verified()[0].difference == 0
    job.start("model", model="fast", class_prior="uniform")
    job.do()
    assert made_by(Study.open(settings().studies / "clips")) == {("fast", "uniform")}
    job.delete()
    assert not job.path.exists()


@pytest.mark.slow
@pytest.mark.parametrize("staged", [0, 1, 3])
def test_a_killed_change_of_the_model_leaves_the_study_whole(tmp_path, staged):
    study = with_videos(tmp_path / "s", 4, 40)
    how = ["study", "settings", str(study.path), "--class-prior", "uniform", "--jobs", "1"]
    worker = subprocess.Popen([sys.executable, "-m", "fer_core", *how], cwd=ROOT)
    folder = study.path / "recordings-2"
    wait_for(lambda: len(list(folder.glob("[!.]*.parquet"))) >= staged, 200)
    for process in [*psutil.Process(worker.pid).children(recursive=True), worker]:
        process.kill()
    worker.wait()
    found = Study.open(study.path)
    assert made_by(found) == {(found.file.model, found.file.class_prior)}
    assert len(found.file.recordings) == 4 and not found.problems()
    main(how)
    found = Study.open(study.path)
    assert made_by(found) == {("fast", "uniform")} and len(found.file.recordings) == 4
