"""What a job of a visitor may use: a place in the queue, time, length, and room on the disk."""

import io
import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.browser import wait_for
from fer_core.errors import FerError
from fer_core.jobs import Limits, owned_bytes
from fer_core.settings import settings
from fer_core.video import VideoOptions, jobs, progress_note
from fer_core.video.jobs import VideoJob
from tests.unit.video_tools import clip

VISITOR = Limits(jobs_at_once=1, together=1, seconds=60, video_seconds=60, disk_bytes=1e9)


@pytest.fixture(autouse=True)
def home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FER_WORKERS", "1")
    settings.cache_clear()
    yield
    for job in jobs._all():
        job.delete()
    settings.cache_clear()


def create(content: bytes, owner: str = "one", annotated: bool = False, **how: object) -> VideoJob:
    return VideoJob.create(
        io.BytesIO(content), "a.mp4", VideoOptions(**how), owner, annotated=annotated, owner=owner
    )


@pytest.mark.slow
def test_jobs_of_all_visitors_wait_in_one_queue(tmp_path: Path) -> None:
    content = clip(tmp_path / "a.mp4", 4).read_bytes()
    waiting = []
    for name in ("one", "two", "three", "four"):
        waiting.append(create(content, name))
        jobs.submit(waiting[-1], VISITOR)
    states = [job.state()["status"] for job in waiting]
    assert states == ["running", "queued", "queued", "queued"]
    assert [jobs.place(job) for job in waiting] == [None, 0, 1, 2]
    # A visitor has one job, whether it is at work or waits.
    again = create(content, "two")
    with pytest.raises(FerError, match="running already"):
        jobs.submit(again, VISITOR)

    waiting[1].delete()
    assert jobs.place(waiting[2]) == 0
    waiting[0].process().kill()
    for job in waiting[2:]:
        wait_for(lambda job=job: job.state()["status"] == "done", 90)
        assert len(job.result().table)


@pytest.mark.slow
def test_what_was_analysed_when_the_time_is_over_is_kept_and_says_so(tmp_path: Path) -> None:
    job = create(clip(tmp_path / "a.mp4", 240).read_bytes(), annotated=True, fps=0)
    job.write_state(limits=Limits(together=1, seconds=6).to_json())
    begun = time.monotonic()
    job.do()
    assert time.monotonic() - begun < 25
    result = job.result()
    assert job.state()["status"] == "done" and 0 < result.seconds < 200
    assert any("time for this video was over" in problem for problem in result.problems)


def test_a_long_video_is_analysed_up_to_its_limit(tmp_path: Path) -> None:
    content = clip(tmp_path / "a.mp4", 4).read_bytes()
    job = create(content)
    job.write_state(limits=Limits(video_seconds=2).to_json())
    job.do()
    assert job.result().seconds == pytest.approx(2, abs=0.1)
    assert any("after 0:02 was left out" in problem for problem in job.result().problems)
    # Whoever asked for less, or has no more, reads nothing about limits.
    for options, seconds in ((VideoOptions(end=1.0), 2), (VideoOptions(), 4)):
        job = create(content, end=options.end)
        job.write_state(limits=Limits(video_seconds=seconds).to_json())
        job.do()
        assert not job.result().problems


def test_a_running_job_stops_drawing_where_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_note, "_EVERY", 0.0)
    monkeypatch.setattr(progress_note, "_CHECK_SECONDS", 0.0)
    content = clip(tmp_path / "a.mp4", 2).read_bytes()
    job = create(content, annotated=True)
    job.write_state(limits=Limits(disk_bytes=len(content)).to_json())
    job.do()
    assert job.state()["status"] == "done" and job.annotated is None
    assert any("no room left" in problem for problem in job.result().problems)
    assert not list(job.path.glob("*.partial"))


def test_half_created_folders_count_and_are_swept(tmp_path: Path) -> None:
    folder = settings().jobs / "0123456789abcdef"
    folder.mkdir(parents=True)
    (folder / "source.mp4").write_bytes(bytes(1000))
    assert owned_bytes(settings().jobs) == 1000
    jobs.sweep()
    assert folder.exists(), "it may be an upload that is being stored"
    old = time.time() - 2 * 3600
    os.utime(folder, (old, old))
    jobs.sweep()
    assert not folder.exists()


def test_jobs_from_the_future_are_swept_unless_they_are_saved(tmp_path: Path) -> None:
    for saved in (True, False):
        job = create(b"x")
        job.write_state(status="done", saved=saved)
        state = json.loads((job.path / "state.json").read_text(encoding="utf-8"))
        state["updated"] = (datetime.now(UTC) + timedelta(days=400)).isoformat()
        (job.path / "state.json").write_text(json.dumps(state), encoding="utf-8")
        jobs.sweep()
        assert job.path.exists() == saved
