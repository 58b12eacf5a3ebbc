"""Stimuli in step with a live recording: every row says what was shown, the delay is measured."""

import json
import re
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, expect

from benchmarks.browser import App
from tests.browser.live_tools import open_live, start, stop, table
from tests.browser.made_cameras import MadeCamera

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DELAY = 200


#: What the visitor's machine has.
CAMERA = MadeCamera(sees=DELAY)


def write_clip(path: Path) -> None:
    """Two seconds that any browser plays."""
    with av.open(path, "w") as file:
        stream = file.add_stream("libvpx", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for step in range(50):
            picture = np.full((96, 128, 3), 5 * step, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())


@pytest.mark.parametrize("way", ["On this device", "Through the server"])
def test_stimuli_play_in_step_with_the_recording(
    context: BrowserContext, app: App, way: str, tmp_path: Path
) -> None:
    picture = tmp_path / "2 dog.png"
    Image.fromarray(np.full((90, 120, 3), 200, np.uint8)).save(picture)
    clip = tmp_path / "1 cat.webm"
    write_clip(clip)
    page = open_live(context, app.url)
    page.get_by_role("radio", name=way).click()
    expect(page.locator("#snapshot")).to_have_count(1 if way == "On this device" else 0)
    page.get_by_role("button", name="Stimuli").click()
    page.get_by_text("Play videos and pictures").click()
    page.get_by_label("Seconds of a gap").fill("1")
    page.get_by_label("Seconds of a picture").fill("2")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.locator("#files").set_input_files([picture, clip])
    expect(page.locator("#playlist li")).to_have_text([clip.name, picture.name])
    expect(page.locator("#play")).to_be_disabled()
    start(page)
    page.get_by_text("Record numbers", exact=True).click()
    expect(page.get_by_text(re.compile(r"recording, \d+ rows"))).to_be_visible()
    expect(page.locator("#play")).to_be_enabled()
    page.locator("#play").click()
    expect(page.locator("#screen")).to_be_visible()
    expect(page.locator("#played")).to_have_text("All stimuli were shown.")
    expect(page.locator("#screen")).to_be_hidden()
    stop(page)
    expect(page.get_by_text(re.compile(r"The camera sees the screen \d+ ms later"))).to_be_visible()
    rows = table(page)
    shown = [row["stimulus"] for row in rows]
    order = [name for i, name in enumerate(shown) if name and name != shown[i - 1]]
    assert order == [clip.name, picture.name]
    for name, lasts in ((clip.name, 2.0), (picture.name, 2.0)):
        own = [(float(r["time"]), float(r["stimulus_time"])) for r in rows if r["stimulus"] == name]
        assert own[-1][1] == pytest.approx(lasts, abs=0.4)
        # The stimulus's time goes on with the recording's.
        apart = [time - at for time, at in own]
        assert max(apart) - min(apart) < 0.1
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Summary and table (JSON)").click()
    delay = json.loads(Path(waiting.value.path()).read_text(encoding="utf-8"))["delay"]
    if way == "On this device":
        # Through the server, the way of the video to it comes on top.
        assert delay["median"] == pytest.approx(DELAY / 1000, abs=0.05)
    assert 0 < delay["median"] < 0.7 and delay["flashes"] >= 3
