"""Models on LiteRT, which loads in a tenth of a second where TensorFlow needs several."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from fer_core.pool import Pool

_CORES: Final = os.cpu_count() or 1
#: Inputs after which a long call lets others have the interpreters.
_BLOCK: Final = 8 * _CORES
_workers: Final = ThreadPoolExecutor(_CORES, thread_name_prefix="litert")


class Runner:
    """A ``.tflite`` model with one input; any number of threads may call it at once.

    Attributes:
        input_shape: of one call.
        output_shapes: of its results, in the model's order.
    """

    def __init__(self, content: bytes, at_once: int = _CORES) -> None:
        """Load the model.

        Args:
            content: Of the file.
            at_once: Inputs that are computed at the same time, each in memory of its own.

        Raises:
            ValueError, RuntimeError: ``content`` is no such model.
        """
        self._content = content
        self._at_once = min(at_once, _CORES)
        self._pool = Pool(self._interpreter)
        with self._pool.one() as interpreter:
            (taken,) = interpreter.get_input_details()
            self._taken = taken["index"]
            given = interpreter.get_output_details()
            self._given = [output["index"] for output in given]
            self.input_shape = tuple(int(n) for n in taken["shape"])
            self.output_shapes = [tuple(int(n) for n in output["shape"]) for output in given]

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        """Run the model on each of ``inputs``, spread over the processor's cores.

        Args:
            inputs: any number of arrays ``input_shape``, with or without the leading 1,
                of any dtype.

        Returns:
            The outputs of each, in the model's order.
        """
        # In blocks, between which other threads come to their turn: a picture of hundreds of
        # faces would keep every interpreter for half a minute.
        results: list[list[np.ndarray]] = []
        for start in range(0, len(inputs), _BLOCK):
            results += self._spread(inputs[start : start + _BLOCK])
        return results

    def _spread(self, inputs: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        parts = min(len(inputs), self._at_once)
        others = [_workers.submit(self._run, inputs[i::parts]) for i in range(1, parts)]
        results: list[list[np.ndarray]] = [[]] * len(inputs)
        if parts:
            results[::parts] = self._run(inputs[::parts])
        for i, other in enumerate(others, start=1):
            results[i::parts] = other.result()
        return results

    def _run(self, inputs: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        results = []
        with self._pool.one() as interpreter:
            for value in inputs:
                # Converted straight into the model's memory. No view of it may be kept.
                interpreter.tensor(self._taken)()[...] = value
                interpreter.invoke()
                results.append([interpreter.get_tensor(index) for index in self._given])
        return results

    def _interpreter(self):
        from ai_edge_litert.interpreter import Interpreter

        # One thread each: several wait for each other after every layer, which is half
        # as fast as one thread as soon as the cores have other work.
        interpreter = Interpreter(model_content=self._content, num_threads=1)
        interpreter.allocate_tensors()
        return interpreter
