"""Work on all cores: things that threads share, and results that stay in order."""

import os
import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


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
