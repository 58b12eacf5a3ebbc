"""The Models page without a browser: one weight for each member of an ensemble."""

import json
from pathlib import Path

import pytest
from model_tools import copy_of_shipped
from streamlit.testing.v1 import AppTest

from fer_core.datasets import demo
from fer_core.datasets.fer2013 import export_csv
from fer_core.models.catalogue import find_model
from fer_core.settings import settings
from fer_core.zoo import create
from ui.services import access, models
from ui.services.access import Person

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def own_home(tmp_path, monkeypatch) -> Path:
    """A home with a second model and few faces to measure on."""
    monkeypatch.setenv("FER_HOME", str(tmp_path / "home"))
    export_csv(demo.load(7, 28, 7, seed=1), tmp_path / "faces.csv")
    monkeypatch.setenv("FER_DATA", str(tmp_path / "faces.csv"))
    settings.cache_clear()
    copy_of_shipped(settings().models, "another", figures=[])
    yield tmp_path
    for job in create.list_jobs():
        job.delete()
    monkeypatch.undo()
    settings.cache_clear()


def test_each_member_has_a_weight_of_its_own(own_home):
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    app.session_state["models_chosen"] = ["mini_xception", "another", "fast"]
    app.session_state["models_weights"] = "own"
    app.run().switch_page("pages/models.py").run()
    assert not app.exception
    fields = {one.label: one for one in app.number_input}
    assert set(fields) == {"mini_xception", "another", "fast"}
    assert all(one.min == 0 for one in fields.values())

    def errors() -> str:
        return "".join(one.value for one in app.error)

    def weigh(**weights: float) -> None:
        for name, weight in weights.items():
            app.number_input(key=f"models_weight_{name}").set_value(weight)
        app.run()

    weigh(mini_xception=0.0, another=0.0, fast=0.0)
    assert "two members or more whose weight is above 0" in errors() and not app.exception
    weigh(mini_xception=0.0, another=0.0, fast=2.0)
    assert "two members or more whose weight is above 0" in errors()
    weigh(mini_xception=3.0, another=1.0, fast=0.0)
    assert not errors()
    assert "fast has no weight and is left out: the ensemble has 2 members" in app.warning[0].value
    votes = next(one.value for one in app.dataframe if "weight" in one.value)
    assert dict(zip(votes["model"], votes["weight"], strict=True)) == {
        "mini_xception": 0.75, "another": 0.25, "fast": 0.0,
    }  # fmt: skip
    next(one for one in app.text_input if one.label == "Name").set_value("weighed")
    next(one for one in app.button if one.label == "Save as a model").click().run()
    assert not app.exception and not errors()
    (job,) = create.list_jobs()
    job.wait(120)
    assert find_model("weighed").card.members == {"mini_xception": 0.75, "another": 0.25}


def test_models_are_compared_on_one_dataset_only(own_home):
    public = find_model("fast").card.figure("PublicTest").model_dump(mode="json")
    drawn = public | {"dataset": "demo", "checksum": "1" * 64, "accuracy": 0.99, "classes": 5}
    unknown = public | {"dataset": "unknown", "checksum": None, "accuracy": 0.98}
    copy_of_shipped(settings().models, "quick", title="VGG from scratch", figures=[drawn])
    copy_of_shipped(settings().models, "old", figures=[unknown])
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    app.run().switch_page("pages/models.py").run()
    assert not app.exception

    def accuracies() -> dict[str, float]:
        table = next(one.value for one in app.dataframe if "public" in one.value)
        measured = table.dropna(subset=["public"])
        return dict(zip(measured["name"], measured["public"].round(), strict=True))

    def charted() -> str:
        return json.dumps(json.loads(app.get("plotly_chart")[0].proto.spec))

    shown = app.selectbox(key="models_measured_on")
    assert shown.value.dataset == "FER2013" and shown.options == ["FER2013", "demo (111111)"]
    assert accuracies()["vgg"] == 72 and not {"quick", "old"} & set(accuracies())
    assert "FER2013's PublicTest" in charted() and "quick" not in charted()
    shown.select_index(1).run()
    assert accuracies() == {"quick": 99} and "demo's PublicTest" in charted()
    assert "F1 of 5 emotions" in app.dataframe[0].proto.columns
    # A model of the user is called by its name wherever one can be chosen.
    app.switch_page("pages/images.py").run()
    assert "quick: VGG from scratch" in app.selectbox(key="model").options


def test_every_source_has_a_column(own_home):
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    app.session_state["models_figures"] = "By source"
    app.run().switch_page("pages/models.py").run()
    assert not app.exception

    def shown():
        table = next(one.value for one in app.dataframe if one.value.columns.nlevels == 2)
        return table.set_index(("", "Model"))

    # The published figures of the second source come from the cards: its faces are not here.
    titles = list(dict.fromkeys(shown().columns.get_level_values(0)))
    assert titles[:2] == ["FER2013, PublicTest: 3,589 faces", "FER2013, PrivateTest: 3,589 faces"]
    (second,) = [title for title in titles if title.startswith("CK+")]
    assert "474 faces, 53 people" in second
    recalls = [title for _, title in shown().columns if title.startswith("Macro recall")]
    assert recalls[:3] == ["Macro recall", "Macro recall", "Macro recall of 6 emotions"]
    figure = find_model("vgg").card.figure("all", "as-trained")
    vgg = shown().loc["vgg"][second]
    known = next(one for one in find_model("vgg").card.figures if one.interval)
    assert figure.dataset == "FER2013" and vgg["Accuracy"] == f"{known.accuracy:.1%}"
    assert vgg["95 % interval"] == f"{known.interval.low:.1%} to {known.interval.high:.1%}"
    app.segmented_control(key="models_sources_prior").set_value("recommended").run()
    assert [t for t in shown().columns.get_level_values(0) if "PrivateTest" in t] == []
    assert shown().loc["vgg"][second]["Accuracy"] > vgg["Accuracy"]
    # A model of this machine gets a column for a source that it is measured on.
    with access.acting(lambda: Person("ann")):
        job = models.measure_source("another", str(own_home / "faces.csv"))
    job.wait(120)
    assert job.state()["status"] == "done"
    app.segmented_control(key="models_sources_prior").set_value("as-trained").run()
    (own,) = [t for t in shown().columns.get_level_values(0).unique() if t.startswith("faces.csv")]
    assert own.endswith("PublicTest: 28 faces") and shown().loc["another"][own]["Accuracy"]
    assert shown().loc["vgg"][own].isna().all()


def test_a_link_to_a_model_that_does_not_exist_says_so(own_home):
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    app.session_state["models_chosen"] = ["nope", "fast"]
    app.run().switch_page("pages/models.py").run()
    assert "There is no model called nope" in app.warning[0].value
    assert app.subheader[0].value.startswith("fast: ")


def test_own_models_come_first_and_drawn_ones_are_not_meant_for_photos(own_home):
    recipe = {"model": "vgg", "data": "demo"}
    copy_of_shipped(settings().models, "mine", title="", recipe=recipe)
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    app.session_state["models_chosen"] = ["mine"]
    app.run().switch_page("pages/models.py").run()
    assert "Trained on drawn faces, not meant for photos" in "".join(m.value for m in app.markdown)
    app.switch_page("pages/images.py").run()
    model = app.selectbox(key="model")
    assert "mine: trained by you" in model.options[:2]
    assert not any("drawn faces" in one.value for one in app.caption)
    model.select("mine").run()
    assert any("not meant for photos" in one.value for one in app.caption) and not app.exception
