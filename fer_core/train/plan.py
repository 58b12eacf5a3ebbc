"""Training plans: what a plan may say, and what each of its parts needs.

A plan is a TOML file with ``name``, ``title`` and ``reasons``, a list of ``runs`` and a list of
``ensembles``. This module reads and checks it; :mod:`fer_core.train.plan_order` decides what is
trained next, and :mod:`fer_core.zoo.plan` carries a plan out. Nothing here trains anything.
"""

import copy
import math
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fer_core.errors import FerError, TrainingError
from fer_core.models.card import NAME, Stored
from fer_core.train import configure
from fer_core.train.config import TrainConfig
from fer_core.train.runs import TrainingRun

#: What guessing the most frequent emotion gives on FER2013's PublicTest.
GUESSING: Final = 0.25
#: Settings of a recipe that a plan says elsewhere, and where.
_ELSEWHERE: Final = {
    "model": "the run's model",
    "epochs": "the run's epochs",
    "seed": "the run's seeds",
    "teacher": "the run's teacher",
    "data": "--data",
    "votes": "--votes",
    "fold": "'train --folds'",
}
#: Settings of a recipe that need the FER+ votes.
_WITH_VOTES: Final = ("votes_share", "relabel", "drop_not_faces")

_Name = Annotated[str, Field(pattern=rf"^{NAME}$")]
_Share = Annotated[float, Field(ge=0, le=1)]
_Epochs = Annotated[int, Field(ge=1, le=10_000)]


class PlannedRun(BaseModel):
    """One recipe of a plan, trained once for each of its seeds."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: _Name = Field(description="What other parts of the plan call it.")
    model: str = Field(description="Architecture, see fer_core.models.architectures.registry.")
    preset: str | None = Field("recommended", description="A named recipe, see train/presets.py.")
    recipe: dict[str, Any] = Field({}, description="Settings that change the preset's.")
    seeds: list[Annotated[int, Field(ge=0, lt=2**31)]] = Field([0], min_length=1, max_length=50)
    teacher: str | None = Field(
        None, description="A model, or a run or an ensemble of this plan, that is taught from."
    )
    epochs: _Epochs = Field(description="The most that is worth training.")
    min_epochs: _Epochs = Field(description="The fewest with which a learning-rate cycle is begun.")
    expected: list[tuple[_Epochs, _Share]] = Field(
        min_length=1, description="Pairs of epochs and expected accuracy on PublicTest."
    )
    target: _Share | None = Field(
        None, description="Accuracy on PublicTest with which the run is done."
    )
    before: _Share = Field(
        GUESSING, description="Accuracy of what there is without this run, such as a former model."
    )
    publish: _Name | None = Field(
        None, description="Name of the model that is made; without it, that of the run."
    )
    flip: bool = Field(True, description="Serve the mean over both mirror images.")
    stored: Stored = Field("float16", description="How the model's file keeps its weights.")

    @model_validator(mode="after")
    def _consistent(self) -> "PlannedRun":
        if self.min_epochs > self.epochs:
            raise ValueError(
                f"min_epochs is {self.min_epochs}, more than epochs, which is {self.epochs}"
            )
        counts = [count for count, _ in self.expected]
        if counts != sorted(set(counts)):
            raise ValueError("the epochs of 'expected' must rise from pair to pair")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("'seeds' has one of them twice")
        for name, place in _ELSEWHERE.items():
            if name in self.recipe:
                raise ValueError(f"the recipe cannot have {name}: that is {place}")
        if self.recipe.get("cycles", 1) != 1:
            raise ValueError("a run of a plan has one cycle, whose length the plan decides")
        return self

    @property
    def begins_as(self) -> str:
        """Return the starting weights that the recipe names; empty where it names none."""
        return self.recipe.get("weights", "")

    @property
    def sources(self) -> list[str]:
        """Return its teacher and what it begins as, whether they are of the plan or not."""
        return list(dict.fromkeys(one for one in (self.teacher, self.begins_as) if one))

    def expected_accuracy(self, epochs: float) -> float:
        """Return the accuracy that is expected on PublicTest after some epochs.

        Between two pairs of ``expected`` it is interpolated over the logarithm of the epochs.
        Beyond the last pair nothing more is expected; before the first one it falls towards
        that of guessing.

        Args:
            epochs: Of one learning-rate cycle, from 0.
        """
        pairs = [(0, min(GUESSING, self.expected[0][1])), *self.expected]
        for (low, worse), (high, better) in zip(pairs, pairs[1:], strict=False):
            if epochs <= high:
                share = math.log((1 + epochs) / (1 + low)) / math.log((1 + high) / (1 + low))
                return worse + share * (better - worse)
        return pairs[-1][1]


class PlannedEnsemble(BaseModel):
    """Models of a plan that vote; it is made as soon as the last of them is done."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: _Name = Field(description="Name of the model that is made.")
    members: list[str] = Field(
        min_length=1,
        description="Runs of this plan, each with all its seeds, one seed as 'NAME-sSEED', "
        "ensembles' members by name, or models.",
    )
    weights: Literal["equal", "fitted"] | list[Annotated[float, Field(ge=0)]] = "equal"
    expected: _Share | None = Field(None, description="Expected accuracy on PublicTest.")
    target: _Share | None = Field(None, description="Accuracy on PublicTest that is aimed at.")


@dataclass(frozen=True)
class Item:
    """One training of a plan: a run with one of its seeds.

    Attributes:
        name: Of the run, with the seed where the run has several.
        run: The run.
        seed: Of everything random.
        publish: Name of the model that is made of it.
    """

    name: str
    run: PlannedRun
    seed: int
    publish: str


class Plan(BaseModel):
    """A training plan; :func:`read` makes one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: _Name = Field(description="Under which its state is kept, wherever the file lies.")
    title: str = Field(min_length=1, max_length=200)
    reasons: str = Field(min_length=1, description="Why it is as it is.")
    runs: list[PlannedRun] = Field(min_length=1)
    ensembles: list[PlannedEnsemble] = []

    def items(self) -> list[Item]:
        """Return every training, in the order of the plan."""
        return [item for run in self.runs for item in _items(run)]

    def item(self, name: str) -> Item | None:
        """Return the training called ``name``, or ``None``."""
        return next((item for item in self.items() if item.name == name), None)

    def ensemble(self, name: str) -> PlannedEnsemble | None:
        """Return the ensemble called ``name``, or ``None``."""
        return next((one for one in self.ensembles if one.name == name), None)

    def members(self, ensemble: PlannedEnsemble) -> list[str]:
        """Return the members of an ensemble: names of trainings of the plan, or of models."""
        found: list[str] = []
        for member in ensemble.members:
            run = next((run for run in self.runs if run.name == member), None)
            found += [item.name for item in _items(run)] if run else [member]
        return found

    def needs(self, name: str) -> list[str]:
        """Return which trainings and ensembles of the plan must be done before ``name`` begins.

        Args:
            name: Of a training or an ensemble of the plan.
        """
        if ensemble := self.ensemble(name):
            return [one for one in self.members(ensemble) if self.item(one)]
        item = self.item(name)
        sources = item.run.sources if item else []
        return [one for one in sources if self.item(one) or self.ensemble(one)]

    def all_needs(self, name: str) -> list[str]:
        """Return :meth:`needs` and what those need in turn, first things first."""
        found: dict[str, None] = {}
        for one in self.needs(name):
            found |= dict.fromkeys([*self.all_needs(one), one])
        return list(found)

    def models(self) -> list[str]:
        """Return the models from outside that the plan needs, as teachers or members."""
        teachers = [run.teacher for run in self.runs if run.teacher]
        members = [one for ensemble in self.ensembles for one in self.members(ensemble)]
        own = {item.name for item in self.items()} | {one.name for one in self.ensembles}
        return list(dict.fromkeys(one for one in (*teachers, *members) if one not in own))

    def model_of(self, source: str) -> str:
        """Return the model that is made of a training of the plan; any other source as it is."""
        inside = self.item(source)
        return inside.publish if inside else source

    def config(self, item: Item, data: str, votes: Path | None = None) -> TrainConfig:
        """Return the configuration of a training, with all the epochs that are worth it.

        Args:
            item: The training.
            data: The dataset.
            votes: FER+ votes that belong to it; only recipes that use them get them.

        Raises:
            TrainingError: A setting is wrong, or the recipe needs votes and there are none.
        """
        run = item.run
        wanted = any(run.recipe.get(name) for name in _WITH_VOTES)
        if wanted and votes is None:
            raise TrainingError(
                f"runs.{run.name}.recipe: It learns from the FER+ votes: name their file with "
                "--votes."
            )
        recipe: dict[str, Any] = copy.deepcopy(run.recipe)
        if run.begins_as:
            recipe["weights"] = self.model_of(run.begins_as)
        return configure(
            preset=run.preset,
            **recipe,
            model=run.model,
            data=data,
            votes=votes if wanted else None,
            epochs=run.epochs,
            seed=item.seed,
            teacher=self.model_of(run.teacher) if run.teacher else None,
        )


def _items(run: PlannedRun) -> list[Item]:
    made = run.publish or run.name
    if len(run.seeds) == 1:
        return [Item(run.name, run, run.seeds[0], made)]
    return [Item(f"{run.name}-s{seed}", run, seed, f"{made}-s{seed}") for seed in run.seeds]


def read(path: Path) -> Plan:
    """Read a plan and check it as far as that needs neither data nor other models.

    Args:
        path: A TOML file in UTF-8.

    Raises:
        TrainingError: It cannot be read, or something in it is wrong; the sentence says where.
    """
    try:
        # An editor may have put a byte-order mark at the beginning.
        fields = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise TrainingError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise TrainingError(f"{path} is no TOML file: {error}.") from error
    try:
        plan = Plan.model_validate(fields)
    except ValidationError as error:
        raise TrainingError(f"{path}: {_sentence(error, fields)}") from error
    try:
        _check(plan)
    except FerError as error:
        raise TrainingError(f"{path}: {error}") from error
    return plan


def _sentence(error: ValidationError, fields: dict[str, Any]) -> str:
    """Return a sentence about the first thing that is wrong, with its place."""
    first = error.errors()[0]
    place = ".".join(_place(first["loc"], fields))
    said = {
        "missing": "It is missing.",
        "extra_forbidden": "There is no such field.",
        "string_pattern_mismatch": "A name has small letters, digits, dots, hyphens and "
        "underscores, at most 64, and begins with a letter or digit.",
    }.get(first["type"], f"{first['msg'].removeprefix('Value error, ')}.")
    return f"{place}: {said}" if place else said


def _place(loc: tuple[int | str, ...], fields: Any) -> Iterator[str]:
    """Yield the steps that lead to a field; an entry of a list by its name, where it has one."""
    for step in loc:
        try:
            fields = fields[step]
        except (LookupError, TypeError):
            fields = None
        named = fields.get("name") if isinstance(step, int) and isinstance(fields, dict) else None
        yield str(named) if isinstance(named, str) else str(step)


def _check(plan: Plan) -> None:
    """Check what the parts of a plan say of each other.

    Raises:
        TrainingError: A name occurs twice or is unknown, parts wait for each other in a circle,
            or a recipe has a wrong setting.
    """
    names = [run.name for run in plan.runs] + [one.name for one in plan.ensembles]
    names += [item.name for item in plan.items() if item.name != item.run.name]
    made = [item.publish for item in plan.items()] + [one.name for one in plan.ensembles]
    for group, what in ((names, "two parts"), (made, "two models")):
        for name in group:
            if group.count(name) > 1:
                raise TrainingError(f"{what.capitalize()} are called '{name}': rename one of them.")
    for run in plan.runs:
        items = [item.name for item in _items(run)]
        for other in plan.runs:
            if run.name in other.sources and len(items) > 1:
                teaches = other.teacher == run.name
                raise TrainingError(
                    f"runs.{other.name}.{'teacher' if teaches else 'recipe.weights'}: {run.name} "
                    f"has several seeds: name one of {', '.join(items)}"
                    + (", or an ensemble of them." if teaches else ".")
                )
        if plan.ensemble(run.begins_as):
            raise TrainingError(
                f"runs.{run.name}.recipe.weights: {run.begins_as} is an ensemble, which "
                "no network can begin as: name one of its members."
            )
    for ensemble in plan.ensembles:
        place, members = f"ensembles.{ensemble.name}", plan.members(ensemble)
        if len(members) < 2 or len(set(members)) < len(members):
            raise TrainingError(
                f"{place}.members: An ensemble needs two models or more, each of them once."
            )
        for member in members:
            if plan.ensemble(member):
                raise TrainingError(
                    f"{place}.members: {member} is an ensemble itself: name its members instead."
                )
        if isinstance(ensemble.weights, list) and len(ensemble.weights) != len(members):
            raise TrainingError(
                f"{place}.weights: There are {len(members)} members and {len(ensemble.weights)} "
                "weights: give one for each."
            )
    _check_no_circle(plan)
    for item in plan.items():
        place = f"runs.{item.run.name}"
        try:
            plan.config(item, "demo", Path("votes.csv"))
        except FerError as error:
            raise TrainingError(f"{place}.recipe: {error}") from error


def _check_no_circle(plan: Plan) -> None:
    names = [item.name for item in plan.items()] + [one.name for one in plan.ensembles]
    done: set[str] = set()
    while ready := [n for n in names if n not in done and done.issuperset(plan.needs(n))]:
        done.update(ready)
    if waiting := [name for name in names if name not in done]:
        raise TrainingError(f"{', '.join(waiting)} wait for each other: no order is possible.")


def same_recipe(run: TrainingRun, config: TrainConfig) -> bool:
    """Return whether a run was begun by the recipe that a plan has now.

    Paths differ from machine to machine, and so does the precision of a preset; how many epochs
    a run has is decided by the time that there is.

    Args:
        run: A run of the plan.
        config: What :meth:`Plan.config` returns now.
    """
    loose = {"data", "votes", "corrections", "mix", "epochs", "precision", "weights"}
    one, other = run.config, config
    same = one.model_dump(exclude=loose) == other.model_dump(exclude=loose)
    files = [Path(each.weights).name for each in (one, other)]
    return same and (files[0] == files[1] or "imagenet" in files)
