"""The class prior: its formula, its names, and that every way to a result applies it alike."""

import json
import shutil
import subprocess

import numpy as np
import pytest

import fer_core
from fer_core.class_prior import AS_TRAINED, ClassPrior, Trained, correction, parse
from fer_core.classifier import load_classifier
from fer_core.datasets import load
from fer_core.emotions import EMOTIONS
from fer_core.errors import ModelError
from fer_core.evaluation import predict
from fer_core.images import example_portrait
from fer_core.settings import settings
from tests.command_line import ROOT
from tests.command_line import fer_core as run

FREQUENCIES = (0.1, 0.02, 0.18, 0.3, 0.2, 0.1, 0.1)
MODEL = Trained(FREQUENCIES, 0.5, (("as-trained", 1.0), ("uniform", 0.8), ("recommended", 1.25)))


def test_formula() -> None:
    said = np.random.default_rng(0).dirichlet(np.ones(7), 5)
    target = (1, 1, 1, 1, 1, 1, 3)
    found = correction(ClassPrior("custom", target, 0.4), MODEL, "m")(said)
    wanted = said * (np.array(target) / np.array(FREQUENCIES)) ** 0.4
    assert np.allclose(found, wanted / wanted.sum(axis=1, keepdims=True), atol=1e-6)
    # The names have temperatures of their own, which divide the logits before.
    found = correction(ClassPrior("recommended"), MODEL, "m")(said)
    wanted = said ** (1 / 1.25) * (1 / np.array(FREQUENCIES)) ** 0.5
    assert np.allclose(found, wanted / wanted.sum(axis=1, keepdims=True), atol=1e-6)
    assert correction(AS_TRAINED, MODEL, "m")(said) is said


def test_target_equal_to_training_changes_nothing() -> None:
    said = np.random.default_rng(1).dirichlet(np.ones(7), 5)
    found = correction(ClassPrior("custom", FREQUENCIES), MODEL, "m")(said)
    assert np.allclose(found, said, atol=1e-6)


def test_an_emotion_that_cannot_occur_is_never_answered() -> None:
    certain = np.eye(7)[[3]]
    found = correction(parse("1,1,1,0,1,1,1"), MODEL, "m")(certain)
    assert found[0, 3] == 0 and np.isclose(found.sum(), 1)


@pytest.mark.parametrize(
    "text", ["as-trained", "recommended", "uniform", "uniform^0.5", "1,2,1,1,0.5,1,0^0.25"]
)
def test_text_reads_back(text: str) -> None:
    assert str(parse(text)) == text


def test_default_is_that_of_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse(None) == ClassPrior("recommended")
    monkeypatch.setenv("FER_CLASS_PRIOR", "often")
    settings.cache_clear()
    with pytest.raises(ModelError, match="FER_CLASS_PRIOR cannot be used"):
        parse(None)
    monkeypatch.undo()
    settings.cache_clear()


@pytest.mark.parametrize(
    ("prior", "strength", "said"),
    [
        ("often", None, "Unknown class prior"),
        ("1,2,3", None, "seven numbers"),
        ("0,0,0,0,0,0,0", None, "not all of"),
        ("1,1,1,1,1,1,nan", None, "seven numbers"),
        ("recommended", 0.5, "strength of its own"),
        ("as-trained", 0.5, "strength of its own"),
        ("uniform", 1.5, "from 0 to 1"),
        ([1, 2], None, "seven numbers"),
    ],
)
def test_what_is_no_prior_is_refused(prior, strength, said) -> None:
    with pytest.raises(ModelError, match=said):
        parse(prior, strength)


def test_unknown_frequencies() -> None:
    unknown = Trained()
    # The recommendation falls back; what was asked for by name is not silently left out.
    assert correction(ClassPrior("recommended"), unknown, "m").class_prior == "as-trained"
    with pytest.raises(ModelError, match="does not say how frequent"):
        correction(ClassPrior("uniform"), unknown, "m")
    without = Trained((0.5, 0, 0.1, 0.1, 0.1, 0.1, 0.1))
    with pytest.raises(ModelError, match="without faces of Disgust"):
        correction(ClassPrior("uniform"), without, "m")


def test_every_way_gives_the_same_and_says_so(tmp_path) -> None:
    from PIL import Image

    path = tmp_path / "face.png"
    Image.fromarray(example_portrait()).save(path)
    plain = fer_core.analyze(path, model="fast", class_prior="as-trained")
    found = fer_core.analyze(path, model="fast", class_prior="uniform", prior_strength=0.5)
    classifier = load_classifier("fast", parse("uniform^0.5"))
    wanted = classifier.assume(np.array([plain.faces[0].probabilities]))[0]
    assert np.allclose(found.faces[0].probabilities, wanted, atol=1e-5)
    assert not np.allclose(found.faces[0].probabilities, plain.faces[0].probabilities, atol=1e-4)
    printed = json.loads(
        run("analyze", str(path), "--model", "fast", "--class-prior", "uniform",
            "--prior-strength", "0.5", "--json").stdout
    )  # fmt: skip
    assert printed[0]["class_prior"] == printed[0]["rows"][0]["class_prior"] == "uniform^0.5"
    assert np.isclose(printed[0]["rows"][0]["happy"], wanted[EMOTIONS.index("Happy")], atol=1e-5)


@pytest.mark.slow
def test_evaluate_states_the_prior_and_is_as_trained_without() -> None:
    faces = load("demo").split("PublicTest")
    plain = predict(load_classifier("fast"), faces.faces)
    even = predict(load_classifier("fast", parse("uniform")), faces.faces)
    shift = np.log(even[:, 1] / even[:, 3]) - np.log(plain[:, 1] / plain[:, 3])
    # 16 happy faces for every disgusted one.
    assert (shift > 0).mean() > 0.9
    args = ("evaluate", "--model", "fast", "--data", "demo", "--json")
    assert json.loads(run(*args).stdout)["class_prior"] == "as-trained"
    given = json.loads(run(*args, "--class-prior", "uniform").stdout)
    assert given["class_prior"] == "uniform"
    both = run(*args, "--class-prior", "recommended", "--prior-strength", "1")
    assert both.returncode == 1 and "strength of its own" in both.stderr


def test_an_ensemble_has_the_mean_frequencies_of_its_members() -> None:
    ensemble = load_classifier("ensemble")
    assert ensemble.frequencies is not None and np.isclose(sum(ensemble.frequencies), 1)
    of_one = load_classifier("vgg").frequencies
    assert np.allclose(ensemble.frequencies, of_one)  # all members learned from the same faces


def test_recommendation_follows_the_rule() -> None:
    from fer_core.evaluation import measure
    from fer_core.models.catalogue import find_model
    from fer_core.zoo.prior import STRENGTHS, recommend

    # A population like FER2013's in which the network has learnt the frequencies too well.
    rng = np.random.default_rng(0)
    shares = np.array([0.14, 0.03, 0.14, 0.25, 0.17, 0.11, 0.16])
    labels = np.concatenate([rng.choice(7, 4000, p=shares), np.arange(7)])
    evidence = rng.normal(0, 1, (len(labels), 7)) + 1.9 * np.eye(7)[labels]
    logits = 1.9 * evidence + 1.6 * np.log(shares)
    said = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    bare = find_model("fast").card.model_copy(update={"figures": []})
    card = recommend(bare, tuple(shares), said, labels, "made", "0")
    before, after = measure(said, labels), card.figure("PublicTest", "recommended")
    assert card.prior_strength in STRENGTHS and card.prior_strength > 0 and after is not None
    assert after.accuracy >= min(0.715, before.accuracy - 0.007)
    assert after.macro_recall is not None and after.macro_recall > before.macro_recall
    assert after.ece <= max(0.025, before.ece)


def test_too_few_faces_give_no_recommendation() -> None:
    from fer_core.models.catalogue import find_model
    from fer_core.zoo.prior import recommend

    card = find_model("fast").card.model_copy(update={"prior_strength": None})
    said = np.eye(7)[np.arange(70) % 7]
    assert recommend(card, (1 / 7,) * 7, said, np.arange(70) % 7, "few", "0") == card


def test_the_browser_applies_it_as_the_library_does() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node.js on this machine: the browser tests cover the same script")
    said = np.random.default_rng(2).dirichlet(np.ones(7))
    found = correction(parse("recommended"), MODEL, "m")
    script = (ROOT / "ui" / "device" / "prior.js").read_text(encoding="utf-8") + (
        f"console.log(JSON.stringify(assumed({said.tolist()}, {json.dumps(vars(found))})))"
    )
    done = subprocess.run(
        [node, "--input-type=module", "-e", script], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert np.allclose(json.loads(done.stdout), found(said[None])[0], atol=1e-6)
