"""Live on the visitor's own device in Firefox: ``python -m benchmarks firefox_device``.

Playwright's own Firefox is not needed: a system's one (``apt-get install firefox-esr``) is
driven over WebDriver BiDi. In place of its camera there is a canvas, on which the example
portrait moves about at 30 frames a second; drawing that costs the page some of its time.
"""

import argparse
import base64
import itertools
import json
import re
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from websockets.sync.client import ClientConnection, connect

from benchmarks.browser import App, free_port, wait_for
from benchmarks.live_device import FIGURES, SETTLE, WATCH
from fer_core.images import example_portrait

#: The same as the camera of the other benchmarks: benchmarks/camera.py.
CAMERA = """
navigator.mediaDevices.getUserMedia = async () => {
  const portrait = new Image();
  portrait.src = "data:image/jpeg;base64,PORTRAIT";
  await portrait.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
  const context = canvas.getContext("2d");
  const began = performance.now();
  const draw = () => {
    const turn = (2 * Math.PI * (performance.now() - began)) / 4000;
    context.drawImage(portrait, 80 + 60 * Math.sin(turn), 8 * Math.sin(2 * turn), 480, 480);
  };
  draw();
  setInterval(draw, 1000 / 30);
  return canvas.captureStream(30);
};
"""
CLICK = """[...document.querySelectorAll('*')].flatMap(
  (e) => [...(e.shadowRoot?.querySelectorAll('#start:enabled') ?? [])])[0]"""


class Firefox:
    """A Firefox without a window."""

    def __init__(self, program: str, profile: str) -> None:
        port = free_port()
        self.process = subprocess.Popen(
            [program, "--headless", "--no-remote", "--profile", profile]
            + [f"--remote-debugging-port={port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._numbers, self._stack = itertools.count(1), ExitStack()
        self._socket: ClientConnection

        def answers() -> bool:
            try:
                session = connect(f"ws://127.0.0.1:{port}/session", max_size=None)
                self._socket = self._stack.enter_context(session)
            except OSError:
                return False
            return True

        wait_for(answers, 60)
        self.about = self.call("session.new", capabilities={})["capabilities"]
        self._page = self.call("browsingContext.getTree")["contexts"][0]["context"]

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (answer := json.loads(self._socket.recv(120))).get("id") != number:
            pass
        if answer["type"] == "error":
            raise RuntimeError(answer["message"])
        return answer["result"]

    def before_pages(self, script: str) -> None:
        self.call("script.addPreloadScript", functionDeclaration=f"() => {{ {script} }}")

    def open(self, url: str) -> None:
        self.call("browsingContext.navigate", context=self._page, url=url, wait="interactive")

    def evaluate(self, script: str) -> Any:
        target = {"context": self._page}
        found = self.call(
            "script.evaluate",
            expression=f"JSON.stringify({script}) ?? 'null'",
            target=target,
            awaitPromise=True,
        )
        if found["type"] == "exception":
            raise RuntimeError(found["exceptionDetails"]["text"])
        return json.loads(found["result"]["value"])

    def close(self) -> None:
        self._stack.close()
        self.process.terminate()
        self.process.wait(20)


def figures(firefox: Firefox) -> list[int]:
    found = re.search(FIGURES, firefox.evaluate("document.body.innerText"))
    return [int(n) for n in re.findall(r"\d+", found[0])] if found else []


def first_result(firefox: Firefox, url: str) -> dict[str, float]:
    opened = time.perf_counter()
    firefox.open(f"{url}/live")
    wait_for(lambda: firefox.evaluate(f"!!{CLICK}"), 90)
    pressed = time.perf_counter()
    firefox.evaluate(f"{CLICK}.click()")
    wait_for(lambda: bool(figures(firefox)), 240)
    return {"open": pressed - opened, "start": time.perf_counter() - pressed}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--firefox", default=shutil.which("firefox-esr") or "firefox")
    given = parser.parse_args(arguments)
    ok, portrait = cv2.imencode(".jpg", cv2.cvtColor(example_portrait(), cv2.COLOR_RGB2BGR))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "profile").mkdir()
        app = App(folder / "home", folder / "app.log", FER_LIVE="device")
        try:
            firefox = Firefox(given.firefox, str(folder / "profile"))
            try:
                firefox.before_pages(
                    WATCH
                    + CAMERA.replace("PORTRAIT", base64.b64encode(portrait.tobytes()).decode())
                )
                cold, again = first_result(firefox, app.url), first_result(firefox, app.url)
                time.sleep(SETTLE)
                firefox.evaluate("window.took.length = window.drawn = 0")
                samples, start = [], time.perf_counter()
                while time.perf_counter() - start < given.seconds:
                    time.sleep(1)
                    samples.append(figures(firefox))
                drawn, took = firefox.evaluate("[window.drawn, window.took]")
                spent = time.perf_counter() - start
            finally:
                firefox.close()
        finally:
            app.stop()
    frames, analyses, delay = np.mean(samples, axis=0).tolist()
    print(
        json.dumps(
            {
                "browser": f"{firefox.about['browserName']} {firefox.about['browserVersion']}",
                "frames": frames,
                "analyses": analyses,
                "delay": delay,
                "animation": drawn / spent,
                "ms": {k: float(np.median([t[k] for t in took])) for k in took[0]},
                "cold": cold,
                "again": again,
            },
            indent=2,
        )
    )
