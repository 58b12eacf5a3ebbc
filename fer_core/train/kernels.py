"""Quicker kernels while training on TensorFlow and a CPU: same results, sooner.

Keras 3 composes BatchNorm of single operations, which takes six to nine times as long as
TensorFlow's fused kernel, and most of a small network's step
(https://github.com/keras-team/keras-core/issues/225). The fused one computes the same (its
running variance has Bessel's correction).

A convolution's kernel gradient in bfloat16 is slow where maps are small and channels many:
at 5×5 and 384 channels three to four times as long as the nine matrix products that it is.

Inference, saved weights and saved models stay Keras' own.
"""

from types import MethodType
from typing import Any, Final

import keras

#: Above this side of its maps a convolution's own gradient is the quicker one.
_SMALL_MAP: Final = 6
_MANY_CHANNELS: Final = 128


def use_quick_kernels(model: keras.Model) -> None:
    """Let BatchNorm and convolutions on small maps train through them, in place.

    Does nothing on other backends.
    """
    if keras.backend.backend() != "tensorflow":
        return
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            use_quick_kernels(layer)
        elif _is_plain_batch_norm(layer):
            layer.call = MethodType(_normalize, layer)
        elif _is_slow_convolution(layer):
            layer.convolution_op = _convolve


def _is_plain_batch_norm(layer: keras.Layer) -> bool:
    if type(layer) is not keras.layers.BatchNormalization or not (layer.scale and layer.center):
        return False
    rank = len(layer.input.shape)
    return rank == 4 and layer.axis in (-1, 3) and not layer.synchronized


def _normalize(
    self: keras.layers.BatchNormalization,
    inputs: Any,
    training: bool | None = None,
    mask: Any = None,
) -> Any:
    import tensorflow as tf

    if not training or not self.trainable or mask is not None:
        return keras.layers.BatchNormalization.call(self, inputs, training=training, mask=mask)
    outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        inputs, self.gamma.value, self.beta.value, epsilon=self.epsilon, is_training=True
    )
    for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
        moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))
    return outputs


def _is_slow_convolution(layer: keras.Layer) -> bool:
    if type(layer) is not keras.layers.Conv2D or layer.compute_dtype != "bfloat16":
        return False
    height, width, channels = layer.input.shape[1:]
    return (
        layer.kernel_size == (3, 3)
        and layer.strides == layer.dilation_rate == (1, 1)
        and layer.padding == "same"
        and layer.groups == 1
        and layer.data_format == "channels_last"
        and max(height, width) <= _SMALL_MAP
        and min(channels, layer.filters) >= _MANY_CHANNELS
    )


def _convolve(inputs: Any, kernel: Any) -> Any:
    """Return 3×3 convolution of ``(N, H, W, C)``, its kernel's gradient as nine matrix products."""
    import tensorflow as tf

    @tf.custom_gradient
    def convolve(x: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, Any]:
        def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            height, width, channels = x.shape[1:]
            padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
            flat = tf.reshape(dy, (-1, dy.shape[-1]))
            products = [
                tf.matmul(
                    tf.reshape(padded[:, i : i + height, j : j + width], (-1, channels)),
                    flat,
                    transpose_a=True,
                )
                for i in range(3)
                for j in range(3)
            ]
            dx = tf.nn.conv2d_transpose(dy, k, tf.shape(x), 1, "SAME")
            return dx, tf.reshape(tf.stack(products), k.shape)

        return tf.nn.conv2d(x, k, 1, "SAME"), gradient

    return convolve(inputs, tf.cast(keras.ops.convert_to_tensor(kernel), inputs.dtype))
