"""Networks of VGG's kind, trained from scratch: stages of 3×3 convolutions with
BatchNorm, each halved by max-pooling.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from fer_core.emotions import EMOTIONS
from fer_core.models.architectures.registry import register
from fer_core.preprocess import FACE_SIZE, scale

if TYPE_CHECKING:
    import keras


_AS_IN_THE_BASELINE: Final = "Pramerdorfer & Kampel 2016, arXiv 1612.02903, as the report builds it"
_PRAMERDORFER_KAMPEL: Final[dict[str, Any]] = {
    "widths": (32, 32, 64, 64), "dense": (1024,), "batchnorm_dense": True,
}  # fmt: skip


@register("vgg", "VGG from scratch", "Khaireddin & Chen 2021, arXiv 2105.03588")
@register(
    "pk_03", "Pramerdorfer & Kampel, dropout 0.3", _AS_IN_THE_BASELINE,
    **_PRAMERDORFER_KAMPEL, dropout=0.3,
)  # fmt: skip
@register(
    "pk_04", "Pramerdorfer & Kampel, dropout 0.4", _AS_IN_THE_BASELINE,
    **_PRAMERDORFER_KAMPEL, dropout=0.4,
)  # fmt: skip
@register(
    "vgg_narrow", "VGG with narrow first layers",
    "VGG without dense layers, its first stages narrowed for speed",
    widths=(32, 96, 192, 384), convolutions=(1, 2, 2, 2), dense=(), dropout=0.4, size=44,
)  # fmt: skip
@register(
    "fast", "A small VGG for live use",
    "VGG without dense layers, narrowed until it suits live video",
    widths=(32, 64, 160, 320), convolutions=(1, 1, 2, 2), dense=(), dropout=0.3, size=44,
)  # fmt: skip
def build(
    widths: Sequence[int] = (64, 128, 256, 512),
    convolutions: Sequence[int] = (2, 2, 2, 2),
    dense: Sequence[int] = (4096, 4096),
    dropout: float = 0.5,
    size: int = 48,
    batchnorm_dense: bool = False,
) -> keras.Model:
    """Build a network from faces ``(N, 48, 48, 1)``, grey, 0 to 255, to logits ``(N, 7)``.

    Args:
        widths: filters of each stage.
        convolutions: how many each stage has.
        dense: units of the layers before the last; with none, the last stage's mean
            over the face is classified.
        dropout: share dropped after each dense layer, or of the mean.
        size: side of the middle of the face that the network sees, even, up to 48.
        batchnorm_dense: BatchNorm after dense layers as well.
    """
    import keras
    from keras import layers

    faces = keras.Input((FACE_SIZE, FACE_SIZE, 1), name="faces")
    x = scale(faces)
    if size < FACE_SIZE:
        x = layers.Cropping2D((FACE_SIZE - size) // 2, name="middle")(x)
    for stage, (filters, count) in enumerate(zip(widths, convolutions, strict=True), start=1):
        for i in range(1, count + 1):
            name = f"stage{stage}_conv{i}"
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
            x = layers.BatchNormalization(name=f"{name}_bn")(x)
            x = layers.ReLU(name=f"{name}_relu")(x)
        x = layers.MaxPooling2D(2, name=f"stage{stage}_pool")(x)
    if dense:
        x = layers.Flatten(name="flatten")(x)
        for i, units in enumerate(dense, start=1):
            x = layers.Dense(units, use_bias=not batchnorm_dense, name=f"dense{i}")(x)
            if batchnorm_dense:
                x = layers.BatchNormalization(name=f"dense{i}_bn")(x)
            x = layers.ReLU(name=f"dense{i}_relu")(x)
            x = layers.Dropout(dropout, name=f"dense{i}_dropout")(x)
    else:
        x = layers.GlobalAveragePooling2D(name="mean")(x)
        x = layers.Dropout(dropout, name="dropout")(x)
    logits = layers.Dense(len(EMOTIONS), dtype="float32", name="logits")(x)
    return keras.Model(faces, logits, name="vgg")
