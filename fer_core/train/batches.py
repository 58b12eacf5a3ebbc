"""The training faces of one epoch, in batches."""

from typing import Any

import keras
import numpy as np

from fer_core.datasets.base import Dataset
from fer_core.emotions import EMOTIONS
from fer_core.train.augment import augment
from fer_core.train.config import TrainConfig
from fer_core.train.teacher import Teacher


class Batches(keras.utils.PyDataset):
    """One epoch of augmented batches; seed, epoch and position decide all chance.

    A batch is ``(faces (B, 48, 48, 1) float32, targets (B, 7))``, and the rows' weights
    ``(B,)`` as a third where some count more than others.
    """

    def __init__(
        self, data: Dataset, config: TrainConfig, epoch: int, teacher: Teacher | None = None
    ) -> None:
        super().__init__()
        self._data, self._config, self._epoch, self._teacher = data, config, epoch, teacher
        self._targets = data.targets(config.votes_share)
        self._weights = row_weights(data, config)
        self._order = np.random.default_rng([config.seed, epoch]).permutation(len(data))
        self._size = min(config.batch_size, len(data))

    def __len__(self) -> int:
        # A short last batch would shake BatchNorm, so it is left to other epochs.
        return len(self._order) // self._size

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        rows = self._order[index * self._size : (index + 1) * self._size]
        rng = np.random.default_rng([self._config.seed, self._epoch, index])
        faces = augment(self._data.faces[rows], self._config.augmentation, rng)
        targets = self._targets[rows]
        if self._teacher:
            share = np.float32(self._config.teacher_share)
            targets = (1 - share) * targets + share * self._teacher.targets(rows, faces)
        batch = [faces[..., None], targets]
        if self._weights is not None:
            batch.append(self._weights[rows])
        if self._config.mixup:
            share = np.float32(rng.beta(self._config.mixup, self._config.mixup))
            other = rng.permutation(len(rows))
            batch = [share * part + (1 - share) * part[other] for part in batch]
        return tuple(batch)


def feed(batches: keras.utils.PyDataset) -> Any:
    """What ``fit`` is to be given, so that the next batch is made while one is learnt from.

    With TensorFlow a pipeline of our own: that of Keras tunes itself, and the thread that
    does so misses now and then that it should end (TensorFlow 2.21), which holds the end of
    an epoch up for as much as a minute.
    """
    if keras.backend.backend() != "tensorflow":
        # Threads of Keras' own make them, and hand them out in their order.
        batches.workers = 2
        return batches
    import tensorflow as tf

    count = len(batches)
    options = tf.data.Options()
    options.autotune.enabled = False
    return (
        tf.data.Dataset.from_generator(
            lambda: (batches[index] for index in range(count)),
            output_signature=tuple(tf.TensorSpec(part.shape, part.dtype) for part in batches[0]),
        )
        .apply(tf.data.experimental.assert_cardinality(count))
        .prefetch(2)
        .with_options(options)
    )


def row_weights(data: Dataset, config: TrainConfig) -> np.ndarray | None:
    """How much each row counts in the loss, 1 on average; ``None`` where all count 1."""
    if data.weights is None and config.class_weights == "none":
        return None
    weights = np.ones(len(data)) if data.weights is None else data.weights.astype(np.float64)
    if config.class_weights == "balanced":
        counts = np.bincount(data.labels, minlength=len(EMOTIONS))
        weights = weights / np.maximum(counts, 1)[data.labels]
    return (weights / weights.mean()).astype(np.float32)
