"""Which model is used where nobody chose one, and what may be made, named and deleted."""

import re

from fer_core.errors import ModelError
from fer_core.files import remove_folder, write_bytes
from fer_core.models.card import NAME
from fer_core.models.catalogue import SHIPPED, default_model, find_model, list_models
from fer_core.settings import settings

__all__ = ["check_new_name", "default_model", "delete", "exists", "set_default"]


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
    """Whether there is a model called ``name``."""
    return any(folder.name == name for folder in list_models())


def check_new_name(name: str) -> None:
    """See that a new model can be called ``name``.

    Raises:
        ModelError: it is no name for a model, or it is taken.
    """
    if not re.fullmatch(NAME, name):
        raise ModelError(
            "A model's name has small letters, digits, dots, hyphens and underscores, at most 64, "
            "and begins with a letter or digit."
        )
    if (SHIPPED / name).exists() or (settings().models / name).exists():
        raise ModelError(f"There is a model '{name}' already: give another name.")


def delete(name: str) -> None:
    """Delete a model of this machine.

    Raises:
        ModelError: there is none, it ships with the project, or an ensemble needs it.
    """
    folder = find_model(name)
    if folder.path.parent != settings().models:
        raise ModelError(f"{name} ships with the project and stays.")
    needing = [one.name for one in list_models() if name in one.card.members]
    if needing:
        raise ModelError(f"{name} votes in {', '.join(needing)}: delete that first.")
    if settings().default_model.is_file() and default_model() == name:
        settings().default_model.unlink()
    try:
        remove_folder(folder.path)
    except OSError as error:
        raise ModelError(f"{name} cannot be deleted: {error.strerror}.") from error
