"""What a page says beside the results: keys that were pressed, stimuli, flashes."""

from collections.abc import Sequence
from typing import Any, Final

from fer_core.live.record import SessionRecord
from fer_core.live.remote import number
from fer_core.live.stimulus import Shown

#: Keys 1 to 9.
KEYS: Final = 9
#: Logs that are remembered.
_LOGS: Final = 100
#: The largest name of a log: milliseconds since 1970 in the year 5138.
_LATEST: Final = 1e14
#: Characters of a name.
_LONG: Final = 200


class PageLog:
    """Takes the entries of a page, each once and in order, as often as they are sent.

    >>> log = PageLog()
    >>> log.take({"name": 1, "first": 0, "entries": [["key", 2.5, 1]]}, SessionRecord())
    >>> log.ack
    {'name': 1, 'next': 1}
    """

    def __init__(self) -> None:
        self._name: int | None = None
        # Number of the next entry of each log: the last report of one may come again after
        # another log began.
        self._next: dict[int, int] = {}
        #: What the keys stand for; a key that is missing stands for its number.
        self.names: Sequence[str] = ()
        #: Whether a key begins and ends an interval instead of marking a moment.
        self.intervals = False

    @property
    def ack(self) -> dict[str, Any]:
        """Return which log was received, and the number of the next entry."""
        return {"name": self._name, "next": self._next.get(self._name or 0, 0)}

    def name_of(self, key: int) -> str:
        """Return what a key stands for.

        Args:
            key: 1 to 9.
        """
        named = self.names[key - 1].strip() if key <= len(self.names) else ""
        return named or str(key)

    def take(self, log: Any, record: SessionRecord) -> None:
        """Take what came since the last report.

        Args:
            log: ``name`` of the log, a number; ``first`` numbers the first of ``entries``. Each
                is a list of a word, seconds of the recording, and more: ``key``, its number;
                ``show``, name of the stimulus, its seconds, whether it runs; ``light``,
                brightness of the camera's picture, 0 to 1; ``flash``; ``flashed``, the end of
                the flashes. What is none of these is left out.
            record: To which they belong.
        """
        if not isinstance(log, dict) or not isinstance(log.get("entries"), list):
            return
        first, name = int(number(log.get("first"))), int(number(log.get("name"), _LATEST))
        self._name = name
        begun = self._next.setdefault(name, first)
        if first > begun:
            return  # something before it is missing, and will be sent again
        if len(self._next) > _LOGS:
            del self._next[next(iter(self._next))]
        for entry in log["entries"][begun - first :]:
            self._next[name] += 1
            zero = record.began
            # Without rows there is no recording to which it could belong.
            if zero is not None and isinstance(entry, list) and len(entry) >= 2:
                self._add(entry, zero + number(entry[1]), record)

    def _add(self, entry: list[Any], time: float, record: SessionRecord) -> None:
        match entry:
            case ["key", _, int(key)] if 1 <= key <= KEYS:
                record.press(time, self.name_of(key), edge=self.intervals)
            case ["show", _, str(name), at, bool(running)]:
                record.show(Shown(time, name[:_LONG], max(number(at), 0.0), running))
            case ["light", _, brightness]:
                record.light(time, number(brightness))
            case ["flash", _]:
                record.flash(time)
            case ["flashed", _]:
                record.measure_delay()
