"""A network that begins as a smaller one, trained already: what it adds changes nothing at first.

Most of what a large network learns from 28,709 faces a smaller one of its kind learns in a part of
the time. So the large one begins by answering as the small one does, and training goes on from
there (Chen et al. 2016, *Net2Net*, arXiv 1511.05641).

- The same network with fewer convolutions or residual blocks.
- ``resnet50`` for ``senet50``: every squeeze-and-excitation begins by weighing all channels alike.
- ``vgg`` for ``vgg16`` and ``vgg19``, whose fifth stage begins as the mean over the face.
"""

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from fer_core.errors import ModelError
from fer_core.models.starting_weights.batch_norm import measure, settle
from fer_core.preprocess import FACE_SIZE

if TYPE_CHECKING:
    import keras

#: As which smaller networks, besides itself with less, a network can begin.
SMALLER: Final = {"vgg16": ("vgg",), "vgg19": ("vgg", "vgg16"), "senet50": ("resnet50",)}
#: The weights of a network's layers, by name of the layer.
Known = dict[str, list[np.ndarray]]


def grow(model: "keras.Model", trained: "keras.Model", faces: np.ndarray) -> None:
    """Let a network begin as a smaller one.

    Args:
        model: A network with a backbone, see :mod:`fer_core.models.architectures.transfer`.
        trained: The smaller network.
        faces: ``(N, 48, 48)`` training faces, for measuring BatchNorm.

    Raises:
        ModelError: ``trained`` is no smaller network of this kind.
    """
    layers = _layers(model)
    known = {name: layer.get_weights() for name, layer in _layers(trained).items()}
    if "conv1_conv" in known and "stem_conv" in layers:
        known = _with_squeezing(known)
    elif "stage1_conv1" in known and "block1_conv1" in layers:
        known = _as_vgg16(model, trained, known)
    for name, values in known.items():
        if name not in layers:
            raise ModelError(f"{trained.name} has layers that {model.name} lacks.")
        if [w.shape for w in values] != [w.shape for w in layers[name].weights]:
            raise ModelError(f"The layer {name} of {trained.name} has another size here.")
    for name, values in known.items():
        layers[name].set_weights(values)
    added = {name: layer for name, layer in layers.items() if name not in known}
    if "logits" in added:
        raise ModelError(f"{trained.name} is no smaller network of {model.name}'s kind.")
    if any(re.match(r"conv\d_block", name) for name in added):
        _add_nothing(model, added, faces)
    else:
        _pass_on(model, added, faces)


def _layers(model: "keras.Model") -> dict[str, "keras.Layer"]:
    """Return the layers that have weights, those inside the backbone too, first ones first."""
    import keras

    found: dict[str, keras.Layer] = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found |= _layers(layer)
        elif layer.weights:
            found[layer.name] = layer
    return found


def _with_squeezing(known: Known) -> Known:
    """Return what a ResNet50 has learnt as weights of SENet50, whose convolutions have no bias.

    Pictures meet other borders in SENet50's first two layers, which are one pixel further on.
    """
    found: Known = {}
    biases = {name: values[1] for name, values in known.items() if name.endswith("_conv")}
    for name, values in known.items():
        ours = re.sub("^conv1_", "stem_", name)
        if name.endswith("_conv"):
            found[ours] = values[:1]
        elif name.endswith("_bn"):
            scale, offset, mean, variance = values
            mean = mean - biases[name.removesuffix("_bn") + "_conv"]
            # Every gate begins at one half.
            twice = 2 if name.endswith("_3_bn") else 1
            found[ours] = [twice * scale, twice * offset, mean, variance]
        else:
            found[ours] = values
    return found


def _as_vgg16(model: "keras.Model", trained: "keras.Model", known: Known) -> Known:
    """Return what ``vgg`` has learnt as weights of VGG16, which takes three shifted channels."""
    flat = {layer.name for layer in trained.layers}
    size = model.get_layer("backbone").input.shape[1]
    if "mean" not in flat or "middle" in flat or size != FACE_SIZE:
        raise ModelError(
            f"{model.name} can begin as a vgg without dense layers that takes all of 48 pixels, "
            "and with an input size of 48 itself."
        )
    found = {re.sub(r"^stage(\d)_", r"block\1_", name): values for name, values in known.items()}
    theirs, ours = trained.get_layer("scale"), model.get_layer("prepare")
    # A face f is (c - ours.offset) / ours.scale, and the trained network takes that scaled.
    factor = theirs.scale / ours.scale
    shift = np.mean(theirs.offset - factor * np.asarray(ours.offset))
    kernel = found["block1_conv1"][0]
    found["block1_conv1"] = [np.repeat(kernel * factor / 3, 3, axis=2)]
    scale, offset, mean, variance = found["block1_conv1_bn"]
    found["block1_conv1_bn"] = [scale, offset, mean - shift * kernel.sum((0, 1, 2)), variance]
    return found


def _add_nothing(model: "keras.Model", added: dict[str, "keras.Layer"], faces: np.ndarray) -> None:
    """Let residual blocks begin by adding nothing to what they get, and gates half open."""
    for name, layer in added.items():
        if name.endswith("_3_bn"):
            layer.gamma.assign(np.zeros(layer.gamma.shape))
        elif name.endswith("_up") and f"{name.removesuffix('_up')}_3_bn" not in added:
            layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
    settle(model, faces, list(added.values()))


def _pass_on(model: "keras.Model", added: dict[str, "keras.Layer"], faces: np.ndarray) -> None:
    """Let convolutions begin by passing on what they get, and the BatchNorm after by undoing what
    it does.
    """
    from keras import layers

    convolutions = [layer for layer in added.values() if isinstance(layer, layers.Conv2D)]
    for convolution in convolutions:
        convolution.set_weights([_identity(convolution.kernel.shape)])
    if "block5_conv1" in added:
        # `vgg` takes the mean of the 3 by 3 that are left here. Of a 3 by 3 filter only the
        # middle sees all of them, and the largest is what max-pooling keeps.
        last = convolutions[-1]
        middle = _identity(last.kernel.shape)[1, 1]
        last.set_weights([np.broadcast_to(middle / 9, last.kernel.shape)])
    statistics = measure(model, [layer.output for layer in convolutions], faces)
    norms = [layer for layer in added.values() if isinstance(layer, layers.BatchNormalization)]
    for norm, (mean, variance) in zip(norms, statistics, strict=True):
        norm.set_weights([np.sqrt(variance + norm.epsilon), mean, mean, variance])


def _identity(shape: tuple[int, int, int, int]) -> np.ndarray:
    """Return the kernel that passes on what it gets."""
    kernel = np.zeros(shape, np.float32)
    rows, columns, given, made = shape
    kernel[rows // 2, columns // 2] = np.eye(given, made)
    return kernel
