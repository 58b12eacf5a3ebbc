"""Corrections of labels, for administrators."""

from collections.abc import Sequence

import pandas as pd

from fer_core.datasets import corrections
from fer_core.datasets.corrections import KEPT, Change, Overlay, read
from ui.services import access

__all__ = ["KEPT", "Change", "Overlay", "add", "add_overlay", "history", "kept", "read", "undo"]


def kept() -> Overlay:
    """Return the corrections of this machine without those that were undone."""
    access.require("see corrections")
    return corrections.kept()


def history() -> pd.DataFrame:
    """Return every event there ever was, see :func:`fer_core.datasets.corrections.history`."""
    access.require("see corrections")
    return corrections.history()


def add(changes: Sequence[Change], author: str = "", reason: str = "") -> str:
    """Save changes and return their batch, see :func:`fer_core.datasets.corrections.add`."""
    access.require("correct the data")
    return corrections.add(changes, author.strip() or access.author(), reason)


def add_overlay(overlay: Overlay) -> str:
    """Save the events of a file, see :func:`fer_core.datasets.corrections.add_overlay`."""
    access.require("correct the data")
    return corrections.add_overlay(overlay, access.author())


def undo(*batches: str) -> list[str]:
    """Undo batches and return the keys of the faces concerned."""
    access.require("correct the data")
    return corrections.undo(*batches)
