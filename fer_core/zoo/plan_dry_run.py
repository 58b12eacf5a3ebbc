"""A dry run of a plan: every run is really trained for a moment and becomes a model.

It happens on a part of the data, without any of PrivateTest, and in a temporary ``FER_HOME``, so
nothing is left of it.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from fer_core.datasets import Dataset, load
from fer_core.emotions import EMOTIONS
from fer_core.errors import FerError, ModelError
from fer_core.models.catalogue import find_model
from fer_core.models.starting_weights import keras_form
from fer_core.models.starting_weights.sources import NAMED, search
from fer_core.settings import settings
from fer_core.train import estimate
from fer_core.train.check import require_ready
from fer_core.train.config import TrainConfig
from fer_core.train.plan import Item, Plan
from fer_core.train.runs import TrainingRun
from fer_core.zoo import ensembles, plan_state
from fer_core.zoo.plan import configurations
from fer_core.zoo.plan_cost import cost
from fer_core.zoo.plan_hands import ThisProcess, environment

#: Updates of every run, and faces of each: so few that a network of 25 million parameters takes
#: seconds. A trial with full batches would have to compile every network once more.
UPDATES: Final = 50
_BATCH: Final = 16
#: Epochs that the updates are divided into, so that a second epoch is begun as well.
_EPOCHS: Final = 2
#: Faces of PublicTest that are measured.
_PUBLIC: Final = 140


@dataclass(frozen=True)
class Tried:
    """What a dry run found out about a part of a plan.

    Attributes:
        name: Of the part.
        rate: Training faces per second.
        epoch_minutes: Of one epoch.
        least_minutes: With the fewest epochs, loading and publishing included.
        most_minutes: With all epochs that are worth it.
        seconds: That trying it took.
        error: Why it cannot be trained or published; ``None`` where it can.
    """

    name: str
    rate: float | None = None
    epoch_minutes: float | None = None
    least_minutes: float | None = None
    most_minutes: float | None = None
    seconds: float = 0.0
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        """Return a line of a table."""
        if self.error:
            return f"{self.name:<24} cannot be done: {self.error}"
        if self.rate is None:
            return f"{self.name:<24} works"
        return (
            f"{self.name:<24} works  {self.rate:7.0f} faces/s  {self.epoch_minutes:6.1f} minutes "
            f"an epoch  {self.least_minutes:6.0f} to {self.most_minutes:.0f} minutes"
        )


def dry_run(
    plan: Plan, data: str, votes: Path | None, tell: Callable[[Tried], None]
) -> list[Tried]:
    """Train every run of a plan for some updates, evaluate and export it, and vote.

    Of a run with several seeds one is trained, unless others are teachers or needed for an
    ensemble to have two members.

    Args:
        plan: The plan.
        data: The dataset.
        votes: FER+ votes that belong to it.
        tell: Told what was found out about each part, as soon as it is.

    Returns:
        All of that.

    Raises:
        FerError: The data cannot be read, a recipe needs votes that are not given, or a model
            that the plan needs is missing.
    """
    configs = configurations(plan, data, votes)
    plan_state.check(plan, configs)
    whole = load(data)
    configs = {name: _with_paths(config) for name, config in configs.items()}
    hands = ThisProcess(_part(whole))
    found: list[Tried] = []

    def note(tried: Tried) -> None:
        found.append(tried)
        tell(tried)

    # Only TensorFlow exports, so it trains here; how fast another backend is, a trial says.
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    with environment(KERAS_BACKEND="tensorflow"), _temporary_home(plan):
        for item in _chosen(plan):
            note(_try(plan, item, configs[item.name], hands, whole, backend))
        for ensemble in plan.ensembles:
            note(_vote(plan, ensemble.name, hands))
    return found


def _chosen(plan: Plan) -> list[Item]:
    """Return which trainings are tried, those that others learn from first."""
    sources = {source for run in plan.runs for source in run.sources}
    chosen = {run.name: next(i for i in plan.items() if i.run is run) for run in plan.runs}
    names = {item.name for item in chosen.values()}
    names |= {item.name for item in plan.items() if item.name in sources}
    for ensemble in plan.ensembles:
        members = plan.members(ensemble)
        there = [one for one in members if one in names or plan.item(one) is None]
        missing = [one for one in members if one not in there]
        names |= set(missing[: max(0, 2 - len(there))])
    order: dict[str, None] = {}
    for item in plan.items():
        if item.name in names:
            order |= dict.fromkeys([*plan.all_needs(item.name), item.name])
    return [found for name in order if (found := plan.item(name))]


def _try(
    plan: Plan, item: Item, config: TrainConfig, hands: ThisProcess, whole: Dataset, backend: str
) -> Tried:
    import keras

    begun = time.monotonic()
    teacher = item.run.teacher
    if teacher and plan.ensemble(teacher):
        # The ensembles come last; until then its first member teaches.
        teacher = plan_state.member_models(plan, plan.ensemble(teacher))[0]  # type: ignore[arg-type]
        config = config.model_copy(update={"teacher": teacher})
    small = config.model_copy(update={"batch_size": _BATCH, "epochs": _EPOCHS})
    try:
        require_ready(small, given=True)
        run = TrainingRun.create(small)
        plan_state.mark(run, plan, item)
        hands.train(run, small.epochs, lambda _, __: None)
        hands.publish(run, item, overwrite=False)
        act = run.state()["act"]
        if act["status"] != "done":
            return Tried(item.name, error=act["reason"], seconds=time.monotonic() - begun)
        rate = float(run.metrics()[-1]["images_per_second"])
        if backend != "tensorflow":
            rate = estimate.measure_rate(config, limit=600, backend=backend)
    except FerError as error:
        return Tried(item.name, error=str(error), seconds=time.monotonic() - begun)
    finally:
        keras.utils.clear_session()
    takes = cost(config, rate, whole)
    return Tried(
        item.name,
        round(rate, 1),
        round(takes.epoch / 60, 2),
        round(takes.seconds(item.run.min_epochs) / 60, 1),
        round(takes.seconds(item.run.epochs) / 60, 1),
        round(time.monotonic() - begun, 1),
    )


def _vote(plan: Plan, name: str, hands: ThisProcess) -> Tried:
    ensemble = plan.ensemble(name)
    assert ensemble is not None
    begun, members = time.monotonic(), plan_state.member_models(plan, ensemble)
    there = [model for model in members if _is_there(model)]
    try:
        if len(there) < 2:
            raise FerError("Fewer than two of its members could be tried.")
        weights = ensemble.weights if isinstance(ensemble.weights, str) else "equal"
        ensembles.save(there, hands.data, settings().models / name, weights=weights)
    except FerError as error:
        return Tried(name, error=str(error), seconds=time.monotonic() - begun)
    return Tried(name, seconds=round(time.monotonic() - begun, 1))


def _is_there(model: str) -> bool:
    try:
        find_model(model)
    except FerError:
        return False
    return True


def _part(whole: Dataset) -> Dataset:
    """Return some training faces and some of PublicTest, of every emotion if there are any."""
    rng, rows = np.random.default_rng(0), []
    for split, count in (("Training", _BATCH * UPDATES // _EPOCHS), ("PublicTest", _PUBLIC)):
        inside = whole.usage == split
        for emotion in range(len(EMOTIONS)):
            of = np.flatnonzero(inside & (whole.labels == emotion))
            rows.append(rng.permutation(of)[: -(-count // len(EMOTIONS))])
    return whole.take(np.sort(np.concatenate(rows)))


def _with_paths(config: TrainConfig) -> TrainConfig:
    """Return a configuration whose starting weights are found from another ``FER_HOME``."""
    named = NAMED.get(config.weights)
    path = search(named.file) if named else None
    if not named and config.weights != "none" and not Path(config.weights).is_file():
        with suppress(ModelError):  # a run of the plan, which is made there
            path = keras_form(config.weights)
    return config.model_copy(update={"weights": str(path.absolute())}) if path else config


@contextmanager
def _temporary_home(plan: Plan) -> Iterator[None]:
    """Let ``FER_HOME`` be an empty folder, but for the models that a plan needs."""
    own = settings().models
    needed = [find_model(name) for name in plan.models()]
    for folder in list(needed):
        votes = folder.ensemble()
        needed += [member.folder for member in votes.members] if votes else []
    before = os.environ.get("FER_HOME")
    with tempfile.TemporaryDirectory(prefix="fer-dry-run-", ignore_cleanup_errors=True) as home:
        for folder in needed:
            if folder.path.parent == own:
                shutil.copytree(folder.path, Path(home) / "models" / folder.name)
        os.environ["FER_HOME"] = home
        settings.cache_clear()
        try:
            yield
        finally:
            if before is None:
                del os.environ["FER_HOME"]
            else:
                os.environ["FER_HOME"] = before
            settings.cache_clear()
