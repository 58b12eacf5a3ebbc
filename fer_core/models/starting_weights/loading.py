"""Starting weights: what a network knows before its first training face.

``none``, a local file, ``imagenet`` (the files of ``keras.applications``), or a named
set. Nothing is fetched unless ``imagenet`` is asked for and its file is not here, see
:mod:`fer_core.models.starting_weights.imagenet`.

Some sets have their BatchNorm folded into kernels and biases. It is put back by
measuring: training faces are run through, and each new BatchNorm gets the mean and the
variance that it sees, and the scale and offset that make it the identity. So the network
starts as the set it came from and trains as one with BatchNorm.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from fer_core.errors import ModelError
from fer_core.models.starting_weights import imagenet
from fer_core.models.starting_weights.sources import NAMED, Arrays

if TYPE_CHECKING:
    import keras

#: Faces that BatchNorm is measured on.
MEASURED: Final = 256

#: Folded convolutions in the order of the network: kernel and bias of each.
Folded = list[tuple[np.ndarray, np.ndarray]]


def start(model: "keras.Model", architecture: str, source: str, faces: np.ndarray) -> None:
    """Give ``model`` its starting weights.

    Args:
        model: as built by :func:`fer_core.models.architectures.registry.build`.
        architecture: its name there.
        source: ``none``, ``imagenet``, a named set of :data:`NAMED`,
            or a file: that of a named set, the ``best.npz`` of a run of this architecture,
            its ``model.keras`` or that of a network with fewer layers, or the ``…_notop.h5``
            of ``keras.applications``.
        faces: ``(N, 48, 48)`` training faces, for measuring BatchNorm.

    Raises:
        ModelError: the set does not fit this architecture, or its file is missing or
            of another network; the message says where to put which file.
    """
    if source == "none":
        _settle(model, faces)
    elif source == "imagenet":
        _application(model, architecture, imagenet.fetch(architecture), faces)
    elif source in NAMED:
        _named(model, architecture, source, None, faces)
    elif same := [n for n, of in NAMED.items() if of.file == Path(source).name]:
        _named(model, architecture, same[0], Path(source), faces)
    elif Path(source).is_file():
        _file(model, architecture, Path(source), faces)
    else:
        known = ", ".join(["none", "imagenet", *NAMED])
        raise ModelError(f"No weights '{source}': use one of {known}, or the path of a file.")


def _settle(model: "keras.Model", faces: np.ndarray) -> None:
    """Let every BatchNorm begin with the statistics of real faces.

    They begin at mean 0 and variance 1 and follow slowly. So for some hundred steps, which is all
    of a small dataset's training, a network would be much worse where it is tested than where it
    is trained.
    """
    from keras import layers

    norms = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if isinstance(layer, layers.BatchNormalization)
    ]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    model(_sample(faces, 128), training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _sample(faces: np.ndarray, count: int) -> np.ndarray:
    """Return ``(n, 48, 48, 1)`` ``float32``: at most ``count`` of ``faces``, from all over them."""
    rows = np.linspace(0, len(faces) - 1, min(count, len(faces))).astype(int)
    return faces[rows, ..., None].astype(np.float32)


def about(source: str) -> str:
    """Return what a card says of starting weights."""
    if source == "none":
        return "none, trained from scratch"
    if source == "imagenet":
        return "ImageNet, from keras.applications"
    if source in NAMED:
        return f"`{source}`, from {NAMED[source].package}: {NAMED[source].about}"
    return f"the file {Path(source).name}"


def _named(
    model: "keras.Model", architecture: str, name: str, path: Path | None, faces: np.ndarray
) -> None:
    chosen = NAMED[name]
    if architecture != chosen.architecture:
        raise ModelError(
            f"The weights '{name}' are those of {chosen.architecture}, not of {architecture}."
        )
    if chosen.folded:
        _unfold(model, chosen.read(path), faces)
    else:
        _place(model, chosen.read(path))


def _place(model: "keras.Model", arrays: Arrays) -> None:
    """Set the weights of the backbone's layers, one group after the other."""
    backbone = model.get_layer("backbone")
    takers = [layer for layer in backbone.layers if layer.weights]
    if [[w.shape for w in layer.weights] for layer in takers] != [
        [a.shape for a in group] for group in arrays
    ]:
        raise ModelError(f"The weights are not those of {model.name}: their shapes differ.")
    for layer, group in zip(takers, arrays, strict=True):
        layer.set_weights(group)


# -- BatchNorm put back


def _unfold(model: "keras.Model", folded: Arrays, faces: np.ndarray) -> None:
    """Set the backbone's convolutions and measure the BatchNorm after each.

    Backbones that say ``rescalable`` (ReLU and max-pooling only) get every BatchNorm's
    output at unit variance, and the old scale in the next kernel: what they compute is
    the original up to one factor per channel. Others get the identity.
    """
    from keras import layers

    backbone = model.get_layer("backbone")
    kinds = (layers.Conv2D, layers.DepthwiseConv2D)
    convolutions = [layer for layer in backbone.layers if isinstance(layer, kinds)]
    norms = [la for la in backbone.layers if isinstance(la, layers.BatchNormalization)]
    folded = folded[: len(convolutions)]  # a backbone may end earlier than the original
    if [c.kernel.shape for c in convolutions] != [kernel.shape for kernel, _ in folded]:
        raise ModelError(f"The weights are not those of {model.name}: their shapes differ.")

    # The sets expect pixels; where ours come in smaller, the first kernel makes up for it.
    folded = [(folded[0][0] / model.get_layer("prepare").scale, folded[0][1]), *folded[1:]]
    for convolution, norm, (kernel, bias) in zip(convolutions, norms, folded, strict=True):
        convolution.set_weights([kernel.astype(np.float32)])
        one, zero = np.ones(len(bias), np.float32), np.zeros(len(bias), np.float32)
        norm.set_weights([one * np.sqrt(1 + norm.epsilon), bias.astype(np.float32), zero, one])

    statistics = _measure(model, [c.output for c in convolutions], faces)

    rescalable = _rescalable(backbone)
    previous: np.ndarray | None = None
    for convolution, norm, (_, bias), (mean, variance) in zip(
        convolutions, norms, folded, statistics, strict=True
    ):
        scale = np.sqrt(variance + norm.epsilon)
        if previous is not None:
            # What comes in is smaller by `previous`, so the kernel makes up for it.
            kernel = convolution.get_weights()[0] * previous[None, None, :, None]
            convolution.set_weights([kernel])
        if rescalable:
            norm.set_weights([np.ones_like(scale), (bias + mean) / scale, mean, variance])
            previous = scale
        else:
            norm.set_weights([scale, bias + mean, mean, variance])


def _rescalable(backbone: "keras.Model") -> bool:
    from keras import layers

    plain = (
        layers.InputLayer,
        layers.Conv2D,
        layers.BatchNormalization,
        layers.ReLU,
        layers.MaxPooling2D,
    )
    return all(
        isinstance(layer, plain) and getattr(layer, "max_value", None) is None
        for layer in backbone.layers
    )


def _measure(
    model: "keras.Model", taps: Sequence, faces: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return mean and variance per channel of each of the backbone's outputs ``taps``, over some
    faces, in one pass of small batches.
    """
    import keras

    from fer_core.models.outputs import outputs

    backbone = model.get_layer("backbone")
    entry = model.layers[model.layers.index(backbone) - 1].output
    inputs = outputs(keras.Model(model.input, entry), _sample(faces, MEASURED), 32)
    tap = keras.Model(backbone.input, list(taps))
    sums = [np.zeros((2, output.shape[-1])) for output in taps]
    counts = [0] * len(taps)
    for i in range(0, len(inputs), 16):
        for k, value in enumerate(tap(inputs[i : i + 16], training=False)):
            flat = keras.ops.convert_to_numpy(value).astype(np.float64)
            flat = flat.reshape(-1, flat.shape[-1])
            sums[k] += flat.sum(axis=0), np.square(flat).sum(axis=0)
            counts[k] += len(flat)
    result = []
    for (total, squares), n in zip(sums, counts, strict=True):
        mean = total / n
        variance = np.maximum(squares / n - mean**2, 1e-8)
        result.append((mean.astype(np.float32), variance.astype(np.float32)))
    return result


# -- from a network with fewer layers


def _deepen(model: "keras.Model", smaller: "keras.Model", faces: np.ndarray) -> None:
    """Let a network begin as a trained one that lacks some of its convolutions (VGG16 for VGG19).

    Layers of the same name take its weights. Every other convolution begins by passing on what it
    gets, and its BatchNorm by undoing what it does, so both networks answer alike (Chen et al.
    2016, *Net2Net*, arXiv 1511.05641).
    """
    from keras import layers

    backbone, known = model.get_layer("backbone"), smaller.get_layer("backbone")
    ours, theirs = ({la.name: la for la in of.layers if la.weights} for of in (backbone, known))
    if theirs.keys() - ours.keys():
        raise ModelError(f"{smaller.name} has layers that {model.name} lacks.")
    new = [name for name in ours if name not in theirs]
    for name, layer in theirs.items():
        ours[name].set_weights(layer.get_weights())
    for layer in smaller.layers:
        if layer.weights and layer is not known:
            model.get_layer(layer.name).set_weights(layer.get_weights())
    added = [ours[name] for name in new if isinstance(ours[name], layers.Conv2D)]
    for convolution in added:
        kernel = np.zeros(convolution.kernel.shape, np.float32)
        rows, columns, *channels = kernel.shape
        kernel[rows // 2, columns // 2] = np.eye(*channels)
        convolution.set_weights([kernel])
    norms = [ours[name] for name in new if isinstance(ours[name], layers.BatchNormalization)]
    statistics = _measure(model, [convolution.output for convolution in added], faces)
    for norm, (mean, variance) in zip(norms, statistics, strict=True):
        norm.set_weights([np.sqrt(variance + norm.epsilon), mean, mean, variance])


# -- files


def _application(model: "keras.Model", architecture: str, path: Path, faces: np.ndarray) -> None:
    import keras

    imagenet.check_file(path)
    builder = getattr(keras.applications, imagenet.application(architecture).builder)
    source = builder(weights=str(path), include_top=False, input_shape=(96, 96, 3))
    if architecture.startswith("vgg"):
        _unfold(model, [tuple(la.get_weights()) for la in source.layers if la.weights], faces)
    else:
        model.get_layer("backbone").set_weights(source.get_weights())


def _file(model: "keras.Model", architecture: str, path: Path, faces: np.ndarray) -> None:
    import keras

    try:
        if path.suffix == ".npz":
            with np.load(path) as file:
                values = [file[key] for key in file.files if key.startswith("model/")]
            variables = [v for layer in model.layers for v in layer.variables]
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        elif path.suffix == ".keras":
            other = keras.saving.load_model(path, compile=False, safe_mode=True)
            if other.name != model.name and "backbone" in {layer.name for layer in other.layers}:
                _deepen(model, other, faces)
            else:
                model.set_weights(other.get_weights())
        elif path.name.endswith(".weights.h5"):
            model.load_weights(path)
        elif architecture in imagenet.APPLICATIONS:
            _application(model, architecture, path, faces)
        else:
            model.load_weights(path)
    except ModelError:
        raise
    except Exception as error:  # Keras raises whatever it likes on strange files
        raise ModelError(f"{path.name} holds no weights of {architecture}: {error}") from error
