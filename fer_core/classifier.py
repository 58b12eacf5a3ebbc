"""A trained model ready to serve: face crops in, probabilities out.

The exported file runs on LiteRT, which loads in a tenth of a second where TensorFlow
needs several; nothing here imports TensorFlow.
"""

import os
import queue
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np

from fer_core.emotions import EMOTIONS
from fer_core.errors import ModelError
from fer_core.models.catalog import ModelFolder, default_model, find_model
from fer_core.preprocess import CROP_SIZE, faces_to_crops

_THREADS: Final = min(2, os.cpu_count() or 1)


class Classifier:
    """A loaded model; any number of threads may call it at once.

    Interpreters are kept in a pool of one per processor core, made when first needed:
    more callers than that wait their turn, so memory stays bounded.

    >>> classifier = load_classifier("mini_xception")
    >>> classifier.predict(np.zeros((2, 192, 192, 3), np.uint8)).shape
    (2, 7)
    """

    def __init__(self, folder: ModelFolder) -> None:
        """Load the exported file of ``folder``, after checking it against its card.

        Raises:
            ModelError: the file is damaged, or is not a model from crops to seven
                probabilities.
        """
        self.name = folder.name
        self.card = folder.card
        self._content = folder.read_exported()
        size = os.cpu_count() or 1
        self._pool: queue.LifoQueue[Callable[[np.ndarray], np.ndarray] | None] = queue.LifoQueue()
        for _ in range(size - 1):
            self._pool.put(None)
        self._pool.put(self._runner())

    def predict(self, crops: np.ndarray) -> np.ndarray:
        """Probabilities of the seven emotions.

        Args:
            crops: ``(N, 192, 192, 3)``, RGB, 0 to 255, ``uint8`` or float; see
                :func:`fer_core.preprocess.crop_face`.

        Returns:
            ``(N, 7)`` ``float32``; rows sum to 1, columns as in ``EMOTIONS``.
        """
        if crops.shape[1:] != (CROP_SIZE, CROP_SIZE, 3):
            raise ValueError(f"crops have the shape {crops.shape}, not (N, 192, 192, 3)")
        out = np.empty((len(crops), len(EMOTIONS)), np.float32)
        if len(crops):
            runner = self._pool.get()
            try:
                runner = runner or self._runner()
                # One by one: measured as fast per face as larger batches, and no
                # interpreter ever has to be laid out anew.
                for i, crop in enumerate(crops):
                    out[i] = runner(crop)
            finally:
                self._pool.put(runner)
        return out

    def predict_faces(self, faces: np.ndarray) -> np.ndarray:
        """Probabilities for dataset faces ``(N, 48, 48)``, grey, 0 to 255."""
        chunks = [
            self.predict(faces_to_crops(faces[i : i + 256])) for i in range(0, len(faces), 256)
        ]
        return np.concatenate(chunks) if chunks else np.empty((0, len(EMOTIONS)), np.float32)

    def _runner(self) -> Callable[[np.ndarray], np.ndarray]:
        from ai_edge_litert.interpreter import Interpreter

        try:
            interpreter = Interpreter(model_content=self._content, num_threads=_THREADS)
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{self.name}: the exported file is not a LiteRT model.") from error
        (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
        if tuple(taken["shape"]) != (1, CROP_SIZE, CROP_SIZE, 3) or tuple(given["shape"]) != (
            1,
            len(EMOTIONS),
        ):
            raise ModelError(f"{self.name}: the model does not map crops to seven probabilities.")

        def run(crop: np.ndarray) -> np.ndarray:
            interpreter.set_tensor(taken["index"], crop[None].astype(np.float32, copy=False))
            interpreter.invoke()
            return interpreter.get_tensor(given["index"])[0]

        return run


_lock = threading.Lock()


@lru_cache(maxsize=8)
def _load(name: str, checksum: str) -> Classifier:
    return Classifier(find_model(name))


def load_classifier(name: str | None = None) -> Classifier:
    """The model called ``name`` (the default without), loaded once per process.

    Raises:
        ModelError: there is none of that name, or its folder is damaged.
    """
    folder = find_model(name or default_model())
    with _lock:
        # The checksum is part of the key: a model replaced on disk is loaded anew.
        return _load(folder.name, folder.card.files[folder.card.exported])
