"""The app below a path of another server, as docs/hosting.md shows it: a real nginx."""

import contextlib
import csv
import io
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Response, expect

from benchmarks.browser import ROOT, App, chromium_with_camera, free_port, wait_for
from fer_core.datasets import demo
from fer_core.datasets.fer2013 import export_csv
from fer_core.images import example_portrait
from fer_core.table import columns
from tests.browser.live_tools import start, stop
from tests.browser.oidc import Provider
from tests.browser.page_tools import settled
from ui.common.navigation import HOME, IMAGES, LIVE, PAGES, Entry
from ui.services.access import COOKIE

pytestmark = pytest.mark.browser

#: A name that Chromium leads to this machine by itself, and that may use a camera. The app
#: does not know it, as it does not know the name of the proxy in front of it.
HOST = "shared.localhost"
PATH = "faces"
HAPPY = re.compile(r"Looks happy, \d+ %")


class Nginx:
    """In front of an app, with the configuration of docs/hosting.md."""

    def __init__(self, folder: Path, to: int) -> None:
        program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            reason = "no nginx on this machine: 'make test' installs one"
            if os.environ.get("FER_REQUIRE_BROWSER"):
                pytest.fail(reason)
            pytest.skip(reason)
        self.port = free_port()
        self.log = folder / "error.log"
        hosting = (ROOT / "docs" / "hosting.md").read_text(encoding="utf-8")
        (location,) = re.findall(r"```nginx\n(.*?)```", hosting, re.DOTALL)
        assert "127.0.0.1:8501" in location
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"{kind}_temp_path {folder / kind};\n" for kind in kinds)
        # Its workers would have no right to the temporary folder of an administrator.
        user = "user root;" if os.name == "posix" and os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(
            f"""
            {user}
            daemon off;
            pid {folder / "nginx.pid"};
            error_log {self.log};
            events {{}}
            http {{
                access_log off;
                {temporary}
                server {{
                    listen 127.0.0.1:{self.port};
                    {location.replace("127.0.0.1:8501", f"127.0.0.1:{to}")}
                }}
            }}
            """,
            encoding="utf-8",
        )
        self.process = subprocess.Popen(
            [program, "-p", folder, "-e", self.log, "-c", folder / "nginx.conf"]
        )
        wait_for((folder / "nginx.pid").is_file, 30, self.said)

    def said(self) -> str:
        return self.log.read_text(errors="replace", encoding="utf-8")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


@dataclass(frozen=True)
class Proxied:
    """Where visitors find the app."""

    url: str


@contextlib.contextmanager
def behind_nginx(folder: Path, secrets: Callable[[str], str] | None = None, **environment: str):
    """The app and the proxy before it; ``secrets`` writes secrets.toml for their address."""
    port = free_port()
    nginx = Nginx(folder, port)
    proxied = Proxied(f"http://{HOST}:{nginx.port}/{PATH}")
    if secrets:
        (folder / "secrets.toml").write_text(secrets(proxied.url), encoding="utf-8")
        environment["STREAMLIT_SECRETS_FILES"] = str(folder / "secrets.toml")
    log = folder / "app.log"
    environment["STREAMLIT_SERVER_BASE_URL_PATH"] = PATH
    try:
        running = App(folder / "home", log, port, **environment)
        try:
            yield proxied
        finally:
            running.stop()
    finally:
        nginx.stop()
    assert "Traceback" not in log.read_text(errors="replace", encoding="utf-8")
    assert nginx.said() == ""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    folder = tmp_path_factory.mktemp("proxied")
    export_csv(demo.load(140, 35, 35, seed=4), folder / "small.csv")
    with behind_nginx(folder, FER_DATA=str(folder / "small.csv"), FER_LIVE="device") as proxied:
        yield proxied


@pytest.fixture(scope="module")
def browser(chromium: str, camera: Path) -> Iterator[Browser]:
    with chromium_with_camera(chromium, camera) as found:
        yield found


@pytest.fixture
def visit(visit, app: Proxied):
    """As everywhere, and nothing may be asked for in vain."""
    failed: list[str] = []
    # Streamlit itself looks below a page's address first for where the app is.
    search = re.compile(r"/\w+/_stcore/(health|host-config)$")

    def note(response: Response) -> None:
        if response.status >= 400 and not search.search(response.url.removeprefix(app.url)):
            failed.append(f"{response.status} {response.url}")

    def open_page(path: str = "") -> Page:
        page = visit(path)
        page.on("response", note)
        return page

    yield open_page
    assert not failed


def without_error(page: Page) -> Page:
    expect(settled(page).get_by_test_id("stException")).to_have_count(0)
    return page


def heading(page: Page, entry: Entry) -> None:
    name = re.compile("This face looks happy") if entry is HOME else entry.title
    expect(page.get_by_role("heading", name=name).first).to_be_visible()
    without_error(page)


def address(app: Proxied, entry: Entry) -> str:
    return f"{app.url}/{'' if entry is HOME else Path(entry.file).stem}"


@pytest.mark.slow
def test_every_page_opens_and_leads_to_the_others(visit, app: Proxied) -> None:
    # The first visitor of a fresh server comes by a link to a page; a slash more is forgiven.
    page = visit("live/")
    heading(page, LIVE)
    assert page.url == f"{app.url}/live"
    for entry in PAGES:
        page.get_by_role("link", name=entry.title, exact=True).first.click()
        heading(page, entry)
        assert page.url == address(app, entry)
    page.get_by_role("link", name=HOME.title, exact=True).first.click()
    page.get_by_role("button", name="Try your own photo").click()
    heading(page, IMAGES)
    assert page.url == address(app, IMAGES)


@pytest.mark.slow
@pytest.mark.parametrize("entry", PAGES, ids=lambda entry: entry.title)
def test_every_page_opens_by_its_address(visit, app: Proxied, entry: Entry) -> None:
    page = visit(address(app, entry).removeprefix(f"{app.url}/"))
    heading(page, entry)
    assert page.url == address(app, entry)


def test_a_picture_is_uploaded_and_its_table_downloaded(visit) -> None:
    page = visit("images")
    file = io.BytesIO()
    Image.fromarray(example_portrait()).save(file, "PNG")
    page.locator("input[type=file]").set_input_files(
        {"name": "me.png", "mimeType": "image/png", "buffer": file.getvalue()}
    )
    expect(page.get_by_text(HAPPY)).to_be_visible()
    without_error(page)
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Table of faces").click()
    rows = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text(encoding="utf-8"))))
    assert [row["source"] for row in rows] == ["me.png"] and list(rows[0]) == columns("pictures")


@pytest.mark.slow
def test_live_on_the_device(visit) -> None:
    page = visit("live")
    expect(page.get_by_role("radio", name="On this device")).to_be_checked()
    start(page)
    expect(page.get_by_text(HAPPY).first).to_be_visible()
    stop(page)
    # The visitor's key goes to this app alone, not to others of the same host.
    (key,) = (one for one in page.context.cookies() if one["name"] == COOKIE)
    assert key["path"] == f"/{PATH}/"


@pytest.mark.slow
def test_live_through_the_server(visit) -> None:
    page = visit("live")
    page.get_by_role("radio", name="Through the server").click()
    expect(page.get_by_text("comes back").first).to_be_visible()
    start(page)
    expect(page.get_by_text(HAPPY).first).to_be_visible()
    stop(page)


@pytest.mark.slow
def test_the_grid_of_a_dataset(visit) -> None:
    page = visit("dataset")
    page.get_by_test_id("stMain").get_by_text("Browse", exact=True).first.click()
    faces = page.get_by_role("option", name=re.compile("^Row"))
    expect(faces).to_have_count(60)
    pictures = faces.locator(".picture").evaluate_all(
        "all => all.map((one) => getComputedStyle(one).backgroundImage)"
    )
    assert all(picture.startswith('url("data:image/') for picture in pictures)
    page.get_by_role("button", name="Export").click()
    page.get_by_role("button", name="Cleaned dataset (CSV)").click()
    page.keyboard.press("Escape")
    with page.expect_download() as waiting:
        page.get_by_role("button", name=re.compile("^Download .*cleaned.csv")).click()
    assert len(Path(waiting.value.path()).read_text(encoding="utf-8").splitlines()) == 211


@pytest.mark.slow
def test_the_timeline_of_a_video(visit) -> None:
    page = visit("video")
    # The quickest analysis that has a video to play.
    page.get_by_text("Annotated video", exact=True).click()
    page.get_by_text("Keep my video", exact=True).click()
    page.get_by_role("combobox", name="Sampled frames").click()
    page.get_by_role("option", name="1 a second").click()
    without_error(page)
    page.get_by_role("button", name="Sample clip").click()
    timeline = page.get_by_role("slider", name="Timeline: choose a moment")
    expect(timeline.locator("path.curve").first).to_be_visible()
    without_error(page)
    # The player has its video, and the timeline moves it.
    page.wait_for_function("document.querySelector('video')?.readyState > 0")
    timeline.click(position={"x": timeline.bounding_box()["width"] / 2, "y": 60})
    page.wait_for_function("Math.abs(document.querySelector('video').currentTime - 6) < 1")


@pytest.mark.slow
def test_an_administrator_signs_in(browser: Browser, tmp_path: Path) -> None:
    provider = Provider()
    provider.claims = {"email": "ada@example.org", "email_verified": True}
    with behind_nginx(
        tmp_path, provider.secrets_toml, FER_PUBLIC="1", FER_ADMINS="ada@example.org"
    ) as app:
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{app.url}/training", wait_until="domcontentloaded")
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(f"{app.url}/")
        page.goto(f"{app.url}/training", wait_until="domcontentloaded")
        said = page.get_by_text("Signed in as ada@example.org")
        expect(said).to_be_visible(timeout=60_000)
        page.close()
    provider.stop()
