"""Models in the formats of other programs answer as they do here."""

import numpy as np
import pytest

from fer_core.classifier import load_classifier
from fer_core.datasets import demo
from fer_core.errors import ModelError
from fer_core.models.catalogue import find_model
from fer_core.preprocess import faces_to_crops
from fer_core.zoo.convert import converted

CROPS = faces_to_crops(demo.load(7, 7, 7).faces[:5])


@pytest.mark.slow
def test_onnx_runtime_gives_the_same_probabilities() -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(converted("mini_xception", "onnx"))
    (given,) = session.get_inputs()
    (found,) = session.run(None, {given.name: CROPS.astype(np.float32)})
    expected = load_classifier("mini_xception").predict(CROPS)
    assert np.abs(found - expected).max() < 1e-4


def test_the_served_file_and_the_network_are_exported_as_they_are() -> None:
    folder = find_model("mini_xception")
    assert converted("mini_xception", "tflite") == (folder.path / "model.tflite").read_bytes()
    assert converted("mini_xception", "keras") == (folder.path / "model.keras").read_bytes()


def test_an_ensemble_has_no_file_of_its_own() -> None:
    with pytest.raises(ModelError, match="export each of"):
        converted("ensemble", "onnx")
    with pytest.raises(ModelError, match="No model 'nobody'"):
        converted("nobody", "tflite")
