"""A video of Live, saved as it is shown: in the visitor's browser, with the times of the table."""

import re
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from benchmarks.browser import App
from tests.browser.live_tools import open_live, start, stop, table
from tests.browser.made_cameras import MadeCamera, change

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WAYS = pytest.mark.parametrize("way", ["On this device", "Through the server"])


#: What the visitor's machine has.
CAMERA = MadeCamera()


def open_way(context: BrowserContext, app: App, way: str) -> Page:
    page = open_live(context, app.url)
    page.get_by_role("radio", name=way).click()
    expect(page.get_by_role("radio", name=way)).to_be_checked()
    # The way before stands until its successor does, and takes a press of Start with it.
    expect(page.locator("#snapshot")).to_have_count(1 if way == "On this device" else 0)
    start(page)
    return page


def save(page: Page, told: str) -> None:
    page.get_by_role("button", name="Save video…").click()
    expect(page.get_by_role("group", name="Save the video")).to_contain_text(told)
    page.get_by_role("button", name="Save it").click()


def until(page: Page, seconds: int) -> None:
    """Wait until the video has that length."""
    times = "|".join(f"0:{s:02d}" for s in range(seconds, seconds + 60))
    expect(page.locator("#save")).to_have_text(re.compile(rf"Finish video \(({times})\)"))


def finish(page: Page) -> Path:
    with page.expect_download() as waiting:
        page.locator("#save").click()
    assert re.search(r"-annotated\.(mp4|webm)$", waiting.value.suggested_filename)
    return Path(waiting.value.path())


def pictures(path: Path) -> tuple[list[float], list[np.ndarray], float]:
    """Times of the frames in seconds, the frames RGB, and the length that the file states."""
    with av.open(path) as file:
        frames = list(file.decode(video=0))
        assert file.duration is not None, "a player could not tell how long it is"
        times = [float(frame.time) for frame in frames]
        return times, [frame.to_ndarray(format="rgb24") for frame in frames], file.duration / 1e6


@WAYS
def test_a_video_has_the_times_of_the_table_and_its_right_length(
    context: BrowserContext, app: App, way: str
) -> None:
    page = open_way(context, app, way)
    save(page, "faces that can be recognised")
    until(page, 3)
    change(page, mode="black")
    until(page, 6)
    change(page, mode="moving")
    until(page, 8)
    times, frames, length = pictures(finish(page))
    stop(page)
    rows = table(page)
    assert times[0] == 0
    assert length == pytest.approx(times[-1], abs=0.5)
    assert frames[0].shape == (480, 640, 3)
    dark = [t for t, frame in zip(times, frames, strict=True) if frame[:300].max() < 60]
    without = [float(row["time"]) for row in rows if row["status"] == "no face"]
    assert dark[0] == pytest.approx(without[0], abs=0.5)
    assert dark[-1] == pytest.approx(without[-1], abs=0.5)


@WAYS
def test_hidden_faces_cannot_be_recognised_in_the_video(
    context: BrowserContext, app: App, way: str
) -> None:
    page = open_way(context, app, way)
    page.get_by_text("Hide faces").click()
    expect(page.get_by_role("switch", name="Hide faces")).to_be_checked()
    page.get_by_text("Labels", exact=True).click()
    page.get_by_text("Mirror", exact=True).click()  # the table's boxes are the camera's
    expect(page.get_by_role("switch", name="Mirror")).not_to_be_checked()
    save(page, "every face hidden")
    until(page, 3)
    times, frames, _ = pictures(finish(page))
    stop(page)
    found = [row for row in table(page) if row["status"] == "ok"]
    for time, frame in zip(times[1:], frames[1:], strict=True):
        row = min(found, key=lambda row: abs(float(row["time"]) - time))
        x, y, w, h = (float(row[name]) for name in ("x", "y", "width", "height"))
        # The middle of the face, so that the lines of its box do not matter.
        rows = slice(int(y + 0.3 * h), int(y + 0.7 * h))
        columns = slice(int(x + 0.3 * w), int(x + 0.7 * w))
        inside = cv2.cvtColor(frame[rows, columns], cv2.COLOR_RGB2GRAY)
        # The eyes and mouth of the portrait make it several hundred.
        assert cv2.Laplacian(inside, cv2.CV_64F).var() < 60


def test_a_video_that_begins_late_begins_at_the_tables_zero(
    context: BrowserContext, app: App
) -> None:
    page = open_way(context, app, "On this device")
    page.get_by_text("Record numbers").click()
    expect(page.get_by_text(re.compile(r"recording, [6-9]\d rows"))).to_be_visible()
    save(page, "Numbers are recorded with it")
    page.locator("#save").filter(has_text="Finish video").wait_for()
    until(page, 3)
    with page.expect_download() as waiting:
        page.locator("#start").click()  # the end of the camera is the end of the video
    times, frames, _ = pictures(Path(waiting.value.path()))
    assert times[0] == 0 and times[1] > 1
    assert frames[0].mean() < 40, "a card stands where there was no video yet"
    seconds = [float(row["time"]) for row in table(page)]
    assert times[-1] == pytest.approx(seconds[-1], abs=0.5)
