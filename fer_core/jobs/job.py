"""Long work in processes of their own, each with its state in a folder on disk.

A piece of work is started, stopped and watched from any process; the worker that does it
outlives the one that started it. In its folder are

- ``state.json``: how it stands
- ``progress.json``: what the worker last said
- ``lock``: held by the worker while it works; ``worker.json`` says which process that is
- ``log.txt``: what the worker printed
"""

import contextlib
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import UnionType
from typing import Any, ClassVar, Final

import psutil
from filelock import FileLock, Timeout

from fer_core import system
from fer_core.errors import FerError
from fer_core.files import is_about_room, read_json, write_json
from fer_core.jobs.limits import Limits
from fer_core.resources import module_command, module_environment
from fer_core.settings import settings
from fer_core.system import ProcessIdentity

NO_LIMITS: Final = Limits()
#: What a value may be: a type or several.
Kind = type | UnionType
#: A time that can be read, where none is given.
_NO_TIME: Final = "1970-01-01"


@dataclass(frozen=True)
class Job:
    """One piece of long work; everything it knows is in its folder."""

    path: Path

    #: What to call it, what its errors are, and what is said where it is done already.
    kind: ClassVar[str] = "job"
    error: ClassVar[type[FerError]] = FerError
    taken: ClassVar[str] = "{name} is being done already."
    #: The module whose ``__main__`` does it, given the job's name.
    worker: ClassVar[str]
    #: Types of entries that the state may have, and of those that the progress has.
    state_types: ClassVar[dict[str, Kind]] = {
        "status": str, "created": str, "updated": str, "owner": str, "reason": str | None,
    }  # fmt: skip
    progress_types: ClassVar[dict[str, Kind]] = {"share": float, "seconds_left": float | None}

    @property
    def name(self) -> str:
        """Return its folder's name, by which it is referred to."""
        return self.path.name

    def state(self) -> dict[str, Any]:
        """Return how it stands.

        ``status`` is ``created``, ``queued``, ``running``, ``paused``, ``stopped`` (by
        somebody), ``interrupted`` (its process is gone), ``failed`` (with a ``reason``), what its
        worker writes when it is done, or ``damaged``; besides, times and what else was
        written.
        """
        state = self._stored_state()
        if state["status"] in ("running", "paused") and not self.busy():
            state["status"] = "interrupted"
        return state

    def _stored_state(self) -> dict[str, Any]:
        """Return the state as it was written, without a look at the process."""
        try:
            state = read_json(self.path / "state.json")
            if not isinstance(state, dict) or "status" not in state:
                raise ValueError("no state")
            for name, kind in self.state_types.items():
                if name in state and not is_of(state[name], kind):
                    raise ValueError(f"{name} is {state[name]!r}")
            for name in ("created", "updated"):
                datetime.fromisoformat(state.get(name, _NO_TIME))
        except (OSError, ValueError, RecursionError):
            return {"status": "damaged"}
        return state

    @property
    def owner(self) -> str:
        """Return the opaque text that says whose it is; "" for the machine's own."""
        return str(self._stored_state().get("owner", ""))

    def write_state(self, **changes: Any) -> None:
        """Change entries of the state."""
        if (self.path / "state.json").exists():
            old = self.state()
        else:
            old = {"created": _now(), "owner": ""}
        write_json(self.path / "state.json", {**old, **changes, "updated": _now()})

    def progress(self) -> dict[str, Any]:
        """Return what the worker last said; empty before it said anything, or where it is
        damaged.
        """
        try:
            said = json.loads((self.path / "progress.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        whole = isinstance(said, dict) and all(
            is_of(said.get(name), kind) for name, kind in self.progress_types.items()
        )
        return said if whole and 0 <= said.get("share", 0) <= 1 else {}

    def write_progress(self, values: dict[str, Any]) -> None:
        """Say how far it is; a reader sees the old values or the new ones."""
        new = self.path / ".progress.json"
        new.write_text(json.dumps(values), encoding="utf-8")
        new.replace(self.path / "progress.json")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for writing; two processes never write the same one.

        While it is held, ``worker.json`` says which process holds it.

        Raises:
            FerError: Another process holds it.
        """
        held = FileLock(self.path / "lock")
        try:
            # Somebody may just be looking, see busy(), and lets go at once.
            held.acquire(timeout=0.05, poll_interval=0.01)
        except Timeout as error:
            raise self.error(self.taken.format(name=self.name)) from error
        except OSError as error:
            raise self._cannot_write(error) from error
        try:
            self._write_worker(os.getpid())
            yield
        finally:
            (self.path / "worker.json").unlink(missing_ok=True)
            held.release()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the folder as :meth:`lock` does, and write into its state how that ends.

        Raises:
            FerError: another process holds it, or its folder cannot be written.
        """
        with self.lock():
            try:
                yield
            except KeyboardInterrupt:
                self.write_state(status="stopped")
                raise
            except OSError as error:
                if not is_about_room(error):
                    self.fail(f"The {self.kind} broke off: {error.strerror or error}.")
                    raise
                reason = f"The {self.kind} cannot write its folder: {error.strerror or error}."
                self.fail(f"{reason} Make room and resume it.")
                raise self.error(f"{reason} Make room and resume {self.name}.") from error
            except MemoryError as error:
                reason = f"There was not enough memory for the {self.kind}: make it smaller."
                self.fail(reason)
                raise self.error(reason) from error
            except FerError as error:
                self.fail(str(error))
                raise
            except Exception as error:
                self.fail(f"{type(error).__name__}: {error}")
                raise

    def fail(self, reason: str) -> None:
        """Write into the state that the job failed, and why."""
        with contextlib.suppress(OSError):  # where nothing can be written, nothing is
            self.write_state(status="failed", reason=reason)

    def _cannot_write(self, error: OSError) -> FerError:
        """Return the error that says why nothing can be written into the folder."""
        reason = error.strerror or error
        if isinstance(error, PermissionError):
            reason = f"{reason}. It belongs to another user"
        return self.error(
            f"{self.path}, the folder of this {self.kind}, cannot be written: {reason}."
        )

    def busy(self) -> bool:
        """Return whether a process works on it now."""
        path = self.path / "lock"
        if path.exists():
            probe = FileLock(path)
            try:
                probe.acquire(timeout=0)
            except Timeout:
                return True
            except OSError:
                pass  # a folder that is being deleted, or that cannot be written by us
            else:
                probe.release()
        # A worker that was started a moment ago does not hold the lock yet.
        return self.process() is not None

    def process(self) -> psutil.Process | None:
        """Return the process that works on it, if that is certainly one of this machine."""
        identity = self._worker()
        return identity.process() if identity else None

    def elsewhere(self) -> str | None:
        """Return which other machine started a worker for it, in words for the user.

        ``None`` if no worker is known, or one of this machine.
        """
        identity = self._worker()
        if identity is None or identity.is_of_this_machine():
            return None
        return f"{identity.host} (process {identity.pid})"

    def _worker(self) -> ProcessIdentity | None:
        try:
            value = json.loads((self.path / "worker.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return ProcessIdentity.from_json(value)

    def _write_worker(self, pid: int) -> None:
        identity = ProcessIdentity.of(pid)
        if identity:
            # On a full disk the lock alone says that somebody works on it.
            with contextlib.suppress(OSError):
                write_json(self.path / "worker.json", identity.to_json())

    def spawn(
        self,
        module: str | None = None,
        *arguments: str,
        limits: Limits = NO_LIMITS,
        **state: Any,
    ) -> None:
        """Do it in a process of its own.

        Args:
            module: What does it, given the name and ``arguments``; without, its worker.
            arguments: further ones.
            limits: What the owner may use.
            state: what the state is to say; without, that it runs.

        Raises:
            FerError: A process works on it already, or the limits allow no further job.
        """
        limits.check_turn(self)
        with self._start_alone():
            if self.busy():
                raise self.error(self.taken.format(name=self.name))
            self.write_state(**(state or {"status": "running", "reason": None}))
            with (self.path / "log.txt").open("ab") as log:
                worker = subprocess.Popen(
                    module_command(module or self.worker, self.name, *arguments),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    # Of TensorFlow's notes the log keeps the errors.
                    env={"TF_CPP_MIN_LOG_LEVEL": "2"}
                    | module_environment()
                    | {"FER_HOME": str(settings().home.resolve())},
                    **system.detached(),
                )
            self._write_worker(worker.pid)

    @contextmanager
    def _start_alone(self) -> Iterator[None]:
        """Let one process at a time start a worker, so that of two starts only one succeeds."""
        try:
            with FileLock(self.path / ".starting", timeout=10):
                yield
        except Timeout as error:
            raise self.error(self.taken.format(name=self.name)) from error
        except OSError as error:
            raise self._cannot_write(error) from error

    def stop(self, seconds: float = 60.0) -> None:
        """End its process and wait for that.

        Raises:
            FerError: it does not end within ``seconds``, or it runs on another machine, whose
                processes cannot be ended from here.
        """
        self.require_here("stop")
        process = self.process()
        if process and not system.ask_to_end(process) and process.is_running():
            raise self.error(
                f"Process {process.pid}, which works on {self.name}, belongs to another user: "
                "only they can stop it."
            )
        self.wait(seconds)
        if self.state()["status"] in ("interrupted", "queued"):  # it had not begun to listen
            self.write_state(status="stopped")

    def require_here(self, act: str) -> None:
        """Refuse to act on the worker of another machine.

        Args:
            act: What the user wants to do, as a verb.

        Raises:
            FerError: A worker of another machine is doing the job, or was when that machine
                was last heard of.
        """
        where = self.elsewhere()
        if where is None or self._stored_state()["status"] not in ("running", "paused"):
            return
        gone = "" if self.busy() else " If nothing works on it there any more, resume it here."
        raise self.error(
            f"{self.name} is at work on another machine, {where}: {act} it there.{gone}"
        )

    def wait(self, seconds: float) -> None:
        """Wait until no process does it any more.

        Raises:
            FerError: one still does after ``seconds``.
        """
        deadline = time.monotonic() + seconds
        while self.busy():
            if time.monotonic() > deadline:
                raise self.error(self.taken.format(name=self.name))
            time.sleep(0.05)


def is_of(value: Any, kind: Kind) -> bool:
    """Return whether a value of a JSON file has a type; a whole number is a ``float`` too."""
    if isinstance(value, bool):
        return issubclass(bool, kind) and kind not in (int, float)
    if isinstance(value, float):
        return math.isfinite(value) and issubclass(float, kind)
    return isinstance(value, kind) or (isinstance(value, int) and issubclass(float, kind))


def run_worker(do: Callable[[], None]) -> int:
    """Do the work of a worker until it is done or asked to stop.

    Returns:
        The exit status; what was wrong is printed, for the log.
    """
    system.end_when_asked()
    try:
        do()
    except KeyboardInterrupt:
        return 130
    except FerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds")
