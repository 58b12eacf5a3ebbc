"""The process that looks into a ``model.keras`` from elsewhere.

``python -m fer_core.zoo.inspection look`` looks what is in it, ``… load`` loads it. A few
kilobytes of HDF5 can keep a reader busy for ever, and a damaged file makes it raise whatever it
likes. The file is read in this process, with limits on memory and time.
"""

import io
import json
import os
import sys
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from fer_core.errors import FerError, ModelError
from fer_core.models.keras_settings import our_keras
from fer_core.sandbox import MEMORY, reason, worker
from fer_core.system import limit_memory
from fer_core.worker_process import Message, WorkerError, answer_requests

#: Seconds to look into a file, and to load what reads it before that.
SECONDS: Final = 20.0
_PREPARE_SECONDS: Final = 120.0
#: The files inside a ``model.keras``, and bytes that they may have when unpacked.
KERAS_FILES: Final = {"metadata.json", "config.json", "model.weights.h5"}
MOST_BYTES: Final = 1_000_000_000
_MOST_CONFIG: Final = 20_000_000
#: Layers and functions of Keras that run what a file says.
_CODE: Final = {"Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer", "__lambda__"}


def inspect(path: Path) -> None:
    """See that a ``model.keras`` holds plain layers of Keras and maps faces to seven emotions.

    Raises:
        ModelError: It does not, it is damaged, or it exceeds its limits.
    """
    for act in ("look", "load"):
        process, seconds = worker("fer_core.zoo.inspection", act), _PREPARE_SECONDS
        try:
            # It is no fault of the file that Keras takes long to load.
            process.ask({"path": None}, seconds=seconds)
            seconds = SECONDS
            process.ask({"path": str(path.resolve())}, seconds=seconds)
        except WorkerError as error:
            raise ModelError(
                f"model.keras cannot be looked into. {reason(error.why, seconds)}"
            ) from error
        except FerError as error:
            raise ModelError(str(error)) from error
        finally:
            process.close()


def _answer(message: Message, look: Callable[[Path], None]) -> tuple:
    header, _ = message
    try:
        if header["path"]:
            look(Path(header["path"]))
    except FerError:
        raise
    # h5py and Keras raise errors of any kind for a damaged file.
    except Exception as error:
        raise ModelError("model.keras is damaged.") from error
    return ({},)


def _no_code(path: Path) -> None:
    """See that the file names layers of Keras only, and no file outside itself."""
    import h5py

    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        if set(entries) != KERAS_FILES:
            raise ModelError("model.keras holds other files than a network's.")
        if (
            sum(entry.file_size for entry in entries.values()) > MOST_BYTES
            or entries["config.json"].file_size > _MOST_CONFIG
        ):
            raise ModelError("model.keras is too large.")
        config = json.loads(archive.read("config.json"))
        with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as weights:
            _only_its_own(weights)
    _only_keras(config)


def _only_keras(config: Any) -> None:
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        if not isinstance(value, dict):
            continue
        if "class_name" in value:
            named, module = value["class_name"], value.get("module")
            native = named == "__keras_tensor__" or (
                isinstance(module, str) and (module == "keras" or module.startswith("keras."))
            )
            plain = named == "function" and module == "builtins"
            if not isinstance(named, str) or named in _CODE or not (native or plain):
                raise ModelError(
                    f"model.keras holds {str(named)[:60]!r}, which is not a plain layer of Keras."
                )
        waiting += value.values()


def _only_its_own(weights: Any) -> None:
    import h5py

    waiting, seen = [weights], set()
    while waiting:
        group = waiting.pop()
        # Groups may hold each other, or one of them many times over.
        where = h5py.h5o.get_info(group.id).addr
        if where in seen:
            continue
        seen.add(where)
        for key in group:
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise ModelError("model.keras has weights that lie in another file.")
            found = group[key]
            if isinstance(found, h5py.Group):
                waiting.append(found)
            elif found.external or found.is_virtual:
                raise ModelError("model.keras has weights that lie in another file.")


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
    import_module("h5py" if act == "look" else "keras")
    limit_memory(MEMORY)
    look = {"look": _no_code, "load": _load}[act]
    answer_requests(lambda message: _answer(message, look), _PREPARE_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1])
