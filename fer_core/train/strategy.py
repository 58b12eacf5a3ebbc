"""Training on several devices or machines, through ``tf.distribute``.

``mirrored`` spreads every batch over the GPUs of this machine. ``multiworker`` spreads it
over processes on any number of machines: the same command runs on each, with the same
data and ``TF_CONFIG`` naming all of them and which one it is, as TensorFlow wants it:

    TF_CONFIG='{"cluster": {"worker": ["10.0.0.1:7000", "10.0.0.2:7000"]},
                "task": {"type": "worker", "index": 0}}'

The first worker keeps the run; the others help, and keep nothing. To resume, all of them
must see the run's folder (``FER_HOME``).
"""

import atexit
import json
import os
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from fer_core.errors import TrainingError
from fer_core.train.config import TrainConfig
from fer_core.train.origin import ORIGIN_FILES
from fer_core.train.runs import CHECKPOINT, PREVIOUS, TrainingRun

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


@lru_cache(maxsize=1)
def open_strategy(name: str) -> "tf.distribute.Strategy | None":
    """Return the strategy ``name``, or ``None`` for one device of one process.

    Raises:
        TrainingError: another backend than TensorFlow, or no other worker is named.
    """
    if name == "none":
        return None
    import keras

    if keras.backend.backend() != "tensorflow":
        raise TrainingError(f"The strategy '{name}' needs KERAS_BACKEND=tensorflow.")
    import tensorflow as tf

    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    _task()
    return tf.distribute.MultiWorkerMirroredStrategy()


def prepare(model: "keras.Model", spread: "tf.distribute.Strategy", batch: tuple) -> None:
    """Let Keras' ``fit`` run on several devices, which it does not by itself everywhere.

    It would build metrics from the mean of the first batch over all workers, and reduce
    what a step returns along an axis that scalars do not have (Keras 3.15,
    https://github.com/tensorflow/tensorflow/issues/72388). So they are built from a batch of
    this process, and where several workers are, a step returns vectors of one.
    """
    with spread.scope():
        model._symbolic_build(data_batch=batch)
    model._maybe_symbolic_build = lambda *_, **__: None
    resolver = spread.cluster_resolver
    if resolver and resolver.cluster_spec().num_tasks("worker") > 1:
        step = model.train_step
        model.train_step = lambda data: {name: value[None] for name, value in step(data).items()}


def helps(config: TrainConfig) -> bool:
    """Return whether this process only helps: another worker keeps the run.

    Raises:
        TrainingError: several workers are to train, but ``TF_CONFIG`` does not name them.
    """
    return config.strategy == "multiworker" and _task() > 0


def borrowed(config: TrainConfig, run: TrainingRun | None = None) -> TrainingRun:
    """Return a run in a temporary folder, for a process that only helps.

    Args:
        config: of the run.
        run: the one to go on with, which another worker keeps.
    """
    copy = TrainingRun(Path(tempfile.mkdtemp(prefix="fer-worker-")))
    atexit.register(shutil.rmtree, copy.path, ignore_errors=True)
    copy.write_config(config, run.history() if run else ())
    for name in (CHECKPOINT, PREVIOUS, "best.npz", "metrics.jsonl", *ORIGIN_FILES):
        if run and (run.path / name).exists():
            shutil.copy(run.path / name, copy.path / name)
    return copy


def _task() -> int:
    try:
        return int(json.loads(os.environ["TF_CONFIG"])["task"]["index"])
    except (KeyError, ValueError, TypeError) as error:
        raise TrainingError(
            "The strategy 'multiworker' needs TF_CONFIG to name all workers and which of them "
            "this one is."
        ) from error
