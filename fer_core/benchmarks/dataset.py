"""How long the dataset page's work takes on a whole dataset, without the browser."""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fer_core.benchmarks.versus import environment
from fer_core.datasets import browse, corrections, load
from fer_core.datasets.identity import face_keys
from fer_core.emotions import EMOTIONS
from fer_core.models.readme import table as markdown

_FIRST = """
import resource, sys, time
from fer_core.datasets import load
begun = time.perf_counter()
load(sys.argv[1])
print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def run_dataset(data: str, rounds: int = 7) -> dict[str, Any]:
    """Open a dataset for the first time and again, then filter, sort and page.

    Args:
        data: as for :func:`fer_core.datasets.load`.
        rounds: medians of so many.

    Returns:
        Seconds (``first``, ``again``), megabytes (``peak_first``, ``peak``) and
        milliseconds of each step.
    """
    with tempfile.TemporaryDirectory() as home:
        first = _opened(data, home)
        again = min(_opened(data, home) for _ in range(3))
    dataset = load(data)
    keys = face_keys(dataset.faces)
    rng = np.random.default_rng(0)
    # What a model says does not matter for the time; random words do.
    said = rng.dirichlet(np.ones(len(EMOTIONS)), len(dataset)).astype(np.float32)
    seen = rng.normal(size=(len(dataset), 256)).astype(np.float32)
    faces = browse.table(dataset, keys, said)
    changes = [(key, "label", "Sad", "", "", "") for key in keys[:: max(1, len(keys) // 1000)]]
    overlay = corrections.Overlay.of(pd.DataFrame(changes, columns=list(corrections.COLUMNS)))
    mended = browse.corrected(faces, overlay)
    chosen = browse.Filter(split="Training", label=4, confidence=(0.3, 0.9))
    page = np.arange(60)
    steps: dict[str, Callable[[], Any]] = {
        "names of all faces": lambda: face_keys(dataset.faces),
        "table of all faces": lambda: browse.table(dataset, keys, said),
        "1,000 corrections laid over": lambda: browse.corrected(faces, overlay),
        "filter": lambda: chosen.mask(mended),
        "sort by loss": lambda: browse.order(mended, "loss"),
        "sort by similarity": lambda: browse.order(mended, "row", seen, 7),
        "a page of 60 faces as one picture": lambda: browse.sheet(dataset.faces[page], 10),
    }
    return {
        "machine": environment(),
        "faces": len(dataset),
        "first": first[0],
        "again": again[0],
        "peak_first": first[1],
        "peak_again": again[1],
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "milliseconds": {name: _median(step, rounds) for name, step in steps.items()},
    }


def _opened(data: str, home: str) -> tuple[float, float]:
    """Seconds, and megabytes at the most, in a process of its own."""
    path = str(Path(data).resolve()) if Path(data).exists() else data
    out = subprocess.run(
        [sys.executable, "-c", _FIRST, path],
        env=os.environ | {"FER_HOME": home},
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[2],
    ).stdout.split()
    return float(out[0]), float(out[1]) / 1024


def _median(step: Callable[[], Any], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        step()
        times.append(time.perf_counter() - begun)
    return 1000 * statistics.median(times)


def to_markdown(result: dict[str, Any]) -> str:
    """The result as text and a table."""
    rows = [
        ("open for the first time", f"{result['first']:.1f} s", f"{result['peak_first']:.0f} MB"),
        (
            "open again, from the cache",
            f"{result['again']:.2f} s",
            f"{result['peak_again']:.0f} MB",
        ),
    ]
    rows += [(name, f"{ms:.1f} ms", "") for name, ms in result["milliseconds"].items()]
    return (
        f"{result['faces']:,} faces on {result['machine']['cores']} cores, "
        f"{result['machine']['processor']}; medians.\n\n"
        + markdown(("step", "time", "memory of the process at most"), rows)
        + "\n\nAgain: `python -m fer_core benchmark dataset --data fer2013.csv.xz`."
    )
