"""What the training page costs: ``python -m benchmarks dashboard``.

Beside 50 finished runs one trains. It is timed how long the page takes to answer; then it is
open in a browser and is not, in turns, and the faces per second of the run are compared.
The browser runs on the same machine, and its work counts as the page's.
"""

import argparse
import json
import os
import re
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.browser import App, chromium_with_camera, find_chromium, wait_for
from benchmarks.versus import cpu_seconds, environment, in_turn
from fer_core.settings import settings
from fer_core.train import configure, queue
from fer_core.train.runs import TrainingRun
from fer_core.zoo.readme import table

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def finished(epochs: int = 60, steps: int = 224) -> None:
    """Return a run of FER2013's size as training leaves it."""
    run = TrainingRun.create(configure(model="fast", data="demo", epochs=epochs))
    rows = [
        {
            "epoch": i, "loss": 2 / i, "accuracy": 0.8 - 0.5 / i, "val_loss": 2.2 / i,
            "val_accuracy": 0.7 - 0.5 / i, "learning_rate": 1e-3, "seconds": 60.0,
            "images_per_second": 480.0,
        }
        for i in range(1, epochs + 1)
    ]  # fmt: skip
    run.write_metrics(rows)
    (run.path / "steps.jsonl").write_text(
        "".join(
            json.dumps({"epoch": e, "step": s, "loss": 1.234}) + "\n"
            for e in range(1, epochs + 1)
            for s in range(1, steps + 1)
        ),
        encoding="utf-8",
    )
    run.write_state(
        status="trained", epoch=epochs, best_epoch=epochs, best_accuracy=0.69, steps_per_epoch=steps
    )


def speed(run: TrainingRun, seconds: float) -> tuple[float, float]:
    """Return faces per second from the next update on, without what lies between two epochs; and
    the cores that the training has, on average.
    """
    worker = run.process()
    begun, before = time.monotonic(), cpu_seconds(worker)
    log = run.path / "steps.jsonl"
    size, last, spent, updates = log.stat().st_size, None, 0.0, 0
    end = time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        if log.stat().st_size != size:
            size, epoch = log.stat().st_size, len(run.metrics())
            if last and last[0] == epoch:
                spent, updates = spent + now - last[1], updates + 1
            last = epoch, now
        time.sleep(0.01)
    if not updates:
        raise SystemExit(f"The run does not go on: {run.state()}")
    cores = (cpu_seconds(worker) - before) / (time.monotonic() - begun)
    return updates * run.config.batch_size / spent, cores


def opened(browser: "Browser", url: str, run: TrainingRun) -> "Page":
    """Return the training page with the run that trains."""
    from playwright.sync_api import expect

    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(60_000)
    page.goto(f"{url}/training?run={run.name}", wait_until="domcontentloaded")
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=60_000)
    return page


def answers(page: "Page", times: int = 9) -> list[float]:
    """Return seconds from a click on the axis to the chart that shows it."""
    from playwright.sync_api import expect

    out = []
    titles = {"Time": "Minutes", "Epochs": "Epoch"}
    for i in range(times):
        label = list(titles)[i % 2]
        start = time.monotonic()
        page.get_by_test_id("stMain").get_by_text(label, exact=True).first.click()
        shown = page.locator(".js-plotly-plot .xtitle", has_text=re.compile(f"^{titles[label]}$"))
        expect(shown.first).to_be_visible(timeout=30_000)
        out.append(time.monotonic() - start)
    return out


def arrivals(page: "Page", times: int = 7) -> list[float]:
    """Return seconds from a click on the page's name, on another page, to the run's charts."""
    from playwright.sync_api import expect

    out = []
    for _ in range(times):
        page.get_by_role("link", name="Models", exact=True).click()
        expect(page.get_by_role("heading", name="Models", exact=True)).to_be_visible()
        expect(page.locator("[data-stale=true]")).to_have_count(0)
        page.wait_for_timeout(1000)
        start = time.monotonic()
        page.get_by_role("link", name="Training", exact=True).click()
        shown = page.locator(".js-plotly-plot .gtitle", has_text="Loss")
        expect(shown).to_be_visible(timeout=30_000)
        out.append(time.monotonic() - start)
    return out


def _summary(seconds: list[float]) -> dict[str, float]:
    return {"median": statistics.median(seconds), "worst": max(seconds), "n": len(seconds)}


def measure(pairs: int, seconds: float, others: int, data: str) -> dict[str, Any]:
    """Measure everything, the page in turns open and closed: A B, B A, …"""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FER_HOME"] = folder
        settings.cache_clear()
        for _ in range(others):
            finished()
        config = configure(preset="recommended", model="mini_xception", data=data, epochs=10_000)
        run = queue.submit(config)
        app = App(Path(folder), Path(folder) / "app.log")
        found: dict[str, list[tuple[float, float]]] = {"open": [], "closed": []}
        try:
            wait_for(lambda: run.metrics(), 1800, lambda: f"No epoch ended: {run.state()}")
            with chromium_with_camera(find_chromium(), None) as browser:
                opened(browser, app.url, run).close()  # what is loaded once is loaded
                start = time.monotonic()
                page = opened(browser, app.url, run)
                opening = time.monotonic() - start
                come, waits = arrivals(page), answers(page)
                page.close()
                for i in range(pairs):
                    for which in in_turn(("open", "closed"), i):
                        page = opened(browser, app.url, run) if which == "open" else None
                        time.sleep(5)  # opening and closing are not what is measured
                        found[which].append(speed(run, seconds))
                        if page:
                            page.close()
        finally:
            app.stop()
            run.stop()
    rates, cores = ({k: [turn[i] for turn in v] for k, v in found.items()} for i in (0, 1))
    return {
        "machine": environment(),
        "network": f"{config.model}, batches of {config.batch_size}",
        "data": Path(data).name,
        "finished": others,
        "opening": opening,
        "arriving": _summary(come),
        "answers": _summary(waits),
        "seconds": seconds,
        "faces_per_second": rates,
        "cores": cores,
    }


def to_markdown(result: dict[str, Any]) -> str:
    """Return how soon the training page answers, and what it costs the training."""
    machine, rates = result["machine"], result["faces_per_second"]
    come, waits = result["arriving"], result["answers"]
    cores = result["cores"]
    costs = _costs(cores)
    cost, slower = np.median(costs), np.median(_costs(rates))
    turns = zip(rates["open"], rates["closed"], cores["open"], cores["closed"], costs, strict=True)
    rows = [
        (number, f"{a:.1f}", f"{b:.1f}", f"{c:.3f}", f"{d:.3f}", f"{cost:+.1%}")
        for number, (a, b, c, d, cost) in enumerate(turns, 1)
    ]
    noise = max(rates["closed"]) / min(rates["closed"]) - 1
    return "\n\n".join(
        [
            f"One run trains ({result['network']}, on {result['data']}) beside "
            f"{result['finished']} finished ones, on {machine['cores']} cores, "
            f"{machine['processor']}. From a click on the page's name to the run's charts: median "
            f"{come['median']:.2f} s, worst of {come['n']} {come['worst']:.2f} s; from a click on "
            f"the axis to the charts that show it: median {waits['median']:.2f} s, worst of "
            f"{waits['n']} {waits['worst']:.2f} s. A window that opens the app for the first "
            f"time shows the charts after {result['opening']:.1f} s.",
            "The run's share of the processor was measured while a browser on the same machine "
            "shows it, and while no page is open, in turns of "
            f"{result['seconds']:.0f} s within one run: the page costs **{cost:.1%}** of it "
            f"(median of the pairs). Faces per second say {slower:.1%}, but differ "
            f"by {noise:.0%} among the turns without a page alone.",
            table(
                ("pair", "faces/s, page open", "no page", "cores, page open", "no page", "cost"),
                rows,
            ),
            f"Again: `python -m benchmarks dashboard --pairs {len(rows)} --data "
            f"{result['data']} --json docs/measured/dashboard.json`.",
        ]
    )


def _costs(turns: dict[str, list[float]]) -> np.ndarray:
    """Return what each turn with the page open is short of the one without beside it, as a
    share.
    """
    return 1 - np.divide(turns["open"], turns["closed"])


def main(arguments: list[str]) -> None:
    """Measure, print the section and write it where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20, help="Of each turn.")
    parser.add_argument("--data", default="demo", help="What the run learns from.")
    parser.add_argument("--finished", type=int, default=50, help="Runs that stand beside.")
    parser.add_argument("--json", type=Path, help="Write the result to this file.")
    chosen = parser.parse_args(arguments)
    result = measure(chosen.pairs, chosen.seconds, chosen.finished, chosen.data)
    if chosen.json:
        chosen.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(to_markdown(result))
