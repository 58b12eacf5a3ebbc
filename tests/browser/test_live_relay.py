"""The live page through a relay: a real coturn on loopback, and nothing but the relay."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks.browser import App, chromium_with_camera, free_port, wait_for
from tests.browser.live_tools import decoded, open_live, start, stop

# Slow: a camera, a relay, a server and a browser on two cores want them to themselves.
pytestmark = [pytest.mark.browser, pytest.mark.slow]


class Relay:
    """A TURN server on loopback; user 'u', password 'secret'."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("turnserver")
        if program is None:
            pytest.skip("no coturn on this machine: 'make test' installs one")
        self.port = free_port()
        self.log = folder / "relay.log"
        options = (
            "-n --log-file=stdout --verbose --listening-ip=127.0.0.1 --relay-ip=127.0.0.1 "
            "--min-port=50000 --max-port=50100 --lt-cred-mech --user=u:secret --realm=t.test "
            "--no-tls --no-dtls --no-cli --allow-loopback-peers --no-multicast-peers"
        )
        files = [f"--pidfile={folder / 'pid'}", f"--userdb={folder / 'users'}"]
        with self.log.open("w", encoding="utf-8") as out:
            self.process = subprocess.Popen(
                [program, f"--listening-port={self.port}", *options.split(), *files],
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        wait_for(lambda: "Total General servers" in self.said(), 30, self.said)

    def said(self) -> str:
        return self.log.read_text(errors="replace", encoding="utf-8")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    running = Relay(tmp_path)
    yield running
    if running.process.poll() is None:
        running.stop()


@pytest.fixture
def visit(chromium: str, camera: Path, tmp_path: Path):
    """Opens the live page of an app that may use nothing but a relay."""
    opened: list = []

    def go(port: int | None, password: str = "secret") -> Page:
        server = {
            "urls": f"turn:127.0.0.1:{port}?transport=udp",
            "username": "u",
            "credential": password,
        }
        app = App(
            tmp_path / "home",
            tmp_path / "app.log",
            FER_ICE_SERVERS=json.dumps([server] if port else []),
            FER_ICE_POLICY="relay",
        )
        opened.append(app.stop)
        manager = chromium_with_camera(chromium, camera, loopback=True)
        browser = manager.__enter__()
        opened.append(lambda: manager.__exit__(None, None, None))
        return open_live(browser.new_context(viewport={"width": 1280, "height": 800}), app.url)

    yield go
    for close in reversed(opened):
        close()


def press_start(page: Page) -> None:
    page.get_by_role("button", name="Start", exact=True).click()


def test_the_video_comes_back_through_the_relay(relay: Relay, visit) -> None:
    page = visit(relay.port)
    start(page)
    # The browser's own statistics: the chosen pair begins at the relay.
    expect(page.get_by_text("through the relay")).to_be_visible(timeout=90_000)
    shown = decoded(page)
    wait_for(lambda: decoded(page) >= shown + 15, 120)
    stop(page)
    # And the relay's: bytes received and sent.
    usage = re.compile(r"usage: .*?rb=(\d+).*?sb=(\d+)")
    wait_for(
        lambda: any(int(r) > 10_000 and int(s) > 10_000 for r, s in usage.findall(relay.said())),
        60,
        relay.said,
    )


def test_a_wrong_password_is_called_that(relay: Relay, visit) -> None:
    page = visit(relay.port, password="wrong")
    press_start(page)
    expect(page.get_by_text("The relay refused the password")).to_be_visible(timeout=90_000)
    expect(page.get_by_role("button", name="Use single pictures instead")).to_be_visible()


def test_a_relay_that_is_not_there_is_called_that(visit) -> None:
    page = visit(free_port())
    press_start(page)
    expect(page.get_by_text("The relay cannot be reached")).to_be_visible(timeout=90_000)


def test_no_route_at_all_is_called_that(visit) -> None:
    page = visit(None)
    press_start(page)
    expect(page.get_by_text("There is no route for the video")).to_be_visible(timeout=90_000)


def test_a_relay_stopped_in_the_middle_breaks_the_picture_off_but_not_the_numbers(
    relay: Relay, visit
) -> None:
    page = visit(relay.port)
    start(page)
    page.get_by_text("Record numbers").click()
    recorded = page.get_by_text(re.compile(r"recording, \d{2,} rows"))
    expect(recorded).to_be_visible(timeout=90_000)
    relay.stop()
    expect(page.get_by_text("The live picture was interrupted").first).to_be_visible(timeout=90_000)
    expect(page.get_by_role("button", name="Go on")).to_be_visible()
    expect(page.get_by_text("This recording")).to_be_visible()
    # Going on without the relay says what is wrong with it.
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("The relay cannot be reached")).to_be_visible(timeout=90_000)
    expect(page.get_by_text("This recording")).to_be_visible()
