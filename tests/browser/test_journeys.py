"""Journeys of a visitor from beginning to end: photos, and a recording that outlives a reload."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from benchmarks.browser import App, chromium_with_camera
from fer_core.images import example_portrait
from tests.browser.live_tools import open_live, start, stop, table

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser(chromium: str, camera: Path) -> Iterator[Browser]:
    with chromium_with_camera(chromium, camera) as found:
        yield found


def jpeg(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG")
    return file.getvalue()


def give(page: Page, **files: bytes) -> None:
    page.locator("input[type=file]").set_input_files(
        [
            {"name": f"{name}.jpg", "mimeType": "image/jpeg", "buffer": content}
            for name, content in files.items()
        ]
    )


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def export(page: Page, name: str) -> str:
    press(page, "Export")
    with page.expect_download() as waiting:
        press(page, name)
    page.keyboard.press("Escape")
    return Path(waiting.value.path()).read_text(encoding="utf-8")


def twins() -> bytes:
    portrait = example_portrait()
    return jpeg(np.hstack([portrait[:, :400], portrait[:, 399::-1]]))


def test_a_photo_is_explained_corrected_reloaded_and_exported(visit) -> None:
    page = visit("images")
    expect(page.get_by_text("Drop pictures here")).to_be_visible()
    give(page, twins=twins())
    # A box leads to the card of its face, and from there back.
    page.get_by_role("button", name=re.compile("^Face 2: looks happy")).click()
    expect(page.locator(".st-key-face_card_1")).to_be_focused()
    press(page, "Show face 2")
    expect(page.get_by_role("button", name=re.compile("^Face 2: looks happy"))).to_be_focused()
    press(page, "Explain face 2")
    expect(page.get_by_text("Guided back-propagation")).to_be_visible()
    page.keyboard.press("Escape")
    press(page, "Correct face 2…")
    page.get_by_role("dialog").get_by_text("Sad", exact=True).click()
    press(page, "Save label")
    expect(page.get_by_text("Sad, your label")).to_be_visible()
    page.reload(wait_until="domcontentloaded")
    expect(page.get_by_text("Sad, your label")).to_be_visible()
    rows = list(csv.DictReader(io.StringIO(export(page, "Table of faces (CSV)"))))
    assert [row["corrected_emotion"] for row in rows] == ["", "Sad"]
    press(page, "Undo label of face 2")
    expect(page.get_by_text("Sad, your label")).to_have_count(0)


@pytest.mark.slow
def test_a_small_screen_shows_pictures_first_and_a_click_on_one_opens_it(visit) -> None:
    page = visit("images")
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.get_by_text("Drop pictures here")).to_be_visible()
    menu = page.get_by_test_id("stExpandSidebarButton")
    expect(menu).to_be_visible()
    word = menu.evaluate("one => getComputedStyle(one, '::after').content")
    assert word == '"Menu"', "nothing but a picture says where the other pages are"
    give(page, one=jpeg(example_portrait()), twins=twins())
    expect(page.get_by_role("img", name="one.jpg, 1 face")).to_be_in_viewport(ratio=1)
    page.get_by_role("img", name="twins.jpg, 2 faces").click(force=True)
    expect(page.get_by_text("twins.jpg · picture 2 of 2 · 2 faces in it")).to_have_count(1)
    expect(page.get_by_role("img", name="twins.jpg with 2 faces")).to_be_in_viewport(ratio=1)


@pytest.mark.slow
def test_forty_photos_are_filtered_summed_up_and_exported(visit) -> None:
    page = visit("images")
    expect(page.get_by_text("Drop pictures here")).to_be_visible()
    portrait = example_portrait()
    photos = {f"p{i:02d}": jpeg(np.roll(portrait, i, axis=1)) for i in range(38)}
    give(page, **photos, grey=jpeg(np.full((300, 400, 3), 128, np.uint8)), bad=b"text")
    expect(page.get_by_text("40 pictures · 38 faces · 1 not readable")).to_be_visible()
    page.reload(wait_until="domcontentloaded")
    expect(page.get_by_text("40 pictures · 38 faces · 1 not readable")).to_be_visible()
    page.get_by_role("combobox", name="Show").click()
    page.get_by_role("option", name="Happy", exact=True).click()
    page.keyboard.press("Escape")
    expect(page.get_by_text("38 of 40 pictures")).to_be_visible()
    page.get_by_role("radio", name="Summary").click()
    expect(page.get_by_text("Emotions of the faces")).to_be_visible()
    assert len(json.loads(export(page, "Everything (JSON)"))) == 38
    counts = list(csv.DictReader(io.StringIO(export(page, "Summary (CSV)"))))
    assert {row["emotion"]: row["faces"] for row in counts}["Happy"] == "38"


def test_a_recording_outlives_a_reload_and_is_saved_deleted_and_restored(
    browser: Browser, app: App
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    try:
        page = open_live(context, app.url)
        page.get_by_text("Record numbers").click()
        start(page)
        expect(page.get_by_text(re.compile(r"recording, \d\d+ rows"))).to_be_visible()
        # A reload in the middle loses nothing, and the recording goes on in the same table.
        page.reload(wait_until="domcontentloaded")
        expect(page.get_by_text("A recording of this browser was interrupted")).to_be_visible()
        first = len(table(page))
        page.get_by_text("Record numbers").click()
        start(page)
        expect(page.get_by_text(re.compile(r"recording, \d\d+ rows"))).to_be_visible()
        stop(page)
        before = table(page)
        assert first >= 10 and len(before) > first
        assert "paused" in {row["status"] for row in before}
        page.reload(wait_until="domcontentloaded")
        expect(page.get_by_text("A recording of this browser was interrupted")).to_be_visible()
        assert table(page) == before
        page.get_by_label("Name", exact=True).fill("My session")
        page.keyboard.press("Enter")
        press(page, "Keep this session")
        expect(page.get_by_text("Kept sessions")).to_be_visible()
        page.reload(wait_until="domcontentloaded")
        expect(page.get_by_text("Kept sessions")).to_be_visible()
        expect(page.get_by_text("A recording of this browser was interrupted")).to_have_count(0)
        grid = page.get_by_test_id("stDataFrame").locator("canvas").first
        grid.scroll_into_view_if_needed()
        grid.click(position={"x": 16, "y": 35 + 18}, force=True)
        press(page, "Delete this session")
        expect(page.get_by_text("Kept sessions")).to_have_count(0)
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_text("Kept sessions")).to_be_visible()
    finally:
        expect.set_options(timeout=5_000)
        context.close()
