"""The Dataset page without a browser, with an audit that was made before."""

import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from fer_core.audit.jobs import AuditJob, expected_seconds
from fer_core.datasets import demo, load, opened
from fer_core.datasets.identity import face_keys
from fer_core.emotions import EMOTIONS
from fer_core.errors import FerError
from fer_core.files import write_json
from fer_core.settings import settings
from fer_core.train import configure
from ui.dataset.open import Source
from ui.services import access, datasets

ROOT = Path(__file__).resolve().parents[2]
COPIES = {"groups": 0, "across_splits": 0, "labels_differ": 0, "test_faces_seen_in_training": 0}
SUMMARY = {
    "faces": 840, "kinds": {"label": 1}, "labels": {"error": "It was not tried."},
    "copies": {"all": COPIES}, "attainable": {},
}  # fmt: skip


@pytest.fixture
def audited(tmp_path, monkeypatch) -> AuditJob:
    """The audit of the demo faces by a model that calls every face happy."""
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    monkeypatch.delenv("FER_DATA", raising=False)
    # The testing of Streamlit has no browser, and so no cookies.
    monkeypatch.setattr(access, "browser_cookie", lambda: None)
    settings.cache_clear()
    st.cache_resource.clear()
    faces = demo.load()
    job = AuditJob.of(faces)
    job.path.mkdir(parents=True)
    happy = np.full((len(faces), 7), 0.05, np.float32)
    happy[:, EMOTIONS.index("Happy")] = 0.7
    features = np.random.default_rng(0).normal(size=(len(faces), 8)).astype(np.float32)
    np.savez(job.path / "seen.npz", probabilities=happy, features=features, map=features[:, :2])
    problem = {
        "row": 5, "face": face_keys(faces.faces)[5], "kind": "label", "score": 0.9,
        "split": faces.usage[5], "label": EMOTIONS[faces.labels[5]], "proposal": "Happy",
        "group": -1, "across": False, "reason": "the model sees another emotion",
    }  # fmt: skip
    pd.DataFrame([problem]).to_csv(job.path / "problems.csv", index=False)
    write_json(job.path / "summary.json", SUMMARY)
    job.write_state(status="done")
    yield job
    monkeypatch.undo()
    settings.cache_clear()


def open_dataset(view: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    app.session_state["dataset_view"] = view
    app.run().switch_page("pages/dataset.py").run()
    assert not app.exception, app.exception
    return app


def test_similar_faces_of_a_problem_open_in_browse(audited):
    app = open_dataset("Problems")
    app.button(key="browse_similar").click().run()
    assert not app.exception
    assert app.session_state["dataset_view"] == "Browse"
    words = "\n".join(one.value for one in app.markdown)
    assert "the most similar to row 5 first" in words
    order = app.selectbox(key="browse_order")
    assert order.value == "similar" and order.options[0] == "Most similar first"
    # Another order is another order.
    order.select("row").run()
    assert "most similar" not in "\n".join(one.value for one in app.markdown)


def test_the_matrix_shows_emotions_that_were_never_predicted(audited, monkeypatch):
    shown = []
    real = st.altair_chart
    monkeypatch.setattr(st, "altair_chart", lambda chart, **how: shown.append((how["key"], chart)))
    open_dataset("Overview")
    monkeypatch.setattr(st, "altair_chart", real)
    (chart,) = (one for key, one in shown if key == "overview_confusion")
    cells = chart.data
    assert len(cells) == 49 and set(cells["predicted"]) == set(EMOTIONS)
    never = cells[cells["predicted"] != "Happy"]
    assert (never["faces"] == 0).all() and (never["share"] == 0).all()


@pytest.fixture
def own_home(tmp_path, monkeypatch) -> Path:
    """A home without anything, and a dataset with known people beside it."""
    monkeypatch.setenv("FER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FER_DATA", raising=False)
    monkeypatch.setattr(access, "browser_cookie", lambda: None)
    settings.cache_clear()
    st.cache_resource.clear()
    for number in range(14):
        face = demo.draw_face(EMOTIONS[number % 7], 48, seed=number)
        place = tmp_path / "own" / EMOTIONS[number % 7] / f"S{number // 5:03d}_001_{number:08d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(face).convert("L").save(place)
    yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()


def open_path(app: AppTest, path: Path) -> None:
    app.text_input(key="dataset_path").set_value(str(path))
    app.button(key="dataset_open").click().run()
    assert not app.exception


def open_page(page: str, **session: object) -> AppTest:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    for key, value in session.items():
        app.session_state[key] = value
    app.run().switch_page(f"pages/{page}.py").run()
    assert not app.exception
    return app


def open_form() -> AppTest:
    """Open the form of a new run."""
    draft = configure(model="fast", data="demo").model_dump(mode="json")
    return open_page("training", training_new=True, training_draft=draft)


def texts(app: AppTest) -> str:
    found = [*app.markdown, *app.caption, *app.info, *app.error]
    return "\n".join(str(one.value) for one in found)


def finished(app: AppTest, key: str) -> None:
    """Run the page again when a task of its session is done, as its fragment would."""
    assert app.session_state[key].wait(60)
    app.run()
    assert not app.exception


def test_a_dataset_is_offered_everywhere_once_it_was_opened(own_home) -> None:
    source = str(own_home / "own")
    app = open_dataset("Overview")
    assert app.query_params["data"] == "demo"
    open_path(app, own_home / "own")
    # Its own summary, and an address without a path.
    assert "14 faces · 7 classes · 3 splits made at random · a folder of pictures · 3 people" in (
        texts(app)
    )
    assert app.query_params["data"] == "1"
    # A reload, which is another session, finds it by its number.
    again = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    again.run().switch_page("pages/dataset.py")
    again.query_params["data"] = "1"
    again.run()
    assert "14 faces" in texts(again) and again.selectbox(key="dataset_chosen").value.title == "own"
    models = open_page("models", models_chosen=["fast", "mini_xception"])
    assert source in models.selectbox(key="models_data").options
    assert source in open_form().selectbox(key="train_data").options
    # When it is left out of the list, its number leads nowhere.
    opened.remove(source)
    last = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    last.run().switch_page("pages/dataset.py")
    last.query_params["data"] = "1"
    last.run()
    assert last.query_params["data"] == "demo"
    assert "is not there any more" in last.toast[0].value


def test_what_numbers_mean_goes_with_the_dataset(own_home) -> None:
    (own_home / "numbers").mkdir()
    for number, emotion in enumerate(("Happy", "Sad")):
        (own_home / "own" / emotion).rename(own_home / "numbers" / str(number))
    source = str(own_home / "numbers")
    opened.remember(source, None, False, "happy,sad")
    app = open_form()
    app.selectbox(key="train_data").select(source).run()
    assert not app.exception
    assert app.selectbox(key="train_label_order").value == "happy,sad"


def test_two_datasets_are_compared(own_home) -> None:
    app = open_dataset("Compare")
    copied = demo.load().split("Training").faces[0]
    Image.fromarray(copied).save(own_home / "own" / "Happy" / "S001_001_00000099.png")
    open_path(app, own_home / "own")
    app.selectbox(key="dataset_compared").select(Source("demo")).run()
    finished(app, "dataset_comparison")
    tables = [one.value for one in app.dataframe]
    figures = next(one for one in tables if "interval" in one)
    assert list(figures["source"]) == ["own", "Demo faces"]
    assert list(figures["over"]) == ["persons", "faces"] and list(figures["faces"]) == [15, 700]
    recall = next(one for one in tables if "difference" in one)
    assert list(recall["emotion"]) == list(EMOTIONS)
    assert "**1** pictures of own are copies of **1** of Demo faces" in texts(app)
    # Another dataset is another comparison.
    first = app.session_state["dataset_comparison"]
    app.session_state["dataset_chosen"] = Source("demo")
    app.run()
    assert app.session_state["dataset_comparison"] is not first


def test_an_export_shows_how_far_it_is_and_can_be_cancelled(own_home, monkeypatch) -> None:
    app = open_dataset("Corrections")
    go_on, told = threading.Event(), threading.Event()
    whole = datasets.export_csv

    def slow(dataset, path, tell) -> None:
        tell(0.25)
        told.set()
        assert go_on.wait(60)
        whole(dataset, path, tell)

    monkeypatch.setattr(datasets, "export_csv", slow)
    app.button(key="dataset_csv").click().run()
    assert told.wait(60)
    app.run()
    assert "Writing the dataset: 25%" in app.get("progress")[0].proto.text
    task = app.session_state["dataset_export"]
    app.button(key="cancel_dataset_export").click().run()
    go_on.set()
    assert task.wait(60) and "dataset_export" not in app.session_state
    with pytest.raises(FerError, match="cancelled"):
        task.result()
    # What is written reads back, whichever the form, and goes when it is discarded.
    monkeypatch.setattr(datasets, "export_csv", whole)
    for form in ("csv", "folders"):
        app.button(key=f"dataset_{form}").click().run()
        finished(app, "dataset_export")
        assert any("cleaned" in one.proto.label for one in app.get("download_button"))
        path = app.session_state["dataset_export"].result().path
        assert load(path).counts() == demo.load().counts()
        app.button(key="dataset_discard").click().run()
        assert "dataset_export" not in app.session_state


def test_the_time_of_an_audit_follows_from_the_last_one(audited) -> None:
    # How fast the model is here, as long as there was none with it.
    audited.write_state(status="done", seconds=56.0)
    write_json(audited.path / "config.json", {"model": "fast"})
    first, twice = (expected_seconds(n, "vgg") for n in (1000, 4000))
    assert 0 < first < twice
    # Of 840 faces it took 42 seconds besides those in which everything is loaded.
    write_json(audited.path / "config.json", {"model": "vgg"})
    assert expected_seconds(8400, "vgg") - expected_seconds(0, "vgg") == pytest.approx(420)
    assert expected_seconds(840, "vgg") == pytest.approx(56)


def test_the_report_of_an_audit_is_tables_and_faces(audited):
    summary = SUMMARY | {
        "labels": {"model": "fast", "out_of_fold": 0.61},
        "finder": {
            "Training": {
                "precision": 0.8, "recall": 0.5, "wrong": 0.1, "precision_at": {"5 %": 0.9},
            }
        },
        "attainable": {"annotators": 0.88},
    }  # fmt: skip
    write_json(audited.path / "summary.json", summary)
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    app.session_state["dataset_view"] = "Problems"
    app.session_state["problems_report"] = True
    app.run().switch_page("pages/dataset.py").run()
    assert not app.exception and not app.code
    kinds, finder, attainable = (one.value for one in app.dataframe)
    assert kinds["Faces"].tolist() == [1] and kinds["Share"][0] == pytest.approx(1 / 840)
    assert finder["Precision"].tolist() == [0.8] and attainable["Accuracy"].tolist() == [0.88]
    assert "features of fast" in "\n".join(one.value for one in app.caption)


def test_undo_of_a_face_waits_for_a_correction_of_it(audited):
    app = open_dataset("Problems")
    assert any("These faces are drawn" in one.value for one in app.caption)
    app = open_dataset("Browse")
    assert app.button(key="set_undo").disabled
    app.button(key="set_Sad").click().run()
    assert not app.button(key="set_undo").disabled
    app.button(key="set_undo").click().run()
    assert app.button(key="set_undo").disabled and not app.exception


def test_corrections_are_listed_with_words_and_the_visitors_time(audited):
    app = open_dataset("Browse")
    app.button(key="set_Sad").click().run()
    app = open_dataset("Corrections")
    table = next(one for one in app.dataframe if "undone" in one.value)
    assert "Time (UTC)" in table.proto.columns and "Undone" in table.proto.columns
    made = table.value["time"].iloc[0]
    assert abs((pd.Timestamp.now(tz="UTC").tz_localize(None) - made).total_seconds()) < 60
