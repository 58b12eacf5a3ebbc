"""What a model looked at: the maps of known networks, and of the one that ships."""

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from benchmarks.browser import wait_for
from fer_core.analysis import find_faces
from fer_core.emotions import EMOTIONS
from fer_core.errors import ModelError
from fer_core.explain import SIZE, Explainer, Explanation, client, explain
from fer_core.faces import get_detector
from fer_core.files import sha256
from fer_core.images import example_portrait
from fer_core.models import imported
from fer_core.models.catalogue import ModelFolder, find_model, read_folder
from fer_core.sandbox import MEMORY
from tests.model_tools import copy_of_shipped


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


def before_keras(path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let workers that start from now on run ``code`` when they look for Keras."""
    lines = "\n            ".join(code.splitlines())
    (path / "sitecustomize.py").write_text(
        f"""
import os, sys, time

class Before:
    def find_spec(self, name, path=None, target=None):
        if name == "keras":
            {lines}

sys.meta_path.insert(0, Before())
""",
        encoding="utf-8",
    )
    monkeypatch.setenv("PYTHONPATH", str(path))


def reads_only(rows: slice, sign: float = 1.0):
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


@pytest.mark.slow
def test_guided_pixels_are_those_that_the_network_reads(tmp_path: Path, crop: np.ndarray) -> None:
    shown = explain(crop, "Happy", folder(tmp_path / "bottom", reads_only(slice(32, 48))))
    rows = shown.guided[..., 0].astype(float).mean(axis=1)
    # Brighter where it reads, mid grey elsewhere; the edge is soft by enlargement.
    assert (rows[-100:] > 250).all() and (np.abs(rows[:230] - 127.5) < 2).all()


def test_guided_back_propagation_stops_negative_gradients(tmp_path: Path, crop: np.ndarray) -> None:
    against = folder(tmp_path / "against", reads_only(slice(0, 48), sign=-1.0))
    shown = explain(crop, "Happy", against)
    assert not shown.has_region and (shown.grad_cam == shown.face).all()
    assert (np.abs(shown.guided.astype(int) - 127) <= 1).all()


def test_zero_gradients_give_plain_pictures(tmp_path: Path, crop: np.ndarray) -> None:
    blind = folder(tmp_path / "blind", reads_only(slice(0, 0)))
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
    whole = folder(tmp_path / "whole", reads_only(slice(0, 48)))
    card = json.loads((whole.path / "card.json").read_text(encoding="utf-8"))
    del card["files"]["model.keras"]
    (whole.path / "card.json").write_text(json.dumps(card), encoding="utf-8")
    mute = read_folder(whole.path)
    with pytest.raises(ModelError, match="cannot explain itself.*vgg"):
        explainer.explain(crop, model=mute)
    explainer.warm_up(mute)
    assert explainer.pid is None


def test_a_changed_file_is_refused(tmp_path: Path, crop: np.ndarray) -> None:
    whole = folder(tmp_path / "changed", reads_only(slice(0, 48)))
    with (whole.path / "model.keras").open("ab") as file:
        file.write(b" ")
    with pytest.raises(ModelError, match="not the file its card describes"):
        explain(crop, model=whole)


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_worker_that_is_gone_is_replaced_without_a_word(
    crop: np.ndarray, explainer: Explainer
) -> None:
    explainer.explain(crop, "Happy", "mini_xception")
    worker = psutil.Process(explainer.pid)
    worker.kill()
    worker.wait()
    assert explainer.explain(crop, "Sad", "mini_xception").emotion == "Sad"


def test_a_worker_that_hangs_is_ended_with_one_sentence(
    crop: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_keras(tmp_path, monkeypatch, "time.sleep(3600)")
    hasty = Explainer(limit_seconds=3)
    with pytest.raises(ModelError, match="broke off: try again"):
        hasty.explain(crop, "Happy", "mini_xception")
    assert hasty.pid is None


def test_a_model_from_elsewhere_is_explained_apart_and_stopped_where_it_hangs(
    crop: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_of_shipped(tmp_path, "twin")
    imported.mark(tmp_path / "twin")
    twin = read_folder(tmp_path / "twin")
    # Its worker is limited, and what it does there ends no explanation of another model.
    assert client._explainer(twin) is client._SANDBOX
    assert client._explainer("mini_xception") is not client._SANDBOX
    before_keras(tmp_path, monkeypatch, "time.sleep(3600)")
    hasty = Explainer(limit_seconds=2, memory=MEMORY)
    with pytest.raises(ModelError, match="twin is not used: It did not answer within 2 seconds"):
        hasty.explain(crop, "Happy", twin)
    # From now on nobody waits for it.
    with pytest.raises(ModelError, match="twin is not used"):
        explain(crop, model=read_folder(tmp_path / "twin"))


@pytest.mark.slow
def test_what_libraries_print_does_not_come_between_the_answers(
    crop: np.ndarray, explainer: Explainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd
) -> None:
    noise = 'print("printed", flush=True)\nos.write(1, b"written by C code\\n")'
    before_keras(tmp_path, monkeypatch, noise)
    assert explainer.explain(crop, "Sad", "mini_xception").emotion == "Sad"
    said = capfd.readouterr().err
    assert "printed" in said and "written by C code" in said


def test_without_keras_one_sentence_says_what_to_install(
    crop: np.ndarray, explainer: Explainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_keras(tmp_path, monkeypatch, "raise ModuleNotFoundError(name)")
    with pytest.raises(ModelError, match=r'pip install "fer-core\[train\]"'):
        explainer.explain(crop, "Happy", "mini_xception")


@pytest.mark.slow
def test_a_warm_up_that_failed_is_not_repeated(
    crop: np.ndarray, explainer: Explainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_keras(tmp_path, monkeypatch, "os._exit(3)")
    explainer.warm_up("mini_xception")
    wait_for(lambda: bool(explainer._failed), 60)
    wait_for(lambda: not explainer._preparing, 30)
    explainer.warm_up("mini_xception")
    assert not explainer._preparing and explainer.pid is None
    # Whoever asks is answered all the same, and from then on it is warmed up again.
    monkeypatch.delenv("PYTHONPATH")
    assert explainer.explain(crop, "Sad", "mini_xception").emotion == "Sad"
    assert not explainer._failed


@pytest.mark.slow
def test_a_model_that_is_warm_costs_nothing_and_the_third_replaces_the_first(
    explainer: Explainer, tmp_path: Path
) -> None:
    folders = [
        folder(tmp_path / name, reads_only(slice(0, 48))) for name in ("one", "two", "three")
    ]

    def warm() -> list[str]:
        return [Path(path).name for path, _ in explainer._warm]

    for number, one in enumerate(folders):
        explainer.warm_up(one)
        wait_for(lambda one=one: one.path.name in warm(), 120)
        wait_for(lambda: not explainer._preparing, 30)
        assert warm() == ["one", "two", "three"][max(0, number - 1) : number + 1]
    explainer.warm_up(folders[2])
    assert not explainer._preparing
    explainer.warm_up(folders[0])
    wait_for(lambda: warm() == ["three", "one"], 120)


@pytest.mark.slow
def test_of_many_wishes_only_the_newest_waits(explainer: Explainer, tmp_path: Path) -> None:
    folders = [
        folder(tmp_path / name, reads_only(slice(0, 48))) for name in ("one", "two", "three")
    ]
    with explainer._lock:  # as if the worker were busy
        explainer.warm_up(folders[0])
        wait_for(lambda: explainer._wanted is None, 30)
        explainer.warm_up(folders[1])
        explainer.warm_up(folders[2])
    wait_for(lambda: not explainer._preparing, 120)
    assert [Path(path).name for path, _ in explainer._warm] == ["one", "three"]


@pytest.mark.slow
def test_a_worker_that_is_about_to_leave_answers_or_is_replaced(crop: np.ndarray) -> None:
    short = Explainer(idle_seconds=4)
    short.explain(crop, "Happy", "mini_xception")
    worker = psutil.Process(short.pid)
    worker.suspend()
    late = time.monotonic() + 4.5
    wait_for(lambda: time.monotonic() > late, 10)
    answers: list[Explanation] = []
    thread = threading.Thread(
        target=lambda: answers.append(short.explain(crop, "Sad", "mini_xception"))
    )
    thread.start()
    wait_for(short._lock.locked, 30)
    worker.resume()
    thread.join()
    assert [answer.emotion for answer in answers] == ["Sad"]
    short.close()


def test_a_worker_ends_with_its_parent_even_while_it_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_keras(tmp_path, monkeypatch, f'open({str(tmp_path / "hangs")!r}, "w")\ntime.sleep(3600)')
    code = """
from fer_core.explain import Explainer
own = Explainer()
own.warm_up("mini_xception")
while own.pid is None:
    pass
print(own.pid, flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        worker = psutil.Process(int(parent.stdout.readline()))
        wait_for((tmp_path / "hangs").exists, 60)
        parent.kill()
    worker.wait(30)


@pytest.mark.slow
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
from fer_core.models import imported
warm_up("mini_xception")
crop = find_faces(example_portrait(), get_detector("haar")).crops[0]
print(explain(crop, model="mini_xception").emotion)
print([name for name in ("tensorflow", "keras", "jax") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert done.stdout.splitlines() == ["Happy", "[]"]
