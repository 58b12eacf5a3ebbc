"""Live with one face and with many, both ways, beside another commit in one run."""

import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final

import cv2
import numpy as np
from playwright.sync_api import TimeoutError

from benchmarks.browser import ROOT, App, chromium_with_camera, find_chromium
from benchmarks.camera import HEIGHT, RATE, WIDTH, write_y4m
from benchmarks.versus import again, environment, in_turn
from fer_core.errors import FerError
from fer_core.images import example_portrait
from fer_core.zoo.readme import table

WAYS: Final = {"device": "On this device", "server": "Through the server"}
#: How the page says how it runs.
_FIGURES: Final = re.compile(r"(\d+) frames/s · (\d+) analyses/s · (\d+) ms")
_SETTLE: Final = 8.0


def company(faces: int) -> Iterator[np.ndarray]:
    """Return frames ``(480, 640, 3)``, RGB, 30 a second, with so many faces side by side that
    sway.
    """
    columns = min(faces, 5)
    rows = -(-faces // columns)
    side = min(WIDTH // columns, HEIGHT // rows, 200)
    portrait = cv2.resize(
        example_portrait()[10:230, 115:335], (side, side), interpolation=cv2.INTER_AREA
    )
    for index in range(2 * RATE):
        frame = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
        turn = 2 * np.pi * index / (2 * RATE)
        for number in range(faces):
            x = (WIDTH - columns * side) // 2 + number % columns * side
            y = (HEIGHT - rows * side) // 2 + number // columns * side
            moved = np.roll(portrait, round(3 * np.sin(turn + number)), axis=1)
            frame[y : y + side, x : x + side] = moved
        yield frame


def run_company(
    faces: int = 10,
    seconds: float = 15,
    model: str = "pk_03",
    before: Path | None = None,
    rounds: int = 1,
) -> dict[str, Any]:
    """Measure analyses a second in a Chromium on this machine.

    Args:
        faces: In view, beside one alone.
        seconds: Each measurement takes.
        model: Runs in both ways.
        before: A checkout of another commit, measured in turn with this one.
        rounds: How often everything is measured; a row holds the medians.

    Raises:
        FerError: There is no Chromium.
    """
    chromium = find_chromium()
    if chromium is None:
        raise FerError("There is no Chromium on this machine: install one or set FER_CHROMIUM.")
    checkouts = {"now": ROOT} | ({"before": before} if before else {})
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in (1, faces):
            camera = write_y4m(folder / f"{number}.y4m", company(number))
            for way in WAYS:
                measured: dict[str, list[dict[str, float]]] = {which: [] for which in checkouts}
                for turn in range(rounds):
                    for which, checkout in in_turn(checkouts.items(), turn):
                        home = folder / f"{number}-{way}-{which}-{turn}"
                        home.mkdir()
                        measured[which].append(
                            _measure(chromium, camera, home, checkout, way, model, seconds)
                        )
                for which, figures in measured.items():
                    medians = {name: median(f[name] for f in figures) for name in figures[0]}
                    each = [round(f["analyses"], 1) for f in figures]
                    rows.append(
                        {"faces": number, "way": way, "which": which} | medians | {"each": each}
                    )
    return {
        "machine": environment(),
        "model": model,
        "seconds": seconds,
        "rounds": rounds,
        "faces": faces,
        "rows": rows,
    }


def _measure(
    chromium: str, camera: Path, home: Path, checkout: Path, way: str, model: str, seconds: float
) -> dict[str, float]:
    """Start a checkout's app and look at its figures."""
    app = App(
        home / "home",
        home / "app.log",
        folder=checkout,
        FER_LIVE=way,
        FER_MODEL=model,
        PYTHONPATH=os.pathsep.join([str(checkout), os.environ.get("PYTHONPATH", "")]),
    )
    try:
        with chromium_with_camera(chromium, camera) as browser:
            return _watch(browser, app, way, seconds)
    finally:
        app.stop()


def _watch(browser: Any, app: App, way: str, seconds: float) -> dict[str, float]:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{app.url}/live")
    button = page.get_by_role("button", name="Start", exact=True)
    button.wait_for(timeout=90_000)
    button.click()
    # A commit that lacks a package for the device's way shows the other without a word.
    if way == "device" and not page.get_by_role("radio", name=WAYS[way]).is_checked():
        raise FerError("That commit analyses nothing on the device here: see benchmarks/README.md.")
    figures = page.get_by_text(_FIGURES)
    try:
        figures.wait_for(timeout=20_000)
    except TimeoutError:  # earlier commits may lose a press while the page is being drawn
        button.click()
        figures.wait_for(timeout=60_000)
    page.wait_for_timeout(_SETTLE * 1000)
    seen, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        page.wait_for_timeout(1000)
        if found := _FIGURES.search(figures.inner_text()):
            seen.append([int(value) for value in found.groups()])
    frames, analyses, delay = np.mean(seen, axis=0).tolist()
    return {"frames": frames, "analyses": analyses, "delay": delay}


def to_markdown(result: dict[str, Any]) -> str:
    """Return the figures as a table."""
    machine = result["machine"]
    return "\n\n".join(
        [
            f"A 640×480 camera in a Chromium that shares {machine['cores']} cores "
            f"({machine['processor']}) with the app; model `{result['model']}`, "
            f"{result['seconds']:.0f} seconds a measurement, medians of {result['rounds']} rounds "
            "in turn, all in one run. Figures are the page's own.",
            table(
                ("faces", "way", "commit", "frames/s", "analyses/s", "delay, ms", "each round's"),
                [
                    (
                        str(row["faces"]),
                        WAYS[row["way"]].lower(),
                        row["which"],
                        *(f"{row[name]:.1f}" for name in ("frames", "analyses", "delay")),
                        ", ".join(f"{value:.1f}" for value in row["each"]),
                    )
                    for row in result["rows"]
                ],
            ),
            again(
                f"company --faces {result['faces']} --seconds {result['seconds']:g} "
                f"--rounds {result['rounds']}"
            ),
        ]
    )
