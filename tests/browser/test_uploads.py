"""Files that are chosen while the connection is lost, as behind a phone's file picker."""

import base64
import io
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import (
    BrowserContext,
    Locator,
    Page,
    Route,
    WebSocketRoute,
    expect,
)

from benchmarks.browser import App
from fer_core.images import example_portrait
from tests.browser.page_tools import settled
from tests.browser.wire import Wire
from tests.conftest import ARTIFACTS

pytestmark = pytest.mark.browser

HAPPY = re.compile(r"Looks happy, \d+ %")


@pytest.fixture
def wire(app: App) -> Iterator[Wire]:
    wire = Wire(app.port)
    yield wire
    wire.close()


class Line:
    """A page's connection to the app, which may fall silent without an end, as a phone's."""

    def __init__(self, page: Page) -> None:
        self.silent = self.cut = False
        self.dropped = 0
        self._ends: list[WebSocketRoute] = []
        page.route_web_socket("**/_stcore/stream", self._open)

    def _open(self, near: WebSocketRoute) -> None:
        if self.cut:
            near.close()
            return
        far = near.connect_to_server()
        near.on_message(lambda message: self._carry(message, far))
        far.on_message(lambda message: self._carry(message, near))
        self._ends = [near, far]

    def _carry(self, message: str | bytes, to: WebSocketRoute) -> None:
        if self.silent:
            self.dropped += 1
        else:
            to.send(message)

    def close(self) -> None:
        for end in self._ends:
            end.close()


def open_images(page: Page, url: str) -> None:
    page.goto(f"{url}/images", wait_until="domcontentloaded")
    expect(page.get_by_text("Drop pictures here")).to_be_visible()
    settled(page)


def disconnected(page: Page) -> None:
    app = page.get_by_test_id("stApp")
    expect(app).not_to_have_attribute("data-test-connection-state", "CONNECTED")


def connected(page: Page) -> None:
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-connection-state", "CONNECTED")


def portrait() -> bytes:
    file = io.BytesIO()
    Image.fromarray(example_portrait()).save(file, "JPEG")
    return file.getvalue()


def choose(page: Page) -> None:
    page.locator("input[type=file]").set_input_files(
        {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": portrait()}
    )


def drop(page: Page) -> None:
    files = page.evaluate_handle(
        """(content) => {
          const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
          const files = new DataTransfer();
          files.items.add(new File([bytes], "me.jpg", { type: "image/jpeg" }));
          return files;
        }""",
        base64.b64encode(portrait()).decode(),
    )
    page.get_by_test_id("stFileUploaderDropzone").dispatch_event("drop", {"dataTransfer": files})


def until(page: Page, ready: Callable[[], bool]) -> None:
    """Wait for what the test's own handlers see: they run only while the page is asked."""
    end = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < end, "it never came"
        page.wait_for_timeout(50)


def alert(page: Page) -> Locator:
    return page.get_by_role("alert").get_by_text("Choose it again")


@pytest.mark.parametrize("give", [choose, pytest.param(drop, marks=pytest.mark.slow)])
def test_a_file_given_without_a_connection_arrives(
    context: BrowserContext, wire: Wire, give: Callable[[Page], None]
) -> None:
    page = context.new_page()
    open_images(page, wire.url)
    wire.cut()
    disconnected(page)
    give(page)
    wire.restore()
    expect(page.get_by_text(HAPPY)).to_be_visible()
    expect(alert(page)).to_have_count(0)


@pytest.mark.slow
def test_a_file_that_is_asked_for_on_a_dead_line_arrives(context: BrowserContext, app: App) -> None:
    page = context.new_page()
    line = Line(page)
    open_images(page, app.url)
    line.silent = True
    choose(page)
    until(page, lambda: line.dropped > 0)
    line.silent = False
    line.close()
    expect(page.get_by_text(HAPPY)).to_be_visible()
    expect(alert(page)).to_have_count(0)


@pytest.mark.slow
def test_a_file_that_arrives_while_the_line_is_cut_is_seen(
    context: BrowserContext, app: App
) -> None:
    page = context.new_page()
    line = Line(page)
    sent: list[Route] = []
    page.route("**/_stcore/upload_file/**", lambda route: sent.append(route))
    open_images(page, app.url)
    choose(page)
    until(page, lambda: bool(sent))
    (upload,) = sent
    response = upload.fetch()
    assert response.status == 204
    line.cut = True
    line.close()
    disconnected(page)
    upload.fulfill(response=response)
    expect(page.get_by_role("button", name="Remove me.jpg")).to_be_visible()
    line.cut = False
    expect(page.get_by_text(HAPPY)).to_be_visible()


def test_an_upload_that_breaks_off_asks_for_the_file_again(
    context: BrowserContext, app: App
) -> None:
    page = context.new_page()
    open_images(page, app.url)
    page.route("**/_stcore/upload_file/**", lambda route: route.abort())
    choose(page)
    expect(alert(page)).to_be_visible()
    page.unroute("**/_stcore/upload_file/**")
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / "images-upload-lost.png")
    choose(page)
    expect(page.get_by_text(HAPPY)).to_be_visible()
    expect(alert(page)).to_have_count(0)


@pytest.mark.slow
def test_a_file_that_never_arrives_is_asked_for_again(context: BrowserContext, app: App) -> None:
    page = context.new_page()
    line = Line(page)
    open_images(page, app.url)
    line.silent = True
    choose(page)
    expect(alert(page)).to_be_visible()
    # Elsewhere there is nothing to choose again.
    line.silent = False
    page.get_by_role("link", name="Home", exact=True).first.click()
    expect(alert(page)).to_have_count(0)


@pytest.mark.slow
def test_a_file_chosen_while_the_server_restarts_arrives(
    context: BrowserContext, tmp_path: Path
) -> None:
    app = App(tmp_path / "home", tmp_path / "app.log")
    try:
        page = context.new_page()
        open_images(page, app.url)
        app.stop()
        disconnected(page)
        choose(page)
        app.start()
        expect(page.get_by_text(HAPPY)).to_be_visible()
        # Nor is one lost that comes first of all after a restart.
        page.get_by_role("button", name="Clear").click()
        expect(page.get_by_role("button", name="Use the example")).to_be_visible()
        open_images(page, app.url)
        app.stop()
        disconnected(page)
        app.start()
        connected(page)
        choose(page)
        expect(page.get_by_text(HAPPY)).to_be_visible()
    finally:
        app.stop()


@pytest.mark.slow
def test_an_archive_chosen_without_a_connection_arrives(
    context: BrowserContext, wire: Wire
) -> None:
    page = context.new_page()
    page.goto(f"{wire.url}/models", wait_until="domcontentloaded")
    page.get_by_role("button", name="Import").click()
    wire.cut()
    disconnected(page)
    page.locator("input[type=file]").set_input_files(
        {"name": "model.zip", "mimeType": "application/zip", "buffer": b"no archive"}
    )
    wire.restore()
    expect(page.get_by_role("button", name="Remove model.zip")).to_be_visible()
    expect(alert(page)).to_have_count(0)
    page.get_by_role("button", name="Check and add").click()
    expect(page.get_by_test_id("stAlert")).to_be_visible()
