"""Learning from a trained model, and the weights at the end of each cycle."""

import numpy as np
import pytest

from fer_core.classifier import Classifier, load_classifier
from fer_core.datasets import demo
from fer_core.errors import ModelError, TrainingError
from fer_core.evaluation import predict
from fer_core.train import configure, runs
from fer_core.train.batches import Batches
from fer_core.train.runs import TrainingRun
from fer_core.train.teacher import Teacher

TEACHER = "mini_xception"
TINY = {
    "model": "vgg",
    "model_options": {"widths": [6, 8], "convolutions": [1, 1], "dense": [], "dropout": 0.3},
    "data": "demo",
    "epochs": 2,
    "batch_size": 32,
    "teacher": TEACHER,
}


@pytest.fixture(scope="module")
def data():
    return demo.load(160, 70, 35, seed=4)


@pytest.fixture(scope="module")
def training(data):
    return data.split("Training")


def first_batch(training, **changes):
    run = TrainingRun.create(configure(**TINY | changes))
    teacher = Teacher(run, training.faces)
    batches = Batches(training, run.config, 0, teacher)
    order = np.random.default_rng([0, 0]).permutation(len(training))[:32]
    faces, targets = batches[0]
    return faces[..., 0], targets, order


def test_the_teachers_word_is_part_of_the_targets(training):
    faces, targets, rows = first_batch(training, teacher_share=0.7)
    said = predict(load_classifier(TEACHER), training.faces[rows], "flip")
    expected = 0.3 * np.eye(7)[training.labels[rows]] + 0.7 * said
    assert targets == pytest.approx(expected, abs=1e-5)
    assert np.abs(faces - training.faces[rows]).max() > 10


def test_the_teacher_can_look_at_every_augmented_face(training):
    faces, targets, _ = first_batch(training, teacher_share=1.0, teacher_sees="augmented")
    assert targets == pytest.approx(load_classifier(TEACHER).predict_faces(faces), abs=1e-5)


def test_a_higher_temperature_softens_its_word(training):
    _, sharp, _ = first_batch(training, teacher_share=1.0)
    _, soft, _ = first_batch(training, teacher_share=1.0, teacher_temperature=4.0)
    assert soft.sum(axis=1) == pytest.approx(1)
    assert (soft.max(axis=1) < sharp.max(axis=1)).all()
    assert np.array_equal(soft.argmax(axis=1), sharp.argmax(axis=1))


@pytest.mark.slow
def test_a_resumed_run_hears_what_it_heard_before(data):
    from fer_core.train.fit import fit

    straight = TrainingRun.create(configure(**TINY))
    fit(straight, data)
    run = TrainingRun.create(configure(**TINY))

    def halt(progress):
        if (progress.epoch, progress.step) == (2, 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(run, data, halt)
    assert (run.path / "teacher.npz").exists()
    fit(run, data)
    ours, theirs = (r.load_arrays("checkpoint.npz")["model"] for r in (run, straight))
    assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_a_run_goes_on_where_its_teacher_is_not(data):
    from fer_core.train.fit import fit

    here = TrainingRun.create(configure(**TINY))
    fit(here, data)
    away = TrainingRun.create(configure(**TINY | {"teacher": "nobody"}))
    away.save_arrays("teacher.npz", here.load_arrays("teacher.npz"))
    fit(away, data)
    ours, theirs = (r.load_arrays("checkpoint.npz")["model"] for r in (away, here))
    assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_a_teacher_that_does_not_exist_ends_the_run_with_a_reason(data):
    from fer_core.train.fit import fit

    run = TrainingRun.create(configure(**TINY | {"teacher": "nobody"}))
    with pytest.raises(ModelError, match="No model 'nobody'"):
        fit(run, data)
    assert "No model 'nobody'" in runs.TrainingRun.open(run.name).state()["reason"]


def test_cosine_starts_again_with_every_cycle():
    from fer_core.train.optimize import OneCycle, cycle_ended

    rate = OneCycle(0.1, 100, 0.0, cycles=2)
    values = [float(rate(step)) for step in (2, 25, 49, 52, 75, 99)]
    assert values[0] > 0.099 and values[1] == pytest.approx(0.05, abs=3e-3)
    assert values[2] < 1e-3
    assert values[3:] == pytest.approx(values[:3], abs=1e-7)
    config = configure(**TINY | {"schedule": "cosine", "epochs": 10, "cycles": 4})
    ends = {epoch: cycle_ended(epoch, config) for epoch in range(1, 11)}
    assert {epoch: cycle for epoch, cycle in ends.items() if cycle} == {2: 1, 5: 2, 8: 3, 10: 4}


def test_the_weights_at_the_end_of_each_cycle_become_models(data, tmp_path):
    from fer_core.train.fit import fit, load_best
    from fer_core.zoo.publish import publish

    changes = {"schedule": "cosine", "cycles": 2, "teacher": None, "learning_rate": 0.01}
    run = TrainingRun.create(configure(**TINY | changes))
    fit(run, data)
    saved = [run.load_arrays(f"cycle{k}.npz")["model"] for k in (1, 2)]
    assert not np.array_equal(saved[0][0], saved[1][0])
    with pytest.raises(TrainingError, match="no cycle 3 yet"):
        load_best(run, 3)
    folder = publish(
        run, data, tmp_path / "first", cycle=1, flip=True, stored="float16", keras_form=False
    )
    again = Classifier(folder).predict_faces(data.faces[:5])
    assert again.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert folder.card.tta == "flip"
    assert list(folder.card.files) == ["model.tflite"]
    assert folder.card.command.startswith("python -m fer_core train --model vgg --data demo")
    assert "--set cycles=2" in folder.card.command
    assert folder.card.starting_weights == "none, trained from scratch"
    # 70 faces are too few to fit a temperature on, and the card says so.
    assert folder.card.temperatures.as_trained == 1
    assert "takes 200 validation faces to fit one, and there are 70" in folder.card.notes


@pytest.mark.slow
def test_a_card_tells_of_the_run_before(data, tmp_path):
    from fer_core.train.fit import fit
    from fer_core.zoo.publish import publish

    first = TrainingRun.create(configure(**TINY | {"teacher": None}))
    fit(first, data)
    weights = first.path / "best.npz"
    again = TrainingRun.create(configure(**TINY | {"teacher": None, "weights": str(weights)}))
    fit(again, data)
    again.write_state(machine="64 cores, x86_64, a card")  # not where it is published
    card = publish(again, data, tmp_path / "again", brief=True, keras_form=False).card
    assert card.training.machine == "64 cores, x86_64, a card"
    assert "--weights best.npz" in card.command
    assert card.starting_weights.startswith("best.npz of a run of ")
    assert card.starting_weights.endswith("its own: none, trained from scratch")
    assert str(first.path.parent) not in card.model_dump_json()


def test_a_model_that_does_not_ship_has_its_row(data, tmp_path, monkeypatch):
    from benchmarks import report
    from fer_core.train.fit import fit
    from fer_core.zoo.publish import publish

    run = TrainingRun.create(configure(**TINY | {"model": "pk_04", "teacher": None}))
    fit(run, data)
    folder = publish(run, data, tmp_path / "ours", brief=True, keras_form=False)
    assert [one.split for one in folder.card.figures] == ["PublicTest", "PrivateTest"]
    assert not folder.card.figure("PublicTest").conditions

    monkeypatch.setattr(report, "SAVED", tmp_path / "saved")
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results.md")
    saved = report.save_card(folder.path)
    assert saved == tmp_path / "saved" / "ours.json"
    page = report.write().read_text(encoding="utf-8")
    public, private = (
        100 * folder.card.figure(split).accuracy for split in ("PublicTest", "PrivateTest")
    )
    row = next(line for line in page.splitlines() if line.startswith("| pk_04 | (ours) |"))
    assert f"| {public:.2f} | {private:.2f} |" in row and "| 64.25 | 65.73 |" in row
    assert "min, from scratch" in row
    assert "### ours\n\nSeed " in page
