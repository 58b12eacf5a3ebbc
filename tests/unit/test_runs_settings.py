"""Settings of a run before it is one: checked, written as a command, estimated."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fer_core.errors import TrainingError
from fer_core.models.architectures import registry
from fer_core.settings import settings
from fer_core.train import configure, estimate, queue
from fer_core.train.check import check
from fer_core.train.command import command, read_settings
from fer_core.train.config import TrainConfig
from fer_core.train.options import declared_options, option_names, wrong_option
from fer_core.train.presets import PRESETS
from fer_core.train.runs import TrainingRun

ROOT = Path(__file__).parents[2]


def parsed(line: str):
    """What the command line makes of ``line``."""
    from fer_core.cli.train import command as train

    words = shlex.split(line)
    assert words[:4] == ["python", "-m", "fer_core", "train"]
    given = train.make_context("train", words[4:]).params
    changes = read_settings(given.pop("changes"))
    for name in ("resume", "as_json", "background", "accept_new_data"):
        given.pop(name)
    return configure(**(given | changes))


@pytest.mark.parametrize("recipe", PRESETS)
def test_the_command_line_means_the_same(recipe):
    for model in PRESETS[recipe]:
        config = configure(
            preset=recipe, model=model, data="my faces.csv", epochs=7, seed=3, mixup=0.2,
            augmentation={"flip": False, "rotation": 3}, mix={"demo": 0.5}, tensorboard=True,
        )  # fmt: skip
        assert parsed(command(config)) == config
        assert parsed(command(configure(preset=recipe, model=model, data="demo"))) == configure(
            preset=recipe, model=model, data="demo"
        )


def test_a_preset_makes_the_command_short():
    config = configure(preset="recommended", model="fast", data="demo", batch_size=64)
    assert command(config) == (
        "python -m fer_core train --model fast --preset recommended --data demo --set batch_size=64"
    )


@pytest.mark.parametrize(
    ("fields", "where", "says"),
    [
        ({"epochs": 0}, "epochs", "greater than or equal to 1"),
        ({"augmentation": {"rotation": 200}}, "augmentation.rotation", "less than or equal to 90"),
        ({"model": "resnet999"}, "model", "Unknown architecture"),
        ({"data": "/gone/fer2013.csv"}, "data", "There is no /gone/fer2013.csv"),
        ({"mix": {"/gone": 1.0}}, "mix", "There is no /gone"),
        ({"mix": {"demo": 0.0}}, "mix", "above 0"),
        ({"votes": "/gone.csv"}, "votes", "no file"),
        ({"relabel": True}, "relabel", "FER\\+ votes"),
        ({"weights": "imagenet"}, "weights", "starts from none"),
        (
            {"model": "resnet50", "model_options": {"frozen": True}},
            "model_options",
            "nobody trained",
        ),
        ({"schedule": "onecycle", "early_stopping": 5}, "early_stopping", "run to its end"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_beside_its_setting(fields, where, says):
    wrong = check({"model": "fast", "data": "demo"} | fields)
    assert list(wrong) == [where]
    import re

    assert re.search(says, wrong[where])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model_options": {"dropout": 1.0}}, "dropout of fast: .*less than 1"),
        ({"model_options": {"dropout": 1.5}}, "dropout of fast: .*less than 1"),
        ({"model_options": {"dropout": "half"}}, "dropout of fast: .*valid number"),
        ({"model_options": {"dropuot": 0.5}}, "no option 'dropuot': it takes widths"),
        ({"model_options": {"size": -44}}, "size of fast"),
        ({"model_options": {"size": "large"}}, "size of fast: .*valid integer"),
        ({"model_options": {"size": 43}}, "even number from 16 to 48"),
        ({"model": "resnet50", "model_options": {"size": 8}}, "size of resnet50 must be 32"),
        ({"model": "inception_v3", "model_options": {"size": 48}}, "must be 75 or more"),
        ({"model_options": {"widths": []}}, "widths of fast: .*at least 1 item"),
        ({"model_options": {"widths": [16, -1, 8, 8]}}, "widths of fast: .*greater than"),
        ({"model_options": {"widths": [16, 8]}}, "widths and convolutions of fast have 2 and 4"),
        ({"model": "se_resnet", "model_options": {"ratio": 64}}, "ratio of se_resnet"),
        ({"model": "resnet50", "model_options": {"frozen": 9}}, "nobody trained"),
        ({"model_options": 3}, "model_options: .*dictionary"),
        ({"schedule": "onecycle", "early_stopping": 5}, "early_stopping: .*run to its end"),
        (
            {"schedule": "cosine", "early_stopping": 0, "cycles": 9, "epochs": 8},
            "cycles: 9 cycles do not fit into 8",
        ),
        ({"cycles": 2}, "cycles: Only the schedule 'cosine'"),
        ({"plateau_factor": 2}, "plateau_factor: .*less than 1"),
        ({"learning_rate": 1e-7}, "learning_rate: .*would raise this rate"),
        ({"augmentation": {"spin": 3}}, "augmentation.spin: There is no such setting"),
    ],
)  # fmt: skip
def test_command_page_and_python_say_the_same_of_a_wrong_setting(fields, words):
    given = {"model": "fast", "data": "demo"} | fields
    with pytest.raises(TrainingError, match=words) as python:
        configure(**given)
    (shown,) = check(given).items()
    assert str(python.value) == ": ".join(shown)

    from click.testing import CliRunner

    from fer_core.cli.train import command as train

    line = ["--model", given.pop("model"), "--data", given.pop("data")]
    for name, value in given.items():
        line += ["--set", f"{name}={json.dumps(value) if not isinstance(value, str) else value}"]
    command_line = CliRunner().invoke(train, line)
    assert str(command_line.exception) == str(python.value)


@pytest.mark.slow
def test_the_smallest_faces_that_are_taken_can_be_built():
    from fer_core.models.architectures import registry
    from fer_core.train.options import option_names, smallest_size

    backbones = [a for a in registry.architectures() if "frozen" in option_names(a)]
    assert len(backbones) >= 10
    for known in backbones:
        options = {"size": smallest_size(known.name), "dense": []}
        assert check({"model": known.name, "data": "demo", "model_options": options}) == {}
        registry.build(known.name, **options)


def test_no_run_is_made_of_a_configuration_that_was_not_checked():
    config = TrainConfig(model="fast", data="demo", model_options={"dropout": 1.5})
    for begin in (TrainingRun.create, queue.submit):
        with pytest.raises(TrainingError, match="dropout of fast: .*less than 1"):
            begin(config)


def test_checking_loads_no_keras():
    code = """
import sys
from fer_core.train.check import check
assert check({"model": "resnet50", "data": "demo", "model_options": {"dense": ["x"]}})
assert not {"keras", "tensorflow", "jax"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_a_schedule_that_runs_to_its_end_never_stops_early_unless_told_to():
    for schedule, epochs in (("onecycle", 0), ("cosine", 0), ("plateau", 50), ("constant", 50)):
        assert configure(model="fast", data="demo", schedule=schedule).early_stopping == epochs


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('["epochs"]', "must hold settings by name"),
        ("epochs: 5", "is no configuration"),
        ('{"model": "fast", "data": "demo", "epochs": 0}', "epochs: .*greater than or equal to 1"),
    ],
)
def test_a_settings_file_that_is_none_is_refused(content, words, tmp_path):
    file = tmp_path / "settings.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(TrainingError, match=words):
        configure(config_file=file)


def test_a_settings_file_may_begin_with_a_byte_order_mark(tmp_path):
    file = tmp_path / "settings.json"
    file.write_text('{"model": "fast", "data": "demo", "epochs": 5}', encoding="utf-8-sig")
    assert configure(config_file=file).epochs == 5


def test_corrections_of_this_machine_are_taken():
    assert check({"model": "fast", "data": "demo", "corrections": "saved"}) == {}
    wrong = check({"model": "fast", "data": "demo", "corrections": "/gone.csv"})
    assert "no file /gone.csv" in wrong["corrections"]


def test_every_recipe_can_begin():
    for recipe, models in PRESETS.items():
        for model in models:
            config = configure(preset=recipe, model=model, data="demo")
            assert check(config.model_dump()) == {}, (recipe, model)


def test_the_time_is_that_of_a_run_of_the_same_kind(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    settings.cache_clear()
    config = configure(model="fast", data="demo", epochs=10)
    assert estimate.seconds(config, 2800) is None
    run = TrainingRun.create(config)
    run.write_metrics([{"epoch": 1, "images_per_second": 100.0}])
    assert estimate.seconds(config, 2800) == estimate.START + 280
    other = config.model_copy(update={"batch_size": 8})
    assert estimate.seconds(other, 2800) is None
    (run.path / "config.json").write_text(json.dumps({"model": 3}), encoding="utf-8")
    assert estimate.rate(config) is None
    monkeypatch.undo()
    settings.cache_clear()


@pytest.mark.slow
def test_the_training_rate_is_measured_on_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    settings.cache_clear()
    config = configure(model="fast", data="demo", batch_size=8)
    measured = estimate.measure(config)
    assert measured > 1 and estimate.rate(config)[0] == measured
    monkeypatch.undo()
    settings.cache_clear()


def test_every_architecture_declares_its_options_with_bounds_and_help():
    for known in registry.architectures():
        declared = declared_options(known)
        assert [one.name for one in declared] == option_names(known)
        assert all(one.help and one.kind != "other" for one in declared), known.name
        # What an architecture has of its own is within the bounds that a form shows.
        own = {one.name: one.default for one in declared}
        assert wrong_option(known, own) is None
        for one in declared:
            if one.kind in ("integer", "number"):
                assert one.low <= one.default <= (one.high or float("inf")), (known.name, one)
    mobilenet = {
        one.name: one.default for one in declared_options(registry.architecture("mobilenet"))
    }
    assert (mobilenet["dense"], mobilenet["dropout"]) == ([], 0.4)
