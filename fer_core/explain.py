"""What a model looked at: Grad-CAM and guided back-propagation.

Both need the Keras form of a model; Keras and TensorFlow are imported only when a model
is loaded here, which takes some seconds.

>>> explainer = load_explainer("mini_xception")  # doctest: +SKIP
>>> explainer.explain(crop, "Happy").grad_cam.shape  # doctest: +SKIP
(384, 384, 3)
"""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from fer_core.emotions import EMOTIONS
from fer_core.errors import ModelError
from fer_core.models.catalogue import ModelFolder, default_model, find_model, list_models
from fer_core.preprocess import CROP_SIZE, crops_to_faces

if TYPE_CHECKING:
    import keras

#: Side of the pictures made here, in pixels.
SIZE: Final = 384


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a face looks like one emotion to a model.

    Attributes:
        emotion: the one explained.
        face: ``(384, 384, 3)`` ``uint8``, RGB: the 48×48 grey pixels the model sees.
        grad_cam: likewise: the face, with the regions that speak for the emotion lit.
        guided: likewise: the single pixels that would raise it (light) or lower it
            (dark), a relief on mid grey.
        has_region: whether any region speaks for the emotion; if not, ``grad_cam`` is
            the plain face.
    """

    emotion: str
    face: np.ndarray
    grad_cam: np.ndarray
    guided: np.ndarray
    has_region: bool


class Explainer:
    """A model prepared for explaining; any number of threads may use it, one at a time."""

    def __init__(self, folder: ModelFolder) -> None:
        """Load ``model.keras`` of ``folder``, after checking it against its card.

        Raises:
            ModelError: the folder has no Keras form, or it is damaged.
        """
        if not folder.explainable:
            able = ", ".join(other.name for other in list_models() if other.explainable)
            raise ModelError(
                f"{folder.name} cannot explain itself: it has no model.keras. These can: "
                f"{able or 'none that is here'}."
            )
        path = folder.checked("model.keras")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no notes on start-up
        import keras

        if keras.backend.backend() != "tensorflow":
            raise ModelError("Explanations need KERAS_BACKEND=tensorflow.")
        try:
            core = keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception as error:  # Keras raises whatever it likes on strange files
            raise ModelError(f"{folder.name}: model.keras cannot be loaded.") from error
        self._lock = threading.Lock()
        self._core = core
        self._grad_cam = _grad_cam(core)
        self._guided = _guided_back_propagation(core)

    def explain(self, crop: np.ndarray, emotion: str | None = None) -> Explanation:
        """Explain one face.

        Args:
            crop: ``(192, 192, 3)``, RGB, 0 to 255, see
                :func:`fer_core.preprocess.crop_face`.
            emotion: the one to explain; without it the most probable.

        Grad-CAM is that of Selvaraju et al. 2017 (arXiv 1610.02391) on the last layer
        that still has a width and a height; guided back-propagation that of
        Springenberg et al. 2015 (arXiv 1412.6806), down to the 48×48 pixels, as Arriaga
        et al. 2017 (arXiv 1710.07557) show it for mini-Xception.
        """
        if crop.shape != (CROP_SIZE, CROP_SIZE, 3):
            raise ValueError(f"the crop has the shape {crop.shape}, not (192, 192, 3)")
        faces = crops_to_faces(crop[None])
        with self._lock:
            if emotion is None:
                logits = np.asarray(self._core(faces[..., None], training=False))
                emotion = EMOTIONS[int(logits[0].argmax())]
            one_hot = np.eye(len(EMOTIONS), dtype=np.float32)[None, EMOTIONS.index(emotion)]
            heat = self._grad_cam(faces[..., None], one_hot)
            relief = self._guided(faces[..., None], one_hot)
        grey = _enlarge(faces[0])
        return Explanation(
            emotion,
            np.repeat(grey[..., None], 3, axis=2),
            _overlay(grey, heat),
            _relief(relief),
            bool(heat.max() > 0),
        )


@lru_cache(maxsize=2)
def _load(name: str, checksum: str) -> Explainer:
    return Explainer(find_model(name))


_lock = threading.Lock()


def load_explainer(name: str | None = None) -> Explainer:
    """The explainer of the model called ``name`` (the default without), loaded once.

    Raises:
        ModelError: see :class:`Explainer`, or there is no such model.
    """
    folder = find_model(name or default_model())
    with _lock:
        return _load(folder.name, folder.card.files.get("model.keras", ""))


# Both run as compiled functions: eagerly, TensorFlow would compute the gradients of all
# filters as well, which nobody needs here (and which crashed TensorFlow 2.21 on one
# image at a time).


def _grad_cam(core: "keras.Model") -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Function from faces ``(1, 48, 48, 1)`` and a one-hot emotion ``(1, 7)`` to heat
    ``(h, w)``, 0 to 1.
    """
    import keras
    import tensorflow as tf

    seen: list[Any] = []

    def call(layer: "keras.Layer", *args: Any, **kwargs: Any) -> Any:
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
    core: "keras.Model",
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Function from faces ``(1, 48, 48, 1)`` and a one-hot emotion ``(1, 7)`` to the
    gradient ``(48, 48)`` in a copy whose ReLUs let only positive gradients back.
    """
    import keras
    import tensorflow as tf

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

    def clone(layer: "keras.Layer") -> "keras.Layer":
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


def _enlarge(values: np.ndarray) -> np.ndarray:
    """``(H, W)``, 0 to 255 → ``(384, 384)`` ``uint8``, smoothly."""
    large = cv2.resize(values.astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return np.clip(large, 0, 255).round().astype(np.uint8)


def _overlay(grey: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """The heat ``(h, w)``, 0 to 1, over the face: the more, the brighter and denser."""
    level = _enlarge(heat * 255)
    colors = cv2.cvtColor(cv2.applyColorMap(level, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    share = 0.75 * (level[..., None].astype(np.float32) / 255)
    # The face is darkened a little where nothing is lit, so that the light stands out.
    base = grey[..., None] * (0.75 if heat.max() > 0 else 1.0)
    return (base * (1 - share) + colors * share).round().astype(np.uint8)


def _relief(gradient: np.ndarray) -> np.ndarray:
    """The gradient as a grey relief; its outermost percent may saturate."""
    top = float(np.percentile(np.abs(gradient), 99)) if np.isfinite(gradient).all() else 0.0
    scaled = np.clip(gradient / top, -1, 1) if top > 0 else np.zeros_like(gradient)
    return np.repeat(_enlarge(127.5 + 127.5 * scaled)[..., None], 3, axis=2)
