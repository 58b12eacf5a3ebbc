"""Statistics of BatchNorm, taken from faces instead of waited for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import keras

#: Faces that :func:`measure` looks at.
MEASURED: Final = 256


def settle(
    model: "keras.Model",
    faces: np.ndarray,
    chosen: Sequence["keras.Layer"] | None = None,
) -> None:
    """Let BatchNorm begin with the statistics of real faces.

    It begins at mean 0 and variance 1 and follows slowly. So for some hundred steps, which is all
    of a small dataset's training, a network would be much worse where it is tested than where it
    is trained.

    Args:
        model: the network.
        faces: ``(N, 48, 48)`` training faces.
        chosen: layers, of which those of BatchNorm take them; all of the network's unless given.
    """
    from keras import layers

    norms = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if isinstance(layer, layers.BatchNormalization)
    ]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0 if chosen is None or norm in chosen else 1.0
    model(sample(faces, 128), training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def measure(
    model: "keras.Model", taps: Sequence, faces: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return mean and variance per channel of each of the backbone's outputs ``taps``, over some
    faces, in one pass of small batches.
    """
    import keras

    from fer_core.models.outputs import outputs

    backbone = model.get_layer("backbone")
    entry = model.layers[model.layers.index(backbone) - 1].output
    inputs = outputs(keras.Model(model.input, entry), sample(faces, MEASURED), 32)
    tap = keras.Model(backbone.input, list(taps))
    sums = [np.zeros((2, output.shape[-1])) for output in taps]
    counts = [0] * len(taps)
    for i in range(0, len(inputs), 16):
        for k, value in enumerate(tap(inputs[i : i + 16], training=False)):
            flat = keras.ops.convert_to_numpy(value).astype(np.float64)
            flat = flat.reshape(-1, flat.shape[-1])
            sums[k] += flat.sum(axis=0), np.square(flat).sum(axis=0)
            counts[k] += len(flat)
    result = []
    for (total, squares), n in zip(sums, counts, strict=True):
        mean = total / n
        variance = np.maximum(squares / n - mean**2, 1e-8)
        result.append((mean.astype(np.float32), variance.astype(np.float32)))
    return result


def sample(faces: np.ndarray, count: int) -> np.ndarray:
    """Return ``(n, 48, 48, 1)`` ``float32``: at most ``count`` of ``faces``, from all over them."""
    rows = np.linspace(0, len(faces) - 1, min(count, len(faces))).astype(int)
    return faces[rows, ..., None].astype(np.float32)
