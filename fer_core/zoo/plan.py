"""Carrying out a training plan in the minutes that there are.

What is done next is decided in :mod:`fer_core.train.plan_order`, how the plan stands in
:mod:`fer_core.zoo.plan_state`, and who does it in :mod:`fer_core.zoo.plan_hands`. All state is
with the runs and models themselves, so a plan can be stopped at any moment and goes on when it is
carried out again.
"""

import math
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from fer_core.datasets import Dataset, load
from fer_core.errors import FerError, ModelError, TrainingError
from fer_core.models.catalogue import find_model
from fer_core.settings import settings
from fer_core.train import estimate
from fer_core.train.change import planned
from fer_core.train.check import check, require_ready
from fer_core.train.config import TrainConfig
from fer_core.train.plan import Item, Plan
from fer_core.train.plan_order import Cost, Standing, Step, choose, needed, shorter
from fer_core.train.runs import TrainingRun
from fer_core.zoo import ensembles, plan_state
from fer_core.zoo.plan_cost import PUBLISHING, cost
from fer_core.zoo.plan_hands import Crowd, Hands

#: Share of the time left that a cycle may take: a little goes by beside it.
_USED: Final = 0.95
#: Steps after which the pace of a run is believed.
_STEPS: Final = 10
#: Seconds of an epoch that may be lost, so that a run is stopped anywhere in it.
_SHORT_EPOCH: Final = 10.0
#: Share of an epoch's time that its validation takes besides.
_VALIDATION: Final = 0.05
#: Seconds between two looks.
_EVERY: Final = 1.0


@dataclass
class Conductor:
    """Carries out one plan.

    Attributes:
        plan: The plan.
        configs: Of every training, by name.
        dataset: Which the first of them names.
        hands: Trains and publishes.
        seconds: That there are.
        say: Told in a sentence what happens.
        watch: Told in a line how far it is.
        clock: Gives seconds.
    """

    plan: Plan
    configs: dict[str, TrainConfig]
    dataset: Dataset
    hands: Hands
    seconds: float
    say: Callable[[str], None]
    watch: Callable[[str], None] = lambda _: None
    clock: Callable[[], float] = time.monotonic
    costs: dict[str, Cost] = field(default_factory=dict)
    _crowd: Crowd = field(default_factory=Crowd)
    _active: dict[str, TrainingRun] = field(default_factory=dict)
    _publishing: dict[str, TrainingRun] = field(default_factory=dict)
    _given_up: set[str] = field(default_factory=set)
    _lost: set[str] = field(default_factory=set)
    _deadline: float = math.inf

    def carry_out(self) -> None:
        """Do as much of the plan as the time allows; Ctrl-C stops what is at work.

        Raises:
            FerError: The plan cannot be carried out on this machine; see
                :func:`fer_core.zoo.plan_state.check`.
        """
        self._deadline = self.clock() + self.seconds
        with self._alone():
            plan_state.check(self.plan, self.configs)
            try:
                self._complete_earlier_runs()
                self.estimate()
                self._run_steps()
            finally:
                self._stop()
                self.watch("")

    def _run_steps(self) -> None:
        while True:
            self._collect()
            while self._begin_next():
                self._collect()
            if not self._active and not self._publishing:
                return
            if self.left() <= 0 and not self._publishing:
                self.say("The time is over.")
                return
            self._check_active()
            time.sleep(_EVERY)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one process at a time carry the plan out."""
        settings().runs.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(settings().runs / f".plan-{self.plan.name}", timeout=0):
                yield
        except Timeout as error:
            raise TrainingError(
                f"{self.plan.name} is being carried out already: wait, or stop that command."
            ) from error

    def left(self) -> float:
        """Return the seconds that are left."""
        return self._deadline - self.clock()

    # -- what it takes

    def estimate(self) -> None:
        """Measure what every training takes that is not done."""
        runs = plan_state.runs_of(self.plan)
        asked: set[str] = set()  # one teacher answers once for all whom it teaches
        todo = [item for item in self.plan.items() if not self._standing(item, runs).is_done]
        for item in todo:
            self.watch(f"measuring how fast {item.name} is")
            run = runs.get(item.name)
            config = self._config(item, runs)
            try:
                # Starting weights that are missing are said now, not after hours.
                own = self.plan.item(item.run.begins_as)
                if not (run or own) and (sentence := check(config.model_dump()).get("weights")):
                    raise TrainingError(sentence)
                rate = self.hands.rate(config)
            except FerError as error:
                self._give_up(item.name, str(error))
                continue
            heard = run is not None and (run.path / "teacher.npz").exists()
            new = not heard and config.teacher is not None and config.teacher not in asked
            asked |= {config.teacher} if config.teacher else set()
            self.costs[item.name] = cost(config, rate, self.dataset, teacher=new)
        configs = {estimate.kind(c): c for c in (self._config(item, runs) for item in todo)}
        self._crowd = self.hands.crowd(list(configs.values())[:4])
        if self._crowd.count > 1:
            self.say(
                f"{self._crowd.count} runs at once are faster than one after the other: each "
                f"takes {self._crowd.slower:.1f} times as long as alone."
            )
            self.costs = {
                name: Cost(cost.epoch * self._crowd.slower, cost.besides)
                for name, cost in self.costs.items()
            }

    def _config(self, item: Item, runs: dict[str, TrainingRun]) -> TrainConfig:
        run = runs.get(item.name)
        return run.config if run else self.configs[item.name]

    def _standing(self, item: Item, runs: dict[str, TrainingRun]) -> Standing:
        return plan_state.standing(item, runs.get(item.name))

    # -- one step

    def _begin_next(self) -> bool:
        """Begin what is best, if there is room for it; return whether something was begun."""
        if len(self._active) + (len(self._publishing) if self._crowd.count == 1 else 0) >= (
            self._crowd.count
        ):
            return False
        runs = plan_state.runs_of(self.plan)
        standings = {item.name: self._standing(item, runs) for item in self.plan.items()}
        not_now = {*self._active, *self._publishing, *self._given_up}
        not_now |= {
            item.name
            for item in self.plan.items()
            if standings[item.name].trained and plan_state.is_used(self.plan, item, runs)
        }
        made = plan_state.made(self.plan)
        # What is learnt from must not only be trained, but be there as a model.
        costs = {
            item.name: self.costs[item.name]
            for item in self.plan.items()
            if item.name in self.costs
            and all(self._has_model(source, runs) for source in item.run.sources)
        }
        step = choose(self.plan, standings, costs, self.left() * _USED, made, not_now)
        if step is None:
            return False
        self._begin(step, runs.get(step.item.name))
        return True

    def _has_model(self, name: str, runs: dict[str, TrainingRun]) -> bool:
        if self.plan.item(name) is None:
            return True
        return name in runs and plan_state.published(runs[name]) is not None

    def _begin(self, step: Step, run: TrainingRun | None) -> None:
        item, minutes = step.item, step.seconds / 60
        try:
            if run is None:
                config = self.configs[item.name].model_copy(update={"epochs": step.epochs})
                require_ready(config)
                run = TrainingRun.create(config)
                plan_state.mark(run, self.plan, item)
            else:
                plan_state.relocate(run, self.configs[item.name])
                planned(run, {"epochs": step.epochs})
            done = run.state().get("epoch", 0)
            self.say(
                f"{item.name}: epochs {done + 1} to {step.epochs} in about {minutes:.0f} minutes, "
                f"{'a complete cycle' if step.changes else 'its cycle goes on'} (run {run.name})."
            )
            self._active[item.name] = run
            self.hands.train(run, step.epochs, self.needed_epochs)
        except FerError as error:
            self._active.pop(item.name, None)
            self._give_up(item.name, str(error))

    def needed_epochs(self, run: TrainingRun, progress: Mapping[str, Any]) -> int | None:
        """Say whether a run in progress needs another number of epochs to end in time.

        Where a run is slower than was estimated its cycle is shortened, right after an epoch or
        before the first one is finished, so that little is lost.

        Args:
            run: The run.
            progress: What its worker said last, see :class:`fer_core.train.runs.TrainingRun`.

        Returns:
            The epochs that it is to have altogether, as many as are finished to stop it, or
            ``None`` to leave it alone.
        """
        state = run.state()
        if state["status"] != "running" or not progress:
            return None
        done, step, steps = state.get("epoch", 0), progress["step"], progress["steps"]
        if self.left() <= 0:
            return done
        ahead = progress["epochs"] - progress["epoch"] + 1 - step / steps
        # What was written before the last epoch ended says nothing of the next.
        if step < min(_STEPS, steps - 1) or ahead <= 0 or progress["epoch"] != done + 1:
            return None
        epoch = progress["seconds_left"] / ahead
        if done and step > max(_STEPS, steps / 10) and epoch > _SHORT_EPOCH:
            return None
        if rows := run.metrics():
            # The last steps may have been slow by chance: the epoch before must have been as well.
            epoch = min(epoch, rows[-1]["seconds"] * (1 + _VALIDATION))
        other = shorter(done, run.config.epochs, epoch, self.left() - PUBLISHING)
        if other is not None:
            name = self._name(run)
            more = f"is shortened from {run.config.epochs} to {other} epochs"
            if other == done:
                more = "is stopped: not one more epoch would be finished in time"
                self._given_up.add(name)
            self.say(f"{name} is slower than estimated and {more}.")
        return other

    def _name(self, run: TrainingRun) -> str:
        of = plan_state.belongs_to(run)
        return of[1] if of else run.name

    def _check_active(self) -> None:
        lines = []
        for name, run in list(self._active.items()):
            try:
                self.hands.check(run, self.needed_epochs)
            except FerError as error:
                self._give_up(name, str(error))
            if progress := run.progress():
                minutes = progress["seconds_left"] / 60
                lines.append(
                    f"{name}: epoch {progress['epoch']} of {progress['epochs']}, {minutes:.0f} "
                    "minutes left"
                )
        lines += [f"{name}: making its model" for name in self._publishing]
        self.watch("; ".join(lines))

    # -- what has ended

    def _collect(self) -> None:
        """See to what has ended: publish what is trained, make the ensembles that can be made."""
        for name, run in list(self._active.items()):
            state = run.state()
            if state["status"] in ("running", "paused", "queued", "created"):
                continue
            del self._active[name]
            if state["status"] == "trained":
                self.say(
                    f"{name}: {state.get('best_accuracy', 0):.2%} on PublicTest after "
                    f"{state['epoch']} epochs."
                )
                self._publish(name, run)
            elif state["status"] == "failed":
                self._give_up(name, str(state.get("reason")))
            elif state["status"] == "interrupted" and name not in self._lost:
                self._lost.add(name)
                self.say(f"The process that trained {name} was ended by something else.")
            else:  # stopped, by the clock or by somebody, or lost again
                self._given_up.add(name)
        for name, run in list(self._publishing.items()):
            act = run.state().get("act") or {}
            if act.get("status") == "running" and run.busy():
                continue
            del self._publishing[name]
            self._published(name, run, act)
        self._make_ensembles()

    def _publish(self, name: str, run: TrainingRun) -> None:
        item = self.plan.item(name)
        before = plan_state.published(run)
        if item is None or not _has_news(run):
            return
        self._publishing[name] = run
        try:
            self.hands.publish(run, item, before is not None)
        except FerError as error:
            del self._publishing[name]
            self._give_up(name, str(error))

    def _published(self, name: str, run: TrainingRun, act: dict) -> None:
        item = self.plan.item(name)
        if act.get("status") != "done" or item is None:
            reason = act.get("reason") or "the process that made the model ended"
            self._give_up(name, f"No model was made of run {run.name}: {reason}")
            return
        try:
            folder = find_model(item.publish)
        except ModelError as error:
            self._give_up(name, str(error))
            return
        epoch = run.state().get("epoch", 0)
        made = plan_state.Published(item.publish, folder.served, epoch)
        plan_state.mark(run, self.plan, item, made)
        public = folder.card.figure("PublicTest")
        figure = f", {public.accuracy:.2%} on PublicTest" if public else ""
        self.say(f"{name}: its model {item.publish} is ready{figure}.")

    def _complete_earlier_runs(self) -> None:
        """Publish what an earlier call has trained and not published, and adopt what still runs.

        Workers outlive a command that is killed.
        """
        for name, run in plan_state.runs_of(self.plan).items():
            item = self.plan.item(name)
            if run.busy():
                trains = run.state()["status"] in ("running", "paused")
                (self._active if trains else self._publishing)[name] = run
            elif item and self._standing(item, {name: run}).trained:
                plan_state.relocate(run, self.configs[name])
                self._publish(name, run)

    def _make_ensembles(self) -> None:
        runs, made = plan_state.runs_of(self.plan), plan_state.made(self.plan)
        for ensemble in self.plan.ensembles:
            if ensemble.name in made or ensemble.name in self._given_up:
                continue
            own = [item for name in self.plan.members(ensemble) if (item := self.plan.item(name))]
            if any(not self._standing(item, runs).is_done for item in own) or any(
                plan_state.published(runs[item.name]) is None for item in own
            ):
                continue
            self.watch(f"making the ensemble {ensemble.name}")
            try:
                folder = ensembles.save(
                    plan_state.member_models(self.plan, ensemble),
                    self.dataset.split("PublicTest"),
                    settings().models / ensemble.name,
                    weights=ensemble.weights,
                )
            except FerError as error:
                self._give_up(ensemble.name, str(error))
                continue
            public = folder.card.figure("PublicTest")
            figure = f": {public.accuracy:.2%} on PublicTest" if public else ""
            self.say(f"{ensemble.name} is made{figure}.")

    def _give_up(self, name: str, reason: str) -> None:
        self._given_up.add(name)
        self.say(f"{name} is left for now: {reason}")

    def _stop(self) -> None:
        """Stop what is still at work, with its best weights saved."""
        for name, run in {**self._active, **self._publishing}.items():
            self.watch(f"stopping {name}")
            try:
                self.hands.stop(run)
            except FerError as error:
                self.say(f"{name} cannot be stopped: {error}")
        self._active, self._publishing = {}, {}

    # -- what comes next

    def next_steps(self, command: list[str], data: str) -> list[str]:
        """Return what a person can do now, as sentences and command lines.

        Args:
            command: The command line that carries out this plan, without its minutes.
            data: The dataset.
        """
        runs, found = plan_state.runs_of(self.plan), []
        private = "PrivateTest" in self.dataset.counts()
        waiting = []
        for item in self.plan.items():
            run, now = runs.get(item.name), self._standing(item, runs)
            model = plan_state.published(run) if run else None
            if model and now.is_done and private:
                line = shlex.join(plan_state.private_command(model.model, data))
                found.append(f"Measure {model.model} on PrivateTest, once: {line}")
            if not now.is_done and (cost := self.costs.get(item.name)):
                waiting.append((needed(now, cost) / _USED / 60, item.name))
            if run and now.best is not None and not now.trained:
                found.append(
                    f"{item.name} goes on when the plan does; its best weights so far, "
                    f"{now.best:.2%} on PublicTest, are saved in run {run.name}."
                )
        for name in plan_state.made(self.plan):
            if private:
                line = shlex.join(plan_state.private_command(name, data))
                found.append(f"Measure {name} on PrivateTest, once: {line}")
        if waiting:
            minutes = math.ceil(min(waiting)[0])
            each = ", ".join(f"{name} {math.ceil(least)}" for least, name in waiting)
            line = shlex.join([*command, "--minutes", str(minutes)])
            found.append(
                f"Not done yet, with the fewest minutes that each needs: {each}. Go on with: {line}"
            )
        return found


def _has_news(run: TrainingRun) -> bool:
    """Return whether a run has better weights than the model that was made of it."""
    before = plan_state.published(run)
    best = run.state().get("best_epoch") or 0
    return before is None or best > before.epoch


def configurations(plan: Plan, data: str, votes: Path | None) -> dict[str, TrainConfig]:
    """Return the configuration of every training of a plan, by name.

    Raises:
        TrainingError: A recipe needs the FER+ votes, and they are not given.
    """
    return {item.name: plan.config(item, data, votes) for item in plan.items()}


def conductor(
    plan: Plan,
    data: str,
    votes: Path | None,
    minutes: float,
    hands: Hands,
    say: Callable[[str], None],
    watch: Callable[[str], None] = lambda _: None,
) -> Conductor:
    """Return what carries out a plan, after reading its data.

    Args:
        plan: The plan.
        data: The dataset, see :func:`fer_core.datasets.load`.
        votes: FER+ votes that belong to it.
        minutes: That there are.
        hands: Trains and publishes.
        say: Told in a sentence what happens.
        watch: Told in a line how far it is.

    Raises:
        FerError: The data cannot be read, or a recipe needs votes that are not given.
    """
    configs = configurations(plan, data, votes)
    return Conductor(plan, configs, load(data), hands, 60 * minutes, say, watch)
