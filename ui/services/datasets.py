"""Datasets: visitors open the demo faces, administrators every dataset."""

from collections.abc import Callable
from pathlib import Path

from fer_core import datasets
from fer_core.datasets import Dataset
from ui.services import access


def load(
    source: str | Path,
    votes: Path | None = None,
    *,
    skip_bad: bool = False,
    label_order: str | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Dataset:
    """Read a dataset, see :func:`fer_core.datasets.load`."""
    if str(source) != "demo":
        access.require("open datasets")
    return datasets.load(
        source, votes, skip_bad=skip_bad, label_order=label_order, on_progress=on_progress
    )
