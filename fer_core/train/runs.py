"""Training runs on disk.

A run is a folder under ``FER_HOME/runs``:

- ``config.json``: everything that decides how it goes
- ``state.json``: how it stands
- ``metrics.jsonl``: a line per epoch; ``steps.jsonl``: a line per update
- ``checkpoint.npz``: to go on from; ``best.npz``: the weights chosen so far
- ``evaluation.json``: the chosen weights on PublicTest, when it is trained
- ``lock``: held by the process that trains it, whose number it holds
- ``progress.json`` and ``log.txt``: of the worker; ``events/``: for TensorBoard

Runs are started, stopped and watched from any process; the worker that trains is one
of its own (:mod:`fer_core.train.worker`) and outlives the one that started it.
"""

import contextlib
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from fer_core.errors import FerError, TrainingError
from fer_core.files import write_atomic, write_json
from fer_core.settings import settings
from fer_core.train.config import TrainConfig


@dataclass(frozen=True)
class Run:
    """One training run; everything it knows is in its folder."""

    path: Path

    @property
    def name(self) -> str:
        """Its folder's name, which is how commands refer to it."""
        return self.path.name

    @classmethod
    def create(cls, config: TrainConfig) -> "Run":
        """A new run in a folder of its own."""
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        for suffix in ("", *(f"-{n}" for n in range(2, 1000))):
            path = settings().runs / f"{config.model}-{stamp}{suffix}"
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError as error:
                raise TrainingError(f"{path} cannot be made: {error.strerror}.") from error
            run = cls(path)
            write_json(path / "config.json", config.model_dump(mode="json"))
            run.write_state(status="created")
            return run
        raise TrainingError("Too many runs were started in the same second.")

    @classmethod
    def open(cls, name: str) -> "Run":
        """The run called ``name``.

        Raises:
            TrainingError: there is none, or the name leaves the runs' folder.
        """
        path = settings().runs / name
        if not re.fullmatch(r"[\w.-]+", name) or not (path / "config.json").is_file():
            raise TrainingError(f"No run '{name}': see 'python -m fer_core runs'.")
        return cls(path)

    @property
    def config(self) -> TrainConfig:
        """The configuration the run was started with."""
        try:
            return TrainConfig.model_validate_json((self.path / "config.json").read_text())
        except (OSError, ValueError) as error:
            raise TrainingError(f"Run {self.name} has no readable configuration.") from error

    def state(self) -> dict[str, Any]:
        """How it stands.

        ``status`` is ``created``, ``running``, ``paused``, ``stopped`` (by somebody),
        ``interrupted`` (its process is gone), ``failed`` (with a ``reason``), ``trained``
        or ``damaged``; besides ``epoch``, ``best_epoch``, ``best_accuracy`` and times.
        """
        try:
            state = json.loads((self.path / "state.json").read_text())
        except (OSError, ValueError):
            return {"status": "damaged"}
        if state["status"] in ("running", "paused") and not self.busy():
            state["status"] = "interrupted"
        return state

    def write_state(self, **changes: Any) -> None:
        """Change entries of the state."""
        old = self.state() if (self.path / "state.json").exists() else {"created": _now()}
        write_json(self.path / "state.json", {**old, **changes, "updated": _now()})

    def metrics(self) -> list[dict[str, Any]]:
        """One row per finished epoch."""
        return self._lines("metrics.jsonl")

    def steps(self) -> list[dict[str, Any]]:
        """One row per update: ``epoch``, ``step`` and the ``loss`` of its batch."""
        return self._lines("steps.jsonl")

    def _lines(self, name: str) -> list[dict[str, Any]]:
        try:
            lines = (self.path / name).read_text().splitlines()
        except OSError:
            return []
        rows = []
        for line in lines:
            with contextlib.suppress(ValueError):  # a line that is just being written
                rows.append(json.loads(line))
        return rows

    def write_metrics(self, rows: list[dict[str, Any]]) -> None:
        """Replace the rows, so that a row never outlives the checkpoint it belongs to."""
        self._write_lines("metrics.jsonl", rows)

    @contextmanager
    def step_log(self, epochs: int) -> Iterator[TextIO]:
        """A file to which lines of :meth:`steps` are added, cut to the first ``epochs``."""
        self._write_lines("steps.jsonl", [r for r in self.steps() if r["epoch"] <= epochs])
        with (self.path / "steps.jsonl").open("a", buffering=1) as file:
            yield file

    def _write_lines(self, name: str, rows: list[dict[str, Any]]) -> None:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        write_atomic(self.path / name, lambda f: f.write(text.encode()) and None)

    def progress(self) -> dict[str, Any]:
        """What the worker last said: ``epoch``, ``step``, ``images_per_second``,
        ``seconds_left``; empty before its first step.
        """
        try:
            return json.loads((self.path / "progress.json").read_text())
        except (OSError, ValueError):
            return {}

    def save_arrays(self, name: str, arrays: dict[str, list[np.ndarray]]) -> None:
        """Keep groups of arrays, in order, as ``name``."""
        flat = {f"{key}/{i}": a for key, group in arrays.items() for i, a in enumerate(group)}
        write_atomic(self.path / name, lambda file: np.savez(file, **flat))

    def load_arrays(self, name: str) -> dict[str, list[np.ndarray]]:
        """What :meth:`save_arrays` kept."""
        groups: dict[str, list[np.ndarray]] = {}
        with np.load(self.path / name) as file:
            for key in file.files:  # in the order written
                groups.setdefault(key.split("/")[0], []).append(file[key])
        return groups

    @contextmanager
    def lock(self, inherited: int | None = None) -> Iterator[int]:
        """Hold the run for writing; two processes never write the same folder.

        Args:
            inherited: the descriptor of a lock that the parent process took.

        Yields:
            The descriptor, to pass on.

        Raises:
            TrainingError: another process holds it.
        """
        if inherited is None:
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        else:
            handle = inherited
        try:
            for patience in (5, 4, 3, 2, 1, 0):
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError as error:
                    if not patience:
                        raise TrainingError(f"Run {self.name} is already being trained.") from error
                    time.sleep(0.02)  # somebody may just be looking, see busy()
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
            yield handle
        finally:
            os.close(handle)

    @contextmanager
    def hold(self, inherited: int | None = None) -> Iterator[None]:
        """Hold the run as :meth:`lock` does, and write into its state how that ends.

        Raises:
            TrainingError: another process holds it, or its folder cannot be written.
        """
        with self.lock(inherited):
            try:
                yield
            except KeyboardInterrupt:
                self.write_state(status="stopped")
                raise
            except OSError as error:
                reason = f"The run cannot write its folder: {error.strerror or error}."
                self._fail(f"{reason} Make room and resume it.")
                raise TrainingError(f"{reason} Make room and resume {self.name}.") from error
            except FerError as error:
                self._fail(str(error))
                raise
            except Exception as error:
                self._fail(f"{type(error).__name__}: {error}")
                raise

    def _fail(self, reason: str) -> None:
        with contextlib.suppress(OSError):  # where nothing can be written, nothing is
            self.write_state(status="failed", reason=reason)

    def busy(self) -> bool:
        """Whether a process trains it now."""
        try:
            with (self.path / "lock").open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False

    def send(self, number: signal.Signals) -> bool:
        """Send a signal to the process that trains it; ``False`` where there is none."""
        if not self.busy():
            return False
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((self.path / "lock").read_text()), number)
            return True
        return False


def list_runs() -> list[Run]:
    """All runs, the newest first."""
    found = [Run(p.parent) for p in settings().runs.glob("*/config.json")]
    return sorted(found, key=lambda run: run.state().get("created", ""), reverse=True)


def start(config: TrainConfig) -> Run:
    """Create a run and train it in a process of its own."""
    run = Run.create(config)
    _spawn(run)
    return run


def resume(name: str) -> Run:
    """Go on with a run in a process of its own: a paused one where it stands, any other
    from its last finished epoch.

    Raises:
        TrainingError: no such run, or it is being trained.
    """
    run = Run.open(name)
    if run.state()["status"] == "paused" and run.send(signal.SIGCONT):
        run.write_state(status="running")
    else:
        _spawn(run)
    return run


def pause(name: str) -> Run:
    """Halt a run without ending its process: it keeps its memory and loses no step.

    Raises:
        TrainingError: no such run, or nothing trains it.
    """
    run = Run.open(name)
    if not run.send(signal.SIGSTOP):
        raise TrainingError(f"Run {name} is not being trained, so there is nothing to pause.")
    run.write_state(status="paused")
    return run


def stop(name: str, seconds: float = 60.0) -> Run:
    """End a run's process and wait for it; :func:`resume` goes on from its last epoch.

    Raises:
        TrainingError: no such run, or it does not end within ``seconds``.
    """
    run = Run.open(name)
    run.send(signal.SIGTERM)
    run.send(signal.SIGCONT)
    wait(name, seconds)
    if run.state()["status"] == "interrupted":  # it had not begun to listen
        run.write_state(status="stopped")
    return run


def wait(name: str, seconds: float) -> Run:
    """Wait until nothing trains the run any more.

    Raises:
        TrainingError: no such run, or something still does after ``seconds``.
    """
    run = Run.open(name)
    deadline = time.monotonic() + seconds
    while run.busy():
        if time.monotonic() > deadline:
            raise TrainingError(f"Run {name} is still being trained.")
        time.sleep(0.05)
    return run


def _spawn(run: Run) -> None:
    # The lock is taken here and handed on, so that of two starts only one succeeds, and
    # a worker that dies before its first line leaves an interrupted run, not a waiting one.
    with run.lock() as handle:
        run.write_state(status="running", reason=None)
        with (run.path / "log.txt").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "fer_core.train.worker", run.name, str(handle)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(handle,),
                cwd=Path(__file__).resolve().parents[2],
                env=os.environ | {"FER_HOME": str(settings().home.resolve())},
            )
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(worker.pid).encode(), 0)


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds")
