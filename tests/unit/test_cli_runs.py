"""Training runs steered from the command line."""

import json

import pytest

from fer_core.train import configure, runs
from fer_core.train.runs import TrainingRun
from tests.command_line import fer_core as cli


@pytest.fixture
def background():
    """A run in a process of its own, which ends with the test."""
    done = cli(
        "train", "--model", "fast", "--data", "demo", "--epochs", "50", "--background",
        "--teacher", "mini_xception",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    run = TrainingRun.open(done.stdout.strip())
    yield run
    runs.stop(run.name)


@pytest.mark.slow
def test_a_background_run_is_shown_and_steered(background):
    assert background.busy() and background.config.teacher == "mini_xception"
    for verb, status in (("pause", "paused"), ("resume", "running"), ("stop", "stopped")):
        done = cli("runs", verb, background.name)
        assert done.returncode == 0, done.stderr
        assert f"{background.name} is {status}." in done.stderr
    assert (
        json.loads(cli("runs", "show", background.name, "--json").stdout)["state"]["status"]
        == "stopped"
    )
    assert not background.busy()


def test_show_tells_every_epoch():
    run = TrainingRun.create(configure(model="fast", data="demo"))
    run.write_state(status="failed", reason="The disk is full.")
    run.write_metrics(
        [
            {
                "epoch": 1, "loss": 1.8, "accuracy": 0.31, "val_loss": 1.7, "val_accuracy": 0.355,
                "learning_rate": 0.001, "seconds": 12.0, "images_per_second": 200.0,
            }
        ]
    )  # fmt: skip
    said = cli("runs", "show", run.name).stdout
    assert "failed: The disk is full." in said
    assert "epoch 1    loss 1.800  accuracy 31.00%  validation: loss 1.700  accuracy 35.50%" in said


def test_runs_that_do_not_exist():
    for verb in ("show", "pause", "stop", "resume"):
        done = cli("runs", verb, "nobody")
        assert done.returncode == 1 and "error: No run 'nobody'" in done.stderr
    # An unset variable of the shell does not begin a new run in place of the one that is meant.
    done = cli("train", "--resume", "", "--model", "fast", "--data", "demo")
    assert done.returncode == 1 and "--resume: The name of the run is empty" in done.stderr


def test_an_order_of_labels_is_for_other_data_only():
    run = TrainingRun.create(configure(model="fast", data="demo"))
    done = cli("runs", "publish", run.name, "--name", "x", "--label-order", "affectnet")
    assert done.returncode == 1 and "give --data as well" in done.stderr
