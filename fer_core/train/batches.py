"""The training faces of a run, in batches, epoch by epoch."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import keras
import numpy as np

from fer_core.datasets.base import Dataset
from fer_core.emotions import EMOTIONS
from fer_core.train.augment import augment
from fer_core.train.config import TrainConfig
from fer_core.train.teacher import Teacher


class Batches(keras.utils.PyDataset):
    """The augmented batches of an epoch; seed, epoch and position decide all chance.

    A batch is ``(faces (B, 48, 48, 1) float32, targets (B, 7))``, and the rows' weights
    ``(B,)`` as a third where some count more than others.
    """

    def __init__(
        self, data: Dataset, config: TrainConfig, epoch: int, teacher: Teacher | None = None
    ) -> None:
        """Prepare the batches.

        Args:
            data: The training faces.
            config: Of the run.
            epoch: Which epoch they are for, from 0; see :attr:`epoch`.
            teacher: Whose probabilities take a share of the targets.
        """
        super().__init__()
        self._data, self._config, self._teacher = data, config, teacher
        self._targets = data.targets(config.votes_share)
        self._weights = row_weights(data, config)
        #: Faces of a batch.
        self.size = min(config.batch_size, len(data))
        self.epoch = epoch

    @property
    def epoch(self) -> int:
        """Return the epoch that the batches are for; setting it gives them its order."""
        return self._now[0]

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        order = np.random.default_rng([self._config.seed, epoch]).permutation(len(self._data))
        # Set at once, since threads make batches ahead.
        self._now = epoch, order

    def __len__(self) -> int:
        # A short last batch would shake BatchNorm, so it is left to other epochs.
        return len(self._data) // self.size

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        epoch, order = self._now
        rows = order[index * self.size : (index + 1) * self.size]
        rng = np.random.default_rng([self._config.seed, epoch, index])
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


class _Ahead(keras.utils.PyDataset):
    """Another dataset, whose next batches are made by threads while one is learnt from.

    Keras' own threads (``workers``) keep batches that were made ahead when an iteration is
    left early, and hand them out first in the next: after Keras has taken a look at a batch to
    build metrics, the first epoch would have another order than its own. They also begin
    before ``on_epoch_begin`` (https://github.com/keras-team/keras/issues/23283).
    """

    _AHEAD: Final = 2

    def __init__(self, batches: keras.utils.PyDataset) -> None:
        super().__init__()
        self._batches = batches
        self._threads = ThreadPoolExecutor(self._AHEAD)
        self._made: dict[int, Future] = {}

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        if index == 0:  # another epoch
            self._made.clear()
        for one in range(index, min(index + self._AHEAD + 1, len(self))):
            if one not in self._made:
                self._made[one] = self._threads.submit(self._batches.__getitem__, one)
        return self._made.pop(index).result()


def feed(batches: keras.utils.PyDataset) -> Any:
    """Return what ``fit`` is to be given, so that the next batch is made while one is learnt from.

    It may be gone through as often as there are epochs, and each time asks ``batches`` anew.

    With TensorFlow it is a pipeline of our own: that of Keras tunes itself, and the thread that
    does so misses now and then that it should end (TensorFlow 2.21), which holds the end of
    an epoch up for as much as a minute.
    """
    if keras.backend.backend() != "tensorflow":
        return _Ahead(batches)
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
    """Return how much each row counts in the loss, 1 on average; ``None`` where all count 1."""
    if data.weights is None and config.class_weights == "none":
        return None
    weights = np.ones(len(data)) if data.weights is None else data.weights.astype(np.float64)
    if config.class_weights == "balanced":
        counts = np.bincount(data.labels, minlength=len(EMOTIONS))
        weights = weights / np.maximum(counts, 1)[data.labels]
    return (weights / weights.mean()).astype(np.float32)
