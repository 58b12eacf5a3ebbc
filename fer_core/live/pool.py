"""A bounded pool of analysing threads that all visitors of a process share."""

import logging
import os
import threading
from collections import deque
from functools import lru_cache
from typing import Protocol

log = logging.getLogger(__name__)


class Client(Protocol):
    """Who wants something analysed again and again."""

    @property
    def pending(self) -> bool:
        """Return whether there is a frame to analyse."""
        ...

    def analyze_newest(self) -> None:
        """Analyse the newest frame."""
        ...


class WorkerPool:
    """Threads that serve clients in turn, one frame of each at a time.

    However many clients there are, work in hand is bounded by the number of threads
    and waiting work by one frame per client: with more clients each gets fewer
    analyses a second, and none has to wait for more than one frame of every other.
    """

    def __init__(self, workers: int | None = None) -> None:
        """Start a pool of ``workers`` threads, one per processor core without; with 0 the
        caller does the work, see :meth:`run_pending`.
        """
        self._workers = (os.cpu_count() or 1) if workers is None else workers
        self._ready: deque[Client] = deque()
        self._waiting: set[int] = set()
        self._condition = threading.Condition()
        self._threads: list[threading.Thread] = []

    def wake(self, client: Client) -> None:
        """Say that ``client`` has a frame; does nothing where that is known already."""
        with self._condition:
            if id(client) in self._waiting:
                return
            self._waiting.add(id(client))
            self._ready.append(client)
            if len(self._threads) < min(self._workers, len(self._waiting)):
                thread = threading.Thread(
                    target=self._loop, name=f"live-{len(self._threads)}", daemon=True
                )
                self._threads.append(thread)
                thread.start()
            self._condition.notify()

    def run_pending(self) -> int:
        """Serve, in the calling thread, every client that is ready now; how many."""
        ready = len(self._ready)
        for _ in range(ready):
            self._serve()
        return ready

    def _loop(self) -> None:
        while True:
            self._serve()

    def _serve(self) -> None:
        with self._condition:
            while not self._ready:
                self._condition.wait()
            client = self._ready.popleft()
        try:
            client.analyze_newest()
        except Exception:
            log.exception("an analysis failed")
        with self._condition:
            self._waiting.discard(id(client))
            again = client.pending
        if again:
            self.wake(client)


@lru_cache(maxsize=1)
def shared_pool() -> WorkerPool:
    """Return the pool of this process."""
    return WorkerPool()
