"""The report's mini-Xception variant.

A small Xception in the spirit of Arriaga et al. 2017 (arXiv 1710.07557): separable
convolutions with residual branches and no dense layer, so that it has few parameters
and answers fast. The report doubles the residual branch of every module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fer_core.emotions import EMOTIONS
from fer_core.models.architectures.registry import register
from fer_core.preprocess import FACE_SIZE, scale

if TYPE_CHECKING:
    import keras


@register(
    "mini_xception",
    "mini-Xception (the report's variant)",
    "Arriaga et al. 2017, arXiv 1710.07557, with two residual branches",
)
def build(l2: float = 1e-5) -> keras.Model:
    """Build a network from faces ``(N, 48, 48, 1)``, grey, 0 to 255, to logits ``(N, 7)``.

    Args:
        l2: weight of the L2 penalty on the kernels of the base and of the separable
            convolutions (the report names the penalty, not its weight).
    """
    import keras
    from keras import layers, regularizers

    faces = keras.Input((FACE_SIZE, FACE_SIZE, 1), name="faces")
    x = scale(faces)
    for _ in range(2):
        x = layers.Conv2D(10, 3, use_bias=False, kernel_regularizer=regularizers.L2(l2))(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    # The report counts the base as the first module, so these are its modules 2 to 5.
    for number, filters in enumerate((32, 64, 128, 256), start=2):
        x = module(x, filters, l2, f"module{number}")
    x = layers.Conv2D(len(EMOTIONS), 3, padding="same", name="class_maps")(x)
    logits = layers.GlobalAveragePooling2D(dtype="float32", name="logits")(x)
    return keras.Model(faces, logits, name="mini_xception")


def module(x: keras.KerasTensor, filters: int, l2: float, name: str) -> keras.KerasTensor:
    """Build one module: two separate 1×1 residual branches beside two separable convolutions;
    halves the size and gives ``filters`` channels.
    """
    from keras import layers, regularizers

    def residual(branch: str) -> keras.KerasTensor:
        y = layers.Conv2D(
            filters, 1, strides=2, padding="same", use_bias=False, name=f"{name}_{branch}"
        )(x)
        return layers.BatchNormalization(name=f"{name}_{branch}_bn")(y)

    def separable(y: keras.KerasTensor, which: int) -> keras.KerasTensor:
        y = layers.SeparableConv2D(
            filters,
            3,
            padding="same",
            use_bias=False,
            depthwise_regularizer=regularizers.L2(l2),
            pointwise_regularizer=regularizers.L2(l2),
            name=f"{name}_separable{which}",
        )(y)
        return layers.BatchNormalization(name=f"{name}_separable{which}_bn")(y)

    main = separable(layers.ReLU(name=f"{name}_relu")(separable(x, 1)), 2)
    main = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(main)
    return layers.Add(name=name)([main, residual("residual"), residual("residual2")])
