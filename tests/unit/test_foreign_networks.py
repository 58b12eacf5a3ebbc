"""Networks that were trained elsewhere: their answers are kept, and code is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fer_core.classifier import load_classifier
from fer_core.cli import cli
from fer_core.datasets import demo
from fer_core.errors import FerError, ModelError
from fer_core.litert import Runner
from fer_core.models.catalogue import find_model
from fer_core.preprocess import faces_to_crops
from fer_core.settings import settings
from fer_core.zoo import onnx_graph, wrapping
from fer_core.zoo.foreign import Interface, read_labels, read_range

#: In an order that is not ours.
ORDER = "neutral,happiness,sad,surprise,fear,disgust,anger"
OURS = [6, 5, 4, 1, 2, 3, 0]


def interface(labels: str = ORDER, pixels: str = "-1,1", **more) -> Interface:
    return Interface(read_labels(labels), *read_range(pixels), **more)


def network(size=64, channels=1, answers=7, softmax=True, between=None):
    """Return a small network of the layers that such networks have."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(3)
    x = given = keras.Input((size, size, channels))
    x = layers.Conv2D(8, 3, strides=2, padding="same")(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.MaxPooling2D()(layers.DepthwiseConv2D(3, padding="same")(x))
    x = layers.add([x, layers.Conv2D(8, 1)(x)])
    if between:
        x = between(x)
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))
    # Large weights, so that faces get different answers.
    start = keras.initializers.RandomNormal(stddev=3, seed=5)
    x = layers.Dense(answers, "softmax" if softmax else None, kernel_initializer=start)(x)
    return keras.Model(given, x)


def saved(folder: Path, name: str) -> Path:
    """Save the network in the format that its name says."""
    if name.endswith((".keras", ".h5")):
        network().save(folder / name)
    else:
        form = "onnx" if name.endswith(".onnx") else "tf_saved_model"
        model = network()
        model(pictures(64))  # Keras exports what was called once
        model.export(str(folder / name), format=form, verbose=False)
    return folder / name


def served(path: Path, kind: str, how: Interface, crops: np.ndarray) -> np.ndarray:
    content, _ = wrapping.wrap(path, kind, how)
    run = Runner(content)
    assert run.input_shape == (1, 192, 192, 3) and run.output_shapes == [(1, 7)]
    return np.concatenate([row for (row,) in run(list(crops.astype(np.float32)))])


CROPS = faces_to_crops(demo.load(14, 0, 0, seed=4).faces)[:6]


def pictures(size: int, low: float = -1, high: float = 1) -> np.ndarray:
    """The faces as somebody with OpenCV would give them to a network."""
    import cv2

    how = cv2.INTER_AREA if size < 192 else cv2.INTER_LINEAR
    grey = [
        cv2.resize(crop[..., 0].astype(np.float32), (size, size), None, 0, 0, how) for crop in CROPS
    ]
    return np.stack(grey)[..., None] * ((high - low) / 255) + low


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("net.keras", "keras"),
        ("net.h5", "h5"),
        ("folder", "saved_model"),
        pytest.param("net.onnx", "onnx", marks=pytest.mark.slow),
    ],
)
def test_every_format_answers_as_before_in_our_order(name, kind, tmp_path):
    expected = network().predict(pictures(64), verbose=0)
    found = served(saved(tmp_path, name), kind, interface(), CROPS)
    assert np.abs(expected[:, OURS] - found).max() < 1e-4
    assert np.ptp(found, axis=0).max() > 0.05  # the faces are told apart


def test_logits_ranges_colours_and_dropped_outputs(tmp_path):
    from scipy.special import softmax

    labels = f"-contempt,{ORDER}"
    model = network(size=96, channels=3, answers=8, softmax=False)
    model.save(tmp_path / "a.keras")
    logits = model.predict(np.repeat(pictures(96, 0, 255), 3, -1), verbose=0)[:, 1:][:, OURS]
    how = interface(labels, "0,255", logits=True)
    found = served(tmp_path / "a.keras", "keras", how, CROPS)
    assert np.abs(softmax(logits, axis=1) - found).max() < 1e-4

    model = network(answers=8)
    model.save(tmp_path / "b.keras")
    kept = model.predict(pictures(64), verbose=0)[:, 1:][:, OURS]
    found = served(tmp_path / "b.keras", "keras", interface(labels), CROPS)
    assert np.abs(kept / kept.sum(axis=1, keepdims=True) - found).max() < 1e-4


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ("angry,happy", "no output for Disgust"),
        (f"{ORDER},happy", "2 outputs for Happy"),
        (f"{ORDER},contempt", "'contempt' is none of .* write '-contempt' to drop"),
        (f"{ORDER},3", "'3' is none of"),
        ("", "'' is none of"),
    ],
)
def test_labels_that_are_not_the_seven_emotions_say_why(labels, words):
    with pytest.raises(ModelError, match=words):
        interface(labels)


@pytest.mark.parametrize("pixels", ["1", "0,x", "1,1", "0,inf", "0,1,2"])
def test_a_range_is_two_numbers(pixels):
    with pytest.raises(ModelError, match="range: "):
        interface(pixels=pixels)


@pytest.mark.parametrize(
    ("made", "how", "words"),
    [
        ({"answers": 8}, {}, "answers with 8 values, and 7 labels"),
        ({"softmax": False}, {}, "give --logits"),
        ({}, {"logits": True}, "leave out --logits"),
        ({}, {"size": 48}, "any×64×64×1, which is not size 48"),
        ({}, {"channels": 3}, "which is not channels 3"),
        ({"size": None}, {}, "say with --size"),
        ({"channels": 4}, {}, "grey or RGB"),
    ],
    ids=str,
)
def test_what_was_said_of_a_network_is_compared_with_it(made, how, words, tmp_path):
    network(**made).save(tmp_path / "net.keras")
    with pytest.raises(ModelError, match=words):
        wrapping.wrap(tmp_path / "net.keras", "keras", interface(**how))


# -- what is more than a network


@pytest.mark.parametrize(("name", "kind"), [("net.keras", "keras"), ("net.h5", "h5")])
def test_code_in_a_file_of_keras_is_not_run(name, kind, tmp_path):
    from keras import layers

    trace = tmp_path / "trace"

    def act(x):
        trace.touch()
        return x * 2

    network(between=layers.Lambda(act)).save(tmp_path / name)
    trace.unlink()  # written while the network was built
    with pytest.raises(ModelError, match="'Lambda', which is not a plain layer"):
        wrapping.wrap(tmp_path / name, kind, interface())
    assert not trace.exists()


def test_weights_without_a_network_say_so(tmp_path):
    network().save_weights(tmp_path / "net.weights.h5")
    with pytest.raises(ModelError, match="holds weights without the network"):
        wrapping.wrap(tmp_path / "net.weights.h5", "h5", interface())


def test_what_trained_a_saved_model_is_no_part_of_it(tmp_path):
    """As Keras 2 saves it: with functions for training, which draw lots and write."""
    import tensorflow as tf

    class Trained(tf.Module):
        def __init__(self):
            super().__init__()
            self.kernel = tf.Variable(np.full((64 * 64, 7), 1e-4, np.float32))

        @tf.function(input_signature=[tf.TensorSpec((None, 64, 64, 1))])
        def train(self, x):
            self.kernel.assign_add(tf.random.uniform((64 * 64, 7)))
            tf.io.write_file("log", "a step")
            return x

        @tf.function(input_signature=[tf.TensorSpec((None, 64, 64, 1))])
        def __call__(self, x):
            return tf.nn.softmax(tf.reshape(x, (-1, 64 * 64)) @ self.kernel)

    model = Trained()
    tf.saved_model.save(model, str(tmp_path / "net"), signatures=model.__call__)
    _, report = wrapping.wrap(tmp_path / "net", "saved_model", interface())
    assert report == {"parameters": 64 * 64 * 7, "size": 64, "channels": 1}


@pytest.mark.parametrize("when", ["called", "loaded"])
def test_a_saved_model_that_touches_files_is_refused_before_it_is_loaded(when, tmp_path):
    import tensorflow as tf

    victim = tmp_path / "written"

    class Evil(tf.Module):
        def __init__(self):
            super().__init__()
            if when == "loaded":
                start = tf.lookup.KeyValueTensorInitializer(["a"], [1])
                self.table = tf.lookup.StaticHashTable(start, 0)

        @tf.function(input_signature=[tf.TensorSpec((1, 64, 64, 1))])
        def __call__(self, x):
            if when == "called":
                tf.io.write_file(str(victim), "here")
            return tf.ones((1, 7)) / 7

    evil = Evil()
    tf.saved_model.save(evil, str(tmp_path / "evil"), signatures=evil.__call__)
    victim.unlink(missing_ok=True)
    words = {"called": "the operation 'WriteFile'", "loaded": "holds a resource"}[when]
    with pytest.raises(ModelError, match=words):
        wrapping.wrap(tmp_path / "evil", "saved_model", interface())
    assert not victim.exists()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("x.keras", "keras"), ("x.h5", "h5"), ("x.onnx", "onnx"), ("x", "saved_model")],
)
def test_a_damaged_file_is_a_sentence(name, kind, tmp_path):
    path = tmp_path / name
    if kind == "saved_model":
        path.mkdir()
        path /= "saved_model.pb"
    path.write_bytes(b"\x08\xff" * 50)
    with pytest.raises(ModelError, match="damaged"):
        wrapping.wrap(tmp_path / name, kind, interface())


# -- ONNX with channels first, as PyTorch writes it


def onnx_file(path: Path, nodes: list, weights: dict) -> Path:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 64, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, None])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


def like_pytorch(path: Path) -> Path:
    """Write a network of many operations as PyTorch's exporter would."""
    from onnx import helper

    rng = np.random.default_rng(2)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.4, shape).astype(np.float32)

    weights = {
        "w1": normal(8, 1, 3, 3), "b1": normal(8), "scale": normal(8) + 1, "bias": normal(8),
        "mean": normal(8), "var": abs(normal(8)) + 0.5, "w2": normal(8, 1, 3, 3),
        "w3": normal(8, 4, 1, 1), "slope": abs(normal(8, 1, 1)), "half": np.float32(0.5),
        "zero": np.array(0, np.int64), "minus": np.array([-1], np.int64),
        "axis": np.array([0], np.int64), "b4": normal(7),
        "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64),
        "low": np.float32(0), "high": np.float32(4),
    }  # fmt: skip

    def node(kind: str, given: str, out: str, **options) -> object:
        return helper.make_node(kind, given.split(), out.split(), **options)

    nodes = [
        node("Conv", "x w1 b1", "c1", pads=[1, 1, 1, 1], strides=[2, 2], kernel_shape=[3, 3]),
        node("BatchNormalization", "c1 scale bias mean var", "n1"),
        node("PRelu", "n1 slope", "p1"),
        node("MaxPool", "p1", "m1", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
        node("Conv", "m1 w2", "c2", group=8, pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        node("Clip", "c2 low high", "r2"),
        node("Conv", "r2 w3", "c3", group=2, kernel_shape=[1, 1]),
        node("Add", "c3 m1", "a1"),
        node("GlobalAveragePool", "a1", "g1"),
        node("Sigmoid", "g1", "s1"),
        node("Mul", "a1 s1", "u1"),
        node("Concat", "u1 a1", "k1", axis=1),
        node("Pad", "k1 pads", "d1", mode="constant"),
        node("AveragePool", "d1", "v1", kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1]),
        node("LeakyRelu", "v1", "l1", alpha=0.2),
        node("Mul", "l1 half", "h1"),
        # The batch is looked up while the network runs, as older exporters write it.
        node("Shape", "h1", "shape"),
        node("Gather", "shape zero", "batch"),
        node("Unsqueeze", "batch axis", "batches"),
        node("Concat", "batches minus", "flat", axis=0),
        node("MaxPool", "h1", "q1", kernel_shape=[2, 2], strides=[1, 1], auto_pad="SAME_UPPER"),
        node("Identity", "q1", "q2"),
        node("AveragePool", "q2", "q3", kernel_shape=[2, 2], strides=[1, 1], count_include_pad=1,
             pads=[0, 0, 0, 0]),
        node("Reshape", "q3 flat", "f1"),
        node("Gemm", "f1 w4 b4", "logits", transB=1, alpha=0.05),
        node("Softmax", "logits", "y", axis=-1),
    ]  # fmt: skip
    import onnxruntime

    # As many weights as the flat picture has values.
    probe = onnx_file(path, nodes[:-2] + [node("Identity", "f1", "y")], weights)
    sizes = onnxruntime.InferenceSession(str(probe)).run(
        None, {"x": np.zeros((1, 1, 64, 64), np.float32)}
    )
    weights["w4"] = normal(7, sizes[0].shape[1])
    return onnx_file(path, nodes, weights)


def test_a_network_with_channels_first_answers_as_onnx_runtime_does(tmp_path):
    import onnxruntime

    path = like_pytorch(tmp_path / "net.onnx")
    faces = pictures(64).transpose(0, 3, 1, 2).astype(np.float32)
    session = onnxruntime.InferenceSession(str(path))
    expected = np.concatenate([session.run(None, {"x": face[None]})[0] for face in faces])
    found = served(path, "onnx", interface(), CROPS)
    assert np.abs(expected[:, OURS] - found).max() < 1e-4
    assert np.ptp(found, axis=0).max() > 0.01


def test_an_operation_that_is_not_known_is_named(tmp_path):
    from onnx import helper

    nodes = [helper.make_node("NonZero", ["x"], ["y"])]
    with pytest.raises(ModelError, match="'NonZero', which is not known here"):
        onnx_graph.load(onnx_file(tmp_path / "a.onnx", nodes, {}))
    # A network that wants weights from a file beside it could read any file.
    from onnx import TensorProto

    path = onnx_file(
        tmp_path / "b.onnx",
        [helper.make_node("Add", ["x", "w"], ["y"])],
        {"w": np.ones(1, np.float32)},
    )
    import onnx

    model = onnx.load(str(path))
    (weight,) = model.graph.initializer
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="/etc/passwd")
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="lie in another file"):
        onnx_graph.load(path)


# -- the command


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("FER_HOME", str(tmp_path / "home"))
    for name in ("FER_MODEL", "FER_DATA"):
        monkeypatch.delenv(name, raising=False)
    settings.cache_clear()
    yield settings().models
    monkeypatch.undo()
    settings.cache_clear()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gone.onnx", "--labels", ORDER, "--range", "0,1"], "There is no gone.onnx"),
        (["net.h5"], "name the emotion of each output with --labels"),
        (["net.h5", "--labels", ORDER], "with --range"),
        (["net.zip", "--labels", ORDER], "--labels is for a network alone"),
        (["net.zip", "--logits"], "--logits is for a network alone"),
        (["folder", "--labels", ORDER, "--range", "0,1"], "without saved_model.pb"),
        (["net.h5", "--labels", ORDER, "--range", "0,1", "--name", "Mine"], "small letters"),
        (["net.h5", "--labels", ORDER, "--range", "0,1", "--name", "vgg"], "ships with"),
        (["net.h5", "--labels", ORDER, "--range", "0,1", "--channels", "2"], "channels: Give"),
        (["net.h5", "--labels", ORDER, "--range", "0,1", "--data", "gone.csv"], "gone.csv"),
    ],
    ids=str,
)
def test_mistakes_are_said_before_anything_is_loaded(arguments, words, home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("net.h5", "net.zip"):
        Path(name).write_bytes(b"nothing")
    Path("folder").mkdir()
    refused = CliRunner().invoke(cli, ["models", "import", *arguments])
    assert isinstance(refused.exception, FerError) and words in str(refused.exception)
    assert not home.exists() or not list(home.iterdir())


@pytest.mark.slow
def test_a_network_is_imported_measured_and_used(home, tmp_path):
    file = str(saved(tmp_path, "net.onnx"))
    line = ["models", "import", file, "--labels", ORDER, "--range", "-1,1"]
    done = CliRunner().invoke(
        cli, [*line, "--name", "theirs", "--data", "demo", "--licence", "MIT", "--json"],
        catch_exceptions=False,
    )  # fmt: skip
    assert json.loads(done.stdout) == ["theirs"]
    folder = find_model("theirs")
    expected = network().predict(pictures(64), verbose=0)[:, OURS]
    assert np.abs(load_classifier("theirs").predict(CROPS) - expected).max() < 1e-4
    assert [one.split for one in folder.card.figures] == ["PublicTest", "PrivateTest"]
    assert folder.card.licence == "MIT" and not folder.explainable
    readme = (folder.path / "README.md").read_text(encoding="utf-8")
    assert "Nothing was chosen by these figures" in readme and "fitted on PublicTest" not in readme
    # It goes to another machine as any model does.
    out = home.parent / "theirs.zip"
    for arguments in (
        ["export", "theirs", "--to", str(out)], ["remove", "theirs"], ["import", str(out)]
    ):  # fmt: skip
        CliRunner().invoke(cli, ["models", *arguments], catch_exceptions=False)
    assert find_model("theirs").card.files == folder.card.files

    # What is refused in the other process is said as well as it would be here.
    refused = CliRunner().invoke(cli, [*line, "--logits", "--name", "wrong"])
    assert "net.onnx: it answers with probabilities already" in str(refused.exception)
    assert not (home / "wrong").exists()
