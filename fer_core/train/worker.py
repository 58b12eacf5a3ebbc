"""The process that trains a run: ``python -m fer_core.train.worker RUN [LOCK]``.

Started by :func:`fer_core.train.runs.start`; it belongs to no terminal and outlives the
process that started it. What it prints is the run's ``log.txt``.
"""

import json
import signal
import sys
import time
from dataclasses import asdict
from typing import Any

from fer_core.errors import FerError
from fer_core.train import load_data
from fer_core.train.runs import Run

#: Seconds between two notes of progress.
_EVERY = 1.0


def main(name: str, lock: int | None = None) -> int:
    """Train the run ``name`` to its end; returns the exit status."""
    run = Run.open(name)
    # Asked to stop, it ends as after Ctrl-C: with its state written.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    noted = 0.0

    def note(progress: Any) -> None:
        nonlocal noted
        if time.monotonic() - noted >= _EVERY:
            noted = time.monotonic()
            new = run.path / ".progress.json"
            new.write_text(json.dumps(asdict(progress)))
            new.replace(run.path / "progress.json")

    try:
        with run.hold(lock):
            data = load_data(run.config)
            from fer_core.train.fit import fit_held

            fit_held(run, data, note)
    except KeyboardInterrupt:
        return 130
    except FerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *(int(argument) for argument in sys.argv[2:])))
