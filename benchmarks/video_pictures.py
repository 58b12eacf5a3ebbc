"""The pictures of docs/video.md: ``python -m benchmarks video_pictures``.

Reads the sample clip, which the program makes, on the page as a visitor would, and writes
``docs/pictures/video-….webp``.
"""

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect

from benchmarks.browser import App, chromium_with_camera, find_chromium, wait_for
from benchmarks.walkthrough import PICTURES, save_picture, take


def walk(page: Page, url: str, folder: Path) -> None:
    """Go from the empty page to the report, a picture at every station."""
    page.goto(f"{url}/video", wait_until="domcontentloaded")
    page.get_by_role("button", name="Sample clip").click()
    expect(page.get_by_text("Key moments")).to_be_visible()
    page.wait_for_function("document.querySelector('video')?.readyState > 1")
    page.get_by_text("People (").click()
    for number, name in ((1, "Drawn"), (2, "Eileen")):
        page.get_by_label(f"Person {number}", exact=True).fill(name)
    page.get_by_role("button", name="Save names").click()
    expect(page.get_by_text("Drawn turns to").first).to_be_visible()
    page.get_by_text("Stacked", exact=True).click()
    page.get_by_role("button", name="0:06").first.click()
    wait_for(lambda: page.evaluate("document.querySelector('video').currentTime") > 5, 30)
    page.get_by_test_id("stMain").evaluate("e => e.scrollTo(0, 0)")
    save_picture(page, "video-result")
    page.get_by_text("Key moments").evaluate("e => e.scrollIntoView()")
    save_picture(page, "video-moments")

    page.get_by_role("button", name="Export").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Report (HTML)").click()
    waiting.value.save_as(folder / "report.html")
    page.goto((folder / "report.html").as_uri())
    page.get_by_role("heading", name="Drawn").evaluate("e => e.scrollIntoView()")
    page.wait_for_timeout(1500)
    take(page, "video-report")


def main(arguments: list[str]) -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        app = App(folder, folder / "app.log")
        try:
            with chromium_with_camera(find_chromium(), None) as browser:
                page = browser.new_page(viewport={"width": 1280, "height": 800})
                page.set_default_timeout(180_000)
                expect.set_options(timeout=180_000)
                walk(page, app.url, folder)
        finally:
            app.stop()
    for path in sorted(PICTURES.glob("video-*.webp")):
        print(f"{path.name}: {path.stat().st_size // 1000} kB")
