"""Writing model folders and their cards."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fer_core.errors import ModelError
from fer_core.files import sha256, write_json
from fer_core.models.card import Card
from fer_core.models.catalogue import ModelFolder, check_new_name, read_folder
from fer_core.zoo.staging import put_in_place, staging


def write_folder(
    folder: Path,
    fill: Callable[[Path], None],
    calibrate: Callable[[ModelFolder], object] | None = None,
    *,
    overwrite: bool = False,
    **card: Any,
) -> ModelFolder:
    """Write a model folder; it appears whole or not at all.

    Args:
        folder: Its name becomes the model's.
        fill: Writes the files into the path that it is given.
        calibrate: What else is to be done before anybody sees it, such as measuring it.
        overwrite: Whether it may replace a model of that name, see :func:`check_new_name`.
        card: Entries of the card besides name, date and checksums.

    Raises:
        ModelError: the name is not allowed or taken, or the folder cannot be written.
    """
    check_new_name(folder.name, folder.parent, overwrite=overwrite)
    try:
        with staging(folder.parent, folder.name) as stage:
            new = stage / folder.name
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
            if calibrate:
                calibrate(read_folder(new))
            # Measuring takes minutes, in which somebody else may have taken the name.
            check_new_name(folder.name, folder.parent, overwrite=overwrite)
            put_in_place(new, folder)
    except OSError as error:
        raise ModelError(
            f"The model '{folder.name}' cannot be written to {folder.parent}: "
            f"{error.strerror or error}. Make room there or choose another folder."
        ) from error
    return read_folder(folder)


def write_card(folder: Path, card: Card) -> None:
    """Write ``card.json``."""
    write_json(folder / "card.json", card.to_json())
