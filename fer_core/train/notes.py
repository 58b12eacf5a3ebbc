"""What a run in progress leaves in its folder, for whoever watches it from outside."""

import json
import time
from collections import deque
from collections.abc import Callable
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


class Pace:
    """How fast a run goes, and how long it still takes, from what its last steps took.

    The first step of a process is left out: it traces and compiles the network.
    """

    #: Steps whose mean counts, and how much quicker a face is validated than learnt from.
    _LAST, _VALIDATES_QUICKER = 50, 3

    def __init__(
        self,
        faces: int,
        steps: int,
        epochs: int,
        validation_faces: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to measure.

        Args:
            faces: Of one step, as many as it really has.
            steps: Of an epoch.
            epochs: Of the run.
            validation_faces: How many are validated after each epoch.
            clock: Gives seconds.
        """
        self._faces, self._steps, self._epochs = faces, steps, epochs
        self._validation_faces, self._clock = validation_faces, clock
        self._last: deque[float] = deque(maxlen=self._LAST)
        self._epoch = 0
        self._begun = self._mark = clock()
        self._ended: float | None = None
        # What passed between the last two epochs, and after the first epoch of this process.
        self._between: float | None = None
        self._first_between: float | None = None
        self._traced = False
        self._epoch_steps: list[float] = []
        #: Seconds that the steps of the last epoch took, and their faces per second.
        self.epoch_seconds = 0.0
        self.epoch_rate = 0.0

    def begin_epoch(self, epoch: int) -> None:
        """Begin an epoch, counted from 0; what passed since the last one was validation."""
        now = self._clock()
        if self._ended is not None:
            self._between = now - self._ended
            self._first_between = self._first_between or self._between
        self._epoch, self._begun, self._mark = epoch, now, now
        self._epoch_steps = []

    def step(self, step: int) -> Progress:
        """Count a step of the epoch, from 1, that has just ended."""
        now = self._clock()
        took, self._mark = now - self._mark, now
        if self._traced:
            self._last.append(took)
            self._epoch_steps.append(took)
        self._traced = True
        mean = sum(self._last) / len(self._last) if self._last else took
        rate = self._faces / max(mean, 1e-9)
        between = self._between
        if between is None:
            between = self._validation_faces / (rate * self._VALIDATES_QUICKER)
        epochs = self._epochs - self._epoch
        # After the last epoch the chosen weights are evaluated once more, by a network that is
        # built and traced anew, as it was for the first validation.
        last = between if self._first_between is None else self._first_between
        left = (epochs * self._steps - step) * mean + epochs * between + last
        return Progress(self._epoch + 1, self._epochs, step, self._steps, rate, left)

    def end_steps(self) -> None:
        """End the steps of the epoch: its validation follows."""
        self._ended = self._clock()
        self.epoch_seconds = self._ended - self._begun
        counted = self._epoch_steps
        seconds = sum(counted) if counted else self.epoch_seconds
        self.epoch_rate = self._faces * max(1, len(counted)) / max(seconds, 1e-9)


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
