"""Training runs on disk.

A run is a folder under ``FER_HOME/runs``:

- ``config.json``: everything that decides how it goes, and how that was changed
- ``metrics.jsonl``: a line per epoch; ``steps.jsonl``: a line per update
- ``checkpoint.npz``: to go on from; ``checkpoint.previous.npz``: the one before it, where
  the last is damaged; ``best.npz``: the weights chosen so far
- ``evaluation.json``, ``sources.json``, ``judged_PublicTest.npz``: see :mod:`fer_core.train.judge`
- ``data.json``, ``training_faces.npz``: see :mod:`fer_core.train.origin`
- ``usage.jsonl``: a line every five seconds
- ``about.json``: title and note, see :mod:`fer_core.train.manage`
- ``events/``: for TensorBoard
- what all long work has, see :mod:`fer_core.jobs`. Its state has the status ``trained`` at
  the end, ``epoch``, ``best_epoch`` and ``best_accuracy``; its progress ``epoch``, ``step``,
  ``images_per_second`` and ``seconds_left``

Runs are started, stopped and watched from any process; the worker that trains is one
of its own (:mod:`fer_core.train.worker`) and outlives the one that started it.
"""

import contextlib
import json
import re
import shutil
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final, TextIO
from zipfile import BadZipFile

import numpy as np
from pydantic import ValidationError

from fer_core import system
from fer_core.errors import TrainingError
from fer_core.files import write_atomic, write_bytes, write_json
from fer_core.jobs import NO_LIMITS, Job, Kind, Limits
from fer_core.models.keras_settings import check_keras
from fer_core.settings import settings
from fer_core.train.check import require_valid, with_absolute_paths
from fer_core.train.config import Fold, TrainConfig

#: What a run goes on from, and what it goes on from where that cannot be read.
CHECKPOINT: Final = "checkpoint.npz"
PREVIOUS: Final = "checkpoint.previous.npz"
_NEW: Final = ".checkpoint.new.npz"

#: What the history of a configuration calls other data that was accepted.
NEW_DATA: Final = "data_checksum"

#: What a run's name looks like: no path leads out of the runs' folder.
NAME: Final = r"\w[\w.-]*"


@dataclass(frozen=True)
class Leg:
    """The part of a run since its settings were changed last; all of it where they never were.

    Attributes:
        begin: Finished epochs when the present cycle of the learning rate began.
        epoch: Finished epochs when a setting was changed last.
        step: Finished updates then.
        data: Finished epochs when the run was given other data; figures of earlier epochs do
            not compare with later ones.
    """

    begin: int = 0
    epoch: int = 0
    step: int = 0
    data: int = 0


WHOLE_RUN: Final = Leg()


@dataclass(frozen=True)
class TrainingRun(Job):
    """One training run; everything it knows is in its folder."""

    kind = "run"
    error = TrainingError
    taken = "Run {name} is already being trained."
    worker = "fer_core.train.worker"
    state_types: ClassVar[dict[str, Kind]] = Job.state_types | {
        "epoch": int, "best_epoch": int | None, "best_accuracy": float | None,
        "steps_per_epoch": int, "act": dict | None, "trained_epoch": int | None,
    }  # fmt: skip
    progress_types: ClassVar[dict[str, Kind]] = {
        "epoch": int, "step": int, "steps": int, "images_per_second": float,
        "seconds_left": float,
    }  # fmt: skip

    @classmethod
    def create(cls, config: TrainConfig, owner: str = "") -> "TrainingRun":
        """Create a run in a folder of its own.

        Args:
            config: Everything that decides how it goes.
            owner: Opaque text that says whose it is; "" for the machine's own.

        Raises:
            FerError: Keras or the package of its backend is not installed.
            TrainingError: A setting is wrong, or the folder cannot be made.
        """
        check_keras("Training")
        # A configuration that configure() did not make was not checked yet.
        require_valid(config.model_dump())
        config = with_absolute_paths(config)
        if config.fold:
            wish = f"{config.fold.group}-fold-{config.fold.number}"
        else:
            wish = f"{config.model}-{datetime.now():%Y%m%d-%H%M%S}"
        for suffix in ("", *(f"-{n}" for n in range(2, 1000))):
            path = settings().runs / f"{wish}{suffix}"
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError as error:
                raise TrainingError(f"{path} cannot be made: {error.strerror}.") from error
            run = cls(path)
            try:
                run.write_config(config)
                run.write_state(status="created", owner=owner)
            except BaseException:  # half a run would be shown as a damaged one
                shutil.rmtree(path, ignore_errors=True)
                raise
            return run
        raise TrainingError("Too many runs were started in the same second.")

    @classmethod
    def open(cls, name: str) -> "TrainingRun":
        """The run called ``name``.

        Raises:
            TrainingError: there is none, or the name leaves the runs' folder.
        """
        path = settings().runs / name
        if not re.fullmatch(NAME, name) or not (path / "config.json").is_file():
            raise TrainingError(f"No run '{name}': see 'python -m fer_core runs'.")
        return cls(path)

    @property
    def config(self) -> TrainConfig:
        """Return the configuration that holds now.

        Raises:
            TrainingError: It cannot be read, or a newer version of the program wrote it.
        """
        fields = self._config()
        fields.pop("history", None)
        try:
            return TrainConfig.model_validate(fields)
        except ValidationError as error:
            unknown = [e for e in error.errors() if e["type"] == "extra_forbidden"]
            if len(unknown) < error.error_count():
                raise self._unreadable() from error
            raise TrainingError(
                f"Run {self.name} was written by a newer version of this program: its "
                f"config.json has the setting '{unknown[0]['loc'][-1]}'. Update this program."
            ) from error

    @property
    def fold(self) -> Fold | None:
        """Return which part of a cross-validation it is; ``None`` of none, or if damaged."""
        try:
            return Fold.model_validate(self._config()["fold"])
        except (TrainingError, LookupError, ValidationError):
            return None

    def state(self) -> dict[str, Any]:
        """Return how it stands, see :meth:`Job.state`; a finished run stays ``trained``."""
        state = super().state()
        if state["status"] == "interrupted" and _was_finished(state):
            state["status"] = "trained"
        return state

    def write_state(self, **changes: Any) -> None:
        """Change entries of the state.

        A run that was trained to its end and goes on with more epochs is ``trained`` again
        when that fails or is stopped before another epoch is finished: its result is as good
        as before.
        """
        old = self._stored_state()
        if old["status"] == "trained" and changes.get("status", "trained") != "trained":
            changes["trained_epoch"] = old.get("epoch")
        if changes.get("status") in ("failed", "stopped") and _was_finished(old | changes):
            changes["status"] = "trained"
        super().write_state(**changes)

    def is_finished(self) -> bool:
        """Return whether the run is trained, and no further epochs were asked for."""
        state = self.state()
        return state["status"] == "trained" and not self.changed("epochs", state.get("epoch", 0))

    def history(self) -> list[dict[str, Any]]:
        """Return how the configuration was changed while the run was resumed, oldest first.

        Each row has the ``epoch`` and ``step`` that were finished by then, the ``time``, and
        ``changes``: old and new value by setting.
        """
        rows = self._config().get("history", [])
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    def leg(self) -> Leg:
        """Return the part of the run that its current settings hold for."""
        leg = WHOLE_RUN
        for row in self.history():
            begin = row["epoch"] if "epochs" in row["changes"] else leg.begin
            data = row["epoch"] if NEW_DATA in row["changes"] else leg.data
            leg = Leg(begin, row["epoch"], row["step"], data)
        return leg

    def changed(self, name: str, epoch: int) -> bool:
        """Return whether a setting was changed after so many finished epochs or later."""
        return any(row["epoch"] >= epoch and name in row["changes"] for row in self.history())

    def write_config(self, config: TrainConfig, history: Sequence[dict[str, Any]] = ()) -> None:
        """Replace the configuration and its history."""
        fields = config.model_dump(mode="json") | ({"history": list(history)} if history else {})
        write_json(self.path / "config.json", fields)

    def _config(self) -> dict[str, Any]:
        try:
            fields = json.loads((self.path / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise self._unreadable() from error
        if not isinstance(fields, dict):
            raise self._unreadable()
        return fields

    def _unreadable(self) -> TrainingError:
        return TrainingError(
            f"Run {self.name} has no readable configuration: its config.json is damaged. Put it "
            "back from a copy, or delete the run."
        )

    def metrics(self) -> list[dict[str, Any]]:
        """One row per finished epoch."""
        return self._lines("metrics.jsonl")

    def steps(self) -> list[dict[str, Any]]:
        """One row per update: ``epoch``, ``step`` and the ``loss`` of its batch."""
        return self._lines("steps.jsonl")

    def usage(self) -> list[dict[str, Any]]:
        """What its worker used, every five seconds: ``time`` (since 1970), ``cpu`` (per cent
        of one core), ``memory`` (MB) and ``images_per_second``.
        """
        return self._lines("usage.jsonl")

    def _lines(self, name: str) -> list[dict[str, Any]]:
        try:
            lines = (self.path / name).read_text(errors="replace", encoding="utf-8").splitlines()
        except OSError:
            return []
        rows = []
        for line in lines:
            # A line that is just being written, or damaged.
            with contextlib.suppress(ValueError, RecursionError):
                rows.append(json.loads(line))
        return [row for row in rows if isinstance(row, dict)]

    def write_metrics(self, rows: list[dict[str, Any]]) -> None:
        """Replace the rows, so that a row never outlives the checkpoint it belongs to."""
        self._write_lines("metrics.jsonl", rows)

    @contextmanager
    def step_log(self, epochs: int) -> Iterator[TextIO]:
        """A file to which lines of :meth:`steps` are added, cut to the first ``epochs``."""
        self._write_lines("steps.jsonl", [r for r in self.steps() if r["epoch"] <= epochs])
        with (self.path / "steps.jsonl").open("a", buffering=1, encoding="utf-8") as file:
            yield file

    def _write_lines(self, name: str, rows: list[dict[str, Any]]) -> None:
        write_bytes(self.path / name, "".join(json.dumps(row) + "\n" for row in rows).encode())

    def save_arrays(self, name: str, arrays: dict[str, list[np.ndarray]]) -> None:
        """Keep groups of arrays, in order, as ``name``."""
        flat = {f"{key}/{i}": a for key, group in arrays.items() for i, a in enumerate(group)}
        write_atomic(self.path / name, lambda file: np.savez(file, allow_pickle=False, **flat))

    def load_arrays(self, name: str) -> dict[str, list[np.ndarray]]:
        """Return what :meth:`save_arrays` kept.

        Raises:
            FileNotFoundError: There is no such file.
            TrainingError: It is damaged.
        """
        groups: dict[str, list[np.ndarray]] = {}
        try:
            with np.load(self.path / name) as file:
                for key in file.files:  # in the order written
                    groups.setdefault(key.split("/")[0], []).append(file[key])
        except FileNotFoundError:
            raise
        except (OSError, EOFError, ValueError, AttributeError, BadZipFile, zlib.error) as error:
            raise TrainingError(
                f"{self.path / name} is damaged, perhaps cut short: put it back from a copy, or "
                "start a new run."
            ) from error
        return groups

    def save_checkpoint(self, arrays: dict[str, list[np.ndarray]]) -> None:
        """Keep what the run goes on from; the checkpoint before it stays as a reserve."""
        self.save_arrays(_NEW, arrays)
        path = self.path / CHECKPOINT
        if path.exists():
            path.replace(self.path / PREVIOUS)
        (self.path / _NEW).replace(path)

    def load_checkpoint(self) -> dict[str, list[np.ndarray]] | None:
        """Return the last checkpoint that can be read, or ``None`` before the first.

        Raises:
            TrainingError: There is one, but neither it nor the one before can be read.
        """
        damaged = False
        for name in (CHECKPOINT, PREVIOUS):
            try:
                found = self.load_arrays(name)
                if set(found) >= {"model", "optimizer", "updates", "epoch"}:
                    return found
                damaged = True
            except FileNotFoundError:
                continue
            except TrainingError:
                damaged = True
        if damaged:
            raise TrainingError(
                f"The checkpoint of run {self.name} is damaged, and so is the one before it, or "
                f"there is none: put {CHECKPOINT} back from a copy, or start a new run."
            )
        return None

    def position(self) -> tuple[int, int]:
        """Return how many epochs and updates lie before the checkpoint.

        Raises:
            TrainingError: As :meth:`load_checkpoint`.
        """
        saved = self.load_checkpoint()
        # The first variable of an optimiser counts its updates.
        return (int(saved["epoch"][0]), int(saved["optimizer"][0])) if saved else (0, 0)


def _was_finished(state: dict[str, Any]) -> bool:
    return state.get("trained_epoch") is not None and state["trained_epoch"] == state.get("epoch")


def list_runs() -> list[TrainingRun]:
    """All runs, the newest first, damaged folders among them."""
    found = [TrainingRun(path) for path in settings().runs.glob("[!.]*/")]
    return sorted(found, key=lambda run: run.state().get("created", ""), reverse=True)


def resume(name: str, limits: Limits = NO_LIMITS) -> TrainingRun:
    """Go on with a run in a process of its own: a paused one where it stands, any other
    from its last finished epoch.

    Raises:
        TrainingError: no such run, or it is being trained.
    """
    run = TrainingRun.open(name)
    process = run.process()
    if process and run.state()["status"] in ("paused", "queued") and system.resume(process):
        run.write_state(status="running")
    else:
        run.spawn(limits=limits)
    return run


def pause(name: str) -> TrainingRun:
    """Halt a run without ending its process: it keeps its memory and loses no step.

    Raises:
        TrainingError: no such run, or nothing trains it.
    """
    run = TrainingRun.open(name)
    run.require_here("pause")
    process = run.process()
    if not process or run.state()["status"] != "running":
        raise TrainingError(f"Run {name} is not being trained, so there is nothing to pause.")
    if not system.suspend(process):
        raise TrainingError(
            f"Process {process.pid}, which trains {name}, cannot be paused: it has just ended, or "
            "it belongs to another user."
        )
    run.write_state(status="paused")
    return run


def stop(name: str, seconds: float = 60.0) -> TrainingRun:
    """End a run's process and wait for it; :func:`resume` goes on from its last epoch.

    Raises:
        TrainingError: no such run, or it does not end within ``seconds``.
    """
    run = TrainingRun.open(name)
    run.stop(seconds)
    return run


def wait(name: str, seconds: float) -> TrainingRun:
    """Wait until nothing trains the run any more.

    Raises:
        TrainingError: no such run, or something still does after ``seconds``.
    """
    run = TrainingRun.open(name)
    run.wait(seconds)
    return run
