"""The app and a Chromium that visits it, for measuring and for tests."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fer_core.errors import FerError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

ROOT: Final = Path(__file__).resolve().parents[1]
_running: list["Playwright"] = []


def find_chromium() -> str | None:
    """Return the path of a Chromium, from ``FER_CHROMIUM`` or where they usually are."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("FER_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def free_port() -> int:
    """Return a port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(
    ready: Callable[[], bool], seconds: float, why: Callable[[], str] = lambda: "it never came"
) -> None:
    """Ask ``ready`` again and again until it is true.

    Raises:
        FerError: it was not after ``seconds``; the message is ``why()``.
    """
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise FerError(why())
        time.sleep(0.1)


class App:
    """The app in a process of its own, listening on loopback."""

    def __init__(
        self,
        home: Path,
        log: Path,
        port: int | None = None,
        *,
        command: Sequence[str] = ("-m", "streamlit", "run", "streamlit_app.py"),
        folder: Path = ROOT,
        **environment: str,
    ) -> None:
        """Start it and wait until it answers.

        Args:
            home: its ``FER_HOME``.
            log: file for what it prints.
            port: to listen on; without, a free one.
            command: What Python runs.
            folder: Where it runs.
            environment: further variables.
        """
        self.port = port or free_port()
        base = environment.get("STREAMLIT_SERVER_BASE_URL_PATH", "")
        self.url = f"http://127.0.0.1:{self.port}/{base}".rstrip("/")
        self.folder = log.parent
        self._log, self._command, self._cwd = log, command, folder
        self._environment = os.environ | {
            "FER_HOME": str(home),
            "STREAMLIT_SERVER_HEADLESS": "true",
            "STREAMLIT_SERVER_PORT": str(self.port),
            **environment,
        }
        log.write_bytes(b"")
        self.start()

    def start(self) -> None:
        """Start it, at first or after :meth:`stop`, and wait until it answers."""
        with self._log.open("a", encoding="utf-8") as out:
            self.process = subprocess.Popen(
                [sys.executable, *self._command],
                cwd=self._cwd,
                env=self._environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        wait_for(
            self._answers,
            90,
            lambda: f"The app did not start: {self._log.read_text(encoding='utf-8')}",
        )

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            health = f"{self.url}/_stcore/health"
            return urllib.request.urlopen(health, timeout=5).status == 200
        return False

    def stop(self) -> None:
        """End it, and nothing else."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def _playwright() -> Iterator["Playwright"]:
    """Start Playwright, or return the one that runs: a thread can only have one at a time."""
    from playwright.sync_api import sync_playwright

    if _running:
        yield _running[0]
        return
    with sync_playwright() as started:
        _running.append(started)
        try:
            yield started
        finally:
            _running.clear()


@contextlib.contextmanager
def chromium_with_camera(
    path: str,
    camera: Path | None,
    *,
    cameras: int = 1,
    allow: bool = True,
    loopback: bool = False,
    host: str | None = None,
    net_log: Path | None = None,
    further: tuple[str, ...] = (),
) -> Iterator["Browser"]:
    """Open a Chromium whose camera is a file.

    Args:
        path: of the program.
        camera: a ``.y4m`` file; without, the machine has no camera.
        cameras: how many the machine has; of several, each shows Chromium's own test
            picture.
        allow: whether the visitor lets pages use it.
        loopback: let video go over 127.0.0.1, as a relay on this machine needs.
        host: a name that leads to this machine.
        net_log: file that takes all that the browser asks of the network.
        further: command line options.
    """
    arguments = ["--no-sandbox", "--mute-audio", *further]
    if camera:
        arguments.append(f"--use-fake-device-for-media-stream=device-count={cameras}")
        if cameras == 1:
            arguments.append(f"--use-file-for-fake-video-capture={camera}")
    if allow:
        arguments.append("--use-fake-ui-for-media-stream")
    if loopback:
        arguments.append("--allow-loopback-in-peer-connection")
    if host:
        arguments.append(f"--host-resolver-rules=MAP {host} 127.0.0.1")
    if net_log:
        arguments.append(f"--log-net-log={net_log}")
    with _playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()
