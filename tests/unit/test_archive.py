"""Models as archives: what is exported comes back whole, and what is wrong stays outside."""

import functools
import hashlib
import io
import json
import re
import zipfile

import numpy as np
import pytest

from fer_core.classifier import load_classifier
from fer_core.datasets import demo
from fer_core.errors import ModelError
from fer_core.evaluation.predictions import predictions
from fer_core.models.catalogue import default_model, find_model, read_folder
from fer_core.settings import settings
from fer_core.zoo import archive, ensembles, manage, readme


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    monkeypatch.delenv("FER_MODEL", raising=False)
    settings.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()


@functools.cache
def unpacked(name: str = "mini_xception") -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive.export(name))) as file:
        return {entry: file.read(entry) for entry in file.namelist()}


def packed(files: dict[str, bytes]) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    out.seek(0)
    return out


def twin(name: str = "twin", keras: bool = False, **changes) -> dict[str, bytes]:
    """The shipped model under another name, as somebody else would send it."""
    old = unpacked()
    card = json.loads(old["mini_xception/card.json"])
    files = {"model.tflite": old["mini_xception/model.tflite"]}
    if keras:
        files["model.keras"] = old["mini_xception/model.keras"]
    files |= changes.pop("files", {})
    card |= {
        "name": name,
        "files": {file: hashlib.sha256(content).hexdigest() for file, content in files.items()},
        "sizes": {file: len(content) for file, content in files.items()},
    } | changes
    inside = {f"{name}/card.json": json.dumps(card).encode()}
    return inside | {f"{name}/{file}": content for file, content in files.items()}


def keras_file(**changes: bytes) -> bytes:
    """The shipped ``model.keras`` with files of it replaced."""
    old = zipfile.ZipFile(io.BytesIO(unpacked()["mini_xception/model.keras"]))
    files = {name: old.read(name) for name in old.namelist()}
    files |= {name.replace("__", "."): content for name, content in changes.items()}
    return packed(files).getvalue()


def config_with(layer: dict) -> bytes:
    old = zipfile.ZipFile(io.BytesIO(unpacked()["mini_xception/model.keras"]))
    config = json.loads(old.read("config.json"))
    config["config"]["layers"][1] = layer
    return json.dumps(config).encode()


def test_what_was_exported_comes_back(home):
    # LiteRT ignores what follows the network: the same predictions by a file of its own.
    other = {"model.tflite": unpacked()["mini_xception/model.tflite"] + b"other"}
    assert archive.import_(packed(twin("twin", files=other))) == ["twin"]
    faces = demo.load(7, 7, 7, seed=1)
    assert np.array_equal(predictions("twin", faces), predictions("mini_xception", faces))

    ensembles.save(["mini_xception", "twin"], faces, settings().models / "both")
    sent = archive.export("both")
    with pytest.raises(ModelError, match="votes in both"):
        manage.delete("twin")
    manage.delete("both")
    manage.delete("twin")
    assert archive.import_(io.BytesIO(sent)) == ["both", "twin"]
    assert load_classifier("both").card.members == {"mini_xception": 0.5, "twin": 0.5}
    with pytest.raises(ModelError, match="is here already"):
        archive.import_(io.BytesIO(sent))
    assert not list(settings().models.glob(".import*"))


@pytest.mark.slow
def test_its_keras_form_is_tried_as_well(home):
    assert archive.import_(packed(twin(keras=True))) == ["twin"]
    assert find_model("twin").explainable


EVIL = {
    "no zip": (lambda: io.BytesIO(b"not a zip"), "no archive of models"),
    "a network alone": (
        lambda: io.BytesIO(unpacked()["mini_xception/model.tflite"]),
        "a LiteRT network, without the card.json",
    ),
    "Keras' file alone": (
        lambda: io.BytesIO(unpacked()["mini_xception/model.keras"]),
        "without the model.tflite that is served and the card.json",
    ),
    "an old Keras file alone": (
        lambda: io.BytesIO(b"\x89HDF\r\n\x1a\n and more"),
        "a file of HDF5",
    ),
    "no folder": (
        lambda: packed({name.split("/")[1]: content for name, content in twin().items()}),
        "without the folder that has its name",
    ),
    "empty": (lambda: packed({}), "empty"),
    "a path": (lambda: packed({"../twin/card.json": b"{}"}), "not a file of a model"),
    "a program": (lambda: packed(twin() | {"twin/run.py": b"print(1)"}), "run.py"),
    "no card": (lambda: packed({"twin/model.tflite": b"x"}), "no card"),
    "a broken card": (lambda: packed({"twin/card.json": b"{"}), "damaged"),
    "another name": (lambda: packed({"other/card.json": twin()["twin/card.json"]}), "another"),
    "another file": (lambda: packed(twin() | {"twin/model.tflite": b"x"}), "not the file its card"),
    "a wrong size": (lambda: packed(twin(sizes={"model.tflite": 3})), "another size"),
    "an extra file": (lambda: packed(twin() | {"twin/model.keras": b"x"}), "not those that"),
    "nothing served": (lambda: packed(twin(exported="model.onnx")), "card.json is damaged"),
    "no network": (lambda: packed(twin(files={"model.tflite": b"x" * 99})), "not a LiteRT model"),
    "a page's markup": (lambda: packed(twin(notes="![](http://127.0.0.1/a)")), "may not"),
    "the name of ours": (lambda: packed(twin("mini_xception")), "There is a model"),
    "a name Windows keeps": (lambda: packed(twin("nul")), "Windows"),
    "keras, damaged": (lambda: packed(twin(files={"model.keras": b"x"})), "damaged"),
    "keras with more": (
        lambda: packed(twin(files={"model.keras": keras_file(evil__py=b"x")})),
        "other files",
    ),
    "keras with code": (
        lambda: packed(
            twin(
                files={
                    "model.keras": keras_file(
                        config__json=config_with({"class_name": "Lambda", "module": "keras.layers"})
                    )
                }
            )
        ),
        "'Lambda'",
    ),
    "keras with others' code": (
        lambda: packed(
            twin(
                files={
                    "model.keras": keras_file(
                        config__json=config_with({"class_name": "system", "module": "os"})
                    )
                }
            )
        ),
        "'system'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", EVIL)
def test_what_is_wrong_stays_outside(home, case):
    make, says = EVIL[case]
    with pytest.raises(ModelError, match=re.escape(says)):
        archive.import_(make())
    assert not list(settings().models.iterdir())


@pytest.mark.parametrize("system", ["Linux", "macOS", "Windows"])
def test_a_folder_that_somebody_zipped_is_taken(home, tmp_path, system):
    """With the README that publish wrote, and what the operating system adds."""
    for name, content in twin().items():
        (tmp_path / "zipped" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "zipped" / name).write_bytes(content)
    folder = tmp_path / "zipped" / "twin"
    readme.write(folder, read_folder(folder).card)
    files = {f"twin/{file.name}": file.read_bytes() for file in folder.iterdir() if file.is_file()}
    assert "twin/README.md" in files
    files |= {
        "Linux": {},
        "macOS": {
            "__MACOSX/._twin": b"x",
            "__MACOSX/twin/._card.json": b"x",
            "twin/.DS_Store": b"x",
            "._twin": b"x",
        },
        "Windows": {"twin/desktop.ini": b"x", "twin/Thumbs.db": b"x"},
    }[system]
    assert archive.import_(packed(files)) == ["twin"]
    own = {"README.md", "card.json", "imported.json", "model.tflite"}
    assert {file.name for file in find_model("twin").path.iterdir()} == own


def test_without_keras_the_exported_file_alone_is_kept(home, monkeypatch):
    monkeypatch.setattr(archive, "_has_keras", lambda: False)
    said = []
    # What cannot be checked is not kept, whatever it is.
    files = twin(files={"model.keras": b"nobody can read this"})
    assert archive.import_(packed(files), said.append) == ["twin"]
    assert not find_model("twin").explainable
    assert {p.name for p in find_model("twin").path.glob("model.*")} == {"model.tflite"}
    (sentence,) = said
    assert "model.keras was left out" in sentence and "fer-core[train]" in sentence
    load_classifier("twin")
    with pytest.raises(ModelError, match="is here already"):
        archive.import_(packed(files))


def test_weights_that_lie_elsewhere_are_refused(home, tmp_path):
    import h5py

    old = zipfile.ZipFile(io.BytesIO(unpacked()["mini_xception/model.keras"]))
    weights = io.BytesIO(old.read("model.weights.h5"))
    with h5py.File(weights, "a") as file:
        file["stolen"] = h5py.ExternalLink("/etc/passwd", "/")
    content = keras_file()
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        files = {name: file.read(name) for name in file.namelist()}
    files["model.weights.h5"] = weights.getvalue()
    with pytest.raises(ModelError, match="another file"):
        archive.import_(packed(twin(files={"model.keras": packed(files).getvalue()})))


def test_more_than_was_announced_is_not_unpacked(home, monkeypatch):
    monkeypatch.setattr(archive, "MOST_BYTES", 1000)
    with pytest.raises(ModelError, match="more than"):
        archive.import_(packed(twin()))


def test_the_default_is_saved_and_deleted_with_its_model(home, monkeypatch):
    before = default_model()
    archive.import_(packed(twin()))
    manage.set_default("twin")
    settings.cache_clear()
    assert default_model() == "twin"
    with pytest.raises(ModelError, match="No model 'gone'"):
        manage.set_default("gone")
    assert default_model() == "twin"
    manage.delete("twin")
    assert default_model() == before
    with pytest.raises(ModelError, match="ships with the project"):
        manage.delete("mini_xception")

    monkeypatch.setenv("FER_MODEL", "mini_xception")
    settings.cache_clear()
    with pytest.raises(ModelError, match="FER_MODEL"):
        manage.set_default("mini_xception")


def test_what_a_model_said_is_saved(home):
    faces = demo.load(7, 7, 7, seed=2)
    seen = []
    first = predictions("mini_xception", faces, seen.append)
    again = predictions("mini_xception", faces, seen.append)
    assert seen == [1.0] and np.array_equal(first, again)
    other = demo.load(7, 7, 7, seed=3)
    assert not np.array_equal(predictions("mini_xception", other, seen.append), first)
    assert seen == [1.0, 1.0]
