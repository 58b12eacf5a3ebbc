"""Optimisers and learning rates."""

import math
from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np
from keras import ops

from fer_core.train.config import TrainConfig
from fer_core.train.runs import WHOLE_RUN, Leg


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up to the peak, then a cosine down to nothing (Smith 2018,
    arXiv 1803.09820); as often as ``cycles`` says (Loshchilov & Hutter 2017,
    arXiv 1608.03983).
    """

    def __init__(
        self, peak: float, steps: float, warmup: float, cycles: int = 1, start: int = 0
    ) -> None:
        """Plan it.

        Args:
            peak: The highest rate.
            steps: Updates of all cycles together.
            warmup: Share of a cycle's updates before its peak, 0 to 1.
            cycles: How often it rises and falls.
            start: The update at which the first cycle begins; below 0 where a part of it has
                passed before the first update.
        """
        self.peak, self.steps, self.cycles, self.start = peak, steps / cycles, cycles, start
        self.warmup = max(1.0, warmup * self.steps)

    def __call__(self, step):
        """Return the rate at ``step``."""
        step = ops.cast(step - self.start, "float32")
        if self.cycles > 1:
            step = step - self.steps * ops.floor(step / self.steps)
        up = 0.04 + 0.96 * step / self.warmup
        share = (step - self.warmup) / max(1.0, self.steps - self.warmup)
        down = 0.5 + 0.5 * ops.cos(math.pi * ops.clip(share, 0.0, 1.0))
        return self.peak * ops.where(step < self.warmup, up, down)


@dataclass(frozen=True)
class Patience:
    """How long a figure may fail to improve.

    Attributes:
        monitor: The figure, as rows and logs call it.
        mode: Whether it is better the higher (``max``) or the lower (``min``) it is.
        epochs: How many epochs may pass without a better one.
        since: Finished epochs when the waiting began anew, because a setting was changed.
        data: Finished epochs when the run was given the data that it has now: earlier figures
            do not compare.
    """

    monitor: str
    mode: Literal["min", "max"]
    epochs: int
    since: int = 0
    data: int = 0

    def so_far(self, rows: list[dict]) -> tuple[float | None, int]:
        """Return the best figure of the finished epochs and how many were waited since.

        Args:
            rows: Of the finished epochs.
        """
        if not rows[self.data :]:
            return None, 0
        # Keras compares them as this type.
        figures = np.array([row[self.monitor] for row in rows[self.data :]], np.float32)
        best = self.data + int(figures.argmax() if self.mode == "max" else figures.argmin())
        waited = min(len(rows) - 1 - best, max(0, len(rows) - self.since))
        return float(rows[best][self.monitor]), waited


def patience(config: TrainConfig, epochs: int, leg: Leg) -> Patience:
    """Return the patience of ``epochs`` with the figure that a run watches.

    Args:
        config: Of the run.
        epochs: See :class:`Patience`.
        leg: Since when the settings hold.
    """
    mode: Literal["min", "max"] = "max" if config.monitor == "accuracy" else "min"
    return Patience(f"val_{config.monitor}", mode, epochs, leg.epoch, leg.data)


def optimizer(config: TrainConfig, steps: int, leg: Leg = WHOLE_RUN) -> keras.optimizers.Optimizer:
    """Return the optimiser of ``config`` for epochs of ``steps`` updates.

    Args:
        config: Of the run.
        steps: Updates of an epoch.
        leg: The part of the run for which the settings hold: a cyclic rate begins with it.
    """
    rate: float | OneCycle = config.learning_rate
    total = steps * (config.epochs - leg.begin)
    start = leg.step - steps * (leg.epoch - leg.begin)
    if config.schedule == "onecycle":
        rate = OneCycle(config.learning_rate, total, config.warmup, start=start)
    elif config.schedule == "cosine":
        rate = OneCycle(config.learning_rate, total, 0.0, config.cycles, start)
    decay = config.weight_decay or None
    if config.optimizer == "sgd":
        made = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=decay)
    elif config.optimizer == "adamw":
        made = keras.optimizers.AdamW(rate, weight_decay=config.weight_decay)
    else:
        made = keras.optimizers.Adam(rate, weight_decay=decay)
    if config.weight_decay:
        made.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return made


def shorten_memory(model: keras.Model, updates: int) -> None:
    """Let BatchNorm's statistics forget as quickly as a run is short, in place.

    At Keras' momentum of 0.99 what they begin with is still half of them after 69 updates,
    and a network that has learnt well is validated with them. From 1,000 updates on nothing
    changes.

    Args:
        model: The network; networks that are its layers are changed as well.
        updates: How many the run has altogether.
    """
    momentum = max(0.0, 1 - 10 / updates)
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            shorten_memory(layer, updates)
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, momentum)


def exhausted(rows: list[dict], config: TrainConfig, leg: Leg = WHOLE_RUN) -> bool:
    """Return whether early stopping has ended the run after the epochs in ``rows``."""
    _, waited = patience(config, config.early_stopping, leg).so_far(rows)
    return bool(config.early_stopping) and waited >= config.early_stopping


def epochs_at(rate: float, rows: list[dict]) -> int:
    """Return how many of the last epochs were trained at this rate."""
    count = 0
    while count < len(rows) and rows[-1 - count]["learning_rate"] == rate:
        count += 1
    return count


def cycle_ended(epoch: int, config: TrainConfig) -> int | None:
    """Return which cycle, from 1, ends with ``epoch``, from 1; ``None`` where none does."""
    if config.schedule != "cosine" or config.cycles == 1:
        return None
    ends = [round(config.epochs * k / config.cycles) for k in range(1, config.cycles + 1)]
    return ends.index(epoch) + 1 if epoch in ends else None
