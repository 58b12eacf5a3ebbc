"""Home and Images as a visitor meets them: a real Chromium, wide and narrow, light and
dark. Screenshots are kept in ``tests/artifacts/``."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from benchmarks.browser import App, chromium_with_camera, wait_for
from benchmarks.camera import moving_portrait, write_y4m
from fer_core.images import example_portrait, read_image
from fer_core.table import columns
from tests.browser.page_tools import settled
from tests.conftest import ARTIFACTS

pytestmark = pytest.mark.browser

NARROW = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("app")
    running = App(folder / "home", folder / "app.log")
    yield running
    running.stop()
    log = (folder / "app.log").read_text(errors="replace", encoding="utf-8")
    assert "Traceback" not in log and "deprecat" not in log.lower(), log


@pytest.fixture(scope="module")
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    camera = write_y4m(tmp_path_factory.mktemp("camera") / "portrait.y4m", moving_portrait())
    with chromium_with_camera(chromium, camera) as found:
        yield found


def png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def drop(page: Page, **files: bytes) -> None:
    page.locator("input[type=file]").set_input_files(
        [
            {"name": name.replace("__", "."), "mimeType": "image/png", "buffer": content}
            for name, content in files.items()
        ]
    )


def save_picture(page: Page, name: str) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    settled(page).screenshot(path=ARTIFACTS / f"{name}.png")


def on_screen(page: Page, element: Locator) -> bool:
    box = element.bounding_box()
    size = page.viewport_size
    return box["x"] >= 0 and box["y"] >= 0 and box["y"] + box["height"] <= size["height"]


def scrolls_sideways(page: Page) -> bool:
    return page.evaluate(
        """() => [...document.querySelectorAll('html, body, [data-testid=stMain]')]
                 .some((e) => e.scrollWidth > e.clientWidth + 1)"""
    )


def download(page: Page, name: str) -> bytes:
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name).click()
    page.keyboard.press("Escape")
    return Path(waiting.value.path()).read_bytes()


def charts(page: Page) -> Locator:
    return page.get_by_test_id("stVegaLiteChart")


def picture(page: Page, name: str) -> Locator:
    """The button that opens a picture; the drop zone names it too."""
    return page.get_by_test_id("stGrid").get_by_role("button", name=name, exact=True)


def test_home_shows_the_example_as_happy(visit) -> None:
    page = visit()
    heading = page.get_by_role("heading", name=re.compile(r"This face looks happy, \d+ %"))
    expect(heading).to_be_visible()
    portrait = page.get_by_alt_text("Portrait of the astronaut")
    bars = charts(page)
    settled(page)
    for element in (heading, portrait, bars):
        assert on_screen(page, element)
    save_picture(page, "home-wide-light")


def test_from_home_to_a_first_result_of_ones_own(visit) -> None:
    page = visit()
    page.get_by_role("button", name="Try your own photo").click()
    expect(page.get_by_text("Drop pictures here")).to_be_visible()
    drop(page, me__png=png(example_portrait()[:, ::-1]))
    expect(page.get_by_text(re.compile(r"Looks happy, \d+ %"))).to_be_visible()
    settled(page)
    assert on_screen(page, page.get_by_alt_text("me.png with 1 face"))
    assert on_screen(page, charts(page))
    save_picture(page, "images-wide-light")


def test_several_pictures_one_of_them_bad(visit) -> None:
    page = visit("images")
    twins = np.hstack([example_portrait()[:, :400], example_portrait()[:, 399::-1]])
    drop(page, one__png=png(example_portrait()), two__png=png(twins), bad__png=b"no picture")
    expect(page.get_by_text("3 pictures · 3 faces · 1 not readable")).to_be_visible()
    expect(page.get_by_text("This is not a picture that can be read")).to_be_visible()
    save_picture(page, "images-cards")

    rows = list(csv.DictReader(io.StringIO(download(page, "Table of faces").decode())))
    assert list(rows[0]) == columns("pictures")
    assert sorted(row["source"] for row in rows) == ["bad.png", "one.png", "two.png", "two.png"]
    value = {row["path"]: row for row in json.loads(download(page, "Everything"))}
    assert "error" in value["bad.png"] and len(value["two.png"]["faces"]) == 2
    with zipfile.ZipFile(io.BytesIO(download(page, "Annotated pictures"))) as archive:
        assert sorted(archive.namelist()) == [
            "one-annotated.png",
            "two-annotated.png",
        ]
        assert read_image(archive.read("two-annotated.png")).shape == twins.shape

    # One opens large, and the arrow keys lead to its neighbours.
    picture(page, "one.png").click()
    expect(page.get_by_alt_text("one.png with 1 face")).to_be_visible()
    settled(page)
    page.keyboard.press("ArrowRight")
    expect(page.get_by_alt_text("two.png with 2 faces")).to_be_visible()
    expect(charts(page)).to_have_count(2)
    page.get_by_role("button", name="All pictures").click()
    expect(picture(page, "one.png")).to_be_visible()


def test_why_shows_both_explanations(visit) -> None:
    page = visit("images")
    page.get_by_role("button", name="Use the example").click()
    page.get_by_role("button", name="Why?").click()
    dialog = page.get_by_role("dialog")
    for words in ("What the model sees", "Grad-CAM", "Guided back-propagation"):
        # The first explanation loads TensorFlow, which a busy machine takes long for.
        expect(dialog.get_by_text(words, exact=True)).to_be_visible(timeout=180_000)
    expect(
        dialog.get_by_role("img", name=re.compile("brighter where it speaks for Happy"))
    ).to_be_visible()
    save_picture(page, "images-why")
    dialog.get_by_text(re.compile(r"^Sad \d+ %")).click()
    expect(
        dialog.get_by_role("img", name=re.compile("brighter where it speaks for Sad"))
    ).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_an_explanation_that_broke_off_is_tried_again(visit, app: App) -> None:
    page = visit("images")
    page.get_by_role("button", name="Use the example").click()

    def workers() -> list[psutil.Process]:
        everyone = psutil.Process(app.process.pid).children()
        return [one for one in everyone if "fer_core.explain.worker" in one.cmdline()]

    why, dialog = page.get_by_role("button", name="Why?"), page.get_by_role("dialog")
    expect(why).to_be_visible()
    wait_for(lambda: bool(workers()), 60)
    (worker,) = workers()
    worker.suspend()  # so that it is killed in the middle of an answer
    why.click()
    expect(dialog.get_by_text("Computing the explanation")).to_be_visible()
    worker.kill()
    expect(dialog.get_by_text("The explanation broke off: try again.")).to_be_visible()
    dialog.get_by_role("button", name="Try again").click()
    expect(dialog.get_by_text("Guided back-propagation", exact=True)).to_be_visible(timeout=180_000)
    expect(dialog.get_by_text("broke off")).to_have_count(0)


def test_a_snapshot_from_the_camera(visit) -> None:
    page = visit()
    page.get_by_role("button", name="Use the camera").click()
    expect(page.get_by_role("button", name="Take Photo")).to_be_visible()
    # As a visitor does, who sees the picture before they take it; earlier the button does nothing.
    page.wait_for_function("document.querySelector('video')?.readyState >= 3")
    page.get_by_role("button", name="Take Photo").click()
    expect(page.get_by_alt_text("Snapshot.jpg with 1 face")).to_be_visible()
    expect(page.get_by_text(re.compile(r"Looks happy, \d+ %"))).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Take another").click()
    expect(page.get_by_role("button", name="Take Photo")).to_be_visible()


def test_the_notice_and_the_glossary_are_one_click_away(visit) -> None:
    page = visit("images")
    page.get_by_role("button", name="What this can and cannot tell").click()
    expect(page.get_by_role("dialog").get_by_text("Article 5(1)(f)")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Glossary").click()
    expect(
        page.get_by_role("dialog").get_by_role("cell", name="class prior", exact=True)
    ).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_window_and_both_themes(visit, scheme: str) -> None:
    page = visit(size=NARROW, scheme=scheme)
    expect(page.get_by_role("heading", name=re.compile("looks happy"))).to_be_visible()
    assert not scrolls_sideways(settled(page))
    paper = page.get_by_test_id("stApp").evaluate("e => getComputedStyle(e).backgroundColor")
    ink = page.locator(".role-axis-label text").first.evaluate("e => getComputedStyle(e).fill")
    assert (brightness(paper) > 200 > 80 > brightness(ink)) == (scheme == "light")
    assert (brightness(ink) > 200 > 80 > brightness(paper)) == (scheme == "dark")
    save_picture(page, f"home-narrow-{scheme}")

    page.goto(page.url + "images")
    page.get_by_role("button", name="Use the example").click()
    expect(page.get_by_alt_text("Example portrait.png with 1 face")).to_be_visible()
    assert not scrolls_sideways(settled(page))
    save_picture(page, f"images-narrow-{scheme}")


def brightness(color: str) -> float:
    return float(np.mean([float(v) for v in re.findall(r"[\d.]+", color)[:3]]))
