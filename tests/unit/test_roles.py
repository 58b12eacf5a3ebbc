"""What each role may do, asked of the library itself: no button is needed to try."""

import io
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from fer_core import bounds, roles, stored_data
from fer_core.analysis import COLUMNS
from fer_core.datasets import collected, corrections, load
from fer_core.errors import FerError
from fer_core.live import saved
from fer_core.models import archive, choice, making
from fer_core.roles import Person, RoleError
from fer_core.settings import settings
from fer_core.train import configure, estimate, judge, manage, queue, runs
from fer_core.train.runs import TrainingRun, list_runs

CONFIG = configure(model="fast", data="demo", epochs=1)


@pytest.fixture
def public(tmp_path, monkeypatch):
    """A public copy; call it with who is acting from now on."""
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    monkeypatch.setenv("FER_PUBLIC", "1")
    monkeypatch.setenv("FER_ADMINS", "Ada@example.org, bob@example.org")
    settings.cache_clear()
    who = {"now": None}
    roles.identify_by(lambda: who["now"])

    def act_as(key: str | None, email: str | None = None) -> None:
        who["now"] = Person(key, email) if key else None

    yield act_as
    roles.identify_by(None)
    monkeypatch.undo()
    settings.cache_clear()


def table(n: int = 3):
    import pandas as pd

    row = dict.fromkeys(COLUMNS, 0.0) | {"emotion": "Happy"}
    return pd.DataFrame([row | {"time": float(i)} for i in range(n)])


ACTS = {
    "train": lambda run: queue.submit(CONFIG),
    "start": lambda run: runs.start(CONFIG),
    "look at runs": lambda run: list_runs(),
    "open a run": lambda run: TrainingRun.open(run.name),
    "resume": lambda run: queue.resume(run.name),
    "resume now": lambda run: runs.resume(run.name),
    "pause": lambda run: runs.pause(run.name),
    "stop": lambda run: runs.stop(run.name),
    "rename": lambda run: manage.describe(run, title="mine"),
    "delete a run": lambda run: manage.delete(run.name),
    "judge": lambda run: judge.start(run, "PrivateTest"),
    "publish": lambda run: judge.start_publishing(run, "mine"),
    "measure": lambda run: estimate.measure(CONFIG),
    "default": lambda run: choice.set_default("mini_xception"),
    "delete a model": lambda run: choice.delete("mini_xception"),
    "export": lambda run: archive.export("mini_xception"),
    "import": lambda run: archive.import_(io.BytesIO(b"")),
    "ensemble": lambda run: making.make_ensemble("mine", ["mini_xception", "other"], "demo"),
    "measure a model": lambda run: making.measure_private("mini_xception", "demo"),
    "work on models": lambda run: making.list_work(),
    "open a dataset": lambda run: load(settings().home),
    "collected faces": lambda run: collected.list_faces(),
    "corrections": lambda run: corrections.history(),
    "correct": lambda run: corrections.add([]),
    "delete faces": lambda run: collected.delete(1),
    "forget": lambda run: stored_data.delete_all(),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("email", [None, "eve@example.org", "ada@example.org.evil"])
def test_a_visitor_cannot(public, act, email):
    public("boss", "ada@example.org")
    run = TrainingRun.create(CONFIG)
    public("visitor", email)
    with pytest.raises(RoleError, match="sign in as an administrator"):
        ACTS[act](run)
    public(None)  # nobody known is no more than a visitor
    with pytest.raises(RoleError):
        ACTS[act](run)
    public("boss", "bob@EXAMPLE.org")
    assert list_runs() == [run] and run.state()["status"] == "created"


def test_an_administrator_and_the_machine_itself_may(public):
    public("boss", "ada@example.org")
    run = TrainingRun.create(CONFIG)
    manage.describe(run, title="by ada")
    roles.identify_by(None)  # as on the command line, or in a worker
    manage.describe(TrainingRun.open(run.name), title="by the worker")
    manage.delete(run.name)


def test_a_copy_that_is_not_public_asks_nobody(public, monkeypatch):
    monkeypatch.delenv("FER_PUBLIC")
    settings.cache_clear()
    public("anyone")
    manage.delete(TrainingRun.create(CONFIG).name)
    saved.keep_session(table(), "mine")
    public("somebody else")
    assert [s.name for s in saved.list_sessions()] == ["mine"]


def test_visitors_see_and_delete_their_own_only(public):
    public("one")
    key = saved.keep_session(table(), "of one")
    public("two")
    saved.keep_session(table(), "of two")
    assert [s.name for s in saved.list_sessions()] == ["of two"]
    with pytest.raises(FerError, match="not kept any more"):
        saved.load_session(key)
    saved.delete_session(key)
    public("boss", "ada@example.org")
    assert [s.name for s in saved.list_sessions()] == ["of two", "of one"]
    public("one")
    assert len(saved.load_session(key)) == 3
    saved.delete_session(key)
    assert saved.list_sessions() == []


def test_what_visitors_left_goes_in_time_and_what_is_ours_stays(public):
    public("boss", "ada@example.org")
    saved.keep_session(table(), "of ada")
    public("one")
    saved.keep_session(table(), "old")
    old = (datetime.now(UTC) - timedelta(hours=25)).isoformat()
    with sqlite3.connect(settings().store) as db:
        db.execute("UPDATE sessions SET kept = ?", (old,))
    saved.keep_session(table(), "new")
    assert [s.name for s in saved.list_sessions()] == ["new"]
    public("boss", "ada@example.org")
    assert [s.name for s in saved.list_sessions()] == ["new", "of ada"]


def test_a_full_copy_says_so(public, monkeypatch):
    monkeypatch.setenv("FER_DISK_MB", "0.01")
    settings.cache_clear()
    public("one")
    saved.keep_session(table(60), "fits")
    with pytest.raises(FerError, match="full.*24 hours"):
        saved.keep_session(table(60), "does not")
    public("boss", "ada@example.org")
    saved.keep_session(table(60), "always fits")


def test_uploads_of_one_visitor_are_bounded(public):
    public("one")
    bounds.check_upload(199_000_000)
    with pytest.raises(FerError, match="200 MB at once"):
        bounds.check_upload(201_000_000)
    public("boss", "ada@example.org")
    bounds.check_upload(201_000_000)


def test_a_store_of_before_there_were_visitors_still_opens(public):
    import sqlite3

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
    assert saved.list_sessions() == []
    public("boss", "ada@example.org")
    assert [s.name for s in saved.list_sessions()] == ["old"]


def test_long_jobs_of_one_visitor_take_turns_and_fill_the_disk(public, monkeypatch):
    from fer_core.jobs import Job
    from fer_core.video.jobs import VideoJob
    from fer_core.video.result import VideoOptions

    public("one")
    first, second = (Job(settings().jobs / name) for name in ("first", "second"))
    for work in (first, second):
        work.path.mkdir(parents=True)
        work.write_state(status="created")
    with first.lock():
        with pytest.raises(FerError, match="at work already"):
            second.spawn("fer_core.train.worker")
        public("two")
        bounds.check_turn(second.path)
    public("one")
    bounds.check_turn(second.path)

    monkeypatch.setenv("FER_DISK_MB", "0.05")
    settings.cache_clear()
    (first.path / "source.mp4").write_bytes(bytes(40_000))
    with pytest.raises(FerError, match="full"):
        VideoJob.create(io.BytesIO(bytes(20_000)), "a.mp4", VideoOptions(), "key")
    monkeypatch.setenv("FER_VISITOR_MB", "0.01")
    settings.cache_clear()
    with pytest.raises(FerError, match="MB at once"):
        VideoJob.create(io.BytesIO(bytes(20_000)), "a.mp4", VideoOptions(), "key")
    assert sorted(path.name for path in settings().jobs.iterdir()) == ["first", "second"]
