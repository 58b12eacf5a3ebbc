"""What the owner of a job may use. Whoever starts a job decides it; the job checks it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_core.errors import FerError
from fer_core.files import read_json

if TYPE_CHECKING:
    from fer_core.jobs.job import Job


@dataclass(frozen=True)
class Limits:
    """Limits of one owner; ``None`` stands for no limit.

    Attributes:
        jobs_at_once: Jobs of one kind that the owner may have at work or waiting.
        together: Jobs of all owners that are at work at the same time; others wait.
        seconds: How long a job may take. What it has reached by then is kept.
        video_seconds: How much of a video is analysed.
        disk_bytes: What the jobs of all owners together may write.
    """

    jobs_at_once: int | None = None
    together: int | None = None
    seconds: float | None = None
    video_seconds: float | None = None
    disk_bytes: float | None = None

    @classmethod
    def of(cls, values: Any) -> "Limits":
        """Return the limits that JSON values stand for, see :meth:`to_json`."""
        return cls(**values) if isinstance(values, dict) else cls()

    def to_json(self) -> dict[str, float | None]:
        """Return them as plain JSON values."""
        return asdict(self)

    def check_turn(self, job: "Job") -> None:
        """Check that a job may run now.

        Raises:
            FerError: The owner runs so many jobs of this kind already.
        """
        if self.jobs_at_once is None:
            return
        others = [type(job)(path) for path in job.path.parent.glob("[!.]*/") if path != job.path]
        mine = [other for other in others if other.owner == job.owner]
        busy = sum(other.state()["status"] == "queued" or other.busy() for other in mine)
        if busy >= self.jobs_at_once:
            raise FerError("A job of yours is running already: wait for its end, or cancel it.")


def owned_bytes(folder: Path) -> int:
    """Return how many bytes the jobs in a folder take that belong to somebody.

    A folder that does not say whose it is, such as that of a job that is being created, counts.
    """
    return sum(_size(path) for path in folder.glob("*/") if _is_owned(path))


def _is_owned(path: Path) -> bool:
    try:
        return read_json(path / "state.json")["owner"] != ""
    except (OSError, ValueError, LookupError, TypeError):
        return True


def _size(path: Path) -> int:
    total = 0
    for file in path.rglob("*"):
        try:
            total += file.stat().st_size
        except OSError:
            continue  # deleted in the meantime
    return total
