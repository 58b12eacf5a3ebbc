"""Hostile visitors of a public copy: what they send is bounded, whatever they claim to be."""

import asyncio
import contextlib
import io
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed, InvalidStatus

from benchmarks.browser import App, wait_for
from fer_core.images import example_portrait
from fer_core.settings import settings
from fer_core.video.jobs import delete_all
from tests.security.visitor import Visitor, new_key
from ui.services import server

MB = 1_000_000


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("public")
    running = App(
        folder / "home",
        folder / "app.log",
        FER_PUBLIC="1",
        FER_VISITOR_MB="3",
        FER_FRAME_ANCESTORS="'self' https://portal.example.org",
    )
    yield running
    running.stop()
    log = (folder / "app.log").read_text(errors="replace", encoding="utf-8")
    # Streamlit itself logs what it cannot parse; a page that broke off names this file.
    assert "streamlit_app.py" not in log, log


def portrait() -> bytes:
    file = io.BytesIO()
    Image.fromarray(example_portrait()).save(file, "JPEG")
    return file.getvalue()


def show(visitor: Visitor, content: bytes, name: str = "me.jpg") -> None:
    """Upload a picture and let the page see it."""
    visitor.run("images")
    status, file = visitor.put(content, name)
    assert status == 204
    visitor.give(visitor.find("file_uploader").id, (file, name, len(content)))
    visitor.run("images")


def pictures_process(app: App) -> psutil.Process | None:
    """Return the process in which an app analyses expensive pictures of visitors."""
    for child in psutil.Process(app.process.pid).children():
        with contextlib.suppress(psutil.Error):
            if "fer_core.picture_process" in child.cmdline():
                return child
    return None


def test_an_expensive_picture_keeps_no_other_visitor_waiting(app: App) -> None:
    """Its analysis is halted, and a small picture of somebody else is analysed all the same."""
    face = Image.fromarray(example_portrait())
    crowd = Image.new("RGB", (2048, 1024))
    for place in ((0, 0), (512, 512), (1024, 0), (1536, 512)):
        crowd.paste(face, place)
    file = io.BytesIO()
    crowd.save(file, "JPEG")
    with Visitor(app.url) as first, Visitor(app.url) as second:
        first.run("images")
        _, name = first.put(file.getvalue(), "crowd.jpg")
        first.give(first.find("file_uploader").id, (name, "crowd.jpg", len(file.getvalue())))
        first.run("images", wait=False)
        wait_for(lambda: pictures_process(app) is not None, 60)
        halted = pictures_process(app)
        assert halted
        halted.suspend()
        try:
            show(second, portrait())
            assert "looks happy" in second.words().lower()
            with pytest.raises(TimeoutError):
                first.listen(0.1)
        finally:
            halted.resume()
        first.elements = first.listen(120)
        assert "4 faces" in first.words()


def headers(url: str) -> dict[str, str]:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return dict(answer.headers)


def test_every_answer_has_the_headers(app: App) -> None:
    for path in ("/", "/video", "/_stcore/health", "/static/favicon.png"):
        found = headers(app.url + path)
        policy = found["content-security-policy"]
        assert "frame-ancestors 'self' https://portal.example.org" in policy
        assert "default-src 'self'" in policy and " 'unsafe-eval'" not in policy
        assert found["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["metrics", "metrics?families=cache_memory_bytes", "agent/mcp"])
def test_addresses_for_the_operator_are_closed(app: App, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        headers(f"{app.url}/_stcore/{path}")


def test_a_browser_gets_a_key_of_its_own_once(app: App) -> None:
    key = re.search(r"fer_key=([0-9a-f]{32});", headers(app.url)["set-cookie"])
    other = re.search(r"fer_key=([0-9a-f]{32});", headers(app.url)["set-cookie"])
    assert key and other and key[1] != other[1]
    again = urllib.request.Request(app.url, headers={"Cookie": f"fer_key={key[1]}"})
    with urllib.request.urlopen(again, timeout=30) as answer:
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("chunked", [False, True])
def test_a_visitors_uploads_are_counted_over_all_tabs(app: App, chunked: bool) -> None:
    key = new_key()
    with Visitor(app.url, key) as one, Visitor(app.url, key) as two, Visitor(app.url) as other:
        for visitor in (one, two, other):
            visitor.run("images")
        assert one.put(bytes(2 * MB), chunked=chunked)[0] == 204
        # The length that is named in advance is one thing, the bytes that come another.
        assert two.put(bytes(2 * MB), chunked=chunked)[0] == 413
        assert two.put(bytes(MB // 2), chunked=chunked)[0] == 204
        assert other.put(bytes(2 * MB), chunked=chunked)[0] == 204


def test_refused_uploads_do_not_stay_in_memory(app: App) -> None:
    process = psutil.Process(app.process.pid)
    with Visitor(app.url) as visitor:
        visitor.run("images")
        before = process.memory_info().rss
        for _ in range(6):
            assert visitor.put(bytes(60 * MB))[0] == 413
        assert process.memory_info().rss - before < 40 * MB


def test_a_reload_finds_the_pictures_again(app: App) -> None:
    key, content = new_key(), portrait()
    with Visitor(app.url, key) as visitor:
        show(visitor, content)
        assert "looks happy" in visitor.words().lower()
    with Visitor(app.url, key) as again:
        assert "looks happy" in read(again)
        # They count: there is no second room for them.
        assert again.put(bytes(3 * MB - len(content) // 2))[0] == 413
    with Visitor(app.url) as stranger:
        assert "looks happy" not in read(stranger)


def test_a_page_opened_beside_another_tab_starts_empty(app: App) -> None:
    key = new_key()
    with Visitor(app.url, key) as first:
        show(first, portrait())
        with Visitor(app.url, key) as beside:
            assert "looks happy" not in read(beside)
        assert "looks happy" in first.words().lower()
    with Visitor(app.url, key) as again:
        assert "looks happy" in read(again)


def read(visitor: Visitor) -> str:
    visitor.run("images")
    return visitor.words().lower()


def test_a_picture_that_was_cleared_makes_room(app: App) -> None:
    content = portrait() + bytes(2_500_000)
    with Visitor(app.url) as visitor:
        show(visitor, content)
        visitor.click(visitor.find("button", "Clear").id, "images")
        visitor.widgets.clear()
        wait_for(lambda: visitor.put(content)[0] == 204, 60)


def test_invented_keys_share_what_all_visitors_may_hold(app: App) -> None:
    visitors = [Visitor(app.url).__enter__() for _ in range(14)]
    try:
        for visitor in visitors:
            visitor.run("images")
        answers = [visitor.put(bytes(2_900_000))[0] for visitor in visitors]
        assert answers.count(204) <= 10 and 413 in answers
    finally:
        for visitor in visitors:
            visitor.close()


@pytest.mark.slow
def test_everything_is_freed_two_minutes_after_the_connection_was_lost(tmp_path: Path) -> None:
    app = App(tmp_path / "home", tmp_path / "app.log", FER_PUBLIC="1")
    try:
        process = psutil.Process(app.process.pid)
        with Visitor(app.url) as visitor:
            show(visitor, portrait())
            before = process.memory_info().rss
        with Visitor(app.url) as visitor:
            show(visitor, portrait() + bytes(190 * MB))
            assert process.memory_info().rss - before > 150 * MB
        lost = time.monotonic()
        wait_for(lambda: process.memory_info().rss - before < 60 * MB, 155)
        assert time.monotonic() - lost > 60, "a reload would not have found it"
    finally:
        app.stop()


#: What a component may claim to have seen, instead of what ours reports.
NONSENSE = (
    [],
    None,
    "text",
    -1,
    float("nan"),
    [[[]]],
    {"frames": float("nan")},
    {"report": []},
    {"report": [1, 2]},
    {"report": {"phase": [], "cause": {}, "trouble": [1], "fps": float("nan"), "results": "x"}},
    {"report": {"phase": "on", "run": [], "results": [[float("nan")] * 30], "first": -5}},
    {"report": {"phase": "connecting", "attempt": 1, "offer": {"sdp": 1}, "candidates": [1]}},
    {"report": {"phase": "failed", "cause": "embedded", "stats": [1]}},
    {"state": {"rows": [[float("nan")] * 99]}, "key": ["x"] * 50, "again": {"a": 1}},
    {"key": 7, "batch": {"rows": "x"}, "report": {"faces": [None], "time": float("inf")}},
    {"nested": json.loads("[" * 200 + "]" * 200)},
)


def test_a_visitor_opens_so_many_connections(app: App) -> None:
    key = new_key()
    with contextlib.ExitStack() as stack:
        tabs = [stack.enter_context(Visitor(app.url, key)) for _ in range(server.CONNECTIONS)]
        with pytest.raises(InvalidStatus, match="403"), Visitor(app.url, key):
            pass
        # Others are not shut out, and a tab that is closed makes room.
        with Visitor(app.url) as other:
            other.run()
            assert other.words()
        tabs[0].close()
        wait_for(lambda: _connects(app, key), 30)


def _connects(app: App, key: str) -> bool:
    try:
        with Visitor(app.url, key):
            return True
    except InvalidStatus:
        return False


def test_invented_keys_meet_the_bound_of_all_connections() -> None:
    async def attack() -> list[str]:
        ended, said = asyncio.Event(), list[str]()

        async def app(scope, receive, send) -> None:
            said.append("open")
            await ended.wait()

        limit = server.ConnectionLimit(app, each=2, together=5)

        async def connect(key: str) -> None:
            async def receive() -> dict:
                return {"type": "websocket.connect"}

            async def send(message: dict) -> None:
                said.append(message["type"])

            cookie = (b"cookie", f"fer_key={key}".encode())
            await limit({"type": "websocket", "headers": [cookie]}, receive, send)

        keys = [new_key() for _ in range(9)]
        first = [asyncio.create_task(connect(key)) for key in keys]
        await asyncio.sleep(0)
        ended.set()
        await asyncio.gather(*first)
        await connect(keys[8])  # when the others are gone, there is room
        return said

    said = asyncio.run(attack())
    assert said.count("open") == 6 and said.count("websocket.close") == 4
    assert said[-1] == "open"


@pytest.mark.parametrize("page", ["live", "images", "video", ""])
def test_nonsense_of_components_ends_no_page(app: App, page: str) -> None:
    with Visitor(app.url) as visitor:
        visitor.run(page)
        components = [
            element.bidi_component.id
            for element in visitor.elements
            if element.WhichOneof("type") == "bidi_component"
        ]
        assert components
        for value in NONSENSE:
            for widget in components:
                visitor.report(widget, value)
            shown = visitor.run(page)
            assert "exception" not in [one.WhichOneof("type") for one in shown], value


def test_buttons_that_are_not_on_the_page_do_nothing(app: App) -> None:
    """The ids of widgets can be worked out; whoever is no administrator gets nowhere with them."""
    local = App(app.folder / "local", app.folder / "local.log")
    try:
        with Visitor(local.url) as owner:
            owner.run("training")
            hidden = owner.find("button", "Quick try on demo faces").id
    finally:
        local.stop()
    with Visitor(app.url) as visitor:
        visitor.run("training")
        visitor.click(hidden, "training")
        assert "administrators of this copy" in visitor.words()
    assert not (app.folder / "home" / "runs").exists()


def test_bytes_that_are_no_message_end_the_connection_alone(app: App) -> None:
    with Visitor(app.url) as visitor:
        visitor.run("images")
        visitor.send(b"\xff" * 100)
        with pytest.raises(ConnectionClosed):
            visitor.listen(10)
    with Visitor(app.url) as visitor:
        assert "images" in read(visitor)


def test_a_video_starts_no_more_workers_than_there_are(tmp_path: Path) -> None:
    """Invented keys wait in one queue, and the page says at which place."""
    app = App(tmp_path / "home", tmp_path / "app.log", FER_PUBLIC="1", FER_WORKERS="1")
    visitors = []
    try:
        for _ in range(4):
            visitors.append(Visitor(app.url).__enter__())
            visitors[-1].run("video")
            visitors[-1].click(visitors[-1].find("button", "Sample clip").id, "video")
        process = psutil.Process(app.process.pid)
        states = [
            json.loads(path.read_text(encoding="utf-8"))["status"]
            for path in (tmp_path / "home" / "jobs").glob("*/state.json")
        ]
        assert states.count("queued") == 3, states
        texts = [element.progress.text for element in visitors[-1].elements]
        assert any("2 analyses before yours" in text for text in texts), texts
        assert process.is_running()
    finally:
        for visitor in visitors:
            visitor.close()
        app.stop()
        stop_jobs(tmp_path / "home")


def stop_jobs(home: Path) -> None:
    """End what an app started and what outlives it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FER_HOME", str(home))
        settings.cache_clear()
        delete_all()
    settings.cache_clear()
