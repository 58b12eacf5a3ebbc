"""A residual network with squeeze-and-excitation, sized for 48×48 faces (He et al. 2016,
arXiv 1603.05027; Hu et al. 2018, arXiv 1709.01507).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fer_core.emotions import EMOTIONS
from fer_core.models.architectures.registry import register
from fer_core.preprocess import FACE_SIZE, scale

if TYPE_CHECKING:
    import keras


@register(
    "se_resnet",
    "Residual network with squeeze-and-excitation",
    "He et al. 2016, arXiv 1603.05027; Hu et al. 2018, arXiv 1709.01507",
)
def build(
    widths: Sequence[int] = (32, 64, 128, 256),
    blocks: Sequence[int] = (2, 2, 2, 2),
    ratio: int = 8,
    dropout: float = 0.4,
) -> keras.Model:
    """Build a network from faces ``(N, 48, 48, 1)``, grey, 0 to 255, to logits ``(N, 7)``.

    Args:
        widths: filters of each stage; all but the first halve the size.
        blocks: residual blocks of each stage.
        ratio: how far squeezing narrows the channels.
        dropout: share of the mean that is dropped.
    """
    import keras
    from keras import layers

    faces = keras.Input((FACE_SIZE, FACE_SIZE, 1), name="faces")
    x = _convolve(scale(faces), widths[0], 1, "stem")
    x = layers.ReLU(name="stem_relu")(x)
    for stage, (filters, count) in enumerate(zip(widths, blocks, strict=True), start=1):
        for i in range(1, count + 1):
            stride = 2 if stage > 1 and i == 1 else 1
            x = _block(x, filters, stride, ratio, f"stage{stage}_block{i}")
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    logits = layers.Dense(len(EMOTIONS), dtype="float32", name="logits")(x)
    return keras.Model(faces, logits, name="se_resnet")


def _convolve(x: keras.KerasTensor, filters: int, stride: int, name: str) -> keras.KerasTensor:
    from keras import layers

    x = layers.Conv2D(
        filters, 3, strides=stride, padding="same", use_bias=False, name=f"{name}_conv"
    )(x)
    return layers.BatchNormalization(name=f"{name}_bn")(x)


def _block(
    x: keras.KerasTensor, filters: int, stride: int, ratio: int, name: str
) -> keras.KerasTensor:
    from keras import layers

    shortcut = x
    if stride > 1 or x.shape[-1] != filters:
        if stride > 1:
            shortcut = layers.AveragePooling2D(stride, name=f"{name}_short_pool")(x)
        shortcut = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_short_conv")(shortcut)
        shortcut = layers.BatchNormalization(name=f"{name}_short_bn")(shortcut)
    y = layers.ReLU(name=f"{name}_relu1")(_convolve(x, filters, stride, f"{name}_1"))
    y = squeeze(_convolve(y, filters, 1, f"{name}_2"), ratio, name)
    return layers.ReLU(name=f"{name}_relu2")(layers.Add(name=f"{name}_add")([y, shortcut]))


def squeeze(x: keras.KerasTensor, ratio: int, name: str) -> keras.KerasTensor:
    """Weigh channels by what all of the picture says (squeeze-and-excitation)."""
    from keras import layers

    filters = x.shape[-1]
    y = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    y = layers.Conv2D(filters // ratio, 1, activation="relu", name=f"{name}_down")(y)
    y = layers.Conv2D(filters, 1, activation="sigmoid", name=f"{name}_up")(y)
    return layers.Multiply(name=f"{name}_excite")([x, y])
