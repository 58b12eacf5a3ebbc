"""What a trained model sees in faces, and what follows from it for faces it never saw.

Label errors are looked for with predictions of classifiers that did not learn the face's
own label. To train whole networks over folds takes hours; so the network stays as it is,
and only its last layer is learned anew over the folds, as a linear discriminant on the
features before it. A second discriminant sees nothing but gradients of the pixels, which
no label has shaped, and their opinions are pooled. On a dataset the network never saw,
such predictions are out of sample; on the split that it was trained on, its features have
seen the labels, so errors there are found a little less well (docs/dataset-audit.md
measures both).
"""

import os
from collections.abc import Callable, Sequence
from typing import Final

import cv2
import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import softmax

from fer_core.datasets.cache import cached
from fer_core.datasets.identity import digest
from fer_core.emotions import EMOTIONS
from fer_core.errors import DatasetError, ModelError
from fer_core.models.catalogue import ModelFolder, default_model, find_model, list_models
from fer_core.models.keras_settings import our_keras
from fer_core.preprocess import FACE_SIZE

#: Faces that a dataset needs of each emotion it has, for predictions over folds.
FEWEST: Final = 10
_BATCH: Final = 256


def explainable(name: str | None = None) -> ModelFolder:
    """Return the model called ``name`` if its layers can be looked into, else one that can be.

    A model from elsewhere is not looked into: that would run it without limits.

    Raises:
        ModelError: there is none.
    """
    folders = [find_model(name or default_model()), *list_models()]
    for folder in folders:
        if folder.explainable and not folder.imported:
            return folder
    raise ModelError("No model here has its model.keras, which the audit needs.")


def features(
    faces: np.ndarray, folder: ModelFolder, on_progress: Callable[[float], None] | None = None
) -> np.ndarray:
    """Return what the last layer of a network is given, averaged over the picture.

    Args:
        faces: ``(N, 48, 48)`` ``uint8``.
        folder: a model with its Keras form.
        on_progress: told the share that is done.

    Returns:
        ``(N, D)`` ``float32``; cached by the faces' content and the model's.

    Raises:
        ModelError: the network has no last layer with weights.
    """

    @our_keras()
    def make() -> dict[str, np.ndarray]:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import keras

        core = keras.saving.load_model(folder.checked("model.keras"), compile=False, safe_mode=True)
        last = [
            layer
            for layer in core.layers
            if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)
            and layer.output.shape[-1] == len(EMOTIONS)
        ]
        if not last:
            raise ModelError(f"{folder.name} has no last layer that the audit knows.")
        seen = last[-1].input
        if len(seen.shape) == 4:
            seen = keras.ops.mean(seen, axis=(1, 2))
        network = keras.Model(core.inputs, seen)
        parts = []
        for start in range(0, len(faces), _BATCH):
            part = faces[start : start + _BATCH, ..., None].astype(np.float32)
            parts.append(np.asarray(network.predict_on_batch(part), np.float32))
            if on_progress:
                on_progress(min(1.0, (start + _BATCH) / len(faces)))
        return {"features": np.concatenate(parts)}

    key = [digest(faces), folder.card.files["model.keras"]]
    return cached("features", key, make)["features"]


def gradients(faces: np.ndarray) -> np.ndarray:
    """Return histograms of gradients (Dalal & Triggs 2005) of faces ``(N, 48, 48)`` ``uint8``:
    ``(N, 900)``, 8×8 pixels a cell, 2×2 cells a block.
    """
    side = (FACE_SIZE, FACE_SIZE)
    histograms = cv2.HOGDescriptor(side, (16, 16), (8, 8), (8, 8), 9)
    return np.stack([np.ravel(histograms.compute(face)) for face in faces])


def discriminant(values: np.ndarray, labels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the probabilities that a linear discriminant learned from some faces for others.

    Covariances are shrunk as Ledoit & Wolf 2004 (*A well-conditioned estimator*) say. This is
    scikit-learn's ``LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")`` in less than
    half of the time: the shrunk covariance is positive definite, so a Cholesky decomposition
    solves what takes scikit-learn a singular value decomposition.

    Args:
        values: ``(N, D)`` features.
        labels: ``(N,)``, of at least two classes.
        others: ``(M, D)`` features.

    Returns:
        ``(M, C)``, a column per class of ``labels`` in their order; rows sum to 1.
    """
    classes, counts = np.unique(labels, return_counts=True)
    means = np.stack([values[labels == one].mean(axis=0) for one in classes]).astype(np.float64)
    shares = counts / len(labels)
    covariance = sum(
        share * _shrunk(values[labels == one].astype(np.float64))
        for one, share in zip(classes, shares, strict=True)
    )
    weights = cho_solve(cho_factor(covariance), means.T)
    offsets = np.log(shares) - 0.5 * np.einsum("cd,dc->c", means, weights)
    return softmax(others @ weights + offsets, axis=1)


def _shrunk(values: np.ndarray) -> np.ndarray:
    """Return the shrunk covariance of ``(N, D)`` values, whose columns are scaled meanwhile."""
    scale = values.std(axis=0)
    scale[scale == 0] = 1.0
    scaled = (values - values.mean(axis=0)) / scale
    n, d = scaled.shape
    covariance = scaled.T @ scaled / n
    mean = np.trace(covariance) / d
    # The squares summed over all pairs of columns are, row by row, the square of a sum.
    beta = (((scaled**2).sum(axis=1) ** 2).sum() / n - (covariance**2).sum()) / (d * n)
    delta = ((covariance**2).sum() - 2 * mean * np.trace(covariance) + d * mean**2) / d
    shrinkage = min(beta, delta) / delta if beta > 0 and delta > 0 else 0.0
    covariance *= 1 - shrinkage
    covariance.flat[:: d + 1] += shrinkage * mean
    return scale[:, None] * covariance * scale


def out_of_fold(
    views: Sequence[np.ndarray], labels: np.ndarray, folds: int = 5, seed: int = 0
) -> np.ndarray:
    """Return predictions for each face by classifiers that did not learn from it, one per view;
    pooled by their geometric mean, all with the same weight.

    Args:
        views: ``(N, D)`` features each.
        labels: ``(N,)``, 0 to 6.
        folds: into how many parts the faces are divided, class by class.
        seed: decides the parts.

    Returns:
        ``(N, 7)`` ``float32``; rows sum to 1; emotions that the labels lack have 0.

    Raises:
        DatasetError: fewer than :data:`FEWEST` faces of an emotion, or one emotion only.
    """
    from sklearn.model_selection import StratifiedKFold

    counts = np.bincount(labels, minlength=len(EMOTIONS))
    present = np.flatnonzero(counts)
    few = [EMOTIONS[i] for i in present if counts[i] < FEWEST]
    if few or len(present) < 2:
        raise DatasetError(
            f"Label errors need at least {FEWEST} faces of each of two or more emotions; "
            f"there are fewer of {', '.join(few) or 'a second one'}."
        )
    logs = np.zeros((len(labels), len(present)))
    parts = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for train, test in parts.split(labels, labels):
        for values in views:
            said = discriminant(values[train], labels[train], values[test])
            logs[test] += np.log(np.maximum(said, 1e-12))
    result = np.zeros((len(labels), len(EMOTIONS)), np.float32)
    result[:, present] = softmax(logs / len(views), axis=1)
    return result
