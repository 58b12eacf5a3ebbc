"""The visitor's camera, in both ways alike: choosing one, its shape, and what goes wrong."""

import re
import signal
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from benchmarks.browser import App, chromium_with_camera, wait_for
from benchmarks.camera import faces_at_the_edges, write_y4m
from fer_core.table import ROW_BYTES
from tests.browser.live_tools import decoded, open_live, stop, table
from tests.browser.made_cameras import MadeCamera, change, with_cameras
from tests.conftest import ARTIFACTS

pytestmark = pytest.mark.browser

WAYS = {"device": "On this device", "server": "Through the server"}
#: The server's way wants both cores to itself.
BOTH = pytest.mark.parametrize("way", ["device", pytest.param("server", marks=pytest.mark.slow)])
HAPPY = re.compile(r"Looks happy, \d+ %")
FIGURES = re.compile(r"\d+ frames/s · \d+ analyses/s")


def live(context: BrowserContext, app: App, way: str) -> Page:
    page = open_live(context, app.url)
    page.get_by_role("radio", name=WAYS[way], exact=True).click()
    said = {"device": "Only numbers go", "server": "and comes back"}[way]
    expect(page.get_by_text(said).first).to_be_visible()
    # The way before stands until its successor does, and takes a press of Start with it.
    expect(page.locator("#snapshot")).to_have_count(1 if way == "device" else 0)
    return page


def press_start(page: Page) -> None:
    page.get_by_role("button", name="Start", exact=True).click()


def start(page: Page) -> None:
    press_start(page)
    expect(page.get_by_text(FIGURES)).to_be_visible()


def camera_of(page: Page) -> str:
    """Name of the one camera that is open."""
    open_ = page.evaluate(
        "made.streams.flatMap((s) => s.getTracks()).filter((t) => t.readyState === 'live')"
        ".map((t) => t.label)"
    )
    return ", ".join(open_)


@BOTH
def test_a_busy_camera_a_missing_one_and_the_way_back(
    context: BrowserContext, app: App, way: str
) -> None:
    with_cameras(
        context, MadeCamera(), MadeCamera("two", "Second camera", error="NotReadableError"),
        camera="two",
    )  # fmt: skip
    page = live(context, app, way)
    picker = page.get_by_role("combobox", name="Camera")
    # The remembered one is busy: another takes its place, and is offered.
    start(page)
    said = page.get_by_text("The camera you chose is in use. This is First camera.")
    expect(said).to_be_visible()
    expect(picker).to_have_value("one")
    # A busy one is not changed to: the picture goes on all the while.
    picker.select_option("two")
    expect(page.get_by_text("That camera is in use. First camera goes on.")).to_be_visible()
    expect(picker).to_have_value("one")
    assert camera_of(page) == "First camera"
    shown = decoded(page)
    wait_for(lambda: decoded(page) > shown + 5, 60)
    # It is free again, and the one before is let go of.
    change(page, "two", error="")
    picker.select_option("two")
    wait_for(lambda: camera_of(page) == "Second camera", 30)
    expect(page.get_by_text("goes on.")).to_have_count(0)
    shown = decoded(page)
    wait_for(lambda: decoded(page) > shown + 5, 60)
    # A third one is connected and offered at once; where one can be open at a time, the one
    # before is let go of first.
    page.evaluate(
        """() => {
          made.cameras.push({ ...made.cameras[0], id: "three", label: "Third camera" });
          made.alone = true;
          navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
        }"""
    )
    expect(picker.locator("option")).to_have_count(3)
    picker.select_option("three")
    wait_for(lambda: camera_of(page) == "Third camera", 30)
    expect(picker).to_have_value("three")
    # There too, one that is busy leads back.
    change(page, "two", error="NotReadableError")
    picker.select_option("two")
    expect(page.get_by_text("That camera is in use. Third camera goes on.")).to_be_visible()
    assert camera_of(page) == "Third camera"
    # What was chosen last and worked is remembered; without it, another takes its place.
    page.locator("#start").click()
    page.evaluate("made.alone = false; made.cameras.pop()")
    start(page)
    expect(page.get_by_text("not connected. This is First camera.")).to_be_visible()


@pytest.mark.slow
@BOTH
def test_after_a_failure_another_camera_can_be_chosen(
    context: BrowserContext, app: App, way: str
) -> None:
    with_cameras(context, MadeCamera(error="NotReadableError"), MadeCamera("two", "Second camera"))
    page = live(context, app, way)
    page.evaluate("made.streams.push(new MediaStream())")  # the names are known
    change(page, "two", error="NotReadableError")
    press_start(page)
    expect(page.get_by_text("The camera is in use")).to_be_visible()
    change(page, "two", error="")
    page.get_by_role("combobox", name="Camera").select_option("two")
    start(page)
    assert camera_of(page) == "Second camera"


def rows_recorded(page: Page) -> int:
    said = page.get_by_text(re.compile(r"recording, \d+ rows")).inner_text()
    return int(re.findall(r"recording, (\d+) rows", said)[0])


def record(page: Page, rows: int) -> list[dict[str, str]]:
    """Record that many rows, and return the table."""
    page.get_by_text("Record numbers").click()
    wait_for(lambda: rows_recorded(page) >= rows, 60)
    stop(page)
    return table(page)


def shown_shape(page: Page) -> float:
    """Width by height of the video on the page."""
    return page.evaluate(
        """() => {
          const all = [...document.querySelectorAll('*')].flatMap(
            (e) => [...(e.shadowRoot?.querySelectorAll('video') ?? [])]);
          return all[0].videoWidth / all[0].videoHeight;
        }"""
    )


@pytest.mark.parametrize(
    ("way", "width", "height"),
    [
        pytest.param("device", 1280, 720, marks=pytest.mark.slow),
        pytest.param("device", 480, 640, marks=pytest.mark.slow),
        pytest.param("device", 641, 479, marks=pytest.mark.slow),
        pytest.param("server", 1280, 720, marks=pytest.mark.slow),
        pytest.param("server", 480, 640, marks=pytest.mark.slow),
        pytest.param("server", 641, 479, marks=pytest.mark.slow),
    ],
)
def test_the_whole_view_of_a_camera_is_seen_shown_and_recorded(
    chromium: str, app: App, tmp_path: Path, way: str, width: int, height: int
) -> None:
    expect.set_options(timeout=60_000)
    odd = width % 2 == 1  # Chromium reads no file of such a shape
    camera = None if odd else write_y4m(tmp_path / "a.y4m", faces_at_the_edges(width, height))
    with chromium_with_camera(chromium, camera) as browser:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        if odd:
            with_cameras(context, MadeCamera(width=width, height=height, edges=True))
        page = live(context, app, way)
        start(page)
        captions = page.get_by_text(re.compile(r"^\d+ · (Looks|Unsure)", re.IGNORECASE))
        expect(captions).to_have_count(4)
        assert shown_shape(page) == pytest.approx(width / height, rel=0.01)
        rows = [row for row in record(page, 40) if row["status"] == "ok"]
    expect.set_options(timeout=5_000)
    for row in rows:
        shape = float(row["frame_width"]) / float(row["frame_height"])
        assert shape == pytest.approx(width / height, rel=0.01)
        assert float(row["frame_width"]) * float(row["frame_height"]) <= 1.02 * 640 * 480
    # The middles of the boxes reach to all four edges.
    for place, size, whole in (("x", "width", "frame_width"), ("y", "height", "frame_height")):
        middles = [(float(r[place]) + float(r[size]) / 2) / float(r[whole]) for r in rows]
        assert min(middles) < 0.22 and max(middles) > 0.7


@pytest.mark.slow
@BOTH
def test_a_double_click_starts_and_a_late_answer_changes_nothing(
    context: BrowserContext, app: App, way: str
) -> None:
    with_cameras(context, MadeCamera())
    page = live(context, app, way)
    button = page.locator("#start")
    place = button.bounding_box()
    # The camera's answer comes after Stop, and is that it is busy.
    page.evaluate("() => { made.wait = new Promise((answer) => (made.answer = answer)); }")
    press_start(page)
    expect(page.get_by_text("Your browser asks for the camera…")).to_be_visible()
    assert button.bounding_box() == place
    wait_for(lambda: page.evaluate("made.asked.length") == 1, 30)
    page.wait_for_timeout(600)  # sooner, it would be a double click
    button.click()
    change(page, error="NotReadableError")
    page.evaluate("() => { made.answer(); made.wait = null; }")
    off = page.get_by_text("The camera is off", exact=True)
    expect(off).to_be_visible()
    # Nothing follows it: the next Start is heard, and of its two clicks one.
    change(page, error="")
    button.dblclick()
    expect(page.get_by_text(FIGURES)).to_be_visible()
    expect(page.get_by_text("The camera is in use")).to_have_count(0)
    assert button.inner_text() == "Stop" and button.bounding_box() == place
    # Two clicks on Stop stop, and start nothing.
    button.dblclick()
    expect(off).to_be_visible()
    assert camera_of(page) == ""


@pytest.mark.slow
def test_a_recording_goes_on_in_the_other_way(context: BrowserContext, app: App) -> None:
    with_cameras(context, MadeCamera())
    page = live(context, app, "server")
    start(page)
    page.get_by_text("Record numbers").click()
    wait_for(lambda: rows_recorded(page) > 5, 60)
    before = rows_recorded(page)
    page.get_by_role("radio", name=WAYS["device"], exact=True).click()
    expect(page.get_by_text("The recording is interrupted")).to_be_visible()
    expect(page.get_by_text("This recording")).to_be_visible()
    # Leaving the page and coming back leaves it where it is.
    page.get_by_role("link", name="Home").first.click()
    expect(page.get_by_role("heading", name="Live")).to_have_count(0)
    page.get_by_role("link", name="Live").first.click()
    expect(page.get_by_text("The recording is interrupted")).to_be_visible()
    start(page)
    wait_for(lambda: rows_recorded(page) > before + 10, 60)
    stop(page)
    models = [row["model"] for row in table(page) if row["status"] == "ok"]
    assert models[0] != models[-1] == "fast"


@pytest.mark.slow
@pytest.mark.parametrize("way", ["device", "server"])
def test_a_recording_survives_a_reload_and_a_server_that_is_killed(
    context: BrowserContext, tmp_path: Path, way: str
) -> None:
    with_cameras(context, MadeCamera())
    own = App(tmp_path / "home", tmp_path / "app.log", FER_LIVE=way)
    try:
        page = open_live(context, own.url)
        start(page)
        page.get_by_text("Record numbers").click()
        files = tmp_path / "home" / "cache" / "recordings"
        wait_for(lambda: any(files.glob("*.rows")), 60)
        page.reload()
        said = page.get_by_text("A recording of this browser was interrupted")
        expect(said).to_be_visible()
        # It goes on in the same table, and the gap is marked.
        start(page)
        page.get_by_text("Record numbers").click()
        (file,) = files.glob("*.rows")
        size = file.stat().st_size
        wait_for(lambda: file.stat().st_size > size, 60)
        written = file.stat().st_size // ROW_BYTES
        own.process.kill()
        own.process.wait()
        own.start()
        page.reload()
        expect(said).to_be_visible()
        lines = table(page)
        assert len(lines) >= written
        assert "paused" in [line["status"] for line in lines]
        times = [float(line["time"]) for line in lines]
        assert times == sorted(times)
        page.get_by_role("button", name="Discard").click()
        expect(said).to_have_count(0)
        wait_for(lambda: not list(files.iterdir()), 30)
    finally:
        own.stop()


def boxes_drawn(page: Page) -> bool:
    """Whether a result lies over the video, on the device."""
    return page.evaluate(
        """() => {
          const canvas = [...document.querySelectorAll('*')].flatMap(
            (e) => [...(e.shadowRoot?.querySelectorAll('#frame canvas') ?? [])])[0];
          const { width, height } = canvas;
          const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
          return data.some((value, i) => i % 4 === 3 && value);
        }"""
    )


@BOTH
def test_what_is_wrong_with_the_picture_is_named_and_it_goes_on_by_itself(
    context: BrowserContext, app: App, way: str
) -> None:
    with_cameras(context, MadeCamera(mode="silent"))
    page = live(context, app, way)
    silent = page.get_by_text("The camera sends no picture")
    # It grants a track and never sends a frame: no firewall is blamed.
    press_start(page)
    expect(silent).to_be_visible(timeout=10_000)
    if way == "server":
        page.wait_for_timeout(9000)  # longer than a connection may take
    expect(silent).to_be_visible()
    change(page, mode="moving")
    expect(page.get_by_text(FIGURES)).to_be_visible()
    expect(silent).to_have_count(0)
    expect(page.get_by_text(HAPPY).first).to_be_visible()
    # Frames stop: the last emotion does not stay.
    change(page, mode="silent")
    expect(silent).to_be_visible(timeout=10_000)
    expect(page.get_by_text("No result at the moment.")).to_be_visible(timeout=10_000)
    expect(page.get_by_text(HAPPY)).to_have_count(0)
    if way == "device":
        assert not boxes_drawn(page)
    for mode, said in (
        ("black", "The camera's picture is black"),
        ("frozen", "The camera's picture does not change"),
    ):
        change(page, mode=mode)
        expect(page.get_by_text(said)).to_be_visible(timeout=10_000)
        expect(silent).to_have_count(0)
    change(page, mode="moving")
    expect(page.get_by_text("The camera's picture")).to_have_count(0)
    expect(page.get_by_text(HAPPY).first).to_be_visible()


def hide(page: Page, hidden: bool) -> None:
    """Let the page believe that its tab is in the background, or in front again."""
    page.evaluate(
        """(hidden) => {
          Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


@pytest.mark.slow
def test_a_hidden_tab_goes_on_or_says_what_is_missing(context: BrowserContext, app: App) -> None:
    with_cameras(context, MadeCamera())
    page = live(context, app, "device")
    start(page)
    page.get_by_text("Record numbers").click()
    hide(page, True)
    before = rows_recorded(page)
    wait_for(lambda: rows_recorded(page) > before + 20, 60)
    hide(page, False)
    before = rows_recorded(page)
    wait_for(lambda: rows_recorded(page) > before + 5, 60)
    expect(page.get_by_text("Nothing was analysed")).to_have_count(0)
    # A browser that reads no frames from a camera itself.
    page.evaluate("delete window.MediaStreamTrackProcessor")
    hide(page, True)
    expect(page.get_by_text("This tab is in the background")).to_be_visible()
    page.wait_for_timeout(2000)
    before = rows_recorded(page)
    page.wait_for_timeout(2000)
    assert rows_recorded(page) == before
    hide(page, False)
    said = re.compile(r"Nothing was analysed for \d+ s\. This tab was in the background")
    expect(page.get_by_text(said)).to_be_visible()
    wait_for(lambda: rows_recorded(page) > before + 5, 60)
    stop(page)
    statuses = [row["status"] for row in table(page)]
    assert statuses.count("paused") == 1 and statuses[-1] == "ok"


@pytest.mark.slow
def test_pictures_that_do_not_reach_the_server_are_called_that(
    context: BrowserContext, app: App
) -> None:
    with_cameras(context, MadeCamera())
    page = live(context, app, "server")
    start(page)
    page.get_by_text("Record numbers").click()
    wait_for(lambda: rows_recorded(page) > 5, 60)
    app.process.send_signal(signal.SIGSTOP)
    try:
        said = page.get_by_text("The pictures do not reach the server")
        expect(said).to_be_visible(timeout=10_000)
        page.wait_for_timeout(4000)
    finally:
        app.process.send_signal(signal.SIGCONT)
    expect(said).to_have_count(0)
    expect(page.get_by_text(HAPPY).first).to_be_visible()
    before = rows_recorded(page)
    wait_for(lambda: rows_recorded(page) > before + 5, 60)
    stop(page)
    assert "paused" in [row["status"] for row in table(page)]


@pytest.mark.slow
def test_results_that_do_not_come_are_called_late(context: BrowserContext, app: App) -> None:
    with_cameras(context, MadeCamera())
    context.add_init_script(
        """window.held = false;
        const post = Worker.prototype.postMessage;
        Worker.prototype.postMessage = function (message, ...rest) {
          if (message.frame && window.held) window.held = () => post.call(this, message, ...rest);
          else post.call(this, message, ...rest);
        };"""
    )
    page = live(context, app, "device")
    start(page)
    page.evaluate("window.held = true")
    late = page.get_by_text("The results are late")
    expect(late).to_be_visible(timeout=10_000)
    wait_for(lambda: not boxes_drawn(page), 10)
    page.evaluate("() => { const go = window.held; window.held = false; go(); }")
    expect(late).to_have_count(0)
    expect(page.get_by_text(HAPPY).first).to_be_visible()


@pytest.mark.slow
@BOTH
def test_a_camera_that_the_system_withholds_points_to_its_settings(
    context: BrowserContext, app: App, way: str
) -> None:
    with_cameras(context, MadeCamera(error="NotAllowedError: Permission denied by system"))
    page = live(context, app, way)
    press_start(page)
    expect(page.get_by_text("The system does not let this browser use the camera")).to_be_visible()
    expect(page.get_by_text("privacy settings of the system").first).to_be_visible()
    expect(page.get_by_text("address bar")).to_have_count(0)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["device", "server"])
def test_the_resolution_and_the_side_are_chosen(
    context: BrowserContext, app: App, way: str
) -> None:
    with_cameras(
        context,
        MadeCamera(facing="user", width=1280, height=720),
        MadeCamera("two", "Second camera", facing="environment"),
    )
    page = live(context, app, way)
    start(page)
    # The choice holds from then on, and in the picture that is analysed.
    page.get_by_role("combobox", name="Resolution").select_option("720")
    wait_for(lambda: page.evaluate("made.asked.length") == 2, 30)
    rows = record(page, 5)
    if way == "device":  # a busy machine sends smaller pictures for a while
        assert int(rows[-1]["frame_width"]) > 740
    start(page)
    assert camera_of(page) == "First camera"
    page.get_by_role("combobox", name="Side").select_option("environment")
    wait_for(lambda: camera_of(page) == "Second camera", 30)
    assert page.evaluate("made.asked.at(-1).facingMode") == "environment"


@pytest.mark.slow
def test_the_screen_stays_awake_and_the_picture_stays_in_front(
    context: BrowserContext, app: App
) -> None:
    with_cameras(context, MadeCamera())
    context.add_init_script(
        """window.locks = 0;
        Object.defineProperty(navigator, "wakeLock", { value: {
          request: async (what) => {
            if (what === "screen") window.locks += 1;
            return { release: async () => { window.locks -= 1; } };
          } } });"""
    )
    page = live(context, app, "device")
    assert page.evaluate("window.locks") == 0
    start(page)
    assert page.evaluate("window.locks") == 1
    page.get_by_text("Record numbers").click()
    page.get_by_role("button", name="Small window").click()
    expect(page.get_by_text("The picture is in the small window")).to_be_visible()
    inside = "documentPictureInPicture.window?.document.querySelector('video')"
    assert page.evaluate(f"{inside}.srcObject.active && !{inside}.paused")
    before = rows_recorded(page)
    wait_for(lambda: rows_recorded(page) > before + 10, 60)
    page.evaluate("documentPictureInPicture.window.close()")
    expect(page.get_by_text("The picture is in the small window")).to_have_count(0)
    before, shown = rows_recorded(page), decoded(page)
    wait_for(lambda: rows_recorded(page) > before + 10 and decoded(page) > shown, 60)
    stop(page)
    wait_for(lambda: page.evaluate("window.locks") == 0, 10)


@pytest.mark.slow
def test_two_people_are_seen_whole_and_stay_who_they_are(context: BrowserContext, app: App) -> None:
    with_cameras(context, MadeCamera(pair=True))
    page = live(context, app, "device")
    start(page)
    titles = page.get_by_text(re.compile(r"^[12] · (Looks|Unsure)", re.IGNORECASE))
    expect(titles).to_have_count(2)
    charts = page.get_by_test_id("stVegaLiteChart")
    expect(charts).to_have_count(3)
    first, second, minute = (charts.nth(index).bounding_box() for index in range(3))
    assert first["y"] == pytest.approx(second["y"], abs=2) and second["x"] > first["x"]
    assert second["x"] + second["width"] <= 1280 and second["height"] > 120
    assert second["y"] + second["height"] <= minute["y"] <= 800
    page.get_by_role("radio", name="Everyone").click()
    expect(page.get_by_role("radio", name="Everyone")).to_be_checked()
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / "live-two.png")
    # The camera is off for longer than a lost face keeps its number.
    stop(page)
    page.wait_for_timeout(3000)
    start(page)
    expect(titles).to_have_count(2)
    expect(page.get_by_role("radio", name="3", exact=True)).to_have_count(0)
