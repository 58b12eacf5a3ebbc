"""Trying models from elsewhere, and the process that looks into their ``model.keras``.

``python -m fer_core.zoo.inspection inspect`` looks what is in it, ``… load`` loads it. A few
kilobytes of HDF5 can keep a reader busy for ever, and a damaged file makes it raise whatever it
likes. The file is read in this process, with limits on memory and time.
"""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final

import numpy as np

from fer_core import sandbox
from fer_core.classifier import Classifier
from fer_core.errors import FerError, ModelError
from fer_core.models import imported
from fer_core.models.catalogue import ModelFolder
from fer_core.models.keras_settings import our_keras
from fer_core.preprocess import CROP_SIZE
from fer_core.sandbox import MEMORY, PREPARE_SECONDS
from fer_core.system import limit_memory
from fer_core.worker_process import Message, WorkerError, answer_requests
from fer_core.zoo.keras_files import no_code

#: Seconds to look into a file.
SECONDS: Final = 20.0


def inspect(path: Path) -> None:
    """See that a ``model.keras`` holds plain layers of Keras and maps faces to seven emotions.

    Raises:
        ModelError: It does not, it is damaged, or it exceeds its limits.
    """
    header = {"act": "inspect", "path": str(path.resolve())}
    for how in ("inspect", "load"):
        try:
            sandbox.ask_once("fer_core.zoo.inspection", how, header=header, seconds=SECONDS)
        except ModelError as error:
            if isinstance(error.__cause__, WorkerError):
                raise ModelError(f"model.keras cannot be looked into. {error}") from error
            raise


def try_model(folder: ModelFolder) -> None:
    """Let a model that is marked as imported see some faces, where what it does is limited.

    Raises:
        ModelError: It cannot be run, exceeds its limits, or its Keras form is not what it should
            be.
    """
    # Shades that decide what a network computes: dark, bright, and whatever else.
    noise = np.random.default_rng(0).integers(0, 256, (1, CROP_SIZE, CROP_SIZE, 3), np.uint8)
    plain = [np.full_like(noise, shade) for shade in (0, 128, 255)]
    try:
        Classifier(folder).predict(np.concatenate([noise, *plain]))
    except ModelError as error:
        excess = imported.stopped(folder.path)
        raise ModelError(f"{folder.name}: {excess}" if excess else str(error)) from error
    if folder.explainable:
        try:
            inspect(folder.path / "model.keras")
        except ModelError as error:
            raise ModelError(f"{folder.name}: {error}") from error


def _answer(message: Message, check: Callable[[Path], None]) -> tuple:
    header, _ = message
    if header["act"] == "prepare":
        return ({},)
    try:
        check(Path(header["path"]))
    except FerError:
        raise
    # h5py and Keras raise errors of any kind for a damaged file.
    except Exception as error:
        raise ModelError("model.keras is damaged.") from error
    return ({},)


@our_keras()
def _load(path: Path) -> None:
    import keras

    try:
        core = keras.saving.load_model(path, compile=False, safe_mode=True)
        shapes = core.input_shape, core.output_shape
    except Exception as error:
        raise ModelError("model.keras cannot be loaded.") from error
    if shapes != ((None, 48, 48, 1), (None, 7)):
        raise ModelError("model.keras does not map faces to seven emotions.")


def main(act: str) -> None:
    """Answer requests until nobody asks any more."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # What is loaded before memory is limited does not count.
    import_module("h5py" if act == "inspect" else "keras")
    limit_memory(MEMORY)
    check = {"inspect": no_code, "load": _load}[act]
    answer_requests(lambda message: _answer(message, check), PREPARE_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1])
