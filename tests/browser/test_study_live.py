"""A live recording with keys and a stimulus becomes part of a study, up to its report."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, expect

from benchmarks.browser import App
from fer_core.study.folder import Study
from tests.browser.live_tools import open_live, start, stop
from tests.browser.made_cameras import MadeCamera

pytestmark = [pytest.mark.browser, pytest.mark.slow]


#: What the visitor's machine has.
CAMERA = MadeCamera()


def test_a_live_recording_with_keys_and_a_stimulus_enters_a_study(
    context: BrowserContext, app: App, tmp_path: Path
) -> None:
    expect.set_options(timeout=120_000)
    picture = tmp_path / "dog.png"
    Image.fromarray(np.full((90, 120, 3), 200, np.uint8)).save(picture)
    page = open_live(context, app.url)
    page.get_by_role("radio", name="Through the server").click()
    page.get_by_role("button", name="Keys").click()
    page.get_by_label("Key 1", exact=True).fill("laugh")
    page.get_by_label("Key 1", exact=True).press("Enter")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Stimuli").click()
    page.get_by_text("Play videos and pictures").click()
    page.get_by_label("Seconds of a picture").fill("3")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.locator("#files").set_input_files([picture])
    start(page)
    page.get_by_text("Record numbers", exact=True).click()
    expect(page.locator("#play")).to_be_enabled()
    page.locator("#play").click()
    expect(page.locator("#played")).to_have_text("All stimuli were shown.")
    page.keyboard.press("1")
    expect(page.locator("#marks")).to_contain_text(re.compile(r"laugh at 0:\d\d"))
    stop(page)
    page.get_by_label("Name").fill("First sitting")
    page.get_by_role("button", name="Keep this session").click()
    expect(page.get_by_text("Kept on the machine")).to_be_visible()

    page.get_by_role("link", name="Study", exact=True).click()
    page.get_by_role("button", name="New study").click()
    page.get_by_role("textbox", name="Name").fill("Sittings")
    page.get_by_role("textbox", name="Name").press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Create").click()
    page.get_by_role("radio", name="Saved live session").click()
    page.get_by_role("textbox", name="Participant").fill("P1")
    page.get_by_role("textbox", name="Participant").press("Enter")
    page.get_by_text("The participants consented").click()
    page.get_by_role("combobox", name=re.compile("Setting")).click()
    page.get_by_role("option", name="research").click()
    add = page.get_by_role("button", name="Add", exact=True)
    expect(add).to_be_enabled()
    add.click()
    expect(page.get_by_text("1 participant · 1 recording")).to_be_visible()
    study = Study.open(app.folder / "home" / "studies" / "Sittings")
    events = study.events(study.file.recordings[0]).set_index("trial_type")
    assert set(events.index) == {"dog.png", "laugh"}
    assert events.loc["dog.png", "duration"] == pytest.approx(3.0, abs=1.0)
    assert events.loc["laugh", "onset"] > events.loc["dog.png", "onset"] + 2

    page.get_by_role("radio", name="Report", exact=True).click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Report (HTML)").click()
    html = Path(waiting.value.path()).read_text(encoding="utf-8")
    assert "dog.png" in html and "P1" in html and "<img" not in html
    expect(page.get_by_test_id("stException")).to_have_count(0)
