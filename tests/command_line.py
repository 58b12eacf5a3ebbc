"""Processes that tests start: the command line, and Python with nothing loaded yet."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def fer_core(*arguments: object, **env: str) -> subprocess.CompletedProcess:
    """Run ``python -m fer_core`` in the project's folder and return how it ended."""
    return subprocess.run(
        [sys.executable, "-m", "fer_core", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | env,
        timeout=280,
        check=False,
        encoding=env.get("PYTHONIOENCODING", "utf-8"),
    )


def python(code: str) -> str:
    """Run code in a Python of its own, which must end well, and return what it printed."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=280,
        check=True,
        encoding="utf-8",
    ).stdout
