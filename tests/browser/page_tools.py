"""What the browser tests of several pages share."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect


@contextmanager
def window(browser: Browser, width: int = 1280, height: int = 800) -> Iterator[BrowserContext]:
    """A window of its own, with patience for slow machines."""
    context = browser.new_context(viewport=ViewportSize(width=width, height=height))
    context.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    yield context
    expect.set_options(timeout=5_000)
    context.close()


def settled(page: Page) -> Page:
    """Wait until the page's script is done and every picture is there.

    A click that comes before may meet a button that is just being drawn again, and is lost.
    """
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.locator("[data-stale=true]")).to_have_count(0)
    page.wait_for_function("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    return page
