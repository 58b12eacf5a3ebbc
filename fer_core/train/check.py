"""What is wrong with a configuration, setting by setting, before a run is made of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fer_core.datasets import MADE_HERE
from fer_core.datasets.corrections import KEPT
from fer_core.errors import FerError
from fer_core.models.architectures import registry
from fer_core.train.config import TrainConfig


def check(fields: Mapping[str, Any]) -> dict[str, str]:
    """Sentences by setting; none where a run can begin.

    Args:
        fields: of a :class:`TrainConfig`; those of the augmentation as ``augmentation``.

    Returns:
        Keys are fields, those of the augmentation as ``augmentation.rotation``.
    """
    wrong: dict[str, str] = {}
    try:
        config = TrainConfig.model_validate(fields)
    except ValidationError as error:
        for one in error.errors():
            wrong[".".join(str(part) for part in one["loc"])] = f"{one['msg']}."
        return wrong
    try:
        known = registry.architecture(config.model)
    except FerError as error:
        return {"model": str(error)}
    wrong |= _files(config)
    if config.weights not in ("none", *known.weights) and not Path(config.weights).is_file():
        offered = ", ".join(("none", *known.weights))
        wrong["weights"] = f"{config.model} starts from {offered}, or from a file that is there."
    if config.votes is None:
        for name in ("relabel", "drop_not_faces", "votes_share"):
            if getattr(config, name):
                wrong[name] = "This needs the FER+ votes: name their file under 'votes'."
    frozen = config.model_options.get("frozen")
    if frozen and config.weights == "none":
        wrong["model_options"] = "Frozen layers need starting weights: nobody trained them."
    if config.early_stopping and config.schedule in ("onecycle", "cosine"):
        wrong["early_stopping"] = (
            f"The schedule '{config.schedule}' must run to its end: set 0, or take 'plateau'."
        )
    return wrong


def _files(config: TrainConfig) -> dict[str, str]:
    wrong = {}
    if config.data not in MADE_HERE and not Path(config.data).expanduser().exists():
        wrong["data"] = f"There is no {config.data} on this machine: was it moved or deleted?"
    if config.votes is not None and not config.votes.expanduser().is_file():
        wrong["votes"] = f"There is no file {config.votes} on this machine."
    given = config.corrections
    if given is not None and str(given) != KEPT and not given.expanduser().is_file():
        wrong["corrections"] = f"There is no file {config.corrections} on this machine."
    for source, weight in config.mix.items():
        if source not in MADE_HERE and not Path(source).expanduser().exists():
            wrong["mix"] = f"There is no {source} on this machine."
        elif not weight > 0:
            wrong["mix"] = f"The weight of {source} must be above 0."
    return wrong
