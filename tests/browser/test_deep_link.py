"""A link to a page works on a server that nobody has visited before."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from benchmarks.browser import App, chromium_with_camera
from tests.browser.live_tools import open_live


@pytest.mark.browser
def test_the_first_visitor_of_all_may_come_by_a_link(chromium: str, tmp_path: Path) -> None:
    app = App(tmp_path / "home", tmp_path / "app.log")
    try:
        with chromium_with_camera(chromium, None) as browser:
            page = open_live(browser.new_context(), app.url)
            # The navigation of the front door, not the file names that Streamlit would list.
            expect(page.get_by_role("link", name="Images", exact=True)).to_be_visible()
            expect(page.get_by_role("link", name="streamlit app")).to_have_count(0)
    finally:
        app.stop()
