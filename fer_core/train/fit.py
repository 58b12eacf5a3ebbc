"""Fitting a network: one epoch after the other, with everything on disk in between."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from fer_core.datasets.base import Dataset
from fer_core.errors import TrainingError
from fer_core.models import registry
from fer_core.train.augment import augment
from fer_core.train.config import TrainConfig
from fer_core.train.runs import Run


@dataclass(frozen=True)
class Progress:
    """Where a run stands, handed out a few times a second."""

    epoch: int
    epochs: int
    step: int
    steps: int
    images_per_second: float
    seconds_left: float


class Batches(keras.utils.PyDataset):
    """One epoch of augmented batches; seed, epoch and position decide all chance."""

    def __init__(
        self, data: Dataset, targets: np.ndarray, config: TrainConfig, epoch: int
    ) -> None:
        super().__init__()
        self._data, self._targets, self._config, self._epoch = data, targets, config, epoch
        self._order = np.random.default_rng([config.seed, epoch]).permutation(len(data))
        self._size = min(config.batch_size, len(data))

    def __len__(self) -> int:
        # A short last batch would shake BatchNorm, so it is left to other epochs.
        return len(self._order) // self._size

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self._order[index * self._size : (index + 1) * self._size]
        rng = np.random.default_rng([self._config.seed, self._epoch, index])
        faces = augment(self._data.faces[rows], self._config.augmentation, rng)
        return faces[..., None], self._targets[rows]


@keras.saving.register_keras_serializable("fer_core")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up to the peak, then a cosine down to nothing (Smith 2018,
    arXiv 1803.09820)."""

    def __init__(self, peak: float, steps: int, warmup: float) -> None:
        self.peak, self.steps, self.warmup = peak, steps, max(1.0, warmup * steps)

    def __call__(self, step):
        step = ops.cast(step, "float32")
        up = 0.04 + 0.96 * step / self.warmup
        share = (step - self.warmup) / max(1.0, self.steps - self.warmup)
        down = 0.5 + 0.5 * ops.cos(math.pi * ops.clip(share, 0.0, 1.0))
        return self.peak * ops.where(step < self.warmup, up, down)

    def get_config(self) -> dict:
        return {"peak": self.peak, "steps": self.steps, "warmup": self.warmup / self.steps}


class _Average:
    """Exponential moving average of all weights, BatchNorm statistics included."""

    EVERY = 8  # steps between updates: the same average at an eighth of the cost

    def __init__(self, model: keras.Model, momentum: float) -> None:
        self._model, self._momentum, self._updates = model, momentum, 0
        self.values = _read(model)

    def update(self) -> None:
        self._updates += 1
        # Short memory at first, so that the start does not linger.
        early = (1 + self._updates) / (10 + self._updates)
        keep = min(self._momentum**self.EVERY, early)
        for old, new in zip(self.values, _read(self._model), strict=True):
            if np.issubdtype(old.dtype, np.floating):
                old *= keep
                old += (1 - keep) * new
            else:
                old[...] = new


class _Watch(keras.callbacks.Callback):
    """Per-step duties: the weight average, progress, and a halt on a loss that is NaN."""

    def __init__(self, average: _Average | None, report: Callable[[int, float], None]) -> None:
        super().__init__()
        self._average, self._report, self._seen = average, report, 0

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._seen += 1
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            raise TrainingError(
                f"The loss became {loss} at step {batch + 1}: lower the learning rate. "
                "The last checkpoint is kept."
            )
        if self._average and self._seen % _Average.EVERY == 0:
            if hasattr(self.model, "jax_state_sync"):
                self.model.jax_state_sync()
            self._average.update()
        self._report(batch + 1, loss)


def fit(run: Run, data: Dataset, on_progress: Callable[[Progress], None] | None = None) -> None:
    """Train ``run`` to its end, from its checkpoint where it has one.

    Training faces are those of the split Training; after each epoch the accuracy on
    PublicTest decides which weights are kept as ``best.npz``.

    Args:
        run: holds the configuration; receives metrics, checkpoints and state.
        data: the dataset with both splits.
        on_progress: called after every step.

    Raises:
        TrainingError: the loss became NaN, or another process trains this run.
    """
    with run.lock():
        try:
            _fit(run, data, on_progress)
        except KeyboardInterrupt:
            run.write_state(status="stopped")
            raise
        except OSError as error:
            raise TrainingError(f"The run cannot write its folder: {error.strerror}.") from error
        except TrainingError as error:
            run.write_state(status="failed", reason=str(error))
            raise


def _fit(run: Run, data: Dataset, on_progress: Callable[[Progress], None] | None) -> None:
    config = run.config
    training, validation = data.split("Training"), data.split("PublicTest")
    targets = training.targets(config.votes_share)
    steps = len(Batches(training, targets, config, 0))

    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)
    model = registry.build(config.model, **config.model_options)
    optimizer = _optimizer(config, steps)
    model.compile(
        optimizer,
        keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=config.label_smoothing
        ),
        metrics=["accuracy"],
    )
    optimizer.build(model.trainable_variables)
    average = _Average(model, config.ema) if config.ema else None

    rows: list[dict] = []
    if (run.path / "checkpoint.npz").exists():
        saved = run.load_arrays("checkpoint.npz")
        _write(model, saved["model"])
        for variable, value in zip(optimizer.variables, saved["optimizer"], strict=True):
            variable.assign(value)
        if average:
            average.values = saved["average"]
            average._updates = int(saved["updates"][0])
        rows = run.metrics()[: int(saved["epoch"][0])]
        run.write_metrics(rows)

    run.write_state(status="running", steps_per_epoch=steps, backend=keras.backend.backend())
    for epoch in range(len(rows), config.epochs):
        if _exhausted(rows, config):
            break
        started = time.monotonic()

        def report(step: int, loss: float, epoch: int = epoch, started: float = started) -> None:
            if on_progress:
                rate = step * config.batch_size / (time.monotonic() - started)
                left = (config.epochs - epoch) * steps - step
                on_progress(
                    Progress(
                        epoch + 1,
                        config.epochs,
                        step,
                        steps,
                        rate,
                        left * config.batch_size / rate,
                    )
                )

        history = model.fit(
            Batches(training, targets, config, epoch),
            callbacks=[_Watch(average, report)],
            verbose=0,
        ).history
        seconds = time.monotonic() - started

        live = _read(model)
        if average:
            _write(model, average.values)
        kept = _read(model)
        logits = model.predict(validation.faces[..., None].astype(np.float32), 256, verbose=0)
        _write(model, live)

        accuracy, loss = _score(logits, validation.labels)
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
        _plateau(optimizer, rows, config)
        if accuracy > best:
            run.save_arrays("best.npz", {"model": kept})
        run.save_arrays(
            "checkpoint.npz",
            {
                "model": live,
                "optimizer": [ops.convert_to_numpy(v) for v in optimizer.variables],
                "average": average.values if average else [],
                "updates": [np.array(average._updates if average else 0)],
                "epoch": [np.array(epoch + 1)],
            },
        )
        run.write_metrics(rows)
        top = max(rows, key=lambda row: row["val_accuracy"])
        run.write_state(
            epoch=epoch + 1, best_epoch=top["epoch"], best_accuracy=top["val_accuracy"]
        )
    run.write_state(status="trained")


def load_best(run: Run) -> keras.Model:
    """The network of ``run`` in ``float32`` with the weights chosen on PublicTest."""
    config = run.config
    keras.config.set_dtype_policy("float32")
    model = registry.build(config.model, **config.model_options)
    try:
        _write(model, run.load_arrays("best.npz")["model"])
    except OSError as error:
        raise TrainingError(f"Run {run.name} has finished no epoch yet.") from error
    return model


def _optimizer(config: TrainConfig, steps: int) -> keras.optimizers.Optimizer:
    rate: float | keras.optimizers.schedules.LearningRateSchedule = config.learning_rate
    total = steps * config.epochs
    if config.schedule == "onecycle":
        rate = OneCycle(config.learning_rate, total, config.warmup)
    elif config.schedule == "cosine":
        rate = OneCycle(config.learning_rate, total, 0.0)
    decay = config.weight_decay or None
    if config.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=decay)
    elif config.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(rate, weight_decay=config.weight_decay)
    else:
        optimizer = keras.optimizers.Adam(rate, weight_decay=decay)
    if config.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _plateau(optimizer: keras.optimizers.Optimizer, rows: list[dict], config: TrainConfig) -> None:
    """Lower the rate when the last ``plateau_patience`` epochs brought nothing."""
    if config.schedule != "plateau":
        return
    changed = [i for i in range(1, len(rows)) if rows[i]["learning_rate"] != rows[i - 1]["learning_rate"]]
    since = rows[changed[-1] :] if changed else rows
    if _waited(rows, len(since)) >= config.plateau_patience:
        optimizer.learning_rate = max(
            1e-6, rows[-1]["learning_rate"] * config.plateau_factor
        )


def _waited(rows: list[dict], most: int) -> int:
    """Epochs since the best one, at most ``most``."""
    best = max(range(len(rows)), key=lambda i: rows[i]["val_accuracy"])
    return min(len(rows) - 1 - best, most)


def _exhausted(rows: list[dict], config: TrainConfig) -> bool:
    return bool(rows and config.early_stopping) and (
        _waited(rows, len(rows)) >= config.early_stopping
    )


def _score(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Accuracy and mean negative log-likelihood."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return (
        float((logits.argmax(axis=1) == labels).mean()),
        float(-log_p[np.arange(len(labels)), labels].mean()),
    )


def _read(model: keras.Model) -> list[np.ndarray]:
    # Metric variables are no part of the network.
    return [np.array(ops.convert_to_numpy(v)) for v in _variables(model)]


def _write(model: keras.Model, values: list[np.ndarray]) -> None:
    for variable, value in zip(_variables(model), values, strict=True):
        variable.assign(value)


def _variables(model: keras.Model) -> list:
    # Layers' own variables only: those of metrics are no part of the network.
    return [v for layer in model.layers for v in layer.variables]
