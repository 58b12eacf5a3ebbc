"""One visitor goes through every page: the server lives and never loads TensorFlow."""

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from model_tools import copy_of_shipped
from playwright.sync_api import Browser, Page, expect

from benchmarks.browser import App, chromium_with_camera, wait_for
from tests.browser.live_tools import start, stop
from tests.browser.page_tools import settled

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

#: Python runs this when it starts: it writes down what is loaded when it is asked to.
WATCH = """
import json, os, pathlib, sys, threading, time

def watch(folder):
    while True:
        if (folder / "ask").exists():
            names = sorted({name.partition(".")[0] for name in list(sys.modules)})
            new = folder / f".{os.getpid()}"
            new.write_text(json.dumps(names), encoding="utf-8")
            new.replace(folder / f"{os.getpid()}.json")
        time.sleep(0.2)

threading.Thread(target=watch, args=(pathlib.Path(os.environ["WATCH"]),), daemon=True).start()
"""
HEAVY = {"tensorflow", "keras", "jax"}


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[App]:
    (tmp_path / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
    app = App(
        tmp_path / "home",
        tmp_path / "app.log",
        PYTHONPATH=str(tmp_path),
        WATCH=str(tmp_path),
        FER_DATA="demo",
        FER_LIVE="server",
    )
    yield app
    app.stop()


@pytest.fixture
def browser(chromium: str, camera: Path) -> Iterator[Browser]:
    with chromium_with_camera(chromium, camera) as found:
        yield found


def go_to(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).first.click()


def show(page: Page, view: str) -> None:
    page.get_by_test_id("stMain").get_by_text(view, exact=True).first.click()


def ask_why(page: Page) -> None:
    settled(page)
    page.get_by_role("button", name="Why?").first.click()
    expect(page.get_by_text("Guided back-propagation")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def explain(page: Page) -> None:
    go_to(page, "Images")
    example = page.get_by_role("button", name="Use the example")
    why = page.get_by_role("button", name="Why?")
    expect(example.or_(why).first).to_be_visible()
    if example.is_visible():
        settled(page)
        example.click()
        expect(why.first).to_be_visible()
    ask_why(page)


def live(page: Page) -> None:
    go_to(page, "Live")
    start(page)
    stop(page)


def dataset(page: Page) -> None:
    go_to(page, "Dataset")
    press(page, "Look through all faces")
    expect(page.get_by_text("Map of the faces")).to_be_visible(timeout=280_000)
    show(page, "Browse")
    ask_why(page)
    press(page, "Similar faces")
    expect(page.get_by_text(re.compile(r"the most similar to row \d+ first"))).to_be_visible()
    expect(page.get_by_text("Most similar first")).to_be_visible()
    show(page, "Problems")
    expect(page.get_by_role("option", name=re.compile("^Row")).first).to_be_visible()


def training(page: Page) -> None:
    go_to(page, "Training")
    press(page, "New run")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_enabled()
    press(page, "Measure it here")
    expect(page.get_by_text(re.compile("faces a second"))).to_be_visible()
    press(page, "Back to the runs")
    press(page, "Quick try on demo faces")
    expect(
        page.get_by_text(re.compile(r"Epoch \d of \d|best validation accuracy")).first
    ).to_be_visible()


def models(page: Page) -> None:
    origin = re.match(r"https?://[^/]+", page.url)[0]
    page.goto(f"{origin}/models?model=fast&model=pk_03", wait_until="domcontentloaded")
    expect(page.get_by_text(re.compile(r"They disagree on \d+\.\d%"))).to_be_visible()
    page.get_by_text("Build an ensemble", exact=True).click()
    page.get_by_label("Name", exact=True).fill("both")
    press(page, "Save as a model")
    expect(page.get_by_role("heading", name=re.compile("^both: "))).to_be_visible()
    press(page, "Import")
    page.locator("input[type=file]").set_input_files(
        {"name": "models.zip", "mimeType": "application/zip", "buffer": archive("traveller")}
    )
    expect(page.get_by_role("button", name="Remove models.zip")).to_be_visible()
    press(page, "Check and add")
    expect(page.get_by_role("heading", name=re.compile("^traveller: "))).to_be_visible()


def archive(name: str) -> bytes:
    """A model from another machine, with its Keras form."""
    file = io.BytesIO()
    with TemporaryDirectory() as folder, zipfile.ZipFile(file, "w") as out:
        copy_of_shipped(Path(folder), name, title="Traveller")
        for part in ("card.json", "model.tflite", "model.keras"):
            out.write(Path(folder) / name / part, f"{name}/{part}")
    return file.getvalue()


def video(page: Page) -> None:
    go_to(page, "Video")
    press(page, "Sample clip")
    expect(page.get_by_role("button", name="Export")).to_be_visible(timeout=180_000)


def visit_all(watched: App, browser: Browser, steps: tuple[Callable[[Page], None], ...]) -> None:
    """Take the steps in one session; then ask the server what it has loaded."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.set_default_timeout(120_000)
    expect.set_options(timeout=120_000)
    try:
        page.goto(watched.url, wait_until="domcontentloaded")
        for step in steps:
            step(page)
    finally:
        expect.set_options(timeout=5_000)
    assert watched.process.poll() is None, "the server is gone"
    folder = watched.folder
    (folder / "ask").touch()
    answer = folder / f"{watched.process.pid}.json"
    wait_for(answer.exists, 30)
    loaded = set(json.loads(answer.read_text(encoding="utf-8")))
    assert "streamlit" in loaded and "aiortc" in loaded
    assert not loaded & HEAVY
    assert "Traceback" not in (folder / "app.log").read_text(errors="replace", encoding="utf-8")


def test_why_and_then_live(watched: App, browser: Browser) -> None:
    visit_all(watched, browser, (explain, live))


@pytest.mark.slow
@pytest.mark.parametrize(
    "steps",
    [
        (explain, live, dataset, models, training, video),
        (training, dataset, live, explain, video, models),
        (video, models, live, explain, training, dataset),
    ],
    ids=lambda steps: "-".join(step.__name__ for step in steps),
)
def test_every_page_in_one_session(watched: App, browser: Browser, steps: tuple) -> None:
    visit_all(watched, browser, steps)
