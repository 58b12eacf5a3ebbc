"""Every architecture that can be trained, by name."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fer_core.errors import ModelError

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Architecture:
    """A network that can be built and trained.

    Attributes:
        name: as used on the command line and in model folders.
        title: what people call it.
        builder: ``module:function`` that builds it; imported only then, since that
            imports Keras.
        reference: the paper or report it comes from.
        options: what the builder is given unless told otherwise.
        weights: starting weights there are for it, besides none and a file.
    """

    name: str
    title: str
    builder: str
    reference: str
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: tuple[str, ...] = ()


_VGG, _TRANSFER = "fer_core.models.vgg:build", "fer_core.models.transfer"
_PK = {"widths": (32, 32, 64, 64), "dense": (1024,), "batchnorm_dense": True}

_ARCHITECTURES = {
    a.name: a
    for a in (
        Architecture(
            "mini_xception",
            "mini-Xception (the report's variant)",
            "fer_core.models.mini_xception:build",
            "Arriaga et al. 2017, arXiv 1710.07557, with two residual branches",
        ),
        Architecture(
            "arriaga",
            "mini-Xception (the original)",
            "fer_core.models.arriaga:build",
            "Arriaga et al. 2017, arXiv 1710.07557",
        ),
        Architecture(
            "pk_03",
            "Pramerdorfer & Kampel, dropout 0.3",
            _VGG,
            "Pramerdorfer & Kampel 2016, arXiv 1612.02903, as the report builds it",
            _PK | {"dropout": 0.3},
        ),
        Architecture(
            "pk_04",
            "Pramerdorfer & Kampel, dropout 0.4",
            _VGG,
            "Pramerdorfer & Kampel 2016, arXiv 1612.02903, as the report builds it",
            _PK | {"dropout": 0.4},
        ),
        Architecture(
            "vgg",
            "VGG from scratch",
            _VGG,
            "Khaireddin & Chen 2021, arXiv 2105.03588",
        ),
        Architecture(
            "vgg_narrow",
            "VGG with narrow first layers",
            _VGG,
            "VGG without dense layers, its first stages narrowed for speed",
            {
                "widths": (32, 96, 192, 384), "convolutions": (1, 2, 2, 2),
                "dense": (), "dropout": 0.4, "size": 44,
            },
        ),
        Architecture(
            "fast",
            "A small VGG for live use",
            _VGG,
            "VGG without dense layers, narrowed until it suits live video",
            {
                "widths": (32, 64, 160, 320), "convolutions": (1, 1, 2, 2),
                "dense": (), "dropout": 0.3, "size": 44,
            },
        ),
        Architecture(
            "se_resnet",
            "Residual network with squeeze-and-excitation",
            "fer_core.models.se_resnet:build",
            "He et al. 2016, arXiv 1603.05027; Hu et al. 2018, arXiv 1709.01507",
        ),
        Architecture(
            "mobilenet",
            "MobileNet v1",
            f"{_TRANSFER}:mobilenet",
            "Howard et al. 2017, arXiv 1704.04861",
            weights=("mobilenet_vggface2",),
        ),
        *(
            Architecture(
                f"efficientnet_lite{variant}",
                f"EfficientNet-Lite{variant}",
                "fer_core.models.pretrained:efficientnet_lite",
                "Tan & Le 2019, arXiv 1905.11946, without squeeze-and-excitation",
                {"variant": variant},
                weights=(f"efficientnet_lite{variant}_imagenet",),
            )
            for variant in (0, 1, 2)
        ),
        Architecture(
            "dlib_face",
            "dlib's face network",
            "fer_core.models.pretrained:dlib_face",
            "King 2017, after He et al. 2015, arXiv 1512.03385",
            weights=("dlib_face",),
        ),
        Architecture(
            "vgg16",
            "VGG16",
            f"{_TRANSFER}:vgg16",
            "Simonyan & Zisserman 2015, arXiv 1409.1556",
            weights=("imagenet", "hed_vgg16"),
        ),
        Architecture(
            "vgg19",
            "VGG19",
            f"{_TRANSFER}:vgg19",
            "Simonyan & Zisserman 2015, arXiv 1409.1556",
            weights=("imagenet",),
        ),
        Architecture(
            "resnet50",
            "ResNet50",
            f"{_TRANSFER}:resnet50",
            "He et al. 2015, arXiv 1512.03385",
            weights=("imagenet",),
        ),
        Architecture(
            "senet50",
            "SENet50",
            f"{_TRANSFER}:senet50",
            "Hu et al. 2018, arXiv 1709.01507",
        ),
        Architecture(
            "inception_v3",
            "Inception-v3",
            f"{_TRANSFER}:inception_v3",
            "Szegedy et al. 2016, arXiv 1512.00567",
            weights=("imagenet",),
        ),
    )
}  # fmt: skip


def architectures() -> list[Architecture]:
    """All architectures, by name."""
    return sorted(_ARCHITECTURES.values(), key=lambda a: a.name)


def architecture(name: str) -> Architecture:
    """The architecture called ``name``.

    Raises:
        ModelError: there is none.
    """
    try:
        return _ARCHITECTURES[name]
    except KeyError:
        known = ", ".join(sorted(_ARCHITECTURES))
        raise ModelError(f"Unknown architecture '{name}': use one of {known}.") from None


def build(name: str, **options: Any) -> "keras.Model":
    """Build a network from faces ``(N, 48, 48, 1)``, grey, 0 to 255, to logits ``(N, 7)``.

    Raises:
        ModelError: no such architecture, or it does not take one of ``options``.
    """
    chosen = architecture(name)
    module, function = chosen.builder.split(":")
    builder = getattr(importlib.import_module(module), function)
    try:
        return builder(**{**chosen.options, **options})
    except TypeError as error:
        raise ModelError(f"{name} cannot be built with {options}: {error}") from error
