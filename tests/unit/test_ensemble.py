"""Ensembles of small models that these tests make."""

import json
import shutil

import numpy as np
import pytest

from fer_core.classifier import Classifier, load_classifier
from fer_core.datasets import demo
from fer_core.ensemble import combine, fit_weights
from fer_core.errors import ModelError
from fer_core.evaluation import evaluate
from fer_core.models.catalogue import find_model, list_models, read_folder
from fer_core.settings import settings
from fer_core.zoo import ensembles
from tests.command_line import fer_core, python

#: The members: different networks that see faces in different sizes.
SMALL = {
    "wide-48": {"widths": [8, 8], "size": 48},
    "narrow-32": {"widths": [4, 6], "size": 32},
}


@pytest.fixture(scope="module")
def data():
    return demo.load(70, 140, 70, seed=8)


@pytest.fixture(scope="module")
def members(home, data):
    """Two small networks in the catalog, their last layer fitted to the demo."""
    import keras
    from sklearn.linear_model import LogisticRegression

    from fer_core.models.architectures import registry
    from fer_core.zoo.export import save_model

    training = data.split("Training")
    for seed, (name, options) in enumerate(SMALL.items()):
        keras.utils.set_random_seed(seed)
        model = registry.build("vgg", convolutions=[1, 1], dense=[], dropout=0.1, **options)
        body = keras.Model(model.input, model.get_layer("mean").output)
        features = body.predict(training.faces[..., None].astype("float32"), verbose=0)
        fitted = LogisticRegression(max_iter=500, C=1e4).fit(features, training.labels)
        model.get_layer("logits").set_weights(
            [fitted.coef_.T.astype("float32"), fitted.intercept_.astype("float32")]
        )
        save_model(model, settings().models / name, flip=seed == 1, title=name, architecture="vgg")
    return list(SMALL)


@pytest.fixture(scope="module")
def voted(members, data):
    return ensembles.save(members, data, settings().models / "both")


def test_equal_votes_are_the_mean_of_the_members(members, voted, data):
    faces = data.faces[:50]
    mean = np.mean([load_classifier(name).predict_faces(faces) for name in members], axis=0)
    sharpened = mean ** (1 / voted.card.temperatures.as_trained)
    expected = sharpened / sharpened.sum(axis=1, keepdims=True)
    said = load_classifier("both").predict_faces(faces)
    assert said == pytest.approx(expected, abs=1e-5)
    assert voted.card.members == {"wide-48": 0.5, "narrow-32": 0.5}
    assert voted.card.tta == "mixed"


def test_it_is_a_model_like_any_other(members, voted, data):
    assert "both" in [folder.name for folder in list_models()]
    again = evaluate(load_classifier("both"), data, "PrivateTest")
    figures = voted.card.figure("PrivateTest")
    assert figures.dataset == "demo" and figures.checksum == data.identity()[1]
    kept = figures.model_dump()
    assert {key: kept[key] for key in again.to_dict()} == again.to_dict()
    sizes = [find_model(name).card.sizes["model.tflite"] for name in members]
    assert voted.served_bytes() == sum(sizes)
    assert load_classifier("both").predict(np.empty((0, 192, 192, 3), np.uint8)).shape == (0, 7)
    readme = (voted.path / "README.md").read_text(encoding="utf-8")
    assert "[wide-48](../wide-48/README.md) 50.0%" in readme
    assert voted.card.figure("PublicTest").conditions and f"`{voted.card.command}`" in readme
    assert "evaluate --model both --data demo" in readme


def test_serving_it_imports_no_tensorflow(voted):
    code = (
        "import sys, numpy as np\n"
        "from fer_core.classifier import load_classifier\n"
        "print(load_classifier('both').predict(np.zeros((1, 192, 192, 3), np.uint8)).shape)\n"
        "print([m for m in ('tensorflow', 'keras', 'scipy.optimize') if m in sys.modules])\n"
    )
    assert python(code).splitlines() == ["(1, 7)", "[]"]


def test_a_fit_that_leaves_one_member_is_no_ensemble():
    labels = np.arange(70) % 7
    sure = np.full((70, 7), 0.01) + np.eye(7)[labels] * 0.93
    wrong = np.full((70, 7), 0.01) + np.eye(7)[(labels + 1) % 7] * 0.93
    with pytest.raises(ModelError, match="one member alone would vote"):
        combine(np.stack([sure, wrong]), labels, "fitted")
    assert combine(np.stack([sure, wrong]), labels)[0].tolist() == [0.5, 0.5]


def test_fitted_weights_are_those_of_the_least_log_loss():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 7, 400)
    good = np.full((400, 7), 0.05)
    good[np.arange(400), labels] = 0.7
    noise = rng.dirichlet(np.ones(7), 400)
    weights = fit_weights(np.stack([noise, good, noise]), labels)
    assert weights.sum() == pytest.approx(1) and (weights >= 0).all()
    assert weights[1] > 0.97
    one, other = rng.dirichlet(np.ones(7), (2, 400))

    def loss(share):
        mixed = share * one + (1 - share) * other
        return -np.log(mixed[np.arange(400), labels]).mean()

    best = min(np.linspace(0, 1, 101), key=loss)
    assert fit_weights(np.stack([one, other]), labels)[0] == pytest.approx(best, abs=0.02)


def test_from_the_command_line(members, data, tmp_path):
    file = tmp_path / "faces.csv"
    lines = [
        f"{label},{' '.join(map(str, face.ravel()))},{usage}"
        for face, label, usage in zip(data.faces, data.labels, data.usage, strict=True)
    ]
    file.write_text("\n".join(["emotion,pixels,Usage", *lines]), encoding="utf-8")
    done = fer_core(
        "ensemble", *members, "--save", "fitted", "--data", file, "--weights", "fitted", "--json"
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    card = find_model("fitted").card
    assert said["weights"] == card.members
    assert sum(card.members.values()) == pytest.approx(1)
    assert said["PublicTest"] == card.figure("PublicTest").accuracy
    assert set(said["members"]) == set(members)


def test_members_that_make_no_sense(members, voted, data):
    for names, words in (
        (["wide-48"], "two models or more"),
        (["wide-48", "wide-48"], "each of them once"),
        (["wide-48", "both"], "both is an ensemble itself"),
        (["wide-48", "nobody"], "No model 'nobody'"),
    ):
        with pytest.raises(ModelError, match=words):
            ensembles.save(names, data, settings().models / "never")
    assert not (settings().models / "never").exists()


def test_a_member_that_is_another_now_is_refused(members, voted, tmp_path):
    for name in (*members, "both"):
        shutil.copytree(settings().models / name, tmp_path / name)
    assert Classifier(read_folder(tmp_path / "both")).name == "both"
    # The other network under this one's name, honestly described by its card.
    shutil.copy(tmp_path / "narrow-32" / "model.tflite", tmp_path / "wide-48" / "model.tflite")
    card = json.loads((tmp_path / "wide-48" / "card.json").read_text(encoding="utf-8"))
    card["files"]["model.tflite"] = find_model("narrow-32").card.files["model.tflite"]
    (tmp_path / "wide-48" / "card.json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(ModelError, match="its member wide-48 is not the one it was made of"):
        Classifier(read_folder(tmp_path / "both"))
    shutil.rmtree(tmp_path / "wide-48")
    (tmp_path / "both" / "ensemble.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match="not the file its card describes"):
        Classifier(read_folder(tmp_path / "both"))
