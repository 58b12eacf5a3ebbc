"""Audits of datasets: everybody sees them, administrators start and stop them."""

from pathlib import Path

from fer_core.audit.jobs import AuditJob, expected_seconds
from fer_core.datasets import Dataset
from ui.services import access, quotas, removal
from ui.services.datasets import Request

__all__ = ["AuditJob", "delete", "expected_seconds", "find", "is_deleted", "start", "stop"]


def find(dataset: Dataset, model: str | None = None) -> AuditJob:
    """Return the audit of a dataset with a model, whether it was made or not."""
    return AuditJob.of(dataset, model)


def start(job: AuditJob, request: Request, model: str | None) -> None:
    """Start an audit, see :meth:`fer_core.audit.jobs.AuditJob.start`."""
    access.require("look through datasets")
    removal.finish_all("audit")  # in whose place the new one goes
    job.start(
        request.source,
        Path(request.votes) if request.votes else None,
        request.skip_bad,
        model,
        request.label_order,
        owner=access.owner(),
        limits=quotas.limits(),
    )


def delete(job: AuditJob) -> None:
    """Delete an audit with what it found, which can be undone for a while."""
    access.require("delete an audit")
    removal.remove("audit", job.name, words="The audit")


def is_deleted(job: AuditJob) -> bool:
    """Return whether an audit was deleted, though its files are still there."""
    return job.name in removal.hidden("audit")


def stop(job: AuditJob) -> None:
    """Stop an audit that runs."""
    access.require("stop an audit")
    job.stop()
