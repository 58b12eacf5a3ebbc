"""The process that looks into a ``model.keras`` from elsewhere.

``python -m fer_core.zoo.inspection look`` looks what is in it, ``… load`` loads it. A few
kilobytes of HDF5 can keep a reader busy for ever, and a damaged file makes it raise whatever it
likes. The file is read in this process, with limits on memory and time.
"""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final

from fer_core.errors import FerError, ModelError
from fer_core.models.keras_settings import our_keras
from fer_core.sandbox import MEMORY, reason, worker
from fer_core.system import limit_memory
from fer_core.worker_process import Message, WorkerError, answer_requests
from fer_core.zoo.keras_files import no_code

#: Seconds to look into a file, and to load what reads it before that.
SECONDS: Final = 20.0
_PREPARE_SECONDS: Final = 120.0


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
    look = {"look": no_code, "load": _load}[act]
    answer_requests(lambda message: _answer(message, look), _PREPARE_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1])
