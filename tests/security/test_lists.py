"""One damaged item breaks no page: each list shows it with a way to delete it."""

import io
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from model_tools import copy_of_shipped
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from benchmarks.browser import App, chromium_with_camera
from fer_core.datasets import collected, corrections, demo, load, registry
from fer_core.errors import DatasetError, FerError
from fer_core.live import saved
from fer_core.settings import settings
from fer_core.train import configure
from fer_core.train.runs import TrainingRun
from fer_core.video import jobs
from fer_core.video.result import VideoOptions
from tests.tables import face_row, table_of
from ui.services import access, datasets, removal
from ui.services.datasets import Request

ROOT = Path(__file__).parents[2]
KEY = "0" * 32
#: Before :func:`home` hides it.
FER2013 = os.environ.get("FER_DATA")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    monkeypatch.delenv("FER_DATA", raising=False)
    # The testing of Streamlit has no browser, and so no cookies.
    monkeypatch.setattr(access, "browser_cookie", lambda: None)
    settings.cache_clear()
    st.cache_resource.clear()
    yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()


def open_page(page: str, **state: object) -> AppTest:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120)
    for name, value in {"browser_key": {"key": KEY}, **state}.items():
        app.session_state[name] = value
    app.run()
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception, app.exception
    return app


def words(app: AppTest) -> str:
    elements = [*app.markdown, *app.error, *app.warning, *app.info, *app.caption]
    return "\n".join(element.value for element in elements)


def delete(app: AppTest, name: str) -> AppTest:
    (button,) = (
        b for b in app.button if (b.key or "").startswith("damaged_") and b.key.endswith(name)
    )
    button.click().run()
    assert not app.exception, app.exception
    assert button.key not in [b.key for b in app.button]
    removal.finish_all()
    return app


def test_a_model_whose_card_is_damaged(home: Path) -> None:
    models = home / "models"
    copy_of_shipped(models, "good")
    copy_of_shipped(models, "bad", speed={"ms_per_face": "fast"})
    (models / "empty").mkdir()
    app = open_page("models")
    assert "**bad** bad: card.json is damaged" in words(app) and "**empty**" in words(app)
    assert "good" in set(app.dataframe[0].value["name"])
    delete(delete(app, "bad"), "empty")
    assert sorted(path.name for path in models.iterdir()) == ["good"]
    assert "damaged" not in words(app)


STATES = {
    "no JSON": "{",
    "a list": "[]",
    "another status": '{"status": 7}',
    "a figure as text": '{"status": "trained", "best_accuracy": "high", "best_epoch": 1}',
    "a time that is none": '{"status": "trained", "created": "yesterday"}',
    "a time that is a number": '{"status": "trained", "created": 7}',
    "no number": '{"status": "trained", "best_accuracy": NaN, "best_epoch": 1}',
}


@pytest.mark.parametrize("case", STATES)
def test_a_run_whose_state_is_damaged(home: Path, case: str) -> None:
    good = TrainingRun.create(configure(model="fast", data="demo", epochs=1))
    bad = TrainingRun.create(configure(model="fast", data="demo", epochs=1))
    (bad.path / "state.json").write_text(STATES[case], encoding="utf-8")
    app = open_page("training", training_chosen=[bad.name])
    assert list(app.dataframe[0].value["title"]) == [good.name, bad.name]
    assert "it can only be deleted" in words(app)
    next(b for b in app.button if b.key == "training_delete").click().run()
    assert not app.exception and list(app.dataframe[0].value["title"]) == [good.name]
    removal.finish_all()
    assert not bad.path.exists()


FILES = {
    "config.json": ["{", "[]", '{"model": 7}'],
    "metrics.jsonl": ['{"epoch": 1}\n', '[1]\n{"epoch": "x", "val_loss": {}}\n'],
    "progress.json": ["[]", '{"share": "half"}'],
    "about.json": ["7", '{"title": {}, "note": 3}'],
    "usage.jsonl": ['{"time": "now"}\n'],
    "evaluation.json": ["[]", '{"PublicTest": {"accuracy": "good"}}'],
    "worker.json": ["[]", '{"pid": "x"}'],
}


@pytest.mark.parametrize(("name", "content"), [(n, c) for n, all_ in FILES.items() for c in all_])
def test_a_run_with_a_damaged_file_opens(home: Path, name: str, content: str) -> None:
    run = TrainingRun.create(configure(model="fast", data="demo", epochs=1))
    run.write_state(status="trained", epoch=1, best_epoch=1, best_accuracy=0.5)
    (run.path / "best.npz").write_bytes(b"x")
    (run.path / name).write_text(content, encoding="utf-8")
    app = open_page("training")
    assert any(b.label.startswith("Delete") for b in app.button)


def make_job(name: str) -> jobs.VideoJob:
    job = jobs.VideoJob.create(io.BytesIO(b"x"), name, VideoOptions(), KEY)
    job.write_state(status="failed", reason="It broke.")
    return job


CONFIGS = ["{", "[]", '{"name": 7}', '{"owner": null}', "[" * 5000]


@pytest.mark.parametrize("content", CONFIGS)
def test_an_analysis_whose_configuration_is_damaged(home: Path, content: str) -> None:
    good, bad = make_job("good.mp4"), make_job("bad.mp4")
    (bad.path / "config.json").write_text(content, encoding="utf-8")
    app = open_page("video")
    assert list(app.dataframe[0].value["video"]) == ["good.mp4"]
    assert bad.name in words(app)
    delete(app, bad.name)
    assert good.path.exists() and not bad.path.exists()


@pytest.mark.parametrize("name", ["state.json", "result.json", "moments.json", "progress.json"])
def test_an_analysis_with_a_damaged_file_opens_and_is_deleted(home: Path, name: str) -> None:
    job = make_job("bad.mp4")
    job.write_state(status="done", reason=None)
    for content in ("[]", '{"a": {}}', "[7]", "{"):
        (job.path / name).write_text(content, encoding="utf-8")
        app = open_page("video", video_job=job.name)
        offered = [button.label for button in app.button]
        assert "Delete" in offered or "was deleted or is damaged" in words(app)


def test_lists_hold_while_others_delete(home: Path) -> None:
    stop, problems = threading.Event(), []

    def others() -> None:
        while not stop.is_set():
            make_job("brief.mp4").delete()

    stayed = make_job("stays.mp4")
    thread = threading.Thread(target=others)
    thread.start()
    try:
        for _ in range(300):
            listed = jobs.list_jobs(KEY)
            if stayed.name not in [job.name for job in listed] or jobs.list_damaged():
                problems.append(listed)
    finally:
        stop.set()
        thread.join()
    assert not problems


def database(home: Path, *statements: str) -> None:
    with sqlite3.connect(home / "store.sqlite") as db:
        for statement in statements:
            db.execute(statement)


def test_a_session_that_is_damaged(home: Path) -> None:
    for name in ("good", "when", "about", "long", "rows"):
        saved.save_session(table_of([face_row(time=0.0), face_row(time=1.0)], "live"), name)
    database(
        home,
        "UPDATE sessions SET kept = 'yesterday' WHERE name = 'when'",
        "UPDATE sessions SET about = '[' WHERE name = 'about'",
        "UPDATE sessions SET seconds = 'x' WHERE name = 'long'",
        "UPDATE session_rows SET time = 'x', happy = 'y' WHERE session = 5",
    )
    app = open_page("live")
    assert set(app.dataframe[-1].value["name"]) == {"good", "rows"}
    for number in (2, 3, 4):
        delete(app, f"_{number}")
    assert saved.list_damaged() == [] and saved.count_sessions() == 2
    with pytest.raises(FerError, match="damaged and can only be deleted"):
        saved.load_session(5)


def test_a_correction_that_is_damaged(home: Path) -> None:
    key = "0123456789abcdef"
    corrections.add([corrections.Change(key, "label", "Happy")])
    for column, value in (("time", "yesterday"), ("value", "Furious"), ("action", "praise")):
        corrections.add([corrections.Change(key, "label", "Sad")])
        database(home, f"UPDATE corrections SET {column} = '{value}' WHERE value = 'Sad'")
        database(home, "UPDATE corrections SET value = 'Fear' WHERE value = 'Sad'")
    assert corrections.saved().faces[key].label == 3
    app = open_page("dataset", dataset_view="Corrections")
    assert words(app).count("This correction is damaged") == 3
    for one in corrections.list_damaged():
        delete(app, f"_{one.name}")
    assert corrections.count_events() == 1
    with pytest.raises(DatasetError, match="the time is 'yesterday'"):
        corrections.read(b"face,action,value,time\n0123456789abcdef,label,Sad,yesterday\n")


def test_a_collected_face_that_is_damaged(home: Path) -> None:
    for _ in range(2):
        collected.add(np.zeros((48, 48)), "Happy", consent=True)
    database(home, "UPDATE faces SET face = X'00' WHERE id = 2")
    app = open_page("dataset", dataset_view="Collected")
    assert "This face is damaged" in words(app) and len(collected.load()) == 1
    delete(app, "_2")
    assert collected.list_damaged() == []


def test_an_audit_that_is_damaged(home: Path) -> None:
    from fer_core.audit.jobs import AuditJob

    audit = AuditJob.of(demo.load())
    audit.path.mkdir(parents=True)
    for content in ("[]", json.dumps({"status": "done"})):
        (audit.path / "state.json").write_text(content, encoding="utf-8")
        for view in ("Overview", "Browse", "Problems"):
            app = open_page("dataset", dataset_view=view)
            assert "What was found is damaged" in words(app)
    delete(app, audit.name)
    assert not audit.path.exists() and "damaged" not in words(app)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.timeout(60)
def test_what_never_ends_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "faces.csv"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(DatasetError, match="a pipe or a device"):
            load(path)
        with pytest.raises(DatasetError, match="a pipe or a device"):
            load("demo", votes=path)
        with pytest.raises(DatasetError, match="a pipe or a device"):
            load("demo", corrections=path)


@pytest.fixture
def slow(home: Path) -> Iterator[Path]:
    """A dataset that is read for ever, as one on a disk that does not answer."""
    path = home / "faces.slow"
    path.write_bytes(b"x")

    @registry.register("slow", "slow", lambda path: path.suffix == ".slow")
    def read(path: Path, how: registry.ReadOptions):
        while True:
            how.on_progress(0.5)
            time.sleep(0.02)

    yield path
    registry._FORMATS.pop()


def test_a_slow_dataset_delays_nobody_else_and_can_be_cancelled(slow: Path) -> None:
    reading = datasets.read(Request(str(slow)))
    with reading.waiting():
        assert not reading.wait(0.2)
        other = datasets.read(Request("demo"))
        assert len(other.result()) > 0  # no lock is held meanwhile
        assert datasets.read(Request(str(slow))) is reading  # nobody reads it twice
        reading.cancel()
        assert not reading.wait(0.2), "somebody waits for it"
    reading.cancel()
    assert reading.wait(10)
    with pytest.raises(DatasetError, match="cancelled"):
        reading.result()


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_reading_of_a_dataset_is_cancelled_on_the_page(chromium: str, tmp_path: Path) -> None:
    if not FER2013:
        pytest.skip("FER_DATA is not set: this test wants FER2013, which takes long to read")
    app = App(tmp_path / "home", tmp_path / "app.log", FER_DATA=FER2013)
    try:
        with chromium_with_camera(chromium, None) as browser:
            page = browser.new_page()
            page.set_default_timeout(90_000)
            page.goto(f"{app.url}/dataset", wait_until="domcontentloaded")
            cancel = page.get_by_role("button", name="Cancel", exact=True)
            cancel.click()
            expect(page.get_by_text("was cancelled")).to_be_visible(timeout=30_000)
            page.get_by_role("button", name="Read it", exact=True).click()
            expect(page.get_by_text("35,887 faces")).to_be_visible(timeout=150_000)
    finally:
        app.stop()
