"""How long a run will take on this machine, from what was measured here.

Rates come from earlier runs of the same network and batch, or from a short trial of a few
updates (:func:`measure`), which is kept.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from fer_core.errors import TrainingError
from fer_core.files import write_json
from fer_core.models.keras_settings import check_keras, our_keras
from fer_core.resources import module_command, module_environment
from fer_core.settings import settings
from fer_core.train.config import TrainConfig
from fer_core.train.runs import list_runs

#: What decides how fast a run is, besides the machine.
_KEYS = ("model", "model_options", "batch_size", "optimizer", "precision", "ema", "mixup")
#: Seconds for loading Keras, tracing the network and the last evaluation.
START = 30.0


def rate(config: TrainConfig) -> tuple[float, str] | None:
    """Training faces per second; what is validated after each epoch comes on top.

    Returns:
        The rate and where it is from, or ``None`` where nothing was measured.
    """
    key = _key(config)
    for run in list_runs():
        try:
            rows = run.metrics()
            if rows and _key(run.config) == key:
                return float(rows[-1]["images_per_second"]), f"the run {run.name}"
        except (TrainingError, LookupError, TypeError, ValueError):
            continue
    measured = _trials().get(key)
    return (float(measured), "a trial on this machine") if measured else None


def seconds(config: TrainConfig, faces: int) -> float | None:
    """How long a run will take at most, or ``None`` where :func:`rate` knows nothing.

    Args:
        config: of the run; early stopping may end it before.
        faces: in the split Training.
    """
    found = rate(config)
    return START + config.epochs * faces / found[0] if found else None


def measure(config: TrainConfig, limit: float = 300.0) -> float:
    """:func:`trial` on this backend, and keep the rate for :func:`rate`."""
    measured = trial(config, limit)
    write_json(_path(), _trials() | {_key(config): measured})
    return measured


def trial(config: TrainConfig, limit: float = 300.0, backend: str | None = None) -> float:
    """Train some updates on random faces in a process of its own; returns faces per second.

    Args:
        config: of the run to come.
        limit: seconds after which to give up.
        backend: of Keras, where it is not to be this process's.

    Raises:
        TrainingError: the network cannot be trained like this on this machine.
    """
    if backend is None:
        check_keras("Training")
    command = module_command("fer_core.train.estimate")
    try:
        done = subprocess.run(
            command,
            input=config.model_dump_json(),
            capture_output=True,
            text=True,
            timeout=limit,
            env=module_environment() | ({"KERAS_BACKEND": backend} if backend else {}),
            check=True,
            encoding="utf-8",
        )
        return float(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired as error:
        raise TrainingError(f"A trial took more than {limit:.0f} s: give less to do.") from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["killed"])[-1]
        raise TrainingError(f"A trial failed: {last}") from error


def _key(config: TrainConfig) -> str:
    chosen = config.model_dump(mode="json", include=set(_KEYS))
    return json.dumps(chosen, sort_keys=True)


def _path() -> Path:
    return settings().cache / "training_rates.json"


def _trials() -> dict[str, Any]:
    try:
        return json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


@our_keras()
def _try(config: TrainConfig, updates: int = 12) -> float:
    """Faces per second over some updates, the first of which (tracing) does not count."""
    import time

    import keras
    import numpy as np

    from fer_core.datasets import Dataset
    from fer_core.models.architectures import registry
    from fer_core.train import optimize
    from fer_core.train.batches import Batches, feed
    from fer_core.train.kernels import use_quick_kernels

    n = config.batch_size * updates
    rng = np.random.default_rng(config.seed)
    data = Dataset(
        "random",
        rng.integers(0, 256, (n, 48, 48)).astype(np.uint8),
        rng.integers(0, 7, n),
        np.full(n, "Training"),
    )
    config = config.model_copy(update={"votes_share": 0.0, "class_weights": "none"})
    keras.config.set_dtype_policy(config.precision)
    model = registry.build(config.model, **config.model_options)
    use_quick_kernels(model)
    model.compile(
        optimize.optimizer(config, updates), keras.losses.CategoricalCrossentropy(from_logits=True)
    )
    model.fit(feed(Batches(data.take(np.arange(2 * config.batch_size)), config, 0)), verbose=0)
    start = time.perf_counter()
    model.fit(feed(Batches(data, config, 1)), shuffle=False, verbose=0)
    return n / (time.perf_counter() - start)


if __name__ == "__main__":
    print(_try(TrainConfig.model_validate_json(sys.stdin.read())))
