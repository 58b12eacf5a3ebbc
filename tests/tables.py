"""Tables of results whose content is known."""

from typing import Any

import pandas as pd

from fer_core.emotions import EMOTIONS
from fer_core.table import Kind, data_frame


def face_row(emotion: str = "Happy", share: float = 0.9, **other: Any) -> dict[str, Any]:
    """A row of one face that shows ``emotion``."""
    rest = (1 - share) / 6
    return {
        "status": "ok",
        "person": 1,
        "x": 1.0,
        "y": 2.0,
        "width": 30.0,
        "height": 40.0,
        "score": 1.0,
        **{e.lower(): share if e == emotion else rest for e in EMOTIONS},
        "emotion": emotion,
        "confidence": share,
        "unsure": share < 0.5,
        "model": "fast",
        "class_prior": "as-trained",
        "smoothing": 0.0,
    } | other


def no_face_row(**other: Any) -> dict[str, Any]:
    """A row of a frame without a face."""
    return {"status": "no face", "model": "fast", "smoothing": 0.0} | other


def table_of(rows: list[dict[str, Any]], kind: Kind) -> pd.DataFrame:
    """Rows as a table of a kind."""
    names = {name for row in rows for name in row}
    return data_frame({name: [row.get(name) for row in rows] for name in names}, kind)
