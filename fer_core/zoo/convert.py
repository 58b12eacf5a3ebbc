"""A model in the file formats of other programs."""

import tempfile
from pathlib import Path
from typing import Final, Literal, get_args

from fer_core.errors import ModelError
from fer_core.extras import needed_by
from fer_core.models.catalogue import ModelFolder, find_model

Format = Literal["archive", "onnx", "tflite", "keras"]
#: Format → the ending of its file.
SUFFIXES: Final[dict[Format, str]] = {
    "archive": ".zip",
    "onnx": ".onnx",
    "tflite": ".tflite",
    "keras": ".keras",
}
FORMATS: Final = get_args(Format)


def converted(name: str, form: Format) -> bytes:
    """Return a model as a file of another program.

    ``tflite`` and ``onnx`` hold the whole graph: from crops ``(N, 192, 192, 3)``, RGB, 0 to 255,
    to probabilities ``(N, 7)`` in the order of ``EMOTIONS``. ``tflite`` is the very file that is
    served. ``onnx`` is made of the network with the weights that were measured, in float32; a
    served file with 8-bit weights differs from it by about 0.02. ``keras`` is the network alone,
    from faces ``(N, 48, 48, 1)``, grey, 0 to 255, to logits ``(N, 7)``.

    Args:
        name: Of a model.
        form: Which format; ``archive`` is what :func:`fer_core.zoo.archive.import_` reads.

    Raises:
        ModelError: There is no such model, or it has no such form.
        FerError: The extra ``onnx`` or ``train`` is not installed.
    """
    if form == "archive":
        from fer_core.zoo import archive

        return archive.export(name)
    folder = find_model(name)
    if folder.ensemble():
        raise ModelError(
            f"{name} is an ensemble, whose members vote: export each of "
            f"{', '.join(folder.card.members)}, or the archive of all."
        )
    if form == "tflite":
        return folder.read_exported()
    if "model.keras" not in folder.card.files:
        raise ModelError(f"{name} has no model.keras: it can be exported as tflite or archive.")
    if form == "keras":
        return folder.checked("model.keras").read_bytes()
    if folder.imported:
        raise ModelError(
            f"{name} came from elsewhere, and making ONNX of it would run it without limits: "
            "export it as tflite, keras or archive."
        )
    return _onnx(folder)


def _onnx(folder: ModelFolder) -> bytes:
    with needed_by("'models export --format onnx'", "onnx"):
        import onnx  # noqa: F401
        import tf2onnx  # noqa: F401
    with needed_by("'models export --format onnx'", "train"):
        import keras
    import numpy as np

    from fer_core.preprocess import CROP_SIZE, serving_graph

    core = keras.saving.load_model(folder.checked("model.keras"), compile=False)
    graph = serving_graph(core, folder.card.temperatures.as_trained, folder.card.tta == "flip")
    # Keras exports what was called once.
    graph(np.zeros((1, CROP_SIZE, CROP_SIZE, 3), np.float32))
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "model.onnx"
        graph.export(str(path), format="onnx", verbose=False)
        return path.read_bytes()
