"""What the training page costs: ``python benchmarks/dashboard.py``.

Beside 50 finished runs one trains. It is timed how long the page takes to answer; then it is
open in a browser and is not, in turns, and the faces per second of the run are compared,
epoch by epoch. The browser runs on the same machine, and its work counts as the page's.
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
from fer_core.benchmarks.dashboard import to_markdown
from fer_core.benchmarks.versus import environment
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
    run.write_state(
        status="trained", epoch=epochs, best_epoch=epochs, best_accuracy=0.69, steps_per_epoch=steps
    )


def speed(run: Run, epochs: int) -> float:
    """Faces per second over so many whole epochs from now on, validation left out."""
    first = len(run.metrics()) + 1  # the one that is under way saw something else
    wait_for(lambda: len(run.metrics()) >= first + epochs, 60 * epochs + 60)
    rows = run.metrics()[first : first + epochs]
    return statistics.median(row["images_per_second"] for row in rows)


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


def measure(pairs: int, epochs: int, others: int) -> dict[str, Any]:
    """Everything, the page in turns open and closed: A B, B A, …"""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FER_HOME"] = folder
        settings.cache_clear()
        for _ in range(others):
            finished()
        config = configure(
            preset="recommended", model="mini_xception", data="demo", epochs=10_000,
        )  # fmt: skip
        run = queue.submit(config)
        app = App(Path(folder), Path(folder) / "app.log")
        found: dict[str, list[float]] = {"open": [], "closed": []}
        try:
            wait_for(lambda: run.state().get("epoch", 0) >= 2, 300)
            with chromium_with_camera(find_chromium(), None) as browser:
                opened(browser, app.url, run).close()  # what is loaded once is loaded
                start = time.monotonic()
                page = opened(browser, app.url, run)
                opening = time.monotonic() - start
                waits = answers(page)
                page.close()
                for i in range(pairs):
                    for which in ("open", "closed") if i % 2 == 0 else ("closed", "open"):
                        page = opened(browser, app.url, run) if which == "open" else None
                        found[which].append(speed(run, epochs))
                        if page:
                            page.close()
        finally:
            app.stop()
            run.stop()
    ratios = [a / b for a, b in zip(found["open"], found["closed"], strict=True)]
    return {
        "machine": environment(),
        "network": f"{config.model}, batches of {config.batch_size}",
        "finished": others,
        "opening": opening,
        "answers": {"median": statistics.median(waits), "worst": max(waits), "n": len(waits)},
        "epochs": epochs,
        "faces_per_second": found,
        "cost": 1 - statistics.median(ratios),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=2, help="In each turn.")
    parser.add_argument("--finished", type=int, default=50, help="Runs that stand beside.")
    parser.add_argument("--json", type=Path, help="Write the result to this file.")
    chosen = parser.parse_args()
    result = measure(chosen.pairs, chosen.epochs, chosen.finished)
    if chosen.json:
        chosen.json.write_text(json.dumps(result, indent=2) + "\n")
    print(to_markdown(result))
