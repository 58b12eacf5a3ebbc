"""What the browser tests of several pages share."""

from playwright.sync_api import Page, expect


def settled(page: Page) -> Page:
    """Wait until the page's script is done and every picture is there.

    A click that comes before may meet a button that is just being drawn again, and is lost.
    """
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.locator("[data-stale=true]")).to_have_count(0)
    page.wait_for_function("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    return page
