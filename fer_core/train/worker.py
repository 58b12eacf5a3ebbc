"""The process that trains a run: ``python -m fer_core.train.worker RUN [LOCK]``.

Started by :meth:`fer_core.work.Work.spawn`; it belongs to no terminal and outlives the
process that started it. What it prints is the run's ``log.txt``.
"""

import json
import sys
import time
from dataclasses import asdict
from typing import Any

import psutil

from fer_core.train import load_data
from fer_core.train.runs import Run
from fer_core.work import run_worker

#: Seconds between two notes of progress, and between two of what it uses.
_EVERY, _USAGE_EVERY = 0.5, 5.0


def main(name: str, lock: int | None = None) -> int:
    """Train the run ``name`` to its end; returns the exit status."""
    run = Run.open(name)
    noted = used = 0.0
    process = psutil.Process()

    def note(progress: Any) -> None:
        nonlocal noted, used
        now = time.monotonic()
        if now - noted < _EVERY:
            return
        noted = now
        run.write_progress(asdict(progress))
        if now - used >= _USAGE_EVERY:
            used = now
            row = {
                "time": round(time.time(), 1),
                "cpu": process.cpu_percent(),
                "memory": process.memory_info().rss // 2**20,
                "images_per_second": round(progress.images_per_second, 1),
            }
            with (run.path / "usage.jsonl").open("a") as file:
                file.write(json.dumps(row) + "\n")

    def do() -> None:
        with run.hold(lock):
            data = load_data(run.config)
            from fer_core.train.fit import fit_held

            fit_held(run, data, note)

    return run_worker(do)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *(int(argument) for argument in sys.argv[2:])))
