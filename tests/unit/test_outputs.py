"""What a command writes: no input is lost, nothing is replaced unasked, names stay whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from fer_core.cli import cli
from fer_core.datasets import demo
from fer_core.datasets.fer2013 import export_csv
from fer_core.errors import FerError
from fer_core.files import (
    EXPORT_LIST,
    ExportFolder,
    check_outputs,
    named_after,
    unique_names,
    walk_files,
    write_output,
)
from fer_core.table import columns, read_csv
from tests.unit.video_tools import clip

GREY = Image.new("RGB", (64, 48), "grey")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments])


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures, a short video, a dataset and corrections of it."""
    GREY.save(tmp_path / "p.png")
    GREY.save(tmp_path / "q.jpg")
    clip(tmp_path / "talk.mp4", 0.2)
    export_csv(demo.load(training=7, public=7, private=7), tmp_path / "Training.csv")
    (tmp_path / "c.csv").write_text("face,action,value\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ["video", "talk.mp4", "--annotated", "talk.mp4"],
        ["video", "talk.mp4", "--annotated", "./talk.mp4", "--overwrite"],
        ["video", ".", "--annotated", ".", "--overwrite"],
        ["analyze", ".", "--save", ".", "--overwrite"],
        ["analyze", "q.jpg", "--csv", "q.jpg", "--overwrite"],
        ["analyze", "q.jpg", "--csv", "hard.jpg", "--overwrite"],
        ["analyze", "q.jpg", "--csv", "soft.jpg", "--overwrite"],
        ["dataset", "Training.csv", "--corrections", "c.csv", "--export", ".", "--overwrite"],
        ["analyze", "q.jpg", "--csv", "c.csv"],
        ["video", "talk.mp4", "--csv", "x.csv", "--report", "x.html", "--annotated", "c.csv"],
        ["video", "talk.mp4", "--csv", "x.html", "--report", "x.html"],
        ["analyze", "q.jpg", "--csv", ""],
        ["analyze", "q.jpg", "--save", ""],
        ["analyze", ""],
        ["video", ""],
        ["dataset", "Training.csv", "--export", ""],
        ["dataset", ""],
        ["dataset", "Training.csv", "--corrections", "", "--export", "new"],
    ],
    ids=" ".join,
)
def test_what_would_destroy_a_file_is_refused_before_any_work(
    folder: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    os.link("q.jpg", "hard.jpg")
    Path("soft.jpg").symlink_to("q.jpg")
    before = content(folder)
    done = run(*arguments)
    assert done.exit_code != 0 and content(folder) == before
    assert not isinstance(done.exception, OSError)


def test_an_earlier_dataset_export_is_replaced_whole_but_never_the_data_that_is_read(
    folder: Path,
) -> None:
    out = folder / "ex"
    assert run("dataset", folder / "Training.csv", "--export", out).exit_code == 0
    before = content(out)
    done = run(
        "dataset", out / "Training.csv", "--corrections", folder / "c.csv", "--export", out,
        "--overwrite",
    )  # fmt: skip
    assert done.exit_code != 0 and content(out) == before
    done = run("dataset", "demo", "--export", out, "--as", "folders", "--overwrite")
    assert done.exit_code == 0, done.output
    assert not list(out.glob("*.csv"))
    assert {p.suffix for p in out.rglob("*") if p.is_file()} == {".png", ".json"}


def test_two_exports_of_different_size_leave_no_mixture(tmp_path: Path) -> None:
    out = tmp_path / "ex"
    large, small = demo.load(training=14, public=7, private=7), demo.load(7, 7, 7)
    for dataset, how in ((large, {}), (small, {"overwrite": True})):
        path = tmp_path / "data.csv"
        export_csv(dataset, path)
        flags = ["--overwrite"] if how else []
        done = run("dataset", path, "--export", out, "--as", "folders", *flags)
        assert done.exit_code == 0, done.output
        path.unlink()
    assert len(list(out.rglob("*.png"))) == len(small)


def test_a_second_run_is_refused_and_overwrite_replaces_exactly_its_own_files(
    folder: Path,
) -> None:
    out, table = folder / "out", folder / "t.csv"
    command = ["analyze", folder / "p.png", folder / "q.jpg", "--csv", table, "--save", out]
    assert run(*command).exit_code == 0
    again = run(*command)
    assert "--overwrite" in str(again.exception) and again.exit_code == 1
    only_one = ["analyze", folder / "p.png", "--csv", table, "--save", out, "--overwrite"]
    assert run(*only_one).exit_code == 0
    assert sorted(content(out)) == [EXPORT_LIST, "p-annotated.png"]
    (out / "mine.txt").write_text("mine", encoding="utf-8")
    assert "no export wrote" in str(run(*only_one).exception)
    assert (out / "mine.txt").exists()


def test_a_list_of_a_stranger_leads_to_no_file_outside(tmp_path: Path) -> None:
    precious, out = tmp_path / "precious.txt", tmp_path / "out"
    precious.write_text("mine", encoding="utf-8")
    out.mkdir()
    listed = {"files": ["../precious.txt"], "complete": True}
    (out / EXPORT_LIST).write_text(json.dumps(listed), encoding="utf-8")
    export = ExportFolder(out, overwrite=True)
    export.begin(["a.txt"])
    export.finish()
    assert precious.exists()


def test_an_interrupted_export_is_gone_on_with_when_asked(tmp_path: Path) -> None:
    first = ExportFolder(tmp_path / "out")
    first.begin(["a.txt", "b.txt"])
    write_output(tmp_path / "out" / "a.txt", "a")
    (tmp_path / "out" / "b.txt.partial").write_text("half", encoding="utf-8")
    with pytest.raises(FerError, match="--overwrite"):
        ExportFolder(tmp_path / "out")
    second = ExportFolder(tmp_path / "out", resume=True)
    second.begin(["a.txt", "b.txt"])
    write_output(tmp_path / "out" / "b.txt", "b")
    second.finish()
    assert sorted(content(tmp_path / "out")) == [EXPORT_LIST, "a.txt", "b.txt"]
    with pytest.raises(FerError, match="earlier export"):
        ExportFolder(tmp_path / "out", resume=True)


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "t.csv"
    target.write_text("old", encoding="utf-8")
    from fer_core.files import writing

    with pytest.raises(RuntimeError), writing(target) as new:
        assert new.name == "t.csv.partial"
        new.write_text("half", encoding="utf-8")
        raise RuntimeError
    assert content(tmp_path) == {"t.csv": b"old"}


def test_a_named_pipe_gets_the_table_and_stays_a_pipe(folder: Path) -> None:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE)
    done = run("analyze", folder / "p.png", "--csv", pipe)
    out, _ = reader.communicate(timeout=60)
    assert done.exit_code == 0, done.output
    assert pipe.is_fifo() and out.decode().split("\n")[0] == ",".join(columns("pictures"))
    with pytest.raises(FerError, match="two outputs"):
        check_outputs([pipe, pipe])


HARD_NAMES = [
    b"caf\xe9.png",
    b"a:b.png",
    b"two\nlines.png",
    b"-dash.png",
    b"=1+1.png",
    b"x" * 246 + b".png",
]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
@pytest.mark.parametrize("name", HARD_NAMES, ids=[n[:12].decode("latin1") for n in HARD_NAMES])
def test_any_file_name_works_in_every_output(tmp_path: Path, name: bytes) -> None:
    picture = tmp_path / os.fsdecode(name)
    GREY.save(picture, "PNG")
    table, out = tmp_path / "t.csv", tmp_path / "out"
    command = [sys.executable, "-m", "fer_core", "analyze", picture, "--json"]
    done = subprocess.run(
        [*command, "--csv", table, "--save", out], capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    shown = str(tmp_path) + "/" + name.decode("utf-8", "backslashreplace")
    assert json.loads(done.stdout)[0]["path"] == shown
    assert read_csv(table)["source"].tolist() == [shown]
    (drawn,) = out.glob("*.png")
    assert drawn.name.endswith("-annotated.png") and len(os.fsencode(drawn.name)) <= 255


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_videos_of_any_name_work_in_every_output(tmp_path: Path) -> None:
    names = [b"caf\xe9.mp4", b"a:b.mp4", b"two\nlines.mp4", b"y" * 246 + b".mp4"]
    for name in names:
        clip(tmp_path / os.fsdecode(name), 0.1)
    table, out = tmp_path / "t.csv", tmp_path / "out"
    command = [sys.executable, "-m", "fer_core", "video", tmp_path, "--json", "--csv", table]
    done = subprocess.run(
        [*command, "--annotated", out, "--report", out], capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    shown = {f"{tmp_path}/{name.decode('utf-8', 'backslashreplace')}" for name in names}
    assert {video["path"] for video in json.loads(done.stdout)} == shown
    assert set(read_csv(table)["source"]) == shown
    assert len(list(out.glob("*-annotated.mp4"))) == len(list(out.glob("*-report.html"))) == 4


def test_names_of_results() -> None:
    assert named_after("talk.mp4", "emotions", ".csv") == "talk-emotions.csv"
    assert named_after("Session of 3 May, 12:30", "emotions", ".csv") == (
        "Session of 3 May, 12_30-emotions.csv"
    )
    names = unique_names(["a/x.jpg", "b/X.png", "x.gif"], "annotated", ".png")
    assert names == ["x-annotated.png", "X-2-annotated.png", "x-3-annotated.png"]


def test_folders_are_walked_without_hidden_files_copies_and_cycles(tmp_path: Path) -> None:
    for name in ("b/z.png", "a.png", "._a.png", ".ipynb_checkpoints/a.png", "__MACOSX/a.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "b" / "up").symlink_to(tmp_path)
    found = [p.relative_to(tmp_path).as_posix() for p in walk_files(tmp_path, lambda p: True)]
    assert found == ["a.png", "b/z.png"]
