"""What is wrong with a configuration, setting by setting, before a run is made of it.

The command line, the page, ``--config`` and Python all check through this module, so that
each of them says the same sentence about the same mistake.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from fer_core.datasets import MADE_HERE, recognise
from fer_core.datasets.corrections import SAVED
from fer_core.datasets.labels import parse_order
from fer_core.errors import DatasetError, FerError, TrainingError
from fer_core.models.architectures import registry
from fer_core.models.catalogue import find_model
from fer_core.models.keras_settings import check_keras
from fer_core.models.starting_weights import imagenet, keras_form
from fer_core.train.config import TrainConfig
from fer_core.train.options import wrong_option

#: The schedule 'plateau' never goes below this rate.
LOWEST_RATE: Final = 1e-6
#: Schedules that only do what they are for where they run to their end.
CYCLIC: Final = ("onecycle", "cosine")


def check(fields: Mapping[str, Any]) -> dict[str, str]:
    """Say what is wrong with a configuration on this machine, files included.

    Args:
        fields: of a :class:`TrainConfig`; those of the augmentation as ``augmentation``.

    Returns:
        Sentences by field, those of the augmentation as ``augmentation.rotation``; empty
        where a run can begin.
    """
    wrong = check_settings(fields)
    if wrong:
        return wrong
    config = TrainConfig.model_validate(fields)
    known = registry.architecture(config.model)
    wrong = _files(config)
    if config.teacher is not None:
        try:
            teacher = find_model(config.teacher)
            if teacher.ensemble() is None:
                teacher.checked(teacher.card.exported)
        except FerError as error:
            wrong["teacher"] = str(error)
    if config.weights not in ("none", *known.weights) and not Path(config.weights).is_file():
        try:
            keras_form(config.weights)
        except FerError:
            offered = ", ".join(("none", *known.weights))
            wrong["weights"] = (
                f"{config.model} starts from {offered}, from a model that has a model.keras, or "
                "from a file that is there."
            )
    else:
        try:
            if config.weights == "imagenet":
                imagenet.find(config.model)
            else:
                imagenet.check_file(Path(config.weights))
        except FerError as error:
            wrong["weights"] = str(error)
    return wrong


def check_settings(fields: Mapping[str, Any]) -> dict[str, str]:
    """Say what is wrong with settings on any machine; files are not looked for.

    Args:
        fields: As for :func:`check`.

    Returns:
        As :func:`check` does.
    """
    wrong: dict[str, str] = {}
    try:
        config = TrainConfig.model_validate(fields)
    except ValidationError as error:
        for one in error.errors():
            name = ".".join(str(part) for part in one["loc"])
            said = {
                "missing": f"The training needs {name}: give --{name}.",
                "extra_forbidden": "There is no such setting.",
            }
            wrong[name] = said.get(one["type"], f"{one['msg']}.")
        return wrong
    try:
        known = registry.architecture(config.model)
    except FerError as error:
        return {"model": str(error)}
    if sentence := wrong_option(known, config.model_options):
        wrong["model_options"] = sentence
    elif config.model_options.get("frozen") and config.weights == "none":
        wrong["model_options"] = "Frozen layers need starting weights: nobody trained them."
    if config.votes is None:
        for name in ("relabel", "drop_not_faces", "votes_share"):
            if getattr(config, name):
                wrong[name] = "This needs the FER+ votes: name their file under 'votes'."
    for source, weight in config.mix.items():
        if not weight > 0:
            wrong["mix"] = f"The weight of {source} must be above 0."
    for source, order in config.mix_label_order.items():
        if source not in config.mix:
            wrong["mix_label_order"] = f"{source} is none of the further datasets: name it in mix."
        elif sentence := _wrong_order(order):
            wrong["mix_label_order"] = sentence
    if config.label_order and (sentence := _wrong_order(config.label_order)):
        wrong["label_order"] = sentence
    return wrong | _schedule(config)


def require_valid(fields: Mapping[str, Any]) -> TrainConfig:
    """Return the configuration that settings make.

    Args:
        fields: As for :func:`check`.

    Raises:
        TrainingError: One of them is wrong; the first sentence of :func:`check_settings`.
    """
    for name, sentence in check_settings(fields).items():
        raise TrainingError(f"{name}: {sentence}")
    return TrainConfig.model_validate(fields)


def require_ready(config: TrainConfig, given: bool = False) -> None:
    """Check that a run can begin on this machine, before it is created or a process started.

    Args:
        config: Of the run.
        given: Whether the caller has the data in memory, so that its files are not looked for.

    Raises:
        FerError: A file, the teacher, the starting weights or Keras is missing, or the data is
            of no format that is known.
    """
    check_keras("Training")
    for name, sentence in check(config.model_dump()).items():
        if not given or name in ("teacher", "weights"):
            raise TrainingError(f"{name}: {sentence}")
    for source in (config.data, *config.mix):
        if not given and source not in MADE_HERE:
            recognise(Path(source).expanduser())


def with_absolute_paths(config: TrainConfig) -> TrainConfig:
    """Return a configuration whose files are found from every folder.

    Names that are no paths, such as ``demo``, stay as they are.
    """

    def absolute(source: str) -> str:
        path = Path(source).expanduser()
        return str(path.absolute()) if source not in MADE_HERE and path.exists() else source

    changes: dict[str, Any] = {
        "data": absolute(config.data),
        "mix": {absolute(source): weight for source, weight in config.mix.items()},
        "mix_label_order": {
            absolute(source): order for source, order in config.mix_label_order.items()
        },
    }
    if Path(config.weights).is_file():
        changes["weights"] = str(Path(config.weights).absolute())
    for name in ("votes", "corrections"):
        path = getattr(config, name)
        if path is not None and str(path) != SAVED:
            changes[name] = path.expanduser().absolute()
    return config.model_copy(update=changes)


def _wrong_order(order: str) -> str | None:
    """Return what is wrong with the order of numeric labels."""
    try:
        parse_order(order)
    except DatasetError as error:
        return str(error)
    return None


def _schedule(config: TrainConfig) -> dict[str, str]:
    wrong = {}
    if config.early_stopping and config.schedule in CYCLIC:
        wrong["early_stopping"] = (
            f"The schedule '{config.schedule}' must run to its end: set 0, or take 'plateau'."
        )
    if config.cycles > 1 and config.schedule != "cosine":
        wrong["cycles"] = "Only the schedule 'cosine' has several cycles: set 1, or take 'cosine'."
    elif config.cycles > config.epochs:
        wrong["cycles"] = (
            f"{config.cycles} cycles do not fit into {config.epochs} epochs: each needs one."
        )
    if config.schedule == "plateau" and config.learning_rate < LOWEST_RATE:
        wrong["learning_rate"] = (
            f"The schedule 'plateau' never goes below {LOWEST_RATE:g} and would raise this rate: "
            "take a higher one, or the schedule 'constant'."
        )
    return wrong


def _files(config: TrainConfig) -> dict[str, str]:
    wrong = {}
    if config.data not in MADE_HERE and not Path(config.data).expanduser().exists():
        wrong["data"] = f"There is no {config.data} on this machine: was it moved or deleted?"
    if config.votes is not None and not config.votes.expanduser().is_file():
        wrong["votes"] = f"There is no file {config.votes} on this machine."
    given = config.corrections
    if given is not None and str(given) != SAVED and not given.expanduser().is_file():
        wrong["corrections"] = f"There is no file {config.corrections} on this machine."
    for source in config.mix:
        if source not in MADE_HERE and not Path(source).expanduser().exists():
            wrong["mix"] = f"There is no {source} on this machine."
    return wrong
