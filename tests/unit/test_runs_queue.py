"""Runs that wait their turn, and what people do with runs; in real processes."""

import pytest

from benchmarks.browser import wait_for
from fer_core.errors import TrainingError
from fer_core.settings import settings
from fer_core.train import configure, judge, manage, queue, runs
from fer_core.train.config import TrainConfig
from fer_core.train.runs import TrainingRun, list_runs
from fer_core.zoo import publish_job

#: As small as a network gets.
TINY = {
    "model": "fast",
    "data": "demo",
    "batch_size": 256,
    "model_options": {"widths": [4, 4, 4, 4], "convolutions": [1, 1, 1, 1]},
}


def tiny(**changes) -> TrainConfig:
    return configure(**(TINY | changes))


@pytest.fixture
def one_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    monkeypatch.setenv("FER_RUNS_AT_ONCE", "1")
    settings.cache_clear()
    yield tmp_path
    for run in list_runs():
        run.stop()
    monkeypatch.undo()
    settings.cache_clear()


def status(run: TrainingRun) -> str:
    return run.state()["status"]


def test_a_killed_run_makes_room_for_the_next(one_at_a_time):
    first, second, third = (queue.submit(tiny(epochs=400)) for _ in range(3))
    assert [status(run) for run in (first, second, third)] == ["running", "queued", "queued"]
    assert queue.waiting() == [second, third]

    # Taken out of the queue, one is not started any more.
    runs.stop(second.name)
    assert status(second) == "stopped"
    first.process().kill()
    wait_for(lambda: status(third) == "running", 60)
    assert status(first) == "interrupted" and status(second) == "stopped"

    # Going on waits its turn, too, and a paused run leaves its place to others.
    queue.resume(first.name)
    assert status(first) == "queued"
    runs.pause(third.name)
    wait_for(lambda: status(first) == "running", 60)
    queue.resume(third.name)
    assert status(third) == "queued"
    runs.stop(first.name)
    wait_for(lambda: status(third) == "running", 60)


@pytest.mark.slow
def test_a_run_is_judged_and_made_a_model(one_at_a_time):
    from fer_core.models.catalogue import find_model

    run = queue.submit(tiny(epochs=1))
    runs.wait(run.name, 240)
    assert status(run) == "trained", manage.log(run)
    assert list(judge.figures(run)) == ["PublicTest"]
    saved_run = judge.judged(run, "PublicTest")
    right = saved_run["probabilities"].argmax(axis=1) == saved_run["labels"]
    assert right.mean() == judge.figures(run)["PublicTest"]["accuracy"]
    assert len(saved_run["faces"]) == judge.MOST_MISTAKES and not right[saved_run["mistakes"]].any()
    assert run.usage()[0]["memory"] > 100
    with pytest.raises(TrainingError, match="not judged on PrivateTest"):
        judge.judged(run, "PrivateTest")

    judge.start(run, "PrivateTest")
    with pytest.raises(TrainingError, match="at work|already"):
        queue.resume(run.name)
    runs.wait(run.name, 240)
    assert run.state()["act"]["status"] == "done", manage.log(run)
    assert len(judge.figures(run)["PrivateTest"]["evaluated_at"]) == 1

    publish_job.start(run, "little")
    runs.wait(run.name, 240)
    assert run.state()["act"]["status"] == "done", manage.log(run)
    splits = [one.split for one in find_model("little").card.figures]
    assert splits == ["PublicTest", "PrivateTest"]


def test_names_notes_and_deletion(one_at_a_time):
    run = TrainingRun.create(tiny())
    assert manage.about(run) == {"title": run.name, "note": ""}
    manage.describe(run, title=" My best ", note="slow start")
    assert manage.about(run) == {"title": "My best", "note": "slow start"}
    for bad in ("", "../up", "a\\b", "x" * 81):
        with pytest.raises(TrainingError, match="1 to 80 characters"):
            manage.describe(run, title=bad)
    assert manage.about(run)["title"] == "My best"

    for bad in ("..", "../runs", "", ".queue", "gone"):
        with pytest.raises(TrainingError, match="nothing to delete"):
            manage.delete(bad)
    with run.lock(), pytest.raises(TrainingError, match="already being trained"):
        manage.delete(run.name)
    manage.delete(run.name)
    assert list_runs() == []


def test_a_damaged_folder_is_shown_and_hinders_nobody(one_at_a_time):
    good, bad = TrainingRun.create(tiny()), TrainingRun.create(tiny())
    for file in ("config.json", "state.json"):
        (bad.path / file).write_text("{", encoding="utf-8")
    (bad.path / "metrics.jsonl").write_bytes(b"\xff\n")
    assert {status(run) for run in list_runs()} == {"created", "damaged"}
    assert bad.metrics() == [] and judge.figures(bad) == {}
    with pytest.raises(TrainingError, match="no readable configuration"):
        _ = bad.config
    manage.delete(bad.name)
    assert list_runs() == [good]


def test_a_queued_run_that_cannot_begin_says_so(one_at_a_time):
    first = queue.submit(tiny(epochs=400))
    data = one_at_a_time / "gone.csv"
    data.write_text("emotion,pixels,Usage\n", encoding="utf-8")
    second = queue.submit(tiny(data=str(data)))
    third = queue.submit(tiny(epochs=400))
    data.unlink()
    (third.path / "config.json").unlink()
    runs.stop(first.name)
    wait_for(lambda: status(second) == status(third) == "failed", 60)
    assert "gone.csv" in second.state()["reason"] and "No run" in third.state()["reason"]
