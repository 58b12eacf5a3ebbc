"""The process that tries a model from elsewhere: ``python -m fer_core.zoo.inspection FOLDER``.

It may take so much memory and time and no more, and where the file brings it down,
nothing else falls.
"""

import os
import sys
from pathlib import Path

import numpy as np

from fer_core.errors import FerError, ModelError
from fer_core.models.keras_settings import our_keras
from fer_core.system import limit_memory_and_time

#: Bytes of memory and seconds of processor time.
_MEMORY, _SECONDS = 8 * 2**30, 240


def main(path: Path) -> int:
    """Load what is in the folder and let it see a few crops; returns the exit status."""
    limit_memory_and_time(_MEMORY, _SECONDS)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        _serve(path)
        if (path / "model.keras").exists():
            _explain(path / "model.keras")
    except FerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(path: Path) -> None:
    from fer_core.classifier import Classifier
    from fer_core.models.catalogue import read_folder
    from fer_core.preprocess import CROP_SIZE

    crops = np.random.default_rng(0).integers(0, 256, (4, CROP_SIZE, CROP_SIZE, 3), np.uint8)
    said = Classifier(read_folder(path)).predict(crops)
    if not np.isfinite(said).all() or said.min() < -1e-4 or abs(said.sum(axis=1) - 1).max() > 1e-2:
        raise ModelError("what it says are no probabilities of seven emotions.")


@our_keras()
def _explain(path: Path) -> None:
    import keras

    try:
        core = keras.saving.load_model(path, compile=False, safe_mode=True)
        shapes = core.input_shape, core.output_shape
    except Exception as error:
        raise ModelError("model.keras cannot be loaded.") from error
    if shapes != ((None, 48, 48, 1), (None, 7)):
        raise ModelError("model.keras does not map faces to seven emotions.")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
