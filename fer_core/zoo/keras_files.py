"""Looking into files of Keras before anything of them is loaded: layers of Keras, and no code."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from fer_core.errors import ModelError

#: The files inside a ``.keras`` file.
KERAS_FILES: Final = {"metadata.json", "config.json", "model.weights.h5"}
#: What the files inside an archive may take at most, unpacked, and a network's description.
MOST_BYTES: Final = 1_000_000_000
_MOST_CONFIG: Final = 20_000_000
#: Layers and functions of Keras that run what a file says.
_CODE: Final = {"Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer", "__lambda__"}
#: Parts of Keras that no network is made of, and that read, write or fetch files.
_NO_LAYERS: Final = re.compile(r"keras\.(src\.)?(utils|saving|export|callbacks|datasets)\b")
#: Where old files have classes without saying the module.
_LEGACY: Final = ("layers", "initializers", "regularizers", "constraints", "dtype_policies")
_LEGACY_NAMES: Final = {"Functional", "Model", "Sequential", "Policy"}


def no_code(path: Path) -> None:
    """See that a ``.keras`` file names layers of Keras only, and no file outside itself.

    Raises:
        ModelError: It does not, or is damaged.
    """
    import h5py

    name = path.name
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            if set(entries) != KERAS_FILES:
                raise ModelError(f"{name} holds other files than a network's.")
            if (
                sum(entry.file_size for entry in entries.values()) > MOST_BYTES
                or entries["config.json"].file_size > _MOST_CONFIG
            ):
                raise ModelError(f"{name} is too large.")
            config = json.loads(archive.read("config.json"))
            with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as weights:
                _only_its_own(weights, name)
        _only_keras(config, name)
    except ModelError:
        raise
    except Exception as error:  # h5py raises errors of any kind for a damaged file
        raise ModelError(f"{name} is damaged.") from error


def no_code_h5(path: Path) -> None:
    """Check as :func:`no_code`, for the older format ``.h5``.

    Raises:
        ModelError: It does not, is damaged, or holds weights without a network.
    """
    import h5py

    name = path.name
    try:
        with h5py.File(path) as file:
            _only_its_own(file, name)
            text = file.attrs.get("model_config")
            if text is None:
                raise ModelError(
                    f"{name} holds weights without the network that they are for: save the whole "
                    "network with model.save()."
                )
            config = json.loads(text)
        _only_keras(config, name, _is_legacy)
    except ModelError:
        raise
    except Exception as error:  # as above
        raise ModelError(f"{name} is damaged, or no file of Keras.") from error


def _is_named(value: dict[str, Any]) -> bool:
    """Return whether an object says that it is one of Keras'."""
    named, module = value["class_name"], value.get("module")
    if named == "__keras_tensor__" or (named == "function" and module == "builtins"):
        return True
    if not isinstance(module, str) or _NO_LAYERS.match(module):
        return False
    return module == "keras" or module.startswith("keras.")


def _is_legacy(value: dict[str, Any]) -> bool:
    """Return whether an object of an old file, which may have no module, is one of Keras'."""
    import keras

    named = value["class_name"]
    if "module" in value and value["module"] is not None:
        return _is_named(value)
    known = (hasattr(getattr(keras, part), str(named)) for part in _LEGACY)
    return named in _LEGACY_NAMES or named == "__keras_tensor__" or any(known)


def _only_keras(
    config: Any, name: str, is_ours: Callable[[dict[str, Any]], bool] = _is_named
) -> None:
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        if not isinstance(value, dict):
            continue
        if "class_name" in value:
            named = value["class_name"]
            if not isinstance(named, str) or named in _CODE or not is_ours(value):
                raise ModelError(
                    f"{name} holds {str(named)[:60]!r}, which is not a plain layer of Keras."
                )
        waiting += value.values()


def _only_its_own(weights: Any, name: str) -> None:
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
                raise ModelError(f"{name} has weights that lie in another file.")
            found = group[key]
            if isinstance(found, h5py.Group):
                waiting.append(found)
            elif found.external or found.is_virtual:
                raise ModelError(f"{name} has weights that lie in another file.")
