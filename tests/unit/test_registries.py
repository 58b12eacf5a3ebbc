"""New architectures and dataset formats, registered from outside the package."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fer_core import datasets
from fer_core.datasets import Dataset, ReadOptions, demo
from fer_core.datasets import registry as formats
from fer_core.errors import DatasetError, ModelError
from fer_core.models.architectures import architecture, registry
from fer_core.train import configure
from fer_core.train.fit import fit
from fer_core.train.runs import TrainingRun


@pytest.fixture
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget afterwards what a test registers."""
    monkeypatch.setattr(registry, "_ARCHITECTURES", dict(registry._ARCHITECTURES))
    monkeypatch.setattr(formats, "_FORMATS", list(formats._FORMATS))


def test_an_architecture_from_elsewhere_can_be_trained(as_it_was: None) -> None:
    @registry.register("tiny", "A tiny network", "Nobody 2026", width=3)
    def tiny(width: int = 8):
        import keras
        from keras import layers

        from fer_core.preprocess import scale

        faces = keras.Input((48, 48, 1), name="faces")
        x = layers.Conv2D(width, 3, strides=4, activation="relu")(scale(faces))
        logits = layers.Dense(7, name="logits")(layers.GlobalAveragePooling2D()(x))
        return keras.Model(faces, logits)

    assert architecture("tiny").title == "A tiny network"
    assert registry.build("tiny").layers[2].filters == 3
    run = TrainingRun.create(configure(model="tiny", data="demo", epochs=1, batch_size=32))
    fit(run, demo.load(70, 14, 14))
    assert run.state()["status"] == "trained"
    with pytest.raises(ModelError, match="tiny cannot be built with"):
        registry.build("tiny", depth=3)
    with pytest.raises(ValueError, match="tiny already"):
        registry.register("tiny", "Another", "Nobody 2026")(lambda: None)


def test_a_dataset_format_from_elsewhere_can_be_opened(as_it_was: None, tmp_path: Path) -> None:
    asked: list[ReadOptions] = []

    @formats.register("npz", "arrays of faces", lambda path: path.suffix == ".npz")
    def read(path: Path, how: ReadOptions) -> Dataset:
        asked.append(how)
        with np.load(path) as arrays:
            usage = np.full(len(arrays["faces"]), "Training")
            return Dataset(path.name, arrays["faces"], arrays["labels"], usage)

    faces = demo.load(14, 7, 7)
    np.savez(tmp_path / "mine.npz", faces=faces.faces, labels=faces.labels)
    found = datasets.load(tmp_path / "mine.npz", seed=3, skip_bad=True)
    assert found.name == "mine.npz" and np.array_equal(found.faces, faces.faces)
    assert asked[0].seed == 3 and asked[0].skip_bad
    assert datasets.formats()[0].name == "npz"
    with pytest.raises(ValueError, match="npz already"):
        formats.register("npz", "again", Path.is_file)(read)


def test_what_no_format_recognises_says_what_there_is(tmp_path: Path) -> None:
    strange = tmp_path / "faces.txt"
    strange.write_text("faces", encoding="utf-8")
    with pytest.raises(DatasetError, match="is no dataset: give .*FER2013.*folder of pictures"):
        datasets.load(strange)
