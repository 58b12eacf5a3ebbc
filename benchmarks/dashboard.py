"""What the training page costs: ``python benchmarks/dashboard.py``.

Beside 50 finished runs one trains. In turns the page is open in a browser and is not, and
the updates per second of the run are compared; then it is timed how long the page takes
to answer. The browser runs on the same machine, and its work counts as the page's.
"""

import argparse
import json
import os
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from playwright.sync_api import Browser, Page, expect

from fer_core.benchmarks.browser import App, chromium_with_camera, find_chromium, wait_for
from fer_core.settings import settings
from fer_core.train import configure, queue
from fer_core.train.runs import Run


def finished(epochs: int = 60, steps: int = 224) -> None:
    """A run of FER2013's size as training leaves it."""
    run = Run.create(configure(model="fast", data="demo", epochs=epochs))
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
        )
    )
    run.write_state(status="trained", epoch=epochs, best_epoch=epochs, best_accuracy=0.69)


def updates(run: Run) -> int:
    """Lines of the log of updates: one each."""
    with (run.path / "steps.jsonl").open("rb") as file:
        return sum(1 for _ in file)


def rate(run: Run, seconds: float) -> float:
    """Updates per second over so long a time."""
    before, start = updates(run), time.monotonic()
    time.sleep(seconds)
    return (updates(run) - before) / (time.monotonic() - start)


def opened(browser: Browser, url: str, run: Run) -> Page:
    """The training page with the run that trains."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(60_000)
    page.goto(f"{url}/training?run={run.name}", wait_until="domcontentloaded")
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=60_000)
    return page


def answers(page: Page, times: int = 9) -> list[float]:
    """Seconds from a click on the axis to the chart that shows it."""
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


def measure(rounds: int, seconds: float) -> dict[str, Any]:
    """Everything, in the order open, closed, closed, open, …"""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FER_HOME"] = folder
        settings.cache_clear()
        for _ in range(50):
            finished()
        run = queue.submit(configure(model="fast", data="demo", epochs=10_000, early_stopping=0))
        app = App(Path(folder), Path(folder) / "app.log")
        found: dict[str, list[float]] = {"open": [], "closed": []}
        try:
            wait_for(lambda: run.state().get("epoch", 0) >= 1, 300)
            with chromium_with_camera(find_chromium(), None) as browser:
                page = opened(browser, app.url, run)
                waits = answers(page)
                page.close()
                for i in range(rounds):
                    order = ("open", "closed") if i % 2 == 0 else ("closed", "open")
                    for which in order:
                        page = opened(browser, app.url, run) if which == "open" else None
                        found[which].append(rate(run, seconds))
                        if page:
                            page.close()
        finally:
            app.stop()
            run.stop()
    ratios = [a / b for a, b in zip(found["open"], found["closed"], strict=True)]
    return {
        "answer_seconds": {"median": statistics.median(waits), "worst": max(waits)},
        "updates_per_second": {k: [round(v, 3) for v in vs] for k, vs in found.items()},
        "cost": 1 - statistics.median(ratios),
        "cores": os.cpu_count(),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=12.0)
    chosen = parser.parse_args()
    print(json.dumps(measure(chosen.rounds, chosen.seconds), indent=2))
