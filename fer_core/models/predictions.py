"""What models say of a dataset's faces, kept so that it is computed once."""

import hashlib
import os
from collections.abc import Callable

import numpy as np

from fer_core.classifier import load_classifier
from fer_core.datasets.base import Dataset
from fer_core.files import write_atomic
from fer_core.settings import settings

#: Faces between two calls of ``on_progress``.
_CHUNK = 256


def predictions(
    model: str, faces: Dataset, on_progress: Callable[[float], None] | None = None
) -> np.ndarray:
    """The probabilities of a model for every face of a dataset or split.

    Args:
        model: its name.
        faces: the rows.
        on_progress: called with the share that is done, 0 to 1.

    Returns:
        ``(N, 7)`` ``float32``.

    Raises:
        ModelError: there is no such model, or it cannot be loaded.
    """
    classifier = load_classifier(model)
    content = classifier.card.files[classifier.card.exported]
    path = settings().cache / "predictions" / f"{content[:32]}-{_key(faces)}.npy"
    try:
        kept = np.load(path)
        if kept.shape == (len(faces), 7):
            os.utime(path)
            return kept
    except (OSError, ValueError):
        pass
    parts = []
    for start in range(0, len(faces), _CHUNK):
        parts.append(classifier.predict_faces(faces.faces[start : start + _CHUNK]))
        if on_progress:
            on_progress(min(1.0, (start + _CHUNK) / len(faces)))
    said = np.concatenate(parts)
    write_atomic(path, lambda file: np.save(file, said))
    return said


def _key(faces: Dataset) -> str:
    return hashlib.sha256(np.ascontiguousarray(faces.faces)).hexdigest()[:32]
