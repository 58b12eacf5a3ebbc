"""What the live view's browser tests share: a camera made of the example portrait, the
app on a port of its own, a Chromium whose camera that is, and a relay."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from fer_core.images import example_portrait

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT, RATE = 640, 480, 30


def moving_portrait(seconds: int = 4) -> Iterator[np.ndarray]:
    """The example portrait moving about in a camera's frame, RGB; it ends where it began."""
    portrait = cv2.resize(example_portrait(), (HEIGHT, HEIGHT), interpolation=cv2.INTER_AREA)
    count = seconds * RATE
    for i in range(count):
        turn = 2 * np.pi * i / count
        shift = np.float32([[1, 0, 80 + 60 * np.sin(turn)], [0, 1, 8 * np.sin(2 * turn)]])
        yield cv2.warpAffine(portrait, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)


def write_y4m(path: Path, frames: Iterator[np.ndarray]) -> Path:
    """Frames as the raw video that Chromium takes for a camera."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{RATE}:1 Ip A1:1 C420jpeg\n".encode())
        for frame in frames:
            file.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).tobytes())
    return path


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class App:
    """A running app; stops only the process it started."""

    def __init__(self, home: Path, log: Path, command: list[str] | None = None, **env: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        run = [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            os.environ.get("FER_TRY_APP") or str(ROOT / "streamlit_app.py"),
        ]
        options = ["--server.headless=true", f"--server.port={self.port}"]
        with log.open("w") as out:
            self.process = subprocess.Popen(
                [*(command or []), *run, *options],
                cwd=ROOT,
                env=os.environ | {"FER_HOME": str(home)} | env,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        wait_for(lambda: self._answers(), 90, lambda: f"the app did not start:\n{log.read_text()}")

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=5).status == 200
        return False

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def wait_for(ready, seconds: float, why=lambda: "it did not happen in time") -> None:
    """Until ``ready()`` is true; asks again and again, and gives up after ``seconds``."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise AssertionError(why())
        # Polling another process: there is nothing to wait on.
        time.sleep(0.1)


@contextlib.contextmanager
def chromium_with_camera(
    path: str,
    camera: Path | None,
    *,
    allow: bool = True,
    loopback: bool = False,
    net_log: Path | None = None,
) -> Iterator[Browser]:
    """A Chromium whose camera shows ``camera``; without one there is none."""
    arguments = ["--no-sandbox", "--mute-audio"]
    if camera:
        arguments += [
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={camera}",
        ]
    if allow:
        arguments.append("--use-fake-ui-for-media-stream")
    if loopback:
        arguments.append("--allow-loopback-in-peer-connection")
    if net_log:
        arguments.append(f"--log-net-log={net_log}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


def open_live(context: BrowserContext, url: str) -> Page:
    page = context.new_page()
    page.goto(f"{url}/live", wait_until="domcontentloaded")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible(timeout=90_000)
    return page


def start(page: Page) -> None:
    page.get_by_role("button", name="Start", exact=True).click()
    expect_playing(page)


def expect_playing(page: Page) -> None:
    """Figures appear only when frames have come back to the browser and were decoded."""
    expect(page.get_by_text(re.compile(r"\d+ frames/s · \d+ analyses/s"))).to_be_visible(
        timeout=60_000
    )


def decoded(page: Page) -> int:
    """Frames that the video element has shown."""
    return page.evaluate(
        """() => {
          const all = [...document.querySelectorAll('*')].flatMap(
            (e) => [...(e.shadowRoot?.querySelectorAll('video') ?? [])]);
          return all[0]?.getVideoPlaybackQuality().totalVideoFrames ?? 0;
        }"""
    )
