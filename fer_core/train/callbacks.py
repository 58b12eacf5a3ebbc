"""What happens around the steps of a run, each duty a Keras callback.

They work in the order in which :func:`fer_core.train.fit.fit_held` lists them: an epoch's
validation puts its figures into ``logs``, where the callbacks after it find them.
"""

import json
import math
from collections.abc import Callable
from importlib.util import find_spec
from typing import Final, TextIO

import keras
import numpy as np
from keras import ops
from scipy.special import log_softmax

from fer_core.datasets.base import Dataset
from fer_core.errors import TrainingError
from fer_core.models.outputs import outputs
from fer_core.train import network_weights, optimize
from fer_core.train.batches import Batches
from fer_core.train.check import LOWEST_RATE
from fer_core.train.notes import Notes, Pace, Progress
from fer_core.train.runs import TrainingRun

#: The figures of an epoch that a row of ``metrics.jsonl`` takes from the logs.
_FIGURES: Final = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")


class EpochOrder(keras.callbacks.Callback):
    """Tells the batches which epoch they are for, since their order follows from it."""

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self._batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Set the epoch before Keras asks for its first batch."""
        self._batches.epoch = epoch


class StepLog(keras.callbacks.Callback):
    """Writes the loss of every step, and ends a run whose loss is NaN or infinite."""

    def __init__(self, run: TrainingRun, log: TextIO) -> None:
        super().__init__()
        self._run, self._log = run, log
        self._epoch, self._mean = 0, 0.0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Begin a new mean."""
        self._epoch, self._mean = epoch, 0.0

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Write a line, or end the run."""
        step, mean = batch + 1, float((logs or {})["loss"])
        if not math.isfinite(mean):
            raise diverged(self._run, self._epoch, f"The loss became {mean}", step)
        # Keras gives the mean over the epoch so far; the batch's own follows from two.
        loss = step * mean - batch * self._mean
        self._mean = mean
        row = {"epoch": self._epoch + 1, "step": step, "loss": round(loss, 3)}
        self._log.write(json.dumps(row) + "\n")


class WeightAverage(keras.callbacks.Callback):
    """Keeps an exponential moving average of all weights, BatchNorm's statistics included.

    Keras' own ``use_ema`` with ``SwapEMAWeights`` averages trainable variables only, so that
    averaged kernels would be served with the last step's BatchNorm statistics, and it does so
    at every step.
    """

    #: Steps between updates: the same average at an eighth of the cost.
    EVERY: Final = 8

    def __init__(
        self, momentum: float, values: list[np.ndarray] | None = None, updates: int = 0
    ) -> None:
        """Begin an average, or go on with one.

        Args:
            momentum: Share of the average that a step leaves as it is, 0 to 1.
            values: The average so far, as :func:`network_weights.read` gives weights.
            updates: How many updates it is made of.
        """
        super().__init__()
        self._momentum, self.updates = momentum, updates
        self.values = values or []
        self._since = 0

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Update the average where it is time to."""
        self._since += 1
        if self._since == self.EVERY:
            if hasattr(self.model, "jax_state_sync"):
                self.model.jax_state_sync()
            self._update()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Take in the last steps, so that what is validated is never older than the epoch."""
        if self._since:
            self._update()

    def _update(self) -> None:
        # The first update replaces whatever was there, so untrained weights have no part in
        # the average, and its memory grows with what it has seen.
        share = min(self._momentum**self._since, self.updates / (self.updates + 9))
        self.updates, self._since = self.updates + 1, 0
        new = network_weights.read(self.model)
        if self.updates == 1:
            self.values = new
            return
        for average, value in zip(self.values, new, strict=True):
            if np.issubdtype(average.dtype, np.floating):
                average *= share
                average += (1 - share) * value
            else:
                average[...] = value


class Validation(keras.callbacks.Callback):
    """Validates the weights that would be kept, and puts the figures into the logs.

    Keras' own validation would be that of the weights in training, not of their average.
    """

    def __init__(
        self,
        run: TrainingRun,
        faces: Dataset,
        average: WeightAverage | None,
        copy: keras.Model | None,
    ) -> None:
        """Prepare validation.

        Args:
            run: Which is validated.
            faces: The split that validates.
            average: Whose weights are kept; without, those of the network itself.
            copy: A network for the weights to be validated in, where the one in training
                lies on several devices; without, it is the one in training.
        """
        super().__init__()
        self._run, self._faces, self._average, self._copy = run, faces, average, copy
        #: The weights in training and those that are kept, as of the last validation.
        self.live: list[np.ndarray] = []
        self.retained: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Validate, or end the run where weights or answers are NaN or infinite."""
        logs = {} if logs is None else logs
        self.live = network_weights.read(self.model)
        self.retained = self._average.values if self._average else self.live
        if not network_weights.are_finite([*self.live, *self.retained]):
            raise diverged(self._run, epoch, "The weights are no finite numbers any more")
        alone = self._copy or self.model
        network_weights.write(alone, self.retained)
        accuracy, loss = score(logits(alone, self._faces.faces), self._faces.labels)
        if not self._copy:
            network_weights.write(self.model, self.live)
        if not math.isfinite(loss):
            raise diverged(self._run, epoch, f"The validation loss became {loss}")
        rate = float(ops.convert_to_numpy(self.model.optimizer.learning_rate))
        logs |= {"val_accuracy": accuracy, "val_loss": loss, "learning_rate": rate}


class Plateau(keras.callbacks.ReduceLROnPlateau):
    """Keras' own, which goes on where the rows of the finished epochs leave it."""

    def __init__(self, rows: list[dict], settings: optimize.Patience, factor: float) -> None:
        """Prepare it.

        Args:
            rows: Of the finished epochs.
            settings: What is watched, and for how long.
            factor: What the rate is multiplied by, below 1.
        """
        super().__init__(
            monitor=settings.monitor,
            mode=settings.mode,
            patience=settings.epochs,
            factor=factor,
            min_delta=0,
            min_lr=LOWEST_RATE,
        )
        self._rows, self._settings = rows, settings

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Begin with the best figure so far and the epochs since it or since the last change."""
        super().on_train_begin(logs)
        self.best, waited = self._settings.so_far(self._rows)
        rate = float(ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.wait = min(waited, optimize.epochs_at(rate, self._rows))


class EarlyStopping(keras.callbacks.EarlyStopping):
    """Keras' own, which goes on where the rows of the finished epochs leave it."""

    def __init__(self, rows: list[dict], settings: optimize.Patience) -> None:
        """Prepare it; see :class:`Plateau`."""
        super().__init__(
            monitor=settings.monitor, mode=settings.mode, patience=settings.epochs, min_delta=0
        )
        self._rows, self._settings = rows, settings

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Begin with the best figure so far and the epochs since it."""
        super().on_train_begin(logs)
        self.best, self.wait = self._settings.so_far(self._rows)


class ProgressNotes(keras.callbacks.Callback):
    """Says after every step how far the run is and how long it still takes."""

    def __init__(
        self, pace: Pace, notes: Notes, on_progress: Callable[[Progress], None] | None
    ) -> None:
        super().__init__()
        self._pace, self._notes, self._tell = pace, notes, on_progress

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Begin to measure an epoch."""
        self._pace.begin_epoch(epoch)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Say it."""
        progress = self._pace.step(batch + 1)
        self._notes.take(progress)
        if self._tell:
            self._tell(progress)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Stop the clock: what follows is validation."""
        self._pace.end_steps()


class Checkpoint(keras.callbacks.Callback):
    """Keeps everything that the run goes on from, and the best weights so far."""

    def __init__(
        self,
        run: TrainingRun,
        rows: list[dict],
        validation: Validation,
        average: WeightAverage | None,
        pace: Pace,
        since: int = 0,
    ) -> None:
        """Prepare it.

        Args:
            run: Receives the files.
            rows: Of the finished epochs; each epoch adds one.
            validation: Has the weights to keep.
            average: Is part of the checkpoint.
            pace: Knows how long an epoch took.
            since: Finished epochs when the run was given the data that it has now: the best
                epoch is one of those that follow.
        """
        super().__init__()
        self._run, self._rows, self._validation = run, rows, validation
        self._average, self._pace, self._since = average, pace, since
        self._config = run.config

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write them, unless the optimiser's state is no finite numbers any more."""
        optimizer = [ops.convert_to_numpy(v) for v in self.model.optimizer.variables]
        if not network_weights.are_finite(optimizer):
            raise diverged(self._run, epoch, "The optimiser's state is no finite numbers any more")
        retained = self._validation.retained
        best = max((row["val_accuracy"] for row in self._rows[self._since :]), default=-1.0)
        self._rows.append(
            {"epoch": epoch + 1}
            | {name: float((logs or {})[name]) for name in _FIGURES}
            | {
                "seconds": round(self._pace.epoch_seconds, 2),
                "images_per_second": round(self._pace.epoch_rate, 1),
            }
        )
        # The checkpoint comes last: what is newer than it is made anew.
        self._run.write_metrics(self._rows)
        if self._rows[-1]["val_accuracy"] > best:
            self._run.save_arrays("best.npz", {"model": retained})
        if cycle := optimize.cycle_ended(epoch + 1, self._config):
            self._run.save_arrays(f"cycle{cycle}.npz", {"model": retained})
        self._run.save_checkpoint(
            {
                "model": self._validation.live,
                "optimizer": optimizer,
                "average": self._average.values if self._average else [],
                "updates": [np.array(self._average.updates if self._average else 0)],
                "epoch": [np.array(epoch + 1)],
            }
        )
        top = max(self._rows[self._since :], key=lambda row: row["val_accuracy"])
        self._run.write_state(
            epoch=epoch + 1, best_epoch=top["epoch"], best_accuracy=top["val_accuracy"]
        )


class Events(keras.callbacks.Callback):
    """Writes TensorBoard's event files without the package ``tensorboard``."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write the figures of the epoch."""
        import tensorflow as tf

        # What tf.summary.scalar does, which wants the package tensorboard for it.
        scalar = tf.compat.v1.SummaryMetadata(
            plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"),
            data_class=1,
        )
        with tf.summary.create_file_writer(self._folder).as_default():
            for name in _FIGURES:
                value = tf.constant((logs or {})[name], tf.float32)
                tf.summary.write(name, value, step=epoch + 1, metadata=scalar)


def tensorboard(folder: str) -> keras.callbacks.Callback:
    """Return Keras' own TensorBoard callback where its package is, else :class:`Events`."""
    if find_spec("tensorboard"):
        return keras.callbacks.TensorBoard(folder, write_graph=False)
    return Events(folder)


def diverged(run: TrainingRun, epoch: int, what: str, step: int | None = None) -> TrainingError:
    """Return the error that ends a run whose numbers are NaN or infinite.

    Args:
        run: Which it is.
        epoch: The epoch in which it happened, from 0.
        what: The beginning of a sentence that says what happened.
        step: The step in which it happened, from 1.
    """
    place = f"in epoch {epoch + 1}" + (f", step {step}" if step else "")
    lower = f"{run.config.learning_rate / 10:g}"
    start = f"the checkpoint of epoch {epoch}, which is kept" if epoch else "the beginning"
    return TrainingError(
        f"{what} {place}: lower the learning rate. 'python -m fer_core train --resume {run.name} "
        f"--set learning_rate={lower}' goes on from {start}."
    )


def logits(model: keras.Model, faces: np.ndarray) -> np.ndarray:
    """Return a network's logits ``(N, 7)`` of faces ``(N, 48, 48)``, grey, 0 to 255."""
    return outputs(model, faces[..., None].astype(np.float32))


def score(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return accuracy and mean negative log-likelihood of labels ``(N,)``."""
    log_p = log_softmax(logits, axis=1)
    return (
        float((logits.argmax(axis=1) == labels).mean()),
        float(-log_p[np.arange(len(labels)), labels].mean()),
    )
