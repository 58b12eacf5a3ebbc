"""Work on all cores: things that threads share, and results that stay in order."""

import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

#: Seconds for which others go first after each second of use, and the most that they add up to.
_GIVE_WAY: Final = 10.0
_GIVE_WAY_AT_MOST: Final = 60.0


class Pool(Generic[T]):
    """One of them per processor core, made when first needed.

    More callers than that wait their turn, so memory stays bounded.

    >>> pool = Pool(lambda: cv2.CascadeClassifier(path))  # doctest: +SKIP
    >>> with pool.one() as cascade:  # doctest: +SKIP
    ...     cascade.detectMultiScale(grey)
    """

    def __init__(self, make: Callable[[], T]) -> None:
        """Make the first with ``make``, so that what is wrong with it shows at once."""
        self._make = make
        # Last in, first out: the one used last is the one whose memory is warm.
        self._free: queue.LifoQueue[T | None] = queue.LifoQueue()
        for _ in range((os.cpu_count() or 1) - 1):
            self._free.put(None)
        self._free.put(make())

    @contextmanager
    def one(self) -> Iterator[T]:
        """Lend one of them to this thread alone."""
        value = self._free.get()
        try:
            if value is None:
                value = self._make()
            yield value
        finally:
            self._free.put(value)


class Turns:
    """Turns at something that several want: whoever used it little goes first.

    Each use of a second lets others go first for ten seconds, up to a minute: so somebody with
    a long job that takes its turns part by part never keeps somebody with a short one waiting for
    more than one part. Those who did not use it lately go in the order in which they came, so a
    new name is worth no more than an old one. (Virtual clock: Zhang 1990,
    https://doi.org/10.1145/99508.99525.)

    >>> turns = Turns()
    >>> with turns.take("somebody"):
    ...     pass
    """

    def __init__(self, at_once: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nobody waiting.

        Args:
            at_once: How many have their turn at the same time.
            clock: Returns the time in seconds.
        """
        self._free, self._clock = at_once, clock
        self._changed = threading.Condition()
        #: When somebody who used it lately counts as having come, at the earliest.
        self._due: dict[str, float] = {}
        self._waiting: list[tuple[str, float]] = []

    @property
    def waiting(self) -> int:
        """Return how many wait for their turn."""
        return len(self._waiting)

    @contextmanager
    def take(self, who: str) -> Iterator[None]:
        """Wait for a turn, and hold it while the context lasts.

        Args:
            who: Several turns of one name count together.
        """
        with self._changed:
            me = (who, self._clock())
            self._waiting.append(me)
            self._changed.wait_for(lambda: self._free and me is min(self._waiting, key=self._rank))
            self._waiting.remove(me)
            self._free -= 1
            self._changed.notify_all()  # there may be room for the next one too
        begun = self._clock()
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                now = self._clock()
                due = max(now, self._due.get(who, now)) + _GIVE_WAY * (now - begun)
                self._due = {name: at for name, at in self._due.items() if at > now}
                self._due[who] = min(due, now + _GIVE_WAY_AT_MOST)
                self._changed.notify_all()

    def _rank(self, one: tuple[str, float]) -> float:
        who, came = one
        return max(came, self._due.get(who, came))


def map_in_order(
    call: Callable[[T], R], items: Iterable[T], workers: int | None = None
) -> Iterator[R]:
    """Call a function on many items at once, in threads, and yield its results in order.

    Items are taken only a little ahead of the results, so that memory stays flat however many
    there are. When the caller stops early, calls that have not begun never do.

    Args:
        call: Takes one item. What it raises, this raises.
        items: May be endless.
        workers: Threads; one per core without.
    """
    workers = workers or os.cpu_count() or 1
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(workers) as executor:
        try:
            for item in items:
                waiting.append(executor.submit(call, item))
                # So many that no thread waits, so few that memory does not grow.
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            executor.shutdown(cancel_futures=True)
