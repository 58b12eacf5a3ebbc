"""Work of a page in a thread of its own, which says how far it is and can be cancelled."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar, Generic, TypeVar

from fer_core.errors import FerError

Result = TypeVar("Result")


class CancelledError(Exception):
    """Nobody waits for the work any more."""


class Task(Generic[Result]):
    """Work in a thread of its own. It ends at its next report where it is cancelled."""

    #: What the result of a cancelled task raises.
    error: ClassVar[type[FerError]] = FerError

    def __init__(self, name: str, function: Callable[[Callable[[float], None]], Result]) -> None:
        """Begin.

        Args:
            name: What to call it.
            function: Does the task. It is given a function to which it tells the share that is
                done, 0 to 1.
        """
        self.name = name
        self.begun = time.monotonic()
        #: The share that is done, 0 to 1.
        self.share = 0.0
        self._function = function
        self._waiting = 0
        self._ended, self._cancelled = threading.Event(), threading.Event()
        self._result: Result | None = None
        self._error: BaseException | None = None
        threading.Thread(target=self._run, name=name, daemon=True).start()

    @property
    def ended(self) -> bool:
        """Return whether it is done, failed or cancelled."""
        return self._ended.is_set()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count as somebody who waits for it, while the context lasts."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    def wait(self, seconds: float) -> bool:
        """Wait for its end and return whether it came."""
        return self._ended.wait(seconds)

    def result(self) -> Result:
        """Wait for its end and return what came of it.

        Raises:
            FerError: It was cancelled, or whatever it raised.
        """
        self._ended.wait()
        if isinstance(self._error, CancelledError):
            raise self.error(f"{self.name} was cancelled.")
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]

    def cancel(self) -> bool:
        """Let it end, unless somebody else waits for it, and return whether it will."""
        if self._waiting == 0:
            self._cancelled.set()
        return self._waiting == 0

    def seconds_left(self) -> float | None:
        """Return how long it still takes; ``None`` while nothing can be said of it."""
        spent = time.monotonic() - self.begun
        return spent * (1 - self.share) / self.share if self.share >= 0.01 else None

    def _run(self) -> None:
        try:
            self._result = self._function(self._tell)
        except BaseException as error:  # whoever waits raises it
            self._error = error
        self._ended.set()

    def _tell(self, share: float) -> None:
        if self._cancelled.is_set():
            raise CancelledError
        self.share = min(1.0, share)
