"""The commands where the console is Windows' old one, which knows few characters."""

import json
import subprocess
from pathlib import Path

import pytest

from fer_core.resources import models_folder
from tests.command_line import fer_core
from tests.unit.video_tools import clip

PORTRAIT = models_folder() / "examples" / "astronaut.png"


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess:
    return fer_core(*arguments, PYTHONIOENCODING="cp1252", FER_HOME=str(home / "home"))


def test_a_video_is_read(tmp_path: Path) -> None:
    done = run(tmp_path, "video", str(clip(tmp_path / "a.mp4", 1)), "--fps", "5")
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert "a.mp4" in done.stdout


def test_json_of_a_file_with_a_foreign_name_can_be_read_back(tmp_path: Path) -> None:
    picture = tmp_path / "日本 → é.png"
    picture.write_bytes(PORTRAIT.read_bytes())
    done = run(tmp_path, "analyze", str(picture), "--json")
    assert done.returncode == 0, done.stderr
    assert picture.name in json.dumps(json.loads(done.stdout), ensure_ascii=False)


@pytest.mark.parametrize("command", [("models",), ("--help",), ("train", "--help")])
def test_texts_are_printed(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = run(tmp_path, *command)
    assert done.returncode == 0 and done.stdout and "Traceback" not in done.stderr, done.stderr
