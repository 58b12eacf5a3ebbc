"""The Training page without a browser: cross-validation from the form to its figures."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fer_core.datasets import demo, mix
from fer_core.datasets.fer2013 import export_csv
from fer_core.settings import settings
from fer_core.train import configure, crossvalidate, judge, manage, runs
from fer_core.train.config import Fold
from fer_core.train.runs import TrainingRun
from tests.model_tools import TINY, copy_of_shipped
from ui.services import access, removal
from ui.services.access import Person

ROOT = Path(__file__).resolve().parents[2]
STEERING = ("Pause", "Resume", "Stop, keep the best")
FACES = demo.load(35, 14, 105, seed=1)


@pytest.fixture
def own_home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    monkeypatch.setenv("FER_RUNS_AT_ONCE", "1")
    export_csv(FACES, tmp_path / "faces.csv")
    monkeypatch.setenv("FER_DATA", str(tmp_path / "faces.csv"))
    settings.cache_clear()
    with access.acting(lambda: Person("ann")):
        yield tmp_path
    for run in runs.list_runs():
        run.stop()
    monkeypatch.undo()
    settings.cache_clear()


def open_training(*chosen: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    app.session_state["training_chosen"] = list(chosen)
    app.run().switch_page("pages/training.py").run()
    assert not app.exception
    return app


def click(app: AppTest, label: str) -> None:
    next(one for one in app.button if one.label == label).click().run()
    assert not app.exception


def texts(app: AppTest) -> str:
    return "\n".join(str(one.value) for one in [*app.markdown, *app.error, *app.code])


def test_a_cross_validation_begins_in_the_form(own_home):
    app = open_training()
    click(app, "New run")
    app.number_input(key="training_folds_count").set_value(1).run()
    start = next(one for one in app.button if one.label == "Start")
    assert start.disabled and "One fold leaves no faces" in texts(app)
    app.number_input(key="training_folds_count").set_value(3).run()
    app.selectbox(key="training_folds_by").select("person").run()
    click(app, "Start")
    assert "does not say whose face each is" in texts(app) and runs.list_runs() == []
    app.selectbox(key="training_folds_by").select("random").run()
    assert "--folds 3 --folds-by random" in texts(app)
    click(app, "Start")
    (group,) = crossvalidate.list_all()
    assert (group.count, group.by, list(group.runs)) == (3, "random", [1, 2, 3])
    assert "0 of 3 folds are done, the faces divided at random" in texts(app)
    click(app, "Stop all folds")
    assert {run.state()["status"] for run in group.runs.values()} == {"stopped"}


def test_the_figures_of_all_folds_stand_with_the_run(own_home):
    for number, right in ((1, 90), (2, 60)):
        part = {"group": "cv", "count": 3, "by": "random", "checksum": "0"}
        fold = Fold(number=number, **part)
        run = TrainingRun.create(configure(**TINY).model_copy(update={"fold": fold}))
        faces = FACES.split("PrivateTest").take(np.arange(100))
        said = (faces.labels + (np.arange(100) >= right)) % 7
        judge.judge(run, faces, "PrivateTest", np.eye(7)[said])
        (run.path / "best.npz").touch()
        run.write_state(status="trained", epoch=1, best_epoch=1, best_accuracy=0.5)
    app = open_training(run.name)
    assert "2 of 3 folds are done" in texts(app)
    shown = [(one.label, one.value) for one in app.metric]
    assert ("Accuracy", "75.0% ± 21.2") in shown and ("All faces together", "75.0%") in shown
    assert "Macro recall" in dict(shown)
    folds = next(one.value for one in app.dataframe if "recall" in one.value)
    emotions = len(set(FACES.split("PrivateTest").take(np.arange(100)).labels))
    assert list(folds["emotions"])[:2] == [emotions, emotions]
    # The fold's own faces are not FER2013's PrivateTest, and nobody is asked to look again.
    labels = [one.label for one in app.button]
    all_folds = [one for one in app.button if one.label.endswith(" folds")]
    assert [(one.label, one.disabled) for one in all_folds] == [
        ("Stop all folds", True), ("Train the missing folds", False), ("Delete all folds", False),
    ]  # fmt: skip
    assert "Measure on PrivateTest and record it" not in labels
    click(app, "Delete all folds")
    assert "No run yet" in "".join(one.value for one in app.info)
    # Both runs come back with one click.
    assert len(runs.list_runs()) == 2 and "Deleted: Cross-validation cv" in texts(app)
    click(app, "Undo")
    assert "2 of 3 folds are done" in texts(app) and "Deleted:" not in texts(app)
    click(app, "Delete all folds")
    removal.finish_all()
    assert runs.list_runs() == []


def test_a_run_of_several_sources_shows_each(own_home):
    run = TrainingRun.create(configure(**TINY))
    other = replace(demo.load(35, 28, 7, seed=9), name="other")
    data = mix([(FACES, 1.0), (other, 1.0)])
    public = data.split("PublicTest")
    judge.judge(run, public, "PublicTest", np.eye(7)[public.labels])
    judge.judge_sources(run, data, lambda faces: np.full((len(faces), 7), 1 / 7))
    (run.path / "best.npz").touch()
    run.write_state(status="trained", epoch=1, best_epoch=1, best_accuracy=1.0)
    app = open_training(run.name)
    shown = next(one.value for one in app.dataframe if "copies" in one.value)
    assert list(shown["source"]) == ["demo", "other"] and list(shown["accuracy"])[0] == 100
    assert list(shown["faces"]) == [14, data.further[0].faces.faces.shape[0]]
    assert list(shown["emotions"]) == [7, 7]


def test_a_link_to_a_run_that_does_not_exist_opens_no_other(own_home):
    app = open_training("nope")
    assert "There is no run called nope" in app.warning[0].value
    run = TrainingRun.create(configure(**TINY))
    app = open_training("nope")
    assert "There is no run called nope" in app.warning[0].value
    assert list(app.dataframe[0].value["title"]) == [run.name]
    assert not app.subheader and "Delete" not in [one.label for one in app.button]
    app = open_training()
    assert app.subheader[0].value == run.name and not app.warning


def test_the_buttons_of_a_run_keep_their_places(own_home):
    run = TrainingRun.create(configure(**TINY))
    for status, enabled in (("created", ["Resume"]), ("stopped", ["Resume"]), ("trained", [])):
        run.write_state(status=status, epoch=1)
        found = [one for one in open_training(run.name).button if one.label in STEERING]
        assert [one.label for one in found] == list(STEERING)
        assert [one.label for one in found if not one.disabled] == enabled


def test_what_there_is_can_be_chosen_without_writing_it(own_home):
    app = open_training()
    click(app, "New run")
    app.selectbox(key="train_teacher").select("vgg").run()
    app.selectbox(key="train_detector").select("haar").run()
    app.multiselect(key="train_mix_names").set_value(["demo"]).run()
    app.number_input(key="train_mix_weight_demo").set_value(0.5).run()
    command = app.code[0].value
    for part in ('mix={"demo":0.5}', "detector=haar", "teacher=vgg"):
        assert part in command
    assert not app.exception


def test_wrong_settings_are_named_with_their_tab(own_home):
    app = open_training()
    click(app, "New run")
    app.toggle(key="train_options_as_json").set_value(True).run()
    app.text_input(key="train_model_options").set_value("dropout").run()
    assert "These settings need a change" in texts(app) and "Network › Model options**" in texts(
        app
    )
    assert next(one for one in app.button if one.label == "Start").disabled


def test_options_of_the_network_are_fields_and_json_for_experts(own_home):
    app = open_training()
    click(app, "New run")
    assert app.text_input(key="train_option.fast.widths").value == "32, 64, 160, 320"
    dropout = app.number_input(key="train_option.fast.dropout")
    assert (dropout.value, dropout.min, dropout.max) == (0.3, 0, 0.99)
    dropout.set_value(0.2).run()
    app.text_input(key="train_option.fast.dense").set_value("512, 256").run()
    assert 'model_options={"dense":[512,256],"dropout":0.2}' in app.code[0].value
    app.text_input(key="train_option.fast.widths").set_value("32, many").run()
    assert "Widths: write whole numbers" in texts(app)
    app.text_input(key="train_option.fast.widths").set_value("32").run()
    assert "widths and convolutions of fast have 1 and 4 numbers" in texts(app)
    app.text_input(key="train_option.fast.widths").set_value("32, 64, 160, 320").run()
    # The same as text, and back.
    app.toggle(key="train_options_as_json").set_value(True).run()
    assert json.loads(app.text_input(key="train_model_options").value) == {
        "dense": [512, 256],
        "dropout": 0.2,
    }
    app.text_input(key="train_model_options").set_value('{"dropout": 0.45}').run()
    app.toggle(key="train_options_as_json").set_value(False).run()
    assert app.number_input(key="train_option.fast.dropout").value == 0.45
    # Another network has its own; frozen layers are a number, or all of them.
    app.selectbox(key="train_model").select("resnet50").run()
    assert app.number_input(key="train_option.resnet50.size").min == 32
    app.toggle(key="train_option.resnet50.frozen_all").set_value(True).run()
    app.selectbox(key="train_weights").select("imagenet").run()
    assert 'model_options={"frozen":true}' in app.code[0].value and not app.exception


def test_the_label_order_of_a_further_dataset_is_a_picker(own_home):
    app = open_training()
    click(app, "New run")
    app.multiselect(key="train_mix_names").set_value(["demo"]).run()
    app.selectbox(key="train_mix_label_order_demo").select("rafdb").run()
    assert 'mix_label_order={"demo":"rafdb"}' in app.code[0].value and not app.exception


def test_the_model_of_a_run_is_named_after_its_title_and_tried_at_once(own_home):
    run = TrainingRun.create(configure(**TINY))
    manage.describe(run, title="Anna's first model")
    run.write_state(status="running", epoch=1)
    (run.path / "best.npz").touch()
    run.write_state(status="trained", epoch=1, best_epoch=1, best_accuracy=0.5)
    app = open_training(run.name)
    field = next(one for one in app.text_input if one.label == "Name of the model")
    assert field.value == "anna-s-first-model"
    field.set_value("../up")
    click(app, "Make the model")
    assert "A model's name has small letters" in texts(app)
    field = next(one for one in app.text_input if one.label == "Name of the model")
    assert field.value == "../up"
    copy_of_shipped(settings().models, "anna-s-first-model")
    act = {"what": "publish", "of": "anna-s-first-model", "status": "done"}
    run.write_state(act=act)
    app = open_training(run.name)
    # The name is taken now, and the next model gets another.
    field = next(one for one in app.text_input if one.label == "Name of the model")
    assert field.value == "anna-s-first-model-2"
    assert "**anna-s-first-model** is ready" in texts(app)
    click(app, "Try it on a picture")
    assert app.selectbox(key="model").value == "anna-s-first-model"
    app = open_training(run.name)
    click(app, "Show it on Models")
    assert "anna-s-first-model" in app.subheader[0].value
