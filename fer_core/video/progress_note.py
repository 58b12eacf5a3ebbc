"""The progress of a video job: how far it is, and how long it will take."""

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fer_core.errors import VideoError
from fer_core.files import write_json
from fer_core.jobs import Limits, owned_bytes
from fer_core.settings import settings

if TYPE_CHECKING:
    from fer_core.video.jobs import VideoJob
    from fer_core.video.read import Progress

#: Seconds between two notes of progress, and between two looks at the room on the disk.
_EVERY: Final = 0.5
_CHECK_SECONDS: Final = 2.0


class ProgressNote:
    """Writes progress, a few times a second at most.

    How long drawing takes is not known while the video is read. It is expected to take as many
    times longer or shorter as it did for the last video that was read in the same way here.
    """

    def __init__(
        self,
        job: "VideoJob",
        steps: list[str],
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._job, self._steps, self._limits, self._clock = job, steps, limits, clock
        self._checked, self.no_room = clock(), False
        self._begun, self._noted = clock(), 0.0
        self._faces, self._share = 0, 0.0
        self._step_begun: dict[str, float] = {}
        self._spent: dict[str, float] = {}
        options = job.config["options"]
        self._way = f"{options.get('fps')} {options.get('thorough')} {options.get('model')}"

    def of(self, step: str) -> Any:
        """Return what takes the progress of a step."""

        def note(progress: "Progress") -> None:
            if step == "reading":
                self._faces = progress.faces
            now = self._clock()
            begun = self._step_begun.setdefault(step, self._begun if not self._spent else now)
            self._spent[step] = now - begun
            if now - self._noted < _EVERY:
                return
            self._noted = now
            if step == "drawing":
                self._check_room(now)
            left = self._left(step, progress.share)
            if left is not None:
                spent = now - self._begun
                # The bar never goes back, whatever is expected by now.
                self._share = max(self._share, min(spent / max(spent + left, 1e-9), 0.999))
            self._job.write_progress(
                {
                    "share": self._share,
                    "seconds_left": left,
                    "faces": self._faces,
                    "step": step,
                }
            )

        return note

    def _left(self, step: str, share: float) -> float | None:
        """Return the seconds left, or ``None`` while too little is known."""
        if share <= 0.01:
            return None
        spent = self._spent[step]
        left = spent / share * (1 - share)
        if step == "reading" and "drawing" in self._steps:
            left += spent / share * _ratios().get(self._way, 1.0)
        return left

    def learn(self) -> None:
        """Note how long drawing took beside reading, for the next video."""
        reading, drawing = (self._spent.get(step, 0.0) for step in ("reading", "drawing"))
        if reading > 0 and drawing > 0:
            with contextlib.suppress(OSError):
                settings().cache.mkdir(parents=True, exist_ok=True)
                write_json(_ratios_file(), _ratios() | {self._way: drawing / reading})

    def _check_room(self, now: float) -> None:
        """Stop drawing where the jobs of all owners have filled what they may."""
        most = self._limits.disk_bytes
        if most is None or now - self._checked < _CHECK_SECONDS:
            return
        self._checked = now
        self.no_room = owned_bytes(self._job.path.parent) > most
        if self.no_room:
            raise VideoError("There is no room left on this copy for the annotated video.")


def _ratios_file() -> Path:
    return settings().cache / "video-times.json"


def _ratios() -> dict[str, float]:
    """Return how many times as long as reading drawing took last, by the way of reading."""
    try:
        found = json.loads(_ratios_file().read_text(encoding="utf-8"))
        return {str(way): float(ratio) for way, ratio in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
