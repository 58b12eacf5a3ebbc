"""Deleting in the app: one click, gone from the page, and back with Undo."""

import io
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image
from streamlit.testing.v1 import AppTest

from fer_core.analysis import Analysis, Face
from fer_core.faces import Detection
from fer_core.live import SessionRecord
from fer_core.settings import settings
from fer_core.train import configure
from fer_core.train.runs import TrainingRun
from fer_core.video.jobs import VideoJob
from fer_core.video.result import VideoOptions
from tests.app.conftest import KEY
from tests.model_tools import copy_of_shipped
from tests.tables import face_row, table_of
from ui.common.pictures import picture
from ui.images.labels import Labels
from ui.live.recording import Recording
from ui.services import removal, sessions, training

ROOT = Path(__file__).resolve().parents[2]
_FILE = io.BytesIO()
Image.fromarray(np.full((60, 80, 3), 128, np.uint8)).save(_FILE, "PNG")
GREY = _FILE.getvalue()


def open_page(page: str, **state: object) -> AppTest:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    for name, value in {"browser_key": {"key": KEY}, **state}.items():
        app.session_state[name] = value
    app.run().switch_page(f"pages/{page}.py").run()
    assert not app.exception
    return app


def click(app: AppTest, label: str) -> AppTest:
    next(one for one in app.button if one.label == label).click().run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    return "\n".join(str(one.value) for one in [*app.markdown, *app.subheader, *app.error])


def names(app: AppTest, column: str) -> list[str]:
    tables = [one.value for one in app.dataframe if column in one.value]
    return list(tables[0][column]) if tables else []


def test_a_model_and_what_pages_begin_with(home):
    copy_of_shipped(settings().models, "mine")
    settings().default_model.write_text("mine", encoding="utf-8")
    app = click(open_page("models", models_chosen=["mine"]), "Delete")
    assert "mine" not in names(app, "name") and "Deleted: Model mine" in words(app)
    assert open_page("images").selectbox(key="model").value == "vgg"
    click(app, "Undo")
    assert "mine" in names(app, "name") and "Deleted:" not in words(app)
    app = click(open_page("models", models_chosen=["mine"]), "Delete")
    removal.finish_all()
    app.run()
    assert not (settings().models / "mine").exists() and "Deleted:" not in words(app)
    assert not settings().default_model.exists()


def test_an_analysis_of_a_video(home):
    job = VideoJob.create(io.BytesIO(b"x"), "talk.mp4", VideoOptions(), KEY)
    job.write_state(status="failed", reason="It broke.")
    app = click(open_page("video", video_job=job.name), "Delete")
    assert names(app, "video") == [] and "Deleted: Analysis of talk.mp4" in words(app)
    assert names(click(app, "Undo"), "video") == ["talk.mp4"]


def fill(record: SessionRecord) -> None:
    face = Face(Detection((10, 10, 90, 90), 0.9), (0.0, 0.0, 0.0, 0.9, 0.0, 0.0, 0.1))
    record.recording = True
    for second in (0.0, 0.5, 1.0):
        record.add(Analysis(640, 480, "vgg", "blazeface", (face,), second))


def test_a_recording_that_is_discarded(home):
    mine = Recording()
    fill(mine.record)
    app = open_page("live", live_recording=mine, live_name="My talk")
    assert "This recording" in words(app)
    click(app, "Discard")
    assert "This recording" not in words(app) and "Deleted: Recording My talk" in words(app)
    click(app, "Undo")
    assert "This recording" in words(app)
    assert app.text_input(key="live_name").value == "My talk"
    # A new recording has a name of its own, and is not replaced by the old one.
    click(app, "Discard")
    fill(mine.record)
    mine.start -= 3600
    began = datetime.fromtimestamp(time.time() - 3600, UTC)
    assert app.run().text_input(key="live_name").value in (
        f"{began - timedelta(minutes=late):%d %B %Y, %H:%M}" for late in (0, 1)
    )
    click(app, "Undo")
    assert "A new recording has begun" in words(app)


def test_one_picture_of_several(home):
    app = open_page("images")
    for name in ("a.png", "b.png", "c.png"):
        app.file_uploader[0].upload(name, GREY)
    app.run()
    second = next(one for one in app.button if one.label == "b.png")
    second.click().run()
    assert "**b.png** · picture 2 of 3" in words(app)
    click(app, "Remove")
    assert [one.label for one in app.button if one.label.endswith("png")] == ["a.png", "c.png"]
    assert "Deleted: Picture b.png" in words(app)
    click(app, "Undo")
    shown = [one.label for one in app.button if one.label.endswith("png")]
    assert shown == ["a.png", "b.png", "c.png"]


def test_all_pictures_at_once_with_their_labels(home):
    app = open_page("images", images_snapshot=picture("Snapshot.jpg", GREY))
    for name in ("a.png", "b.png"):
        app.file_uploader[0].upload(name, GREY)
    app.run()
    given = Labels((1, 1, 9, 9), ["Sad"])
    app.session_state["images_labels"] = {"1234": [given]}
    click(app, "Clear")
    assert "Deleted: 3 pictures" in words(app) and app.session_state["images_labels"] == {}
    assert not [one for one in app.button if one.label.endswith("png")]
    # They still count in what a visitor may hold, until the time is up.
    held = app.session_state["images_removed"]
    assert [one.content for one in held] == [GREY, GREY, GREY]
    app.switch_page("pages/home.py").run()
    click(app, "Undo")
    app.switch_page("pages/images.py").run()
    shown = [one.label for one in app.button if one.label.endswith("png")]
    assert shown == ["a.png", "b.png"]
    assert app.session_state["images_labels"] == {"1234": [given]}
    # Another picture of the camera takes no file away.
    app.session_state["images_source"] = "Camera"
    click(app.run(), "Take another")
    app.session_state["images_source"] = "Files"
    app.run()
    assert [one.label for one in app.button if one.label.endswith("png")] == ["a.png", "b.png"]


def test_what_was_deleted_a_moment_ago_stays_deleted_after_all_is(home: Path) -> None:
    table = table_of([face_row(time=float(second)) for second in range(3)], "live")
    sessions.save(table, "of mine")
    run = TrainingRun.create(configure(model="fast", data="demo", epochs=1))
    training.delete(run.path.name)
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60).run()
    app.button(key="stored").click().run()
    assert "Saved live sessions: **1**" in "\n".join(text.value for text in app.markdown)
    app.button(key="stored_delete").click().run()
    assert not app.exception and not removal.mine()
    assert not sessions.list_all() and not run.path.exists()
