"""``video`` on the command line: one file, folders, interruptions, a Dask cluster."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.browser import wait_for
from fer_core.cli.video import command
from fer_core.errors import VideoError
from fer_core.settings import settings
from fer_core.table import columns, read_csv
from fer_core.video import VideoFile
from fer_core.video.clips import write_clip
from tests.unit.video_tools import clip, grey, portrait


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("videos")
    clip(path / "a.mp4", 0.6)
    (path / "below").mkdir()
    clip(path / "below" / "a.mkv", 0.6)
    (path / "notes.txt").write_text("no video", encoding="utf-8")
    return path


def run(*arguments: object):
    return CliRunner().invoke(command, [str(a) for a in arguments])


def saved_results() -> list[Path]:
    return list((settings().cache / "video").glob("*"))


def test_one_video_with_everything(folder: Path, tmp_path: Path) -> None:
    csv, page, video = tmp_path / "o.csv", tmp_path / "o.html", tmp_path / "o.mp4"
    path = folder / "a.mp4"
    done = run(path, "--csv", csv, "--report", page, "--annotated", video, "--json", "--fps", 0)
    assert done.exit_code == 0, done.output
    value = json.loads(done.stdout)[0]
    assert value["path"] == str(path) and value["summary"]["dominant"] == "Happy"
    assert len(value["rows"]) == 15
    table = read_csv(csv)
    assert list(table.columns) == columns("video") and len(table) == 15
    assert set(table["source"]) == {str(path)} and table["frame"].tolist() == list(range(15))
    assert "<html" in page.read_text(encoding="utf-8")
    with VideoFile(video) as written:
        assert len(list(written.frames())) == 15
    assert saved_results() == []


def test_folders_are_walked_and_files_of_one_name_do_not_collide(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = run(folder, "--csv", tmp_path / "o.csv", "--annotated", out, "--report", out)
    assert done.exit_code == 0, done.output
    assert "mostly happy" in done.stdout and "a.mkv" in done.stdout
    table = read_csv(tmp_path / "o.csv")
    assert list(table.columns) == columns("video") and table["source"].nunique() == 2
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        ".fer-export.json",
        "a-2-annotated.mp4",
        "a-2-report.html",
        "a-annotated.mp4",
        "a-report.html",
    ]


def test_a_part_of_a_video_has_the_times_and_boxes_of_the_whole(tmp_path: Path) -> None:
    path = clip(tmp_path / "long.mp4", 2.0)
    whole = json.loads(run(path, "--json", "--thorough").stdout)[0]
    box = whole["rows"][0]
    x, y, width, height = (round(box[name]) for name in ("x", "y", "width", "height"))
    region = f"{x - width},{y - height},{3 * width},{3 * height}"
    done = run(
        path, "--json", "--thorough", "--from", "0:00.5", "--to", 1.5, "--region", region,
        "--annotated", tmp_path / "part.mp4",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    part = json.loads(done.stdout)[0]
    times = [row["time"] for row in part["rows"]]
    assert min(times) == 0.5 and max(times) < 1.5 and part["summary"]["seconds"] == 1.0
    first = next(row for row in whole["rows"] if row["time"] >= 0.6)
    same = next(row for row in part["rows"] if row["time"] >= 0.6)
    assert same["frame"] == first["frame"]
    assert same["x"] == pytest.approx(first["x"], abs=4) and same["emotion"] == "Happy"
    assert (same["frame_width"], same["frame_height"]) == (320, 240)
    with VideoFile(tmp_path / "part.mp4") as video:
        assert len(list(video.frames())) == 26 and video.end == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--from", "9"], "The part begins at 9 s"),
        (["--from", "2", "--to", "1"], "is empty"),
        (["--from", "soon"], "'soon' is no time"),
        (["--region", "1,2,3"], "'1,2,3' is no region"),
        (["--region", "300,0,200,200"], "leaves less than 24×24 pixels"),
        (["--stream", "2"], "track"),
    ],
)
def test_a_part_that_is_none_is_one_sentence(folder: Path, arguments: list, says: str) -> None:
    done = run(folder / "a.mp4", *arguments)
    assert isinstance(done.exception, VideoError) and says in str(done.exception)


def test_once_a_second_counts_every_second(tmp_path: Path) -> None:
    for seconds in (4.0, 0.9):
        path = clip(tmp_path / f"{seconds}.mp4", seconds)
        summary = json.loads(run(path, "--fps", 1, "--json").stdout)[0]["summary"]
        assert summary["seconds"] == pytest.approx(seconds, abs=0.05)
        assert summary["persons"][0]["seconds"] == pytest.approx(seconds, abs=0.05)
        assert summary["dominant"] == "Happy"


def test_a_frame_without_a_face_has_a_row(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "mixed.mp4", [*portrait(13), *grey(12)])
    assert run(path, "--csv", tmp_path / "t.csv").exit_code == 0
    table = read_csv(tmp_path / "t.csv")
    assert table["status"].tolist() == ["ok"] * 3 + ["no face"] * 2
    assert table["happy"].isna().tolist() == [False] * 3 + [True] * 2


def test_a_bad_file_does_not_spoil_the_batch(folder: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video")
    done = run(bad, folder / "a.mp4", "--json")
    assert isinstance(done.exception, VideoError)
    assert str(done.exception).startswith("1 of 2 videos failed. This is not a video")
    values = json.loads(done.stdout)
    assert "error" in values[0] and values[1]["summary"]["dominant"] == "Happy"


@pytest.mark.parametrize("limit", [0, 2])
def test_a_full_disk_is_one_sentence_and_leaves_no_half_file(
    folder: Path, tmp_path: Path, limit: int
) -> None:
    """A real limit of the system: no file may grow beyond so many kB."""
    out = tmp_path / "out"
    out.mkdir()
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f {limit}; trap '' XFSZ; exec \"$@\"", "-"]
        + [sys.executable, "-m", "fer_core", "video", str(folder / "a.mp4"), "--fps", "0"]
        + ["--csv", str(out / "o.csv"), "--annotated", str(out / "o.mp4")],
        env=os.environ | {"FER_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "cannot be written" in done.stderr
    assert list(out.iterdir()) == []


def test_no_face_is_said(tmp_path: Path) -> None:
    done = run(write_clip(tmp_path / "grey.mp4", grey(10)))
    assert done.exit_code == 0 and "No face was found in 2 frames" in done.stderr


def test_what_cannot_be_asked(folder: Path, tmp_path: Path) -> None:
    assert "does not end in .mp4" in str(run(folder / "a.mp4", "--annotated", "o.avi").exception)
    assert "no videos in the folder" in str(run(tmp_path).exception)
    assert "--engine dask" in str(run(folder / "a.mp4", "--scheduler", "tcp://x:1").exception)


@pytest.mark.slow
def test_an_interrupted_batch_goes_on_where_it_stopped(folder: Path, tmp_path: Path) -> None:
    """A real Ctrl-C after the first of two files, a short one and one without end."""
    short, long = clip(tmp_path / "a.mp4", 0.2), tmp_path / "b.mp4"
    os.mkfifo(long)  # opening it waits until somebody writes
    home = tmp_path / "home"
    arguments = [sys.executable, "-m", "fer_core", "video", str(short), str(long)]
    environment = os.environ | {"FER_HOME": str(home)}
    process = subprocess.Popen(
        arguments, env=environment, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        wait_for(lambda: bool(list(home.glob("cache/video/*/result.json"))), 120)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        # Whoever waits for the file without end gets one, so that nothing is left behind.
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    (saved_result,) = home.glob("cache/video/*/result.json")
    before = saved_result.stat().st_mtime_ns
    long.unlink()
    clip(long, 0.2)
    saved_table = saved_result.with_name("table.parquet")
    assert saved_table.stat().st_mtime_ns <= before
    # What is kept is what the second run says, even where the file now says otherwise.
    marked = json.loads(saved_result.read_text(encoding="utf-8"))
    marked["problems"] = ["from the first run"]
    saved_result.write_text(json.dumps(marked), encoding="utf-8")
    done = subprocess.run(
        [*arguments, "--json"], env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    values = json.loads(done.stdout)
    assert values[0]["problems"] == ["from the first run"]
    assert values[1]["problems"] == [] and values[1]["summary"]["rows"] == 1
    assert not list(home.glob("cache/video/*"))


@pytest.mark.slow
def test_the_same_job_runs_on_a_dask_cluster(folder: Path) -> None:
    pytest.importorskip("distributed")
    here = json.loads(run(folder, "--json").stdout)
    there = run(folder, "--json", "--engine", "dask", "--jobs", 2)
    assert there.exit_code == 0, there.output
    assert json.loads(there.stdout) == here


def test_a_scheduler_that_is_not_there_is_one_sentence(folder: Path) -> None:
    pytest.importorskip("distributed")
    import dask

    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        done = run(folder, "--engine", "dask", "--scheduler", "tcp://127.0.0.1:9")
    assert "cannot be reached" in str(done.exception)
