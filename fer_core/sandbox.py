"""The process that runs a model from elsewhere: ``python -m fer_core.sandbox``.

A file of a few kilobytes can compute for ever or take all memory of a machine, and what it
does may depend on the picture. So such a model never runs in the caller's process: it gets one
of its own, with limits on memory and time.
"""

import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final

import numpy as np

from fer_core.errors import FerError, ModelError
from fer_core.litert import Runner
from fer_core.system import limit_memory
from fer_core.worker_process import Message, Why, WorkerError, WorkerProcess, answer_requests

#: Bytes of memory, seconds to load, and seconds for a batch.
MEMORY: Final = 2 * 10**9
LOAD_SECONDS: Final = 30.0
#: Seconds in which a worker loads the libraries that it needs.
PREPARE_SECONDS: Final = 120.0
BATCH_SECONDS: Final = 5.0
#: Inputs in a batch.
BATCH: Final = 8
#: Seconds without a request after which a process ends.
_IDLE: Final = 120.0
#: Inputs that are computed at the same time, and bytes of a file above which one is.
_AT_ONCE, _LARGE = 4, 100_000_000
#: Interpreters that do not share memory need few pools of it.
_ENVIRONMENT: Final = {"MALLOC_ARENA_MAX": "2"}


class SandboxRunner:
    """A ``.tflite`` model in a process of its own, called like :class:`fer_core.litert.Runner`.

    Attributes:
        input_shape: of one call.
        output_shapes: of its results, in the model's order.
    """

    def __init__(self, read: Callable[[], bytes], on_excess: Callable[[str], None]) -> None:
        """Load the model.

        Args:
            read: Returns the content of its file; called whenever a process is started.
            on_excess: Told in a sentence which limit the model exceeded.

        Raises:
            ModelError: The file is no such model, or it exceeds its limits.
        """
        self._on_excess = on_excess
        self._lock = threading.Lock()

        def load(process: WorkerProcess) -> None:
            content = np.frombuffer(read(), np.uint8)
            process.ask({"act": "load"}, content, seconds=LOAD_SECONDS)

        self._worker = worker("fer_core.sandbox", first=load)
        weakref.finalize(self, self._worker.close)
        with self._lock:
            header, _ = self._ask({"act": "shapes"}, seconds=LOAD_SECONDS)
        self.input_shape = tuple(header["input"])
        self.output_shapes = [tuple(shape) for shape in header["outputs"]]

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        """Run the model on each of ``inputs``; see :meth:`fer_core.litert.Runner.__call__`.

        Raises:
            ModelError: It exceeds its limits, or cannot be run.
        """
        results: list[list[np.ndarray]] = []
        for i in range(0, len(inputs), BATCH):
            batch = np.stack(inputs[i : i + BATCH])
            with self._lock:
                header, outputs = self._ask({"act": "run"}, batch, seconds=BATCH_SECONDS)
            if header.get("failed"):
                said = f"It could not compute, or needs more than {MEMORY / 1e9:g} GB of memory."
                self._on_excess(said)
                raise ModelError(said)
            # One array for each output, whose first axis runs over the batch.
            rows = [list(row) for row in zip(*outputs, strict=True)]
            if len(rows) != len(batch) or [one.shape for one in rows[0]] != self.output_shapes:
                raise ModelError("Its answers change their shape.")
            results += rows
        return results

    def _ask(self, header: dict, *arrays: np.ndarray, seconds: float) -> Message:
        for last in (False, True):
            try:
                return self._worker.ask(header, *arrays, seconds=seconds)
            except WorkerError as failure:
                # Whoever ended the process may not have meant the model: ask once more.
                if failure.why == "ended" and not last:
                    continue
                said = reason(failure.why, seconds)
                self._on_excess(said)
                raise ModelError(said) from failure
            except FerError as error:
                raise ModelError(str(error)) from error
        raise AssertionError("unreachable")


def worker(
    module: str,
    *arguments: str,
    memory: int = MEMORY,
    first: Callable[[WorkerProcess], object] | None = None,
) -> WorkerProcess:
    """Return a worker for what is not trusted.

    Args:
        module: Calls :func:`fer_core.worker_process.answer_requests`, and
            :func:`fer_core.system.limit_memory` when everything is imported.
        arguments: Those of the module.
        memory: Bytes that it may hold.
        first: See :class:`fer_core.worker_process.WorkerProcess`.
    """
    return WorkerProcess(
        module, *arguments, environment=_ENVIRONMENT, memory=memory, quiet=True, first=first
    )


def ask_once(
    module: str,
    *arguments: str,
    header: Mapping[str, Any],
    seconds: float,
    memory: int = MEMORY,
) -> dict[str, Any]:
    """Let a worker for what is not trusted answer one request, and end it.

    Args:
        module: See :func:`worker`. It is asked to ``prepare`` first, since it is no fault of what
            it looks at that a library takes long to load.
        arguments: Those of the module.
        header: The request.
        seconds: How long the answer may take.
        memory: Bytes that the worker may hold.

    Returns:
        The answer.

    Raises:
        ModelError: What the worker raised, or which limit was exceeded.
    """
    process, limit = worker(module, *arguments, memory=memory), PREPARE_SECONDS
    try:
        process.ask({"act": "prepare"}, seconds=limit)
        limit = seconds
        answer, _ = process.ask(dict(header), seconds=limit)
    except WorkerError as error:
        raise ModelError(reason(error.why, limit, memory)) from error
    except FerError as error:
        raise ModelError(str(error)) from error
    finally:
        process.close()
    return answer


def reason(why: Why, seconds: float, memory: int = MEMORY) -> str:
    """Return what a model did that is not allowed, as a sentence.

    Args:
        why: What happened.
        seconds: What it was given.
        memory: Bytes that it was given.
    """
    return {
        "ended": "It brought down the process that ran it.",
        "late": f"It did not answer within {seconds:g} seconds.",
        "memory": f"It took more than {memory / 1e9:g} GB of memory.",
    }[why]


class _Model:
    """What the process holds."""

    def __init__(self) -> None:
        self._run: Runner | None = None

    def answer(self, message: Message) -> tuple:
        """Load the model, or run it."""
        header, arrays = message
        try:
            if header["act"] == "load":
                content = arrays[0].tobytes()
                self._run = Runner(content, 1 if len(content) > _LARGE else _AT_ONCE)
            run = self._run
            if run is None:
                raise FerError("no model is loaded.")
            if header["act"] == "run":
                return self._predict(run, arrays[0])
            return ({"input": run.input_shape, "outputs": run.output_shapes},)
        except (ValueError, RuntimeError) as error:
            raise FerError("the exported file is not a LiteRT model that can be run.") from error

    def _predict(self, run: Runner, batch: np.ndarray) -> tuple:
        try:
            rows = run(list(batch))
            return {}, *(np.stack(output) for output in zip(*rows, strict=True))
        # LiteRT does not tell want of memory from other reasons.
        except (MemoryError, RuntimeError, ValueError):
            return ({"failed": True},)


def main() -> None:
    """Answer requests until nobody asks any more."""
    # What is loaded before memory is limited does not count.
    import_module("ai_edge_litert.interpreter")
    limit_memory(MEMORY)
    answer_requests(_Model().answer, _IDLE)


if __name__ == "__main__":
    main()
