"""Weights of keras.applications: found, fetched through a proxy, checked; no network needed."""

import hashlib
import inspect
import threading
import urllib.request
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from fer_core.datasets import demo
from fer_core.errors import ModelError
from fer_core.models.architectures import registry
from fer_core.models.starting_weights import imagenet, start
from fer_core.models.starting_weights.imagenet import APPLICATIONS
from fer_core.settings import settings
from fer_core.train.check import check
from tests.command_line import fer_core

keras = pytest.importorskip("keras")

SMALL = {"size": 48, "dense": [8]}


@pytest.fixture(scope="module")
def faces():
    return demo.load(64, 7, 7, seed=6).faces[:64]


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    """A file of the layout that Keras publishes for VGG16, with random numbers."""
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    keras.utils.set_random_seed(3)
    source = keras.applications.VGG16(weights=None, include_top=False, input_shape=(48, 48, 3))
    path = tmp_path_factory.mktemp("theirs") / APPLICATIONS["vgg16"].file
    with h5py.File(path, "w") as out:
        legacy_h5_format.save_weights_to_hdf5_group(out, source)
    return path


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("FER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("FER_WEIGHTS", raising=False)
    settings.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def published(file, monkeypatch) -> None:
    """The file with random numbers counts as the one that Keras publishes."""
    known = replace(
        APPLICATIONS["vgg16"],
        md5=hashlib.md5(file.read_bytes()).hexdigest(),
        size=file.stat().st_size,
    )
    monkeypatch.setitem(APPLICATIONS, "vgg16", known)


def put(file: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file.name
    path.write_bytes(file.read_bytes())
    return path


def test_addresses_and_checksums_are_those_of_keras():
    from keras.src.applications import inception_v3, resnet, vgg16, vgg19

    modules = {
        "vgg16": vgg16, "vgg19": vgg19, "resnet50": resnet, "inception_v3": inception_v3,
    }  # fmt: skip
    for name, module in modules.items():
        known, source = APPLICATIONS[name], inspect.getsource(module)
        base = getattr(module, "BASE_WEIGHTS_PATH", "")
        assert known.md5 in source
        assert known.url in (f"{base}{known.file}", getattr(module, "WEIGHTS_PATH_NO_TOP", ""))
    assert resnet.WEIGHTS_HASHES["resnet50"][1] == APPLICATIONS["resnet50"].md5


def test_a_file_fetched_by_hand_is_checked_and_used(home, file, published, faces):
    for folder in (home / "keras" / "models", settings().home / "weights"):
        path = put(file, folder)
        assert imagenet.announcement("vgg16") is None
        assert imagenet.fetch("vgg16") == path
    model = registry.build("vgg16", **SMALL)
    before = model.get_layer("backbone").layers[1].get_weights()[0]
    start(model, "vgg16", "imagenet", faces)
    kernel = model.get_layer("backbone").layers[1].get_weights()[0]
    assert np.isfinite(kernel).all() and not np.array_equal(kernel, before)


def test_another_file_of_that_name_is_refused_before_anything_is_trained(home, file):
    path = put(file, settings().home / "weights")
    sentence = "is not the file that Keras publishes.*Fetch it again from https://storage"
    with pytest.raises(ModelError, match=sentence):
        imagenet.fetch("vgg16")
    for weights in ("imagenet", str(path)):
        wrong = check({"model": "vgg16", "weights": weights, "data": "demo"})
        assert list(wrong) == ["weights"] and "is not the file that Keras" in wrong["weights"]
    # A file of one's own has another name.
    mine = path.rename(path.with_name("mine_notop.h5"))
    assert check({"model": "vgg16", "weights": str(mine), "data": "demo"}) == {}


@pytest.mark.slow
def test_a_file_of_ones_own_in_that_layout_is_read(home, file, faces):
    mine = put(file, home).rename(home / "mine_notop.h5")
    for architecture in ("vgg16", "vgg19"):
        model = registry.build(architecture, **SMALL)
        if architecture == "vgg16":
            start(model, architecture, str(mine), faces)
        else:
            with pytest.raises(ModelError, match="holds no weights of vgg19"):
                start(model, architecture, str(mine), faces)


class _Proxy(BaseHTTPRequestHandler):
    content = b""
    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def proxy(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_port}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    # Python asks for proxies once and remembers them: neither those from before, nor ours after.
    monkeypatch.setattr(urllib.request, "_opener", None)
    # Keras' own address is https, which only a proxy with its certificate could answer.
    monkeypatch.setattr(imagenet, "_FROM", "http://weights.invalid")
    _Proxy.asked = []
    yield server
    server.shutdown()
    server.server_close()


def test_it_is_fetched_through_the_proxy_of_the_environment(home, file, published, proxy, capsys):
    _Proxy.content = file.read_bytes()
    said = imagenet.announcement("vgg16")
    assert "(59 MB) is fetched from http://weights.invalid/vgg16/vgg16_weights" in said
    path = imagenet.fetch("vgg16")
    assert path == settings().home / "weights" / file.name
    assert _Proxy.asked == [APPLICATIONS["vgg16"].url]
    out, err = capsys.readouterr()
    assert not out and "Downloading data from http://weights.invalid" in err and "/step" in err
    assert imagenet.fetch("vgg16") == path and len(_Proxy.asked) == 1
    assert [one.name for one in path.parent.iterdir()] == [file.name]


def test_what_comes_in_another_form_is_not_kept(home, proxy):
    _Proxy.content = b"Sign in to use this network."
    with pytest.raises(ModelError, match=r"could not be fetched.*put vgg16_weights.*into"):
        imagenet.fetch("vgg16")
    assert not list((settings().home / "weights").iterdir())


@pytest.mark.slow
def test_train_says_what_it_fetches_and_what_to_do_without_a_network(home):
    done = fer_core(
        "train", "--model", "resnet50", "--weights", "imagenet", "--data", "demo",
        HTTPS_PROXY="http://127.0.0.1:9", https_proxy="http://127.0.0.1:9",
    )  # fmt: skip
    assert done.returncode == 1 and not done.stdout
    assert "(95 MB) is fetched from https://storage.googleapis.com" in done.stderr
    assert "Check the network and HTTPS_PROXY, or put resnet50_weights" in done.stderr
    assert not list((home / "home").glob("runs/*/config.json"))
