"""What is done with a run besides training it, in a process of its own.

While it is done, ``act`` in the run's state says what it is and how it goes: ``what``, ``of``,
``status`` (``running``, ``done``, ``stopped`` or ``failed``) and, after a failure, ``reason``.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from fer_core import system
from fer_core.errors import FerError
from fer_core.train.runs import TrainingRun


def start(run: TrainingRun, module: str, what: str, of: str, *more: str) -> None:
    """Start an act.

    Args:
        run: What it is done with.
        module: Does it, given the run's name and ``of``.
        what: Name of the act.
        of: What it is about, such as a split or the name of a model.
        more: Further arguments of the module.

    Raises:
        TrainingError: A process works on the run already.
    """
    run.spawn(module, of, *more, act={"what": what, "of": of, "status": "running"})


def carry_out(name: str, what: str, of: str, do: Callable[[TrainingRun], None]) -> int:
    """Do an act in this process and write into the run's state how it ended.

    Args:
        name: Of the run.
        what: Name of the act.
        of: What it is about.
        do: The act itself.

    Returns:
        The exit status of the process.
    """
    run = TrainingRun.open(name)
    system.end_when_asked()

    def note(**changes: Any) -> None:
        with suppress(OSError):  # where nothing can be written, nothing is
            run.write_state(act={"what": what, "of": of} | changes)

    with run.lock():
        try:
            do(run)
        except KeyboardInterrupt:
            note(status="stopped")
            return 130
        except FerError as error:
            note(status="failed", reason=str(error))
            return 1
        except OSError as error:
            note(status="failed", reason=f"A file cannot be written: {error.strerror or error}.")
            return 1
        except Exception as error:
            note(status="failed", reason=f"{type(error).__name__}: {error}")
            raise
        note(status="done")
    return 0
