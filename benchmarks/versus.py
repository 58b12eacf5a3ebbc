"""The photo path beside the ``fer`` package: same pictures, same machine, in turns.

Each side is a process of its own environment, loaded and warmed; a round measures both,
the one that went first going second in the next. Ratios are medians over rounds of one
side's time by the other's, so that what else the machine does weighs on both.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import psutil
from PIL import Image

from benchmarks import worker
from benchmarks.pictures import SIZES, Picture, make_pictures
from fer_core.datasets.base import Dataset
from fer_core.errors import FerError
from fer_core.faces import resolve
from fer_core.system import processor_name
from fer_core.zoo.readme import table

BATCHES: Final = (1, 8, 64)
_ROOT: Final = Path(__file__).resolve().parents[1]
_WORKER: Final = Path(worker.__file__)


class Side:
    """A worker process that answers tasks."""

    def __init__(self, command: list[str], errors: IO[bytes]) -> None:
        self._errors = errors
        self._process = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
        #: What the worker said when it was ready.
        self.started = self._answer()

    def ask(self, **task: Any) -> dict[str, Any]:
        """Do a task, see :func:`benchmarks.worker.serve`."""
        self._process.stdin.write(json.dumps(task).encode() + b"\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        # Libraries print as well; an answer is a line of JSON.
        for line in self._process.stdout:
            if line.startswith(b"{"):
                return json.loads(line)
        self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines() or ["no reason"]
        raise FerError(f"{self._process.args[0]} cannot be measured: {said[-1]}")

    def __enter__(self) -> "Side":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def side_commands(python: Path | None) -> dict[str, list[str]]:
    """Return the command lines of both sides; of ours alone without ``python``.

    Args:
        python: The interpreter of an environment with the ``fer`` package.
    """
    commands = {"ours": [sys.executable, "-m", "benchmarks.worker", "ours"]}
    if python:
        # Not resolved: a link tells Python its environment.
        commands["fer"] = [str(python.absolute()), "-I", str(_WORKER), "fer"]
    return commands


def detectors() -> list[str]:
    """Return the detectors measured: Haar, which both have, and what ``auto`` stands for."""
    return list(dict.fromkeys(["haar", resolve("auto")]))


def cold_command(photo: Path, detector: str) -> list[str]:
    """Return the command line that reads one picture in a new process."""
    return [sys.executable, "-m", "fer_core", "analyze", str(photo), "--json"] + [
        "--detector",
        detector,
    ]


def measure_cold(
    commands: dict[str, list[str]], rounds: int, *, warm: bool = True
) -> dict[str, dict[str, float]]:
    """Return seconds and peak megabytes of new processes, in turns, after one unmeasured run
    (``warm``).
    """
    samples: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
    for number in range(rounds + warm):
        for name, command in in_turn(commands.items(), number):
            run = [sys.executable, "-I", str(_WORKER), "cold", *command]
            result = json.loads(subprocess.run(run, cwd=_ROOT, stdout=subprocess.PIPE).stdout)
            if result["failed"]:
                raise FerError(f"A new process of {name} failed: {' '.join(command)}")
            samples[name].append(result)
    return {
        name: {key: _median([s[key] for s in runs[warm:]]) for key in ("seconds", "megabytes")}
        for name, runs in samples.items()
    }


def run_versus(python: Path, rounds: int = 9, dataset: Dataset | None = None) -> dict[str, Any]:
    """Measure both sides.

    Args:
        python: the interpreter of an environment with the ``fer`` package.
        rounds: how often each side is measured; a third as often with large pictures.
        dataset: measures the package's accuracy on its two test splits as well.

    Returns:
        JSON values, see :func:`to_markdown`.

    Raises:
        FerError: the other environment does not work; says why.
    """
    python = python.absolute()  # not resolved: a link tells Python its environment
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours, theirs = (
            stack.enter_context(Side(c, stack.enter_context(tempfile.TemporaryFile())))
            for c in side_commands(python).values()
        )
        sides = {"fer": theirs} | dict.fromkeys(detectors(), ours)
        pictures = make_pictures()
        result = {
            "package": theirs.started["version"],
            "rounds": rounds,
            "auto": resolve("auto"),
            "pictures": [_picture(p, sides, folder, rounds) for p in pictures],
        }
        two = {"fer": theirs, "ours": ours}
        result["classify"] = {
            n: turns(two, rounds, lambda side, _, n=n: _faces(side, n)) for n in BATCHES
        }
        group = next(p for p in pictures if p.faces and p.size == next(iter(SIZES)))
        path = _saved(folder, group)
        result["crop and classify"] = {
            n: turns(two, rounds, lambda side, _, n=n: _boxes(side, path, group, n))
            for n in BATCHES
        }
        if dataset:
            result["accuracy"] = {
                split: _accuracy(theirs, dataset.split(split), folder)
                for split in ("PublicTest", "PrivateTest")
            }
    with tempfile.TemporaryDirectory() as name:
        photo = Path(name) / "photo.jpg"
        Image.fromarray(group.image).save(photo, quality=95)
        commands = {"fer": [str(python), "-I", str(_WORKER), "once", str(photo)]}
        commands |= {d: cold_command(photo, d) for d in detectors()}
        result["cold"] = measure_cold(commands, rounds)
    return result


def _picture(picture: Picture, sides: dict[str, Side], folder: Path, rounds: int) -> dict[str, Any]:
    boxes: dict[str, list[list[float]]] = {}
    large = picture.image.size > 2_000_000
    repeat, rounds = (1, max(3, rounds // 3)) if large else (5, rounds)
    path = _saved(folder, picture)

    def ask(side: Side, name: str) -> float:
        given = {"path": path, "detector": name}
        answer = side.ask(do="picture", repeat=repeat, **{"with": given})
        boxes[name] = answer["boxes"]
        return answer["seconds"]

    seconds = turns(sides, rounds, ask)
    found = {name: picture.found(of) for name, of in boxes.items()}
    return {
        "name": picture.name,
        "size": picture.size,
        "faces": len(picture.faces),
        "found": {name: len(hit) for name, (hit, _) in found.items()},
        "false boxes": {name: extra for name, (_, extra) in found.items()},
        "lost": {name: len(found["fer"][0] - hit) for name, (hit, _) in found.items()},
        **seconds,
    }


def _faces(side: Side, number: int) -> float:
    repeat = max(1, 128 // number)
    answer = side.ask(do="faces", repeat=repeat, **{"with": {"number": number}})
    return answer["seconds"] / number


def _boxes(side: Side, path: str, picture: Picture, number: int) -> float:
    boxes = [(x, y, s, s) for x, y, s in picture.faces]
    boxes = (boxes * number)[-number:]
    given = {"path": path, "boxes": boxes}
    answer = side.ask(do="boxes", repeat=max(1, 64 // number), **{"with": given})
    return answer["seconds"] / number


def turns(
    sides: dict[str, Side], rounds: int, ask: Callable[[Side, str], float]
) -> dict[str, dict[str, float]]:
    """Return median seconds of each side, and how many times as fast as the first it is."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name, side in in_turn(sides.items(), number):
            times[name].append(ask(side, name))
    first = np.array(next(iter(times.values())))
    return {
        "seconds": {name: _median(t) for name, t in times.items()},
        "times as fast": {name: _median(first / np.array(t)) for name, t in times.items()},
    }


def in_turn(items: Any, number: int) -> list:
    """Return the order of a round: every second one backwards."""
    return list(items)[:: -1 if number % 2 else 1]


def _median(values: Any) -> float:
    return float(np.median(values))


def _saved(folder: Path, picture: Picture) -> str:
    path = folder / f"{picture.name}, {picture.size}.npy"
    if not path.exists():
        np.save(path, picture.image)
    return str(path)


def _accuracy(theirs: Side, split: Dataset, folder: Path) -> float:
    path = folder / "faces.npy"
    np.save(path, split.faces)
    labels = theirs.ask(do="predict", faces=str(path))["labels"]
    return float((np.array(labels) == split.labels).mean())


def to_markdown(result: dict[str, Any]) -> str:
    """Return what :func:`run_versus` gave, as tables."""
    ours = [name for name in result["cold"] if name != "fer"]
    title = {d: f"ours, {d}" + (" (auto)" if d == result["auto"] else "") for d in ours}
    package = result["package"]

    rows = []
    for p in result["pictures"]:
        cells = [f"{p['seconds']['fer'] * 1000:.0f}"]
        cells += [f"{p['seconds'][d] * 1000:.0f} ({p['times as fast'][d]:.1f}×)" for d in ours]
        found, extra = (
            " / ".join(str(p[key][name]) for name in ("fer", *ours))
            for key in ("found", "false boxes")
        )
        rows.append((f"{p['size']}, {p['name']}", *cells, p["faces"], found, extra))
    lost = {d: sum(p["lost"][d] for p in result["pictures"]) for d in ours}
    parts = [
        "Milliseconds per picture in memory, both sides loaded and warmed, medians of "
        f"{result['rounds']} rounds in turns (a third as many at 12 megapixels); in brackets how "
        "many times as fast as the package. It looks for faces from 50 pixels, our Haar from 30. "
        "Faces found and false boxes in the order of the columns.",
        table(
            ("picture", package, *title.values(), "faces", "found", "false boxes"),
            rows,
        ),
        "Faces that the package finds and we do not: "
        + ", ".join(f"{title[d]} {n}" for d, n in lost.items())
        + ".",
        "Milliseconds per face:",
        table(
            ("", "faces at once", package, "ours", "times as fast"),
            [
                (
                    what,
                    n,
                    f"{of['seconds']['fer'] * 1000:.2f}",
                    f"{of['seconds']['ours'] * 1000:.2f}",
                    f"{of['times as fast']['ours']:.2f}",
                )
                for what in ("classify", "crop and classify")
                for n, of in result[what].items()
            ],
        ),
        "From a new process to the emotions of a 640×480 JPEG:",
        table(
            ("", "seconds", "of the package's", "peak MB", "of the package's"),
            [
                (
                    package if name == "fer" else title[name],
                    f"{of['seconds']:.2f}",
                    f"{of['seconds'] / result['cold']['fer']['seconds']:.2f}",
                    f"{of['megabytes']:.0f}",
                    f"{of['megabytes'] / result['cold']['fer']['megabytes']:.2f}",
                )
                for name, of in result["cold"].items()
            ],
        ),
    ]
    if "accuracy" in result:
        parts.append(
            f"Accuracy of {package}'s default model on FER2013, its own scaling: "
            + ", ".join(f"{split} {value:.2%}" for split, value in result["accuracy"].items())
            + "."
        )
    return "\n\n".join(parts)


def again(command: str, model: str | None = None) -> str:
    """Return the sentence that says how something is measured again.

    Args:
        command: what follows ``benchmarks``; PYTHON in it is told of elsewhere.
        model: the one that was measured, where it is that of the settings.
    """
    chosen = f"FER_MODEL={model} " if model else ""
    said = f"Again: `{chosen}python -m benchmarks {command}`"
    where = ", see [benchmarks](../benchmarks/README.md)" if "PYTHON" in command else ""
    return f"{said}{where}."


def environment() -> dict[str, str]:
    """Return what machine this is, for the record."""
    return {"processor": processor_name(), "cores": str(os.cpu_count())}


def cpu_seconds(process: psutil.Process) -> float:
    """Return processor time that a process had so far, in seconds of one core."""
    times = process.cpu_times()
    return times.user + times.system
