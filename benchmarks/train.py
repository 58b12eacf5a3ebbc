"""Images per second while training: our input pipeline, our step, and the report's way.

The report trains with ``ImageDataGenerator``, which augments one picture after the other
in Python, and a plain ``fit`` in float32. Ours warps with OpenCV, computes in bfloat16 and
trains through the kernels of :mod:`fer_core.train.kernels`. Both see the same faces, vary them
as far, and update the same network; a round measures each in turn. Which backend of Keras
and which precision are fastest is tried in processes of their own.
"""

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from benchmarks.versus import again, environment
from fer_core.datasets import load
from fer_core.zoo.readme import table

MODELS: Final = ("mini_xception", "vgg_narrow")
BATCH: Final = 128
#: Backends of Keras, as far as they are installed, and precisions to try them in.
BACKENDS: Final = ("tensorflow", "jax", "torch")
PRECISIONS: Final = ("mixed_bfloat16", "float32")
#: What the first column of each row is, and the key of its figure.
_WAYS: Final = {
    "pipeline": "our input pipeline alone",
    "step": "our step alone, on faces that are ready",
    "ours": "our training, bfloat16",
    "float32": "our training, float32",
    "baseline": "the report's way",
}


def run_train(rounds: int = 5, batches: int = 10) -> dict[str, Any]:
    """Measure on this machine.

    Args:
        rounds: how often each way is measured; medians count.
        batches: of 128 faces each time.

    Returns:
        JSON values, see :func:`to_markdown`.
    """
    return {
        "machine": environment(),
        "rounds": rounds,
        "batches": batches,
        "models": {name: _measure(name, rounds, batches) for name in MODELS},
        "backends": {name: _backends(name) for name in MODELS},
    }


def _backends(name: str) -> dict[str, dict[str, float]]:
    """Return faces per second of each backend and precision, tried once."""
    from fer_core.train import configure, estimate

    return {
        backend: {
            precision: estimate.measure_rate(
                configure(model=name, data="demo", batch_size=BATCH, precision=precision),
                backend=backend,
            )
            for precision in PRECISIONS
        }
        for backend in filter(find_spec, BACKENDS)
    }


def _measure(name: str, rounds: int, batches: int) -> dict[str, float]:
    ways = _prepare(name, batches)
    for way in ways.values():
        way()  # graphs are traced, memory is touched
    times: dict[str, list[float]] = {key: [] for key in ways}
    for number in range(rounds):
        for key in list(ways)[:: -1 if number % 2 else 1]:
            start = time.perf_counter()
            ways[key]()
            times[key].append(time.perf_counter() - start)
    faces = batches * BATCH
    ratios = {
        "pipeline of step": np.median(np.array(times["pipeline"]) / np.array(times["step"])),
        "times as fast": np.median(np.array(times["baseline"]) / np.array(times["ours"])),
    }
    return {key: float(faces / np.median(values)) for key, values in times.items()} | {
        key: float(value) for key, value in ratios.items()
    }


def _prepare(name: str, count: int) -> dict[str, Callable[[], None]]:
    import keras

    from fer_core.train import configure
    from fer_core.train.batches import Batches, feed

    data = load("demo").split("Training")
    data = data.take(np.arange(count * BATCH) % len(data))
    config = configure(model=name, data="demo", batch_size=BATCH, precision="mixed_bfloat16")
    batches = Batches(data, config, 0)
    ready = [batches[i] for i in range(count)]

    class Ready(keras.utils.PyDataset):
        def __len__(self) -> int:
            return count

        def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
            return ready[index]

    ours, exact = _network(name, config.precision), _network(name, "float32")
    plain = _network(name, "float32", quick=False)
    theirs = _generator(data.faces[..., None].astype(np.float32), data.targets())

    def pipeline() -> None:
        for index in range(count):
            batches[index]

    return {
        "pipeline": pipeline,
        "step": lambda: ours.fit(feed(Ready()), shuffle=False, verbose=0) and None,
        "ours": lambda: ours.fit(feed(batches), shuffle=False, verbose=0) and None,
        "float32": lambda: exact.fit(feed(batches), shuffle=False, verbose=0) and None,
        "baseline": lambda: plain.fit(theirs, shuffle=False, verbose=0) and None,
    }


def _network(name: str, precision: str, quick: bool = True) -> Any:
    """Return a network ready to train; without ``quick`` as Keras does by itself."""
    import keras

    from fer_core.models.architectures import registry
    from fer_core.train.kernels import use_quick_kernels

    keras.config.set_dtype_policy(precision)
    model = registry.build(name)
    keras.config.set_dtype_policy("float32")
    if quick:
        use_quick_kernels(model)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    return model


def _generator(faces: np.ndarray, targets: np.ndarray) -> Any:
    """Return the report's augmentation as it does it."""
    import tensorflow as tf

    generator = tf.keras.preprocessing.image.ImageDataGenerator(
        rotation_range=10,
        width_shift_range=0.1,
        height_shift_range=0.1,
        zoom_range=0.1,
        horizontal_flip=True,
    )
    return generator.flow(faces, targets, batch_size=BATCH, seed=0)


def to_markdown(result: dict[str, Any]) -> str:
    """Return what :func:`run_train` gave, as a table."""
    machine, models = result["machine"], result["models"]
    rows = [(words, *(f"{of[key]:.0f}" for of in models.values())) for key, words in _WAYS.items()]
    rows += [
        (
            "pipeline, of a step's time",
            *(f"{of['pipeline of step']:.1%}" for of in models.values()),
        ),
        ("ours, times as fast", *(f"{of['times as fast']:.1f}" for of in models.values())),
    ]
    return "\n\n".join(
        [
            f"Images per second on {machine['cores']} cores, {machine['processor']}; medians of "
            f"{result['rounds']} rounds in turns, {result['batches']} batches of {BATCH} each, "
            "augmented as the report does. The report's way is Keras' `ImageDataGenerator` and a "
            "plain `fit` in float32.",
            table(("images per second", *models), rows),
            *_backend_table(result.get("backends", {})),
            again(f"train --rounds {result['rounds']} --batches {result['batches']}"),
        ]
    )


def _backend_table(measured: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    if not measured:
        return []
    any_model = next(iter(measured.values()))
    rows = [
        (f"{backend}, {precision}", *(f"{of[backend][precision]:.0f}" for of in measured.values()))
        for backend, rates in any_model.items()
        for precision in rates
    ]
    return [
        "Backends of Keras, our training in a process of its own, 12 updates of a traced network, "
        "tried once.",
        table(("images per second", *measured), rows),
    ]
