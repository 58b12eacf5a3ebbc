"""What each role may do: the services refuse it, so no button is needed to try."""

import io
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from fer_core.errors import FerError
from fer_core.settings import settings
from fer_core.train import configure
from fer_core.train.runs import TrainingRun
from fer_core.video.jobs import VideoJob
from fer_core.video.result import VideoOptions
from tests.tables import face_row, table_of
from ui.services import (
    access,
    audits,
    collected,
    corrections,
    datasets,
    models,
    quotas,
    sessions,
    stored,
    training,
    videos,
)
from ui.services.access import AccessError, Person

CONFIG = configure(model="fast", data="demo", epochs=1)


@pytest.fixture
def public(tmp_path, monkeypatch):
    """A public copy; call it with who is acting from now on."""
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    monkeypatch.setenv("FER_PUBLIC", "1")
    monkeypatch.setenv("FER_ADMINS", "Ada@example.org, bob@example.org")
    settings.cache_clear()
    who = {"now": None}

    def act_as(key: str | None, email: str | None = None) -> None:
        who["now"] = Person(key, email) if key else None

    with access.acting(lambda: who["now"]):
        yield act_as
    monkeypatch.undo()
    settings.cache_clear()


def table(n: int = 3):
    return table_of([face_row(time=float(i)) for i in range(n)], "live")


ACTS = {
    "train": lambda run: training.submit(CONFIG),
    "look at runs": lambda run: training.list_runs(),
    "look at the queue": lambda run: training.waiting(),
    "start what waits": lambda run: training.ensure_queue_served(),
    "open a run": lambda run: training.find(run.name),
    "resume": lambda run: training.resume(run.name),
    "pause": lambda run: training.pause(run.name),
    "stop": lambda run: training.stop(run.name),
    "rename": lambda run: training.describe(run, title="mine"),
    "delete a run": lambda run: training.delete(run.name),
    "judge": lambda run: training.judge_run(run, "PrivateTest"),
    "publish": lambda run: training.publish(run, "mine"),
    "measure": lambda run: training.measure(CONFIG),
    "default": lambda run: models.set_default("mini_xception"),
    "delete a model": lambda run: models.delete("mini_xception"),
    "export": lambda run: models.export("mini_xception"),
    "import": lambda run: models.import_archive(io.BytesIO(b"")),
    "ensemble": lambda run: models.make_ensemble("mine", ["mini_xception", "other"], "demo"),
    "measure a model": lambda run: models.measure_private("mini_xception", "demo"),
    "measure a source": lambda run: models.measure_source("mini_xception", "demo"),
    "jobs of models": lambda run: models.list_jobs(),
    "end a job of models": lambda run: models.end_job(run),
    "open a dataset": lambda run: datasets.read(datasets.Request(str(settings().home))),
    "audit": lambda run: audits.start(run, datasets.Request("demo"), None),
    "stop an audit": lambda run: audits.stop(run),
    "collected faces": lambda run: collected.list_faces(),
    "collect a face": lambda run: collected.add(None, "Sad", consent=True),
    "delete faces": lambda run: collected.delete(1),
    "corrections": lambda run: corrections.history(),
    "all corrections": lambda run: corrections.saved(),
    "correct": lambda run: corrections.add([]),
    "import corrections": lambda run: corrections.add_overlay(None),
    "undo": lambda run: corrections.undo("batch"),
    "keep a video": lambda run: videos.set_saved(run, True),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("email", [None, "eve@example.org", "ada@example.org.evil"])
def test_a_visitor_cannot(public, act, email):
    public("boss", "ada@example.org")
    run = TrainingRun.create(CONFIG)
    public("visitor", email)
    with pytest.raises(AccessError, match="sign in as administrator"):
        ACTS[act](run)
    public(None)  # nobody known is no more than a visitor
    with pytest.raises(AccessError):
        ACTS[act](run)
    public("boss", "bob@EXAMPLE.org")
    assert training.list_runs() == [run] and run.state()["status"] == "created"


def test_an_administrator_may(public):
    public("boss", "ada@example.org")
    run = TrainingRun.create(CONFIG)
    training.describe(run, title="by ada")
    training.delete(run.name)
    assert training.list_runs() == []


def test_a_copy_that_is_not_public_asks_nobody(public, monkeypatch):
    monkeypatch.delenv("FER_PUBLIC")
    settings.cache_clear()
    public("anyone")
    training.delete(TrainingRun.create(CONFIG).name)
    sessions.save(table(), "mine")
    public("somebody else")
    assert [s.name for s in sessions.list_all()] == ["mine"]


def test_an_empty_variable_never_opens_a_public_copy_to_everybody(public, monkeypatch):
    monkeypatch.setenv("FER_PUBLIC", "")
    settings.cache_clear()
    with pytest.raises(FerError, match="FER_PUBLIC is empty: set it to 1"):
        settings()


def test_visitors_see_and_delete_their_own_only(public):
    public("one")
    key = sessions.save(table(), "of one")
    public("two")
    sessions.save(table(), "of two")
    assert [s.name for s in sessions.list_all()] == ["of two"]
    with pytest.raises(FerError, match="not kept any more"):
        sessions.load(key)
    sessions.delete(key)
    assert stored.count_own() == (1, 0)
    public("boss", "ada@example.org")
    assert [s.name for s in sessions.list_all()] == ["of two", "of one"]
    public("one")
    assert len(sessions.load(key)) == 3
    sessions.delete(key)
    assert sessions.list_all() == []


def test_what_visitors_left_goes_in_time_and_what_is_ours_stays(public):
    public("boss", "ada@example.org")
    sessions.save(table(), "of ada")
    public("one")
    sessions.save(table(), "old")
    old = (datetime.now(UTC) - timedelta(hours=25)).isoformat()
    with sqlite3.connect(settings().store) as db:
        db.execute("UPDATE sessions SET kept = ?", (old,))
    sessions.save(table(), "new")
    assert [s.name for s in sessions.list_all()] == ["new"]
    public("boss", "ada@example.org")
    assert [s.name for s in sessions.list_all()] == ["new", "of ada"]


def test_a_full_copy_says_so(public, monkeypatch):
    monkeypatch.setenv("FER_DISK_MB", "0.02")
    settings.cache_clear()
    public("one")
    sessions.save(table(60), "fits")
    with pytest.raises(FerError, match="full.*24 hours"):
        sessions.save(table(60), "does not")
    public("boss", "ada@example.org")
    sessions.save(table(60), "always fits")


def test_a_store_of_before_there_were_visitors_still_opens(public):
    settings().home.mkdir(exist_ok=True)
    with sqlite3.connect(settings().store) as db:
        db.execute(
            "CREATE TABLE sessions (id INTEGER PRIMARY KEY, name TEXT NOT NULL, "
            "kept TEXT NOT NULL, about TEXT NOT NULL, seconds REAL NOT NULL)"
        )
        db.execute(
            "INSERT INTO sessions VALUES (1, 'old', ?, '{}', 1)", (datetime.now(UTC).isoformat(),)
        )
    public("one")
    assert sessions.list_all() == []
    public("boss", "ada@example.org")
    assert [s.name for s in sessions.list_all()] == ["old"]


def test_long_jobs_of_one_visitor_take_turns_and_fill_the_disk(public, monkeypatch):
    def job(name: str) -> VideoJob:
        made = VideoJob(settings().jobs / name)
        made.path.mkdir(parents=True)
        made.write_state(status="created", owner=access.owner())
        return made

    public("one")
    first, second = job("first"), job("second")
    public("two")
    other = job("other")
    with first.lock():
        quotas.limits().check_turn(other)
        public("one")
        with pytest.raises(FerError, match="running already"):
            videos.restart(second)
        public("boss", "ada@example.org")
        quotas.limits().check_turn(second)
    public("one")
    quotas.limits().check_turn(second)

    monkeypatch.setenv("FER_DISK_MB", "0.05")
    settings.cache_clear()
    (first.path / "source.mp4").write_bytes(bytes(40_000))
    how = {"annotated": False, "keep_source": False}
    with pytest.raises(FerError, match="full"):
        videos.start(io.BytesIO(bytes(20_000)), "a.mp4", VideoOptions(), "key", **how)
    assert {path.name for path in settings().jobs.glob("*/")} == {"first", "second", "other"}


def test_what_is_stored_does_not_tell_a_visitors_key(public):
    public("one")
    assert "one" not in access.owner() and len(access.owner()) == 32
    public("boss", "ada@example.org")
    assert access.owner() == "" and access.visible_owner() is None
