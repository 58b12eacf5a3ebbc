"""What a model looked at: the maps of known networks, and of the one that ships."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from benchmarks.browser import wait_for
from fer_core.analysis import find_faces
from fer_core.emotions import EMOTIONS
from fer_core.errors import ModelError
from fer_core.explain import SIZE, Explainer, Explanation, explain
from fer_core.faces import get_detector
from fer_core.files import sha256
from fer_core.images import example_portrait
from fer_core.models.catalogue import ModelFolder, find_model, read_folder


@pytest.fixture
def explainer() -> Iterator[Explainer]:
    """One with a worker of its own."""
    own = Explainer()
    yield own
    own.close()


@pytest.fixture(scope="module")
def crop() -> np.ndarray:
    return find_faces(example_portrait(), get_detector("haar")).crops[0]


def folder(path: Path, network) -> ModelFolder:
    """A model folder around a network, with the shipped model's exported file."""
    shipped = find_model("mini_xception")
    path.mkdir()
    network.save(path / "model.keras")
    shutil.copy(shipped.path / "model.tflite", path)
    card = json.loads((shipped.path / "card.json").read_text(encoding="utf-8"))
    card |= {
        "name": path.name,
        "files": {file.name: sha256(file) for file in path.iterdir()},
        "sizes": {file.name: file.stat().st_size for file in path.iterdir()},
    }
    (path / "card.json").write_text(json.dumps(card), encoding="utf-8")
    return read_folder(path)


def looks_at(rows: slice, sign: float = 1.0):
    """A network whose score for Happy is the brightness of some rows of the face."""
    import keras
    from keras import layers

    faces = keras.Input((48, 48, 1))
    maps = layers.Conv2D(1, 1, use_bias=False, activation="relu", name="maps")(faces)
    x = layers.Dense(7, use_bias=False, name="logits")(layers.Flatten()(maps))
    model = keras.Model(faces, x)
    model.get_layer("maps").set_weights([np.ones((1, 1, 1, 1), np.float32)])
    weights = np.zeros((48, 48, 7), np.float32)
    weights[rows, :, EMOTIONS.index("Happy")] = sign
    model.get_layer("logits").set_weights([weights.reshape(-1, 7)])
    return model


@pytest.mark.parametrize("name", ["vgg", "mini_xception"])
def test_a_shipped_model_explains_a_face(name: str, crop: np.ndarray) -> None:
    shown = explain(crop, model=name)
    assert shown.emotion == "Happy"
    for picture in (shown.face, shown.grad_cam, shown.guided):
        assert picture.shape == (SIZE, SIZE, 3) and picture.dtype == np.uint8
    assert shown.has_region and (shown.grad_cam != shown.face).any()
    assert shown.guided.std() > 5 and abs(float(np.median(shown.guided)) - 127.5) < 10


def test_each_emotion_has_an_explanation_of_its_own(crop: np.ndarray) -> None:
    happy, sad = (explain(crop, e, "mini_xception") for e in ("Happy", "Sad"))
    assert (happy.emotion, sad.emotion) == ("Happy", "Sad")
    assert (happy.guided != sad.guided).any()
    assert (happy.face == sad.face).all()


def test_guided_pixels_are_those_that_the_network_reads(tmp_path: Path, crop: np.ndarray) -> None:
    shown = explain(crop, "Happy", folder(tmp_path / "bottom", looks_at(slice(32, 48))))
    rows = shown.guided[..., 0].astype(float).mean(axis=1)
    # Brighter where it reads, mid grey elsewhere; the edge is soft by enlargement.
    assert (rows[-100:] > 250).all() and (np.abs(rows[:230] - 127.5) < 2).all()


def test_guided_back_propagation_stops_negative_gradients(tmp_path: Path, crop: np.ndarray) -> None:
    against = folder(tmp_path / "against", looks_at(slice(0, 48), sign=-1.0))
    shown = explain(crop, "Happy", against)
    assert not shown.has_region and (shown.grad_cam == shown.face).all()
    assert (np.abs(shown.guided.astype(int) - 127) <= 1).all()


def test_zero_gradients_give_plain_pictures(tmp_path: Path, crop: np.ndarray) -> None:
    blind = folder(tmp_path / "blind", looks_at(slice(0, 0)))
    shown = explain(crop, "Sad", blind)
    assert not shown.has_region and np.ptp(shown.guided) == 0


def test_a_network_inside_a_network_can_be_explained(tmp_path: Path, crop: np.ndarray) -> None:
    import keras
    from keras import layers

    part = keras.Sequential(
        [keras.Input((48, 48, 1)), layers.Conv2D(4, 3, strides=4), layers.ReLU(6.0)], name="part"
    )
    faces = keras.Input((48, 48, 1))
    logits = layers.Dense(7)(
        layers.GlobalAveragePooling2D()(part(layers.Rescaling(1 / 255)(faces)))
    )
    shown = explain(crop, model=folder(tmp_path / "nested", keras.Model(faces, logits)))
    assert isinstance(shown, Explanation) and shown.grad_cam.shape == (SIZE, SIZE, 3)


def test_many_threads_get_the_same_answer(crop: np.ndarray) -> None:
    answers: list[Explanation] = []
    expected = explain(crop, "Fear", "mini_xception")
    threads = [
        threading.Thread(target=lambda: answers.append(explain(crop, "Fear", "mini_xception")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    for answer in answers:
        # TensorFlow may add up in another order each time.
        assert np.abs(answer.guided.astype(int) - expected.guided).max() <= 2


def test_a_model_without_its_keras_form_says_so_and_starts_nothing(
    tmp_path: Path, crop: np.ndarray, explainer: Explainer
) -> None:
    whole = folder(tmp_path / "whole", looks_at(slice(0, 48)))
    card = json.loads((whole.path / "card.json").read_text(encoding="utf-8"))
    del card["files"]["model.keras"]
    (whole.path / "card.json").write_text(json.dumps(card), encoding="utf-8")
    mute = read_folder(whole.path)
    with pytest.raises(ModelError, match="cannot explain itself.*vgg"):
        explainer.explain(crop, model=mute)
    explainer.warm_up(mute)
    assert explainer.pid is None


def test_a_changed_file_is_refused(tmp_path: Path, crop: np.ndarray) -> None:
    whole = folder(tmp_path / "changed", looks_at(slice(0, 48)))
    with (whole.path / "model.keras").open("ab") as file:
        file.write(b" ")
    with pytest.raises(ModelError, match="not the file its card describes"):
        explain(crop, model=whole)


def test_a_killed_worker_is_one_sentence_and_the_next_call_works(
    crop: np.ndarray, explainer: Explainer
) -> None:
    first = explainer.explain(crop, "Happy", "mini_xception")
    said: list[str] = []

    def ask() -> None:
        try:
            explainer.explain(crop, "Happy", "vgg")
        except ModelError as error:
            said.append(str(error))

    worker = psutil.Process(explainer.pid)
    worker.suspend()  # so that it is killed in the middle of an answer
    thread = threading.Thread(target=ask)
    thread.start()
    wait_for(explainer._lock.locked, 30)
    worker.kill()
    thread.join()
    assert said == ["The explanation broke off: try again."] and explainer.pid is None
    again = explainer.explain(crop, "Happy", "mini_xception")
    assert np.abs(again.guided.astype(int) - first.guided).max() <= 2


def test_a_worker_that_is_gone_is_replaced_without_a_word(
    crop: np.ndarray, explainer: Explainer
) -> None:
    explainer.explain(crop, "Happy", "mini_xception")
    worker = psutil.Process(explainer.pid)
    worker.kill()
    worker.wait()
    assert explainer.explain(crop, "Sad", "mini_xception").emotion == "Sad"


def test_a_worker_that_nobody_asks_gives_its_memory_back(crop: np.ndarray) -> None:
    short = Explainer(idle_seconds=0.5)
    short.explain(crop, "Happy", "mini_xception")
    wait_for(lambda: short.pid is None, 30)


def test_the_calling_process_loads_none_of_the_heavy_libraries() -> None:
    code = """
import sys
from fer_core.analysis import find_faces
from fer_core.explain import explain, warm_up
from fer_core.faces import get_detector
from fer_core.images import example_portrait
warm_up("mini_xception")
crop = find_faces(example_portrait(), get_detector("haar")).crops[0]
print(explain(crop, model="mini_xception").emotion)
print([name for name in ("tensorflow", "keras", "jax") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert done.stdout.splitlines() == ["Happy", "[]"]
