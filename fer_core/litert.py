"""Models on LiteRT, which loads in a tenth of a second where TensorFlow needs several."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from fer_core.pool import Pool

_CORES: Final = os.cpu_count() or 1
_workers: Final = ThreadPoolExecutor(_CORES, thread_name_prefix="litert")


class Runner:
    """A ``.tflite`` model with one input; any number of threads may call it at once.

    Attributes:
        input_shape: of one call.
    """

    def __init__(self, content: bytes) -> None:
        """Load the model.

        Raises:
            ValueError, RuntimeError: ``content`` is no such model.
        """
        self._content = content
        self._pool = Pool(self._interpreter)
        with self._pool.one() as interpreter:
            (taken,) = interpreter.get_input_details()
            self._taken = taken["index"]
            self._given = [given["index"] for given in interpreter.get_output_details()]
            self.input_shape = tuple(int(n) for n in taken["shape"])

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        """Run the model on each of ``inputs``, spread over the processor's cores.

        Args:
            inputs: any number of arrays ``input_shape``, ``float32``.

        Returns:
            The outputs of each, in the model's order.
        """
        parts = min(len(inputs), _CORES)
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
                interpreter.set_tensor(self._taken, value)
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
