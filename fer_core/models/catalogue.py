"""The trained models there are: those that ship and those made on this machine.

A model is a folder: ``model.tflite``, which is served, ``card.json`` and, where it can
explain itself, ``model.keras``. An ensemble's folder holds ``ensemble.json`` instead,
which names other models. All of it is data, never code, and is believed only as far as
the checksums of its card agree with its files.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from fer_core.errors import Damaged, ModelError
from fer_core.files import sha256, stamp
from fer_core.models import imported
from fer_core.models.card import ENSEMBLE, NAME, Card, read_card
from fer_core.resources import models_folder
from fer_core.settings import settings

#: Models that come with the project.
SHIPPED: Final = models_folder()
#: The model that is used where nobody chose another.
SHIPPED_DEFAULT: Final = "vgg"
#: Names that Windows keeps for devices, with whatever extension: a folder called so cannot
#: be made there, and a model should work on every machine.
_DEVICES: Final = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))]
)
#: Files of a model's folder that its card does not list.
_BESIDES: Final = frozenset(["card.json", "README.md", imported.IMPORTED])


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
        """Return the model's name, which is also the folder's."""
        return self.card.name

    @property
    def ships(self) -> bool:
        """Return whether it comes with the project, rather than from this machine."""
        return is_shipped_folder(self.path.parent)

    @property
    def imported(self) -> bool:
        """Return whether it came from elsewhere: such a model runs in a process of its own."""
        return imported.is_imported(self.path)

    def check_allowed(self) -> None:
        """Check that the model was not stopped.

        Raises:
            ModelError: It exceeded its limits, and nobody allowed it since.
        """
        if reason := imported.stopped(self.path):
            raise ModelError(
                f"{self.name} is not used: {reason} An administrator can allow it again, on the "
                f"Models page or with 'models allow {self.name}'."
            )

    @property
    def explainable(self) -> bool:
        """Return whether the Keras form is there, which explanations need."""
        return "model.keras" in self.card.files

    @property
    def served(self) -> str:
        """Return the SHA-256 of the file that is served: models that share it are one model."""
        return self.card.files[self.card.exported]

    def checked(self, file: str) -> Path:
        """Return the path of one of its files, after comparing it with the card.

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
        """Return the content of the file that is served, checked."""
        return self.checked(self.card.exported).read_bytes()

    def ensemble(self) -> Ensemble | None:
        """Return who votes, where this is an ensemble; ``None`` where it is a network.

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
            if name == self.name:
                raise ModelError(f"{self.name}: {ENSEMBLE} is damaged: it names itself.")
            folder = read_folder(beside) if same_place else find_model(name)
            if folder.served != checksum:
                raise ModelError(
                    f"{self.name}: its member {name} is not the one it was made of. Make the "
                    "ensemble again."
                )
            found.append(Member(folder, weight))
        return Ensemble(tuple(found), temperature)

    def served_bytes(self) -> int:
        """Return the bytes of what is loaded to serve it: the exported file, or all members'."""
        ensemble = self.ensemble()
        folders = [member.folder for member in ensemble.members] if ensemble else [self]
        return sum(folder.card.sizes[folder.card.exported] for folder in folders)


def is_shipped_folder(path: Path) -> bool:
    """Return whether a folder is the one of the shipped models, however its path is spelt."""
    return path.is_dir() and SHIPPED.is_dir() and path.samefile(SHIPPED)


def read_folder(path: Path) -> ModelFolder:
    """Return a model folder with its card.

    Raises:
        ModelError: no card, a damaged one, or one of another name than the folder.
    """
    file = path / "card.json"
    try:
        card = _card(file, stamp(file))
    except OSError as error:
        raise ModelError(f"{path.name} is no model folder: card.json is missing.") from error
    except ValueError as error:
        raise ModelError(f"{path.name}: card.json is damaged. Fetch the folder again.") from error
    if card.name != path.name:
        raise ModelError(f"{path.name}: its card is that of another model, '{card.name}'.")
    return ModelFolder(path, card)


@lru_cache(maxsize=256)
def _card(file: Path, stamp: tuple[int, ...]) -> Card:
    """Return a card, read once as long as its file stays the same: Live asks for every frame."""
    return read_card(file.read_bytes())


def list_models() -> list[ModelFolder]:
    """Return all models whose card can be read: shipped ones first, then those of this machine."""
    found: dict[str, ModelFolder] = {}
    for root in (SHIPPED, settings().models):
        for folder in _readable(root):
            found.setdefault(folder.name, folder)
    return list(found.values())


def _readable(root: Path) -> Iterator[ModelFolder]:
    for card in sorted(root.glob("*/card.json")):
        try:
            yield read_folder(card.parent)
        except ModelError:
            continue  # named when somebody asks for it


def list_damaged() -> list[Damaged]:
    """Return the folders of this machine's models that cannot be read as models."""
    found = []
    for path in sorted(settings().models.glob("[!.]*/")):
        try:
            read_folder(path)
        except ModelError as error:
            found.append(Damaged(path.name, str(error)))
    return found


def find_model(name: str) -> ModelFolder:
    """Return the model called ``name``.

    Raises:
        ModelError: there is none, or its folder is damaged.
    """
    if Path(name).name == name and name not in ("", ".."):
        for root in (SHIPPED, settings().models):
            if (root / name).is_dir():
                return read_folder(root / name)
    known = ", ".join(folder.name for folder in list_models()) or "none yet"
    raise ModelError(f"No model '{name}': there are {known}.")


def default_model() -> str:
    """Return the name of the model used where none is chosen.

    ``FER_MODEL`` decides; without it, what was chosen on this machine
    (:func:`fer_core.zoo.manage.set_default`), as long as that model is there.
    """
    if named := settings().model:
        return named
    try:
        chosen = settings().default_model.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return SHIPPED_DEFAULT
    there = any((root / chosen / "card.json").is_file() for root in (SHIPPED, settings().models))
    return chosen if there and Path(chosen).name == chosen else SHIPPED_DEFAULT


def check_new_name(name: str, to: Path | None = None, *, overwrite: bool = False) -> Path:
    """Check that a new model may be called ``name``, and return the folder it goes to.

    Everything that makes a model asks this before it begins, and once more when the model is
    put into place. What exists is replaced only where it is itself a model of that name, with
    a card that can be read and no files besides its own, and where no ensemble needs it.

    Args:
        name: Name of the new model.
        to: Folder that receives the model's folder; ``None`` is where this machine's own
            models are, ``FER_HOME/models``.
        overwrite: Whether it may replace the model of that name in ``to``.

    Raises:
        ModelError: the name is not allowed, or it is taken.
    """
    to = settings().models if to is None else to
    if not re.fullmatch(NAME, name):
        better = _allowed(name)
        raise ModelError(
            "A model's name has small letters, digits, dots, hyphens and underscores, at most 64, "
            "and begins with a letter or digit: "
            + (f"use '{better}' instead of {name!r}." if name else "the name given is empty.")
        )
    if name.endswith(".") or name.split(".")[0] in _DEVICES:
        raise ModelError(
            f"Windows cannot make a folder called '{name}', so no model has this name: use "
            f"'{_allowed(name)}'."
        )
    folder = to / name
    if not is_shipped_folder(to) and (SHIPPED / name).exists():
        raise ModelError(
            f"There is a model '{name}' already, which ships with this program and would always "
            "be found in place of yours: choose another name."
        )
    if settings().models.absolute().is_relative_to(folder.absolute()):
        raise ModelError(f"{folder} is where all models are: name a folder inside it.")
    if os.path.lexists(folder):
        _check_replaceable(folder, overwrite)
    return folder


def _check_replaceable(folder: Path, overwrite: bool) -> None:
    """Check that a folder that exists may be replaced by a new model of its name.

    Raises:
        ModelError: it may not.
    """
    name = folder.name
    try:
        old = None if folder.is_symlink() else read_folder(folder)
    except ModelError:
        old = None
    if old is None:
        raise ModelError(
            f"{folder} exists and is no model called '{name}' that can be read, so it is never "
            "replaced: choose another name, or delete it yourself."
        )
    if not overwrite:
        raise ModelError(
            f"There is a model '{name}' already in {folder.parent}: choose another name; on the "
            "command line, --overwrite replaces it."
        )
    own = _BESIDES | set(old.card.files)
    if others := sorted(file.name for file in folder.iterdir() if file.name not in own):
        raise ModelError(
            f"{folder} also holds {others[0]}, which is not part of the model and would be lost: "
            "move it away, or choose another name."
        )
    if needing := ensembles_with(old):
        raise ModelError(
            f"{name} votes in {', '.join(needing)}, which would no longer work: delete that "
            "first and make it again afterwards, or choose another name."
        )


def free_name(wish: str, to: Path | None = None) -> str:
    """Return a name that :func:`check_new_name` allows in ``to``, as close to ``wish`` as can be.

    Args:
        wish: Any text.
        to: See :func:`check_new_name`.
    """
    base, number = _allowed(wish), 1
    while True:
        name = base if number == 1 else f"{base}-{number}"
        try:
            check_new_name(name, to)
        except ModelError:
            number += 1
        else:
            return name


def _allowed(wish: str) -> str:
    """Return ``wish`` with everything changed that no name may have."""
    name = re.sub(r"[^a-z0-9_]+", "-", wish.lower())[:56].strip("-_") or "model"
    return f"{name}-model" if name in _DEVICES else name


def ensembles_with(folder: ModelFolder) -> list[str]:
    """Return the names of the ensembles that need this very model.

    Args:
        folder: A model. Ensembles are looked for among those that ship, those of this machine
            and those beside the model.
    """
    names: dict[str, None] = {}
    for root in (SHIPPED, settings().models, folder.path.parent):
        for one in _readable(root):
            try:
                ensemble = one.ensemble() if folder.name in one.card.members else None
            except ModelError:
                continue  # it does not work as things are, so nothing can break it
            members = ensemble.members if ensemble else ()
            if any(member.folder.path.samefile(folder.path) for member in members):
                names[one.name] = None
    return list(names)
