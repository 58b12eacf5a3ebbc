"""Models from elsewhere: what they compute harms nobody, and what is wrong with them is said."""

import io
import json
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest

from fer_core import sandbox, system
from fer_core.classifier import load_classifier
from fer_core.errors import FerError, ModelError
from fer_core.models import imported
from fer_core.models.catalogue import find_model, list_models
from fer_core.settings import settings
from fer_core.zoo import archive, inspection, manage, staging
from fer_core.zoo.keras_files import no_code
from tests.command_line import fer_core
from tests.security.fuzz import damaged
from tests.security.hostile_models import FOLDER
from tests.unit.test_archive import packed, twin, unpacked
from ui.services import models as ui_models

BRIGHT = np.full((1, 192, 192, 3), 200, np.uint8)
DARK = np.full((1, 192, 192, 3), 20, np.uint8)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    settings.cache_clear()
    load_classifier("mini_xception")
    yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()


def take(name: str) -> None:
    """Import a network that does harm."""
    content = (FOLDER / f"{name}.tflite").read_bytes()
    assert archive.import_(packed(twin(name, files={"model.tflite": content}))) == [name]


@pytest.mark.parametrize(
    ("name", "says"),
    [("endless", "did not answer within 5 seconds"), ("greedy", "more than 2 GB of memory")],
)
def test_a_model_that_exceeds_its_limits_is_stopped_until_somebody_allows_it(home, name, says):
    take(name)
    classifier = load_classifier(name)
    assert classifier.predict(DARK).sum() == pytest.approx(1)
    before, begun = psutil.Process().memory_info().rss, time.monotonic()
    with pytest.raises(ModelError, match=says):
        classifier.predict(BRIGHT)
    assert time.monotonic() - begun < 20
    assert psutil.Process().memory_info().rss < before + 200e6
    # From now on nobody waits for it, whatever they show it and wherever.
    begun = time.monotonic()
    for use in (lambda: classifier.predict(DARK), lambda: load_classifier(name)):
        with pytest.raises(ModelError, match=f"{name} is not used: .*models allow {name}"):
            use()
    assert time.monotonic() - begun < 1
    done = fer_core("models", "allow", name, FER_HOME=str(home))
    assert done.returncode == 0, done.stderr
    assert classifier.predict(DARK).sum() == pytest.approx(1)


def test_memory_is_bounded_where_the_system_has_no_limit(home, monkeypatch):
    monkeypatch.setenv("FER_PORTABLE", "1")
    assert not system.is_posix()
    # On a slow machine it would be stopped for its time before it has taken that much.
    monkeypatch.setattr(sandbox, "BATCH_SECONDS", 60.0)
    take("greedy")
    with pytest.raises(ModelError, match="more than 2 GB of memory"):
        load_classifier("greedy").predict(BRIGHT)


@pytest.mark.parametrize("name", ["nan", "sums"])
def test_what_is_no_probability_is_said_and_never_shown(home, name):
    take(name)
    classifier = load_classifier(name)
    with pytest.raises(ModelError, match=f"{name}: what it says of this face are no prob"):
        classifier.predict(np.concatenate([DARK, BRIGHT]))
    assert classifier.predict(DARK).sum() == pytest.approx(1)


def test_only_models_from_elsewhere_have_a_process(home):
    def children() -> set[int]:
        return {child.pid for child in psutil.Process().children()}

    before = children()
    shipped = load_classifier("mini_xception").predict(DARK)
    assert children() == before
    archive.import_(packed(twin()))
    same = load_classifier("twin").predict(DARK)
    assert len(children() - before) == 1
    assert np.allclose(same, shipped, atol=1e-6)


def test_a_process_that_somebody_ends_is_started_again(home):
    before = {child.pid for child in psutil.Process().children()}
    archive.import_(packed(twin()))
    classifier = load_classifier("twin")
    (process,) = (p for p in psutil.Process().children() if p.pid not in before)
    process.kill()
    process.wait()
    assert classifier.predict(DARK).sum() == pytest.approx(1)
    assert imported.stopped(find_model("twin").path) is None


def test_the_mark_of_the_import_cannot_be_sent_or_left_out(home):
    with pytest.raises(ModelError, match=r"imported\.json"):
        archive.import_(packed(twin() | {"twin/imported.json": b'{"stopped": null}'}))
    archive.import_(packed(twin()))
    assert find_model("twin").imported
    assert not any(folder.imported for folder in list_models() if folder.ships)
    with zipfile.ZipFile(io.BytesIO(archive.export("twin"))) as sent:
        assert "twin/imported.json" not in sent.namelist()
    (find_model("twin").path / "imported.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ModelError, match="is not used"):
        load_classifier("twin")
    manage.allow("twin")
    load_classifier("twin")


def test_an_import_is_all_or_nothing(home, monkeypatch):
    whole = twin("first") | twin("second")
    placed = []

    def fail_on_the_second(new: Path, place: Path) -> None:
        placed.append(place.name)
        if len(placed) == 2:
            raise OSError(28, "No space left on device")
        new.rename(place)

    with monkeypatch.context() as patch:
        patch.setattr(staging, "put_in_place", fail_on_the_second)
        with pytest.raises(ModelError, match="No space left"):
            archive.import_(packed(whole))
    assert placed == ["first", "second"] and not list(settings().models.iterdir())
    # The second is wrong, or has a name that is taken: the first does not come either.
    for second in (
        twin("second", files={"model.tflite": b"x" * 99}),
        {"mini_xception/" + name.split("/")[1]: c for name, c in twin("mini_xception").items()},
    ):
        with pytest.raises(ModelError):
            archive.import_(packed(twin("first") | second))
        assert not list(settings().models.iterdir())
    assert archive.import_(packed(whole)) == ["first", "second"]


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_an_import_whose_process_is_killed_leaves_all(home, tmp_path, moved):
    (tmp_path / "two.zip").write_bytes(packed(twin("first") | twin("second")).getvalue())
    # Killed before the first folder is moved, between the two, and after the second.
    code = (
        "import os, signal, sys\n"
        "from fer_core.zoo import archive, staging\n"
        "whole, moved = staging.put_in_place, []\n"
        "def move(new, place):\n"
        "    if len(moved) == int(sys.argv[2]):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    whole(new, place)\n"
        "    moved.append(place)\n"
        "    if len(moved) == int(sys.argv[2]) == 2:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "staging.put_in_place = move\n"
        "archive.import_(open(sys.argv[1], 'rb'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "two.zip", str(moved)])
    assert done.returncode == -signal.SIGKILL

    def own() -> list[str]:
        return [folder.name for folder in list_models() if not folder.ships]

    assert own() == ["first", "second"][:moved]
    ui_models.finish_imports()  # as the app does when it starts
    assert own() == ["first", "second"]
    assert sorted(path.name for path in settings().models.iterdir()) == ["first", "second"]
    # They are models from elsewhere as ever.
    assert all(find_model(name).imported for name in own())
    load_classifier("second")


def weights(change) -> bytes:
    """The shipped ``model.keras`` with its weights changed."""
    old = zipfile.ZipFile(io.BytesIO(unpacked()["mini_xception/model.keras"]))
    content = io.BytesIO(old.read("model.weights.h5"))
    with h5py.File(content, "a") as file:
        change(file)
    return _with(content)


def _with(content: io.BytesIO) -> bytes:
    old = zipfile.ZipFile(io.BytesIO(unpacked()["mini_xception/model.keras"]))
    files = {name: old.read(name) for name in old.namelist()}
    return packed(files | {"model.weights.h5": content.getvalue()}).getvalue()


def test_groups_that_hold_each_other_are_visited_once(tmp_path):
    def link(file):
        group = file.create_group("a")
        for _ in range(40):  # two ways into each: 2 to the power of 40 paths
            inner = group.create_group("x")
            group["y"] = inner
            group = inner
        group["round"] = file["a"]

    path = tmp_path / "model.keras"
    path.write_bytes(weights(link))
    begun = time.monotonic()
    no_code(path)
    assert time.monotonic() - begun < 5


@pytest.mark.slow
def test_a_file_whose_inspection_takes_too_long_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    path.write_bytes(unpacked()["mini_xception/model.keras"])
    monkeypatch.setattr(inspection, "SECONDS", 0.0)
    with pytest.raises(ModelError, match="model.keras cannot be looked into. It did not answer"):
        inspection.inspect(path)


@pytest.mark.parametrize("first", [0, 100, 200])
def test_damaged_weights_are_refused_in_one_sentence(tmp_path, first):
    old = zipfile.ZipFile(io.BytesIO(unpacked()["mini_xception/model.keras"]))
    content = old.read("model.weights.h5")
    path = tmp_path / "model.keras"
    refused = 0
    for seed in range(first, first + 100):
        path.write_bytes(_with(io.BytesIO(damaged(content, seed))))
        try:
            inspection._answer(({"act": "inspect", "path": str(path)}, []), no_code)
        except FerError as error:
            refused += 1
            assert str(error).startswith("model.keras")
    assert refused


DEEP = "[" * 300 + "]" * 300
CARDS = {
    "a recipe without what it needs": {"recipe": {"model": "vgg"}},
    "a setting that is none": {"recipe": {"model": "vgg", "data": "demo", "learning_rate": "x"}},
    "speed as text": {"speed": {"ms_per_face": "fast", "machine": "m"}},
    "no speed at all": {"speed": {"ms_per_face": 0, "machine": "m"}},
    "negative speed": {"speed": {"ms_per_face": -3, "machine": "m"}},
    "speed without end": {"speed": {"ms_per_face": float("inf"), "machine": "m"}},
    "speed that is no number": {"speed": {"ms_per_face": float("nan"), "machine": "m"}},
    "speed without a machine": {"speed": {"ms_per_face": 3}},
    "training without a machine": {"training": {"epochs": 3, "minutes": 1}},
    "parameters beyond all bounds": {"parameters": 10**400},
    "itself as a member": {"members": {"twin": 1.0}},
    "members of what is no ensemble": {"members": {"vgg": 0.5, "fast": 0.5}},
    "a date that is none": {"created": "yesterday"},
    "depth": {
        "recipe": {"data": "demo", "model": "vgg", "model_options": {"a": json.loads(DEEP)}}
    },
}  # fmt: skip


@pytest.mark.parametrize("case", CARDS)
def test_a_card_that_is_wrong_stays_outside(home, case):
    with pytest.raises(ModelError, match="card.json is damaged"):
        archive.import_(packed(twin(**CARDS[case])))
    assert not list(settings().models.iterdir())


def test_a_card_nested_ten_thousand_deep_stays_outside(home):
    files = twin()
    files["twin/card.json"] = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
    with pytest.raises(ModelError, match="card.json is damaged"):
        archive.import_(packed(files))
    assert not list(settings().models.iterdir())
