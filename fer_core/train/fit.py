"""Fitting a network: one epoch after the other, with everything on disk in between."""

import json
import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TextIO

import keras
import numpy as np
from keras import ops
from scipy.special import log_softmax, softmax

from fer_core.datasets.base import Dataset
from fer_core.errors import TrainingError
from fer_core.models import starting_weights
from fer_core.models.architectures import registry
from fer_core.models.outputs import outputs
from fer_core.system import describe_machine
from fer_core.train import judge, optimize, strategy
from fer_core.train.batches import Batches, feed
from fer_core.train.kernels import use_quick_kernels
from fer_core.train.notes import Notes, Progress
from fer_core.train.runs import TrainingRun
from fer_core.train.teacher import Teacher


class _Average:
    """Exponential moving average of all weights, BatchNorm statistics included."""

    EVERY = 8  # steps between updates: the same average at an eighth of the cost

    def __init__(self, model: keras.Model, momentum: float) -> None:
        self._model, self._momentum, self.updates = model, momentum, 0
        self.values = _read(model)

    def update(self) -> None:
        self.updates += 1
        # Short memory at first, so that the start does not linger.
        early = (1 + self.updates) / (10 + self.updates)
        keep = min(self._momentum**self.EVERY, early)
        for old, new in zip(self.values, _read(self._model), strict=True):
            if np.issubdtype(old.dtype, np.floating):
                old *= keep
                old += (1 - keep) * new
            else:
                old[...] = new


class _Watch(keras.callbacks.Callback):
    """Per-step duties: the log, the weight average, progress, a halt on a NaN loss."""

    def __init__(
        self,
        epoch: int,
        log: TextIO,
        average: _Average | None,
        report: Callable[[int], None],
    ) -> None:
        super().__init__()
        self._epoch, self._log, self._average, self._report = epoch, log, average, report
        self._mean = 0.0

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        step = batch + 1
        mean = float((logs or {})["loss"])
        if not math.isfinite(mean):
            raise TrainingError(
                f"The loss became {mean} in epoch {self._epoch}, step {step}: lower the learning "
                "rate. The last checkpoint is kept."
            )
        # Keras gives the mean over the epoch so far; the batch's own follows from two.
        loss = step * mean - batch * self._mean
        self._mean = mean
        row = {"epoch": self._epoch, "step": step, "loss": round(loss, 3)}
        self._log.write(json.dumps(row) + "\n")
        if self._average and step % _Average.EVERY == 0:
            if hasattr(self.model, "jax_state_sync"):
                self.model.jax_state_sync()
            self._average.update()
        self._report(step)


def fit(
    run: TrainingRun, data: Dataset, on_progress: Callable[[Progress], None] | None = None
) -> None:
    """Train ``run`` to its end, from its checkpoint where it has one.

    Training faces are those of the split Training; after each epoch the accuracy on
    PublicTest decides which weights are kept as ``best.npz``. Interrupted at any moment
    and resumed, a run ends with the same weights as undisturbed.

    Args:
        run: holds the configuration; receives metrics, checkpoints and state.
        data: the dataset with both splits.
        on_progress: called after every step.

    Raises:
        TrainingError: the loss became NaN, the folder cannot be written, or another
            process trains this run.
    """
    with run.hold():
        fit_held(run, data, on_progress)


def fit_held(
    run: TrainingRun, data: Dataset, on_progress: Callable[[Progress], None] | None = None
) -> None:
    """As :func:`fit`, for a caller that holds the run already."""
    config = run.config
    spread = strategy.open_strategy(config.strategy)
    training, validation = data.split("Training"), data.split("PublicTest")
    steps = len(Batches(training, config, 0))
    resumed = (run.path / "checkpoint.npz").exists()

    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)
    model = registry.build(config.model, **config.model_options)
    use_quick_kernels(model)
    if not resumed:
        starting_weights.start(model, config.model, config.weights, training.faces)
    # Where several devices or machines train, this one validates alone, on a copy.
    alone = model
    with spread.scope() if spread else nullcontext():
        if spread:
            model = registry.build(config.model, **config.model_options)
            use_quick_kernels(model)
            _write(model, _read(alone))
        optimizer = optimize.optimizer(config, steps)
        model.compile(
            optimizer,
            keras.losses.CategoricalCrossentropy(
                from_logits=True, label_smoothing=config.label_smoothing
            ),
            metrics=["accuracy"],
        )
        optimizer.build(model.trainable_variables)
    if spread:
        strategy.prepare(model, spread, Batches(training, config, 0)[0])
    teacher = Teacher(run, training.faces) if config.teacher else None
    average = _Average(model, config.ema) if config.ema else None
    rows = _restore(run, model, optimizer, average) if resumed else []

    notes = Notes(run)
    run.write_state(steps_per_epoch=steps, backend=keras.backend.backend(), machine=_machine())
    with run.step_log(len(rows)) as log:
        for epoch in range(len(rows), config.epochs):
            if optimize.exhausted(rows, config):
                break
            run.write_state(status="running", reason=None)
            started = time.monotonic()

            def report(step: int, epoch: int = epoch, started: float = started) -> None:
                rate = step * config.batch_size / (time.monotonic() - started)
                left = (config.epochs - epoch) * steps - step
                seconds = left * config.batch_size / rate
                progress = Progress(epoch + 1, config.epochs, step, steps, rate, seconds)
                notes.take(progress)
                if on_progress:
                    on_progress(progress)

            batches = Batches(training, config, epoch, teacher)
            history = model.fit(
                batches if spread else feed(batches),
                # The epoch has its order already, which does not depend on what ran before.
                shuffle=False,
                callbacks=[_Watch(epoch + 1, log, average, report)],
                verbose=0,
            ).history
            seconds = time.monotonic() - started

            live = _read(model)
            kept = average.values if average else live
            _write(alone, kept)
            accuracy, loss = _score(_logits(alone, validation.faces), validation.labels)
            if alone is model:
                _write(model, live)

            best = max((row["val_accuracy"] for row in rows), default=-1.0)
            rows.append(
                {
                    "epoch": epoch + 1,
                    "loss": history["loss"][0],
                    "accuracy": history["accuracy"][0],
                    "val_loss": loss,
                    "val_accuracy": accuracy,
                    "learning_rate": float(ops.convert_to_numpy(optimizer.learning_rate)),
                    "seconds": round(seconds, 2),
                    "images_per_second": round(steps * config.batch_size / seconds, 1),
                }
            )
            optimize.lower_on_plateau(optimizer, rows, config)
            # The checkpoint comes last: what is newer than it is made anew.
            run.write_metrics(rows)
            if accuracy > best:
                run.save_arrays("best.npz", {"model": kept})
            if cycle := optimize.cycle_ended(epoch + 1, config):
                run.save_arrays(f"cycle{cycle}.npz", {"model": kept})
            run.save_arrays(
                "checkpoint.npz",
                {
                    "model": live,
                    "optimizer": [ops.convert_to_numpy(v) for v in optimizer.variables],
                    "average": average.values if average else [],
                    "updates": [np.array(average.updates if average else 0)],
                    "epoch": [np.array(epoch + 1)],
                },
            )
            top = max(rows, key=lambda row: row["val_accuracy"])
            run.write_state(
                epoch=epoch + 1, best_epoch=top["epoch"], best_accuracy=top["val_accuracy"]
            )
            if config.tensorboard:
                _write_event(run, rows[-1])
    judge.judge(run, validation, "PublicTest", probabilities(run, validation.faces))
    run.write_state(status="trained")


def load_best(run: TrainingRun, cycle: int | None = None) -> keras.Model:
    """The network of ``run`` in ``float32`` with the weights chosen on PublicTest.

    Args:
        run: with at least one finished epoch.
        cycle: the weights at the end of this cycle of its schedule instead, from 1
            (Huang et al. 2017, *Snapshot ensembles*, arXiv 1704.00109).

    Raises:
        TrainingError: the run has finished no epoch, or not this cycle.
    """
    config = run.config
    keras.config.set_dtype_policy("float32")
    model = registry.build(config.model, **config.model_options)
    try:
        _write(model, run.load_arrays(f"cycle{cycle}.npz" if cycle else "best.npz")["model"])
    except OSError as error:
        what = f"cycle {cycle}" if cycle else "epoch"
        raise TrainingError(f"Run {run.name} has finished no {what} yet.") from error
    return model


def _restore(
    run: TrainingRun,
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    average: _Average | None,
) -> list[dict]:
    """Put everything back to where the checkpoint left it; returns its epochs' rows."""
    saved = run.load_arrays("checkpoint.npz")
    _write(model, saved["model"])
    for variable, value in zip(optimizer.variables, saved["optimizer"], strict=True):
        variable.assign(value)
    if average:
        average.values = saved["average"]
        average.updates = int(saved["updates"][0])
    rows = run.metrics()[: int(saved["epoch"][0])]
    run.write_metrics(rows)
    return rows


def probabilities(run: TrainingRun, faces: np.ndarray) -> np.ndarray:
    """What the chosen weights of ``run`` say of faces ``(N, 48, 48)``: ``(N, 7)``."""
    return softmax(_logits(load_best(run), faces), axis=1)


def _machine() -> str:
    """What this run is trained on, in words for a card."""
    backend, found = keras.backend.backend(), []
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
        found = [known.get("device_name", "GPU") for known in details]
    elif backend == "jax":
        import jax

        found = [device.device_kind for device in jax.devices() if device.platform != "cpu"]
    elif backend == "torch":
        import torch

        found = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return ", ".join([describe_machine(), *(found or ["no GPU"])])


def _write_event(run: TrainingRun, row: dict) -> None:
    import tensorflow as tf

    # What tf.summary.scalar does, which wants the package tensorboard for it.
    scalar = tf.compat.v1.SummaryMetadata(
        plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"),
        data_class=1,
    )
    with tf.summary.create_file_writer(str(run.path / "events")).as_default():
        for name in ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"):
            value = tf.constant(row[name], tf.float32)
            tf.summary.write(name, value, step=row["epoch"], metadata=scalar)


def _logits(model: keras.Model, faces: np.ndarray) -> np.ndarray:
    return outputs(model, faces[..., None].astype(np.float32))


def _score(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Accuracy and mean negative log-likelihood."""
    log_p = log_softmax(logits, axis=1)
    return (
        float((logits.argmax(axis=1) == labels).mean()),
        float(-log_p[np.arange(len(labels)), labels].mean()),
    )


def _read(model: keras.Model) -> list[np.ndarray]:
    return [np.array(ops.convert_to_numpy(v)) for v in _variables(model)]


def _write(model: keras.Model, values: list[np.ndarray]) -> None:
    for variable, value in zip(_variables(model), values, strict=True):
        variable.assign(value)


def _variables(model: keras.Model) -> list:
    # Layers' own variables only: those of metrics are no part of the network.
    return [v for layer in model.layers for v in layer.variables]
