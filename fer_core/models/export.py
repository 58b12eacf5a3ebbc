"""From a trained network to a model folder that can be served."""

import json
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fer_core.errors import ModelError
from fer_core.files import sha256, write_json
from fer_core.models.card import Card
from fer_core.models.catalog import ModelFolder, read_folder
from fer_core.preprocess import serving_graph


def round_weights(model: keras.Model) -> None:
    """Round all weights to float16 precision, in place: what ships is what was measured."""
    for layer in model.layers:
        layer.set_weights([w.astype(np.float16).astype(w.dtype) for w in layer.get_weights()])


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature that makes probabilities honest (Guo et al. 2017, arXiv 1706.04599).

    Args:
        logits: ``(N, 7)`` on faces that were not trained on.
        labels: ``(N,)``, 0 to 6.

    Returns:
        The divisor of the logits that gives the least log loss, 0.2 to 5.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    def loss(temperature: float) -> float:
        log_p = log_softmax(logits / temperature, axis=1)
        return float(-log_p[np.arange(len(labels)), labels].mean())

    return float(minimize_scalar(loss, bounds=(0.2, 5.0), method="bounded").x)


def save_model(
    core: keras.Model, folder: Path, *, temperature: float = 1.0, flip: bool = False, **card: Any
) -> ModelFolder:
    """Write a model folder: ``model.tflite``, ``model.keras`` and ``card.json``.

    The weights of ``core`` should be rounded first, see :func:`round_weights`. The
    folder appears whole or not at all, replacing one that was there.

    Args:
        core: from faces ``(N, 48, 48, 1)``, 0 to 255, to logits ``(N, 7)``.
        folder: its name becomes the model's.
        temperature: see :func:`fit_temperature`.
        flip: build the mean over both mirror images into the exported file.
        card: further entries of the card.

    Raises:
        ModelError: this Python has no TensorFlow, which LiteRT's export needs.
    """
    if keras.backend.backend() != "tensorflow":
        raise ModelError("Exporting needs KERAS_BACKEND=tensorflow: LiteRT knows no other.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as name:
        new = Path(name) / folder.name
        new.mkdir()
        serving_graph(core, temperature, flip).export(
            str(new / "model.tflite"), format="litert", verbose=False
        )
        core.save(new / "model.keras")
        files = ("model.tflite", "model.keras")
        write_card(
            new,
            Card(
                name=folder.name,
                created=datetime.now(UTC).date().isoformat(),
                parameters=core.count_params(),
                files={file: sha256(new / file) for file in files},
                sizes={file: (new / file).stat().st_size for file in files},
                temperature=temperature,
                tta="flip" if flip else "none",
                **card,
            ),
        )
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    return read_folder(folder)


def write_card(folder: Path, card: Card) -> None:
    """Write ``card.json``."""
    write_json(folder / "card.json", json.loads(card.model_dump_json()))
