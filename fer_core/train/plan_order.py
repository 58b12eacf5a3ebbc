"""What a plan trains next, and for how many epochs: pure functions of what is known."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from fer_core.train.plan import Item, Plan


@dataclass(frozen=True)
class Standing:
    """How one training of a plan stands.

    Attributes:
        item: Which one.
        done: Finished epochs.
        planned: Epochs that its run was given; 0 before there is a run.
        best: Accuracy on PublicTest of the best epoch; ``None`` before the first.
        trained: Whether the run is trained to the end that it was given.
    """

    item: Item
    done: int = 0
    planned: int = 0
    best: float | None = None
    trained: bool = False

    @property
    def is_done(self) -> bool:
        """Return whether it is trained and more training is not worth it.

        It has reached its target, or what is expected at most, or another cycle would exceed the
        epochs that are worth it.
        """
        run, best = self.item.run, self.best or 0.0
        reached = run.target is not None and best >= run.target
        nothing_more = run.target is None and best >= run.expected_accuracy(run.epochs)
        return self.trained and (reached or nothing_more or self.done + run.min_epochs > run.epochs)

    @property
    def accuracy(self) -> float:
        """Return the accuracy on PublicTest that there is now."""
        return max(self.item.run.before, self.best or 0.0)


@dataclass(frozen=True)
class Cost:
    """What a training takes on this machine, in seconds.

    Attributes:
        epoch: Of one epoch, its validation included.
        besides: Of everything else: loading, the teacher's answers, publishing.
    """

    epoch: float
    besides: float

    def seconds(self, epochs: int) -> float:
        """Return what so many epochs take, with everything else."""
        return self.besides + epochs * self.epoch


@dataclass(frozen=True)
class Step:
    """What can be done next: a training up to so many epochs altogether.

    Attributes:
        item: What is trained.
        epochs: Altogether, those done included.
        seconds: That it takes.
        gain: Expected rise of the accuracy on PublicTest, 0 to 1.
        changes: Whether the run gets other epochs than it was given before.
    """

    item: Item
    epochs: int
    seconds: float
    gain: float
    changes: bool


def step(standing: Standing, cost: Cost, seconds: float) -> Step | None:
    """Return what a training does with the time that is left.

    A new run gets one complete cycle of the learning rate, as long as the time allows and as more
    accuracy is expected of more epochs. An interrupted run goes on with its cycle, or gets a
    shorter one where that does not fit. A trained one gets a further cycle.

    Args:
        standing: How it stands.
        cost: What it takes.
        seconds: That are left; infinity for all the epochs that are worth it.

    Returns:
        ``None`` where it is done or too little time is left, see :func:`needed`.
    """
    if standing.is_done:
        return None
    run, done = standing.item.run, standing.done
    most = run.epochs - done
    if not done:
        most = min(most, max(run.min_epochs, run.expected[-1][0]))
    if math.isfinite(seconds):
        most = min(most, int((seconds - cost.besides) / cost.epoch))
    if standing.planned and not standing.trained:
        cycle = standing.planned - done
        if 0 < cycle <= most:
            return _step(standing, cost, cycle, changes=False)
    if most < _fewest(standing):
        return None
    return _step(standing, cost, most, changes=True)


def needed(standing: Standing, cost: Cost) -> float:
    """Return the seconds without which a training is not begun or continued."""
    return cost.seconds(_fewest(standing))


def _fewest(standing: Standing) -> int:
    """Return how many more epochs a training gets at least."""
    least = standing.item.run.min_epochs
    if standing.done and not standing.trained:
        # An interrupted run has a part of its cycle behind it.
        return max(1, least - standing.done)
    return least


def _step(standing: Standing, cost: Cost, cycle: int, *, changes: bool) -> Step:
    run, total = standing.item.run, standing.done + cycle
    # What was learnt before counts, but never makes a cycle worth less than nothing.
    gain = max(0.0, run.expected_accuracy(total) - standing.accuracy)
    return Step(standing.item, total, cost.seconds(cycle), gain, changes)


def choose(
    plan: Plan,
    standings: Mapping[str, Standing],
    costs: Mapping[str, Cost],
    seconds: float,
    made: Collection[str] = (),
    busy: Collection[str] = (),
) -> Step | None:
    """Return what to begin next: the step of the highest expected gain per second.

    What others wait for counts with what it unlocks: the gain of the whole chain over the
    seconds of the whole chain, where that is more than its own.

    Args:
        plan: The plan.
        standings: Of every training, by name.
        costs: Of every training that can be trained, by name; others are left out.
        seconds: That are left.
        made: Names of the ensembles that are made.
        busy: Names of trainings that are not to be begun now.

    Returns:
        ``None`` where nothing can be begun.
    """
    best: tuple[float, Step] | None = None
    for name, standing in standings.items():
        if name in busy or name not in costs:
            continue
        if not all(_is_there(one, standings, made) for one in plan.needs(name)):
            continue
        found = step(standing, costs[name], seconds)
        if found is None:
            continue
        worth = max(
            found.gain / found.seconds, _unlocked(plan, name, standings, costs, made, found)
        )
        # Of equal ones the first of the plan is taken.
        if best is None or worth > best[0]:
            best = worth, found
    return best[1] if best else None


def _is_there(name: str, standings: Mapping[str, Standing], made: Collection[str]) -> bool:
    return standings[name].is_done if name in standings else name in made


def _unlocked(
    plan: Plan,
    name: str,
    standings: Mapping[str, Standing],
    costs: Mapping[str, Cost],
    made: Collection[str],
    first: Step,
) -> float:
    """Return the highest gain per second of a chain that begins with a step."""
    best = 0.0
    for goal in [*standings, *(one.name for one in plan.ensembles)]:
        chain = plan.all_needs(goal)
        if name not in chain:
            continue
        gain, seconds = first.gain, first.seconds
        for one in [*chain, goal]:
            if one == name or _is_there(one, standings, made):
                continue
            if one in standings:
                whole = step(standings[one], costs[one], math.inf) if one in costs else None
                gain += whole.gain if whole else 0.0
                seconds += whole.seconds if whole else 0.0
            else:
                gain += ensemble_gain(plan, one, standings)
        best = max(best, gain / seconds)
    return best


def ensemble_gain(plan: Plan, name: str, standings: Mapping[str, Standing]) -> float:
    """Return the accuracy that an ensemble is expected to have above its best member."""
    ensemble = plan.ensemble(name)
    if ensemble is None or ensemble.expected is None:
        return 0.0
    alone = []
    for member in plan.members(ensemble):
        if standing := standings.get(member):
            later = standing.item.run.expected_accuracy(standing.item.run.epochs)
            alone.append(max(standing.accuracy, later))
    return max(0.0, ensemble.expected - max(alone, default=ensemble.expected))


def shorter(done: int, planned: int, epoch: float, seconds: float) -> int | None:
    """Return how many epochs a run that is too slow is given instead, altogether.

    Args:
        done: Finished epochs.
        planned: Epochs altogether that it has now.
        epoch: Seconds that one takes, as measured while it runs.
        seconds: That are left for its epochs.

    Returns:
        ``None`` where what it has still fits; ``done`` where not one more epoch fits.
    """
    fits = int(max(0.0, seconds) / epoch)
    # A tenth of an epoch too much is within what can be measured.
    if (planned - done - 0.1) * epoch <= seconds:
        return None
    return done + fits
