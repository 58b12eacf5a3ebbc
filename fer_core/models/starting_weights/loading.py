"""Starting weights: what a network knows before its first training face.

``none``, a local file, a trained model, ``imagenet`` (the files of ``keras.applications``), or a
named set. Nothing is fetched unless ``imagenet`` is asked for and its file is not here, see
:mod:`fer_core.models.starting_weights.imagenet`.

Some sets have their BatchNorm folded into kernels and biases. It is put back by
measuring: training faces are run through, and each new BatchNorm gets the mean and the
variance that it sees, and the scale and offset that make it the identity. So the network
starts as the set it came from and trains as one with BatchNorm.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fer_core.errors import ModelError
from fer_core.files import read_json
from fer_core.models.architectures import registry
from fer_core.models.card import Training
from fer_core.models.catalogue import find_model
from fer_core.models.starting_weights import imagenet
from fer_core.models.starting_weights.batch_norm import measure, settle
from fer_core.models.starting_weights.growth import grow
from fer_core.models.starting_weights.sources import NAMED, Arrays

if TYPE_CHECKING:
    import keras

#: Folded convolutions in the order of the network: kernel and bias of each.
Folded = list[tuple[np.ndarray, np.ndarray]]


def start(model: "keras.Model", architecture: str, source: str, faces: np.ndarray) -> None:
    """Give ``model`` its starting weights.

    Args:
        model: as built by :func:`fer_core.models.architectures.registry.build`.
        architecture: its name there.
        source: ``none``, ``imagenet``, a named set of :data:`NAMED`, the name of a model,
            or a file: that of a named set, the ``best.npz`` of a run, a ``model.keras``, or the
            ``…_notop.h5`` of ``keras.applications``. Models and runs are of this architecture or
            of a smaller one, see :mod:`fer_core.models.starting_weights.growth`.
        faces: ``(N, 48, 48)`` training faces, for measuring BatchNorm.

    Raises:
        ModelError: the set does not fit this architecture, or its file is missing or
            of another network; the message says where to put which file.
    """
    if source == "none":
        settle(model, faces)
    elif source == "imagenet":
        _application(model, architecture, imagenet.fetch(architecture), faces)
    elif source in NAMED:
        _named(model, architecture, source, None, faces)
    elif same := [n for n, of in NAMED.items() if of.file == Path(source).name]:
        _named(model, architecture, same[0], Path(source), faces)
    elif Path(source).is_file():
        _file(model, architecture, Path(source), faces)
    else:
        _file(model, architecture, keras_form(source), faces)


def keras_form(name: str) -> Path:
    """Return the file of a model that another network can begin as.

    Raises:
        ModelError: There is no such model, or it has no Keras form.
    """
    try:
        return find_model(name).checked("model.keras")
    except ModelError as error:
        known = ", ".join(["none", "imagenet", *NAMED])
        raise ModelError(
            f"No weights '{name}': use one of {known}, a model that has a model.keras, or the path "
            "of a file."
        ) from error


def about(source: str) -> str:
    """Return what a card says of starting weights."""
    if source == "none":
        return "none, trained from scratch"
    if source == "imagenet":
        return "ImageNet, from keras.applications"
    if source in NAMED:
        return f"`{source}`, from {NAMED[source].package}: {NAMED[source].about}"
    if Path(source).is_file():
        return f"the file {Path(source).name}"
    card = find_model(source).card
    return trained_here(
        f"the model `{source}`, ", card.training, card.command, card.starting_weights
    )


def trained_here(what: str, how: Training | None, command: str, before: str) -> str:
    """Return what a card says of starting weights that were trained by this program.

    Args:
        what: They are, as the sentence begins.
        how: They were trained, if that is known.
        command: What was run to train them.
        before: What is said of their own starting weights.
    """
    length = f"{how.epochs} epochs, {how.minutes} minutes, " if how else ""
    return f"{what}{length}by `{command}`; its own: {before}"


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

    statistics = measure(model, [c.output for c in convolutions], faces)

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
    try:
        if path.suffix in (".npz", ".keras"):
            trained = _trained(path, model)
            if [w.shape for w in trained.weights] == [w.shape for w in model.weights]:
                model.set_weights(trained.get_weights())
            else:
                grow(model, trained, faces)
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


def _trained(path: Path, model: "keras.Model") -> "keras.Model":
    """Return the network of a ``model.keras``, or of a run's ``best.npz``: without the run's
    settings beside it, it is taken for one like ``model``.
    """
    import keras

    if path.suffix == ".keras":
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    settings = path.with_name("config.json")
    if settings.is_file():
        run = read_json(settings)
        trained = registry.build(run["model"], **run["model_options"])
    else:
        trained = keras.models.clone_model(model)
    with np.load(path) as file:
        values = [file[key] for key in file.files if key.startswith("model/")]
    variables = [v for layer in trained.layers for v in layer.variables]
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return trained
