"""What browser tests share: a visit to the ``app`` of a module with its ``browser``."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from benchmarks.browser import App, chromium_with_camera
from benchmarks.camera import moving_portrait, write_y4m
from tests.browser.made_cameras import with_cameras
from tests.browser.page_tools import window

WIDE = {"width": 1280, "height": 800}


@pytest.fixture(scope="module")
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app as it comes, with the ``SETTINGS`` of the module if it has some."""
    folder = tmp_path_factory.mktemp("app")
    settings = getattr(request.module, "SETTINGS", {})
    running = App(folder / "home", folder / "app.log", **settings)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One without a camera; modules that want one have their own."""
    with chromium_with_camera(chromium, None) as found:
        yield found


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_y4m(tmp_path_factory.mktemp("camera") / "portrait.y4m", moving_portrait())


@pytest.fixture
def context(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    """A window; with the ``CAMERA`` of the module, if it has one, and room for all of Live."""
    made = getattr(request.module, "CAMERA", None)
    with window(browser, **({"height": 1000} if made else {})) as context:
        if made:
            with_cameras(context, made)
        yield context


@pytest.fixture
def visit(browser: Browser, app: App) -> Iterator:
    """Opens a page of the app in a window of its own; nothing may come from elsewhere."""
    contexts, strangers = [], set()

    def note(request: Request) -> None:
        if not request.url.startswith((app.url, "data:", "blob:")):
            strangers.add(request.url)

    def open_page(path: str = "", *, size: dict = WIDE, scheme: str = "light") -> Page:
        context = browser.new_context(viewport=size, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("request", note)
        page.set_default_timeout(120_000)
        page.goto(f"{app.url}/{path}", wait_until="domcontentloaded")
        return page

    expect.set_options(timeout=120_000)
    yield open_page
    expect.set_options(timeout=5_000)
    for context in contexts:
        context.close()
    assert not strangers, "the browser was sent to other machines"
