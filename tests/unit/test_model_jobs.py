"""Long work on models, in real processes."""

import pytest
from model_tools import copy_of_shipped

from benchmarks.browser import wait_for
from fer_core.datasets import demo
from fer_core.errors import ModelError
from fer_core.models.catalogue import find_model, list_models
from fer_core.settings import settings
from fer_core.zoo import create
from fer_core.zoo.calibrate import evaluate_private


@pytest.fixture
def another(tmp_path, monkeypatch):
    """A home of its own with a second model in it."""
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    settings.cache_clear()
    yield copy_of_shipped(settings().models, "another", figures=[])
    for job in create.list_jobs():
        job.delete()
    monkeypatch.undo()
    settings.cache_clear()


@pytest.mark.slow
def test_an_ensemble_is_created_and_evaluated_on_privatetest_on_request(another):
    job = create.make_ensemble("both", ["mini_xception", another], "demo")
    assert create.list_jobs() == [job]
    with pytest.raises(ModelError, match="already"):
        create.make_ensemble("both", ["mini_xception", another], "demo")
    job.wait(240)
    assert job.state()["status"] == "done", (job.path / "log.txt").read_text(encoding="utf-8")
    assert 0 < job.progress()["share"] <= 1
    assert [one.split for one in find_model("both").card.figures] == ["PublicTest"]
    job.delete()
    assert create.list_jobs() == []

    job = create.measure("both", "private", "demo")
    job.wait(240)
    assert job.state()["status"] == "done", (job.path / "log.txt").read_text(encoding="utf-8")
    card = find_model("both").card
    assert [one.split for one in card.figures] == ["PublicTest", "PrivateTest"]
    (first,) = card.figure("PrivateTest").evaluated_at
    # However often somebody looks, each look stays.
    again = evaluate_private(find_model("both"), demo.load(7, 7, 14)).card.figures[-1]
    assert again.n == 14 and again.evaluated_at[0] == first and len(again.evaluated_at) == 2
    # Figures of another set stand beside those of the first, not in their place.
    assert [one.n for one in find_model("both").card.figures if one.split == "PrivateTest"] == [
        card.figure("PrivateTest").n,
        14,
    ]


def test_what_cannot_be_is_said_at_once(another):
    for name, members, says in (
        ("../up", ["mini_xception", another], "small letters"),
        ("another", ["mini_xception", another], "already"),
        ("fast", ["mini_xception", another], "ships with this program"),
        ("both", ["mini_xception"], "two models or more"),
        ("both", ["mini_xception", "gone"], "No model 'gone'"),
    ):
        with pytest.raises(ModelError, match=says):
            create.make_ensemble(name, members, "demo")
    with pytest.raises(ModelError, match="ships with the project"):
        create.measure("mini_xception", "private", "demo")
    assert create.list_jobs() == []


@pytest.mark.slow
def test_what_ends_early_leaves_no_model(another):
    job = create.make_ensemble("both", ["mini_xception", another], "demo")
    job.delete()
    assert create.list_jobs() == []
    job = create.make_ensemble("both", ["mini_xception", another], "/gone/faces.csv")
    wait_for(lambda: not job.busy(), 120)
    assert job.state()["status"] == "failed" and "/gone" in job.state()["reason"]
    assert "both" not in [folder.name for folder in list_models()]
