"""Audits of datasets: everybody sees them, administrators start and stop them."""

from pathlib import Path

from fer_core.audit.jobs import AuditJob
from fer_core.datasets import Dataset
from ui.services import access, quotas

__all__ = ["AuditJob", "delete", "find", "start", "stop"]


def find(dataset: Dataset, model: str | None = None) -> AuditJob:
    """Return the audit of a dataset with a model, whether it was made or not."""
    return AuditJob.of(dataset, model)


def start(
    job: AuditJob, source: str, votes: Path | None, skip_bad: bool, model: str | None
) -> None:
    """Start an audit, see :meth:`fer_core.audit.jobs.AuditJob.start`."""
    access.require("look through datasets")
    job.start(source, votes, skip_bad, model, owner=access.owner(), limits=quotas.limits())


def delete(job: AuditJob) -> None:
    """Delete an audit with what it found."""
    access.require("delete an audit")
    job.delete()


def stop(job: AuditJob) -> None:
    """Stop an audit that runs."""
    access.require("stop an audit")
    job.stop()
