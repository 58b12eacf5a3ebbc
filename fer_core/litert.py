"""Models on LiteRT, which loads in a tenth of a second where TensorFlow needs several."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from fer_core.pool import Pool

_CORES: Final = os.cpu_count() or 1
#: Inputs after which a long call lets others have the interpreters.
_BLOCK: Final = 8 * _CORES
_workers: Final = ThreadPoolExecutor(_CORES, thread_name_prefix="litert")
#: Threads that compute one input together; more gain little with networks as small as ours.
_TOGETHER: Final = min(_CORES, 4)
#: A lone input tries the slower way again after so many, since what else runs here changes.
_AGAIN: Final = 50


class _InFlight:
    """How many calls of this process are being computed."""

    def __init__(self) -> None:
        self._lock, self._number = threading.Lock(), 0

    @contextmanager
    def one_more(self) -> Iterator[bool]:
        """Count a call while it runs; tell whether it is alone."""
        with self._lock:
            self._number += 1
            alone = self._number == 1
        try:
            yield alone
        finally:
            with self._lock:
                self._number -= 1


_in_flight: Final = _InFlight()


class _Together:
    """Whether a lone input is computed by several threads: whichever way was faster of late.

    On idle cores that halves the time. Where other processes use the cores, threads wait for each
    other after every layer, which may double it.
    """

    def __init__(self) -> None:
        self._seconds: dict[bool, float] = {}
        self._calls = 0

    def choose(self) -> bool:
        """Return whether the next input is computed by several threads."""
        self._calls += 1
        if len(self._seconds) < 2:
            return True not in self._seconds
        faster = self._seconds[True] < self._seconds[False]
        return faster != (self._calls % _AGAIN == 0)

    def note(self, together: bool, seconds: float) -> None:
        """Remember how long an input took; a single slow one counts little."""
        before = self._seconds.get(together, seconds)
        slower = 0.3 * (min(seconds, 2 * before) - before)
        self._seconds[together] = min(seconds, before + slower)


def _convert(memory: np.ndarray, value: np.ndarray) -> None:
    memory[...] = value


class Runner:
    """A ``.tflite`` model with one input; any number of threads may call it at once.

    Attributes:
        input_shape: of one call.
        output_shapes: of its results, in the model's order.
    """

    def __init__(
        self,
        content: bytes,
        at_once: int = _CORES,
        fill: Callable[[np.ndarray, Any], None] = _convert,
    ) -> None:
        """Load the model.

        Args:
            content: Of the file.
            at_once: Inputs that are computed at the same time, each in memory of its own.
            fill: Writes an input, the second argument, into the model's memory, the first one,
                ``input_shape``, in the thread that computes it. It may keep no view of that memory.

        Raises:
            ValueError, RuntimeError: ``content`` is no such model.
        """
        self._content = content
        self._fill = fill
        self._at_once = min(at_once, _CORES)
        self._pool = Pool(self._interpreter)
        self._wide: Pool[Any] | None = None
        self._together = _Together()
        with self._pool.one() as interpreter:
            (taken,) = interpreter.get_input_details()
            self._taken = taken["index"]
            given = interpreter.get_output_details()
            self._given = [output["index"] for output in given]
            self.input_shape = tuple(int(n) for n in taken["shape"])
            self.output_shapes = [tuple(int(n) for n in output["shape"]) for output in given]

    def __call__(self, inputs: Sequence[Any]) -> list[list[np.ndarray]]:
        """Run the model on each of ``inputs``, spread over the processor's cores.

        Args:
            inputs: any number of what ``fill`` takes: by default arrays ``input_shape``, with or
                without the leading 1, of any dtype.

        Returns:
            The outputs of each, in the model's order.
        """
        with _in_flight.one_more() as alone:
            if alone and len(inputs) == 1 and min(self._at_once, _TOGETHER) > 1:
                return [self._alone(inputs[0])]
            return self._in_blocks(inputs)

    def _alone(self, value: Any) -> list[np.ndarray]:
        together = self._together.choose()
        begun = time.perf_counter()
        if together:
            self._wide = self._wide or Pool(lambda: self._interpreter(_TOGETHER))
            with self._wide.one() as interpreter:
                result = self._invoke(interpreter, value)
        else:
            with self._pool.one() as interpreter:
                result = self._invoke(interpreter, value)
        self._together.note(together, time.perf_counter() - begun)
        return result

    def _in_blocks(self, inputs: Sequence[Any]) -> list[list[np.ndarray]]:
        # In blocks, between which other threads come to their turn: a picture of hundreds of
        # faces would keep every interpreter for half a minute.
        results: list[list[np.ndarray]] = []
        for start in range(0, len(inputs), _BLOCK):
            results += self._spread(inputs[start : start + _BLOCK])
        return results

    def _spread(self, inputs: Sequence[Any]) -> list[list[np.ndarray]]:
        parts = min(len(inputs), self._at_once)
        others = [_workers.submit(self._run, inputs[i::parts]) for i in range(1, parts)]
        results: list[list[np.ndarray]] = [[]] * len(inputs)
        if parts:
            results[::parts] = self._run(inputs[::parts])
        for i, other in enumerate(others, start=1):
            results[i::parts] = other.result()
        return results

    def _run(self, inputs: Sequence[Any]) -> list[list[np.ndarray]]:
        with self._pool.one() as interpreter:
            return [self._invoke(interpreter, value) for value in inputs]

    def _invoke(self, interpreter: Any, value: Any) -> list[np.ndarray]:
        self._fill(interpreter.tensor(self._taken)(), value)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in self._given]

    def _interpreter(self, threads: int = 1) -> Any:
        from ai_edge_litert.interpreter import Interpreter

        # One thread each, where several inputs keep the cores busy.
        interpreter = Interpreter(model_content=self._content, num_threads=threads)
        interpreter.allocate_tensors()
        return interpreter
