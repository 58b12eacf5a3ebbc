"""The weights of a network in training as arrays: read, written, checked."""

from collections.abc import Iterable

import keras
import numpy as np
from keras import ops


def read(model: keras.Model) -> list[np.ndarray]:
    """Copy all variables of a network's layers, the state of dropout included."""
    return [np.array(ops.convert_to_numpy(v)) for v in _variables(model)]


def write(model: keras.Model, values: list[np.ndarray]) -> None:
    """Set all variables to what :func:`read` gave."""
    for variable, value in zip(_variables(model), values, strict=True):
        variable.assign(value)


def are_finite(arrays: Iterable[np.ndarray]) -> bool:
    """Return whether no array holds NaN or infinity."""
    return all(np.isfinite(array).all() for array in arrays)


def _variables(model: keras.Model) -> list:
    # Layers' own variables only: those of metrics are no part of the network.
    return [v for layer in model.layers for v in layer.variables]
