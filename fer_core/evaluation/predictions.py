"""What models say of a dataset's faces, kept so that it is computed once."""

from collections.abc import Callable

import numpy as np

from fer_core.classifier import load_classifier
from fer_core.datasets.base import Dataset
from fer_core.datasets.cache import cached
from fer_core.datasets.identity import digest

#: Faces between two calls of ``on_progress``.
_CHUNK = 256


def predictions(
    model: str, faces: Dataset, on_progress: Callable[[float], None] | None = None
) -> np.ndarray:
    """Return the probabilities of a model for every face of a dataset or split.

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

    def make() -> dict[str, np.ndarray]:
        parts = []
        for start in range(0, len(faces), _CHUNK):
            parts.append(classifier.predict_faces(faces.faces[start : start + _CHUNK]))
            if on_progress:
                on_progress(min(1.0, (start + _CHUNK) / len(faces)))
        return {"probabilities": np.concatenate(parts)}

    key = [digest(faces.faces), classifier.card.files[classifier.card.exported]]
    return cached("predictions", key, make)["probabilities"]
