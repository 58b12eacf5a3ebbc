"""Large backbones with the report's head: resize, backbone, mean, dense 4096 and 1024.

The backbone is one layer of the network, called ``backbone``, so that its weights can be
set (:mod:`fer_core.models.starting_weights`) and its first layers frozen as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from fer_core.emotions import EMOTIONS
from fer_core.models.architectures.registry import register
from fer_core.models.architectures.se_resnet import squeeze
from fer_core.preprocess import FACE_SIZE, scale

if TYPE_CHECKING:
    import keras

#: What ImageNet's pictures are on average, blue first, as older networks subtract it.
_BGR_MEAN = (103.939, 116.779, 123.68)
#: Residual blocks of ResNet50's stages.
RESNET50_BLOCKS: Final = (3, 4, 6, 3)


@register(
    "vgg16",
    "VGG16",
    "Simonyan & Zisserman 2015, arXiv 1409.1556",
    weights=("imagenet", "hed_vgg16"),
)
def vgg16(size: int = 48, **head: Any) -> keras.Model:
    """Build VGG16 (Simonyan & Zisserman 2015, arXiv 1409.1556) with BatchNorm, and a head.

    Args:
        size: side in pixels that faces are resized to.
        head: see :func:`with_head`.
    """
    return with_head("vgg16", _vgg(size, (2, 2, 3, 3, 3)), _centred, size, **head)


@register("vgg19", "VGG19", "Simonyan & Zisserman 2015, arXiv 1409.1556", weights=("imagenet",))
def vgg19(size: int = 48, **head: Any) -> keras.Model:
    """Build VGG19 with BatchNorm, and a head; see :func:`vgg16`."""
    return with_head("vgg19", _vgg(size, (2, 2, 4, 4, 4)), _centred, size, **head)


@register("resnet50", "ResNet50", "He et al. 2015, arXiv 1512.03385", weights=("imagenet",))
def resnet50(size: int = 64, blocks: Sequence[int] = RESNET50_BLOCKS, **head: Any) -> keras.Model:
    """Build ResNet50 (He et al. 2015, arXiv 1512.03385) and a head; see :func:`vgg16`.

    Args:
        size: side in pixels that faces are resized to.
        blocks: how many residual blocks each stage has, at most those of ResNet50. A network with
            fewer trains in less time, and the whole one can start from it.
        head: see :func:`with_head`.
    """
    import keras

    backbone = keras.applications.ResNet50(
        weights=None, include_top=False, input_shape=(size, size, 3), name="backbone"
    )
    if tuple(blocks) != RESNET50_BLOCKS:
        backbone = _first_blocks(backbone, blocks)
    return with_head("resnet50", backbone, _caffe, size, **head)


@register("senet50", "SENet50", "Hu et al. 2018, arXiv 1709.01507")
def senet50(size: int = 64, blocks: Sequence[int] = RESNET50_BLOCKS, **head: Any) -> keras.Model:
    """Build SENet50, a ResNet50 with squeeze-and-excitation (Hu et al. 2018, arXiv
    1709.01507), and a head; see :func:`resnet50`.
    """
    return with_head("senet50", _senet50(size, blocks), _caffe, size, **head)


@register(
    "inception_v3", "Inception-v3", "Szegedy et al. 2016, arXiv 1512.00567", weights=("imagenet",)
)
def inception_v3(size: int = 75, **head: Any) -> keras.Model:
    """Build Inception-v3 (Szegedy et al. 2016, arXiv 1512.00567) and a head; ``size`` is 75
    or more; see :func:`vgg16`.
    """
    import keras

    backbone = keras.applications.InceptionV3(
        weights=None, include_top=False, input_shape=(size, size, 3), name="backbone"
    )
    return with_head("inception_v3", backbone, _inception, size, **head)


@register(
    "mobilenet",
    "MobileNet v1",
    "Howard et al. 2017, arXiv 1704.04861",
    weights=("mobilenet_vggface2",),
    dense=(),
    dropout=0.4,
)
def mobilenet(size: int = 96, **head: Any) -> keras.Model:
    """Build MobileNet v1 (Howard et al. 2017, arXiv 1704.04861) and a head; it is registered
    without dense layers; see :func:`vgg16`.
    """
    return with_head("mobilenet", _mobilenet(size), _grey_114, size, **head)


def with_head(
    name: str,
    backbone: keras.Model,
    prepare,
    size: int,
    *,
    dense: Sequence[int] = (4096, 1024),
    dropout: float = 0.0,
    frozen: int | bool = 0,
) -> keras.Model:
    """Build a network from faces ``(N, 48, 48, 1)``, grey, 0 to 255, to logits ``(N, 7)``.

    Args:
        name: of the network.
        backbone: from prepared pictures to feature maps.
        prepare: from faces of the right size to what the backbone takes.
        size: side in pixels that faces are resized to.
        dense: units of the head's layers before the last.
        dropout: share dropped after each of them, or of the features without any.
        frozen: how many of the backbone's layers stay as they are; ``True`` for all.
    """
    import keras
    from keras import layers

    for layer in backbone.layers[: len(backbone.layers) if frozen is True else frozen]:
        layer.trainable = False
    faces = keras.Input((FACE_SIZE, FACE_SIZE, 1), name="faces")
    x = faces
    if size != FACE_SIZE:
        x = layers.Resizing(size, size, dtype="float32", name="resize")(x)
    x = backbone(prepare(x))
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    for i, units in enumerate(dense, start=1):
        x = layers.Dense(units, activation="relu", name=f"dense{i}")(x)
        if dropout:
            x = layers.Dropout(dropout, name=f"dense{i}_dropout")(x)
    if dropout and not dense:
        x = layers.Dropout(dropout, name="dropout")(x)
    logits = layers.Dense(len(EMOTIONS), dtype="float32", name="logits")(x)
    return keras.Model(faces, logits, name=name)


def three(x: keras.KerasTensor) -> keras.KerasTensor:
    """Turn grey into red, green and blue."""
    from keras import layers

    return layers.Concatenate(dtype="float32", name="three")([x, x, x])


def _caffe(x: keras.KerasTensor) -> keras.KerasTensor:
    """Turn grey into blue, green and red, each minus its mean."""
    from keras import layers

    shift = [-mean for mean in _BGR_MEAN]
    return layers.Rescaling(1.0, shift, dtype="float32", name="prepare")(three(x))


def _centred(x: keras.KerasTensor) -> keras.KerasTensor:
    """Turn grey into what :func:`_caffe` gives, divided by 114.

    A VGG with BatchNorm keeps its activations small, see :mod:`fer_core.models.starting_weights`.
    """
    from keras import layers

    shift = [-mean / 114 for mean in _BGR_MEAN]
    return layers.Rescaling(1 / 114, shift, dtype="float32", name="prepare")(three(x))


def _grey_114(x: keras.KerasTensor) -> keras.KerasTensor:
    from keras import layers

    return layers.Rescaling(1.0, -114.0, dtype="float32", name="prepare")(three(x))


def _inception(x: keras.KerasTensor) -> keras.KerasTensor:
    return three(scale(x))


def _vgg(size: int, convolutions: Sequence[int]) -> keras.Model:
    import keras
    from keras import layers

    image = keras.Input((size, size, 3), name="image")
    x = image
    for block, (filters, count) in enumerate(
        zip((64, 128, 256, 512, 512), convolutions, strict=True), start=1
    ):
        for i in range(1, count + 1):
            name = f"block{block}_conv{i}"
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
            x = layers.BatchNormalization(name=f"{name}_bn")(x)
            x = layers.ReLU(name=f"{name}_relu")(x)
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    return keras.Model(image, x, name="backbone")


def _first_blocks(resnet50: keras.Model, blocks: Sequence[int]) -> keras.Model:
    """Return Keras' ResNet50 with the first ``blocks`` of its stages only."""
    import keras

    def chain(x, *names: str):
        for name in names:
            x = resnet50.get_layer(name)(x)
        return x

    image = keras.Input(resnet50.input_shape[1:], name="image")
    x = chain(image, "conv1_pad", "conv1_conv", "conv1_bn", "conv1_relu", "pool1_pad", "pool1_pool")
    for stage, count in enumerate(blocks, start=2):
        for i in range(1, count + 1):
            name = f"conv{stage}_block{i}"
            shortcut = chain(x, f"{name}_0_conv", f"{name}_0_bn") if i == 1 else x
            y = chain(x, *(f"{name}_{k}_{part}" for k in (1, 2) for part in ("conv", "bn", "relu")))
            y = chain(y, f"{name}_3_conv", f"{name}_3_bn")
            x = chain([shortcut, y], f"{name}_add", f"{name}_out")
    # A copy, since these layers are still part of the whole network too.
    return keras.models.clone_model(keras.Model(image, x, name="backbone"))


def _senet50(size: int, blocks: Sequence[int]) -> keras.Model:
    import keras
    from keras import layers

    def convolve(x, filters: int, kernel: int, stride: int, name: str):
        x = layers.Conv2D(
            filters, kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_conv"
        )(x)
        return layers.BatchNormalization(name=f"{name}_bn")(x)

    image = keras.Input((size, size, 3), name="image")
    x = layers.ReLU(name="stem_relu")(convolve(image, 64, 7, 2, "stem"))
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pool")(x)
    for stage, count in enumerate(blocks, start=2):
        filters = 2 ** (stage + 4)
        for i in range(1, count + 1):
            name = f"conv{stage}_block{i}"
            stride = 2 if stage > 2 and i == 1 else 1
            shortcut = convolve(x, 4 * filters, 1, stride, f"{name}_0") if i == 1 else x
            y = layers.ReLU(name=f"{name}_relu1")(convolve(x, filters, 1, stride, f"{name}_1"))
            y = layers.ReLU(name=f"{name}_relu2")(convolve(y, filters, 3, 1, f"{name}_2"))
            y = squeeze(convolve(y, 4 * filters, 1, 1, f"{name}_3"), 16, name)
            x = layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_add")([y, shortcut]))
    return keras.Model(image, x, name="backbone")


def _mobilenet(size: int) -> keras.Model:
    import keras
    from keras import layers

    def normalise(x, name: str):
        return layers.ReLU(6.0, name=f"{name}_relu")(
            layers.BatchNormalization(name=f"{name}_bn")(x)
        )

    def halve(x, name: str):
        # Nothing before and one row after, as the weights were trained.
        return layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(x)

    image = keras.Input((size, size, 3), name="image")
    x = layers.Conv2D(32, 3, strides=2, use_bias=False, name="conv1")(halve(image, "conv1"))
    x = normalise(x, "conv1")
    widths = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
    for k, filters in enumerate(widths, start=1):
        stride, name = (2 if k in (2, 4, 6, 12) else 1), f"conv_dw_{k}"
        x = layers.DepthwiseConv2D(
            3,
            strides=stride,
            padding="valid" if stride == 2 else "same",
            use_bias=False,
            name=name,
        )(halve(x, name) if stride == 2 else x)
        x = normalise(x, name)
        x = layers.Conv2D(filters, 1, use_bias=False, name=f"conv_pw_{k}")(x)
        x = normalise(x, f"conv_pw_{k}")
    return keras.Model(image, x, name="backbone")
