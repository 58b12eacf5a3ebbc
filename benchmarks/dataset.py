"""How long the dataset page takes on a whole dataset, its work alone and in a browser."""

import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from benchmarks.browser import App, chromium_with_camera, find_chromium
from benchmarks.versus import again, environment
from fer_core.datasets import Dataset, browse, corrections, load
from fer_core.datasets.identity import face_keys
from fer_core.emotions import EMOTIONS
from fer_core.errors import FerError
from fer_core.zoo.readme import table as markdown

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

_FIRST = """
import resource, sys, time
from fer_core.datasets import load
begun = time.perf_counter()
load(sys.argv[1])
print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def run_dataset(data: str, rounds: int = 7, browser: bool = False) -> dict[str, Any]:
    """Open a dataset for the first time and again, then filter, sort and page.

    Args:
        data: as for :func:`fer_core.datasets.load`.
        rounds: medians of so many.
        browser: also on the page, in a real browser.

    Returns:
        Seconds (``first``, ``again``), megabytes (``peak_first``, ``peak``) and
        milliseconds of each step; with ``browser`` under that name median and worst
        milliseconds from a click or key to what it shows.
    """
    with tempfile.TemporaryDirectory() as home:
        first = _opened(data, home)
        again = min(_opened(data, home) for _ in range(3))
    dataset = load(data)
    keys = face_keys(dataset.faces)
    rng = np.random.default_rng(0)
    # What a model says does not matter for the time; random words do.
    said = rng.dirichlet(np.ones(len(EMOTIONS)), len(dataset)).astype(np.float32)
    seen = rng.normal(size=(len(dataset), 256)).astype(np.float32)
    faces = browse.table(dataset, keys, said)
    changes = [(key, "label", "Sad", "", "", "") for key in keys[:: max(1, len(keys) // 1000)]]
    overlay = corrections.Overlay.of(pd.DataFrame(changes, columns=list(corrections.COLUMNS)))
    corrected = browse.corrected(faces, overlay)
    chosen = browse.Filter(split="Training", label=4, confidence=(0.3, 0.9))
    page = np.arange(60)
    steps: dict[str, Callable[[], Any]] = {
        "names of all faces": lambda: face_keys(dataset.faces),
        "table of all faces": lambda: browse.table(dataset, keys, said),
        "1,000 corrections laid over": lambda: browse.corrected(faces, overlay),
        "filter": lambda: chosen.mask(corrected),
        "sort by loss": lambda: browse.order(corrected, "loss"),
        "sort by similarity": lambda: browse.order(corrected, "row", seen, 7),
        "a page of 60 faces as one picture": lambda: browse.sheet(dataset.faces[page], 10),
    }
    return {
        "machine": environment(),
        "faces": len(dataset),
        "first": first[0],
        "again": again[0],
        "peak_first": first[1],
        "peak_again": again[1],
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "milliseconds": {name: _median(step, rounds) for name, step in steps.items()},
    } | ({"browser": _in_browser(_named(data), dataset, rounds)} if browser else {})


def _named(data: str) -> str:
    """Return a path that holds anywhere, or the name of a dataset."""
    return str(Path(data).resolve()) if Path(data).exists() else data


def _opened(data: str, home: str) -> tuple[float, float]:
    """Return seconds, and megabytes at the most, in a process of its own."""
    out = subprocess.run(
        [sys.executable, "-c", _FIRST, _named(data)],
        env=os.environ | {"FER_HOME": home},
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[1],
        encoding="utf-8",
    ).stdout.split()
    return float(out[0]), float(out[1]) / 1024


def _in_browser(data: str, dataset: Dataset, rounds: int) -> dict[str, dict[str, float]]:
    """Return milliseconds until the page shows what was asked for."""
    chromium = find_chromium()
    if chromium is None:
        raise FerError("There is no Chromium on this machine: 'make test' installs one.")
    times: dict[str, list[float]] = {}

    def clock(name: str, act: Callable[[], Any], shown: Callable[[], Any]) -> None:
        begun = time.perf_counter()
        act()
        shown()
        times.setdefault(name, []).append(1000 * (time.perf_counter() - begun))

    with tempfile.TemporaryDirectory() as folder:
        app = App(Path(folder) / "home", Path(folder) / "app.log", FER_DATA=data)
        try:
            with chromium_with_camera(chromium, None) as browser:
                for number in range(rounds + 1):
                    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
                    page.set_default_timeout(120_000)
                    clock(
                        "the page again, another visitor" if number else "the page, first of all",
                        partial(page.goto, f"{app.url}/dataset"),
                        page.get_by_text(f"{len(dataset):,} faces").wait_for,
                    )
                    if number < rounds:
                        page.context.close()
                _use(page, dataset, rounds, clock)
        finally:
            app.stop()
    return {name: {"median": statistics.median(t), "worst": max(t)} for name, t in times.items()}


#: Whether the sheet of faces is there; it has a tree of its own.
_TILES: Final = """() => [...document.querySelectorAll("*")].some(
    (one) => one.shadowRoot?.querySelector("[role=option]"))"""


def _use(page: "Page", dataset: Dataset, rounds: int, clock: Callable[..., None]) -> None:
    """Browse, look, turn pages, filter, sort and relabel; one after the other."""

    def settled() -> None:
        page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()

    def tile(row: int) -> "Locator":
        return page.get_by_role("option", name=re.compile(f"^Row {row},"))

    def choose(label: str, value: str) -> "Locator":
        page.get_by_role("combobox", name=label, exact=True).click()
        return page.get_by_role("option", name=value, exact=True)

    settled()
    page.wait_for_timeout(2000)  # until the charts of Overview are drawn, too
    view = page.get_by_test_id("stMain").get_by_text("Browse", exact=True).first
    # Asked in every frame: a locator asks twice a second at last, which is half of the answer.
    clock(
        "from Overview to Browse",
        view.click,
        partial(page.wait_for_function, _TILES, polling="raf"),
    )
    tile(0).wait_for()
    tile(0).click()
    settled()
    for number in range(rounds):
        row = number + 1
        clock(
            "the next face, large, with what every model says",
            partial(page.keyboard.press, "ArrowRight"),
            page.get_by_text(f"Row {row} · {dataset.usage[row]}").wait_for,
        )
        settled()
    for number in range(rounds):
        clock(
            "the next page", partial(page.keyboard.press, "PageDown"),
            tile(60 * (number + 1)).wait_for,
        )  # fmt: skip
        settled()
    for number in range(rounds):
        emotion = EMOTIONS[number % len(EMOTIONS)]
        faces = int((dataset.labels == EMOTIONS.index(emotion)).sum())
        option = choose("Label", emotion)
        clock("filter", option.click, page.get_by_text(f"{faces:,} faces", exact=True).wait_for)
        settled()
    choose("Label", "any").click()
    settled()
    light = dataset.faces.reshape(len(dataset), -1).mean(axis=1)
    for number in range(rounds):
        name, first = (
            ("Darkest", int(light.argmin())) if number % 2 else ("Brightest", int(light.argmax()))
        )
        option = choose("Sorted", name)
        clock("sort", option.click, tile(first).wait_for)
        settled()
    page.get_by_role("option", name=re.compile("^Row")).first.click()
    for number in range(rounds):
        page.keyboard.press("ArrowRight")
        settled()
        clock(
            "relabel, until it is kept", partial(page.keyboard.press, "7"),
            page.get_by_text(f"{number + 1} corrected in all").wait_for,
        )  # fmt: skip
        settled()


def _median(step: Callable[[], Any], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        step()
        times.append(time.perf_counter() - begun)
    return 1000 * statistics.median(times)


def to_markdown(result: dict[str, Any]) -> str:
    """Return the result as text and a table."""
    rows = [
        ("open for the first time", f"{result['first']:.1f} s", f"{result['peak_first']:.0f} MB"),
        (
            "open again, from the cache",
            f"{result['again']:.2f} s",
            f"{result['peak_again']:.0f} MB",
        ),
    ]
    rows += [(name, f"{ms:.1f} ms", "") for name, ms in result["milliseconds"].items()]
    seen = [
        (name, f"{one['median']:.0f} ms", f"{one['worst']:.0f} ms")
        for name, one in result.get("browser", {}).items()
    ]
    on_page = (
        "\n\nOn the page, from the click or key until a browser shows it; Browse is asked for two "
        "seconds after the page came, when Overview is drawn:\n\n"
        + markdown(("step", "median", "worst"), seen)
    )
    return (
        f"{result['faces']:,} faces on {result['machine']['cores']} cores, "
        f"{result['machine']['processor']}; medians.\n\n"
        + markdown(("step", "time", "memory of the process at most"), rows)
        + (on_page if seen else "")
        + "\n\n"
        + again("dataset --data fer2013.csv.xz --browser")
    )
