"""What a network says of many inputs."""

import keras
import numpy as np


def outputs(model: keras.Model, inputs: np.ndarray, size: int = 256) -> np.ndarray:
    """Predict as ``model.predict``, batch by batch.

    Without the pipeline that Keras makes of arrays for TensorFlow, see
    :func:`fer_core.train.batches.feed`.

    Args:
        model: with one input and one output.
        inputs: ``(N, …)``, N from 1.
        size: of a batch.

    Returns:
        ``(N, …)`` ``float32``.
    """
    parts = (inputs[start : start + size] for start in range(0, len(inputs), size))
    return np.concatenate([model.predict_on_batch(part) for part in parts])
