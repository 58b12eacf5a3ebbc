"""The trained models there are: those that ship and those made on this machine.

A model is a folder: ``model.tflite``, which is served, ``card.json`` and, where it can
explain itself, ``model.keras``. An ensemble's folder holds ``ensemble.json`` instead,
which names other models. All of it is data, never code, and is believed only as far as
the checksums of its card agree with its files.
"""

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from fer_core.errors import ModelError
from fer_core.files import sha256, write_json
from fer_core.models.card import Card
from fer_core.settings import settings

#: Models that come with the project.
SHIPPED: Final = Path(__file__).resolve().parents[2] / "models"
_DEFAULT: Final = "vgg"
#: What an ensemble's folder holds in place of a network.
ENSEMBLE: Final = "ensemble.json"


@dataclass(frozen=True)
class Member:
    """A model that votes in an ensemble.

    Attributes:
        folder: the model.
        weight: of its vote; those of all members sum to 1.
    """

    folder: "ModelFolder"
    weight: float


@dataclass(frozen=True)
class Ensemble:
    """Models that vote: the weighted mean of their probabilities, made honest.

    Attributes:
        members: who votes.
        temperature: the logarithms of the mean are divided by it.
    """

    members: tuple[Member, ...]
    temperature: float


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
    def ships(self) -> bool:
        """Whether it comes with the project, rather than from this machine."""
        return self.path.parent == SHIPPED

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

    def ensemble(self) -> Ensemble | None:
        """Who votes, where this is an ensemble; ``None`` where it is a network.

        Members lie beside the ensemble, or are found by name. The ensemble's figures are
        those of these very members, so another content than it was made of is refused.

        Raises:
            ModelError: a member is missing, or not the one the ensemble was made of.
        """
        if self.card.exported != ENSEMBLE:
            return None
        try:
            content = json.loads(self.read_exported())
            temperature = float(content["temperature"])
            rows = [(r["name"], float(r["weight"]), r["sha256"]) for r in content["members"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{self.name}: {ENSEMBLE} is damaged.") from error
        found = []
        for name, weight, checksum in rows:
            beside = self.path.parent / name
            same_place = Path(name).name == name and (beside / "card.json").is_file()
            folder = read_folder(beside) if same_place else find_model(name)
            if folder.card.files[folder.card.exported] != checksum:
                raise ModelError(
                    f"{self.name}: its member {name} is another than it was made of. Make the "
                    "ensemble anew with 'python -m fer_core ensemble'."
                )
            found.append(Member(folder, weight))
        return Ensemble(tuple(found), temperature)

    def served_bytes(self) -> int:
        """Size of what is loaded to serve it: the exported file, or those of all members."""
        ensemble = self.ensemble()
        folders = [member.folder for member in ensemble.members] if ensemble else [self]
        return sum(folder.card.sizes[folder.card.exported] for folder in folders)


def read_folder(path: Path) -> ModelFolder:
    """A model folder with its card.

    Raises:
        ModelError: no card, a damaged one, or one of another name than the folder.
    """
    try:
        card = Card.model_validate(json.loads((path / "card.json").read_text(encoding="utf-8")))
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
    """The name of the model used where none is chosen.

    ``FER_MODEL`` decides; without it, what was chosen on this machine
    (:func:`fer_core.models.choice.set_default`), as long as that model is there.
    """
    if settings().model:
        return settings().model
    try:
        chosen = settings().default_model.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return _DEFAULT
    there = any((root / chosen / "card.json").is_file() for root in (SHIPPED, settings().models))
    return chosen if there and Path(chosen).name == chosen else _DEFAULT


def write_folder(
    folder: Path,
    fill: Callable[[Path], None],
    finish: Callable[[ModelFolder], object] | None = None,
    **card: Any,
) -> ModelFolder:
    """Write a model folder; it appears whole or not at all, replacing one that was there.

    Args:
        folder: its name becomes the model's.
        fill: writes the files into the path that it is given.
        finish: what else is to be done before anybody sees it, such as measuring it.
        card: entries of the card besides name, date and checksums.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as name:
        new = Path(name) / folder.name
        new.mkdir()
        fill(new)
        # The file that is served first, as a reader expects it.
        files = sorted((f.name for f in new.iterdir()), reverse=True)
        write_card(
            new,
            Card(
                name=folder.name,
                created=datetime.now(UTC).date().isoformat(),
                files={file: sha256(new / file) for file in files},
                sizes={file: (new / file).stat().st_size for file in files},
                **card,
            ),
        )
        if finish:
            finish(read_folder(new))
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    return read_folder(folder)


def write_card(folder: Path, card: Card) -> None:
    """Write ``card.json``."""
    write_json(folder / "card.json", json.loads(card.model_dump_json()))
