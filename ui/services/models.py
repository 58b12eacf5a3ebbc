"""Models: everybody sees and uses them, administrators change them."""

from typing import BinaryIO

from fer_core import ensemble
from fer_core.models import archive, choice, making
from fer_core.models.catalogue import (
    ModelFolder,
    default_model,
    find_model,
    free_name,
    list_models,
)
from fer_core.models.making import ModelJob
from ui.services import access, quotas

__all__ = [
    "ModelFolder", "ModelJob", "default_model", "delete", "end_job", "exists", "export",
    "find_model", "free_name", "import_archive", "list_jobs", "list_models",
    "make_ensemble", "measure_private", "set_default",
]  # fmt: skip


def exists(name: str) -> bool:
    """Return whether there is a model called ``name``."""
    return choice.exists(name)


def set_default(name: str) -> None:
    """Make a model the default, see :func:`fer_core.models.choice.set_default`."""
    access.require("change the default model")
    choice.set_default(name)


def delete(name: str) -> None:
    """Delete a model of this machine, see :func:`fer_core.models.choice.delete`."""
    access.require("delete models")
    choice.delete(name)


def export(name: str) -> bytes:
    """Return a model as an archive, see :func:`fer_core.models.archive.export`."""
    access.require("export models")
    return archive.export(name)


def import_archive(file: BinaryIO) -> list[str]:
    """Add the models of an archive, see :func:`fer_core.models.archive.import_`."""
    access.require("import models")
    return archive.import_(file)


def make_ensemble(
    name: str, members: list[str], data: str, weights: ensemble.Weights = "equal"
) -> ModelJob:
    """Start to make an ensemble, see :func:`fer_core.models.making.make_ensemble`."""
    access.require("make models")
    return making.make_ensemble(
        name, members, data, weights, owner=access.owner(), limits=quotas.limits()
    )


def measure_private(name: str, data: str) -> ModelJob:
    """Start to measure a model, see :func:`fer_core.models.making.measure_private`."""
    access.require("measure models on PrivateTest")
    return making.measure_private(name, data, owner=access.owner(), limits=quotas.limits())


def list_jobs() -> list[ModelJob]:
    """Return the jobs that make or measure models, the oldest first."""
    access.require("see jobs of models")
    return making.list_work()


def end_job(job: ModelJob) -> None:
    """Cancel a job, or dismiss one that ended."""
    access.require("end jobs of models")
    job.delete()
