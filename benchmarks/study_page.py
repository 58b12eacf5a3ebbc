"""How soon the page of a large study is there: ``python -m benchmarks study_page``.

A study is made of tables: 50 participants with three recordings of two minutes each, two groups
and an event per stimulus. A Chromium opens it, goes through its views and changes what they show.
"""

import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import psutil

from benchmarks.browser import App, chromium_with_camera, find_chromium
from benchmarks.versus import cpu_seconds, environment
from fer_core.emotions import EMOTIONS
from fer_core.settings import settings
from fer_core.study.folder import Study
from fer_core.study.recordings import add_result
from fer_core.table import data_frame
from fer_core.video.result import VideoOptions, VideoResult
from fer_core.zoo.readme import table

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

PEOPLE: Final = 50
CLIPS: Final = ("clip1", "clip2", "clip3")
SECONDS: Final = 120.0
_FPS: Final = 5.0
#: Participants of the study that is opened in turns with the large one.
_SMALL: Final = 2
#: Views, and words that only the drawn view has.
_VIEWS: Final = {
    "Events": "Drag over the timeline", "Measures": "Participants in results",
    "Curves": "Choose two events", "Compare": "is exploratory", "Report": "One HTML file",
    "Recordings": "Select one to choose",
}  # fmt: skip
#: View → label of a choice in it; options to choose in turn with what their chart is called.
_CHOICES: Final = {
    "Measures": ("Measure", {"Sad, mean": "Sad, mean", "Happy, mean": "Happy, mean"}),
    "Events": ("Recording", {"P02_clip1": "of P02_clip1", "P01_clip1": "of P01_clip1"}),
    "Curves": ("Show", {"Sad": "Sad, probability", "Happy": "Happy, probability"}),
}


def make(path: Path, people: int = PEOPLE, seconds: float = SECONDS) -> Study:
    """Make the study in a new folder."""
    study = Study.create(path, "Large", model="fast", fps=_FPS)
    rng = np.random.default_rng(0)
    for number in range(people):
        for clip in CLIPS:
            code = f"P{number + 1:02}"
            result = _result(study, seconds, 0.3 + 0.2 * (number % 2), rng)
            one = add_result(
                study, result, f"{code}_{clip}.mp4", code, consent="2026-01-02",
                setting="research", columns={"group": "AB"[number % 2]}, task=clip,
            )  # fmt: skip
            events = [(0.0, 10.0, "rest"), (10.0, seconds - 10, clip)]
            study.set_events(one, pd.DataFrame(events, columns=["onset", "duration", "trial_type"]))
    return study


def _result(study: Study, seconds: float, happy: float, rng: np.random.Generator) -> VideoResult:
    count = round(seconds * _FPS)
    drift = np.cumsum(rng.normal(0, 0.05, (count, len(EMOTIONS))), axis=0)
    drift[:, EMOTIONS.index("Happy")] += happy
    shares = np.exp(drift) / np.exp(drift).sum(axis=1, keepdims=True)
    columns = {
        "time": np.arange(count) / _FPS, "frame": np.arange(count), "status": ["ok"] * count,
        "person": [1] * count, "x": [90.0] * count, "y": [40.0] * count, "width": [80.0] * count,
        "height": [90.0] * count, "score": [0.9] * count, "head_turn": rng.normal(0, 10, count),
        "sharpness": rng.normal(300, 30, count), "brightness": [0.5] * count,
        "emotion": [EMOTIONS[i] for i in shares.argmax(axis=1)], "confidence": shares.max(axis=1),
        "unsure": (shares.max(axis=1) < 0.5).tolist(), "model": [study.file.model] * count,
        "class_prior": [study.file.class_prior] * count, "smoothing": [0.0] * count,
    } | {name.lower(): shares[:, i] for i, name in enumerate(EMOTIONS)}  # fmt: skip
    frame = data_frame({name: list(values) for name, values in columns.items()}, "video")
    options = VideoOptions(model=study.file.model, class_prior=study.file.class_prior)
    return VideoResult(None, options, frame, seconds, count)  # type: ignore[arg-type]


def run_study_page(rounds: int = 5, people: int = PEOPLE) -> dict[str, Any]:
    """Measure the page in a Chromium on this machine.

    Args:
        rounds: How often each thing is done; the first time of each counts too.
        people: Participants of the study.
    """
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FER_HOME"] = folder
        settings.cache_clear()
        begun = time.monotonic()
        make(Path(folder) / "studies" / "large", people)
        made = time.monotonic() - begun
        with (small := make(Path(folder) / "studies" / "small", _SMALL)).editing():
            small.file.name = "Small"
        app = App(Path(folder), Path(folder) / "app.log")
        try:
            with chromium_with_camera(find_chromium(), None) as browser:
                page = browser.new_page(viewport={"width": 1280, "height": 800})
                page.set_default_timeout(60_000)
                worker = psutil.Process(app.process.pid)
                found = _measured(page, app.url, rounds, lambda: cpu_seconds(worker))
        finally:
            app.stop()
    return {"machine": environment(), "people": people, "recordings": people * len(CLIPS),
            "seconds": SECONDS, "making": made, "rounds": rounds, "times": found}  # fmt: skip


def _measured(
    page: "Page", url: str, rounds: int, cpu: Callable[[], float]
) -> dict[str, dict[str, list[list[float]]]]:
    """Return seconds by the clock and of the app's processor, for each act and study in turns."""
    from playwright.sync_api import expect

    found: dict[str, dict[str, list[list[float]]]] = {}

    def timed(name: str, act: Callable[[], object], sign: "Locator") -> None:
        begun, spent = time.monotonic(), cpu()
        act()
        expect(sign.first).to_be_attached(timeout=60_000)
        expect(page.get_by_test_id("stApp")).to_have_attribute(
            "data-test-script-state", "notRunning", timeout=60_000
        )
        times = [time.monotonic() - begun, cpu() - spent]
        found.setdefault(name, {}).setdefault(study, []).append(times)

    def press(role: Any, name: str) -> Callable[[], object]:
        return lambda: page.get_by_role(role, name=name, exact=True).click()

    for turn in range(2 * rounds):
        study = ("Large", "Small")[turn % 2]
        page.goto(f"{url}/study", wait_until="domcontentloaded")
        expect(page.get_by_role("button", name=f"Open {study}")).to_be_visible(timeout=60_000)
        timed("Opened from the list", press("button", f"Open {study}"),
              page.get_by_text(_VIEWS["Recordings"]))  # fmt: skip
        for view, words in _VIEWS.items():
            timed(f"View {view}", press("radio", view), page.get_by_text(words))
            label, options = _CHOICES.get(view, ("", {}))
            for option, chart in options.items():
                page.get_by_role("combobox", name=label, exact=True).click()
                shown = page.get_by_role("button", name=re.compile(f"Show data: .*{chart}"))
                timed(f"Another choice in {view}", press("option", option), shown)
    return found


def to_markdown(result: dict[str, Any]) -> str:
    """Return the times as Markdown."""
    rows = []
    for name, studies in result["times"].items():
        (clock, cpu), (small, _) = (
            zip(*studies[study], strict=True) for study in ("Large", "Small")
        )
        ratio = statistics.median(clock) / statistics.median(small)
        rows.append((name, f"{statistics.median(clock):.2f} s", f"{max(clock):.2f} s",
                     f"{statistics.median(cpu):.2f} s", f"{ratio:.2f}", len(clock)))  # fmt: skip
    machine = result["machine"]
    return "\n\n".join(
        [
            f"{result['people']} participants with {len(CLIPS)} recordings of "
            f"{result['seconds']:.0f} s each, in Chromium on the machine of the app "
            f"({machine['cores']} cores, {machine['processor']}), from a click until the view is "
            "drawn and the script has ended.",
            f"The processor's seconds are those of the app; the last figure but one compares the "
            f"median with that of a study of {_SMALL} participants, in turns.",
            table(("", "median", "worst", "processor", "to a small study", "n"), rows),
        ]
    )
