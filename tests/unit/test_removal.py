"""What is deleted in the app disappears at once, comes back on undo, and goes for good in time."""

import threading

import pytest

from benchmarks.browser import wait_for
from fer_core.errors import FerError
from fer_core.files import write_json
from fer_core.live import saved
from fer_core.settings import settings
from fer_core.train import configure
from fer_core.train.runs import TrainingRun
from tests.tables import face_row, table_of
from ui.services import access, quotas, removal, sessions, training
from ui.services.access import AccessError, Person

TABLE = table_of([face_row(time=float(i)) for i in range(3)], "live")


@pytest.fixture
def act_as(tmp_path, monkeypatch):
    """A home of its own; call it with the key of who is acting from now on."""
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    settings.cache_clear()
    who = {"now": Person("ann")}
    with access.acting(lambda: who["now"]):
        yield lambda key: who.update(now=Person(key))
    monkeypatch.undo()
    settings.cache_clear()


def make_run(**state) -> TrainingRun:
    run = TrainingRun.create(configure(model="fast", data="demo", epochs=1))
    run.write_state(**state)
    return run


def test_undo_brings_back_what_disappeared(act_as):
    run = make_run(status="trained", epoch=1)
    training.delete(run.name)
    assert training.list_runs() == [] and run.path.is_dir()
    (one,) = removal.mine()
    assert one.words == f"Run {run.name}" and 0 < one.seconds_left <= removal.SECONDS
    removal.undo(one.key)
    assert [found.name for found in training.list_runs()] == [run.name] and removal.mine() == []
    with pytest.raises(FerError, match="too late"):
        removal.undo(one.key)


def test_without_undo_it_is_deleted_by_a_timer(act_as, monkeypatch):
    monkeypatch.setattr(removal, "SECONDS", 0.05)
    run = make_run(status="trained", epoch=1)
    training.delete(run.name)
    assert training.list_runs() == []
    wait_for(lambda: not run.path.exists(), 10)
    wait_for(lambda: removal.hidden("run") == frozenset(), 10)


def test_nobody_undoes_what_others_deleted(act_as):
    run = make_run(status="trained", epoch=1)
    training.delete(run.name)
    (one,) = removal.mine()
    act_as("ben")
    assert removal.mine() == []
    with pytest.raises(FerError):
        removal.undo(one.key)
    assert training.list_runs() == []


def test_the_next_start_deletes_what_waited(act_as, monkeypatch):
    key = saved.save_session(TABLE, "mine")
    # A server that stops: its timers never run.
    monkeypatch.setattr(threading.Timer, "start", lambda self: None)
    monkeypatch.setattr(removal, "SECONDS", 0.0)
    sessions.delete(key)
    monkeypatch.undo()
    monkeypatch.setenv("FER_HOME", str(settings().home))
    assert saved.count_sessions() == 1 and sessions.list_all() == []
    removal.resume()
    wait_for(lambda: saved.count_sessions() == 0, 10)


def test_it_counts_in_the_limits_until_it_is_gone(act_as, monkeypatch):
    monkeypatch.setenv("FER_PUBLIC", "1")
    monkeypatch.setenv("FER_ADMINS", "ada@example.org")
    settings.cache_clear()
    key = sessions.save(TABLE, "mine")
    monkeypatch.setenv("FER_DISK_MB", str(saved.owned_bytes() / 1e6))
    settings.cache_clear()
    sessions.delete(key)
    assert sessions.list_all() == []
    with pytest.raises(FerError, match="is full"):
        quotas.check_room(1)
    removal.finish_all()
    quotas.check_room(1)
    with pytest.raises(AccessError):
        training.delete("any")


def test_a_run_that_waits_its_turn_comes_back_as_stopped(act_as):
    run = make_run(status="queued")
    training.delete(run.name)
    removal.undo(removal.mine()[0].key)
    assert run.state()["status"] == "stopped"


def test_what_is_in_memory_comes_back_unless_it_would_replace_something(act_as):
    come_back: list[str] = []

    def restore() -> None:
        if come_back:
            raise FerError("There is another already.")
        come_back.append("back")

    removal.remove("recording", words="Recording", restore=restore)
    removal.remove("recording", words="Another", restore=restore)
    another, first = removal.mine()
    removal.undo(first.key)
    with pytest.raises(FerError, match="another already"):
        removal.undo(another.key)
    assert [one.key for one in removal.mine()] == [another.key]
    come_back.clear()
    removal.undo(another.key)
    assert come_back == ["back"]


def test_without_a_usable_database_it_is_deleted_at_once(act_as):
    run = make_run(status="trained", epoch=1)
    settings().store.write_bytes(b"no database")
    training.delete(run.name)
    assert not run.path.exists() and removal.mine() == []


def test_damaged_runs_are_deleted_too(act_as):
    path = settings().runs / "broken"
    path.mkdir(parents=True)
    write_json(path / "state.json", [])
    training.delete("broken")
    assert path.is_dir()
    removal.finish_all()
    assert not path.exists()
