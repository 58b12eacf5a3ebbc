"""Faces collected with consent, for administrators."""

from collections.abc import Sequence

import numpy as np

from fer_core.datasets import collected
from fer_core.datasets.collected import CONSENT, NAME, Kept
from fer_core.errors import Damaged
from ui.services import access

__all__ = ["CONSENT", "NAME", "Kept", "delete", "keep", "list_damaged", "list_faces"]


def keep(
    crop: np.ndarray,
    emotion: str,
    *,
    consent: bool,
    source: str = "",
    model: str = "",
    probabilities: Sequence[float] = (),
) -> int:
    """Save one face, see :func:`fer_core.datasets.collected.keep`."""
    access.require("save faces")
    return collected.keep(
        crop, emotion, consent=consent, source=source, model=model, probabilities=probabilities
    )


def list_faces() -> list[Kept]:
    """Return all collected faces, the oldest first."""
    access.require("see collected faces")
    return collected.list_faces()


def list_damaged() -> list[Damaged]:
    """Return the collected faces that cannot be read."""
    access.require("see collected faces")
    return collected.list_damaged()


def delete(*keys: int) -> None:
    """Delete faces for good."""
    access.require("delete collected faces")
    collected.delete(*keys)
