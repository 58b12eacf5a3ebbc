"""What ten hostile visitors at once do to a public copy, and to a visitor beside them."""

import io
import json
import multiprocessing
import queue
import random
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psutil
from PIL import Image

from benchmarks.browser import App
from fer_core.images import example_portrait
from fer_core.settings import Settings
from fer_core.system import describe_machine
from tests.security.visitor import Visitor, new_key

MB: Final = 1_000_000
#: Seconds between two pictures of the normal visitor, and between two samples of the memory.
_PAUSE: Final = 2.5
_INTERVAL: Final = 0.25
#: Pictures of the normal visitor before any is measured, by which everything is loaded, and of
#: those measured alone.
_WARM: Final = 4
_ALONE: Final = 20


def run_hostile(visitors: int, seconds: float) -> dict[str, Any]:
    """Attack a copy of the app in a process of its own.

    Args:
        visitors: Hostile ones at once.
        seconds: For how long.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        app = App(home, Path(folder) / "app.log", FER_PUBLIC="1")
        try:
            return _attacked(app, visitors, seconds)
        finally:
            app.stop()
            for child in psutil.process_iter(["cmdline"]):
                with suppress(psutil.Error):
                    if child.environ().get("FER_HOME") == str(home):
                        child.kill()


def _attacked(app: App, visitors: int, seconds: float) -> dict[str, Any]:
    with Visitor(app.url) as normal:
        for number in range(_WARM):
            _analyse(normal, number)
            time.sleep(_PAUSE)
        alone = []
        for number in range(_WARM, _WARM + _ALONE):
            time.sleep(_PAUSE)
            alone.append(_analyse(normal, number))
        memory = _Memory(app)
        before = memory.sample()
        over, begun = threading.Event(), multiprocessing.get_context("spawn")
        threading.Thread(target=memory.watch, args=(over,), daemon=True).start()
        # In a process of its own, so that it is the app alone that keeps the visitor waiting.
        acts = begun.Queue()
        attack = begun.Process(target=_attackers, args=(app.url, visitors, acts), daemon=True)
        attack.start()
        beside, end, number = [], time.monotonic() + seconds, 100
        while time.monotonic() < end:
            time.sleep(_PAUSE)
            beside.append(_analyse(normal, number))
            number += 1
        over.set()
        attack.terminate()  # whoever waits for an answer still is cut off
        counts = Counter(_drained(acts))
    bounds = Settings(public=True)
    return {
        "machine": describe_machine(),
        "visitors": visitors,
        "seconds": seconds,
        "visitor_mb": bounds.visitor_mb,
        "picture_mb": bounds.picture_mb,
        "workers": bounds.workers,
        "before_mb": round(before),
        "peak_app_mb": round(memory.app),
        "peak_pictures_mb": round(memory.pictures),
        "peak_jobs_mb": round(memory.jobs),
        "most_jobs": memory.count,
        "alone_s": round(statistics.median(alone), 3),
        "beside_s": round(statistics.median(beside), 3),
        "times": round(statistics.median(beside) / statistics.median(alone), 2),
        "beside_worst_s": round(max(beside), 3),
        "pictures": len(beside),
        "acts": dict(sorted(counts.items())),
    }


class _Memory:
    """The largest memory of the app, of its process for pictures and of the jobs it started."""

    def __init__(self, app: App) -> None:
        self._process = psutil.Process(app.process.pid)
        self._home = app.folder / "home"
        self.app = self.pictures = self.jobs = 0.0
        self.count = 0

    def sample(self) -> float:
        return self._process.memory_info().rss / MB

    def watch(self, over: threading.Event) -> None:
        while not over.wait(_INTERVAL):
            self.app = max(self.app, self.sample())
            self.pictures = max(self.pictures, self._sample_pictures())
            jobs = []
            for path in self._home.glob("jobs/*/worker.json"):
                with suppress(OSError, ValueError, KeyError, psutil.Error):
                    pid = json.loads(path.read_text(encoding="utf-8"))["pid"]
                    jobs.append(psutil.Process(pid).memory_info().rss / MB)
            self.jobs, self.count = max(self.jobs, sum(jobs)), max(self.count, len(jobs))

    def _sample_pictures(self) -> float:
        for child in self._process.children():
            with suppress(psutil.Error):
                if "fer_core.picture_process" in child.cmdline():
                    return child.memory_info().rss / MB
        return 0.0


def _picture(number: int) -> bytes:
    """Return a portrait that no session has seen yet."""
    image = example_portrait()
    image[0, 0] = number % 256, number // 256, 0
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def _analyse(visitor: Visitor, number: int) -> float:
    """Return the seconds from a picture's upload to its faces on the page."""
    content = _picture(number)
    visitor.run("images", 300)
    begun = time.monotonic()
    status, file = visitor.put(content, f"{number}.png")
    assert status == 204, status
    visitor.give(visitor.find("file_uploader").id, (file, f"{number}.png", len(content)))
    visitor.run("images", 300)
    assert "looks happy" in visitor.words().lower(), visitor.words()
    taken = time.monotonic() - begun
    visitor.click(visitor.find("button", "Clear").id, "images")
    visitor.widgets.clear()
    return taken


def _attackers(url: str, visitors: int, acts: "multiprocessing.Queue[str]") -> None:
    """Let hostile visitors attack until this process is ended.

    It goes behind all others: real attackers have processors of their own.
    """
    psutil.Process().nice(19)
    threads = [
        threading.Thread(target=_attack, args=(url, number, acts)) for number in range(visitors)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _drained(acts: "multiprocessing.Queue[str]") -> Iterator[str]:
    with suppress(queue.Empty):
        while True:
            yield acts.get(timeout=0.5)


def _attack(url: str, seed: int, acts: "multiprocessing.Queue[str]") -> None:
    """Do what a visitor can do to use up memory, one thing after the other, ever anew."""
    random_ = random.Random(seed)
    key = new_key()
    while True:
        if random_.random() < 0.3:
            key = new_key()
        name, act = random_.choice(_ACTS)
        with suppress(Exception), Visitor(url, key) as visitor:  # refused is what it is to be
            act(visitor)
        acts.put(name)


def _fill(visitor: Visitor) -> None:
    visitor.run("images")
    for _ in range(4):
        visitor.put(bytes(60 * MB))


def _bomb(visitor: Visitor) -> None:
    file = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(file, "PNG")
    _show(visitor, file.getvalue())


def _crowd(visitor: Visitor) -> None:
    """Return a picture of many faces, each of which the session remembers."""
    file = io.BytesIO()
    face = Image.fromarray(example_portrait()[0:260, 100:360]).resize((90, 90))
    crowd = Image.new("RGB", (1800, 1800))
    for at in range(400):
        crowd.paste(face, (at % 20 * 90, at // 20 * 90))
    crowd.save(file, "JPEG")
    _show(visitor, file.getvalue())


def _show(visitor: Visitor, content: bytes) -> None:
    visitor.run("images")
    _, name = visitor.put(content, "x.png")
    visitor.give(visitor.find("file_uploader").id, (name, "x.png", len(content)))
    visitor.run("images", 300)


def _video(visitor: Visitor) -> None:
    visitor.run("video")
    visitor.click(visitor.find("button", "Sample clip").id, "video")


def _nonsense(visitor: Visitor) -> None:
    visitor.run("live")
    for element in visitor.elements:
        if element.WhichOneof("type") == "bidi_component":
            visitor.report(element.bidi_component.id, [[float("nan")] * 1000] * 100)
    visitor.run("live")


_ACTS: Final[tuple[tuple[str, Callable[[Visitor], None]], ...]] = (
    ("uploads of 240 MB", _fill),
    ("pictures of 100 megapixels", _bomb),
    ("pictures of 400 faces", _crowd),
    ("videos", _video),
    ("nonsense of components", _nonsense),
)


def to_markdown(result: dict[str, Any]) -> str:
    """Return the figures for docs/results.md."""
    acts = ", ".join(f"{number} {name}" for name, number in result["acts"].items())
    return (
        f"{result['visitors']} hostile visitors for {result['seconds'] / 60:.0f} minutes on "
        f"{result['machine']}, with the default bounds ({result['visitor_mb']:.0f} MB a "
        f"visitor, ten times as much for all, {result['picture_mb']:.0f} MB a picture, "
        f"{result['workers']} job processes): {acts}.\n\n"
        f"The app grew from {result['before_mb']} to {result['peak_app_mb']} MB at most, its "
        f"process for expensive pictures to {result['peak_pictures_mb']} MB; its video jobs, "
        f"{result['most_jobs']} at once, took {result['peak_jobs_mb']} MB. A normal visitor's "
        f"picture took {result['beside_s']:.2f} s beside them (median of {result['pictures']}; "
        f"the longest {result['beside_worst_s']:.2f} s), {result['times']:.1f} times as long as "
        f"the {result['alone_s']:.2f} s "
        "alone.\n\nAgain: `python -m benchmarks hostile`."
    )
