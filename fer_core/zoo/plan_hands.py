"""What trains and publishes the runs of a plan: workers in processes of their own, or this one.

:class:`Workers` is what ``train-plan`` uses. :class:`ThisProcess` does everything at once and in
one process, which is quicker where every run takes only seconds, as in a dry run.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from fer_core.datasets import Dataset
from fer_core.errors import FerError, TrainingError
from fer_core.models.keras_settings import our_keras
from fer_core.settings import settings
from fer_core.system import has_gpu
from fer_core.train import estimate, queue, runs
from fer_core.train.change import change
from fer_core.train.config import TrainConfig
from fer_core.train.plan import Item
from fer_core.train.runs import TrainingRun
from fer_core.zoo import publish_job

if TYPE_CHECKING:
    from fer_core.train.notes import Progress

#: Several runs at once must be faster than fewer by this factor to be worth it.
_WORTH_IT: Final = 1.15
#: Seconds that a worker may take to end: it cannot while its network is compiled.
_STOPPING: Final = 300.0
#: How many are tried at once.
_COUNTS: Final = (2, 3, 4, 6)

Device = Literal["cpu", "gpu"]
#: Given a run in progress, and what it said last: how many epochs it is to have altogether;
#: ``None`` leaves it alone, and as many as are finished stops it.
Watch = Callable[[TrainingRun, Mapping[str, Any]], int | None]


@dataclass(frozen=True)
class Crowd:
    """How many runs train at the same time.

    Attributes:
        count: How many.
        slower: How many times as long each of them takes as alone.
    """

    count: int = 1
    slower: float = 1.0


class Hands(Protocol):
    """Trains and publishes runs."""

    def rate(self, config: TrainConfig) -> float:
        """Return the training faces per second of a run alone."""
        ...

    def crowd(self, configs: list[TrainConfig]) -> Crowd:
        """Return how many runs are best trained at the same time."""
        ...

    def train(self, run: TrainingRun, epochs: int, watch: Watch) -> None:
        """Begin a run or go on with it, up to so many epochs altogether."""
        ...

    def check(self, run: TrainingRun, watch: Watch) -> None:
        """Ask ``watch`` about a run in progress, and do what it says."""
        ...

    def publish(self, run: TrainingRun, item: Item, overwrite: bool) -> None:
        """Begin to make a model of a run, measured on PublicTest only; the run's act says how
        that goes, see :mod:`fer_core.train.acts`.
        """
        ...

    def stop(self, run: TrainingRun) -> None:
        """Stop what is done with a run."""
        ...


@dataclass(frozen=True)
class Workers:
    """Every run and every model in a process of its own."""

    device: Device

    def rate(self, config: TrainConfig) -> float:
        """Return the rate of a trial that is stored, or try it now."""
        return estimate.tried(config) or estimate.measure(config, limit=600)

    def crowd(self, configs: list[TrainConfig]) -> Crowd:
        """Measure on an accelerator; a CPU's cores are all busy with one run."""
        best = Crowd()
        if self.device == "cpu" or len(configs) < 2:
            return best
        alone = [self.rate(config) for config in configs]
        for count in _COUNTS:
            chosen = [number % len(configs) for number in range(count)]
            try:
                found = estimate.together([configs[i] for i in chosen], limit=600)
            except TrainingError:
                break  # the card's memory is too small for so many
            # How many runs' work is done in the time that one takes alone.
            speed = sum(rate / alone[i] for i, rate in zip(chosen, found, strict=True))
            if speed < _WORTH_IT * best.count / best.slower:
                break
            best = Crowd(count, count / speed)
        return best

    def train(self, run: TrainingRun, epochs: int, watch: Watch) -> None:
        """Begin it or go on with it through the queue."""
        # What an earlier process said of its pace is of no use now.
        (run.path / "progress.json").unlink(missing_ok=True)
        changed = epochs if epochs != run.config.epochs else None
        queue.resume(run.name, epochs=changed)

    def check(self, run: TrainingRun, watch: Watch) -> None:
        """Do what ``watch`` says of a run."""
        epochs = watch(run, run.progress())
        if epochs is None:
            return
        runs.stop(run.name, _STOPPING)
        state = run.state()
        if state["status"] == "stopped" and epochs > state.get("epoch", 0):
            self.train(run, epochs, watch)

    def publish(self, run: TrainingRun, item: Item, overwrite: bool) -> None:
        """Start the process that does it."""
        # Only TensorFlow can export, whatever trained.
        with environment(KERAS_BACKEND="tensorflow"):
            publish_job.start(
                run,
                item.publish,
                flip=item.run.flip,
                stored=item.run.stored,
                brief=True,
                overwrite=overwrite,
            )

    def stop(self, run: TrainingRun) -> None:
        """Stop its process, whatever it does."""
        runs.stop(run.name, _STOPPING)


class _OtherEpochs(KeyboardInterrupt):
    """Ends training from within, to go on with another number of epochs."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs = epochs


@dataclass(frozen=True)
class ThisProcess:
    """Everything in this process, one after the other.

    Attributes:
        data: The faces of every run, instead of those that its configuration names.
        rates: Faces per second that were measured, by the run's network and batch.
    """

    data: Dataset
    rates: dict[str, float] = field(default_factory=dict)

    def rate(self, config: TrainConfig) -> float:
        """Try it, once for each kind of run."""
        key = estimate.kind(config)
        if key not in self.rates:
            self.rates[key] = estimate.time_updates(config)
        return self.rates[key]

    def crowd(self, configs: list[TrainConfig]) -> Crowd:
        """Return that this process trains one run at a time."""
        return Crowd()

    def train(self, run: TrainingRun, epochs: int, watch: Watch) -> None:
        """Train it to its end, or until ``watch`` stops it."""
        from fer_core.train.fit import fit

        def ask(progress: "Progress") -> None:
            if (other := watch(run, asdict(progress))) is not None:
                raise _OtherEpochs(other)

        wanted = epochs
        while wanted > run.state().get("epoch", 0):
            if wanted != run.config.epochs:
                change(run, {"epochs": wanted})
            try:
                fit(run, self.data, ask)
                return
            except _OtherEpochs as other:
                wanted = other.epochs

    def check(self, run: TrainingRun, watch: Watch) -> None:
        """Do nothing: training has ended by now."""

    @our_keras()
    def publish(self, run: TrainingRun, item: Item, overwrite: bool) -> None:
        """Make it now."""
        from fer_core.zoo.publish import publish

        act = {"what": "publish", "of": item.publish}
        try:
            publish(
                run,
                self.data,
                settings().models / item.publish,
                flip=item.run.flip,
                stored=item.run.stored,
                brief=True,
                splits=["PublicTest"],
                overwrite=overwrite,
            )
        except FerError as error:
            run.write_state(act=act | {"status": "failed", "reason": str(error)})
        else:
            run.write_state(act=act | {"status": "done"})

    def stop(self, run: TrainingRun) -> None:
        """Do nothing: nothing is at work."""


def use_device(device: Device | None) -> Device:
    """Let this process and those that it starts compute on a device.

    It has to be called before Keras is imported.

    Args:
        device: Which; ``None`` takes a GPU where there is one.

    Returns:
        The device.

    Raises:
        TrainingError: A GPU is asked for, and there is none.
    """
    if device == "gpu" and not has_gpu():
        raise TrainingError(
            "--device gpu: This machine has no GPU with NVIDIA's driver: leave --device out."
        )
    chosen: Device = device or ("gpu" if has_gpu() else "cpu")
    if chosen == "cpu":
        os.environ |= {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
    else:
        # Several processes share the card's memory.
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
        # Compiling takes a minute; the second run of a kind begins in seconds.
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(settings().cache / "jax"))
    return chosen


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Set variables of this process's environment while the context lasts."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ |= variables
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
