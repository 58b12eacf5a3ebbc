"""Grad-CAM and guided back-propagation, computed with TensorFlow.

Only the worker process imports this module, see :mod:`fer_core.explain.worker`.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no notes on start-up
import keras
import tensorflow as tf

from fer_core.emotions import EMOTIONS
from fer_core.errors import ModelError
from fer_core.models.keras_settings import our_keras
from fer_core.preprocess import FACE_SIZE


class Network:
    """A network whose answers can be explained."""

    @our_keras()
    def __init__(self, path: Path, name: str) -> None:
        """Load a Keras file and prepare both maps.

        Args:
            path: The checked ``model.keras``.
            name: What to call the model in errors.

        Raises:
            ModelError: The file cannot be loaded, or the network has no feature maps.
        """
        try:
            self._core = keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception as error:  # Keras raises whatever it likes on strange files
            raise ModelError(f"{name}: model.keras cannot be loaded.") from error
        self._grad_cam = _grad_cam(self._core)
        self._guided = _guided_back_propagation(self._core)

    def warm_up(self) -> None:
        """Trace both maps on a blank face, so that the first explanation is quick."""
        self.explain(np.zeros((FACE_SIZE, FACE_SIZE), np.float32), None)

    @our_keras()
    def explain(self, face: np.ndarray, emotion: str | None) -> tuple[str, np.ndarray, np.ndarray]:
        """Compute both maps of one face.

        Grad-CAM is that of Selvaraju et al. 2017 (arXiv 1610.02391) on the last layer that
        still has a width and a height. Guided back-propagation is that of Springenberg et
        al. 2015 (arXiv 1412.6806), down to the 48×48 pixels, as Arriaga et al. 2017 (arXiv
        1710.07557) show it for mini-Xception.

        Args:
            face: ``(48, 48)`` ``float32``, grey, 0 to 255.
            emotion: The one to explain; ``None`` for the most probable.

        Returns:
            The emotion, the heat ``(h, w)``, 0 to 1, and the gradient ``(48, 48)``.
        """
        faces = face[None, ..., None]
        if emotion is None:
            logits = np.asarray(self._core(faces, training=False))
            emotion = EMOTIONS[int(logits[0].argmax())]
        one_hot = np.eye(len(EMOTIONS), dtype=np.float32)[None, EMOTIONS.index(emotion)]
        return emotion, self._grad_cam(faces, one_hot), self._guided(faces, one_hot)


# Both run as compiled functions: eagerly, TensorFlow would compute the gradients of all
# filters as well, which nobody needs here (and which crashed TensorFlow 2.21 on one
# image at a time).


def _grad_cam(core: keras.Model) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return a function from faces ``(1, 48, 48, 1)`` and a one-hot emotion ``(1, 7)`` to heat
    ``(h, w)``, 0 to 1.
    """
    seen: list[Any] = []

    def call(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        result = layer(*args, **kwargs)
        if len(getattr(result, "shape", ())) == 4:
            seen.append(result)
        return result

    # The same layers, called once more to see what each gives.
    same = keras.models.clone_model(core, clone_function=lambda layer: layer, call_function=call)
    if not seen:
        raise ModelError("This network has no maps that Grad-CAM could show.")
    network = keras.Model(same.inputs[0], [seen[-1], same.output])

    @tf.function(reduce_retracing=True)
    def heat(faces: Any, one_hot: Any) -> Any:
        with tf.GradientTape() as tape:
            maps, logits = network(faces, training=False)
            score = tf.reduce_sum(logits * one_hot)
        gradient = tape.gradient(score, maps, unconnected_gradients="zero")
        weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
        return tf.nn.relu(tf.reduce_sum(maps * weights, axis=-1))[0]

    def scaled(faces: np.ndarray, one_hot: np.ndarray) -> np.ndarray:
        value = heat(tf.constant(faces), tf.constant(one_hot)).numpy()
        top = value.max()
        return value / top if np.isfinite(top) and top > 0 else np.zeros_like(value)

    return scaled


def _guided_back_propagation(
    core: keras.Model,
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return a function from faces ``(1, 48, 48, 1)`` and a one-hot emotion ``(1, 7)`` to the
    gradient ``(48, 48)`` in a copy whose ReLUs let only positive gradients back.
    """

    @tf.custom_gradient
    def relu(x: Any) -> Any:
        return tf.nn.relu(x), lambda g: tf.where((g > 0) & (x > 0), g, tf.zeros_like(g))

    class GuidedReLU(keras.layers.Layer):
        def __init__(self, max_value: float | None, name: str) -> None:
            super().__init__(name=name)
            self.max_value = max_value

        def call(self, x: Any) -> Any:
            y = relu(x)
            return y if self.max_value is None else tf.minimum(y, self.max_value)

    def clone(layer: keras.Layer) -> keras.Layer:
        if isinstance(layer, keras.layers.ReLU) and not (layer.negative_slope or layer.threshold):
            return GuidedReLU(layer.max_value, layer.name)
        copy = layer.__class__.from_config(layer.get_config())
        if getattr(layer, "activation", None) is keras.activations.relu:
            copy.activation = relu
        return copy

    network = keras.models.clone_model(core, clone_function=clone, recursive=True)
    network.set_weights(core.get_weights())

    @tf.function(reduce_retracing=True)
    def gradient(faces: Any, one_hot: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(faces)
            score = tf.reduce_sum(network(faces, training=False) * one_hot)
        return tape.gradient(score, faces, unconnected_gradients="zero")[0, :, :, 0]

    return lambda faces, one_hot: gradient(tf.constant(faces), tf.constant(one_hot)).numpy()
