"""Things that only one thread may use at a time, shared by many threads."""

import os
import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


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
        """One of them, for this thread alone."""
        value = self._free.get()
        try:
            if value is None:
                value = self._make()
            yield value
        finally:
            self._free.put(value)
