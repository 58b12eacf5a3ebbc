"""Every block of code in the documentation that can be run is run, page by page."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from fer_core.datasets import demo
from fer_core.datasets.fer2013 import COLUMNS, export_csv
from fer_core.emotions import EMOTIONS
from fer_core.images import example_portrait
from fer_core.video.clips import write_clip
from tests.command_line import ROOT
from tests.documentation import Block, blocks, pages
from tests.unit.video_tools import drawn, portrait

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("bash"), reason="the commands are written for a shell"),
]

#: One epoch is enough to prove that a command is right; the data is small already. The preset of
#: the tutorial is quick enough as it is, and several cycles need several epochs.
FER_CORE = """#!/bin/sh
case " $* " in
  *" --resume "* | *" --preset quick "* | *" cycles="*) ;;
  " train "*) set -- "$@" --epochs 1 ;;
esac
exec "{python}" -m fer_core "$@"
"""
PYTHON = """#!/bin/sh
exec "{python}" "$@"
"""
#: Of a run that is named RUN in a page, and of a cross-validation that is named FOLDS.
NEWEST = """
import json
from fer_core.train import runs
found = [json.loads((run.path / "config.json").read_text()) | {"name": run.name}
         for run in runs.list_runs()]
single = [run["name"] for run in found if not run.get("fold")]
groups = [run["fold"]["group"] for run in found if run.get("fold")]
print(single[0] if single else "none", groups[0] if groups else "none")
"""
STOP = "from fer_core.train import runs\nfor run in runs.list_runs(): run.stop()"


def as_votes(labels: np.ndarray, usage: np.ndarray) -> str:
    """Return FER+ votes, ten for the label of each face."""
    names = "neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    order = [EMOTIONS.index(name) for name in
             ("Neutral", "Happy", "Surprise", "Sad", "Angry", "Disgust", "Fear")]  # fmt: skip
    rows = [
        f"{split},fer.png," + ",".join("10" if i == label else "0" for i in order) + ",0,0,0"
        for label, split in zip(labels, usage, strict=True)
    ]
    return "\n".join([f"Usage,Image name,{names}", *rows]) + "\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small files under the names that the documentation uses."""
    folder = tmp_path_factory.mktemp("files")
    photo = Image.fromarray(example_portrait())
    (folder / "holiday").mkdir()
    for name in ("photo.jpg", "holiday/beach.jpg", "holiday/dinner.png"):
        photo.save(folder / name)
    pillow_heif.from_pillow(photo).save(folder / "portrait.heic")
    write_clip(folder / "talk.mp4", portrait(75, (640, 480)))
    (folder / "recordings").mkdir()
    for name in ("monday", "tuesday"):
        shutil.copy(folder / "talk.mp4", folder / "recordings" / f"{name}.mp4")
    (folder / "videos").mkdir()
    for number in range(4):
        for clip, emotion in (("clip1", "Happy"), ("clip2", "Surprise")):
            shown = drawn(("Neutral", 1.0), (emotion, 1.0), seed=number)
            write_clip(folder / f"videos/P{number:02}_{'AB'[number % 2]}_{clip}.mp4", shown)
    faces = demo.load(training=140, public=70, private=70)
    export_csv(faces, folder / "fer2013.csv")
    votes = as_votes(faces.labels, faces.usage)
    (folder / "fer2013new.csv").write_text(votes, encoding="utf-8")
    rows = (folder / "fer2013.csv").read_text(encoding="utf-8").splitlines()[1:]
    people = [f"{row.rpartition(',')[0]},P{number % 20:02}" for number, row in enumerate(rows)]
    text = "\n".join(["emotion,pixels,person", *people])
    (folder / "people.csv").write_text(text, encoding="utf-8")
    unlabelled = [row.split(",")[COLUMNS.index("pixels")] for row in rows[:7]]
    (folder / "test.csv").write_text("\n".join(["pixels", *unlabelled]), encoding="utf-8")
    codes = dict(zip(("AN", "DI", "FE", "HA", "SA", "SU", "NE"), range(7), strict=True))
    (folder / "jaffe").mkdir()
    for number, woman in enumerate(("KA", "KL", "KM", "KR", "MK")):
        for code, label in codes.items():
            face = faces.faces[faces.labels == label][number]
            Image.fromarray(face).save(folder / f"jaffe/{woman}.{code}1.{number}.tiff")
    events = "onset,duration,trial_type,recording\n0,0.8,rest,{0}\n1,0.8,{1},{0}"
    shown = [events.format(path.stem, path.stem.rsplit("_", 1)[1]).splitlines()
             for path in sorted((folder / "videos").glob("*.mp4"))]  # fmt: skip
    log = [shown[0][0], *(row for rows in shown for row in rows[1:])]
    (folder / "log.csv").write_text("\n".join(log) + "\n", encoding="utf-8")
    shutil.copytree(ROOT / "plans", folder / "plans")
    return folder


class Reader:
    """Somebody who types the blocks of one page, one after the other, in one folder."""

    def __init__(self, files: Path, tmp_path: Path) -> None:
        self.folder = tmp_path / "work"
        shutil.copytree(files, self.folder)
        tools = tmp_path / "bin"
        tools.mkdir()
        for name, text in (("fer-core", FER_CORE), ("python", PYTHON), ("python3", PYTHON)):
            (tools / name).write_text(text.format(python=sys.executable), encoding="utf-8")
            (tools / name).chmod(0o755)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("FER_")}
        self.environment = kept | {
            "FER_HOME": str(tmp_path / "home"),
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        }
        self.said = ""

    def call(self, *command: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=1200,
            check=False,
        )

    def type(self, block: Block) -> None:
        """Run a block, or compare what the page says that it prints."""
        if block.file:
            (self.folder / block.file).write_text(block.text + "\n", encoding="utf-8")
        if block.what == "output":
            printed = [pattern(line) for line in self.said.splitlines()]
            for line in filter(str.strip, block.text.splitlines()):
                wanted = f"{block.where}: not printed: {line}\n{self.said}"
                assert pattern(line) in printed, wanted
        if block.what != "run":
            return
        text = block.text
        if re.search(r"\b(RUN|FOLDS)\b", text):
            run, folds = self.call(sys.executable, "-c", NEWEST).stdout.split()
            text = re.sub(r"\bFOLDS\b", folds, re.sub(r"\bRUN\b", run, text))
        command = (sys.executable, "-c") if block.language == "python" else ("bash", "-ec")
        done = self.call(*command, text)
        self.said = done.stdout + done.stderr
        assert done.returncode == 0, f"{block.where}:\n{text}\n{done.stdout}{done.stderr}"


def pattern(line: str) -> str:
    """Return a printed line without its numbers, which differ from machine to machine."""
    return " ".join(re.sub(r"[\d.,]*\d", "0", line).split())


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "page",
    [page for page in pages() if any(block.what == "run" for block in blocks(page))],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_the_code_of_a_page_runs(page: Path, files: Path, tmp_path: Path) -> None:
    reader = Reader(files, tmp_path)
    try:
        for block in blocks(page):
            reader.type(block)
    finally:
        reader.call(sys.executable, "-c", STOP)
