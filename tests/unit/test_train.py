import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fer_core.datasets import demo
from fer_core.errors import ModelError, TrainingError
from fer_core.train import configure, load_data, presets, queue, runs
from fer_core.train.config import TrainConfig
from fer_core.train.runs import TrainingRun
from tests.command_line import python

ROOT = Path(__file__).resolve().parents[2]
#: A network that is trained in a second, with dropout and BatchNorm to be put back right.
TINY = {
    "model": "vgg",
    "model_options": {"widths": [6, 8], "convolutions": [1, 1], "dense": [], "dropout": 0.3},
    "data": "demo",
    "epochs": 3,
    "batch_size": 32,
    "optimizer": "adamw",
    "learning_rate": 3e-3,
    "schedule": "onecycle",
    "ema": 0.9,
    "mixup": 0.2,
}


@pytest.fixture(scope="module")
def data():
    return demo.load(160, 70, 35, seed=4)


@pytest.fixture(scope="module")
def undisturbed(data):
    """A run that nothing happened to."""
    return trained(data)


def trained(data, on_progress=None, **changes):
    from fer_core.train.fit import fit

    run = TrainingRun.create(configure(**TINY | changes))
    fit(run, data, on_progress)
    return run


def same_result(a, b):
    for name in ("best.npz", "checkpoint.npz"):
        one, other = a.load_arrays(name), b.load_arrays(name)
        assert one.keys() == other.keys()
        for group in one:
            for x, y in zip(one[group], other[group], strict=True):
                if not np.array_equal(x, y):
                    return False
    figures = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")
    rows = [[[row[f] for f in figures] for row in run.metrics()] for run in (a, b)]
    return rows[0] == rows[1] and a.steps() == b.steps()


class Halt(KeyboardInterrupt):
    """Ctrl-C at a chosen moment."""


def halt_at(epoch, step):
    def watch(progress):
        if (progress.epoch, progress.step) == (epoch, step):
            raise Halt

    return watch


# -- configuration


def test_importing_the_package_does_not_import_keras():
    code = "import sys, fer_core.train, fer_core.train.runs; print('keras' in sys.modules)"
    assert python(code).strip() == "False"


def test_preset_is_changed_by_what_is_given(tmp_path):
    config = configure(preset="baseline", model="pk_03", data="demo", epochs=5, seed=None)
    assert (config.epochs, config.optimizer, config.plateau_factor) == (5, "sgd", 0.5)
    file = tmp_path / "config.json"
    file.write_text(
        json.dumps({"model": "pk_03", "data": "demo", "learning_rate": 0.02}), encoding="utf-8"
    )
    config = configure(preset="baseline", config_file=file, batch_size=64)
    assert (config.learning_rate, config.batch_size, config.epochs) == (0.02, 64, 150)


def test_every_preset_is_a_valid_configuration_of_a_known_model():
    from fer_core.models.architectures.registry import architecture

    for name, recipes in presets.PRESETS.items():
        for model in recipes:
            assert architecture(model).name == model
            assert configure(preset=name, model=model, data="demo").model == model


def test_nothing_is_frozen_that_nobody_trained():
    frozen = configure(preset="baseline", model="resnet50", data="demo")
    assert (frozen.weights, frozen.model_options) == ("imagenet", {"frozen": 170})
    scratch = configure(preset="baseline", model="resnet50", data="demo", weights="none")
    assert scratch.model_options == {}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"model": "vgg"}, "needs data: give --data"),
        ({"model": "vgg", "data": "demo", "epochs": 0}, "epochs"),
        ({"model": "vgg", "data": "demo", "epoch": 3}, "epoch"),
        ({"preset": "mine", "model": "vgg", "data": "demo"}, "Unknown preset 'mine'"),
        ({"preset": "baseline", "data": "demo"}, "give one with --model"),
        ({"config_file": Path("nowhere.json")}, "is no configuration"),
    ],
)
def test_configurations_that_make_no_sense(given, words):
    with pytest.raises(TrainingError, match=words):
        configure(**given)


def test_configuration_of_an_older_run_is_still_read():
    old = {"model": "mini_xception", "data": "fer2013.csv", "epochs": 56}
    assert TrainConfig.model_validate(old).mixup == 0


def test_datasets_are_mixed_with_weights(tmp_path):
    from PIL import Image

    for i in range(10):
        folder = tmp_path / "happy"
        folder.mkdir(exist_ok=True)
        Image.fromarray(demo.draw_face("Happy", 48, seed=i)).save(folder / f"{i}.png")
    mixed = load_data(configure(model="vgg", data="demo", mix={str(tmp_path): 5.0}))
    # The eight training faces of ten; the demo chooses and tests.
    assert len(mixed) == 4208
    assert mixed.weights[-1] == pytest.approx(5 * mixed.weights[0])


# -- rates and endings


def rows(*accuracies, rates=None):
    rates = rates or [0.1] * len(accuracies)
    return [
        {"epoch": i + 1, "val_accuracy": a, "val_loss": 1 - a / 2, "learning_rate": r}
        for i, (a, r) in enumerate(zip(accuracies, rates, strict=True))
    ]


def test_early_stopping_waits_for_a_better_figure():
    from fer_core.train.optimize import exhausted

    config = configure(**TINY | {"schedule": "plateau", "early_stopping": 2})
    assert not exhausted(rows(0.5, 0.4), config)
    assert exhausted(rows(0.5, 0.4, 0.45), config)
    assert not exhausted(rows(0.5, 0.4, 0.45, 0.6), config)
    by_loss = config.model_copy(update={"monitor": "loss"})
    falling = rows(0.5, 0.4, 0.45)
    falling[2]["val_loss"] = 0.1
    assert not exhausted(falling, by_loss)
    assert exhausted(falling, config)
    assert not exhausted(rows(0.5, 0.1, 0.1, 0.1), configure(**TINY | {"early_stopping": 0}))


@pytest.mark.slow
def test_plateau_lowers_the_rate_and_then_waits_again(data):
    """With a figure that never gets better, the rate falls after every two epochs."""
    plateau = {"schedule": "plateau", "plateau_patience": 2, "plateau_factor": 0.5}
    run = trained(data, **plateau, epochs=7, monitor="loss", learning_rate=1e-5, ema=0.0)
    rates = [row["learning_rate"] for row in run.metrics()]
    losses = [row["val_loss"] for row in run.metrics()]
    expected, wait, rate = [], 0, rates[0]
    for epoch, loss in enumerate(losses):
        expected.append(rate)
        wait = 0 if loss < min(losses[:epoch], default=np.inf) else wait + 1
        if wait == 2:
            rate, wait = rate * 0.5, 0
    assert rates == pytest.approx(expected, rel=1e-5)


def test_one_cycle_rises_peaks_and_ends_at_nothing():
    from fer_core.train.optimize import OneCycle

    rate = OneCycle(0.1, 100, 0.2)
    values = [float(rate(step)) for step in (0, 10, 20, 60, 100)]
    assert values == pytest.approx([0.004, 0.052, 0.1, 0.05, 0], abs=1e-6)


# -- runs


@pytest.mark.slow
def test_one_seed_gives_the_same_result_twice(data, undisturbed):
    assert same_result(trained(data), undisturbed)
    assert not same_result(trained(data, seed=1), undisturbed)


def test_a_run_keeps_what_happened(data, undisturbed):
    state, metrics = undisturbed.state(), undisturbed.metrics()
    assert state["status"] == "trained"
    assert [row["epoch"] for row in metrics] == [1, 2, 3]
    assert state["best_accuracy"] == max(row["val_accuracy"] for row in metrics)
    steps = undisturbed.steps()
    assert [(row["epoch"], row["step"]) for row in steps] == [
        (epoch, step) for epoch in (1, 2, 3) for step in range(1, 6)
    ]
    losses = [row["loss"] for row in steps if row["epoch"] == 2]
    assert np.mean(losses) == pytest.approx(metrics[1]["loss"], abs=0.01)
    # Other processes see how far it is, whoever trains it.
    assert undisturbed.progress()["epochs"] == 3
    assert undisturbed.usage()[0]["memory"] > 100
    evaluation = json.loads((undisturbed.path / "evaluation.json").read_text(encoding="utf-8"))
    assert evaluation["PublicTest"]["accuracy"] == pytest.approx(state["best_accuracy"])


def test_best_weights_give_the_accuracy_they_were_chosen_for(data, undisturbed):
    from fer_core.train.fit import load_best

    public = data.split("PublicTest")
    logits = load_best(undisturbed).predict(public.faces[..., None].astype("float32"), verbose=0)
    accuracy = (logits.argmax(axis=1) == public.labels).mean()
    assert accuracy == pytest.approx(undisturbed.state()["best_accuracy"])


@pytest.mark.slow
def test_after_ctrl_c_it_goes_on_to_the_same_result(data, undisturbed):
    from fer_core.train.fit import fit

    run = TrainingRun.create(configure(**TINY))
    for halt, status in ((halt_at(1, 2), "stopped"), (halt_at(3, 4), "stopped")):
        with pytest.raises(KeyboardInterrupt):
            fit(run, data, halt)
        assert run.state()["status"] == status
    fit(run, data)
    assert run.state()["status"] == "trained"
    assert same_result(run, undisturbed)


def test_after_kill_9_it_goes_on_to_the_same_result(data, undisturbed):
    from fer_core.train.fit import fit

    run = TrainingRun.create(configure(**TINY))
    code = f"""
from fer_core.datasets import demo
from fer_core.train.fit import fit
from fer_core.train.runs import TrainingRun
fit(TrainingRun.open({run.name!r}), demo.load(160, 70, 35, seed=4),
    lambda p: print(p.epoch, p.step, flush=True))
"""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        encoding="utf-8",
    ) as process:
        for line in process.stdout:
            if line.split() == ["2", "3"]:
                assert run.state()["status"] == "running"
                with pytest.raises(TrainingError, match="already being trained"):
                    fit(run, data)
                process.send_signal(signal.SIGKILL)
                break
        assert process.wait() == -signal.SIGKILL
    assert run.state()["status"] == "interrupted"
    # It may have got as far as the second epoch's row before the signal came.
    assert len(run.metrics()) in (1, 2)
    fit(run, data)
    assert same_result(run, undisturbed)


def test_full_disk_ends_with_a_reason_and_loses_no_checkpoint(data, undisturbed):
    from fer_core.train.fit import fit

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(progress):
        if progress.epoch == 2:
            # From here on the system refuses to make a file larger than 4 kB.
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))

    run = TrainingRun.create(configure(**TINY))
    try:
        with pytest.raises(TrainingError, match="cannot write its folder"):
            fit(run, data, fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert run.state()["status"] == "failed"
    assert "Make room and resume" in run.state()["reason"]
    assert int(run.load_arrays("checkpoint.npz")["epoch"][0]) == 1
    assert not list(run.path.glob(".*"))
    fit(run, data)
    assert "reason" not in {k for k, v in run.state().items() if v}
    assert same_result(run, undisturbed)


def test_a_loss_that_is_no_number_ends_with_a_reason(data, undisturbed):
    from dataclasses import replace

    from fer_core.train.fit import fit

    run = TrainingRun.create(configure(**TINY))
    with pytest.raises(KeyboardInterrupt):
        fit(run, data, halt_at(2, 1))
    broken = replace(data, weights=np.full(len(data), np.inf, np.float32))
    with pytest.raises(TrainingError, match="epoch 2, step 1: lower the learning rate"):
        fit(run, broken)
    assert run.state()["status"] == "failed"
    assert "lower the learning rate" in run.state()["reason"]
    fit(run, data)
    assert same_result(run, undisturbed)


@pytest.mark.slow
def test_tensorboard_shows_the_same_figures(data):
    run = trained(data, epochs=2, tensorboard=True)
    import tensorflow as tf

    seen = {}
    for file in sorted((run.path / "events").rglob("events*"), reverse=True):
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                seen[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    # With the package, Keras' own callback names them, and counts epochs from 0.
    from importlib.util import find_spec

    own = find_spec("tensorboard") is None
    for row in run.metrics():
        for name in ("loss", "learning_rate"):
            key = (name, row["epoch"]) if own else (f"epoch_{name}", row["epoch"] - 1)
            assert seen[key] == pytest.approx(row[name])


@pytest.mark.slow
def test_a_run_starts_stops_and_resumes_from_any_process(undisturbed):
    config = configure(**TINY | {"epochs": 1, "model_options": TINY["model_options"]})
    # The parent ends at once; its worker does not.
    code = f"""
from fer_core.train import queue
from fer_core.train.config import TrainConfig
print(queue.submit(TrainConfig.model_validate_json({config.model_dump_json()!r})).name)
"""
    started = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        check=True,
        encoding="utf-8",
    )
    run = TrainingRun.open(started.stdout.strip())
    assert run.busy()
    with pytest.raises(TrainingError, match="already being trained"):
        runs.resume(run.name)
    assert runs.pause(run.name).state()["status"] == "paused"
    assert runs.resume(run.name).state()["status"] == "running"
    assert runs.stop(run.name).state()["status"] == "stopped"
    assert not run.busy()
    with pytest.raises(TrainingError, match="nothing to pause"):
        runs.pause(run.name)

    runs.resume(run.name)
    runs.wait(run.name, 200)
    assert run.state()["status"] == "trained", (run.path / "log.txt").read_text(encoding="utf-8")
    assert run.progress()["steps"] == 87
    assert run.name in [r.name for r in runs.list_runs()]


def test_a_worker_that_cannot_read_its_data_says_why(tmp_path):
    config = configure(**TINY | {"data": str(tmp_path / "nothing.csv")})
    with pytest.raises(TrainingError, match="data: There is no .*nothing.csv"):
        queue.submit(config)
    # The data may be gone when the turn of a run comes.
    run = TrainingRun.create(config)
    runs.resume(run.name)
    runs.wait(run.name, 100)
    assert run.state()["status"] == "failed"
    assert "nothing.csv: No such file" in run.state()["reason"]


def test_no_run_is_made_for_data_that_cannot_be_read(tmp_path):
    from fer_core.train import train

    before = [run.name for run in runs.list_runs()]
    with pytest.raises(TrainingError, match="There is no .*nothing.csv"):
        train(configure(**TINY | {"data": str(tmp_path / "nothing.csv")}))
    assert [run.name for run in runs.list_runs()] == before


@pytest.mark.parametrize("name", ["nothing", "../models", "", "a b"])
def test_unknown_runs(name):
    with pytest.raises(TrainingError, match="No run"):
        TrainingRun.open(name)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_small_model_learns_the_demo():
    from fer_core.train import train

    run = train(
        configure(
            model="fast", data="demo", epochs=6, optimizer="adamw", learning_rate=3e-3,
            weight_decay=0.01, schedule="onecycle", ema=0.98, batch_size=64,
        )
    )  # fmt: skip
    assert run.state()["best_accuracy"] > 0.9


@pytest.mark.timeout(300)
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_trains_what_tensorflow_exports(backend, data, tmp_path):
    from importlib.util import find_spec

    from fer_core.train.fit import load_best
    from fer_core.zoo.export import save_model

    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    run = TrainingRun.create(configure(**TINY | {"epochs": 1}))
    code = f"""
from fer_core.datasets import demo
from fer_core.train.fit import fit
from fer_core.train.runs import TrainingRun
fit(TrainingRun.open({run.name!r}), demo.load(160, 70, 35, seed=4))
"""
    subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"KERAS_BACKEND": backend},
        cwd=ROOT,
        check=True,
    )
    assert run.state()["backend"] == backend and "cores" in run.state()["machine"]
    folder = save_model(
        load_best(run), tmp_path / "small", title="small", architecture="vgg", reference=""
    )
    assert folder.card.parameters > 0


# -- what used to fail in silence


@pytest.mark.slow
def test_a_run_of_few_faces_validates_what_it_has_learnt(data):
    """With one step an epoch, fewer than lie between two updates of the weight average."""
    options = {"widths": [8, 16, 32], "convolutions": [1, 1, 1], "dense": [32], "dropout": 0.0}
    run = trained(
        data, epochs=60, ema=0.999, mixup=0.0, learning_rate=0.01, batch_size=160,
        model_options=options, augmentation={"rotation": 0, "shift": 0, "zoom": 0},
    )  # fmt: skip
    losses = [row["val_loss"] for row in run.metrics()]
    assert len(set(losses)) == 60
    assert losses[-1] < losses[0] - 0.3 and run.state()["best_accuracy"] > 0.3


#: Presets of small networks, quick to train, and after how many epochs they know their faces.
QUICK_TO_LEARN = {("quick", "fast"): 60, ("recommended", "mini_xception"): 40}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("preset", "model"),
    [(preset, model) for preset, recipes in presets.PRESETS.items() for model in recipes],
)
def test_every_preset_learns_from_200_faces(preset, model):
    """Large networks take their smallest faces, no dense layers and the time to get better."""
    from fer_core.models.architectures import registry
    from fer_core.train.fit import fit, probabilities
    from fer_core.train.options import option_names, smallest_size

    few = demo.load(200, 70, 7, seed=4)
    recipe = {"preset": preset, "model": model, "data": "demo", "weights": "none"}
    options = dict(configure(**recipe).model_options)
    if "frozen" in option_names(registry.architecture(model)):
        options |= {"size": smallest_size(model), "dense": []}
    epochs = QUICK_TO_LEARN.get((preset, model), 20)
    run = TrainingRun.create(
        configure(**recipe, epochs=epochs, batch_size=50, model_options=options)
    )
    fit(run, few)
    rows = run.metrics()
    assert len({row["val_loss"] for row in rows}) == epochs
    # Of the first epochs one may be good by chance: a network that knows nothing is unsure.
    assert rows[-1]["val_loss"] < max(row["val_loss"] for row in rows[: epochs // 2])
    assert rows[-1]["loss"] < max(row["loss"] for row in rows[: epochs // 2])
    if (preset, model) in QUICK_TO_LEARN:
        training = few.split("Training")
        known = probabilities(run, training.faces).argmax(axis=1) == training.labels
        assert known.mean() > 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("poison", "words"),
    [
        (-3e38, "validation loss became (nan|inf)"),
        (np.nan, "weights are no finite numbers any more"),
    ],
)
def test_what_is_no_number_is_never_saved(poison, words, data):
    """A mean that makes answers infinite does not show in the loss, which takes its batch's."""
    from fer_core import train
    from fer_core.train.fit import fit

    # So many updates that BatchNorm's memory is longer than what is left of the test.
    run = TrainingRun.create(configure(**TINY | {"epochs": 300}))
    with pytest.raises(KeyboardInterrupt):
        fit(run, data, halt_at(3, 1))
    good = (run.path / "checkpoint.npz").read_bytes()
    saved = run.load_arrays("checkpoint.npz")
    mean = 8  # of the second BatchNorm: each has a kernel before it, and three others in it
    for group in ("model", "average"):
        saved[group][mean] = np.full_like(saved[group][mean], poison)
    run.save_arrays("checkpoint.npz", saved)
    bad = (run.path / "checkpoint.npz").read_bytes()
    with pytest.raises(TrainingError, match=f"{words} in epoch 3: lower"):
        fit(run, data)
    assert run.state()["status"] == "failed"
    assert f"--resume {run.name} --set learning_rate=0.0003" in run.state()["reason"]
    # Neither checkpoint nor figures are of the epoch that came to nothing.
    assert (run.path / "checkpoint.npz").read_bytes() == bad
    assert [row["epoch"] for row in run.metrics()] == [1, 2]

    (run.path / "checkpoint.npz").write_bytes(good)
    train.resume(run.name, faces=data, learning_rate=0.0003, epochs=4)
    assert run.state()["status"] == "trained"
    assert max(row["learning_rate"] for row in run.metrics()[2:]) < 0.0004


@pytest.mark.parametrize("which", [3, -1])
def test_a_network_that_answers_nan_is_not_exported(which, undisturbed, tmp_path):
    """A variance whose NaN a ReLU may hide, and one of the last layer, which shows at once."""
    from fer_core.train.fit import load_best
    from fer_core.zoo.export import save_model

    network = load_best(undisturbed)
    weights = network.get_weights()
    weights[which][...] = np.nan
    network.set_weights(weights)
    with pytest.raises(ModelError, match="answers NaN, so it is not exported"):
        save_model(network, tmp_path / "broken", title="broken", architecture="vgg", reference="")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", "half"])
def test_a_damaged_checkpoint_costs_one_epoch_and_changes_nothing(content, data, undisturbed):
    from fer_core.train.fit import fit

    run = TrainingRun.create(configure(**TINY))
    with pytest.raises(KeyboardInterrupt):
        fit(run, data, halt_at(3, 2))
    path = run.path / "checkpoint.npz"
    path.write_bytes(
        path.read_bytes()[: path.stat().st_size // 2] if content == "half" else content
    )
    fit(run, data)
    assert same_result(run, undisturbed)


@pytest.mark.slow
def test_what_cannot_be_gone_on_from_says_so(data, undisturbed):
    from fer_core.train.fit import fit, load_best

    run = TrainingRun.create(configure(**TINY))
    with pytest.raises(KeyboardInterrupt):
        fit(run, data, halt_at(2, 2))
    best = run.load_arrays("best.npz")["model"]
    (run.path / "best.npz").write_bytes(b"")
    with pytest.raises(TrainingError, match="best.npz is damaged"):
        load_best(run)
    # The only epoch is the best one, so its weights are in the checkpoint as well.
    with pytest.raises(KeyboardInterrupt):
        fit(run, data, halt_at(2, 1))
    for one, other in zip(run.load_arrays("best.npz")["model"], best, strict=True):
        assert np.array_equal(one, other)
    (run.path / "checkpoint.npz").write_bytes(b"")
    with pytest.raises(TrainingError, match=f"checkpoint of run {run.name} is damaged"):
        fit(run, data)
    assert run.state()["status"] == "failed"


def test_a_run_of_a_newer_version_is_not_called_damaged():
    run = TrainingRun.create(configure(**TINY))
    fields = json.loads((run.path / "config.json").read_text(encoding="utf-8"))
    (run.path / "config.json").write_text(json.dumps(fields | {"sam": 1}), encoding="utf-8")
    with pytest.raises(TrainingError, match="written by a newer version .* the setting 'sam'"):
        _ = run.config
    (run.path / "config.json").write_text(json.dumps(fields | {"epochs": -1}), encoding="utf-8")
    with pytest.raises(TrainingError, match="no readable configuration"):
        _ = run.config


@pytest.mark.timeout(300)
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_an_interrupted_run_ends_the_same_on_another_backend(backend):
    from importlib.util import find_spec

    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    runs_ = [TrainingRun.create(configure(**TINY | {"epochs": 2})) for _ in range(2)]
    code = f"""
from fer_core.datasets import demo
from fer_core.train.fit import fit
from fer_core.train.runs import TrainingRun
straight, halted = map(TrainingRun.open, {[run.name for run in runs_]!r})
data = demo.load(160, 70, 35, seed=4)
def halt(progress):
    if (progress.epoch, progress.step) == (2, 3):
        raise KeyboardInterrupt
fit(straight, data)
try:
    fit(halted, data, halt)
except KeyboardInterrupt:
    fit(halted, data)
"""
    env = os.environ | {"KERAS_BACKEND": backend}
    subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, check=True)
    assert runs_[1].state()["status"] == "trained"
    assert same_result(*runs_)


# -- going on with other settings


@pytest.mark.slow
def test_more_epochs_after_the_end_begin_a_new_cycle(data):
    from fer_core import train

    run = trained(data)
    updates = int(run.load_arrays("checkpoint.npz")["optimizer"][0])
    train.resume(run.name, faces=data, epochs=6)
    assert run.state()["status"] == "trained" and run.config.epochs == 6
    rates = [row["learning_rate"] for row in run.metrics()]
    assert len(rates) == 6
    # Each cycle rises and falls, and the optimiser goes on counting.
    assert max(rates[3:]) > 5 * rates[2] and rates[5] < 1e-4
    assert int(run.load_arrays("checkpoint.npz")["optimizer"][0]) == 2 * updates
    (row,) = run.history()
    assert (row["epoch"], row["step"], row["changes"]) == (3, 15, {"epochs": [3, 6]})


@pytest.mark.slow
def test_a_changed_run_that_is_interrupted_ends_the_same(data):
    from fer_core import train

    changes = {"epochs": 5, "learning_rate": 0.002, "batch_size": 16}
    runs_ = []
    for halts in ([], [halt_at(3, 2), halt_at(4, 9)]):
        run = TrainingRun.create(configure(**TINY))
        with pytest.raises(KeyboardInterrupt):
            train.resume(run.name, halt_at(2, 4), faces=data)
        for halt in halts:
            with pytest.raises(KeyboardInterrupt):
                train.resume(run.name, halt, faces=data, **changes)
        train.resume(run.name, faces=data, **changes)
        assert len(run.history()) == 1
        runs_.append(run)
    assert same_result(*runs_)
    assert [row["step"] for row in runs_[0].steps() if row["epoch"] == 5][-1] == 10


def test_another_rate_holds_from_the_next_epoch_on(data):
    from fer_core import train

    run = trained(data, schedule="constant", epochs=2)
    train.resume(run.name, faces=data, epochs=3, learning_rate=0.001)
    assert [row["learning_rate"] for row in run.metrics()] == pytest.approx([3e-3, 3e-3, 1e-3])


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["plateau", "constant"])
def test_plateau_and_early_stopping_go_on_where_they_were(schedule, data):
    from fer_core.train.fit import fit

    # Nothing is learnt at this rate, so both have something to do.
    changes = {
        "schedule": schedule, "learning_rate": 1e-5, "ema": 0.0, "epochs": 12,
        "plateau_patience": 1, "early_stopping": 4, "plateau_factor": 0.5,
    }  # fmt: skip
    straight = trained(data, **changes)
    epochs = len(straight.metrics())
    assert epochs < 12
    halted = TrainingRun.create(configure(**TINY | changes))
    for epoch in range(2, epochs + 1):
        with pytest.raises(KeyboardInterrupt):
            fit(halted, data, halt_at(epoch, 1))
    fit(halted, data)
    assert same_result(halted, straight)
    # Asking again does nothing more; asking for more epochs waits anew.
    fit(halted, data)
    assert len(halted.metrics()) == epochs
    from fer_core import train

    train.resume(halted.name, faces=data, epochs=20)
    assert epochs < len(halted.metrics())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 3}, "has finished 3 already"),
        ({"epochs": 0}, "epochs: .*greater than or equal to 1"),
        ({"model": "fast"}, "model: A run that goes on keeps"),
        ({"seed": 7, "epochs": 9}, "seed: .*only epochs, learning_rate and batch_size can change"),
        ({"augmentation": {"flip": False}}, "augmentation: A run that goes on"),
        ({"model_options": {"dropout": 2}}, "dropout of vgg: .*less than 1"),
        ({"learning_rat": 0.1}, "learning_rat: There is no such setting"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused_by_name(changes, words, undisturbed):
    from fer_core import train
    from fer_core.train import queue

    before = undisturbed.state()
    if changes == {"epochs": 3}:
        undisturbed.write_config(undisturbed.config.model_copy(update={"epochs": 4}))
    for resume in (train.resume, queue.resume):
        with pytest.raises(TrainingError, match=words):
            resume(undisturbed.name, **changes)
    undisturbed.write_config(configure(**TINY))
    assert undisturbed.state() == before and not undisturbed.history()


def test_the_command_line_changes_a_run_that_goes_on(data, monkeypatch):
    from click.testing import CliRunner

    from fer_core import train
    from fer_core.cli.runs import command as runs_command
    from fer_core.cli.train import command

    run = trained(data, epochs=1)
    monkeypatch.setattr(train, "load_data", lambda config: data)
    line = ["--resume", run.name, "--epochs", "2", "--set", "learning_rate=0.0005"]
    done = CliRunner().invoke(command, line, catch_exceptions=False)
    assert done.exit_code == 0 and "epoch" in done.output
    assert (run.config.epochs, run.config.learning_rate) == (2, 0.0005)
    assert len(run.metrics()) == 2
    for refused in (["--preset", "quick"], ["--set", "ema=0.5"], ["--model", "fast"]):
        done = CliRunner().invoke(command, ["--resume", run.name, *refused])
        assert done.exit_code and "A run that goes on" in str(done.exception)
    done = CliRunner().invoke(runs_command, ["resume", run.name, "--set", "batch_size=nine"])
    assert "batch_size" in str(done.exception)


# -- the remaining time


def test_the_remaining_time_leaves_out_tracing_and_counts_real_faces():
    """40 s of tracing, then 0.1 s a step of 50 faces and 2 s of validation after each epoch."""
    from fer_core.train.notes import Pace

    now = [0.0]
    pace = Pace(50, 20, 5, 100, lambda: now[0])
    total = 40 + 5 * 20 * 0.1 + 6 * 2.0
    for epoch in range(5):
        pace.begin_epoch(epoch)
        for step in range(1, 21):
            now[0] += 40.1 if (epoch, step) == (0, 1) else 0.1
            progress = pace.step(step)
            true = total - now[0]
            if epoch or step >= 10:
                assert progress.images_per_second == pytest.approx(500)
            if epoch:
                assert progress.seconds_left == pytest.approx(true, rel=0.05)
        pace.end_steps()
        assert pace.epoch_rate == pytest.approx(500)
        now[0] += 2.0


@pytest.mark.parametrize("quicker", [1.5, 3, 6])
def test_from_the_tenth_step_on_the_remaining_time_is_about_right(quicker):
    """Steps that take 60 to 140 ms, and a face that is validated quicker than learnt from."""
    from fer_core.train.notes import Pace

    rng = np.random.default_rng(4)
    steps, epochs, faces, validation = 40, 6, 64, 640
    took = rng.uniform(0.06, 0.14, (epochs, steps))
    took[0, 0] += 40  # tracing
    rests = np.full(epochs + 1, validation * 0.1 / faces / quicker)
    rests[[0, -1]] += 1  # the network that validates is traced too, at the end once more
    now = [0.0]
    pace = Pace(faces, steps, epochs, validation, lambda: now[0])
    total = took.sum() + rests.sum()
    for epoch in range(epochs):
        pace.begin_epoch(epoch)
        for step in range(1, steps + 1):
            now[0] += took[epoch, step - 1]
            progress = pace.step(step)
            if (epoch, step) >= (0, 10):
                assert progress.seconds_left == pytest.approx(total - now[0], rel=0.3)
        pace.end_steps()
        now[0] += rests[epoch]


def test_the_speed_of_an_epoch_is_that_of_its_real_faces(data):
    """A batch that is larger than the dataset has as many faces as there are."""
    run = trained(data, epochs=2, batch_size=4096)
    for row in run.metrics():
        assert row["images_per_second"] * row["seconds"] < 5 * 160
