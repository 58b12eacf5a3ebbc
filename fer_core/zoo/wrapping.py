"""The process that makes the served file of a network from elsewhere.

A folder holds what was asked (``request.json``) and receives ``model.tflite`` and
``report.json``. The process may take so much memory and time and no more; what the network is made
of is looked at before it is loaded, and code is refused.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fer_core.emotions import EMOTIONS
from fer_core.errors import FerError, ModelError
from fer_core.files import write_bytes, write_json
from fer_core.preprocess import BLOCK, CROP_SIZE, FACE_SIZE, LUMA
from fer_core.sandbox import PREPARE_SECONDS
from fer_core.system import limit_memory
from fer_core.worker_process import Message, answer_requests
from fer_core.zoo.foreign import WRAP_MEMORY, Interface, read_request


def main() -> None:
    """Answer requests until nobody asks any more."""
    limit_memory(WRAP_MEMORY)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["KERAS_BACKEND"] = "tensorflow"
    answer_requests(_answer, PREPARE_SECONDS)


def _answer(message: Message) -> tuple:
    """Wrap and export what a folder asks for."""
    header, _ = message
    if header["act"] == "prepare":
        return ({},)
    folder = Path(header["folder"])
    try:
        content, report = wrap(*read_request(folder))
        write_bytes(folder / "model.tflite", content)
        write_json(folder / "report.json", report)
    except MemoryError as error:
        raise ModelError("it needs more memory than a model may take.") from error
    return ({},)


def wrap(path: Path, kind: str, interface: Interface) -> tuple[bytes, dict[str, int]]:
    """Return the served file of a network, and its parameters, size and channels.

    Raises:
        ModelError: It cannot be loaded, holds code, or does not do what was said of it.
    """
    network, shape, parameters = _load(path, kind)
    size, channels, first = _picture(shape, interface)
    content = _export(network, interface, size, channels, first)
    return content, {"parameters": parameters, "size": size, "channels": channels}


def _load(path: Path, kind: str) -> tuple[Callable[[Any], Any], tuple[int | None, ...], int]:
    """Return a network as a function, the shape that it takes, and its number of parameters."""
    if kind == "onnx":
        from fer_core.zoo import onnx_graph

        return onnx_graph.load(path)
    if kind == "saved_model":
        from fer_core.zoo import saved_model

        return saved_model.load(path)
    return _keras(path, kind)


def _keras(path: Path, kind: str) -> tuple[Callable[[Any], Any], tuple[int | None, ...], int]:
    from fer_core.models.keras_settings import our_keras
    from fer_core.zoo.keras_files import no_code, no_code_h5

    (no_code_h5 if kind == "h5" else no_code)(path)
    import keras

    with our_keras():
        try:
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception as error:  # Keras raises whatever a layer's own code raises
            said = str(error).strip().splitlines() or [type(error).__name__]
            raise ModelError(
                f"it cannot be loaded by Keras {keras.__version__}: {said[0]:.200}"
            ) from error
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ModelError(
            f"it has {len(model.inputs)} inputs and {len(model.outputs)} outputs: one of each is "
            "needed, the face and the emotions."
        )
    shape = tuple(model.inputs[0].shape)
    return lambda x: model(x, training=False), shape, model.count_params()


def _picture(shape: tuple[int | None, ...], interface: Interface) -> tuple[int, int, bool]:
    """Return size and channels of the picture, and whether channels come before rows."""
    if len(shape) != 4:
        raise ModelError(f"it takes the shape {_said(shape)}, which is no picture.")
    first = shape[1] in (1, 3) and shape[3] not in (1, 3)
    if not first and interface.channels == shape[1] != shape[3]:
        first = True
    height, width, channels = (shape[2], shape[3], shape[1]) if first else shape[1:]
    for name, given, own in (
        ("size", interface.size, height),
        ("size", interface.size, width),
        ("channels", interface.channels, channels),
    ):
        if given is None and own is None:
            raise ModelError(f"it takes any {name}: say with --{name} which it was trained on.")
        if None not in (given, own) and given != own:
            raise ModelError(f"it takes the shape {_said(shape)}, which is not {name} {given}.")
    if None not in (height, width) and height != width:
        raise ModelError(f"it takes the shape {_said(shape)}, and faces here are square.")
    size, colours = interface.size or height or width, interface.channels or channels
    if colours not in (1, 3) or size is None:
        raise ModelError(f"it takes the shape {_said(shape)}: pictures are grey or RGB.")
    return size, colours, first


def _said(shape: tuple[int | None, ...]) -> str:
    return "×".join("any" if n is None else str(n) for n in shape)


def resizing(size: int) -> np.ndarray:
    """Return the matrix that makes ``size`` rows of a crop's rows: ``(size, 192)`` ``float32``.

    48 rows are made as every other model here makes them; others as datasets are resized, by area
    where they become fewer.
    """
    import cv2

    if size == FACE_SIZE:
        return np.kron(np.eye(FACE_SIZE, dtype=np.float32), np.array(BLOCK, np.float32))
    how = cv2.INTER_AREA if size < CROP_SIZE else cv2.INTER_LINEAR
    rows = np.eye(CROP_SIZE, dtype=np.float32)
    return cv2.resize(rows, (CROP_SIZE, size), interpolation=how)


def _export(
    network: Callable[[Any], Any], interface: Interface, size: int, channels: int, first: bool
) -> bytes:
    """Return the served file: from a crop to the probabilities of the seven emotions."""
    import tensorflow as tf

    rows = resizing(size)
    kept = [i for i, label in enumerate(interface.labels) if label is not None]
    order = np.zeros((len(interface.labels), len(EMOTIONS)), np.float32)
    for i in kept:
        order[i, EMOTIONS.index(str(interface.labels[i]))] = 1

    def outputs(crops: Any) -> Any:
        x = crops
        if channels == 1:
            x = tf.nn.conv2d(x, np.array(LUMA, np.float32).reshape(1, 1, 3, 1), 1, "VALID")
        x = tf.transpose(x, (0, 3, 1, 2))
        if size != CROP_SIZE:
            x = tf.matmul(tf.matmul(rows, x), rows, transpose_b=True)
        x = x * ((interface.high - interface.low) / 255) + interface.low
        x = x if first else tf.transpose(x, (0, 2, 3, 1))
        answer = tf.cast(network(x), tf.float32)
        if answer.shape.num_elements() is None:
            raise ModelError("what it answers has no fixed number of values.")
        return tf.reshape(answer, (1, -1))

    spec = tf.TensorSpec((1, CROP_SIZE, CROP_SIZE, 3), tf.float32, name="crops")
    # AutoGraph would translate every function on the way, of ONNX' operations for a minute.
    plain = {"input_signature": [spec], "autograph": False}
    traced = tf.function(outputs, **plain)

    def probabilities(crops: Any) -> Any:
        answer = tf.matmul(outputs(crops), order)
        if interface.logits:
            return tf.nn.softmax(answer, name="probabilities")
        if len(kept) == len(interface.labels):
            return tf.identity(answer, name="probabilities")
        answer = answer + 1e-9  # so that a face of nothing but what is dropped has an answer
        return tf.math.divide(answer, tf.reduce_sum(answer, -1, True), name="probabilities")

    try:
        _check_answers(traced, interface)
        served = tf.function(probabilities, **plain).get_concrete_function()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([served], tf.Module())
        return converter.convert()
    except FerError:
        raise
    except Exception as error:  # of TensorFlow, of Keras' layers, or of the converter
        # TensorFlow begins with where it happened, and ends with what it was.
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(
            f"it cannot be run on a face of {size}×{size}: {said[-1].strip():.200}"
        ) from error


def _check_answers(traced: Callable[[Any], Any], interface: Interface) -> None:
    """Let the network see a few crops, and compare what it answers with what was said of it."""
    generator = np.random.default_rng(0)
    shape = (1, CROP_SIZE, CROP_SIZE, 3)
    crops = [np.full(shape, grey, np.float32) for grey in (0, 128, 255)]
    crops += [generator.uniform(0, 255, shape).astype(np.float32) for _ in range(5)]
    answers = np.concatenate([np.asarray(traced(crop)) for crop in crops])
    named = len(interface.labels)
    if answers.shape[1] != named:
        raise ModelError(
            f"it answers with {answers.shape[1]} values, and {named} labels were named: name each "
            "output once, in the network's order; '-' drops one."
        )
    if not np.isfinite(answers).all():
        raise ModelError("it answers NaN.")
    sums = abs(answers.sum(axis=1) - 1).max() < 1e-2
    are_probabilities = sums and answers.min() > -1e-4
    if interface.logits and are_probabilities:
        raise ModelError("it answers with probabilities already: leave out --logits.")
    if not interface.logits and not are_probabilities:
        raise ModelError("what it answers does not sum to 1: if these are logits, give --logits.")


if __name__ == "__main__":
    main()
