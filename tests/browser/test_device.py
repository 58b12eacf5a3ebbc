"""Live on the visitor's own device: a real Chromium analyses its camera by itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from benchmarks.browser import App, chromium_with_camera, wait_for
from benchmarks.camera import write_y4m
from fer_core.images import example_portrait
from fer_core.table import columns
from tests.browser.live_tools import decoded, hold_the_camera, open_live, start, stop, table
from tests.browser.wire import Wire

pytestmark = pytest.mark.browser

#: A name that leads to this machine; to the browser it is some other one.
HOST = "fer.example"
#: Characters of the largest message to the server: a summary of half a second has about a
#: thousand, one that follows an outage ten times that, a picture of the camera 50 000.
LARGEST_MESSAGE = 20_000
#: Keeps every camera that a page opens, to see whether it is let go.
CAMERAS = """
window.cameras = [];
if (navigator.mediaDevices) {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (...how) => {
    const stream = await open(...how);
    window.cameras.push(...stream.getTracks());
    return stream;
  };
}
"""
HAPPY = re.compile(r"Looks happy, \d+ %")
FIGURES = re.compile(r"\d+ frames/s · \d+ analyses/s")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("app")
    log = folder / "app.log"
    # As hosted copies are.
    running = App(folder / "home", log, FER_PUBLIC="1", STREAMLIT_BROWSER_SERVER_ADDRESS=HOST)
    yield running
    running.stop()
    assert "Traceback" not in log.read_text(errors="replace", encoding="utf-8")


@pytest.fixture
def browser(chromium: str, camera: Path) -> Iterator[Browser]:
    with chromium_with_camera(chromium, camera) as found:
        yield found


@dataclass
class Visit:
    """A context of the browser, and all that went from it over the network."""

    context: BrowserContext
    addresses: list[str]
    messages: list[int]

    def open(self, url: str) -> Page:
        page = open_live(self.context, url)
        expect(page.get_by_text("stays in this browser").first).to_be_visible(timeout=60_000)
        return page


@pytest.fixture
def visit(browser: Browser) -> Visit:
    visit = Visit(browser.new_context(viewport={"width": 1280, "height": 800}), [], [])
    visit.context.add_init_script(CAMERAS)

    def note(request: Request) -> None:
        visit.addresses.append(request.url)
        visit.messages.append(len(request.post_data_buffer or b""))

    def set_up(page: Page) -> None:
        page.on("websocket", lambda socket: visit.addresses.append(socket.url))
        page.on("websocket", lambda ws: ws.on("framesent", lambda m: visit.messages.append(len(m))))

    visit.context.on("request", note)
    visit.context.on("page", set_up)
    return visit


def cameras(page: Page) -> list[str]:
    """Whether each camera that was opened is 'live' or 'ended'."""
    return page.evaluate("window.cameras.map((track) => track.readyState)")


def rows(page: Page) -> int:
    text = page.get_by_text(re.compile(r"recording, \d+ rows")).inner_text(timeout=90_000)
    return int(re.search(r"recording, (\d+) rows", text)[1])


def minute(page: Page) -> str:
    """The running timeline, as it is drawn."""
    chart = page.get_by_label("The seven probabilities over the last minute")
    return chart.locator("svg.marks").inner_html(timeout=60_000)


def test_a_visit_from_start_to_export(visit: Visit, app: App) -> None:
    page = visit.open(app.url)
    start(page)
    expect(page.get_by_text(HAPPY).first).to_be_visible(timeout=60_000)
    assert cameras(page) == ["live"]

    page.get_by_text("Record numbers").click()
    before, drawn, shown = rows(page), minute(page), decoded(page)
    wait_for(lambda: rows(page) > before + 10 and minute(page) != drawn, 60)
    assert decoded(page) > shown

    with page.expect_download() as waiting:
        page.get_by_role("button", name="Snapshot").click()
    picture = cv2.imread(str(waiting.value.path()))
    assert picture.shape == (480, 640, 3)

    stop(page)
    assert cameras(page) == ["ended"]
    expect(page.get_by_text(re.compile("mostly happy"))).to_be_visible(timeout=60_000)
    lines = table(page)
    assert list(lines[0]) == columns("live") and len(lines) > 10
    began = datetime.fromisoformat(lines[0]["wall_time"])
    assert abs((datetime.now(UTC) - began).total_seconds()) < 300
    assert {line["emotion"] for line in lines} == {"Happy"}

    # Another page of the app is no place for an open camera.
    start(page)
    assert cameras(page) == ["ended", "live"]
    page.get_by_role("link", name="Home").first.click()
    wait_for(lambda: cameras(page) == ["ended", "ended"], 60)

    own = (app.url, app.url.replace("http", "ws", 1), "data:", "blob:")
    assert [a for a in visit.addresses if not a.startswith(own)] == []
    assert len(visit.messages) > 20 and max(visit.messages) < LARGEST_MESSAGE


def test_a_click_that_meets_a_report_is_heard(visit: Visit, app: App) -> None:
    with_long_turns(visit)
    page = visit.open(app.url)
    start(page)
    recording = page.get_by_text(re.compile(r"recording, \d+ rows"))
    for there in (1, 0, 1, 0):
        page.get_by_text("Record numbers").click()
        expect(recording).to_have_count(there, timeout=20_000)


def test_a_refused_camera_says_so(chromium: str, camera: Path, app: App) -> None:
    with chromium_with_camera(chromium, camera, allow=False) as browser:
        page = open_live(browser.new_context(), app.url)
        page.get_by_role("button", name="Start", exact=True).click()
        expect(page.get_by_text("The camera was refused")).to_be_visible(timeout=60_000)
        expect(page.get_by_role("button", name="Use single pictures instead")).to_be_visible()


def test_plain_http_from_another_machine_says_what_is_missing(
    chromium: str, camera: Path, app: App
) -> None:
    with chromium_with_camera(chromium, camera, host=HOST) as browser:
        page = open_live(browser.new_context(), f"http://{HOST}:{app.port}")
        page.get_by_role("button", name="Start", exact=True).click()
        expect(page.get_by_text("This address may not use a camera")).to_be_visible(timeout=60_000)
        expect(page.get_by_text("HTTPS").first).to_be_visible()
        page.get_by_role("button", name="Use single pictures instead").click()
        expect(page.get_by_role("heading", name="Images")).to_be_visible(timeout=60_000)


def test_a_browser_without_simd_is_sent_to_the_server(
    chromium: str, camera: Path, app: App
) -> None:
    # V8 compiles WebAssembly's vectors to SSE 4.1.
    old = "--js-flags=--no-enable-sse4-1"
    with chromium_with_camera(chromium, camera, further=(old,)) as browser:
        page = open_live(browser.new_context(), app.url)
        page.get_by_role("button", name="Start", exact=True).click()
        expect(page.get_by_text("This browser is too old for that")).to_be_visible(timeout=60_000)
        page.get_by_role("button", name="Analyse through the server").click()
        expect(page.get_by_text("comes back").first).to_be_visible(timeout=60_000)


@pytest.mark.slow
def test_a_machine_without_a_camera_says_so(chromium: str, app: App) -> None:
    with chromium_with_camera(chromium, None) as browser:
        page = open_live(browser.new_context(), app.url)
        page.get_by_role("button", name="Start", exact=True).click()
        expect(page.get_by_text("There is no camera")).to_be_visible(timeout=60_000)


@pytest.mark.slow
def test_a_camera_in_use_says_so(chromium: str, camera: Path, app: App) -> None:
    with chromium_with_camera(chromium, camera) as browser:
        context = browser.new_context()
        hold_the_camera(context)
        page = open_live(context, app.url)
        page.get_by_role("button", name="Start", exact=True).click()
        expect(page.get_by_text("The camera is in use")).to_be_visible(timeout=60_000)


@pytest.mark.slow
def test_the_network_log_holds_no_address_but_the_apps(
    chromium: str, camera: Path, app: App, tmp_path: Path
) -> None:
    """By the browser's own log, of all its processes and below any page."""
    names = []
    # Chromium asks a few names of its own, for itself, wherever one goes with it.
    for live in (False, True):
        log = tmp_path / f"net-{live}.json"
        with chromium_with_camera(chromium, camera, net_log=log) as browser:
            page = open_live(browser.new_context(), app.url)
            if live:
                start(page)
                stop(page)
        names.append(set(re.findall(r'"host":"([^"]+)"', log.read_text(encoding="utf-8"))))
    own = {name for name in names[1] if "content-autofill" in name}  # whenever it sees a field
    assert names[0] and names[1] - names[0] - own == set()


@pytest.mark.slow
def test_two_faces_the_largest_only_and_the_mirror(chromium: str, app: App, tmp_path: Path) -> None:
    frame = np.full((480, 640, 3), 90, np.uint8)
    for side, x, y in ((360, 0, 60), (260, 370, 110)):
        frame[y : y + side, x : x + side] = cv2.resize(example_portrait(), (side, side))
    camera = write_y4m(tmp_path / "two.y4m", [frame] * 30)
    with chromium_with_camera(chromium, camera) as browser:
        page = open_live(browser.new_context(viewport={"width": 1280, "height": 800}), app.url)
        start(page)
        captions = page.get_by_text(re.compile(r"^\d+ · Looks happy", re.IGNORECASE))
        expect(captions).to_have_count(2, timeout=60_000)
        page.get_by_role("button", name="Options").click()
        page.get_by_text("Largest face only").click()
        expect(captions).to_have_count(0, timeout=60_000)
        expect(page.get_by_text(HAPPY).first).to_be_visible(timeout=60_000)
        page.keyboard.press("Escape")
        expect(page.get_by_text("Largest face only")).to_be_hidden()
        # The larger face is on the left, and in a mirror on the right.
        wait_for(lambda: middle(page) > 0.5, 60)
        page.get_by_text("Mirror", exact=True).click()
        wait_for(lambda: 0 < middle(page) < 0.5, 60)


@pytest.mark.slow
def test_a_session_is_saved_and_found_again(visit: Visit, app: App) -> None:
    page = visit.open(app.url)
    start(page)
    page.get_by_text("Record numbers").click()
    wait_for(lambda: rows(page) > 5, 60)
    stop(page)
    page.get_by_label("Name").fill("Mine")
    page.get_by_role("button", name="Keep this session").click()
    expect(page.get_by_text("Kept sessions").first).to_be_visible(timeout=60_000)
    page.close()
    page = visit.open(app.url)
    expect(page.get_by_text("Select one to open it")).to_be_visible(timeout=60_000)
    select_the_saved_one(page)
    expect(page.get_by_text(re.compile("1 person · mostly happy"))).to_be_visible(timeout=60_000)
    # It is deleted while the camera is on, and its reports meet the click.
    page.close()
    with_long_turns(visit)
    page = visit.open(app.url)
    start(page)
    select_the_saved_one(page)
    page.get_by_role("button", name="Delete this session").click(timeout=60_000)
    expect(page.get_by_text("Kept sessions")).to_have_count(0, timeout=20_000)


def select_the_saved_one(page: Page) -> None:
    """Select the first row of the kept sessions."""
    grid = page.get_by_test_id("stDataFrame").locator("canvas").first
    grid.scroll_into_view_if_needed()
    grid.click(position={"x": 16, "y": 35 + 18}, force=True)


def with_long_turns(visit: Visit) -> None:
    """Let nearly every click meet a report of the camera: the browser half of Streamlit sends
    what comes within one turn as one message."""
    visit.context.add_init_script(
        "const wait = setTimeout; window.setTimeout = (f, ms, ...a) => wait(f, ms || 400, ...a)"
    )


def middle(page: Page) -> float:
    """Where the boxes are from left to right, 0 to 1; 0 where there are none."""
    return page.evaluate(
        """() => {
          const canvas = [...document.querySelectorAll('*')].flatMap(
            (e) => [...(e.shadowRoot?.querySelectorAll('#frame canvas') ?? [])])[0];
          const { width, height } = canvas;
          const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
          let drawn = 0, sum = 0;
          for (let i = 3; i < data.length; i += 4)
            if (data[i]) { drawn++; sum += ((i >> 2) % width) / width; }
          return drawn ? sum / drawn : 0;
        }"""
    )


@pytest.fixture
def wire(app: App) -> Iterator[Wire]:
    wire = Wire(app.port)
    yield wire
    wire.close()


@pytest.mark.slow
def test_half_a_minute_without_network_loses_no_numbers(visit: Visit, wire: Wire) -> None:
    page = visit.open(wire.url)
    start(page)
    page.get_by_text("Record numbers").click()
    wait_for(lambda: rows(page) > 10, 60)
    wire.cut()
    page.wait_for_timeout(30_000)
    wire.restore()
    before = rows(page)
    wait_for(lambda: rows(page) > before + 300, 120)
    stop(page)
    expect(page.get_by_text(re.compile("mostly happy"))).to_be_visible(timeout=60_000)
    times = np.array([float(line["time"]) for line in table(page)])
    assert times[-1] > 30
    assert np.diff(times).max() < 5, "there is a gap"
    assert max(visit.messages) < LARGEST_MESSAGE


@pytest.mark.slow
def test_the_page_keeps_analysing_with_the_server_gone(visit: Visit, tmp_path: Path) -> None:
    app = App(tmp_path / "home", tmp_path / "app.log", FER_LIVE="device")
    try:
        page = visit.open(app.url)
        start(page)
    finally:
        app.stop()
    # The boxes follow the face.
    seen: set[str] = set()

    def moved() -> bool:
        seen.add(boxes(page))
        return len(seen) > 20

    shown = decoded(page)
    wait_for(moved, 60)
    assert decoded(page) > shown


def boxes(page: Page) -> str:
    """What is drawn over the video."""
    return page.evaluate(
        """() => [...document.querySelectorAll('*')].flatMap(
          (e) => [...(e.shadowRoot?.querySelectorAll('#frame canvas') ?? [])])[0].toDataURL()"""
    )
