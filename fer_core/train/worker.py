"""The process that trains a run: ``python -m fer_core.train.worker RUN``.

Started by :meth:`fer_core.jobs.Job.spawn`; it belongs to no terminal and outlives the
process that started it. What it prints is the run's ``log.txt``.
"""

import sys

from fer_core.jobs import run_worker
from fer_core.train import load_data
from fer_core.train.runs import TrainingRun


def main(name: str) -> int:
    """Train the run ``name`` to its end; returns the exit status."""
    run = TrainingRun.open(name)

    def do() -> None:
        with run.hold():
            data = load_data(run.config)
            from fer_core.train.fit import fit_held

            fit_held(run, data)

    return run_worker(do)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
