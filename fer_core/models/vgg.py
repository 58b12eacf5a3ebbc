"""Networks of VGG's kind, trained from scratch: stages of 3×3 convolutions with
BatchNorm, each halved by max-pooling.
"""

from collections.abc import Sequence

import keras
from keras import layers

from fer_core.emotions import EMOTIONS
from fer_core.preprocess import FACE_SIZE, scale


def build(
    widths: Sequence[int] = (64, 128, 256, 512),
    convolutions: Sequence[int] = (2, 2, 2, 2),
    dense: Sequence[int] = (4096, 4096),
    dropout: float = 0.5,
    size: int = 48,
    batchnorm_dense: bool = False,
) -> keras.Model:
    """Network from faces ``(N, 48, 48, 1)``, grey, 0 to 255, to logits ``(N, 7)``.

    Args:
        widths: filters of each stage.
        convolutions: how many each stage has.
        dense: units of the layers before the last; with none, the last stage's mean
            over the face is classified.
        dropout: share dropped after each dense layer, or of the mean.
        size: side of the middle of the face that the network sees, even, up to 48.
        batchnorm_dense: BatchNorm after dense layers as well.
    """
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
