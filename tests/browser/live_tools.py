"""What the live view's browser tests do again and again."""

import csv
import io
import re
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect


def open_live(context: BrowserContext, url: str) -> Page:
    page = context.new_page()
    page.goto(f"{url}/live", wait_until="domcontentloaded")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible(timeout=90_000)
    return page


def hold_the_camera(context: BrowserContext) -> None:
    """Chromium cannot be given a camera that another program holds, only the answer to it."""
    context.add_init_script(
        """navigator.mediaDevices.getUserMedia = () =>
             Promise.reject(new DOMException('Could not start video source', 'NotReadableError'))"""
    )


def start(page: Page) -> None:
    page.get_by_role("button", name="Start", exact=True).click()
    # Figures appear only when frames have come back to the browser and were decoded.
    expect(page.get_by_text(re.compile(r"\d+ frames/s · \d+ analyses/s"))).to_be_visible(
        timeout=90_000
    )


def stop(page: Page) -> None:
    # Streamlit shows a 'Stop' of its own while a script runs, so not by name.
    page.locator("#start").click()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()


def table(page: Page) -> list[dict[str, str]]:
    """The table of a recording, downloaded."""
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Table (CSV)").click()
    page.keyboard.press("Escape")
    return list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text(encoding="utf-8"))))


def decoded(page: Page) -> int:
    """Frames that the video element has shown."""
    return page.evaluate(
        """() => {
          const all = [...document.querySelectorAll('*')].flatMap(
            (e) => [...(e.shadowRoot?.querySelectorAll('video') ?? [])]);
          return all[0]?.getVideoPlaybackQuality().totalVideoFrames ?? 0;
        }"""
    )
