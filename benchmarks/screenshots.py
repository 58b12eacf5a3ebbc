"""Every page in four variants, to be looked at: ``python -m benchmarks screenshots``.

Goes through the app on the demo faces, wide and narrow, light and dark, and keeps a picture of
each page and of what opens in it.
"""

import argparse
import io
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from benchmarks.browser import App, chromium_with_camera, find_chromium
from fer_core.errors import FerError
from fer_core.images import example_portrait
from ui.common import navigation

if TYPE_CHECKING:
    from playwright.sync_api import Page

SIZES: Final = {"wide": (1280, 800), "narrow": (390, 844)}
SCHEMES: Final = ("light", "dark")


def walk(page: "Page", url: str, at: Callable[[str], None]) -> None:
    """Go through all pages and what opens in them.

    Args:
        page: A tab of a browser.
        url: Of an app whose dataset is ``demo``.
        at: Called at every station with its name.
    """
    from playwright.sync_api import expect

    def go(path: str, sign: str) -> None:
        page.goto(f"{url}/{path}", wait_until="domcontentloaded")
        expect(page.get_by_text(sign).first).to_be_visible()
        settle(page)

    def press(name: str) -> None:
        page.get_by_role("button", name=name, exact=True).first.click()

    def show(view: str) -> None:
        page.get_by_test_id("stMain").get_by_text(view, exact=True).first.click()

    def arrive(name: str) -> None:
        settle(page)
        at(name)

    go("", "looks happy")
    arrive("home")
    press("What this can and cannot tell")
    arrive("home-notice")
    page.keyboard.press("Escape")
    press("Stored data")
    arrive("home-stored-data")
    go("images", "Drop pictures here")
    arrive("images")
    page.locator("input[type=file]").set_input_files(_pictures())
    expect(page.get_by_text("4 pictures")).to_be_visible()
    arrive("images-grid")
    show("Summary")
    expect(page.get_by_text("Emotions of the faces")).to_be_visible()
    arrive("images-summary")
    show("Pictures")
    press("twins.jpg")
    press("Correct face 2…")
    expect(page.get_by_role("button", name="Save label")).to_be_visible()
    arrive("images-correct")
    page.get_by_role("dialog").get_by_text("Sad", exact=True).click()
    press("Save label")
    expect(page.get_by_text("Sad, your label")).to_be_visible()
    arrive("images-opened")
    press("Explain face 1")
    expect(page.get_by_text("Guided back-propagation")).to_be_visible(timeout=300_000)
    arrive("images-why")
    go("live", "Before you start")
    arrive("live")
    press("Stimuli")
    expect(page.get_by_text("Play videos and pictures").first).to_be_visible()
    arrive("live-stimuli")
    go("video", "Drop a video here")
    arrive("video")
    press("Sample clip")
    expect(page.get_by_text("Key moments")).to_be_visible(timeout=300_000)
    arrive("video-result")
    page.get_by_role("button", name=re.compile("^Correct at ")).first.click()
    expect(page.get_by_role("button", name="Save label")).to_be_visible()
    arrive("video-correct")
    page.get_by_role("dialog").get_by_text("Sad", exact=True).click()
    press("Save label")
    expect(page.get_by_text("Your labels (1)")).to_be_visible()
    page.get_by_text("People (2)").click()
    arrive("video-people")
    press("Another video")
    arrive("video-earlier")
    go("dataset", "faces · 7 classes")
    arrive("dataset-overview")
    for view in ("Browse", "Problems", "Corrections", "Collected"):
        show(view)
        arrive(f"dataset-{view.lower()}")
    go("training", "New run")
    arrive("training")
    press("New run")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()
    arrive("training-form")
    page.get_by_role("tab", name="Network").click()
    arrive("training-network")
    go("training", "New run")
    press("Quick try on demo faces")
    # A run that goes on would change the page while it is looked at.
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_enabled(timeout=300_000)
    press("Pause")
    expect(page.locator(".stMarkdownBadge", has_text="paused")).to_be_visible(timeout=300_000)
    arrive("training-run")
    press("Delete")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    go("models", "Import")
    arrive("models")
    go("models?model=fast", "fast: ")
    arrive("models-card")
    go("models?model=fast&model=pk_03", "They disagree")
    arrive("models-compared")
    go("study", "New study")
    arrive("study")
    press("Example study")
    expect(page.get_by_role("heading", name="Example study")).to_be_visible(timeout=300_000)
    expect(page.get_by_role("radio", name="Report", exact=True)).to_be_visible()
    for view in page.get_by_role("radiogroup").first.get_by_role("radio").all_inner_texts():
        page.get_by_role("radio", name=view, exact=True).click()
        arrive(f"study-{view.lower()}")
    known = {"home", "images", "live", "video", "dataset", "training", "models", "study"}
    for entry in navigation.PAGES:
        if (name := Path(entry.file).stem) not in known:
            go(name, entry.title)
            arrive(name)


def stretch(page: "Page") -> None:
    """Make the window as high as what is on the page, which scrolls in a part of its own."""
    width = page.viewport_size["width"] if page.viewport_size else 1280
    page.set_viewport_size({"width": width, "height": 800})
    main = page.get_by_test_id("stMain")
    height = main.evaluate("one => one.scrollHeight + one.getBoundingClientRect().top")
    page.set_viewport_size({"width": width, "height": min(6000, max(800, round(height)))})
    page.wait_for_timeout(700)


def settle(page: "Page") -> None:
    """Wait until the script is done and what moves has come to rest."""
    from playwright.sync_api import expect

    page.wait_for_timeout(300)
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.locator("[data-stale=true]")).to_have_count(0)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    page.wait_for_timeout(700)


def _pictures() -> list[dict]:
    portrait = example_portrait()
    arrays = {
        "twins": np.hstack([portrait[:, :400], portrait[:, 399::-1]]),
        "portrait": portrait,
        "grey": np.full((300, 400, 3), 128, np.uint8),
    }
    files = [{"name": "damaged.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"}]
    for name, array in arrays.items():
        file = io.BytesIO()
        Image.fromarray(array).save(file, "JPEG")
        files.append({"name": f"{name}.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()})
    return files


def main(arguments: list[str]) -> None:
    """Take the pictures."""
    from playwright.sync_api import expect

    parser = argparse.ArgumentParser(prog="python -m benchmarks screenshots", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("screenshots"), help="Folder for them.")
    parser.add_argument("--full", action="store_true", help="Whole pages, not the first screen.")
    given = parser.parse_args(arguments)
    chromium = find_chromium()
    if chromium is None:
        raise FerError("There is no Chromium: install one, or name it in FER_CHROMIUM.")
    given.out.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=60_000)
    for size, (width, height) in SIZES.items():
        for scheme in SCHEMES:
            with tempfile.TemporaryDirectory() as folder:
                app = App(Path(folder) / "home", Path(folder) / "app.log", FER_DATA="demo")
                try:
                    with chromium_with_camera(chromium, None) as browser:
                        page = browser.new_context(
                            viewport={"width": width, "height": height},
                            color_scheme=scheme,
                            has_touch=size == "narrow",
                        ).new_page()
                        page.set_default_timeout(60_000)

                        def take(name: str, page: "Page" = page, variant: str = "") -> None:
                            path = given.out / f"{name}-{variant}.png"
                            if given.full:
                                stretch(page)
                            page.screenshot(path=path)

                        variant = f"{size}-{scheme}"
                        walk(page, app.url, lambda name, v=variant, t=take: t(name, variant=v))
                finally:
                    app.stop()
            print(f"{size}, {scheme}: {given.out}")
