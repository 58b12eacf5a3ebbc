"""Models as archives, to carry from one machine to another.

An archive is a ZIP file with a folder per model: the model itself and, where it is an
ensemble, its members. What comes from elsewhere is believed in nothing: names, sizes,
checksums and cards are checked, a ``model.keras`` may hold layers of Keras and nothing
that is code, and each network is loaded and tried in a process of its own, whose memory and
time are limited, before it has a place among the others. There it stays in such a process,
whenever it is used.
"""

import importlib.util
import io
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

from fer_core.errors import ModelError
from fer_core.extras import how_to_install
from fer_core.models import imported
from fer_core.models.card import NAME
from fer_core.models.catalogue import (
    ENSEMBLE,
    ModelFolder,
    check_new_name,
    find_model,
    list_models,
    read_folder,
)
from fer_core.settings import settings
from fer_core.zoo import inspection, readme
from fer_core.zoo.keras_files import KERAS_FILES, MOST_BYTES
from fer_core.zoo.staging import put_all_in_place, staging
from fer_core.zoo.writing import write_card

#: How many files an archive may hold at most.
MOST_FILES: Final = 100
#: Files of a model's folder that an archive carries.
_FILES: Final = ("card.json", "model.tflite", "model.keras", ENSEMBLE)
_ENTRY: Final = re.compile(rf"({NAME})/({'|'.join(map(re.escape, _FILES))})")
#: What the cards of others may not hold: a page would fetch or run it.
_MARKUP: Final = re.compile(r"<|!\[|\]\(|[\x00-\x08\x0b\x0c\x0e-\x1f]")


#: What operating systems put beside files of a person, and what is written anew from the card.
_IGNORED: Final = re.compile(
    r"(.*/)?(__MACOSX/.*|\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)|[^/]+/README\.md",
    re.IGNORECASE,
)
_WHOLE_FOLDER: Final = (
    "give a ZIP file of the whole folder that 'runs publish' wrote, or what 'models export' makes."
)


def export(name: str) -> bytes:
    """A model as an archive.

    Raises:
        ModelError: there is none of that name, or a file is missing or changed.
    """
    folder = find_model(name)
    ensemble = folder.ensemble()
    members = [member.folder for member in ensemble.members] if ensemble else []
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in (*members, folder):
            archive.write(one.path / "card.json", f"{one.name}/card.json")
            for part in one.card.files:
                archive.write(one.checked(part), f"{one.name}/{part}")
    return file.getvalue()


def import_(file: BinaryIO, on_note: Callable[[str], None] | None = None) -> list[str]:
    """Take the models of an archive, after checking them.

    Without Keras, a ``model.keras`` is left out, since nothing here could check or use it.

    Args:
        file: the archive, from whomever.
        on_note: Told in a sentence what was left out.

    Returns:
        The names of what was added; a member that is here already is not.

    Raises:
        ModelError: what is wrong with it; nothing was added.
    """
    home = settings().models
    try:
        with staging(home, "import") as new:
            _unpack(file, new)
            folders = [_checked(path) for path in sorted(new.iterdir())]
            if not _has_keras():
                folders = [_without_keras_form(folder, on_note) for folder in folders]
            wanted = [folder for folder in folders if not _is_here(folder)]
            if not wanted:
                raise ModelError("Every model of this archive is here already.")
            wanted.sort(key=lambda one: one.card.exported == ENSEMBLE)
            for folder in wanted:
                imported.mark(folder.path)
                inspection.try_model(folder)
                readme.write(folder.path, folder.card)
            for folder in wanted:
                check_new_name(folder.name)
            # Members before the ensemble, which is nothing without them.
            put_all_in_place([folder.path for folder in wanted], home)
            return sorted(folder.name for folder in wanted)
    except OSError as error:
        raise ModelError(f"The archive cannot be unpacked: {error.strerror or error}.") from error


def _unpack(file: BinaryIO, to: Path) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            entries = [entry for entry in entries if not _IGNORED.fullmatch(entry.filename)]
            names = [entry.filename for entry in entries]
            if set(names) == KERAS_FILES:
                raise ModelError(
                    "This is a Keras network alone, without the model.tflite that is served and "
                    f"the card.json that describes it: {_WHOLE_FOLDER} A network that was trained "
                    "elsewhere is imported with --labels and --range."
                )
            if "card.json" in names:
                raise ModelError(
                    "The archive has a model's files without the folder that has its name: "
                    f"{_WHOLE_FOLDER}"
                )
            if len(entries) > MOST_FILES or len(set(names)) < len(names):
                raise ModelError("The archive holds too many files, or one twice.")
            if sum(entry.file_size for entry in entries) > MOST_BYTES:
                raise ModelError(f"The archive holds more than {MOST_BYTES // 10**6} MB.")
            for entry in entries:
                found = _ENTRY.fullmatch(entry.filename)
                if not found or entry.flag_bits & 1:
                    raise ModelError(
                        f"The archive contains {entry.filename[:80]!r}, which is not a file of a "
                        "model."
                    )
                (to / found[1]).mkdir(exist_ok=True)
                with archive.open(entry) as source, (to / found[1] / found[2]).open("xb") as out:
                    # Never more than was announced, whatever the file turns out to be.
                    shutil.copyfileobj(_Bounded(source, entry.file_size), out)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, RuntimeError) as error:
        raise ModelError(_no_archive(file)) from error
    if not entries:
        raise ModelError("The archive is empty.")


def _no_archive(file: BinaryIO) -> str:
    """Say what a file is that is no ZIP file."""
    file.seek(0)
    start = file.read(8)
    known = {
        "a LiteRT network": start[4:8] == b"TFL3",
        "a file of HDF5, such as Keras' .h5": start == b"\x89HDF\r\n\x1a\n",
    }
    for what, found in known.items():
        if found:
            return f"This is {what}, without the card.json that describes it: {_WHOLE_FOLDER}"
    return f"This is no archive of models: {_WHOLE_FOLDER}"


def _has_keras() -> bool:
    return all(importlib.util.find_spec(name) for name in ("keras", "h5py"))


def _without_keras_form(
    folder: ModelFolder, on_note: Callable[[str], None] | None = None
) -> ModelFolder:
    """Delete ``model.keras`` from an unpacked folder and its card."""
    if not folder.explainable:
        return folder
    (folder.path / "model.keras").unlink()
    card = folder.card
    kept = {
        "files": {file: sha for file, sha in card.files.items() if file != "model.keras"},
        "sizes": {file: size for file, size in card.sizes.items() if file != "model.keras"},
    }
    write_card(folder.path, card.model_copy(update=kept))
    if on_note:
        on_note(
            f"{folder.name}: model.keras was left out, since Keras is not installed. The model "
            "works; for explanations and further training, install Keras and import it again: "
            f"{how_to_install('train')}"
        )
    return read_folder(folder.path)


class _Bounded(io.RawIOBase):
    """Reads no more than so many bytes."""

    def __init__(self, file: Any, size: int) -> None:
        self._file, self._left = file, size

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(block)
        return block


def _checked(path: Path) -> ModelFolder:
    """The folder, after comparing everything with its card."""
    card_file = path / "card.json"
    if not card_file.is_file() or card_file.stat().st_size > 1_000_000:
        raise ModelError(f"{path.name} has no card, or one that is too long.")
    try:
        folder = read_folder(path)
    except RecursionError as error:
        raise ModelError(f"{path.name}: card.json is damaged.") from error
    card = folder.card
    if found := _MARKUP.search(" ".join(_strings(card.model_dump()))):
        raise ModelError(f"{path.name}: its card holds {found[0]!r}, which a card may not.")
    present = {file.name for file in path.iterdir()} - {"card.json"}
    if present != set(card.files) or present != set(card.sizes):
        raise ModelError(f"{path.name}: its files are not those that its card names.")
    if card.exported not in ("model.tflite", ENSEMBLE) or card.exported not in present:
        raise ModelError(f"{path.name}: the file to be served is not there.")
    if (card.exported == ENSEMBLE) != (ENSEMBLE in present):
        raise ModelError(f"{path.name}: it is half an ensemble.")
    for file in present:
        if folder.checked(file).stat().st_size != card.sizes[file]:
            raise ModelError(f"{path.name}: {file} has another size than its card says.")
    return folder


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in _strings(one)]
    if isinstance(value, list | tuple):
        return [text for one in value for text in _strings(one)]
    return []


def _is_here(folder: ModelFolder) -> bool:
    """Return whether this very model is here already.

    Raises:
        ModelError: its name is not allowed, or another model has it.
    """
    for ours in list_models():
        if ours.name == folder.name and ours.card.files == folder.card.files:
            return True
    check_new_name(folder.name)
    return False
