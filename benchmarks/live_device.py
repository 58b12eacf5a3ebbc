"""Live on the visitor's own device, measured in a Chromium on this machine: what it gives
the visitor, what it costs the server with one visitor and with fifty, and the server's way
beside it.
"""

import re
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import psutil

from benchmarks.browser import App, chromium_with_camera, find_chromium
from benchmarks.camera import moving_portrait, write_y4m
from benchmarks.versus import again, cpu_seconds, environment
from fer_core.errors import FerError
from fer_core.models.catalogue import default_model
from fer_core.zoo.readme import table

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Request

#: Visitors whose summaries the server takes at once.
MANY: Final = 50
#: Seconds within which they arrive, and until all is loaded and rates have settled.
ARRIVE: Final = 75.0
SETTLE: Final = 5.0
#: Seconds that a page waits for an answer before it says more: ui/live/device.js.
PATIENCE: Final = 2.0
#: How the page says how it runs.
FIGURES: Final = r"\d+ frames/s · \d+ analyses/s · \d+ ms"
#: Keeps what the worker says it took, and counts the page's animation frames.
WATCH: Final = """
window.took = [];
window.Worker = class extends Worker {
  constructor(...how) {
    super(...how);
    this.addEventListener("message", ({ data }) => data.ms && window.took.push(data.ms));
  }
};
window.drawn = 0;
const count = () => (window.drawn++, requestAnimationFrame(count));
requestAnimationFrame(count);
"""


def run_live_device(seconds: float = 20, visitors: int = MANY) -> dict[str, Any]:
    """Measure both ways in a browser on this machine, which has the cores to share with it.

    Args:
        seconds: each measurement takes.
        visitors: whose summaries come at once.

    Returns:
        JSON values, see :func:`to_markdown`.

    Raises:
        FerError: there is no Chromium.
    """
    chromium = find_chromium()
    if chromium is None:
        raise FerError("There is no Chromium on this machine: install one or set FER_CHROMIUM.")
    result: dict[str, Any] = {
        "machine": environment(),
        "seconds": seconds,
        "visitors": visitors,
    }
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        camera = write_y4m(folder / "camera.y4m", moving_portrait())
        for way in ("device", "server"):
            app = App(folder / way, folder / f"{way}.log", FER_LIVE=way)
            stack.callback(app.stop)
            process = psutil.Process(app.process.pid)
            with chromium_with_camera(chromium, camera) as browser:
                result["browser"] = browser.version
                visit = _Visit(browser, app)
                cold, second = visit.first_result(), visit.first_result()
                result[way] = visit.watch(seconds, process) | {"cold": cold, "again": second}
                result[way]["model"] = visit.model or default_model()
                if way == "device":  # long enough for those who come first and last
                    visit.page.wait_for_timeout(ARRIVE * 1000)
            if way == "device":
                result["many"] = _many(visit, visitors, seconds, process)
            app.stop()
    return result


class _Visit:
    """Somebody who opens the page and presses Start, seen from the browser."""

    def __init__(self, browser: "Browser", app: App) -> None:
        self._app = app
        self._context: BrowserContext = browser.new_context(viewport={"width": 1280, "height": 800})
        self._context.add_init_script(WATCH)
        self.page: Page
        #: What the page said to the server, each with its second.
        self.said: list[tuple[float, bytes]] = []
        #: How many messages it was answered by.
        self.heard = 0
        self.address = ""
        #: Name of the model that the browser fetched, where it did.
        self.model: str | None = None

    def first_result(self) -> dict[str, float]:
        """Return seconds from opening the page to its being usable and from Start to the first
        figures, and megabytes fetched; the second time from the browser's caches.
        """
        requests: list[Request] = []
        if self._context.pages:
            self.page.close()
        self.page = self._context.new_page()
        self.said = []
        self.page.on("websocket", self._listen)
        self.page.on("requestfinished", lambda request: requests.append(request))
        opened = time.perf_counter()
        self.page.goto(f"{self._app.url}/live")
        button = self.page.get_by_role("button", name="Start", exact=True)
        button.wait_for(timeout=90_000)
        pressed = time.perf_counter()
        button.click()
        self._figures().wait_for(timeout=90_000)
        shown = time.perf_counter()
        for request in requests:
            if found := re.search(r"/models/(.+)-model\.tflite", request.url):
                self.model = found[1]
        return {
            "open": pressed - opened,
            "start": shown - pressed,
            # What comes from a cache has no size.
            "megabytes": sum(max(0, r.sizes()["responseBodySize"]) for r in requests) / 1e6,
        }

    def _listen(self, socket) -> None:
        def hear(_) -> None:
            self.heard += 1

        self.address = socket.url
        socket.on("framereceived", hear)
        socket.on(
            "framesent",
            lambda sent: self.said.append(
                (time.perf_counter(), sent if isinstance(sent, bytes) else sent.encode())
            ),
        )

    def _figures(self):
        return self.page.get_by_text(re.compile(FIGURES))

    def watch(self, seconds: float, process: psutil.Process) -> dict[str, Any]:
        """Return how it runs when it has settled."""
        page = self.page
        page.wait_for_timeout(SETTLE * 1000)
        page.evaluate("window.took.length = window.drawn = 0")
        said, heard, samples = len(self.said), self.heard, []
        before, start = cpu_seconds(process), time.perf_counter()
        while time.perf_counter() - start < seconds:
            page.wait_for_timeout(1000)
            samples.append([int(n) for n in re.findall(r"\d+", self._figures().inner_text())[:3]])
        drawn, took = page.evaluate("[window.drawn, window.took]")
        spent = time.perf_counter() - start
        frames, analyses, delay = np.mean(samples, axis=0).tolist()
        found = {
            "frames": frames,
            "analyses": analyses,
            "delay": delay,
            "animation": drawn / spent,
            "cores": (cpu_seconds(process) - before) / spent,
            "megabytes": process.memory_info().rss / 1e6,
            "messages": (len(self.said) - said) / spent,
            "answers": (self.heard - heard) / spent,
            "bytes": sum(len(message) for _, message in self.said[said:]) / spent,
        }
        if took:
            found["ms"] = {k: float(np.median([t[k] for t in took])) for k in took[0]}
        return found


def _many(real: _Visit, visitors: int, seconds: float, process: psutil.Process) -> dict[str, float]:
    """Measure what the server does for visitors who all say what the real one said, at its pace or,
    where answers take longer, theirs.
    """
    from websockets.sync.client import connect

    address, said = real.address, real.said
    began = said[0][0]
    heard, lock, stop = [0], threading.Lock(), threading.Event()

    def visit(number: int) -> None:
        if stop.wait(number * ARRIVE / visitors):
            return
        with connect(address, subprotocols=["streamlit"], max_size=None) as socket:
            answered = threading.Event()

            def hear() -> None:
                for _ in socket:
                    answered.set()
                    with lock:
                        heard[0] += 1

            threading.Thread(target=hear, daemon=True).start()
            start = time.perf_counter()
            for moment, message in said:
                if stop.wait(max(0.0, moment - began - (time.perf_counter() - start))):
                    return
                answered.clear()
                socket.send(message)
                answered.wait(PATIENCE)  # as the page does

    with ThreadPoolExecutor(visitors) as everybody:
        for number in range(visitors):
            everybody.submit(visit, number)
        time.sleep(ARRIVE + SETTLE)
        before, answers, start = cpu_seconds(process), heard[0], time.perf_counter()
        time.sleep(seconds)
        spent = time.perf_counter() - start
        found = {
            "cores": (cpu_seconds(process) - before) / spent,
            "megabytes": process.memory_info().rss / 1e6,
            "answers": (heard[0] - answers) / spent,
        }
        stop.set()
    return found


def to_markdown(result: dict[str, Any]) -> str:
    """Return what :func:`run_live_device` gave, as tables."""
    machine, device, server = (result[name] for name in ("machine", "device", "server"))
    many, ms = result["many"], device["ms"]
    served = many["answers"] / device["answers"] / result["visitors"]
    names = {"device": "on the device", "server": "through the server"}
    parts = [
        f"Measured in Chromium {result['browser']}, which shares "
        f"{machine['cores']} cores ({machine['processor']}) with the app: a 640×480 camera "
        f"of 30 frames a second, one face, {result['seconds']:.0f} seconds a row; both ways in one "
        "run. Frames, analyses and delay are the page's own figures, animation frames "
        "those that the page drew.",
        table(
            ("", "model", "frames/s", "analyses/s", "delay, ms", "animation frames/s")
            + ("server: cores busy", "MB", "to the server, KB/s"),
            [
                (
                    title,
                    result[way]["model"],
                    *(f"{result[way][key]:.0f}" for key in ("frames", "analyses", "delay")),
                    f"{result[way]['animation']:.0f}",
                    f"{result[way]['cores']:.2f}",
                    f"{result[way]['megabytes']:.0f}",
                    f"{device['bytes'] / 1000:.1f}" if way == "device" else "video",
                )
                for way, title in names.items()
            ],
        ),
        f"On the device, medians: finding faces {ms['detect']:.1f} ms, classifying "
        f"them {ms['classify']:.1f} ms, a frame together {ms['all']:.1f} ms.",
        "From opening the page until it is usable, from Start to the first figures, and megabytes "
        "fetched, in a new browser and in one that was here before:",
        table(
            ("", "open, s", "Start, s", "MB", "again: open, s", "Start, s", "MB"),
            [
                (
                    title,
                    *(
                        f"{result[way][when][key]:.1f}"
                        for when in ("cold", "again")
                        for key in ("open", "start", "megabytes")
                    ),
                )
                for way, title in names.items()
            ],
        ),
        f"{result['visitors']} visitors' summaries, the same messages as the browser's, each "
        f"when the one before is answered, keep {many['cores']:.2f} cores of the server busy, "
        f"{many['megabytes']:.0f} MB; it sends {served:.0%} of the answers that each would get "
        f"alone. One visitor of the server's way keeps {server['cores']:.2f} busy, "
        f"{server['megabytes']:.0f} MB.",
        again(f"live --device --seconds {result['seconds']:g}"),
    ]
    return "\n\n".join(parts)
