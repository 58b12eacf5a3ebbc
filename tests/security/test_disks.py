"""Disks that are full or take nothing: one sentence, and nothing half-written stays."""

import contextlib
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.browser import App
from fer_core.errors import FerError, VideoError
from fer_core.files import WriteError, write_bytes
from fer_core.jobs import Job
from tests.security.visitor import Visitor

#: Where nobody may make a folder, not even the administrator of the machine.
CLOSED = Path("/sys/fer-home")

PAGES = ("", "images", "live", "video", "dataset", "training", "models", "study")


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A disk on which not one byte is left."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no disk of its own can be made here")
    with contextlib.suppress(OSError), (folder / "filled").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def acts(home: Path, log: Path) -> str:
    """Visit all pages and do what writes; returns what was said."""
    app = App(home, log, FER_DATA="demo")
    try:
        with Visitor(app.url) as visitor:
            for page in PAGES:
                shown = visitor.run(page, 120)
                kinds = [element.WhichOneof("type") for element in shown]
                assert "exception" not in kinds, (page, visitor.words())
            visitor.run("training", 120)
            visitor.click(visitor.find("button", "Quick try on demo faces").id, "training")
            said = visitor.words()
            visitor.run("video", 120)
            visitor.click(visitor.find("button", "Sample clip").id, "video")
            return f"{said}\n{visitor.words()}"
    finally:
        app.stop()
        assert "Traceback" not in log.read_text(encoding="utf-8", errors="replace")


@pytest.mark.slow
def test_pages_open_and_acts_say_so_where_the_disk_is_full(full: Path, tmp_path: Path) -> None:
    said = acts(full, tmp_path / "app.log")
    assert said.count("No space left on device") == 2
    assert {path.name for path in full.rglob("*") if path.is_file()} <= {
        "filled", ".queue", ".keeper",
    }  # fmt: skip
    assert not list((full / "runs").glob("[!.]*/")), "a damaged run remains"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/sys").is_dir(), reason="needs Linux")
def test_pages_open_and_acts_say_so_where_nothing_can_be_written(tmp_path: Path) -> None:
    said = acts(CLOSED, tmp_path / "app.log")
    assert "/sys/fer-home" in said and "clip cannot be stored" in said


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="needs Linux")
def test_a_sample_clip_that_cannot_be_stored_says_so() -> None:
    from fer_core.video.clips import sample_clip

    with pytest.raises(VideoError, match="clip cannot be stored"):
        sample_clip(CLOSED)


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from fer_core.files import write_bytes\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_bytes(Path(sys.argv[1]), bytes(5000))\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "table.csv"], capture_output=True, text=True
    )
    assert done.stdout.startswith("WriteError") and "Make room and try again" in done.stdout
    assert not list(tmp_path.iterdir())


def test_an_error_of_writing_is_for_people_and_for_programs() -> None:
    with pytest.raises(FerError) as caught:
        write_bytes(CLOSED / "x", b"")
    assert isinstance(caught.value, WriteError) and isinstance(caught.value, OSError)
    assert str(caught.value).startswith("/sys/fer-home/x cannot be written")


def test_only_a_full_disk_is_told_to_make_room(tmp_path: Path) -> None:
    for number, expected in ((errno.ENOSPC, True), (errno.EINVAL, False)):
        job = Job(tmp_path / str(number))
        job.path.mkdir()
        job.write_state(status="running")
        with pytest.raises((FerError, OSError)), job.hold():
            raise OSError(number, os.strerror(number))
        assert ("Make room" in job.state()["reason"]) == expected
        shutil.rmtree(job.path)
