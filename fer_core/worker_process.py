"""A process beside this one that answers requests, and how the two talk.

What must not run in our own process runs in such a worker: Keras, which the app's process
never loads, and models from elsewhere, which are not trusted. :class:`WorkerProcess` is the
calling side; the worker's ``main`` calls :func:`answer_requests`. A message is a line of JSON
and then the bytes of arrays.
"""

import faulthandler
import json
import math
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager, suppress
from typing import IO, Any, Final, Literal

import numpy as np
import psutil

from fer_core.errors import FerError
from fer_core.resources import module_command, module_environment
from fer_core.system import detached

#: A header and the arrays that came with it.
Message = tuple[dict[str, Any], list[np.ndarray]]
#: Why a request was not answered: the process ended, took too long, or took too much memory.
Why = Literal["ended", "late", "memory"]

#: Types of arrays that a message may hold.
_TYPES: Final = ("float32", "uint8")
#: Seconds between two looks at a worker's memory.
_CHECK_SECONDS: Final = 0.05
#: Seconds after its limit at which a worker ends itself, should nobody have ended it.
_GRACE: Final = 10.0


class WorkerError(Exception):
    """A request was not answered, and the worker is gone.

    Attributes:
        why: What happened.
        status: The exit status of the process; ``None`` where it could not be started.
    """

    def __init__(self, why: Why, status: int | None) -> None:
        super().__init__(why)
        self.why, self.status = why, status


def send(stream: IO[bytes], header: dict[str, Any], *arrays: np.ndarray) -> None:
    """Send a message.

    Args:
        stream: What the other side reads.
        header: Plain JSON values.
        arrays: Go with it, ``uint8`` as they are and all others as ``float32``.
    """
    parts = [
        np.ascontiguousarray(array, None if array.dtype == np.uint8 else np.float32)
        for array in arrays
    ]
    about = [[str(part.dtype), *part.shape] for part in parts]
    stream.write(json.dumps(header | {"arrays": about}).encode() + b"\n")
    for part in parts:
        stream.write(part.data)
    stream.flush()


def receive(stream: IO[bytes]) -> Message | None:
    """Receive a message: its header and its arrays.

    Returns:
        ``None`` where the other side is gone.

    Raises:
        ValueError, LookupError, TypeError: What came is no message.
    """
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    header = json.loads(line)
    arrays = []
    for kind, *shape in header.pop("arrays"):
        dtype = np.dtype(_TYPES[_TYPES.index(kind)])
        size = dtype.itemsize * math.prod(shape)
        content = stream.read(size)
        if len(content) < size:
            return None
        arrays.append(np.frombuffer(content, dtype).reshape(shape))
    return header, arrays


class WorkerProcess:
    """A worker that starts with the first request; one thread at a time may ask it."""

    def __init__(
        self,
        module: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        memory: int | None = None,
        quiet: bool = False,
        first: Callable[["WorkerProcess"], object] | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            module: Its ``main`` calls :func:`answer_requests`.
            arguments: Those of the module.
            environment: Further variables.
            memory: Bytes that it may hold while it answers; it is ended when it holds more.
            quiet: Whether what it prints is thrown away.
            first: Called with each new process before any other request, to ask it something.
        """
        self._command = module_command(module, *arguments)
        self._environment = dict(environment or {})
        self._memory, self._quiet, self._first = memory, quiet, first
        self._process: subprocess.Popen | None = None

    @property
    def pid(self) -> int | None:
        """Return the worker's process id; ``None`` while there is no worker."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def ask(self, header: dict[str, Any], *arrays: np.ndarray, seconds: float) -> Message:
        """Send a request and return its answer.

        Args:
            header: Plain JSON values.
            arrays: Go with it.
            seconds: How long the answer may take before the worker is ended.

        Raises:
            FerError: The worker's own error.
            WorkerError: There was no answer.
        """
        answer = None
        try:
            answer = self._exchange(header, arrays, seconds)
        except WorkerError as failure:
            # A worker that was idle may end, with status 0, just as it is asked: ask another.
            if failure.status != 0:
                raise
        if answer is None:
            answer = self._exchange(header, arrays, seconds)
        if "error" in answer[0]:
            raise FerError(str(answer[0]["error"]))
        return answer

    def close(self) -> None:
        """End the worker; the next request starts another."""
        process = self._process
        if process:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                with suppress(OSError):  # what was not sent stays unsent
                    if stream:
                        stream.close()

    def _exchange(
        self, header: dict[str, Any], arrays: tuple[np.ndarray, ...], seconds: float
    ) -> Message:
        try:
            process = self._running()
        except OSError as error:
            raise WorkerError("ended", None) from error
        assert process.stdin is not None and process.stdout is not None
        answer = None
        with (
            _watching(process, seconds, self._memory) as reasons,
            suppress(OSError, ValueError, LookupError, TypeError),
        ):
            send(process.stdin, header | {"seconds": seconds}, *arrays)
            answer = receive(process.stdout)
        if answer is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)  # for its own status, before it is ended
            self.close()
            raise WorkerError(reasons[0] if reasons else "ended", process.returncode)
        return answer

    def _running(self) -> subprocess.Popen:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL if self._quiet else None,
                env=module_environment() | self._environment,
                # Ctrl-C ends the app, whose end it notices.
                **detached(session=False),
            )
            if self._first:
                try:
                    self._first(self)
                except BaseException:
                    self.close()
                    raise
        return self._process


@contextmanager
def _watching(process: subprocess.Popen, seconds: float, memory: int | None):
    """End a process that takes too long or too much memory, and yield a list that says why.

    Its end ends the reading of its answer, too.
    """
    reasons: list[Why] = []
    done = threading.Event()
    end = time.monotonic() + seconds

    def watch() -> None:
        while not done.wait(
            max(0.0, min(end - time.monotonic(), _CHECK_SECONDS if memory else seconds))
        ):
            if time.monotonic() >= end:
                reasons.append("late")
            elif memory and _resident(process.pid) > memory:
                reasons.append("memory")
            else:
                continue
            process.kill()
            return

    thread = threading.Thread(target=watch, name="worker limits", daemon=True)
    thread.start()
    try:
        yield reasons
    finally:
        done.set()
        thread.join()


def _resident(pid: int) -> int:
    try:
        return psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return 0


def answer_requests(answer: Callable[[Message], tuple], idle_seconds: float) -> None:
    """Answer requests on standard input until nobody asks any more; never return.

    The process ends when nothing was asked for a while, which gives its memory back, and when
    its parent is gone.

    Args:
        answer: Given a message, returns a header and arrays. Its ``FerError`` goes back as
            one.
        idle_seconds: How long it waits for a request.
    """
    # Whatever a library prints goes to the log and not between our answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    nowhere = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    requests: queue.Queue = queue.Queue()
    threading.Thread(target=_read, args=(sys.stdin.buffer, requests), daemon=True).start()
    while True:
        try:
            message = requests.get(timeout=idle_seconds)
        except queue.Empty:
            break
        # Where a library never comes back and the parent is gone, nothing else would end it.
        limit = message[0].pop("seconds") + _GRACE
        faulthandler.dump_traceback_later(limit, exit=True, file=nowhere)
        try:
            header, *arrays = answer(message)
        except FerError as error:
            header, arrays = {"error": str(error)}, []
        faulthandler.cancel_dump_traceback_later()
        send(answers, header, *arrays)
    answers.flush()
    os._exit(0)  # TensorFlow's threads may take seconds to end


def _read(stream: IO[bytes], requests: queue.Queue) -> None:
    while message := receive(stream):
        requests.put(message)
    # The parent is gone. A computation that still runs, or hangs, is for nobody.
    os._exit(0)
