"""Keys 1 to 9 during a live recording: shown at once, stored with it, events of a study."""

import re

import pytest
from playwright.sync_api import BrowserContext, expect

from benchmarks.browser import App
from tests.browser.live_tools import open_live, start, stop
from tests.browser.made_cameras import MadeCamera

pytestmark = [pytest.mark.browser, pytest.mark.slow]


#: What the visitor's machine has.
CAMERA = MadeCamera()


@pytest.mark.parametrize("way", ["On this device", "Through the server"])
def test_keys_mark_events_of_the_recording(context: BrowserContext, app: App, way: str) -> None:
    page = open_live(context, app.url)
    page.get_by_role("radio", name=way).click()
    expect(page.locator("#snapshot")).to_have_count(1 if way == "On this device" else 0)
    page.get_by_role("button", name="Keys").click()
    page.get_by_label("Key 1", exact=True).fill("smile")
    page.get_by_label("Key 1", exact=True).press("Enter")
    page.keyboard.press("Escape")
    start(page)
    page.keyboard.press("1")  # nothing is recorded yet
    page.get_by_text("Record numbers").click()
    expect(page.get_by_text(re.compile(r"recording, \d+ rows"))).to_be_visible()
    marks = page.locator("#marks")
    # The page has to hear first when the recording began.
    while not marks.is_visible():
        page.keyboard.press("2")
        page.wait_for_timeout(300)
    page.keyboard.press("1")
    expect(marks).to_contain_text(re.compile(r"smile at 0:\d\d"))
    # Whoever types a digit into a field marks nothing.
    page.get_by_role("button", name="Keys").click()
    page.get_by_label("Key 3", exact=True).fill("")
    page.get_by_label("Key 3", exact=True).press("3")
    page.keyboard.press("Escape")
    expect(marks).not_to_contain_text("3 at")
    stop(page)
    expect(page.get_by_text("Events", exact=True)).to_be_visible()
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Events (TSV)").click()
    lines = waiting.value.path().read_text(encoding="utf-8").splitlines()
    assert lines[0] == "onset\tduration\ttrial_type"
    names = [line.split("\t")[2] for line in lines[1:]]
    assert names[-1] == "smile" and set(names[:-1]) == {"2"} and len(names) == names.count("2") + 1
    assert all(float(line.split("\t")[0]) >= 0 for line in lines[1:])
