"""Which model is used where nobody chose one, and which models may be deleted."""

from collections.abc import Collection

from fer_core.errors import ModelError
from fer_core.files import remove_folder, write_bytes
from fer_core.models import imported
from fer_core.models.catalogue import (
    default_model,
    ensembles_with,
    find_model,
    list_damaged,
    list_models,
)
from fer_core.settings import settings

__all__ = ["allow", "check_deletable", "default_model", "delete", "exists", "set_default"]


def set_default(name: str) -> None:
    """Make a model the one that is used where nobody chose another.

    Args:
        name: of a model that there is.

    Raises:
        ModelError: there is none of that name, it cannot be loaded, or ``FER_MODEL``
            decides.
    """
    from fer_core.classifier import load_classifier

    if settings().model:
        raise ModelError(
            f"FER_MODEL says '{settings().model}': unset it, so that a default can be chosen here."
        )
    load_classifier(name)
    try:
        write_bytes(settings().default_model, name.encode())
    except OSError as error:
        raise ModelError(f"The choice cannot be kept: {error.strerror}.") from error


def exists(name: str) -> bool:
    """Return whether there is a model called ``name``."""
    return any(folder.name == name for folder in list_models())


def allow(name: str) -> None:
    """Let a model be used again that was stopped because it exceeded its limits.

    Raises:
        ModelError: there is none of that name, or its folder cannot be written.
    """
    imported.allow(find_model(name).path)


def check_deletable(name: str, gone: Collection[str] = ()) -> None:
    """Check that a model can be deleted.

    Args:
        name: Of the model.
        gone: Ensembles that need no members any more.

    Raises:
        ModelError: There is none, it ships with the project, or an ensemble needs it.
    """
    if any(one.name == name for one in list_damaged()):
        return
    folder = find_model(name)
    if folder.path.parent != settings().models:
        raise ModelError(f"{name} ships with the project and stays.")
    if needing := [one for one in ensembles_with(folder) if one not in gone]:
        raise ModelError(f"{name} votes in {', '.join(needing)}: delete that first.")


def delete(name: str) -> None:
    """Delete a model of this machine, also one whose folder is damaged.

    Raises:
        ModelError: See :func:`check_deletable`, or its folder cannot be deleted.
    """
    check_deletable(name)
    if settings().default_model.is_file() and default_model() == name:
        settings().default_model.unlink()
    return _remove(name)


def _remove(name: str) -> None:
    try:
        remove_folder(settings().models / name)
    except OSError as error:
        raise ModelError(f"{name} cannot be deleted: {error.strerror}.") from error
