"""No damaged file ends in a traceback, hangs, or takes all the memory.

``FER_FUZZ_SEED`` chooses other files; a failure names the seed that makes it again.
"""

import os
import queue
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from tests.security.fuzz import KINDS

ROOT = Path(__file__).parents[2]
#: Seconds that one file may take.
PATIENCE = 10
MEMORY = 2e9
SEED = int(os.environ.get("FER_FUZZ_SEED", "0"))
#: Cases of each kind in every run of the tests, about a minute in all, and in a full one.
FEW = {".csv": 40, ".zip": 60, "model": 60, **dict.fromkeys((".mp4", ".webm", ".mkv", ".avi"), 60)}
MANY = 5000 // len(KINDS) + 1


def check(kind: str, first: int, count: int, folder: Path) -> None:
    """Let a process read the files, and watch it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.security.fuzz", kind, str(first), str(count), str(folder)],
        cwd=ROOT,
        env=os.environ | {"FER_HOME": str(folder / "home"), "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    )
    lines: queue.Queue[str | None] = queue.Queue()

    def listen() -> None:
        for line in process.stdout or []:
            lines.put(line.strip())
        lines.put(None)

    threading.Thread(target=listen, daemon=True).start()
    watched, worst, seen = psutil.Process(process.pid), 0, []
    try:
        assert lines.get(timeout=90) == "ready"
        while len(seen) < count:
            try:
                line = lines.get(timeout=PATIENCE)
            except queue.Empty:
                pytest.fail(f"{kind}: seed {first + len(seen)} takes more than {PATIENCE} s")
            if line is None:
                pytest.fail(f"{kind}: seed {first + len(seen)} ends the process")
            assert " failed: " not in line, f"{kind}: {line}"
            seen.append(line)
            worst = max(worst, watched.memory_info().rss)
    except psutil.NoSuchProcess:
        assert len(seen) >= count - 1
    finally:
        process.kill()
        process.wait()
    assert worst < MEMORY, f"{kind}: {worst / 1e9:.1f} GB"
    # Damage that never shows would be none.
    assert any("refused" in line for line in seen)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_read_or_refused_in_one_sentence(kind: str, tmp_path: Path) -> None:
    check(kind, SEED, FEW.get(kind, 150), tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", KINDS)
def test_many_damaged_files_are_read_or_refused(kind: str, tmp_path: Path) -> None:
    check(kind, 10_000 + SEED, MANY, tmp_path)
