"""How large the project is: lines per package, megabytes of its environments, seconds to import."""

import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.versus import again, environment
from fer_core.zoo.readme import table

_ROOT: Final = Path(__file__).resolve().parents[1]
#: The commit that sizes are compared with.
BEFORE: Final = "65fb702"
#: What is counted, deepest first: a file counts for the first that holds it.
PACKAGES: Final = (
    "fer_core/cli", "fer_core/study", "fer_core/zoo", "fer_core/video", "fer_core/live",
    "fer_core/audit", "fer_core/train", "fer_core/tracking", "fer_core/evaluation",
    "fer_core/explain", "fer_core/datasets", "fer_core/faces", "fer_core/models",
    "fer_core/jobs", "fer_core/storage", "fer_core", "ui/services", "ui", "pages", "benchmarks",
    "tests",
)  # fmt: skip
_ROUNDS: Final = 5


def run_sizes(environments: bool = False, test_minutes: float | None = None) -> dict[str, Any]:
    """Count lines, and measure imports and, if asked for, fresh environments.

    Args:
        environments: Make two fresh environments, with the core and with everything; takes
            minutes and the package index.
        test_minutes: What ``make test`` took, which this cannot know.

    Returns:
        JSON values, see :func:`to_markdown`.
    """
    with tempfile.TemporaryDirectory() as name:
        before = Path(name) / "before"
        before.mkdir()
        archive = subprocess.run(
            ["git", "archive", BEFORE], cwd=_ROOT, capture_output=True, check=True
        ).stdout
        subprocess.run(["tar", "-x"], cwd=before, input=archive, check=True)
        result: dict[str, Any] = {
            "machine": environment(),
            "before": BEFORE,
            "lines": {"before": _lines(before), "after": _lines(_ROOT)},
            "import": _imports(),
            "test minutes": test_minutes,
        }
        if environments:
            result["megabytes"] = {
                what: _environment(Path(name) / "env", wanted)
                for what, wanted in {"core": [str(_ROOT)], "all": [f"{_ROOT}[all]"]}.items()
            }
    return result


def _lines(root: Path) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for file in root.rglob("*.py"):
        path = file.relative_to(root).as_posix()
        for package in PACKAGES:
            if path.startswith(f"{package}/"):
                counts[package] += len(file.read_bytes().splitlines())
                break
    return {package: counts[package] for package in PACKAGES if counts[package]}


def _imports() -> dict[str, float]:
    """Return median seconds of imports in fresh processes, in turns, and their ratio."""
    times: dict[str, list[float]] = {"fer_core": [], "tensorflow": []}
    for _ in range(_ROUNDS):
        for name, spent in times.items():
            code = f"import time; t = time.perf_counter(); import {name}; "
            code += "print(time.perf_counter() - t)"
            done = subprocess.run(
                [sys.executable, "-c", code], cwd=_ROOT, capture_output=True, check=True
            )
            spent.append(float(done.stdout.split()[-1]))
    ratio = np.median(np.array(times["tensorflow"]) / np.array(times["fer_core"]))
    return {name: float(np.median(spent)) for name, spent in times.items()} | {
        "ratio": float(ratio)
    }


def _environment(folder: Path, wanted: list[str]) -> dict[str, float]:
    """Install into a fresh environment; return what it adds in MB, and the seconds it takes."""
    venv.create(folder, with_pip=True)
    begin, empty = time.monotonic(), _megabytes(folder)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-compile"]
    subprocess.run([*pip, *wanted], check=True, stdout=sys.stderr)
    measured = {"megabytes": _megabytes(folder) - empty, "seconds": time.monotonic() - begin}
    shutil.rmtree(folder)
    return measured


def _megabytes(folder: Path) -> float:
    files = (file for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
    return sum(file.stat().st_size for file in files) / 1e6


def to_markdown(result: dict[str, Any]) -> str:
    """Return what :func:`run_sizes` gave, as a table and sentences."""
    before, after = result["lines"]["before"], result["lines"]["after"]
    rows = [
        (package, before.get(package, "–"), after.get(package, "–"))
        for package in PACKAGES
        if package in before or package in after
    ]
    rows.append(("together", sum(before.values()), sum(after.values())))
    took = result["import"]
    said = [
        f"`import fer_core` takes {took['fer_core'] * 1000:.0f} ms, `import tensorflow` "
        f"{took['tensorflow']:.1f} s in the same run: 1/{took['ratio']:.0f}."
    ]
    if sizes := result.get("megabytes"):
        said.append(
            f"Files in a fresh environment: {sizes['core']['megabytes']:.0f} MB with the core, "
            f"{sizes['all']['megabytes']:.0f} MB with everything."
        )
    if minutes := result["test minutes"]:
        said.append(
            f"`make test` takes {minutes:.1f} minutes on {result['machine']['cores']} cores."
        )
    return "\n\n".join(
        [
            f"Lines of Python at commit {result['before']} and now.",
            table(("package", result["before"], "now"), rows),
            " ".join(said),
            again("sizes --environments"),
        ]
    )
