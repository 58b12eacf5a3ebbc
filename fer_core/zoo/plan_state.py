"""How a training plan stands: which runs are its own, how far they are, what was made of them.

A run of a plan is a run like any other, with a file ``plan.json`` that names the plan and the
training it is. Once there is one, it names the model that was made of it. There is nothing else:
what was deleted is done again, and what was done stays done wherever the plan's file lies.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final

from fer_core.errors import ModelError, TrainingError
from fer_core.files import read_json, write_json
from fer_core.models.catalogue import ModelFolder, check_new_name, find_model
from fer_core.settings import settings
from fer_core.train.check import with_absolute_paths
from fer_core.train.config import TrainConfig
from fer_core.train.plan import Item, Plan, PlannedEnsemble, same_recipe
from fer_core.train.plan_order import Standing
from fer_core.train.runs import TrainingRun, list_runs

#: The file of a run that says to which plan it belongs.
PLAN_FILE: Final = "plan.json"


@dataclass(frozen=True)
class Published:
    """The model that was made of a run.

    Attributes:
        model: Its name.
        sha256: Of the file that it serves.
        epoch: Finished epochs of the run at that time.
    """

    model: str
    sha256: str
    epoch: int


def mark(run: TrainingRun, plan: Plan, item: Item, published: Published | None = None) -> None:
    """Write into a run's folder which training of which plan it is.

    Args:
        run: The run.
        plan: The plan.
        item: Which of its trainings.
        published: The model that was made of the run.
    """
    fields: dict[str, Any] = {"plan": plan.name, "item": item.name, "seed": item.seed}
    if published:
        fields["published"] = asdict(published)
    write_json(run.path / PLAN_FILE, fields)


def belongs_to(run: TrainingRun) -> tuple[str, str] | None:
    """Return the plan and the training that a run belongs to, or ``None``."""
    try:
        fields = read_json(run.path / PLAN_FILE)
        return str(fields["plan"]), str(fields["item"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def published(run: TrainingRun) -> Published | None:
    """Return the model that was made of a run for its plan, if it is still that very model."""
    try:
        fields = read_json(run.path / PLAN_FILE)["published"]
        found = Published(str(fields["model"]), str(fields["sha256"]), int(fields["epoch"]))
        return found if find_model(found.model).served == found.sha256 else None
    except (OSError, ValueError, LookupError, TypeError, ModelError):
        return None


def runs_of(plan: Plan) -> dict[str, TrainingRun]:
    """Return the newest run of each training of a plan, by the training's name."""
    found: dict[str, TrainingRun] = {}
    for run in list_runs():
        of = belongs_to(run)
        if of and of[0] == plan.name and run.state()["status"] != "damaged":
            found.setdefault(of[1], run)
    return found


def standing(item: Item, run: TrainingRun | None) -> Standing:
    """Return how a training stands.

    Args:
        item: The training.
        run: Its run, where there is one.
    """
    if run is None:
        return Standing(item)
    state = run.state()
    done = state.get("epoch", 0)
    return Standing(
        item, done, run.config.epochs, state.get("best_accuracy"), run.is_finished() and done > 0
    )


def made(plan: Plan) -> dict[str, ModelFolder]:
    """Return the ensembles of a plan that are made of its members as they are now."""
    found = {}
    for ensemble in plan.ensembles:
        try:
            folder = find_model(ensemble.name)
            votes = folder.ensemble()
        except ModelError:
            continue
        # Members that got no weight on PublicTest are not in it.
        if votes and {one.folder.name for one in votes.members} <= set(
            member_models(plan, ensemble)
        ):
            found[ensemble.name] = folder
    return found


def member_models(plan: Plan, ensemble: PlannedEnsemble) -> list[str]:
    """Return the names of the models that vote in an ensemble of a plan."""
    items = ((name, plan.item(name)) for name in plan.members(ensemble))
    return [item.publish if item else name for name, item in items]


def is_used(plan: Plan, item: Item, runs: dict[str, TrainingRun]) -> bool:
    """Return whether a run of the plan learnt from a training's model, or an ensemble has it.

    Such a run is not trained further: what was made with it belongs to this very model.
    """
    if any(item.name in plan.needs(name) for name in runs):
        return True
    return any(
        item.publish in member_models(plan, ensemble)
        for ensemble in plan.ensembles
        if ensemble.name in made(plan)
    )


def check(plan: Plan, configs: dict[str, TrainConfig]) -> None:
    """Check what a plan needs of this machine, before anything is trained.

    Args:
        plan: The plan.
        configs: Of every training, by name.

    Raises:
        ModelError: A model that it needs is missing, or one that it would make is there already
            and is not of this plan.
        TrainingError: A recipe was changed since its run was begun.
    """
    for name in plan.models():
        try:
            find_model(name).ensemble()
        except ModelError as error:
            raise ModelError(f"{plan.name} needs the model {name}. {error}") from error
    runs, there = runs_of(plan), made(plan)
    for item in plan.items():
        run = runs.get(item.name)
        if run and not same_recipe(run, configs[item.name]):
            raise TrainingError(
                f"runs.{item.run.name}: Its recipe was changed since its run {run.name} was begun: "
                f"give it another name, or remove that run with 'runs remove {run.name}'."
            )
        if not (run and published(run)):
            _check_free(item.publish, f"runs.{item.run.name}.publish")
    for ensemble in plan.ensembles:
        if ensemble.name not in there:
            _check_free(ensemble.name, f"ensembles.{ensemble.name}")


def _check_free(name: str, place: str) -> None:
    if (settings().models / name).exists():
        raise ModelError(
            f"{place}: There is a model '{name}' here that this plan did not make, or whose run is "
            f"gone: remove it with 'models remove {name}', or choose another name in the plan."
        )
    try:
        check_new_name(name)
    except ModelError as error:
        raise ModelError(f"{place}: {error}") from error


@dataclass(frozen=True)
class Row:
    """How a part of a plan stands, for people.

    Attributes:
        name: Of the part.
        status: ``done``, ``trained``, ``to do``, ``made``, or that of its run.
        run: Name of its run.
        epochs: Finished epochs.
        most: Epochs that are worth it.
        accuracy: Best on PublicTest.
        target: Aimed at on PublicTest.
        model: Name of the model that was made.
        reason: Why its run failed.
    """

    name: str
    status: str
    run: str | None = None
    epochs: int = 0
    most: int = 0
    accuracy: float | None = None
    target: float | None = None
    model: str | None = None
    reason: str | None = None

    def __str__(self) -> str:
        """Return a line of a table."""
        epochs = f"{self.epochs} of {self.most} epochs" if self.most else ""
        best = "" if self.accuracy is None else f"{self.accuracy:.2%}"
        aim = "" if self.target is None else f"of {self.target:.2%}"
        model = f"model {self.model}" if self.model else ""
        line = f"{self.name:<24} {self.status:<11} {epochs:<20} {best:>7} {aim:<10} {model}"
        return line.rstrip() + (f"\n    {self.reason}" if self.reason else "")


def rows(plan: Plan) -> list[Row]:
    """Return how every part of a plan stands."""
    runs, there = runs_of(plan), made(plan)
    found = []
    for item in plan.items():
        run = runs.get(item.name)
        now = standing(item, run)
        state = run.state() if run else {"status": "to do"}
        model = published(run) if run else None
        found.append(
            Row(
                item.name,
                "done" if now.is_done else state["status"],
                run.name if run else None,
                now.done,
                item.run.epochs,
                now.best,
                item.run.target,
                model.model if model else None,
                state.get("reason") if state["status"] == "failed" else None,
            )
        )
    for ensemble in plan.ensembles:
        folder = there.get(ensemble.name)
        public = folder.card.figure("PublicTest") if folder else None
        found.append(
            Row(
                ensemble.name,
                "made" if folder else "to do",
                accuracy=public.accuracy if public else None,
                target=ensemble.target,
                model=ensemble.name if folder else None,
            )
        )
    return found


def relocate(run: TrainingRun, config: TrainConfig) -> None:
    """Let a run find its files where they are on this machine.

    That it is the same data is checked when the run goes on.

    Args:
        run: Which nobody trains now.
        config: Its configuration as the plan has it here.
    """
    config = with_absolute_paths(config)
    files = ("data", "votes", "corrections", "mix", "weights")
    here = run.config.model_copy(update={name: getattr(config, name) for name in files})
    if here != run.config:
        with run.lock():
            run.write_config(here, run.history())


def private_command(model: str, data: str) -> list[str]:
    """Return the command that measures a finished model on PrivateTest, which is done once."""
    return [
        "python", "-m", "fer_core", "evaluate", "--model", model, "--data", data,
        "--split", "PrivateTest",
    ]  # fmt: skip
