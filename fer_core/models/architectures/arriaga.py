"""The original mini-Xception (Arriaga et al. 2017, arXiv 1710.07557): one residual
branch per module, 16 to 128 filters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fer_core.emotions import EMOTIONS
from fer_core.models.architectures.registry import register
from fer_core.preprocess import FACE_SIZE, scale

if TYPE_CHECKING:
    import keras


@register(
    "arriaga",
    "mini-Xception (the original)",
    "Arriaga et al. 2017, arXiv 1710.07557",
)
def build(l2: float = 0.01) -> keras.Model:
    """Build a network from faces ``(N, 48, 48, 1)``, grey, 0 to 255, to logits ``(N, 7)``.

    Args:
        l2: weight of the L2 penalty; 0.01 in the published code.
    """
    import keras
    from keras import layers, regularizers

    penalty = regularizers.L2(l2)
    faces = keras.Input((FACE_SIZE, FACE_SIZE, 1), name="faces")
    x = scale(faces)
    for _ in range(2):
        x = layers.Conv2D(8, 3, use_bias=False, kernel_regularizer=penalty)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    for filters in (16, 32, 64, 128):
        residual = layers.Conv2D(filters, 1, strides=2, padding="same", use_bias=False)(x)
        residual = layers.BatchNormalization()(residual)
        for last in (False, True):
            x = layers.SeparableConv2D(
                filters,
                3,
                padding="same",
                use_bias=False,
                depthwise_regularizer=penalty,
                pointwise_regularizer=penalty,
            )(x)
            x = layers.BatchNormalization()(x)
            if not last:
                x = layers.ReLU()(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        x = layers.Add()([x, residual])
    x = layers.Conv2D(len(EMOTIONS), 3, padding="same", name="class_maps")(x)
    logits = layers.GlobalAveragePooling2D(dtype="float32", name="logits")(x)
    return keras.Model(faces, logits, name="arriaga")
