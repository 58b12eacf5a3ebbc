"""EfficientNet-Lite and dlib's face network: rebuilt with the weights of a file they give the
features of the original, which is computed here from the file's numbers alone."""

import io
import json
import pickle
import sys
import types
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from fer_core.datasets import demo
from fer_core.errors import ModelError
from fer_core.models.architectures import registry
from fer_core.models.starting_weights.loading import about, start
from fer_core.models.starting_weights.sources import NAMED, search
from fer_core.models.starting_weights.torch_file import read_state

keras = pytest.importorskip("keras")
ops = keras.ops

LITE0 = NAMED["efficientnet_lite0_imagenet"]
DLIB = NAMED["dlib_face"]
#: First block of each stage of EfficientNet-Lite0 that halves.
HALVING = (1, 3, 5, 11)


@pytest.fixture(scope="module")
def faces():
    return demo.load(64, 7, 7, seed=6).faces[:64]


def features(model, faces):
    body = keras.Model(model.input, model.get_layer("mean").input)
    return body.predict(faces[..., None].astype("float32"), verbose=0)


def grey(faces, shift, scale):
    return (np.repeat(faces[..., None].astype("float32"), 3, axis=-1) - shift) / scale


# -- PyTorch's files


@pytest.fixture
def torch_names(monkeypatch):
    """Names that a state file refers to, so that this test can write one without PyTorch."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*_):
        raise AssertionError

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    torch._utils = utils
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return torch


def write_state(torch, path, state, zipped):
    class Tensor:
        def __init__(self, key, value):
            self.key, self.value = key, value

        def __reduce__(self):
            value = self.value
            step = tuple(s // value.itemsize for s in value.strides)
            return torch._utils._rebuild_tensor_v2, (Storage(self), 0, value.shape, step, False)

    class Storage:
        def __init__(self, tensor):
            self.tensor = tensor

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            if not isinstance(thing, Storage):
                return None
            value = thing.tensor.value
            kind = torch.LongStorage if value.dtype.kind == "i" else torch.FloatStorage
            return "storage", kind, thing.tensor.key, "cpu", value.size

    def pickled(thing):
        out = io.BytesIO()
        Pickler(out, 2).dump(thing)
        return out.getvalue()

    keys = {str(number): value for number, value in enumerate(state.values())}
    tensors = OrderedDict(
        (name, Tensor(k, state[name])) for name, k in zip(state, keys, strict=True)
    )
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickled(tensors))
            for key, value in keys.items():
                archive.writestr(f"archive/data/{key}", value.tobytes("A"))
        return
    with path.open("wb") as file:
        for thing in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, tensors, list(keys)):
            file.write(pickled(thing))
        for value in keys.values():
            file.write(value.size.to_bytes(8, "little") + value.tobytes("A"))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_file_is_read_without_pytorch(torch_names, tmp_path, zipped):
    rng = np.random.default_rng(0)
    state = {
        "a.weight": rng.normal(size=(3, 2, 5, 5)).astype("float32"),
        "a.turned": rng.normal(size=(4, 6)).astype("float32").T,
        "count": np.array(7),
    }
    write_state(torch_names, tmp_path / "x.pth", state, zipped)
    back = read_state(tmp_path / "x.pth")
    assert list(back) == list(state)
    assert all(np.array_equal(back[name], state[name]) for name in state)


def test_a_state_file_runs_nothing(tmp_path):
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return ran.touch, ()

    (tmp_path / "x.pth").write_bytes(pickle.dumps(Evil(), 2))
    with pytest.raises(ModelError, match="no PyTorch state file"):
        read_state(tmp_path / "x.pth")
    assert not ran.exists()


@pytest.mark.parametrize("content", [b"", b"words", b"PK\x03\x04" + b"x" * 40])
def test_another_file_is_refused(tmp_path, content):
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(ModelError, match="no PyTorch state file"):
        read_state(tmp_path / "x.pth")


# -- EfficientNet-Lite


def random_lite0():
    """A state of EfficientNet-Lite0's shapes."""
    rng, state = np.random.default_rng(0), {}

    def convolution(name, out, into, kernel):
        scale = (1.5 / (into * kernel * kernel)) ** 0.5
        state[f"{name}.weight"] = rng.normal(0, scale, (out, into, kernel, kernel))

    def norm(name, width):
        for key, low, high in (
            ("weight", 0.8, 1.2), ("bias", -0.1, 0.3),
            ("running_mean", -0.1, 0.1), ("running_var", 0.5, 1.5),
        ):  # fmt: skip
            state[f"{name}.{key}"] = rng.uniform(low, high, width)
        state[f"{name}.num_batches_tracked"] = np.array(3.0)

    convolution("_conv_stem", 32, 3, 3)
    norm("_bn0", 32)
    width, block = 32, 0
    for repeats, kernel, expansion, out in (
        (1, 3, 1, 16), (2, 3, 6, 24), (2, 5, 6, 40), (3, 3, 6, 80), (3, 5, 6, 112),
        (4, 5, 6, 192), (1, 3, 6, 320),
    ):  # fmt: skip
        for _ in range(repeats):
            name, inner = f"_blocks.{block}", width * expansion
            if expansion > 1:
                convolution(f"{name}._expand_conv", inner, width, 1)
                norm(f"{name}._bn0", inner)
            convolution(f"{name}._depthwise_conv", inner, 1, kernel)
            norm(f"{name}._bn1", inner)
            convolution(f"{name}._project_conv", out, inner, 1)
            norm(f"{name}._bn2", out)
            width, block = out, block + 1
    convolution("_conv_head", 1280, 320, 1)
    norm("_bn1", 1280)
    convolution("_fc", 1000, 1280, 1)
    return {name: value.astype("float32") for name, value in state.items()}


def original_lite0(state, x):
    """What the package's forward pass computes from its state."""

    def norm(x, name):
        mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        return (x - mean) / np.sqrt(var + 1e-3) * state[f"{name}.weight"] + state[f"{name}.bias"]

    def convolve(x, name, stride=1):
        kernel = state[f"{name}.weight"].transpose(2, 3, 1, 0)
        return ops.convert_to_numpy(ops.conv(x, kernel, stride, "same"))

    def relu6(x):
        return np.clip(x, 0, 6)

    x = relu6(norm(convolve(x, "_conv_stem", 2), "_bn0"))
    for block in range(16):
        name, before = f"_blocks.{block}", x
        if f"{name}._expand_conv.weight" in state:
            x = relu6(norm(convolve(x, f"{name}._expand_conv"), f"{name}._bn0"))
        kernel = state[f"{name}._depthwise_conv.weight"].transpose(2, 3, 0, 1)
        stride = 2 if block in HALVING else 1
        x = ops.convert_to_numpy(ops.depthwise_conv(x, kernel, stride, "same"))
        x = relu6(norm(x, f"{name}._bn1"))
        x = norm(convolve(x, f"{name}._project_conv"), f"{name}._bn2")
        if x.shape == before.shape:
            x = x + before
    return relu6(norm(convolve(x, "_conv_head"), "_bn1"))


def lite0_agrees(path, faces):
    model = registry.build("efficientnet_lite0", size=48)
    start(model, "efficientnet_lite0", str(path), faces)
    original = original_lite0(read_state(path), grey(faces[:4], 127, 128))
    assert original.std() > 0.05
    assert np.abs(features(model, faces[:4]) - original).max() < 1e-3 * original.max()


def test_efficientnet_lite_gives_the_features_of_the_original(torch_names, tmp_path, faces):
    path = tmp_path / LITE0.file
    write_state(torch_names, path, random_lite0(), zipped=False)
    lite0_agrees(path, faces)


@pytest.mark.slow
def test_the_real_efficientnet_lite_gives_the_features_of_the_original(faces):
    path = search(LITE0.file)
    if path is None:
        pytest.skip(f"{LITE0.file} is not here: name its folder in FER_WEIGHTS")
    lite0_agrees(path, faces)


@pytest.mark.slow
@pytest.mark.parametrize("variant", [1, 2])
def test_the_larger_ones_take_the_real_weights(variant, faces):
    name = f"efficientnet_lite{variant}"
    if search(NAMED[f"{name}_imagenet"].file) is None:
        pytest.skip(f"{NAMED[f'{name}_imagenet'].file} is not here: see FER_WEIGHTS")
    model = registry.build(name, size=48)
    start(model, name, f"{name}_imagenet", faces)
    assert features(model, faces[:2]).std() > 0.05


# -- dlib's face network


def random_dlib(folder):
    """The two files of dlib's network, with random numbers."""
    rng, weights, content = np.random.default_rng(0), [], b""

    def add(name, shape, low, high):
        nonlocal content
        if name == "conv64_1/conv1/conv/filters":  # some are not in 8 bits
            weights.append({"name": name, "shape": list(shape), "dtype": "float32"})
            content += rng.uniform(low, high, shape).astype("<f4").tobytes()
            return
        how = {"dtype": "uint8", "scale": (high - low) / 255, "min": low}
        weights.append({"name": name, "shape": list(shape), "quantization": how})
        content += rng.integers(0, 256, int(np.prod(shape)), np.uint8).tobytes()

    def layer(name, kernel, into, out):
        reach = (3 / (kernel * kernel * into)) ** 0.5
        add(f"{name}/conv/filters", (kernel, kernel, into, out), -reach, reach)
        add(f"{name}/conv/bias", (out,), -0.01, 0.01)
        add(f"{name}/scale/weights", (out,), 0.5, 1.5)
        add(f"{name}/scale/biases", (out,), -0.2, 0.3)

    layer("conv32_down", 7, 3, 32)
    into = 32
    for name in blocks():
        width = int(name[4:].split("_")[0])
        layer(f"{name}/conv1", 3, into, width)
        layer(f"{name}/conv2", 3, width, width)
        into = width
    add("fc", (256, 128), -0.1, 0.1)
    (folder / DLIB.file).write_bytes(content)
    manifest = [{"paths": [DLIB.file], "weights": weights}]
    (folder / "face_recognition_model-weights_manifest.json").write_text(
        json.dumps(manifest), encoding="utf-8"
    )


def blocks():
    names = ["conv32_1", "conv32_2", "conv32_3"]
    for width, count in ((64, 3), (128, 2), (256, 2)):
        names += [f"conv{width}_down", *(f"conv{width}_{i}" for i in range(1, count + 1))]
    return [*names, "conv256_down_out"]


def original_dlib(path, x):
    """What face-api.js computes from its files, layer by layer."""
    index = path.with_name("face_recognition_model-weights_manifest.json")
    arrays, content = {}, io.BytesIO(path.read_bytes())
    for weight in json.loads(index.read_text(encoding="utf-8"))[0]["weights"]:
        count, how = int(np.prod(weight["shape"])), weight.get("quantization")
        if how:
            values = np.frombuffer(content.read(count), np.uint8) * how["scale"] + how["min"]
        else:
            values = np.frombuffer(content.read(4 * count), "<f4")
        arrays[weight["name"]] = values.reshape(weight["shape"])

    def layer(x, name, stride=1, padding="same"):
        kernel = arrays[f"{name}/conv/filters"].astype("float32")
        x = ops.convert_to_numpy(ops.conv(x.astype("float32"), kernel, stride, padding))
        x = x + arrays[f"{name}/conv/bias"]
        return x * arrays[f"{name}/scale/weights"] + arrays[f"{name}/scale/biases"]

    def filled(x, shape):
        out = np.zeros((len(x), *shape), np.float64)
        out[:, : x.shape[1], : x.shape[2], : x.shape[3]] = x
        return out

    x = np.maximum(layer(x, "conv32_down", 2, "valid"), 0)
    x = ops.convert_to_numpy(ops.max_pool(x.astype("float32"), 3, 2, "valid"))
    for name in blocks():
        if name == "conv256_down_out" and x.shape[1] < 3:
            break  # the network ends before its maps are smaller than a kernel
        if "down" in name:
            y = np.maximum(layer(x, f"{name}/conv1", 2, "valid"), 0)
            y = layer(y, f"{name}/conv2")
            x = ops.convert_to_numpy(ops.average_pool(x.astype("float32"), 2, 2, "valid"))
            side = max(x.shape[1], y.shape[1])
            x, y = (filled(v, (side, side, y.shape[3])) for v in (x, y))
        else:
            y = layer(np.maximum(layer(x, f"{name}/conv1"), 0), f"{name}/conv2")
        x = np.maximum(x + y, 0)
    return x


def dlib_agrees(path, faces, size):
    model = registry.build("dlib_face", size=size)
    start(model, "dlib_face", str(path), faces)
    resized = keras.layers.Resizing(size, size)(faces[:4, ..., None].astype("float32"))
    images = np.repeat(ops.convert_to_numpy(resized), 3, axis=-1)
    original = original_dlib(path, (images - [122.782, 117.001, 104.298]) / 256)
    assert original.std() > 0.01
    assert np.abs(features(model, faces[:4]) - original).max() < 2e-3 * original.max()
    return model


@pytest.mark.parametrize("size", [80, 112])
def test_dlibs_network_gives_the_features_of_the_original(tmp_path, faces, size):
    random_dlib(tmp_path)
    dlib_agrees(tmp_path / DLIB.file, faces, size)


def test_the_real_dlib_network_gives_the_features_of_the_original(faces):
    path = search(DLIB.file)
    if path is None:
        pytest.skip(f"{DLIB.file} is not here: name its folder in FER_WEIGHTS")
    dlib_agrees(path, faces, 80)


# -- what is said of them


def test_sets_say_where_they_come_from_and_how_they_may_be_used():
    for name in NAMED:
        said = about(name)
        assert name in said and ("MIT" in said or "CC0" in said or "Apache" in said)
    assert about("none") == "none, trained from scratch"


def test_a_damaged_file_and_another_networks_file(tmp_path, faces):
    (tmp_path / DLIB.file).write_bytes(b"short")
    model = registry.build("dlib_face", size=80)
    with pytest.raises(ModelError, match="is not the file it should be"):
        start(model, "dlib_face", str(tmp_path / DLIB.file), faces)
    with pytest.raises(ModelError, match="those of efficientnet_lite0, not of dlib_face"):
        start(model, "dlib_face", str(tmp_path / LITE0.file), faces)
