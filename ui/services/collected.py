"""Faces collected with consent, for administrators."""

from collections.abc import Sequence

import numpy as np

from fer_core.datasets import collected
from fer_core.datasets.collected import CONSENT, NAME, CollectedFace
from fer_core.errors import Damaged
from ui.services import access, removal

__all__ = ["CONSENT", "NAME", "CollectedFace", "add", "delete", "list_damaged", "list_faces"]


def add(
    crop: np.ndarray,
    emotion: str,
    *,
    consent: bool,
    source: str = "",
    model: str = "",
    probabilities: Sequence[float] = (),
) -> int:
    """Save one face, see :func:`fer_core.datasets.collected.add`."""
    access.require("save faces")
    return collected.add(
        crop, emotion, consent=consent, source=source, model=model, probabilities=probabilities
    )


def list_faces() -> list[CollectedFace]:
    """Return all collected faces, the oldest first."""
    access.require("see collected faces")
    gone = removal.hidden("collected face")
    return [one for one in collected.list_faces() if str(one.id) not in gone]


def list_damaged() -> list[Damaged]:
    """Return the collected faces that cannot be read."""
    access.require("see collected faces")
    gone = removal.hidden("collected face")
    return [one for one in collected.list_damaged() if one.name not in gone]


def delete(*keys: int) -> None:
    """Delete faces, which can be undone for a while."""
    access.require("delete collected faces")
    words = f"{len(keys)} collected faces" if len(keys) > 1 else "A collected face"
    removal.remove("collected face", *map(str, keys), words=words)
