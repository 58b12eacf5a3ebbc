"""Processes that are certainly ours, and jobs where only the portable ways exist."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.browser import wait_for
from fer_core import system
from fer_core.settings import settings
from fer_core.system import ProcessIdentity
from fer_core.train import configure, queue, runs
from fer_core.video import VideoOptions, jobs
from tests.unit.video_tools import clip

TINY = {
    "model": "fast",
    "data": "demo",
    "batch_size": 256,
    "model_options": {"widths": [4, 4, 4, 4], "convolutions": [1, 1, 1, 1]},
}


@pytest.fixture(params=["0", "1"], ids=["as here", "portable"])
def machine(request, tmp_path, monkeypatch):
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    monkeypatch.setenv("FER_PORTABLE", request.param)
    settings.cache_clear()
    assert system.is_posix() is (request.param == "0")
    yield tmp_path
    for run in runs.list_runs():
        run.stop()
    monkeypatch.undo()
    settings.cache_clear()


def status(job) -> str:
    return job.state()["status"]


def test_a_process_is_ours_only_if_everything_agrees() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        identity = ProcessIdentity.of(child.pid)
        assert identity is not None and identity.process() == psutil.Process(child.pid)
        assert ProcessIdentity.from_json(identity.to_json()) == identity
        others = [
            {"host": "another machine"},
            {"boot": identity.boot - 3600},
            {"started": identity.started - 60},
            {"pid": 1},
        ]
        for other in others:
            changed = ProcessIdentity.from_json(identity.to_json() | other)
            assert changed is not None and changed.process() is None, other
        child.communicate(b"\n")
    assert identity.process() is None
    assert ProcessIdentity.from_json({"pid": 1}) is None


@pytest.mark.slow
def test_a_run_starts_pauses_goes_on_and_stops(machine: Path) -> None:
    run = queue.submit(configure(**TINY, epochs=400))
    wait_for(lambda: len(run.metrics()) > 0, 120)
    runs.pause(run.name)
    assert status(run) == "paused"
    wait_for(lambda: run.process().status() == psutil.STATUS_STOPPED, 30)
    queue.resume(run.name)
    epochs = len(run.metrics())
    wait_for(lambda: len(run.metrics()) > epochs, 120)
    runs.stop(run.name)
    assert status(run) == "stopped" and run.process() is None and not run.busy()
    queue.resume(run.name)
    wait_for(lambda: run.busy() and len(run.metrics()) > epochs + 1, 120)
    run.process().kill()
    wait_for(lambda: status(run) == "interrupted", 30)


def test_a_video_job_starts_pauses_goes_on_and_is_cancelled(machine: Path, tmp_path: Path) -> None:
    with clip(tmp_path / "a.mp4", 20).open("rb") as file:
        job = jobs.start(file, "a.mp4", VideoOptions(fps=30), "mine", annotated=False)
    wait_for(lambda: job.progress().get("share", 0) > 0, 120)
    assert system.suspend(job.process())
    wait_for(lambda: job.process().status() == psutil.STATUS_STOPPED, 30)
    assert job.busy()
    assert system.resume(job.process())
    wait_for(lambda: job.process().status() != psutil.STATUS_STOPPED, 30)
    job.process().kill()
    wait_for(lambda: status(job) == "interrupted", 30)
    job.spawn()
    wait_for(lambda: job.process() is not None, 30)
    job.cancel()
    assert not job.path.exists()
