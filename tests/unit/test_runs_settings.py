"""Settings of a run before it is one: checked, written as a command, estimated."""

import json
import shlex

import pytest

from fer_core.settings import settings
from fer_core.train import configure, estimate
from fer_core.train.check import check
from fer_core.train.command import command, read_settings
from fer_core.train.presets import PRESETS
from fer_core.train.runs import TrainingRun


def parsed(line: str):
    """What the command line makes of ``line``."""
    from fer_core.cli.train import command as train

    words = shlex.split(line)
    assert words[:4] == ["python", "-m", "fer_core", "train"]
    given = train.make_context("train", words[4:]).params
    changes = read_settings(given.pop("changes"))
    given.pop("resume"), given.pop("as_json"), given.pop("background")
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
        ({"model_options": {"frozen": True}}, "model_options", "nobody trained"),
        ({"schedule": "onecycle", "early_stopping": 5}, "early_stopping", "run to its end"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_beside_its_setting(fields, where, says):
    wrong = check({"model": "fast", "data": "demo"} | fields)
    assert list(wrong) == [where]
    import re

    assert re.search(says, wrong[where])


def test_corrections_of_this_machine_are_taken():
    assert check({"model": "fast", "data": "demo", "corrections": "kept"}) == {}
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
def test_a_trial_measures_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    settings.cache_clear()
    config = configure(model="fast", data="demo", batch_size=8)
    measured = estimate.measure(config)
    assert measured > 1 and estimate.rate(config)[0] == measured
    monkeypatch.undo()
    settings.cache_clear()
