"""How long a run will take on this machine, from what was measured here.

Rates come from earlier runs of the same network and batch, or from a short trial of a few
updates (:func:`measure`), which is kept.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any, Final

from fer_core.errors import TrainingError
from fer_core.files import write_json
from fer_core.models.keras_settings import check_keras, our_keras
from fer_core.resources import module_command, module_environment
from fer_core.settings import settings
from fer_core.system import describe_machine
from fer_core.train.config import TrainConfig
from fer_core.train.runs import list_runs

#: What decides how fast a run is, besides the machine.
_KEYS = ("model", "model_options", "batch_size", "optimizer", "precision", "ema", "mixup")
#: What decides where a trial computes, and with what.
_DEVICE: Final = ("KERAS_BACKEND", "CUDA_VISIBLE_DEVICES", "JAX_PLATFORMS")
#: Updates that a trial measures at first.
_UPDATES: Final = 4
#: How a trial's answers begin, and the first of them.
_ANSWER: Final = "fer-trial:"
_READY: Final = "ready"
#: Seconds for loading Keras, tracing the network and the last evaluation.
START = 30.0


def rate(config: TrainConfig) -> tuple[float, str] | None:
    """Return training faces per second; what is validated after each epoch comes on top.

    Returns:
        The rate and where it is from, or ``None`` where nothing was measured.
    """
    key = kind(config)
    for run in list_runs():
        try:
            rows = run.metrics()
            where = run.state().get("machine", describe_machine())
            here = where.startswith(describe_machine())
            if rows and here and kind(run.config) == key:
                return float(rows[-1]["images_per_second"]), f"the run {run.name}"
        except (TrainingError, LookupError, TypeError, ValueError):
            continue
    found = tried(config)
    return (found, "a trial on this machine") if found else None


def tried(config: TrainConfig) -> float | None:
    """Return the faces per second that :func:`measure` has found on this machine and device."""
    try:
        return float(_measured_rates()[_rate_key(config)])
    except (LookupError, TypeError, ValueError):
        return None


def seconds(config: TrainConfig, faces: int) -> float | None:
    """Return how long a run will take at most, or ``None`` where :func:`rate` knows nothing.

    Args:
        config: of the run; early stopping may end it before.
        faces: in the split Training.
    """
    found = rate(config)
    return START + config.epochs * faces / found[0] if found else None


def measure(config: TrainConfig, limit: float = 300.0) -> float:
    """Run :func:`measure_rate` on this backend, and keep the rate for :func:`rate`."""
    measured = measure_rate(config, limit)
    write_json(_path(), _measured_rates() | {_rate_key(config): measured})
    return measured


def measure_rate(config: TrainConfig, limit: float = 300.0, backend: str | None = None) -> float:
    """Train some updates on random faces in a process of its own; returns faces per second.

    Args:
        config: of the run to come.
        limit: seconds after which to give up.
        backend: Of Keras; this process's by default.

    Raises:
        TrainingError: the network cannot be trained like this on this machine.
    """
    return together([config], limit, backend)[0]


def together(
    configs: Sequence[TrainConfig], limit: float = 300.0, backend: str | None = None
) -> list[float]:
    """Try several runs at the same time, each in a process of its own, see :func:`measure_rate`.

    None of them begins to measure before all of them have compiled their networks.

    Args:
        configs: Of the runs to come.
        limit: Seconds after which to give up.
        backend: Of Keras; this process's by default.

    Returns:
        The faces per second of each.

    Raises:
        TrainingError: One of them cannot be trained like this on this machine.
    """
    if backend is None:
        check_keras("Training")
    environment = module_environment() | ({"KERAS_BACKEND": backend} if backend else {})
    with ExitStack() as stack:
        processes = []
        for _ in configs:
            # What it says goes to files: a full pipe would halt it.
            errors = stack.enter_context(tempfile.TemporaryFile())
            process = subprocess.Popen(
                module_command("fer_core.train.estimate"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                text=True,
                encoding="utf-8",
            )
            stack.callback(_end, process)
            processes.append((process, errors))
        late = threading.Event()

        def give_up() -> None:
            late.set()
            for process, _ in processes:
                process.kill()

        timer = threading.Timer(limit, give_up)
        timer.daemon = True
        timer.start()
        stack.callback(timer.cancel)

        def failed(process: subprocess.Popen, errors: IO[bytes]) -> TrainingError:
            if late.is_set():
                return TrainingError(f"A trial took more than {limit:.0f} s: give less to do.")
            return _failed(process, errors)

        for config, (process, _) in zip(configs, processes, strict=True):
            _tell(process, config.model_dump_json())
        for process, errors in processes:
            if not _answer(process).startswith(_READY):
                raise failed(process, errors)
        for process, _ in processes:
            _tell(process, "go")
        rates = []
        for process, errors in processes:
            try:
                rates.append(float(_answer(process)))
            except ValueError:
                raise failed(process, errors) from None
        return rates


def _tell(process: subprocess.Popen, line: str) -> None:
    with suppress(OSError):  # it has ended, and its answer is missing
        assert process.stdin is not None
        process.stdin.write(line + "\n")
        process.stdin.flush()


def _answer(process: subprocess.Popen) -> str:
    """Return the next line that is an answer: libraries print lines of their own."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(_ANSWER):
            return line.removeprefix(_ANSWER).strip()
    return ""


def _failed(process: subprocess.Popen, errors: IO[bytes]) -> TrainingError:
    """Return the error that says why a trial gave no answer."""
    if process.wait() < 0:
        return TrainingError(
            "A trial was ended by the system, perhaps for want of memory: make the batch or the "
            "network smaller."
        )
    errors.seek(0)
    last = (errors.read().decode(errors="replace").strip().splitlines() or ["killed"])[-1]
    return TrainingError(f"A trial failed: {last}")


def _end(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):
            if pipe:
                pipe.close()


def kind(config: TrainConfig) -> str:
    """Return what decides how fast a run is, as text."""
    chosen = config.model_dump(mode="json", include=set(_KEYS))
    return json.dumps(chosen, sort_keys=True)


def _rate_key(config: TrainConfig) -> str:
    # A folder may be shared by several machines.
    where = [platform.node(), *(f"{name}={os.environ.get(name, '')}" for name in _DEVICE)]
    return f"{' '.join(where)} {kind(config)}"


def _path() -> Path:
    return settings().cache / "training_rates.json"


def _measured_rates() -> dict[str, Any]:
    try:
        return json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


@our_keras()
def time_updates(
    config: TrainConfig, seconds: float = 3.0, ready: Callable[[], object] | None = None
) -> float:
    """Return faces per second over some updates on random faces, in this process.

    Args:
        config: Of the run to come.
        seconds: How long it is measured at least.
        ready: Called when the network is compiled, before anything is measured.
    """
    import time

    import keras
    import numpy as np

    from fer_core.datasets import Dataset
    from fer_core.models.architectures import registry
    from fer_core.train import optimize
    from fer_core.train.batches import Batches, feed
    from fer_core.train.kernels import use_quick_kernels

    rng = np.random.default_rng(config.seed)
    n = config.batch_size * 2
    some = Dataset(
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
        optimize.optimizer(config, _UPDATES),
        keras.losses.CategoricalCrossentropy(from_logits=True),
    )
    # The first updates, which trace the network, do not count.
    model.fit(feed(Batches(some, config, 0)), verbose=0)
    if ready:
        ready()
    updates = _UPDATES
    while True:
        count = config.batch_size * updates
        batches = Batches(some.take(rng.integers(0, n, count)), config, 1)
        start = time.perf_counter()
        model.fit(feed(batches), shuffle=False, verbose=0)
        took = time.perf_counter() - start
        if took >= seconds:
            return count / took
        updates *= 4  # so few updates would mostly measure what surrounds them


def _main() -> None:
    config = TrainConfig.model_validate_json(sys.stdin.readline())

    def ready() -> None:
        print(f"{_ANSWER}{_READY}", flush=True)
        sys.stdin.readline()

    print(f"{_ANSWER}{time_updates(config, ready=ready)}", flush=True)


if __name__ == "__main__":
    _main()
