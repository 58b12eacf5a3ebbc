"""One preprocessing, inside the model: training, evaluation and serving agree; and a
model folder is believed only as far as its checksums go."""

import json
import re
import shutil
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer_core.classifier import Classifier, load_classifier
from fer_core.datasets import load
from fer_core.errors import ModelError
from fer_core.evaluation import evaluate, predict
from fer_core.models.card import Card
from fer_core.models.catalogue import SHIPPED, find_model, list_models, read_folder
from fer_core.preprocess import crop_face, crops_to_faces, faces_to_crops
from fer_core.zoo.export import round_weights
from tests.command_line import python

NAME = "mini_xception"


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier(NAME)


@pytest.fixture(scope="module")
def core():
    import keras

    path = find_model(NAME).checked("model.keras")
    return keras.saving.load_model(path, compile=False, safe_mode=True)


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    """500 drawn faces."""
    return load("demo").faces[:500]


def core_probabilities(core, faces: np.ndarray, card: Card) -> np.ndarray:
    """What training's network says, by the definition of softmax and of the card's flip."""

    def softmax(seen: np.ndarray) -> np.ndarray:
        logits = (
            core.predict(seen[..., None].astype(np.float32), verbose=0)
            / card.temperatures.as_trained
        )
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
        return exponents / exponents.sum(axis=1, keepdims=True)

    if card.tta == "none":
        return softmax(faces)
    assert card.tta == "flip"
    return (softmax(faces) + softmax(faces[:, :, ::-1])) / 2


def test_exported_file_equals_keras(classifier, core, faces) -> None:
    expected = core_probabilities(core, faces, classifier.card)
    assert np.abs(classifier.predict_faces(faces) - expected).max() < 1e-4


@pytest.mark.slow
def test_exported_file_equals_keras_on_fer2013(classifier, core, fer2013) -> None:
    faces = fer2013.split("PublicTest").faces[:500]
    expected = core_probabilities(core, faces, classifier.card)
    assert np.abs(classifier.predict_faces(faces) - expected).max() < 1e-4


def test_evaluation_sees_what_serving_says(classifier, faces) -> None:
    served = classifier.predict(faces_to_crops(faces))
    assert np.array_equal(predict(classifier, faces), served)


def test_canonical_crop_is_undone_exactly(faces) -> None:
    assert np.abs(crops_to_faces(faces_to_crops(faces)) - faces).max() < 1e-3


def in_photo(face: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, tuple]:
    """The face enlarged in a photo, and its true frame."""
    side = int(rng.integers(120, 320))
    photo = np.full((480, 640, 3), int(face.mean()), np.uint8)
    x, y = int(rng.integers(0, 640 - side)), int(rng.integers(0, 480 - side))
    large = cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC)
    photo[y : y + side, x : x + side] = large[..., None]
    return photo, (x, y, side)


def same_label_share(classifier: Classifier, faces: np.ndarray) -> float:
    rng = np.random.default_rng(0)
    crops = np.stack([crop_face(*in_photo(face, rng)) for face in faces])
    direct = classifier.predict_faces(faces).argmax(axis=1)
    return float((classifier.predict(crops).argmax(axis=1) == direct).mean())


def test_face_in_a_photo_keeps_its_label(classifier, faces) -> None:
    # The model never saw drawn faces: where two emotions tie, any pixel may decide.
    second, first = np.sort(classifier.predict_faces(faces), axis=1)[:, -2:].T
    decided = first - second > 0.05
    assert decided.sum() > 400
    assert same_label_share(classifier, faces[decided]) >= 0.99


def test_fer2013_face_in_a_photo_keeps_its_label(classifier, fer2013) -> None:
    faces = fer2013.split("PublicTest").faces[:500]
    assert same_label_share(classifier, faces) >= 0.99


#: The model that reads thousands of faces soonest.
QUICK = "pk_04"


@pytest.mark.parametrize(
    "folder",
    [
        pytest.param(folder, id=folder.name, marks=() if folder.name == QUICK else pytest.mark.slow)
        for folder in list_models()
        if folder.ships
    ],
)
def test_published_figure_comes_out_again(fer2013, folder) -> None:
    card = folder.card
    again = evaluate(load_classifier(card.name), fer2013, "PublicTest")
    # Another processor may round an 8-bit number the other way, where a face hangs on it.
    stored = {card.stored, *(find_model(member).card.stored for member in card.members)}
    exact = 1.5 / again.n if "int8" in stored else 1e-9
    assert again.accuracy == pytest.approx(card.figure("PublicTest").accuracy, abs=exact)


def test_eight_threads_share_one_model(classifier, faces) -> None:
    crops = faces_to_crops(faces[:40])
    alone = classifier.predict(crops)
    results: list[np.ndarray] = [None] * 8

    def read(index: int) -> None:
        results[index] = classifier.predict(crops)

    threads = [threading.Thread(target=read, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.allclose(result, alone, atol=1e-6) for result in results)


def test_no_face_gives_no_row(classifier) -> None:
    assert classifier.predict(np.empty((0, 192, 192, 3), np.uint8)).shape == (0, 7)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED / NAME, tmp_path / NAME))


def test_changed_file_is_refused(copy: Path) -> None:
    content = bytearray((copy / "model.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "model.tflite").write_bytes(content)
    with pytest.raises(ModelError, match="not the file its card describes"):
        Classifier(read_folder(copy))


def test_missing_file_is_named(copy: Path) -> None:
    (copy / "model.tflite").unlink()
    with pytest.raises(ModelError, match=r"model\.tflite is missing"):
        Classifier(read_folder(copy))


def test_damaged_card_is_refused(copy: Path) -> None:
    (copy / "card.json").write_text('{"name": ', encoding="utf-8")
    with pytest.raises(ModelError, match="card.json is damaged"):
        read_folder(copy)


def test_card_cannot_point_outside_its_folder(copy: Path) -> None:
    card = json.loads((copy / "card.json").read_text(encoding="utf-8"))
    card["exported"] = "../secret"
    for part in ("files", "sizes"):
        card[part]["../secret"] = card[part]["model.tflite"]
    (copy / "card.json").write_text(json.dumps(card), encoding="utf-8")
    (copy.parent / "secret").write_bytes((copy / "model.tflite").read_bytes())
    with pytest.raises(ModelError, match="names no file"):
        Classifier(read_folder(copy))


def test_file_that_is_no_model_is_refused(copy: Path) -> None:
    import hashlib

    content = b"not a model at all" * 100
    (copy / "model.tflite").write_bytes(content)
    card = json.loads((copy / "card.json").read_text(encoding="utf-8"))
    card["files"]["model.tflite"] = hashlib.sha256(content).hexdigest()
    (copy / "card.json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(ModelError, match="not a LiteRT model"):
        Classifier(read_folder(copy))


def test_unknown_model_names_those_there_are() -> None:
    with pytest.raises(ModelError, match=r"No model 'nobody'.*mini_xception"):
        find_model("nobody")
    for name in ("../models/mini_xception", "", ".", ".."):
        with pytest.raises(ModelError, match=f"No model '{re.escape(name)}'"):
            find_model(name)


def test_a_first_prediction_imports_no_tensorflow() -> None:
    code = (
        "import sys\n"
        "from fer_core.analysis import analyze\n"
        "from fer_core.classifier import load_classifier\n"
        "from fer_core.faces import get_detector\n"
        "from fer_core.images import example_portrait\n"
        "print(analyze(example_portrait(), load_classifier(), get_detector()).faces[0].emotion)\n"
        "print([m for m in ('tensorflow', 'keras', 'streamlit') if m in sys.modules])\n"
    )
    assert python(code).splitlines() == ["Happy", "[]"]


def test_rounding_keeps_what_float16_cannot_hold() -> None:
    import keras

    faces = keras.Input((48, 48, 1))
    norm = keras.layers.BatchNormalization()
    model = keras.Model(faces, keras.layers.Flatten()(norm(faces)))
    norm.moving_variance.assign([1e5])
    norm.moving_mean.assign([0.1])
    round_weights(model)
    assert norm.moving_variance.numpy() == 1e5
    assert norm.moving_mean.numpy() == np.float16(0.1)
