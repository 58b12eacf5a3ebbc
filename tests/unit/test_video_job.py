"""The analysis of a video as work on disk: whose it is, how long it stays, what is drawn."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fer_core.cli.delete_all import command as delete_all
from fer_core.errors import FerError
from fer_core.jobs import NO_LIMITS
from fer_core.settings import settings
from fer_core.video import VideoFile, VideoOptions
from fer_core.video.clips import write_clip
from fer_core.video.cost import Cost, Step
from fer_core.video.jobs import VideoJob, list_jobs, start, sweep
from fer_core.video.progress_note import ProgressNote
from fer_core.video.read import Progress
from tests.unit.video_tools import clip, drawn, portrait


@pytest.fixture(autouse=True)
def home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FER_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    yield
    settings.cache_clear()


def done(path: Path, owner: str = "mine", **how: object) -> VideoJob:
    """An analysis that was made in this process."""
    with path.open("rb") as file:
        job = VideoJob.create(file, path.name, VideoOptions(), owner, **how)
    job.do()
    return job


def ended(job: VideoJob, hours: float) -> None:
    """Let it have ended so many hours ago."""
    state = json.loads((job.path / "state.json").read_text(encoding="utf-8"))
    state["updated"] = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
    (job.path / "state.json").write_text(json.dumps(state), encoding="utf-8")


def test_the_upload_goes_with_the_result_unless_it_is_kept(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", 0.4)
    assert done(path).source is None
    assert done(path, keep_source=True).source.read_bytes() == path.read_bytes()


def test_a_process_of_its_own_does_it_and_only_its_owner_finds_it(tmp_path: Path) -> None:
    with clip(tmp_path / "a.mp4", 0.4).open("rb") as file:
        job = start(file, "a.mp4", VideoOptions(), "mine", annotated=False)
    job.wait(120)
    assert job.state()["status"] == "done" and len(job.result().table) == 2
    assert [j.name for j in list_jobs("mine")] == [job.name] and list_jobs("another's") == []
    assert "mine" not in (job.path / "config.json").read_text(encoding="utf-8")


def test_what_nobody_keeps_is_gone_after_keep_hours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = clip(tmp_path / "a.mp4", 0.2)
    monkeypatch.setenv("FER_KEEP_HOURS", "2")
    settings.cache_clear()
    old, saved, new = (done(path, annotated=False) for _ in range(3))
    saved.set_saved(True)
    for job, hours in ((old, 2.1), (saved, 200), (new, 1.9)):
        ended(job, hours)
    assert {job.name for job in list_jobs("mine")} == {saved.name, new.name}
    assert not old.path.exists()
    saved.set_saved(False)
    ended(saved, 2.1)
    sweep()
    assert not saved.path.exists() and new.path.exists()


def test_delete_all_deletes_the_analyses_of_everybody(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", 0.2)
    jobs = [done(path, owner, annotated=False) for owner in ("mine", "another's")]
    jobs[0].set_saved(True)
    said = CliRunner().invoke(delete_all, ["--yes"])
    assert said.exit_code == 0 and "2 analysed videos" in said.output
    assert not any(job.path.exists() for job in jobs)


def test_named_people_are_rendered_again_where_the_video_was_retained(tmp_path: Path) -> None:
    frames = [*portrait(25), *drawn(("Happy", 1), seed=4)]
    job = done(write_clip(tmp_path / "two.mp4", frames), keep_source=True)
    before, moments = _last_picture(job.annotated), _pictures(job)
    assert job.result().persons() == [1, 2] and not job.is_stale()

    job.result().called(1, "Ann").called(2, "Eileen").save_people(job.path)
    assert job.is_stale()
    table = (job.path / "table.parquet").stat().st_mtime_ns
    job.do()
    assert not job.is_stale() and job.state()["status"] == "done"
    assert (job.path / "table.parquet").stat().st_mtime_ns == table, "it was read anew"
    assert np.abs(_last_picture(job.annotated) - before).max() > 50
    assert _pictures(job) != moments

    job.result().with_merged(2, 1).save_people(job.path)
    assert job.is_stale()
    job.result().apart().called(1, "Ann").called(2, "Eileen").save_people(job.path)
    assert not job.is_stale()


def test_cancelled_drawing_keeps_the_result_and_cancelled_reading_nothing(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", 0.4)
    job = done(path, keep_source=True)
    job.result().called(1, "Ann").save_people(job.path)
    job.spawn()
    job.cancel()
    assert job.state()["status"] == "done" and job.result().name(1) == "Ann"
    with VideoFile(job.annotated) as video:
        assert len(list(video.frames())) == 10
    with path.open("rb") as file:
        unread = start(file, "a.mp4", VideoOptions(), "mine")
    unread.cancel()
    assert not unread.path.exists()


def test_a_failed_drawing_leaves_the_numbers(tmp_path: Path) -> None:
    """The annotated video cannot be written: a folder lies where it belongs."""
    path = clip(tmp_path / "a.mp4", 0.4)
    with path.open("rb") as file:
        job = VideoJob.create(file, "a.mp4", VideoOptions(), "mine")
    (job.path / "annotated.mp4" / "in the way").mkdir(parents=True)
    with pytest.raises(FerError, match="annotated.mp4 is a folder"):
        job.do()
    assert job.state()["status"] == "failed" and job.source is not None
    job.settle()
    assert job.state() | {"status": "done", "reason": None} == job.state()
    assert len(job.result().table) == 2 and job.source is None


def _last_picture(path: Path) -> np.ndarray:
    with VideoFile(path) as video:
        return [frame.image() for frame in video.frames()][-1].astype(int)


def _pictures(job: VideoJob) -> list[bytes]:
    return [row["picture"].read_bytes() for row in job.highlights(job.result())]


@pytest.fixture
def job(tmp_path: Path) -> VideoJob:
    with clip(tmp_path / "a.mp4", 0.2).open("rb") as file:
        return VideoJob.create(file, "a.mp4", VideoOptions(), "mine")


def run_of(job: VideoJob, cost: Cost, faces: float, speed: float, off: float = 1.0) -> float:
    """Do a job by a clock of its own, and return how far off the time left was at the worst.

    The model takes six seconds to load; then the machine needs ``speed`` times what each step
    costs, and ``off`` times that for pictures and drawing. Measured from three seconds of the
    first step on, as a share of the time that is really left.
    """
    now = [0.0]
    steps: list[Step] = ["reading", "pictures", "drawing"]
    note = ProgressNote(job, steps, NO_LIMITS, clock=lambda: now[0], cost=cost)
    takes = {step: speed * cost.of(step, faces) * off for step in steps}
    takes["reading"] /= off
    end, said = 6.0 + sum(takes.values()), []
    now[0] = 6.0
    for step in steps:
        take = note.of(step)
        for part in range(101):
            seen = round(cost.samples * faces * part / 100) if step == "reading" else 0
            take(Progress(part / 100, None, seen))
            told = job.progress().get("seconds_left")
            if now[0] > 9 and end - now[0] > 5 and told is not None:
                said.append(abs(told - (end - now[0])) / (end - now[0]))
            now[0] += takes[step] / 100
    note.learn()
    assert len(said) > 200
    return max(said)


@pytest.mark.parametrize("faces", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("size", [0.3, 0.9, 2.1])
def test_the_time_left_is_right_for_videos_of_any_size(
    job: VideoJob, faces: float, size: float
) -> None:
    cost = Cost(frames=1500, samples=300, megapixels=size, drawn=min(size, 0.9))
    assert run_of(job, cost, faces, speed=3.0) < 0.3


def test_a_machine_that_draws_slower_is_known_from_the_second_video_on(job: VideoJob) -> None:
    cost = Cost(frames=1500, samples=300, megapixels=0.9, drawn=0.9)
    assert run_of(job, cost, 1.0, speed=2.0, off=2.5) > 0.3
    assert run_of(job, cost, 1.0, speed=2.0, off=2.5) < 0.3
    longer = Cost(frames=9000, samples=900, megapixels=2.1, drawn=0.9)
    assert run_of(job, longer, 2.0, speed=0.5, off=2.5) < 0.3
