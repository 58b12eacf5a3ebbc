"""The pictures of README.md and docs/training.md: ``python -m benchmarks walkthrough``.

Shows the example picture and trains on the demo faces, and writes ``docs/pictures``.
"""

import argparse
import io
import os
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from benchmarks.browser import ROOT, App, chromium_with_camera, find_chromium, wait_for
from fer_core.settings import settings
from fer_core.train import configure, manage, queue, runs
from fer_core.train.runs import TrainingRun
from fer_core.zoo import publish_job

PICTURES = ROOT / "docs" / "pictures"
#: A network small enough that the whole walk takes some minutes.
SMALL = {"widths": [16, 16, 32, 32], "convolutions": [1, 1, 1, 1]}


def settled(page: Page) -> None:
    """Wait until the script is done and what moves has come to rest."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.locator("[data-stale=true]")).to_have_count(0)
    page.wait_for_timeout(1500)


def save_picture(page: Page, name: str) -> None:
    """Return a picture of the app's window as it stands."""
    settled(page)
    take(page, name)


def take(page: Page, name: str) -> None:
    """Return a picture of what a window shows now."""
    PICTURES.mkdir(exist_ok=True)
    image = Image.open(io.BytesIO(page.screenshot()))
    image.convert("RGB").save(PICTURES / f"{name}.webp", quality=80, method=6)


def begin(title: str, **changes: object) -> TrainingRun:
    """Start a run with a name for people."""
    fields = {"preset": "quick", "model": "fast", "data": "demo", "model_options": SMALL}
    run = queue.submit(configure(**fields | changes))
    manage.describe(run, title=title)
    return run


def walk(page: Page, url: str) -> None:
    """Go from the example picture over the form to the models, a picture at every station."""
    page.goto(f"{url}/images", wait_until="domcontentloaded")
    page.get_by_role("button", name="Use the example").click()
    expect(page.get_by_text("Looks happy")).to_be_visible()
    save_picture(page, "images")
    page.goto(f"{url}/training", wait_until="domcontentloaded")
    page.get_by_role("button", name="New run").click()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_enabled()
    page.set_viewport_size({"width": 1280, "height": 1060})
    save_picture(page, "training-start")
    page.set_viewport_size({"width": 1280, "height": 800})

    first = begin("first try")
    runs.wait(first.name, 600)
    second = begin("more epochs", epochs=12, learning_rate=2e-3)
    wait_for(lambda: second.state().get("epoch", 0) >= 5, 600)
    page.goto(f"{url}/training?run={second.name}", wait_until="domcontentloaded")
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    expect(page.get_by_text("images/s")).to_be_visible()
    save_picture(page, "training-watch")

    runs.wait(second.name, 600)
    page.goto(f"{url}/training?run={second.name}", wait_until="domcontentloaded")
    expect(page.get_by_text("Calibration error")).to_be_visible()
    page.get_by_role("tab", name="Surest mistakes").click()
    page.get_by_text("Calibration error").scroll_into_view_if_needed()
    page.get_by_test_id("stMain").evaluate("e => e.scrollBy(0, 420)")
    save_picture(page, "training-after")

    for run, name in ((first, "first-try"), (second, "more-epochs")):
        publish_job.start(run, name)
        runs.wait(run.name, 600)
    page.goto(f"{url}/models?model=first-try&model=more-epochs", wait_until="domcontentloaded")
    page.get_by_text("Build an ensemble", exact=True).click()
    expect(page.get_by_test_id("stMetricValue")).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 1060})
    save_picture(page, "models-ensemble")


def main(arguments: list[str]) -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FER_HOME"] = folder
        settings.cache_clear()
        app = App(Path(folder), Path(folder) / "app.log", FER_DATA="demo")
        try:
            with chromium_with_camera(find_chromium(), None) as browser:
                page = browser.new_page(viewport={"width": 1280, "height": 800})
                page.set_default_timeout(120_000)
                expect.set_options(timeout=120_000)
                walk(page, app.url)
        finally:
            app.stop()
            for run in runs.list_runs():
                run.stop()
    for path in sorted(PICTURES.glob("*.webp")):
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1000} kB")
