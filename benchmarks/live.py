"""The live pipeline, measured: visitors at 30 frames a second, a soak, the usual way
beside it, and the app itself in a browser.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil

from benchmarks import callback
from benchmarks.browser import App, chromium_with_camera, find_chromium
from benchmarks.camera import RATE, moving_portrait, write_y4m
from benchmarks.versus import again, cpu_seconds, environment
from fer_core.errors import FerError
from fer_core.faces import resolve
from fer_core.live import LiveOptions, LiveSession
from fer_core.models.catalogue import default_model, find_model
from fer_core.zoo.readme import table

VISITORS: Final = (1, 2, 4, 8)


def run_live(
    seconds: float = 20,
    visitors: tuple[int, ...] = VISITORS,
    soak: float = 0,
    versus: Path | None = None,
    browser: bool = False,
) -> dict[str, Any]:
    """Measure the live pipeline on this machine.

    Args:
        seconds: each measurement takes.
        visitors: how many at once, one row each.
        soak: minutes that one visitor stays; 0 for none.
        versus: Python of an environment with the ``fer`` package, to compare with.
        browser: measure the app with a Chromium on this machine as well.

    Returns:
        JSON values, see :func:`to_markdown`.

    Raises:
        FerError: what is asked for is not there.
    """
    frames = np.array(list(moving_portrait()))
    _visit(frames, 1, 3, "auto")  # loads the model and warms it
    result: dict[str, Any] = {
        "machine": environment(),
        "model": default_model(),
        "auto": resolve("auto"),
        "seconds": seconds,
        "visitors": [_visit(frames, n, seconds, "auto") for n in visitors],
    }
    for detector in ("haar",) if resolve("auto") != "haar" else ():
        _visit(frames, 1, 3, detector)
        result["visitors"].append(_visit(frames, 1, seconds, detector))
    result["usual"] = _usual(frames, seconds, versus)
    if soak:
        result["soak"] = _soak(frames, soak)
    if browser:
        result["browser"] = _in_browser(seconds)
    return result


class _Visitor(threading.Thread):
    """Gives a session its frames on the second, as a camera does."""

    def __init__(self, frames: np.ndarray, session: LiveSession, seconds: float) -> None:
        super().__init__(daemon=True)
        self.frames, self.session, self.seconds = frames, session, seconds
        self.behind: list[float] = []

    def run(self) -> None:
        start = time.perf_counter()
        while (now := time.perf_counter() - start) < self.seconds:
            number = int(now * RATE)
            self.session.frame(self.frames[number % len(self.frames)])
            done = time.perf_counter() - start
            self.behind.append(done - number / RATE)
            time.sleep(max(0.0, (number + 1) / RATE - done))


def _visit(frames: np.ndarray, number: int, seconds: float, detector: str) -> dict[str, Any]:
    sessions = [LiveSession(LiveOptions(detector=detector), span=seconds) for _ in range(number)]
    everybody = [_Visitor(frames, session, seconds) for session in sessions]
    process = psutil.Process()
    before, start = cpu_seconds(process), time.perf_counter()
    for visitor in everybody:
        visitor.start()
    for visitor in everybody:
        visitor.join()
    spent, after = time.perf_counter() - start, cpu_seconds(process)
    stats = [session.stats() for session in sessions]
    for session in sessions:
        session.close()
    if error := next((s.error for s in sessions if s.error), None):
        raise FerError(error)
    behind = np.concatenate([visitor.behind for visitor in everybody]) * 1000
    return {
        "visitors": number,
        "detector": detector,
        "frames": float(np.mean([len(v.behind) for v in everybody])) / spent,
        "analyses": float(np.mean([s.analyses for s in stats])),
        "delay": float(np.median([s.delay or 0.0 for s in stats])),
        "delay p95": float(np.max([s.delay_p95 or 0.0 for s in stats])),
        "behind p95": float(np.quantile(behind, 0.95)),
        "behind most": float(behind.max()),
        "cores": (after - before) / spent,
        "megabytes": process.memory_info().rss / 1e6,
    }


def _soak(frames: np.ndarray, minutes: float) -> list[dict[str, float]]:
    """Play one visitor who records, looked at every half minute."""
    session = LiveSession(span=30)
    session.record.recording = True
    visitor = _Visitor(frames, session, minutes * 60)
    visitor.start()
    samples = []
    for number in range(1, int(minutes * 2) + 1):
        visitor.join(30)
        stats = session.stats()
        samples.append(
            {
                "minute": number / 2,
                "frames": stats.frames,
                "analyses": stats.analyses,
                "delay": stats.delay or 0.0,
                "delay p95": stats.delay_p95 or 0.0,
                "megabytes": psutil.Process().memory_info().rss / 1e6,
            }
        )
    visitor.join()
    session.close()
    return samples


def _usual(frames: np.ndarray, seconds: float, versus: Path | None) -> list[dict[str, Any]]:
    model = find_model(default_model())
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frames.npy"
        np.save(path, frames)
        commands = []
        if model.explainable:
            commands.append(
                [sys.executable, callback.__file__, "keras", model.checked("model.keras")]
            )
        if versus:
            commands.append([versus, "-I", callback.__file__, "fer"])
        for command in commands:
            command = [str(part) for part in (*command, path, seconds)]
            quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
            done = subprocess.run(
                command, capture_output=True, text=True, env=quiet, encoding="utf-8"
            )
            lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
            if done.returncode or not lines:
                last = (done.stderr.strip().splitlines() or ["no reason"])[-1]
                raise FerError(f"{command[0]} cannot be measured: {last}")
            found.append(json.loads(lines[-1]))
    return found


def _in_browser(seconds: float) -> dict[str, float]:
    """Return what the page says of itself, every two seconds, to a Chromium on this machine."""
    chromium = find_chromium()
    if chromium is None:
        raise FerError("There is no Chromium on this machine: install one or set FER_CHROMIUM.")
    samples = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        camera = write_y4m(folder / "camera.y4m", moving_portrait())
        app = App(folder / "home", folder / "app.log")
        try:
            with chromium_with_camera(chromium, camera) as browser:
                page = browser.new_page(viewport={"width": 1280, "height": 800})
                page.goto(f"{app.url}/live")
                page.get_by_role("button", name="Start", exact=True).click(timeout=90_000)
                said = page.get_by_text(re.compile(r"\d+ frames/s · \d+ analyses/s · \d+ ms"))
                said.wait_for(timeout=60_000)
                page.wait_for_timeout(5000)  # rates settle
                process = psutil.Process(app.process.pid)
                before, start = cpu_seconds(process), time.perf_counter()
                while time.perf_counter() - start < seconds:
                    page.wait_for_timeout(2000)
                    samples.append([int(n) for n in re.findall(r"\d+", said.inner_text())[:3]])
                after, spent = cpu_seconds(process), time.perf_counter() - start
                memory = process.memory_info().rss / 1e6
        finally:
            app.stop()
    frames, analyses, delay = np.median(np.array(samples), axis=0).tolist()
    return {
        "frames": frames,
        "analyses": analyses,
        "delay": delay,
        "cores": (after - before) / spent,
        "megabytes": memory,
    }


def to_markdown(result: dict[str, Any]) -> str:
    """Return what :func:`run_live` gave, as tables."""
    machine = result["machine"]
    alone = result["visitors"][0]
    parts = [
        f"Measured with {result['model']} on {machine['cores']} cores, {machine['processor']}: "
        f"a 640×480 stream of 30 frames a second and one face, {result['seconds']:.0f} seconds a "
        f"row. 'auto' is {result['auto']}. Delay is from a frame's entering to its own result "
        "being drawn; behind is how much later than the camera a frame comes back. Without a "
        "browser: encoding and decoding video is not in these.",
        table(
            ("visitors", "detector", "frames/s each", "analyses/s each", "delay, ms", "95 %")
            + ("behind 95 %, ms", "most", "cores busy", "MB"),
            [
                (
                    row["visitors"],
                    row["detector"],
                    f"{row['frames']:.1f}",
                    f"{row['analyses']:.1f}",
                    f"{row['delay']:.0f}",
                    f"{row['delay p95']:.0f}",
                    f"{row['behind p95']:.0f}",
                    f"{row['behind most']:.0f}",
                    f"{row['cores']:.2f}",
                    f"{row['megabytes']:.0f}",
                )
                for row in result["visitors"]
            ],
        ),
    ]
    if result["usual"]:
        parts += [
            "The usual way, on the same stream, in the same run:",
            table(
                (
                    "",
                    "frames/s",
                    "delay, ms",
                    "95 %",
                    "our frames/s, times",
                    "our analyses/s, times",
                ),
                [
                    (
                        row["name"],
                        f"{row['frames']:.1f}",
                        f"{row['delay']:.0f}",
                        f"{row['delay p95']:.0f}",
                        f"{alone['frames'] / row['frames']:.1f}",
                        f"{alone['analyses'] / row['frames']:.1f}",
                    )
                    for row in result["usual"]
                ],
            ),
        ]
    if soak := result.get("soak"):
        parts += [
            f"One visitor who records, for {soak[-1]['minute']:.0f} minutes:",
            table(
                ("minute", "frames/s", "analyses/s", "delay, ms", "95 %", "MB"),
                [
                    (
                        f"{row['minute']:g}",
                        f"{row['frames']:.1f}",
                        f"{row['analyses']:.1f}",
                        f"{row['delay']:.0f}",
                        f"{row['delay p95']:.0f}",
                        f"{row['megabytes']:.0f}",
                    )
                    for row in soak
                    if row["minute"] in (0.5, 1) or row["minute"] % 2 == 0
                ],
            ),
        ]
    if browser := result.get("browser"):
        parts.append(
            "The whole app with one visitor, whose Chromium runs on the same machine, by the "
            f"page's own figures: {browser['frames']:.0f} frames a second back in the browser, "
            f"{browser['analyses']:.0f} analyses a second, {browser['delay']:.0f} ms delay; the "
            f"app keeps {browser['cores']:.2f} cores busy and holds {browser['megabytes']:.0f} MB."
        )
    how = f"live --seconds {result['seconds']:g}"
    how += f" --soak {soak[-1]['minute']:g}" if soak else ""
    how += " --browser" if browser else ""
    how += " --versus PYTHON" if result["usual"] else ""
    parts.append(again(how, result["model"]))
    return "\n\n".join(parts)
