"""Corrections of labels, for administrators."""

from collections.abc import Sequence

import pandas as pd

from fer_core.datasets import corrections
from fer_core.datasets.corrections import SAVED, Change, Overlay, read
from fer_core.errors import Damaged
from ui.services import access, removal

__all__ = [
    "SAVED", "Change", "Overlay", "add", "add_overlay", "delete", "history", "saved",
    "list_damaged", "read", "undo",
]  # fmt: skip


def saved() -> Overlay:
    """Return the corrections of this machine without those that were undone."""
    access.require("see corrections")
    return corrections.saved()


def history() -> pd.DataFrame:
    """Return every event there ever was, see :func:`fer_core.datasets.corrections.history`."""
    access.require("see corrections")
    return corrections.history()


def list_damaged() -> list[Damaged]:
    """Return the corrections that cannot be read."""
    access.require("see corrections")
    gone = removal.hidden("correction")
    return [one for one in corrections.list_damaged() if one.name not in gone]


def delete(name: str) -> None:
    """Delete a correction that cannot be read, which can be undone for a while."""
    access.require("correct the data")
    removal.remove("correction", name, words=f"Correction {name}")


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
