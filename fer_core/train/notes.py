"""What a run in progress leaves in its folder, for whoever watches it from outside."""

import json
import time
from dataclasses import asdict, dataclass

import psutil

from fer_core.train.runs import TrainingRun

#: Seconds between two notes of progress, and between two of what it uses.
_EVERY, _USAGE_EVERY = 0.5, 5.0


@dataclass(frozen=True)
class Progress:
    """Where a run stands, handed out after every step."""

    epoch: int
    epochs: int
    step: int
    steps: int
    images_per_second: float
    seconds_left: float


class Notes:
    """Keeps ``progress.json`` and ``usage.jsonl`` of a run that this process trains."""

    def __init__(self, run: TrainingRun) -> None:
        self._run, self._process = run, psutil.Process()
        self._noted = self._used = 0.0

    def take(self, progress: Progress) -> None:
        """Note it, unless that was done a moment ago."""
        now = time.monotonic()
        if now - self._noted < _EVERY:
            return
        self._noted = now
        self._run.write_progress(asdict(progress))
        if now - self._used >= _USAGE_EVERY:
            self._used = now
            row = {
                "time": round(time.time(), 1),
                "cpu": self._process.cpu_percent(),
                "memory": self._process.memory_info().rss // 2**20,
                "images_per_second": round(progress.images_per_second, 1),
            }
            with (self._run.path / "usage.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
