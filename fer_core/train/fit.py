"""Fitting a network: one call of Keras' ``fit``, whose callbacks keep everything on disk."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Final

import keras
import numpy as np
from scipy.special import softmax

from fer_core.datasets.base import Dataset
from fer_core.errors import TrainingError
from fer_core.models import starting_weights
from fer_core.models.architectures import registry
from fer_core.models.keras_settings import our_keras
from fer_core.system import describe_machine
from fer_core.train import judge, network_weights, optimize, origin, strategy
from fer_core.train.batches import Batches, feed
from fer_core.train.callbacks import (
    Checkpoint,
    EarlyStopping,
    EpochOrder,
    Plateau,
    ProgressNotes,
    StepLog,
    Validation,
    WeightAverage,
    logits,
    tensorboard,
)
from fer_core.train.check import CYCLIC
from fer_core.train.folds import LEFT_OUT
from fer_core.train.kernels import use_quick_kernels
from fer_core.train.notes import Notes, Pace, Progress
from fer_core.train.runs import TrainingRun
from fer_core.train.teacher import Teacher

#: What a user can do whose data is not that of the run.
OTHER_DATA: Final = (
    "put the run's own data back, or go on with 'python -m fer_core train --resume {run} "
    "--accept-new-data'."
)


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
        TrainingError: the run diverged, its folder cannot be written or is damaged, or
            another process trains it.
    """
    with run.hold():
        fit_held(run, data, on_progress)


@our_keras()
def fit_held(
    run: TrainingRun, data: Dataset, on_progress: Callable[[Progress], None] | None = None
) -> None:
    """As :func:`fit`, for a caller that holds the run already."""
    origin.check_same(run, data, OTHER_DATA.format(run=run.name))
    config, leg = run.config, run.leg()
    spread = strategy.open_strategy(config.strategy)
    training, validation = data.split("Training"), data.split("PublicTest")
    saved = run.load_checkpoint()
    rows = _rows(run, saved, leg.data)
    if origin.stored(run) is None:
        origin.store(run, data)
    run.write_state(status="running", reason=None)
    teacher = Teacher(run, training.faces) if config.teacher else None
    batches = Batches(training, config, len(rows), teacher)
    steps = len(batches)

    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)
    model = registry.build(config.model, **config.model_options)
    use_quick_kernels(model)
    if not saved:
        starting_weights.start(model, config.model, config.weights, training.faces)
    # Where several devices or machines train, this one validates alone, on a copy.
    alone = model
    with spread.scope() if spread else nullcontext():
        if spread:
            model = registry.build(config.model, **config.model_options)
            use_quick_kernels(model)
            network_weights.write(model, network_weights.read(alone))
        optimize.shorten_memory(model, leg.step + steps * (config.epochs - leg.epoch))
        optimizer = optimize.optimizer(config, steps, leg)
        model.compile(
            optimizer,
            keras.losses.CategoricalCrossentropy(
                from_logits=True, label_smoothing=config.label_smoothing
            ),
            metrics=["accuracy"],
        )
        optimizer.build(model.trainable_variables)
    if spread:
        strategy.prepare(model, spread, batches[0])
    if saved:
        network_weights.write(model, saved["model"])
        for variable, value in zip(optimizer.variables, saved["optimizer"], strict=True):
            variable.assign(value)
        # In a cycle the schedule has the new rate already.
        if config.schedule not in CYCLIC and run.changed("learning_rate", len(rows)):
            optimizer.learning_rate = config.learning_rate
    run.write_state(steps_per_epoch=steps, backend=keras.backend.backend(), machine=_machine())

    average = None
    if config.ema:
        values, updates = (saved.get("average"), int(saved["updates"][0])) if saved else (None, 0)
        average = WeightAverage(config.ema, values, updates)
    pace = Pace(batches.size, steps, config.epochs, len(validation))
    check = Validation(run, validation, average, alone if spread else None)
    with run.step_log(len(rows)) as log:
        callbacks = [
            EpochOrder(batches),
            StepLog(run, log),
            ProgressNotes(pace, Notes(run), on_progress),
            *([average] if average else []),
            check,
        ]
        if config.schedule == "plateau":
            waits = optimize.patience(config, config.plateau_patience, leg)
            callbacks.append(Plateau(rows, waits, config.plateau_factor))
        if config.early_stopping:
            waits = optimize.patience(config, config.early_stopping, leg)
            callbacks.append(EarlyStopping(rows, waits))
        callbacks.append(Checkpoint(run, rows, check, average, pace, leg.data))
        if config.tensorboard:
            callbacks.append(tensorboard(str(run.path / "events")))
        if len(rows) < config.epochs and not optimize.exhausted(rows, config, leg):
            model.fit(
                batches if spread else feed(batches),
                initial_epoch=len(rows),
                epochs=config.epochs,
                # An epoch has its order already, which does not depend on what ran before.
                shuffle=False,
                callbacks=callbacks,
                verbose=0,
            )
    judge.judge(run, validation, "PublicTest", probabilities(run, validation.faces))
    if config.fold:
        left_out = data.split(LEFT_OUT)
        judge.judge(run, left_out, LEFT_OUT, probabilities(run, left_out.faces))
    if data.further:
        judge.judge_sources(run, data, partial(probabilities, run))
    run.write_state(status="trained")


@our_keras()
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
        values = run.load_arrays(f"cycle{cycle}.npz" if cycle else "best.npz")["model"]
    except FileNotFoundError as error:
        what = f"cycle {cycle}" if cycle else "epoch"
        raise TrainingError(f"Run {run.name} has finished no {what} yet.") from error
    network_weights.write(model, values)
    return model


def _rows(
    run: TrainingRun, saved: dict[str, list[np.ndarray]] | None, since: int = 0
) -> list[dict]:
    """Return the rows of the epochs that the checkpoint holds, and cut the run's to them.

    Args:
        run: Which goes on.
        saved: Its checkpoint.
        since: Finished epochs when the run was given the data that it has now.

    Raises:
        TrainingError: ``best.npz`` is damaged, and the checkpoint does not hold those weights.
    """
    rows = run.metrics()[: int(saved["epoch"][0]) if saved else 0]
    run.write_metrics(rows)
    if not saved or not rows[since:]:
        return rows
    try:
        run.load_arrays("best.npz")
    except (FileNotFoundError, TrainingError):
        best = max(rows[since:], key=lambda row: row["val_accuracy"])
        if best is not rows[-1]:
            raise TrainingError(
                f"The best weights of run {run.name}, those of epoch {best['epoch']}, are damaged "
                "or gone: put best.npz back from a copy, or start a new run."
            ) from None
        run.save_arrays("best.npz", {"model": saved.get("average") or saved["model"]})
    return rows


@our_keras()
def probabilities(run: TrainingRun, faces: np.ndarray) -> np.ndarray:
    """What the chosen weights of ``run`` say of faces ``(N, 48, 48)``: ``(N, 7)``."""
    return softmax(logits(load_best(run), faces), axis=1)


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
