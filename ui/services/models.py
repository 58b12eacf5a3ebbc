"""Models: everybody sees and uses them, administrators change them."""

from typing import BinaryIO, Literal

from fer_core.ensemble import Weights
from fer_core.errors import Damaged
from fer_core.files import cannot_write
from fer_core.models import catalogue, imported
from fer_core.models.card import Card
from fer_core.models.catalogue import ModelFolder, find_model, free_name
from fer_core.models.recommend import recommendations
from fer_core.models.starting_weights import SMALLER
from fer_core.settings import settings
from fer_core.zoo import archive, create, ensembles, manage, readme, staging
from fer_core.zoo.create import ModelJob
from fer_core.zoo.readme import times_evaluated
from ui.services import access, datasets, quotas, removal

__all__ = [
    "ModelFolder", "ModelJob", "allow", "card_text", "check_members", "default_model", "delete",
    "end_job", "exists", "export", "find_model", "finish_imports", "free_name",
    "import_archive", "label", "labels", "list_damaged",
    "list_jobs", "list_models", "make_ensemble", "measure_private", "measure_source",
    "models_to_begin_as", "picker_labels", "set_default", "stopped",
    "times_evaluated",
]  # fmt: skip


def list_models() -> list[ModelFolder]:
    """Return all models, see :func:`fer_core.models.catalogue.list_models`."""
    gone = removal.hidden("model")
    return [folder for folder in catalogue.list_models() if folder.name not in gone]


def models_to_begin_as(architecture: str) -> list[str]:
    """Return the models that a new network of an architecture can begin as."""
    kinds = (architecture, *SMALLER.get(architecture, ()))
    return [f.name for f in list_models() if f.explainable and f.card.architecture in kinds]


def default_model() -> str:
    """Return the model that pages begin with."""
    name = catalogue.default_model()
    return catalogue.SHIPPED_DEFAULT if name in removal.hidden("model") else name


def label(folder: ModelFolder) -> str:
    """Return what a model is called wherever it can be chosen: its name, then its title."""
    name, title = folder.name, folder.card.title
    return name if title in ("", name) else f"{name}: {title}"


def labels() -> dict[str, str]:
    """Return the label of each model by its name, those of this machine first.

    A model that was trained here and has no title of its own is called "trained by you".
    """
    found = {}
    # Those that ship would push the others below the cut of a picker.
    for folder in sorted(list_models(), key=lambda folder: folder.ships):
        words = label(folder)
        own = access.is_admin() and not folder.ships and not folder.imported
        found[folder.name] = f"{words}: trained by you" if own and words == folder.name else words
    return found


def picker_labels() -> dict[str, str]:
    """Return :func:`labels`, with what each model is recommended for."""
    uses = recommendations(folder.card for folder in list_models())
    return {
        name: words + (f" ({uses[name]})" if name in uses else "")
        for name, words in labels().items()
    }


def card_text(card: Card) -> str:
    """Return a model's card as Markdown, see :func:`fer_core.zoo.readme.text`."""
    return readme.text(card)


def list_damaged() -> list[Damaged]:
    """Return the models of this machine that cannot be read, for administrators."""
    if not access.is_admin():
        return []
    gone = removal.hidden("model")
    return [one for one in catalogue.list_damaged() if one.name not in gone]


def allow(name: str) -> None:
    """Let a model be used again that was stopped, see :func:`fer_core.zoo.manage.allow`."""
    access.require("allow models")
    manage.allow(name)


def exists(name: str) -> bool:
    """Return whether there is a model called ``name``."""
    return manage.exists(name) and name not in removal.hidden("model")


def stopped(folder: ModelFolder) -> str | None:
    """Return why a model is not used; ``None`` where it is."""
    return imported.stopped(folder.path)


def set_default(name: str) -> None:
    """Make a model the default, see :func:`fer_core.zoo.manage.set_default`."""
    access.require("change the default model")
    manage.set_default(name)


def delete(name: str) -> None:
    """Delete a model of this machine, which can be undone for a while.

    Raises:
        ModelError: See :func:`fer_core.zoo.manage.check_deletable`.
    """
    access.require("delete models")
    manage.check_deletable(name, removal.hidden("model"))
    removal.remove("model", name, words=f"Model {name}")


def export(name: str) -> bytes:
    """Return a model as an archive, see :func:`fer_core.zoo.archive.export`."""
    access.require("export models")
    return archive.export(name)


def import_archive(file: BinaryIO) -> list[str]:
    """Add the models of an archive, see :func:`fer_core.zoo.archive.import_`."""
    access.require("import models")
    removal.finish_all("model")  # whose names are free then
    try:
        return archive.import_(file)
    except OSError as error:
        raise cannot_write(settings().models, error) from error


def finish_imports() -> None:
    """Complete imports in whose middle the program was ended; called when the app starts."""
    staging.recover(settings().models)


def check_members(names: list[str]) -> None:
    """Check that models can vote together, see :func:`fer_core.zoo.ensembles.check_members`."""
    ensembles.check_members(names)


def make_ensemble(name: str, members: list[str], data: str, weights: Weights = "equal") -> ModelJob:
    """Start to make an ensemble, see :func:`fer_core.zoo.create.make_ensemble`."""
    access.require("make models")
    removal.finish_all("model")  # whose names are free then
    return create.make_ensemble(
        name,
        members,
        data,
        weights,
        datasets.request_of(data).label_order,
        owner=access.owner(),
        limits=quotas.limits(),
    )


def measure_private(name: str, data: str) -> ModelJob:
    """Start to measure a model on PrivateTest, see :func:`fer_core.zoo.create.measure`."""
    access.require("measure models on PrivateTest")
    return _measure(name, "private", data)


def measure_source(name: str, data: str) -> ModelJob:
    """Start to measure a model on a further source, see :func:`fer_core.zoo.create.measure`."""
    access.require("measure models")
    return _measure(name, "source", data)


def _measure(name: str, what: Literal["private", "source"], data: str) -> ModelJob:
    order = datasets.request_of(data).label_order
    return create.measure(name, what, data, order, owner=access.owner(), limits=quotas.limits())


def list_jobs() -> list[ModelJob]:
    """Return the jobs that make or measure models, the oldest first."""
    access.require("see jobs of models")
    return create.list_jobs()


def end_job(job: ModelJob) -> None:
    """Cancel a job, or dismiss one that ended."""
    access.require("end jobs of models")
    job.delete()
