"""What an earlier version left in ``FER_HOME`` opens in this one.

``tests/fixtures/home-of-version-0.1.tar.gz`` was written by commit 65fb702: a run on a few
demo faces, a model of it, an analysed video, a live session, corrections and a face.
"""

import sqlite3
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fer_core import stored_data
from fer_core.classifier import load_classifier
from fer_core.datasets import collected, corrections, demo, load
from fer_core.datasets.identity import face_keys
from fer_core.emotions import EMOTIONS
from fer_core.live import saved
from fer_core.models.catalogue import default_model, find_model
from fer_core.settings import settings
from fer_core.train import judge, manage, runs
from fer_core.video.jobs import list_jobs

ARCHIVE = Path(__file__).parents[1] / "fixtures" / "home-of-version-0.1.tar.gz"


@pytest.fixture
def old_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()


def test_a_run_and_the_model_made_of_it(old_home: Path) -> None:
    (run,) = runs.list_runs()
    assert run.state()["status"] == "trained" and len(run.metrics()) == 1
    assert manage.about(run) == {"title": "An old run", "note": "of an earlier version"}
    assert run.config.model == "fast" and run.config.data == "demo"
    assert len(judge.figures(run)["PublicTest"]["evaluated_at"]) == 1
    probabilities = judge.judged(run, "PublicTest")["probabilities"]
    faces = demo.load(28, 14, 14, seed=3).split("PublicTest").faces

    folder = find_model("old-model")
    assert default_model() == "old-model" and folder.card.schema_version == 2
    assert folder.card.figure("PublicTest").n == 14
    recipe = folder.card.recipe.model_dump()
    assert recipe == run.config.model_dump(include=set(recipe)) and run.config.fold is None
    said = load_classifier("old-model").predict_faces(faces)
    assert said.shape == probabilities.shape and np.allclose(said.sum(axis=1), 1, atol=1e-5)


def test_the_weights_of_a_run(old_home: Path) -> None:
    from fer_core.train.fit import probabilities

    (run,) = runs.list_runs()
    faces = demo.load(28, 14, 14, seed=3).split("PublicTest").faces
    saved_run = judge.judged(run, "PublicTest")["probabilities"]
    assert np.abs(probabilities(run, faces) - saved_run).max() < 1e-5


def test_a_video_with_its_result(old_home: Path) -> None:
    (job,) = list_jobs("a-browser-key")
    assert job.state()["status"] == "done" and job.config["name"] == "talk.mp4"
    result = job.result()
    assert len(result.table) == 6 and result.persons() == [1]
    assert all(row["picture"].is_file() for row in job.highlights(job.result()))
    assert job.is_saved
    job.set_saved(False)
    assert not job.is_saved


def test_sessions_corrections_and_collected_faces(old_home: Path) -> None:
    (session,) = saved.list_sessions()
    assert session.name == "An old session" and session.about["model"] == "fast"
    assert saved.load_session(session.id)["emotion"].tolist() == ["Happy"] * 4

    keys = face_keys(demo.load().faces)
    faces = corrections.saved().faces
    assert faces[keys[0]].label == EMOTIONS.index("Sad") and faces[keys[1]].excluded
    assert set(corrections.history()["author"]) == {"ada"}
    assert load(collected.NAME).labels.tolist() == [EMOTIONS.index("Happy")]
    # A database that was migrated is whole, and the copy made before is gone.
    with sqlite3.connect(settings().store) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        areas = {area for (area,) in db.execute("SELECT area FROM migrations")}
    assert areas == {"sessions", "corrections", "collected"}
    assert not list(old_home.glob("*.before-migration"))

    gone = stored_data.delete_all()
    assert (gone.sessions, gone.faces, gone.corrections, gone.videos) == (1, 1, 3, 1)
