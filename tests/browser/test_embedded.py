"""The live page in a frame of another site's page, with and without a right to the camera."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, expect

from benchmarks.browser import App, chromium_with_camera

pytestmark = pytest.mark.browser

SENTENCE = 'The page that embeds this app must allow the camera: allow="camera" on its iframe.'


@pytest.fixture(scope="module")
def embedder(app: App) -> Iterator[str]:
    """Address of a page that shows Live in a frame; with `?allow` the frame has the camera.

    To the browser, localhost is another site than the app's 127.0.0.1.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            allow = 'allow="camera"' if self.path.endswith("?allow") else ""
            frame = f'<iframe {allow} src="{app.url}/live" width="1200" height="750"></iframe>'
            content = f"<!DOCTYPE html><title>Another site</title>{frame}".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser(chromium: str, camera: Path) -> Iterator[Browser]:
    with chromium_with_camera(chromium, camera) as found:
        yield found


def embedded(context: BrowserContext, address: str) -> FrameLocator:
    page = context.new_page()
    page.goto(address, wait_until="domcontentloaded")
    return page.frame_locator("iframe")


def test_a_frame_without_the_camera_says_what_the_embedding_page_must_do(
    context: BrowserContext, embedder: str, app: App
) -> None:
    frame = embedded(context, embedder)
    expect(frame.get_by_role("radio", name="Through the server", exact=True)).to_be_checked()
    ask = frame.get_by_role("button", name="Start", exact=True)
    said = frame.get_by_text(SENTENCE)
    ask.click()
    expect(said).to_be_visible()
    # The other way says the same, in a browser too that cannot be asked for the reason.
    frame.get_by_role("radio", name="On this device", exact=True).click()
    expect(said).to_have_count(0)
    frame.locator("body").evaluate(
        "() => Object.defineProperty(document, 'featurePolicy', { value: undefined })"
    )
    expect(frame.get_by_text("Only numbers").first).to_be_visible()
    ask.click()
    expect(said).to_be_visible()
    expect(frame.get_by_text("address bar")).to_have_count(0)
    with context.expect_page() as opening:
        frame.get_by_role("link", name="Open in a tab of its own").click()
    own = opening.value
    assert own.url == f"{app.url}/live"
    expect(own.get_by_role("button", name="Start", exact=True)).to_be_visible()


@pytest.mark.slow
def test_a_frame_with_the_camera_uses_it(context: BrowserContext, embedder: str) -> None:
    frame = embedded(context, f"{embedder}?allow")
    frame.get_by_role("button", name="Start", exact=True).click()
    expect(frame.get_by_text("frames/s")).to_be_visible()
