"""The trained models there are: those that ship and those made on this machine.

A model is a folder: ``model.tflite``, which is served, ``card.json`` and, where it can
explain itself, ``model.keras``. It is data, never code, and is believed only as far as
the checksums of its card agree with its files.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from fer_core.errors import ModelError
from fer_core.files import sha256
from fer_core.models.card import Card
from fer_core.settings import settings

#: Models that come with the project.
SHIPPED: Final = Path(__file__).resolve().parents[2] / "models"
_DEFAULT: Final = "mini_xception"


@dataclass(frozen=True)
class ModelFolder:
    """A trained model on disk, with its card read."""

    path: Path
    card: Card

    @property
    def name(self) -> str:
        """The model's name, which is also the folder's."""
        return self.card.name

    @property
    def explainable(self) -> bool:
        """Whether the Keras form is there, which explanations need."""
        return "model.keras" in self.card.files

    def checked(self, file: str) -> Path:
        """The path of one of its files, after comparing it with the card.

        Raises:
            ModelError: missing, or another content than the card says.
        """
        path = self.path / file
        if file not in self.card.files or Path(file).name != file:
            raise ModelError(f"{self.name}: the card names no file {file}.")
        try:
            same = sha256(path) == self.card.files[file]
        except OSError as error:
            raise ModelError(f"{self.name}: {file} is missing. Fetch the folder again.") from error
        if not same:
            raise ModelError(
                f"{self.name}: {file} is not the file its card describes, so it is not used. "
                "Fetch the folder again."
            )
        return path

    def read_exported(self) -> bytes:
        """The content of the file that is served, checked."""
        return self.checked(self.card.exported).read_bytes()


def read_folder(path: Path) -> ModelFolder:
    """A model folder with its card.

    Raises:
        ModelError: no card, a damaged one, or one of another name than the folder.
    """
    try:
        card = Card.model_validate(json.loads((path / "card.json").read_text()))
    except OSError as error:
        raise ModelError(f"{path.name} is no model folder: card.json is missing.") from error
    except (ValueError, ValidationError) as error:
        raise ModelError(f"{path.name}: card.json is damaged. Fetch the folder again.") from error
    if card.name != path.name:
        raise ModelError(f"{path.name}: its card is that of another model, '{card.name}'.")
    return ModelFolder(path, card)


def list_models() -> list[ModelFolder]:
    """All models whose card can be read: shipped ones first, then those of this machine."""
    found: dict[str, ModelFolder] = {}
    for root in (SHIPPED, settings().models):
        for card in sorted(root.glob("*/card.json")):
            try:
                folder = read_folder(card.parent)
            except ModelError:
                continue  # named when somebody asks for it
            found.setdefault(folder.name, folder)
    return list(found.values())


def find_model(name: str) -> ModelFolder:
    """The model called ``name``.

    Raises:
        ModelError: there is none, or its folder is damaged.
    """
    if Path(name).name == name:
        for root in (SHIPPED, settings().models):
            if (root / name).is_dir():
                return read_folder(root / name)
    known = ", ".join(folder.name for folder in list_models()) or "none yet"
    raise ModelError(f"No model '{name}': there are {known}.")


def default_model() -> str:
    """The name of the model used where none is chosen (``FER_MODEL`` sets it)."""
    return settings().model or _DEFAULT
