"""Faces that people gave: corrected results of real use, kept with their plain consent.

What is kept is the 48×48 grey pixels that the model saw, the corrected label, the model
and its probabilities, the page and the time; no picture, no name. They are the dataset
``collected``, whose faces are all of the split Training, so that mixing them in leaves
the figures on FER2013's other splits comparable.
"""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from fer_core import storage
from fer_core.datasets.base import Dataset
from fer_core.emotions import EMOTIONS
from fer_core.errors import Damaged, DatasetError
from fer_core.preprocess import CROP_SIZE, FACE_SIZE, crops_to_faces

NAME: Final = "collected"
#: What a person agrees to.
CONSENT: Final = (
    "I agree that this face, as 48×48 grey pixels with the label I chose, is kept on the "
    "machine that runs this app and may be used to train models there. The person shown "
    "agrees as well. It can be deleted at any time on the Dataset page."
)


_MIGRATIONS: Final = (
    """
    CREATE TABLE IF NOT EXISTS faces (
        id INTEGER PRIMARY KEY, face BLOB NOT NULL, label INTEGER NOT NULL, kept TEXT NOT NULL,
        source TEXT NOT NULL, model TEXT NOT NULL, probabilities TEXT NOT NULL
    )
    """,
)


def _connect() -> AbstractContextManager[sqlite3.Connection]:
    return storage.connect("collected", _MIGRATIONS)


@dataclass(frozen=True)
class CollectedFace:
    """One collected face.

    Attributes:
        id: its number.
        face: ``(48, 48)`` ``uint8``.
        label: as corrected, 0 to 6.
        saved: when.
        source: the page it comes from.
        model: what had read it.
        probabilities: what that model said, ``(7,)``.
    """

    id: int
    face: np.ndarray
    label: int
    saved: datetime
    source: str
    model: str
    probabilities: tuple[float, ...]


def add(
    crop: np.ndarray,
    emotion: str,
    *,
    consent: bool,
    source: str = "",
    model: str = "",
    probabilities: Sequence[float] = (),
) -> int:
    """Keep one face; returns its number.

    Args:
        crop: ``(192, 192, 3)`` RGB, see :func:`fer_core.preprocess.crop_face`, or
            ``(48, 48)`` grey, 0 to 255.
        emotion: what the face shows, says the person.
        consent: whether they agreed to :data:`CONSENT`.
        source: the page it comes from.
        model: what had read it.
        probabilities: what that model said.

    Raises:
        DatasetError: no consent.
    """
    if not consent:
        raise DatasetError("A face is kept only with consent: tick the box first.")
    if crop.shape == (CROP_SIZE, CROP_SIZE, 3):
        crop = crops_to_faces(crop[None])[0]
    face = np.clip(np.round(crop), 0, 255).astype(np.uint8)
    if face.shape != (FACE_SIZE, FACE_SIZE):
        raise ValueError(f"the face has the shape {crop.shape}")
    with _connect() as db:
        key = db.execute(
            "INSERT INTO faces (face, label, kept, source, model, probabilities) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                face.tobytes(),
                EMOTIONS.index(emotion),
                datetime.now(UTC).isoformat(timespec="seconds"),
                source,
                model,
                json.dumps([round(float(p), 4) for p in probabilities]),
            ),
        ).lastrowid
    assert key is not None
    return key


def list_faces() -> list[CollectedFace]:
    """Return all collected faces that can be read, the oldest first."""
    return [face for row in _stored() if (face := _face(*row)) is not None]


def list_damaged() -> list[Damaged]:
    """Return the collected faces that cannot be read, each by its number."""
    return [
        Damaged(str(row[0]), "This face is damaged and can only be deleted.")
        for row in _stored()
        if _face(*row) is None
    ]


def _stored() -> list[tuple]:
    if not storage.exists():
        return []
    with _connect() as db:
        return db.execute(
            "SELECT id, face, label, kept, source, model, probabilities FROM faces ORDER BY id"
        ).fetchall()


def _face(
    key: int, face: Any, label: Any, saved: Any, source: Any, model: Any, probabilities: Any
) -> CollectedFace | None:
    """Return a face from its row; ``None`` where the row is damaged."""
    try:
        said = tuple(float(p) for p in json.loads(probabilities))
        pixels = np.frombuffer(face, np.uint8).reshape(FACE_SIZE, FACE_SIZE)
        EMOTIONS[label]
        when = datetime.fromisoformat(saved)
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    if label < 0 or len(said) not in (0, len(EMOTIONS)) or not np.isfinite(said).all():
        return None
    return CollectedFace(key, pixels, label, when, str(source), str(model), said)


def delete(*keys: int) -> None:
    """Delete faces for good; what is gone already is no trouble."""
    with _connect() as db:
        db.executemany("DELETE FROM faces WHERE id = ?", [(key,) for key in keys])


def load() -> Dataset:
    """Return the collected faces as a dataset.

    Raises:
        DatasetError: there are none yet.
    """
    faces = list_faces()
    if not faces:
        raise DatasetError(
            "No faces were collected yet: correct a result on the Images, Live or Video page and "
            "keep its face."
        )
    return Dataset(
        NAME,
        np.stack([one.face for one in faces]),
        np.array([one.label for one in faces], np.int64),
        np.full(len(faces), "Training"),
    )
