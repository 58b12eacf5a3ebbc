"""Training runs on disk.

A run is a folder under ``FER_HOME/runs``: ``config.json``, ``state.json`` (how it
stands), ``metrics.jsonl`` (a line per epoch), ``checkpoint.npz`` (to go on from),
``best.npz`` (the weights chosen so far), and at the end ``model/``, the exported model.
"""

import fcntl
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from fer_core.errors import TrainingError
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
        """How it stands: ``status``, ``epoch``, ``best_epoch``, ``best_accuracy``, times."""
        try:
            return json.loads((self.path / "state.json").read_text())
        except (OSError, ValueError):
            return {"status": "damaged"}

    def write_state(self, **changes: Any) -> None:
        """Change entries of the state."""
        old = self.state() if (self.path / "state.json").exists() else {"created": _now()}
        write_json(self.path / "state.json", {**old, **changes, "updated": _now()})

    def metrics(self) -> list[dict[str, Any]]:
        """One row per finished epoch."""
        try:
            lines = (self.path / "metrics.jsonl").read_text().splitlines()
        except OSError:
            return []
        return [json.loads(line) for line in lines]

    def write_metrics(self, rows: list[dict[str, Any]]) -> None:
        """Replace the rows, so that a row never outlives the checkpoint it belongs to."""
        text = "".join(json.dumps(row) + "\n" for row in rows)
        write_atomic(self.path / "metrics.jsonl", lambda f: f.write(text.encode()) and None)

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
    def lock(self) -> Iterator[None]:
        """Hold the run for writing; two processes never write the same folder.

        Raises:
            TrainingError: another process holds it.
        """
        with (self.path / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise TrainingError(f"Run {self.name} is already being trained.") from error
            yield


def list_runs() -> list[Run]:
    """All runs, the newest first."""
    found = [Run(p.parent) for p in settings().runs.glob("*/config.json")]
    return sorted(found, key=lambda run: run.state().get("created", ""), reverse=True)


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds")
