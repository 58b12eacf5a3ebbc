"""Exported models on all cores: the same answers, however they are computed."""

import threading

import numpy as np
import pytest

from fer_core import litert
from fer_core.litert import Runner
from fer_core.models.catalogue import find_model


@pytest.fixture(scope="module")
def content() -> bytes:
    return find_model("pk_03").read_exported()


@pytest.fixture
def crops() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (9, 192, 192, 3), np.uint8)


def answers(run: Runner, crops: np.ndarray) -> np.ndarray:
    return np.array([output[0][0] for output in run(list(crops))])


def test_one_by_one_and_all_at_once_are_the_same(content: bytes, crops: np.ndarray) -> None:
    run = Runner(content)
    together = answers(run, crops)
    # Often enough that a lone input is computed by one thread and by several.
    for _ in range(3):
        alone = np.concatenate([answers(run, crops[i : i + 1]) for i in range(len(crops))])
        assert np.array_equal(alone, together)
    assert answers(run, crops[:0]).shape == (0,)


def test_an_input_is_made_by_the_thread_that_computes_it(content: bytes, crops: np.ndarray) -> None:
    def fill(memory: np.ndarray, row: int) -> None:
        memory[0] = crops[row]

    made = [output[0][0] for output in Runner(content, fill=fill)(range(len(crops)))]
    assert np.array_equal(made, answers(Runner(content), crops))


def test_threads_get_their_own_answers(content: bytes, crops: np.ndarray) -> None:
    run = Runner(content)
    expected, found = answers(run, crops), [None] * len(crops)

    def ask(i: int) -> None:
        for _ in range(5):
            found[i] = answers(run, crops[i : i + 1])[0]

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(crops))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.array_equal(found, expected)


def test_the_way_that_was_faster_of_late_is_chosen() -> None:
    """Idle cores make several threads faster, busy ones slower; either is noticed."""
    together = litert._Together()

    def choices(seconds: dict[bool, float], number: int) -> list[bool]:
        chosen = []
        for _ in range(number):
            chosen.append(together.choose())
            together.note(chosen[-1], seconds[chosen[-1]])
        return chosen

    assert choices({True: 1.0, False: 2.0}, 40)[2:] == [True] * 38
    later = choices({True: 5.0, False: 2.0}, 60)
    assert later[-20:].count(True) <= 1
    # Now and then the other way is tried, so that idle cores are found again.
    assert True in choices({True: 1.0, False: 2.0}, 120)[-20:]
