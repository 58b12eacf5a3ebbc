"""The app of an installed package, opened in a folder that has nothing to do with it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from benchmarks.browser import App, free_port

pytestmark = pytest.mark.browser

PAGES = ("Images", "Live", "Video", "Dataset", "Training", "Models", "Study", "Home")


@pytest.fixture
def app(installed: Path, tmp_path: Path) -> Iterator[App]:
    port, folder = free_port(), tmp_path / "elsewhere"
    folder.mkdir()
    app = App(
        tmp_path / "home",
        tmp_path / "app.log",
        port,
        command=("-P", "-m", "fer_core", "app", "--port", str(port)),
        folder=folder,
        PYTHONPATH=str(installed),
    )
    yield app
    app.stop()


def test_every_page_opens_from_the_wheel(app: App, installed: Path, browser: Browser) -> None:
    before = {path for path in installed.rglob("*") if "__pycache__" not in path.parts}
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.goto(app.url, wait_until="domcontentloaded")
    expect(page.get_by_text(re.compile("This face looks happy"))).to_be_visible(timeout=60_000)
    assert page.title().startswith("Emotions from faces") or "Home" in page.title()
    navigation = page.get_by_test_id("stTopNav")  # Home has cards of the same names
    for name in PAGES:
        navigation.get_by_role("link", name=name, exact=True).click()
        if name != "Home":
            expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible(timeout=60_000)
        if name == "Live":  # all that the visitor's own device needs is there
            expect(page.get_by_text("On this device")).to_be_visible(timeout=60_000)
        expect(page.get_by_test_id("stException")).to_have_count(0)

    # A worker of the package starts, wherever the app was opened.
    navigation.get_by_role("link", name="Images", exact=True).click()
    page.get_by_role("button", name="Use the example").click()
    page.get_by_role("button", name="Why?").first.click()
    expect(page.get_by_text("Guided back-propagation")).to_be_visible(timeout=120_000)

    assert "Traceback" not in (app.folder / "app.log").read_text(errors="replace", encoding="utf-8")
    after = {path for path in installed.rglob("*") if "__pycache__" not in path.parts}
    assert after == before, "the app wrote beside its code"
    assert not list((app.folder / "elsewhere").iterdir())
