"""What the owner of a job may use. Whoever starts a job decides it; the job checks it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fer_core.errors import FerError

if TYPE_CHECKING:
    from fer_core.jobs.job import Job


@dataclass(frozen=True)
class Limits:
    """Limits of one owner; ``None`` stands for no limit.

    Attributes:
        jobs_at_once: Jobs of one kind that the owner may run at the same time.
    """

    jobs_at_once: int | None = None

    def check_turn(self, job: "Job") -> None:
        """Check that a job may run now.

        Raises:
            FerError: The owner runs so many jobs of this kind already.
        """
        if self.jobs_at_once is None:
            return
        others = [type(job)(path) for path in job.path.parent.glob("[!.]*/") if path != job.path]
        mine = [other for other in others if other.owner == job.owner]
        if sum(other.busy() for other in mine) >= self.jobs_at_once:
            raise FerError("A job of yours is running already: wait for its end, or cancel it.")
