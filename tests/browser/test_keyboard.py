"""The journeys of a new user from beginning to end, with keys alone.

What a key cannot do lies inside Streamlit's own widgets, and has another way that the tests take:

- In a table (`data-grid-canvas`), Tab goes from cell to cell and leaves it after the last one of a
  row; arrows go up and down, Shift+Space selects a row, and Escape selects none.
- A drop zone (`stFileUploaderDropzone`) takes files by its button, which opens the system's window.
- The chosen one of a row of choices is reached with Tab, the others with the arrows.
"""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.browser import App, chromium_with_camera
from fer_core.emotions import EMOTIONS
from fer_core.images import example_portrait
from fer_core.table import read_csv
from tests.browser.keyboard import Keyboard
from tests.browser.page_tools import settled
from tests.browser.test_journeys import jpeg, twins

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

#: Settings of the app.
SETTINGS = {"FER_DATA": "demo"}


@pytest.fixture(scope="module")
def browser(chromium: str, camera: Path) -> Iterator[Browser]:
    with chromium_with_camera(chromium, camera) as found:
        yield found


def picture(name: str, content: bytes) -> dict:
    return {"name": name, "mimeType": "image/jpeg", "buffer": content}


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def test_a_photo_is_explained_corrected_and_exported(visit) -> None:
    page = visit("images")
    keys = Keyboard(page)
    expect(page.get_by_text("Drop pictures here")).to_be_visible()
    keys.upload("Upload", [picture("twins.jpg", twins())])
    # A box is a button, and leads to the card of its face.
    keys.reach(page.get_by_role("button", name=re.compile("^Face 2: looks happy")))
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-face_card_1")).to_be_focused()
    keys.press("Explain face 2")
    expect(page.get_by_text("Guided back-propagation")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    keys.press("Correct face 2…")
    dialog = page.get_by_role("dialog")
    keys.choose("Sad", within=dialog)
    keys.press("Save label", within=dialog)
    expect(page.get_by_text("Sad, your label")).to_be_visible()
    found = rows_of(keys.export("Table of faces (CSV)"))
    assert [row["corrected_emotion"] for row in found] == ["", "Sad"]
    keys.press("Undo label of face 2")
    expect(page.get_by_text("Sad, your label")).to_have_count(0)


def test_forty_photos_are_filtered_summed_up_and_exported(visit) -> None:
    page = visit("images")
    keys = Keyboard(page)
    portrait = example_portrait()
    photos = [picture(f"p{i:02d}.jpg", jpeg(np.roll(portrait, i, axis=1))) for i in range(38)]
    grey = picture("grey.jpg", jpeg(np.full((300, 400, 3), 128, np.uint8)))
    keys.upload("Upload", [*photos, grey, picture("bad.jpg", b"text")])
    expect(page.get_by_text("40 pictures · 38 faces · 1 not readable")).to_be_visible()
    keys.select(page.get_by_role("combobox", name="Show"), "Happy")
    page.keyboard.press("Escape")
    expect(page.get_by_text("38 of 40 pictures")).to_be_visible()
    keys.choose("Summary")
    expect(page.get_by_text("Emotions of the faces")).to_be_visible()
    counts = rows_of(keys.export("Summary (CSV)"))
    assert {row["emotion"]: row["faces"] for row in counts}["Happy"] == "38"


def test_a_recording_is_labelled_kept_reopened_deleted_and_brought_back(visit) -> None:
    page = visit("live")
    keys = Keyboard(page)
    keys.toggle(page.get_by_role("switch", name="Record numbers"))
    keys.press("Start")
    expect(page.get_by_text(re.compile(r"recording, \d\d+ rows"))).to_be_visible()
    page.reload(wait_until="domcontentloaded")
    expect(page.get_by_text("A recording of this browser was interrupted")).to_be_visible()
    keys.press("Correct a part…")
    dialog = page.get_by_role("dialog")
    keys.choose("Fear", within=dialog)
    keys.press("Save label", within=dialog)
    expect(page.get_by_text("Fear, your label")).to_be_visible()
    name = page.get_by_label("Name", exact=True)
    keys.fill(name, "With keys")
    keys.press("Keep this session")
    expect(page.get_by_text("Kept sessions", exact=True)).to_be_visible()
    kept = page.get_by_test_id("stDataFrame").last
    keys.row(kept, 0)
    expect(page.get_by_text("Fear, your label")).to_be_visible()
    table = read_csv(keys.export("Table (CSV)"))
    assert set(table["corrected_emotion"].dropna()) == {"Fear"}
    keys.press("Delete this session")
    expect(page.get_by_text("Kept sessions", exact=True)).to_have_count(0)
    keys.press("Undo")
    expect(page.get_by_text("Kept sessions", exact=True)).to_be_visible()


def test_two_people_of_a_video_are_named_corrected_and_reported(visit) -> None:
    page = visit("video")
    keys = Keyboard(page)
    keys.press("Sample clip")
    expect(page.get_by_text("Key moments", exact=True)).to_be_visible(timeout=300_000)
    keys.reach(page.locator(".st-key-video_people summary"))
    page.keyboard.press("Enter")
    keys.fill(page.get_by_label("Person 2", exact=True), "Eileen")
    expect(page.get_by_role("combobox", name=re.compile("Join"))).to_have_value("Eileen")
    # A moment moves the video, and the timeline goes on with arrows.
    moment = page.locator(".st-key-video_moment_1 button").first
    keys.reach(moment)
    page.keyboard.press("Enter")
    line = page.get_by_role("slider", name="Timeline: choose a moment")
    expect(line).not_to_have_attribute("aria-valuenow", "0.0")
    keys.reach(line)
    page.keyboard.press("Home")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(line).to_have_attribute("aria-valuenow", "4.0")
    keys.press("Correct at this moment…")
    dialog = page.get_by_role("dialog")
    keys.choose("Disgust", within=dialog)
    keys.press("Save label", within=dialog)
    expect(page.get_by_text("Your labels (1)")).to_be_visible()
    expect(page.get_by_text("Disgust, your label")).to_be_visible()
    report = keys.export("Report (HTML)").read_text(encoding="utf-8")
    assert "Eileen" in report and "<td>Disgust</td>" in report
    table = read_csv(keys.export("Table (CSV, opens in Excel)"))
    given = table[table["corrected_emotion"].eq("Disgust")]
    assert given["time"].tolist() == [pytest.approx(4.0, abs=0.11)]
    keys.press("Undo label at 0:04.0")
    expect(page.get_by_text("Your labels (1)")).to_have_count(0)


def test_a_face_of_a_dataset_is_relabelled_reloaded_and_exported(visit) -> None:
    page = visit("dataset")
    keys = Keyboard(page)
    expect(page.get_by_text("faces · 7 classes")).to_be_visible()
    keys.choose("Browse")
    first = page.get_by_role("option", name=re.compile("^Row 0,"))
    keys.reach(first)
    before = first.get_attribute("aria-label") or ""
    label = next(name for name in EMOTIONS if f"labelled {name}" in before)
    other = "Sad" if label != "Sad" else "Happy"
    page.keyboard.press(str(EMOTIONS.index(other) + 1))
    expect(first).to_have_attribute("aria-label", re.compile(f"labelled {other}"))
    settled(page)
    page.reload(wait_until="domcontentloaded")
    keys.choose("Corrections")
    expect(page.get_by_text("1 relabelled, 0 left out, 0 tagged.")).to_be_visible()
    corrected = rows_of(keys.export("Corrections (CSV)"))
    assert len(corrected) == 1 and other in corrected[0].values()


def test_a_quick_try_is_used_and_found_by_name_on_images(visit) -> None:
    page = visit("training")
    keys = Keyboard(page)
    keys.press("Quick try on demo faces")
    expect(page.get_by_role("button", name="Use this model")).to_be_enabled(timeout=600_000)
    keys.press("Use this model")
    keys.fill(page.get_by_label("Name of the model", exact=True), "by-keys")
    expect(page.get_by_text("The model by-keys is ready.")).to_be_visible(timeout=300_000)
    keys.reach(page.get_by_role("link", name="Images", exact=True))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Drop pictures here")).to_be_visible()
    keys.select(page.get_by_role("combobox", name="Model"), "by-keys")
    expect(page.get_by_role("combobox", name="Model")).to_have_value(re.compile("^by-keys"))
    keys.press("Use the example")
    (found,) = json.loads(keys.export("Everything (JSON)").read_text(encoding="utf-8"))
    assert found["model"] == "by-keys"


def test_two_models_become_one_that_goes_and_comes(visit, app: App) -> None:
    page = visit("models")
    keys = Keyboard(page)
    expect(page.locator(".gtitle", has_text="PublicTest")).to_be_visible()
    table = page.get_by_test_id("stDataFrame").first
    for number in (1, 3):
        keys.row(table, number)
    expect(page.get_by_text(re.compile(r"They disagree on \d+\.\d%"))).to_be_visible()
    keys.choose("Build an ensemble")
    keys.fill(page.get_by_label("Name", exact=True), "keyed")
    keys.press("Save as a model")
    expect(page.get_by_role("heading", name=re.compile("^keyed: "))).to_be_visible()
    keys.reach(keys.button("Export"))
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    content = Path(waiting.value.path()).read_bytes()
    keys.press("Delete")
    expect(page.get_by_role("heading", name=re.compile("^keyed: "))).to_have_count(0)
    settled(page)
    keys.press("Import")
    settled(page)
    archive = {"name": "keyed.zip", "mimeType": "application/zip", "buffer": content}
    keys.upload("Upload", [archive])
    expect(page.get_by_role("button", name="Remove keyed.zip")).to_be_visible()
    keys.press("Check and add")
    expect(page.get_by_role("heading", name=re.compile("^keyed: "))).to_be_visible()


def test_the_focus_is_seen_on_its_way(visit) -> None:
    page: Page = visit("images")
    expect(page.get_by_text("Drop pictures here")).to_be_visible()
    seen: dict[str, bool] = {}
    for _ in range(25):
        page.keyboard.press("Tab")
        name, ring = page.evaluate(
            """() => {
              const now = document.activeElement, style = getComputedStyle(now);
              const ring = style.outlineStyle !== 'none' || style.boxShadow !== 'none';
              return [now.matches('a, button') ? now.innerText : '', ring];
            }"""
        )
        seen[name] = ring
    for name in ("Live", "Training", "Upload", "Use the example", "Stored data"):
        (ring,) = [ring for text, ring in seen.items() if text.split("\n")[-1] == name]
        assert ring, f"nobody sees that the focus is on {name}"
