"""``analyze`` on many pictures: an interruption loses nothing, and several machines help."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.browser import wait_for
from fer_core.errors import FerError
from fer_core.files import partial_of
from fer_core.images import example_portrait
from fer_core.table import columns, read_csv
from fer_core.table_file import TableFile
from tests.command_line import ROOT
from tests.command_line import fer_core as run

CONSTANTS = {"model": "fast", "class_prior": "as-trained"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve pictures with a face, one without and one that is none."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    portrait = Image.fromarray(example_portrait())
    for number in range(12):
        portrait.resize((200 + number, 200 + number)).save(folder / f"{number:02}.png")
    Image.new("RGB", (200, 100), "teal").save(folder / "no face, =1+1.png")
    (folder / "words.png").write_text("words", encoding="utf-8")
    return folder


def test_a_table_grows_and_goes_on_after_an_interruption(folder: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.csv", tmp_path / "parts.csv"
    assert run("analyze", folder, "--model", "fast", "--csv", whole).returncode == 1  # words.png
    expected = whole.read_text(encoding="utf-8")
    lines = expected.splitlines(keepends=True)
    # The program was killed while it wrote the ninth picture.
    partial_of(parts).write_text("".join(lines[:9]) + lines[9][:40], encoding="utf-8")

    refused = run("analyze", folder, "--model", "fast", "--csv", parts)
    assert "add --resume to go on with it, or --overwrite" in refused.stderr
    other = run("analyze", folder, "--model", "pk_03", "--csv", parts, "--resume")
    assert "was made with the model fast, and this call has pk_03" in other.stderr

    done = run("analyze", folder, "--model", "fast", "--csv", parts, "--resume")
    assert parts.read_text(encoding="utf-8") == expected
    assert not partial_of(parts).exists()
    assert "00.png" not in done.stdout and "11.png" in done.stdout  # eight were not read again
    assert list(read_csv(parts).columns) == columns("pictures")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signal")
def test_ctrl_c_keeps_what_is_done(folder: Path, tmp_path: Path) -> None:
    for number in range(300):
        shutil.copy(folder / "00.png", folder / f"more {number:03}.png")
    table = tmp_path / "faces.csv"
    # A shell that starts tests in the background lets them ignore the signal.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heard}; from fer_core.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "analyze", str(folder), "--csv", str(table)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    growing = partial_of(table)
    wait_for(lambda: growing.exists() and growing.stat().st_size > 2_000, 60)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1 and "Add --resume to go on." in said
    assert not table.exists() and len(read_csv(growing)) >= 5


def test_annotated_pictures_go_on_after_an_interruption(folder: Path, tmp_path: Path) -> None:
    (folder / "words.png").unlink()
    saved = tmp_path / "annotated"
    assert run("analyze", folder, "--model", "fast", "--save", saved).returncode == 0
    list_of_files = saved / ".fer-export.json"
    text = list_of_files.read_text(encoding="utf-8")
    list_of_files.write_text(text.replace("true", "false"), encoding="utf-8")
    (saved / "03-annotated.png").unlink()
    done = run("analyze", folder, "--model", "fast", "--save", saved, "--resume")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1 and "03.png" in done.stdout
    assert len(list(saved.glob("*.png"))) == 13


def test_resume_needs_something_to_go_on_with(folder: Path) -> None:
    assert "give --csv or --save" in run("analyze", folder, "--resume").stderr
    scheduler = run("analyze", folder, "--scheduler", "tcp://127.0.0.1:1")
    assert "--scheduler goes with --engine dask" in scheduler.stderr


def test_a_file_that_is_no_such_table_is_not_gone_on_with(tmp_path: Path) -> None:
    target = tmp_path / "faces.csv"
    partial_of(target).write_text("shopping list\n", encoding="utf-8")
    with pytest.raises(FerError, match="is not the beginning of such a table"):
        TableFile(target, constants=CONSTANTS, resume=True)
    assert partial_of(target).read_text(encoding="utf-8") == "shopping list\n"


def test_nothing_is_left_of_a_call_that_read_nothing(tmp_path: Path) -> None:
    target = tmp_path / "faces.csv"
    with pytest.raises(KeyboardInterrupt), TableFile(target, constants=CONSTANTS):
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_cluster_gives_what_this_machine_gives(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    here, there = tmp_path / "here.csv", tmp_path / "there.csv"
    run("analyze", folder, "--csv", here)
    run("analyze", folder, "--csv", there, "--engine", "dask", "--jobs", 2)
    first, second = read_csv(here), read_csv(there)
    assert first["source"].tolist() == second["source"].tolist()
    assert np.allclose(first["happy"].fillna(0), second["happy"].fillna(0), atol=1e-5)
