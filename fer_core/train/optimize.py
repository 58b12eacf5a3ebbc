"""Optimisers and learning rates."""

import math

import keras
from keras import ops

from fer_core.train.check import LOWEST_RATE
from fer_core.train.config import TrainConfig


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up to the peak, then a cosine down to nothing (Smith 2018,
    arXiv 1803.09820); as often as ``cycles`` says (Loshchilov & Hutter 2017,
    arXiv 1608.03983).
    """

    def __init__(self, peak: float, steps: float, warmup: float, cycles: int = 1) -> None:
        self.peak, self.steps, self.cycles = peak, steps / cycles, cycles
        self.warmup = max(1.0, warmup * self.steps)

    def __call__(self, step):
        """The rate at ``step``."""
        step = ops.cast(step, "float32")
        if self.cycles > 1:
            step = step - self.steps * ops.floor(step / self.steps)
        up = 0.04 + 0.96 * step / self.warmup
        share = (step - self.warmup) / max(1.0, self.steps - self.warmup)
        down = 0.5 + 0.5 * ops.cos(math.pi * ops.clip(share, 0.0, 1.0))
        return self.peak * ops.where(step < self.warmup, up, down)


def optimizer(config: TrainConfig, steps: int) -> keras.optimizers.Optimizer:
    """The optimiser of ``config`` for epochs of ``steps`` updates."""
    rate: float | OneCycle = config.learning_rate
    total = steps * config.epochs
    if config.schedule == "onecycle":
        rate = OneCycle(config.learning_rate, total, config.warmup)
    elif config.schedule == "cosine":
        rate = OneCycle(config.learning_rate, total, 0.0, config.cycles)
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


def lower_on_plateau(
    made: keras.optimizers.Optimizer, rows: list[dict], config: TrainConfig
) -> None:
    """Lower the rate when the last ``plateau_patience`` epochs brought nothing."""
    if config.schedule != "plateau":
        return
    rate = rows[-1]["learning_rate"]
    since = sum(1 for row in rows if row["learning_rate"] == rate)
    if min(waited(rows, config), since) >= config.plateau_patience:
        made.learning_rate = max(LOWEST_RATE, rate * config.plateau_factor)


def exhausted(rows: list[dict], config: TrainConfig) -> bool:
    """Whether early stopping ends the run after the epochs in ``rows``."""
    return bool(rows and config.early_stopping) and waited(rows, config) >= config.early_stopping


def waited(rows: list[dict], config: TrainConfig) -> int:
    """Epochs since the one with the best validation figure."""
    sign = 1 if config.monitor == "accuracy" else -1
    best = max(range(len(rows)), key=lambda i: sign * rows[i][f"val_{config.monitor}"])
    return len(rows) - 1 - best


def cycle_ended(epoch: int, config: TrainConfig) -> int | None:
    """Which cycle, from 1, ends with ``epoch``, from 1; ``None`` where none does."""
    if config.schedule != "cosine" or config.cycles == 1:
        return None
    ends = [round(config.epochs * k / config.cycles) for k in range(1, config.cycles + 1)]
    return ends.index(epoch) + 1 if epoch in ends else None
