"""A network that begins as a smaller one answers as that one does."""

import json

import numpy as np
import pytest

from fer_core.datasets import demo
from fer_core.errors import ModelError
from fer_core.models.architectures import registry
from fer_core.models.catalogue import find_model
from fer_core.models.outputs import outputs
from fer_core.models.starting_weights import about, start
from fer_core.train import network_weights
from fer_core.train.check import check

keras = pytest.importorskip("keras")

HEAD = {"size": 48, "dense": [], "dropout": 0.4}
SHALLOW = HEAD | {"blocks": [1, 1, 1, 1]}


@pytest.fixture(scope="module")
def faces():
    return demo.load(64, 7, 7, seed=6).faces[:64]


def answers(model, faces):
    return outputs(model, faces[:32, ..., None].astype("float32"), 32)


def trained(name, faces, **options):
    """A network whose numbers are none that it would begin with."""
    keras.utils.set_random_seed(3)
    model = registry.build(name, **options)
    start(model, name, "none", faces)
    rng = np.random.default_rng(3)
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.BatchNormalization):
            moved = [w * rng.uniform(0.8, 1.2, w.shape) for w in layer.get_weights()]
            layer.set_weights(moved)
        elif isinstance(layer, keras.layers.Conv2D) and layer.use_bias:
            layer.bias.assign(rng.normal(0, 0.1, layer.bias.shape))
    return model


@pytest.mark.slow
def test_vgg19_begins_as_a_trained_vgg16(tmp_path, faces):
    smaller, model = trained("vgg16", faces, **HEAD), registry.build("vgg19", **HEAD)
    smaller.save(tmp_path / "model.keras")
    start(model, "vgg19", str(tmp_path / "model.keras"), faces)
    wanted = answers(smaller, faces)
    assert np.abs(wanted).max() > 0.01
    # Passed on through three BatchNorms that were measured: alike, not equal.
    np.testing.assert_allclose(answers(model, faces), wanted, atol=0.01 * np.abs(wanted).max())
    with pytest.raises(ModelError, match="vgg19 has layers that vgg16 lacks"):
        model.save(tmp_path / "larger.keras")
        start(smaller, "vgg16", str(tmp_path / "larger.keras"), faces)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_a_vgg_begins_as_the_model_that_ships(name, faces):
    shipped = keras.saving.load_model(find_model("vgg").path / "model.keras", compile=False)
    model = registry.build(name, **HEAD)
    start(model, name, "vgg", faces)
    wanted = answers(shipped, faces)
    # Grey is another number at the borders, which are the only difference.
    np.testing.assert_allclose(answers(model, faces), wanted, atol=0.03 * np.abs(wanted).max())
    assert about("vgg").startswith("the model `vgg`, 69 epochs, ")
    with pytest.raises(ModelError, match="can begin as a vgg without dense layers that takes all"):
        start(registry.build(name, **HEAD | {"size": 64}), name, "vgg", faces)
    with pytest.raises(ModelError, match="can begin as a vgg without dense layers that takes all"):
        start(registry.build(name, **HEAD), name, "fast", faces)


@pytest.mark.slow
def test_resnet50_begins_as_a_run_of_one_with_fewer_blocks(tmp_path, faces):
    smaller = trained("resnet50", faces, **SHALLOW)
    values = {f"model/{i}": value for i, value in enumerate(network_weights.read(smaller))}
    np.savez(tmp_path / "best.npz", **values)
    settings = {"model": "resnet50", "model_options": SHALLOW}
    (tmp_path / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    model = registry.build("resnet50", **HEAD)
    start(model, "resnet50", str(tmp_path / "best.npz"), faces)
    wanted = answers(smaller, faces)
    assert wanted.std(axis=0).min() > 1e-3
    np.testing.assert_allclose(answers(model, faces), wanted, rtol=1e-4, atol=1e-4)
    # What the added blocks were given is ready to learn: nothing but the last scale is zero.
    added = model.get_layer("backbone").get_layer("conv4_block6_1_bn")
    assert added.moving_variance.numpy().std() > 0


@pytest.mark.slow
def test_senet50_begins_as_a_smaller_one_and_as_resnet50(tmp_path, faces):
    smaller, model = trained("senet50", faces, **SHALLOW), registry.build("senet50", **HEAD)
    smaller.save(tmp_path / "model.keras")
    start(model, "senet50", str(tmp_path / "model.keras"), faces)
    np.testing.assert_allclose(answers(model, faces), answers(smaller, faces), rtol=1e-4, atol=1e-4)
    resnet = trained("resnet50", faces, **HEAD)
    resnet.save(tmp_path / "resnet.keras")
    start(model, "senet50", str(tmp_path / "resnet.keras"), faces)
    # ResNet50's first two layers begin one pixel earlier, so they only agree about the faces:
    # networks that have nothing in common but the last layer have 0.35 here.
    ours, theirs = (
        said - said.mean(axis=0) for said in (answers(model, faces), answers(resnet, faces))
    )
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.7


def test_a_network_of_another_kind_is_no_beginning(faces):
    with pytest.raises(ModelError, match="has layers that resnet50 lacks"):
        start(registry.build("resnet50", **SHALLOW), "resnet50", "fast", faces)


@pytest.mark.parametrize("blocks", [[1, 1, 1], [4, 4, 6, 3], [0, 1, 1, 1]])
def test_blocks_that_resnet50_does_not_have_are_named(blocks):
    fields = {"model": "resnet50", "data": "demo", "model_options": {"blocks": blocks}}
    assert "blocks" in check(fields)["model_options"]


def test_weights_that_are_nowhere_are_named_before_training():
    fields = {"model": "vgg16", "data": "demo"}
    assert check(fields | {"weights": "vgg"}) == {}
    said = check(fields | {"weights": "no_such_model"})["weights"]
    assert "from a model that has a model.keras" in said
