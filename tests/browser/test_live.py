"""The live page as it is used: a real Chromium, a camera made of the example portrait."""

import csv
import io
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from benchmarks.browser import App, chromium_with_camera, wait_for
from fer_core.table import columns
from tests.browser.live_tools import decoded, hold_the_camera, open_live, start, stop
from tests.browser.page_tools import settled

# Slow: a camera, a server and a browser on two cores want them to themselves.
pytestmark = [pytest.mark.browser, pytest.mark.slow]

#: Notes what the app asks of the network: every name, every address that is not its own.
WATCH = """
import ipaddress, os, sys

def note(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        target = arguments[0]
    elif event in ("socket.connect", "socket.sendto"):
        target = arguments[1][0] if isinstance(arguments[1], tuple) else None
    else:
        return
    target = target.decode() if isinstance(target, bytes) else target
    if not target:
        return
    try:
        if not ipaddress.ip_address(target).is_global:
            return
    except ValueError:
        pass
    with open(os.environ["WATCH_FILE"], "a") as file:
        print(event, target, file=file)

sys.addaudithook(note)
"""


@pytest.fixture
def browser(chromium: str, camera: Path) -> Iterator[Browser]:
    with chromium_with_camera(chromium, camera) as found:
        yield found


@pytest.fixture
def context(browser: Browser) -> BrowserContext:
    return browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)


def rows(page: Page) -> int:
    text = page.get_by_text(re.compile(r"recording, \d+ rows")).inner_text(timeout=90_000)
    return int(re.search(r"recording, (\d+) rows", text)[1])


def download(page: Page, name: str) -> str:
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name).click()
    page.keyboard.press("Escape")
    return Path(waiting.value.path()).read_text(encoding="utf-8")


def test_a_visit_from_start_to_export(context: BrowserContext, app: App) -> None:
    page = open_live(context, app.url)
    expect(page.get_by_text("AI Act").first).to_be_visible()
    start(page)
    expect(page.get_by_text(re.compile(r"Looks happy, \d+ %")).first).to_be_visible(timeout=60_000)

    # The numbers grow while they are recorded, and no control stops the picture.
    page.get_by_text("Record numbers").click()
    before = rows(page)
    shown = decoded(page)
    for control in ("Mirror", "Labels", "Bars"):
        page.get_by_text(control, exact=True).click()
    wait_for(lambda: decoded(page) > shown + 20, 120)
    wait_for(lambda: rows(page) > before + 10, 120)
    assert decoded(page) > shown

    stop(page)
    expect(page.get_by_text("This recording")).to_be_visible(timeout=60_000)
    expect(page.get_by_text(re.compile("mostly happy"))).to_be_visible()
    table = list(csv.DictReader(io.StringIO(download(page, "Table (CSV)"))))
    assert list(table[0]) == columns("live")
    assert len(table) > 10 and float(table[0]["time"]) == 0
    value = json.loads(download(page, "Summary and table (JSON)"))
    assert value["summary"]["dominant"] == "Happy" and len(value["rows"]) == len(table)

    # The numbers are still there when the camera starts and stops again.
    start(page)
    stop(page)
    expect(page.get_by_text("This recording")).to_be_visible(timeout=60_000)


#: Holds back every component's script until the page is told to let it go.
HOLD = """
globalThis.held = new Promise((letGo) => (globalThis.letScriptsGo = letGo));
const address = URL.createObjectURL;
URL.createObjectURL = (file) => file.type !== "text/javascript" ? address(file)
  : address(new Blob(["await globalThis.held;\\n", file], { type: file.type }));
"""


def test_a_choice_while_the_script_loads_costs_no_picture(
    context: BrowserContext, app: App
) -> None:
    context.add_init_script(HOLD)
    page = context.new_page()
    page.goto(f"{app.url}/live", wait_until="domcontentloaded")
    for _ in range(2):
        page.get_by_text("Hide faces", exact=True).click(timeout=90_000)
        settled(page)
    page.evaluate("letScriptsGo()")
    start(page)
    page.get_by_text("Hide faces", exact=True).click()
    settled(page)
    shown = decoded(page)
    wait_for(lambda: decoded(page) > shown + 20, 120)
    stop(page)


def test_a_snapshot_is_a_picture_with_the_result_on_it(context: BrowserContext, app: App) -> None:
    from PIL import Image

    page = open_live(context, app.url)
    start(page)
    expect(page.get_by_text(re.compile("Looks happy")).first).to_be_visible(timeout=60_000)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Snapshot").click()
    with Image.open(waiting.value.path()) as picture:
        assert picture.size == (640, 480)


def test_a_face_is_collected_with_what_it_really_shows(context: BrowserContext, app: App) -> None:
    page = open_live(context, app.url)
    start(page)
    expect(page.get_by_text(re.compile("Looks happy")).first).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Correct…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("I agree that this face").click()
    dialog.get_by_role("button", name="Keep this face").click()
    expect(page.get_by_text("Kept as happy.")).to_be_visible(timeout=60_000)


def test_sessions_are_saved_compared_and_deleted(context: BrowserContext, app: App) -> None:
    page = open_live(context, app.url)
    for name in ("First", "Second"):
        start(page)
        page.get_by_text("Record numbers").click()
        wait_for(lambda: rows(page) > 5, 120)
        stop(page)
        page.get_by_label("Name").fill(name)
        page.get_by_role("button", name="Keep this session").click()
        expect(page.get_by_text("This recording")).to_have_count(0, timeout=60_000)
    expect(page.get_by_text("Kept sessions").first).to_be_visible(timeout=60_000)
    # A new visit finds them; nothing else was stored.
    page.close()
    page = open_live(context, app.url)
    grid = page.get_by_test_id("stDataFrame").locator("canvas").first
    grid.scroll_into_view_if_needed()
    # The button of a row opens it instead of the one before; boxes choose several.
    for row, name in enumerate(("Second", "First")):
        grid.click(position={"x": 66, "y": 35 + 18 + 35 * row}, force=True)
        expect(page.get_by_text(re.compile(f"^{name}: .*mostly happy"))).to_be_visible()
        expect(page.get_by_role("button", name="Delete this session")).to_be_visible()
    grid.click(position={"x": 16, "y": 35 + 18}, force=True)
    expect(page.get_by_role("button", name="Delete these 2")).to_be_visible(timeout=60_000)
    expect(page.get_by_text(re.compile("Second: .*mostly happy"))).to_be_visible()
    page.get_by_role("button", name="Delete these 2").click()
    expect(page.get_by_text("Kept sessions")).to_have_count(0, timeout=60_000)


def test_two_visitors_and_what_is_left_when_they_go(context: BrowserContext, app: App) -> None:
    process = psutil.Process(app.process.pid)

    def sockets() -> int:
        return len(process.net_connections("udp"))

    wait_for(lambda: sockets() == 0, 120)
    first, second = open_live(context, app.url), open_live(context, app.url)
    start(first)
    one = sockets()
    start(second)
    assert sockets() > one > 0
    for page in (first, second):
        shown = decoded(page)
        page.bring_to_front()
        wait_for(lambda page=page, shown=shown: decoded(page) > shown, 30)
    # One closes the tab, the other goes to another page.
    first.close()
    second.get_by_role("link", name="Home").first.click()
    wait_for(lambda: sockets() == 0, 120)


def test_the_camera_is_asked_and_remembered(chromium: str, camera: Path, app: App) -> None:
    # Of Chromium's own cameras the second is one for depth, of which no video comes.
    with chromium_with_camera(chromium, camera, cameras=3) as browser:
        context = browser.new_context()
        page = open_live(context, app.url)
        start(page)
        choice = page.get_by_role("combobox", name="Camera")
        expect(choice.locator("option")).to_have_count(3, timeout=60_000)
        options = choice.locator("option").evaluate_all("all => all.map((o) => o.value)")
        assert choice.input_value() == options[0]
        # The other camera comes into the same connection, and is asked for next time.
        choice.select_option(options[2])
        shown = decoded(page)
        wait_for(lambda: decoded(page) > shown + 15, 120)
        page.close()
        page = open_live(context, app.url)
        start(page)
        expect(page.get_by_role("combobox", name="Camera")).to_have_value(
            options[2], timeout=60_000
        )


def test_a_refused_camera_says_so_and_shows_another_way(
    chromium: str, camera: Path, app: App
) -> None:
    with chromium_with_camera(chromium, camera, allow=False) as browser:
        page = open_live(browser.new_context(), app.url)
        page.get_by_role("button", name="Start", exact=True).click()
        expect(page.get_by_text("The camera was refused")).to_be_visible(timeout=60_000)
        page.get_by_role("button", name="Use single pictures instead").click()
        expect(page.get_by_role("heading", name="Images")).to_be_visible(timeout=60_000)


def test_no_camera_says_so(chromium: str, app: App) -> None:
    with chromium_with_camera(chromium, None) as browser:
        page = open_live(browser.new_context(), app.url)
        page.get_by_role("button", name="Start", exact=True).click()
        expect(page.get_by_text("There is no camera")).to_be_visible(timeout=60_000)


def test_a_camera_in_use_says_so(context: BrowserContext, app: App) -> None:
    hold_the_camera(context)
    page = open_live(context, app.url)
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_text("The camera is in use")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Use single pictures instead")).to_be_visible()


def test_plain_http_from_another_machine_says_what_is_missing(
    chromium: str, camera: Path, tmp_path: Path
) -> None:
    """Browsers give no camera to such an address, whoever asks."""
    host = "fer.example"
    running = App(tmp_path / "home", tmp_path / "app.log", STREAMLIT_BROWSER_SERVER_ADDRESS=host)
    try:
        with chromium_with_camera(chromium, camera, host=host) as browser:
            page = open_live(browser.new_context(), f"http://{host}:{running.port}")
            page.get_by_role("button", name="Start", exact=True).click()
            expect(page.get_by_text("This address may not use a camera")).to_be_visible(
                timeout=60_000
            )
            expect(page.get_by_text("HTTPS").first).to_be_visible()
            expect(page.get_by_role("button", name="Use single pictures instead")).to_be_visible()
    finally:
        running.stop()


def test_nobody_else_is_asked(chromium: str, camera: Path, tmp_path: Path) -> None:
    """Neither the app nor the browser looks up a name or speaks to an outside address."""
    (tmp_path / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
    asked = tmp_path / "asked.txt"
    asked.touch()
    running = App(
        tmp_path / "home",
        tmp_path / "app.log",
        PYTHONPATH=str(tmp_path),
        WATCH_FILE=str(asked),
        # Names of which streamlit-webrtc would ask for servers of its own accord.
        HF_TOKEN="made-up",
        TWILIO_ACCOUNT_SID="made-up",
        TWILIO_AUTH_TOKEN="made-up",
    )
    requests: list[str] = []
    names: list[set[str]] = []
    try:
        # Chromium asks a few names of its own, for itself, wherever one goes with it.
        for live in (False, True):
            log = tmp_path / f"net-{live}.json"
            with chromium_with_camera(chromium, camera, net_log=log) as browser:
                context = browser.new_context()
                context.on("request", lambda request: requests.append(request.url))
                page = open_live(context, running.url)
                if live:
                    start(page)
                    stop(page)
            names.append(set(re.findall(r'"host":"([^"]+)"', log.read_text(encoding="utf-8"))))
    finally:
        running.stop()
    assert asked.read_text(encoding="utf-8") == ""
    assert {url for url in requests if not url.startswith((running.url, "data:", "blob:"))} == set()
    assert requests and names[0]
    own = {name for name in names[1] if "content-autofill" in name}  # whenever it sees a field
    assert names[1] - names[0] - own == set()


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_twenty_starts_in_a_row(context: BrowserContext, app: App) -> None:
    page = open_live(context, app.url)
    for _ in range(20):
        start(page)
        stop(page)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_fifty_closed_tabs_leave_no_file_descriptor(browser: Browser, app: App) -> None:
    process = psutil.Process(app.process.pid)

    def visit() -> None:
        context = browser.new_context()
        start(open_live(context, app.url))
        context.close()

    visit()
    before = process.num_fds()
    for _ in range(50):
        visit()

    # A lost session waits two minutes for its browser, and its event loop has three. Nobody visits
    # meanwhile: a reload of a page would leave as many again.
    def left() -> int:
        time.sleep(5)
        return process.num_fds() - before

    wait_for(lambda: left() <= 10, 240, lambda: f"{left()} are left")


def test_the_watch_would_notice(tmp_path: Path) -> None:
    """The recorder of look-ups records: a test of the test."""
    import os
    import subprocess
    import sys

    (tmp_path / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
    asked = tmp_path / "asked.txt"
    code = "import socket\ntry: socket.getaddrinfo('name.invalid', 1)\nexcept OSError: pass"
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "WATCH_FILE": str(asked)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert asked.read_text(encoding="utf-8") == "socket.getaddrinfo name.invalid\n"
