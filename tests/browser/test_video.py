"""The video page as it is used, in a real Chromium."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from benchmarks.browser import App, chromium_with_camera, wait_for
from fer_core.table import columns, read_csv
from fer_core.video import VideoFile
from tests.browser.page_tools import settled
from tests.conftest import ARTIFACTS

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("app")
    running = App(folder / "home", folder / "app.log")
    running.home = folder / "home"
    yield running
    running.stop()
    log = (folder / "app.log").read_text(errors="replace", encoding="utf-8")
    assert "Traceback" not in log, log


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with chromium_with_camera(chromium, None) as found:
        expect.set_options(timeout=180_000)
        yield found
        expect.set_options(timeout=5_000)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    context.set_default_timeout(180_000)
    yield context
    context.close()


def visit(context: BrowserContext, app: App) -> Page:
    page = context.new_page()
    page.goto(f"{app.url}/video", wait_until="domcontentloaded")
    expect(page.get_by_role("button", name="Sample clip")).to_be_enabled()
    return page


def open_first(page: Page) -> None:
    expect(page.get_by_text("Earlier analyses", exact=True)).to_be_visible()
    grid = page.get_by_test_id("stDataFrame").locator("canvas").first
    grid.scroll_into_view_if_needed()
    grid.click(position={"x": 66, "y": 52}, force=True)  # its button "Open"


def download(page: Page, name: str) -> bytes:
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name).click()
    page.keyboard.press("Escape")
    return Path(waiting.value.path()).read_bytes()


def shown_time(page: Page) -> float:
    return page.evaluate("document.querySelector('video').currentTime")


def test_the_sample_from_one_click_to_every_export(context: BrowserContext, app: App) -> None:
    page = visit(context, app)
    page.get_by_role("button", name="Sample clip").click()
    expect(page.get_by_text("You can close this page")).to_be_visible()

    # The browser is closed; the work goes on, and only this browser finds it again.
    page.close()
    stranger = context.browser.new_context()
    other = visit(stranger, app)
    expect(other.get_by_text("Earlier analyses", exact=True)).to_have_count(0)
    stranger.close()
    # It finds the analysis as it was left, without asking for it.
    page = context.new_page()
    page.goto(f"{app.url}/video", wait_until="domcontentloaded")
    expect(page.get_by_text(re.compile(r"2 people · mostly happy"))).to_be_visible()
    page.get_by_role("button", name="Another video").click()
    open_first(page)
    expect(page.get_by_text(re.compile(r"2 people · mostly happy"))).to_be_visible()
    assert not list(app.home.glob("jobs/*/source*")), "the video was to go with the result"

    # The video goes where the timeline is clicked, and is never loaded anew.
    page.wait_for_function("document.querySelector('video')?.readyState > 0")
    page.evaluate("document.querySelector('video').mine = true")
    line = page.get_by_role("slider", name="Timeline: choose a moment")
    box = line.bounding_box()
    line.click(position={"x": box["width"] / 2, "y": 60})
    wait_for(lambda: 5 < shown_time(page) < 7, 30)
    line.press("ArrowRight")
    wait_for(lambda: 6 < shown_time(page) < 8, 30)
    assert line.get_attribute("aria-valuetext").startswith("0:0")
    for view in ("Stacked", "Segments"):
        page.get_by_text(view, exact=True).click()
        expect(page.get_by_role("radio", name=view)).to_be_checked()
    page.get_by_test_id("stMain").evaluate("e => e.scrollTo(0, 0)")
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / "video-result.png")

    # A moment's button leads to what its card says, and brings the player into view.
    for at, emotion in (("0:06", "surprise"), ("0:09.0", "neutral"), ("0:09.6", "angry")):
        card = page.get_by_text(f"Person 1 turns to {emotion.capitalize()}", exact=True)
        expect(card).to_have_count(1)
        page.get_by_role("button", name=at, exact=True).click()
        expect(line).to_have_attribute(
            "aria-valuetext", re.compile(f"^{at[:4]} · looks {emotion} ")
        )
        expect(page.locator("video")).to_be_in_viewport(ratio=0.9)
    assert 9.6 <= shown_time(page) < 9.7
    assert page.evaluate("document.querySelector('video').mine")

    # People get names.
    page.get_by_text("People (").click()
    page.get_by_label("Person 1", exact=True).fill("Drawn")
    page.get_by_role("button", name="Save names").click()
    expect(page.get_by_text(re.compile("Drawn turns to")).first).to_be_visible()
    expect(page.get_by_text("cannot be rendered again")).to_be_visible()

    table = read_csv(download(page, "Table (CSV, opens in Excel)"))
    assert list(table.columns) == columns("video")
    assert set(table["name"].dropna()) == {"Drawn"} and set(table["source"]) == {"Sample clip.mp4"}
    segments = read_csv(download(page, "Segments (CSV, opens in Excel)"))
    assert list(segments.columns) == ["start", "end", "person", "name", "emotion"]
    drawn = segments[segments["name"] == "Drawn"]
    assert drawn["emotion"].tolist() == ["Neutral", "Happy", "Surprise", "Neutral", "Angry"]
    assert len(pd.read_parquet(io.BytesIO(download(page, "Table (Parquet)")))) == len(table)
    value = json.loads(download(page, "Everything (JSON)"))
    assert value["video"]["name"] == "Sample clip.mp4" and value["summary"]["dominant"] == "Happy"
    report = download(page, "Report (HTML)").decode()
    assert "Drawn" in report and report.count("data:image/jpeg") > 2
    (app.home / "out.mp4").write_bytes(download(page, "Annotated video"))
    with VideoFile(app.home / "out.mp4") as video:
        assert video.info.codec == "h264" and len(list(video.frames(5))) == 60

    # Kept things stay, deleted ones are gone from the disk.
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.get_by_role("button", name="Kept", exact=True)).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Sample clip")).to_be_visible()
    wait_for(lambda: not list(app.home.glob("jobs/*/")), 30)


@pytest.mark.slow
def test_a_saved_video_is_rendered_again_and_gives_a_corrected_face(
    context: BrowserContext, app: App
) -> None:
    page = visit(context, app)
    page.get_by_text("Keep my video", exact=True).click()
    page.get_by_role("button", name="Sample clip").click()
    page.get_by_text("People (").click()
    page.get_by_label("Person 1", exact=True).fill("Drawn")
    page.get_by_role("button", name="Save names").click()
    before = next(app.home.glob("jobs/*/annotated.mp4")).read_bytes()
    page.get_by_role("button", name="Render again").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    expect(page.get_by_text("Key moments")).to_be_visible()
    expect(page.get_by_text(re.compile("Drawn turns to")).first).to_be_visible()
    expect(page.get_by_role("button", name="Render again")).to_have_count(0)
    assert next(app.home.glob("jobs/*/annotated.mp4")).read_bytes() != before

    page.get_by_role("button", name=re.compile("^Correct at ")).first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Fear", exact=True).click()
    dialog.get_by_role("button", name="Save label").click()
    expect(page.get_by_text("Fear, your label").first).to_be_visible()
    page.get_by_role("button", name=re.compile("^Keep face at .* for training")).first.click()
    expect(dialog.get_by_role("button", name="Keep this face")).to_be_disabled()
    dialog.get_by_text("I agree that this face").click()
    dialog.get_by_role("button", name="Keep this face").click()
    expect(page.get_by_text("Kept as fear")).to_be_visible()
    collected = context.new_page()
    collected.goto(f"{app.url}/dataset", wait_until="domcontentloaded")
    collected.get_by_test_id("stMain").get_by_text("Collected", exact=True).click()
    expect(collected.get_by_text("1 face, kept with consent")).to_be_visible()
    collected.get_by_role("button", name="Browse them").click()
    expect(collected.get_by_role("option", name=re.compile("labelled Fear"))).to_have_count(1)
    collected.close()

    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Sample clip")).to_be_visible()
    wait_for(lambda: not list(app.home.glob("jobs/*/")), 30)


def test_a_bad_file_is_one_sentence_and_goes(context: BrowserContext, app: App) -> None:
    page = visit(context, app)
    page.locator("input[type=file]").set_input_files(
        {"name": "bad.mp4", "mimeType": "video/mp4", "buffer": b"no video at all"}
    )
    page.get_by_role("button", name="Analyse").click()
    expect(page.get_by_text("This is not a video that can be read")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Sample clip")).to_be_visible()


def test_a_job_can_be_cancelled(context: BrowserContext, app: App) -> None:
    page = visit(context, app)
    page.get_by_role("button", name="Sample clip").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Sample clip")).to_be_visible()
    expect(page.get_by_text("Earlier analyses", exact=True)).to_have_count(0)
    wait_for(lambda: not list(app.home.glob("jobs/*/")), 30)


@pytest.mark.slow
def test_people_are_chosen_named_split_and_joined(context: BrowserContext, app: App) -> None:
    page = visit(context, app)
    page.get_by_role("button", name="Sample clip").click()
    page.wait_for_function("document.querySelector('video')?.readyState > 0")
    chosen = page.get_by_role("combobox", name=re.compile("Person"))

    def choose(name: str) -> None:
        option = page.get_by_role("option", name=name, exact=True)

        def opened() -> bool:
            # The list closes where the page is drawn again meanwhile.
            if not option.is_visible():
                chosen.click()
                page.wait_for_timeout(500)
            return option.is_visible()

        wait_for(opened, 60)
        option.click()

    # Everyone's mean is nobody to split; a moment of a person shows that person's curves.
    split = page.get_by_role("button", name="Split at this moment")
    expect(split).to_be_visible()
    choose("Everyone")
    expect(split).to_be_hidden()
    words = page.get_by_text(re.compile(r"Person \d (most clearly|turns to)")).first
    page.locator(".st-key-video_moment_0 button").first.click()
    expect(chosen).to_have_value(words.inner_text()[: len("Person 1")])
    expect(split).to_be_visible()

    # A name is in the chart's selector and in the lists of people to join at once.
    page.get_by_text("People (2)").click()
    expect(page.get_by_role("img", name="Person 1", exact=True).last).to_be_visible()
    page.get_by_label("Person 2", exact=True).fill("Eileen")
    page.get_by_role("button", name="Save names").click()
    expect(page.get_by_role("combobox", name=re.compile("Join"))).to_have_value("Eileen")
    settled(page)
    choose("Eileen")
    expect(chosen).to_have_value("Eileen")
    assert "Eileen" in download(page, "Report (HTML)").decode("utf-8")
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / "video-people.png", full_page=True)

    # Split where the video is; all as found again.
    line = page.get_by_role("slider", name="Timeline: choose a moment")
    box = line.bounding_box()
    line.click(position={"x": box["width"] / 2, "y": 60})
    wait_for(lambda: 5 < shown_time(page) < 7, 30)
    split.click()
    expect(page.get_by_text("People (3)")).to_be_visible()
    expect(page.get_by_text(re.compile("3 people"))).to_be_visible()
    page.get_by_role("button", name="All as found").click()
    expect(page.get_by_text("People (2)")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Sample clip")).to_be_visible()
