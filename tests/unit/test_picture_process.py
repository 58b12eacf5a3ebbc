"""Expensive pictures of many people: fair turns, and a process that answers as this one would."""

import io
import threading
from collections.abc import Callable, Iterator

import numpy as np
import psutil
import pytest
from PIL import Image

from benchmarks.browser import wait_for
from fer_core import picture_process
from fer_core.analysis import FoundFaces, read_emotions
from fer_core.classifier import load_classifier
from fer_core.errors import FerError
from fer_core.faces import Detection, get_detector
from fer_core.images import example_portrait
from fer_core.picture_process import BusyError, PictureProcess, Seen, is_expensive, see
from fer_core.pool import Turns


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def process() -> Iterator[PictureProcess]:
    one = PictureProcess()
    yield one
    one.close()


def jpeg(side: int, picture: Image.Image | None = None) -> bytes:
    file = io.BytesIO()
    (picture or Image.fromarray(example_portrait())).resize((side, side)).save(file, "JPEG")
    return file.getvalue()


def crowd(faces: int) -> FoundFaces:
    """Return many faces, as if they had been found."""
    portrait = Image.fromarray(example_portrait()[60:190, 160:290]).resize((192, 192))
    zooms = np.broadcast_to(np.asarray(portrait), (faces, 2, 192, 192, 3))
    return FoundFaces(2000, 2000, "blazeface", (Detection((0.0, 0.0, 99.0, 99.0)),) * faces, zooms)


def served(turns: Turns, names: list[str], meanwhile: Callable[[], None]) -> list[str]:
    """Let people come one after another while the turn is taken; return who had theirs when."""
    order: list[str] = []

    def come(name: str) -> None:
        with turns.take(name):
            order.append(name)

    threads = [threading.Thread(target=come, args=(name,)) for name in names]
    with turns.take("who holds it"):
        for number, thread in enumerate(threads, start=1):
            thread.start()
            wait_for(lambda number=number: turns.waiting == number, 30)
            meanwhile()
    for thread in threads:
        thread.join()
    return order


def test_whoever_used_it_little_goes_first() -> None:
    clock = Clock()
    turns = Turns(clock=clock)

    def later() -> None:
        clock.now += 0.01

    assert served(turns, ["a", "b", "c"], later) == ["a", "b", "c"]
    with turns.take("crowd"):
        clock.now += 3
    assert served(turns, ["crowd", "crowd", "short"], later) == ["short", "crowd", "crowd"]
    # What was used is forgotten, and nobody waits for ever for people who come later.
    clock.now += 60
    assert served(turns, ["crowd", "short"], later) == ["crowd", "short"]
    with turns.take("crowd"):
        clock.now += 1000

    def much_later() -> None:
        clock.now += 61

    assert served(turns, ["crowd", "late", "later"], much_later) == ["crowd", "late", "later"]


def test_a_turn_that_fails_is_free_again() -> None:
    turns = Turns()
    with pytest.raises(ZeroDivisionError), turns.take("a"):
        raise ZeroDivisionError
    with turns.take("b"):
        assert turns.waiting == 0


def test_so_many_have_a_turn_at_once() -> None:
    turns, both = Turns(2), threading.Barrier(3)

    def take(name: str) -> None:
        with turns.take(name):
            both.wait(30)

    threads = [threading.Thread(target=take, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    both.wait(30)  # returns only while both have theirs
    for thread in threads:
        thread.join()


def test_large_pictures_are_expensive_whatever_their_file_takes() -> None:
    assert not is_expensive(jpeg(512))
    assert is_expensive(jpeg(1200))
    assert is_expensive(jpeg(9000, Image.new("1", (9, 9))))
    assert is_expensive(b"no picture that Pillow knows")


def test_the_process_answers_as_this_one_would(process: PictureProcess) -> None:
    content, detector = jpeg(1200), get_detector()
    here = see(content, detector, 300)
    there = process.see(content, detector.name, 300, "somebody")
    assert here.found.detections == there.found.detections and len(here.found.detections) == 1
    assert np.array_equal(here.found.zooms, there.found.zooms)
    assert here.preview == there.preview and here.problems == there.problems
    several = crowd(20)
    model = load_classifier("fast")
    assert process.read_emotions(several, "fast", "somebody") == read_emotions(several, model)
    with pytest.raises(FerError, match="not a picture that can be read"):
        process.see(b"words", detector.name, 300, "somebody")
    # Whatever ended the process, the next request starts another.
    assert process.pid
    psutil.Process(process.pid).kill()
    assert process.see(content, detector.name, 300, "somebody").found.detections


def test_no_more_than_so_many_wait(
    process: PictureProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_process, "WAITING", 1)
    content, answers = jpeg(1200), list[Seen]()

    def ask() -> None:
        answers.append(process.see(content, "blazeface", 300, "first"))

    thread = threading.Thread(target=ask)
    with process.turns.take("who holds it"):
        thread.start()
        wait_for(lambda: process.turns.waiting == 1, 30)
        with pytest.raises(BusyError, match="try again in a minute"):
            process.see(content, "blazeface", 300, "second")
    thread.join()
    assert answers and process.see(content, "blazeface", 300, "second").found.detections


def test_a_crowd_keeps_nobody_waiting_to_its_end(process: PictureProcess) -> None:
    """Between two parts of a long job others have their turn."""
    ended: list[str] = []

    def read(faces: int, who: str) -> None:
        assert len(process.read_emotions(crowd(faces), "fast", who).faces) == faces
        ended.append(who)

    threads = [threading.Thread(target=read, args=args) for args in ((64, "long"), (1, "short"))]
    with process.turns.take("who holds it"):
        for number, thread in enumerate(threads, start=1):
            thread.start()
            wait_for(lambda number=number: process.turns.waiting == number, 30)
    for thread in threads:
        thread.join()
    assert ended == ["short", "long"]
