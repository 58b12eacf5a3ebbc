"""From a trained network to a model folder that can be served."""

import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fer_core.errors import ModelError
from fer_core.models.card import Stored, Temperatures
from fer_core.models.catalogue import ModelFolder
from fer_core.models.keras_settings import our_keras
from fer_core.models.outputs import outputs
from fer_core.preprocess import serving_graph
from fer_core.zoo.writing import write_folder


def round_weights(model: keras.Model) -> None:
    """Round all weights to float16 precision, in place: what ships is what was measured.

    What is too large for float16, as a variance of BatchNorm may be, stays as it is.
    """
    for layer in model.layers:
        layer.set_weights([_rounded(weights) for weights in layer.get_weights()])


def _rounded(weights: np.ndarray) -> np.ndarray:
    fits = np.abs(weights) <= np.finfo(np.float16).max
    rounded = np.where(fits, weights, 0).astype(np.float16)
    return np.where(fits, rounded, weights).astype(weights.dtype)


@our_keras()
def save_model(
    core: keras.Model,
    folder: Path,
    *,
    temperature: float = 1.0,
    flip: bool = False,
    stored: Stored = "float32",
    keras_form: bool = True,
    overwrite: bool = False,
    calibrate: Callable[[ModelFolder], object] | None = None,
    **card: Any,
) -> ModelFolder:
    """Write a model folder: ``model.tflite``, ``card.json`` and ``model.keras``.

    The weights of ``core`` should be rounded first, see :func:`round_weights`. The
    folder appears whole or not at all.

    Args:
        core: from faces ``(N, 48, 48, 1)``, 0 to 255, to logits ``(N, 7)``.
        folder: its name becomes the model's.
        temperature: see :func:`fer_core.calibration.fit_temperature`.
        flip: build the mean over both mirror images into the exported file.
        stored: how the exported file keeps its weights. ``float16`` halves it: they are
            widened when it is loaded, and predictions move by about 0.002. ``int8`` halves
            it again, and layers compute on 8-bit inputs of a range measured face by face,
            several times as fast on processors that can; predictions move by about 0.02.
        keras_form: with ``model.keras``, which explanations, audits and further training
            start from.
        overwrite: Whether it may replace a model of that name, see
            :func:`fer_core.models.catalogue.check_new_name`.
        calibrate: see :func:`fer_core.zoo.writing.write_folder`.
        card: further entries of the card.

    Raises:
        ModelError: the name is not allowed or taken, the network answers NaN, or this Python
            has no TensorFlow, which LiteRT's export needs.
    """
    if keras.backend.backend() != "tensorflow":
        raise ModelError("Exporting needs KERAS_BACKEND=tensorflow: LiteRT knows no other.")
    _check_finite(core)

    def fill(new: Path) -> None:
        with _disk_errors():
            serving_graph(core, temperature, flip).export(
                str(new / "model.tflite"), format="litert", verbose=False, **_options(stored)
            )
            if keras_form:
                _save_keras(core, new / "model.keras")

    return write_folder(
        folder,
        fill,
        calibrate,
        overwrite=overwrite,
        parameters=core.count_params(),
        temperatures=Temperatures(as_trained=temperature),
        tta="flip" if flip else "none",
        stored=stored,
        **card,
    )


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Let what TensorFlow and HDF5 say of a full or protected disk be an ``OSError``.

    TensorFlow exports through a temporary folder, which may be full as well.
    """
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        where = tempfile.gettempdir()
        raise OSError(f"{error.message.split(';')[-1].strip()} (exporting uses {where})") from error
    except RuntimeError as error:
        # HDF5 names the number of the system's error when it cannot close a file.
        if "errno" not in str(error):
            raise
        raise OSError(str(error)) from error


def _check_finite(core: keras.Model) -> None:
    """Refuse a network that holds or answers NaN or infinity.

    Raises:
        ModelError: It does.
    """
    grey = np.array([0, 64, 128, 255], np.float32)[:, None, None, None]
    noise = np.random.default_rng(0).uniform(0, 255, (4, 48, 48, 1)).astype(np.float32)
    faces = np.concatenate([np.broadcast_to(grey, noise.shape), noise])
    held = [weights for layer in core.layers for weights in layer.get_weights()]
    if not all(np.isfinite(one).all() for one in [*held, outputs(core, faces)]):
        raise ModelError(
            "The network answers NaN, so it is not exported: its training diverged. Train it "
            "again with a lower learning rate."
        )


def _save_keras(core: keras.Model, path: Path) -> None:
    """Save as ``core.save``, packed: rounded weights take little more than half of the space."""
    core.save(path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def _options(stored: Stored) -> dict[str, Any]:
    import tensorflow as tf

    if stored == "float32":
        return {}
    options: dict[str, Any] = {"optimizations": [tf.lite.Optimize.DEFAULT]}
    if stored == "float16":
        options["target_spec"] = {"supported_types": [tf.float16]}
    return options
