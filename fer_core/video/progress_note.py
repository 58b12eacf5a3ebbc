"""The progress of a video job: how far it is, and how long it will take."""

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from fer_core.errors import VideoError
from fer_core.files import write_json
from fer_core.jobs import Limits, owned_bytes
from fer_core.settings import settings
from fer_core.video.cost import Cost, Step

if TYPE_CHECKING:
    from fer_core.video.jobs import VideoJob
    from fer_core.video.read import Progress

#: Seconds between two notes of progress, and between two looks at the room on the disk.
_EVERY: Final = 0.5
_CHECK_SECONDS: Final = 2.0
#: Share of a step, and seconds, from which on its speed can be told.
_ENOUGH: Final = 0.04
_WHILE: Final = 1.5


class ProgressNote:
    """Writes progress, a few times a second at most.

    How long the later steps take is not known while the video is read. It is expected from what
    they cost beside reading, see :class:`~fer_core.video.cost.Cost`, and from how much longer or
    shorter than that they took for earlier videos on this machine.
    """

    def __init__(
        self,
        job: "VideoJob",
        steps: list[Step],
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
        cost: Cost | None = None,
    ) -> None:
        """Begin.

        Args:
            job: That takes the notes.
            steps: What it does, in order.
            limits: Of the job.
            clock: In seconds.
            cost: Of the video; without, every step is expected to take as long as reading.
        """
        self._job, self._steps, self._limits, self._clock = job, steps, limits, clock
        self._cost, self._factors = cost, _factors()
        self._checked, self.no_room = clock(), False
        self._begun, self._noted = clock(), 0.0
        self._faces, self._share = 0, 0.0
        #: When each step was first heard of, how far it was then, and how long it takes in all.
        self._first: dict[Step, tuple[float, float]] = {}
        self._spent: dict[Step, float] = {}
        self._whole: dict[Step, float] = {}

    def of(self, step: Step) -> Any:
        """Return what takes the progress of a step."""

        def note(progress: "Progress") -> None:
            now = self._clock()
            if step == "reading":
                self._faces = progress.faces
            begun, before = self._first.setdefault(step, (now, progress.share))
            spent, done = now - begun, progress.share - before
            self._spent[step] = spent
            if done >= _ENOUGH and spent >= _WHILE:
                self._whole[step] = spent / done
            if now - self._noted < _EVERY:
                return
            self._noted = now
            if step == "drawing":
                self._check_room(now)
            left = self._left(step, progress.share)
            if left is not None:
                gone = now - self._begun
                # The bar never goes back, whatever is expected by now.
                self._share = max(self._share, min(gone / max(gone + left, 1e-9), 0.999))
            self._job.write_progress(
                {
                    "share": self._share,
                    "seconds_left": left,
                    "faces": self._faces,
                    "step": step,
                }
            )

        return note

    def _left(self, step: Step, share: float) -> float | None:
        """Return the seconds left, or ``None`` while too little is known."""
        if not self._whole:
            return None
        faces = self._faces_in_a_sample(share if step == "reading" else 1.0)
        if step in self._whole:
            left = self._whole[step] * (1 - share)
        else:
            left = max(self._expected(step, faces) - self._spent[step], 0.0)
        later = self._steps[self._steps.index(step) + 1 :]
        return left + sum(self._expected(one, faces) for one in later)

    def _expected(self, step: Step, faces: float) -> float:
        """Return the seconds that a step takes, from the speed of the first one."""
        known = next(iter(self._whole))
        cost, of_known = self._costs(step, faces), self._costs(known, faces)
        return self._whole[known] * cost / of_known if of_known else 0.0

    def _costs(self, step: Step, faces: float) -> float:
        """Return what a step costs beside others, by the video and by what earlier ones took."""
        cost = self._cost.of(step, faces) if self._cost else 1.0
        return cost * self._factors.get(step, 1.0)

    def _faces_in_a_sample(self, share: float) -> float:
        if self._cost is None or share <= 0:
            return 0.0
        return self._faces / max(self._cost.samples * share, 1.0)

    def learn(self) -> None:
        """Note how long the later steps took beside what was expected, for the next video."""
        if "reading" not in self._whole:
            return
        found, faces = dict(self._factors), self._faces_in_a_sample(1.0)
        for step in ("pictures", "drawing"):
            expected = self._expected(step, faces)
            if expected and (whole := self._whole.get(step)):
                off = whole / expected
                # Half of what was known stays, since a busy machine is no measure.
                found[step] = found[step] * off**0.5 if step in found else off
        if found != self._factors:
            with contextlib.suppress(OSError):
                settings().cache.mkdir(parents=True, exist_ok=True)
                write_json(_file(), found)

    def _check_room(self, now: float) -> None:
        """Stop drawing where the jobs of all owners have filled what they may."""
        most = self._limits.disk_bytes
        if most is None or now - self._checked < _CHECK_SECONDS:
            return
        self._checked = now
        self.no_room = owned_bytes(self._job.path.parent) > most
        if self.no_room:
            raise VideoError("There is no room left on this copy for the annotated video.")


def _file() -> Path:
    return settings().cache / "video-steps.json"


def _factors() -> dict[Step, float]:
    """Return how many times as long as expected each step took for earlier videos."""
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
        known = {step: float(found[step]) for step in get_args(Step) if step in found}
        return {step: factor for step, factor in known.items() if 0.01 < factor < 100}
    except (OSError, ValueError, TypeError):
        return {}
