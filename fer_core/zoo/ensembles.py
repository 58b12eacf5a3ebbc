"""Making an ensemble of models and measuring it.

An ensemble is a folder like any model's, but it holds no network: ``ensemble.json`` names
its members, their weights and the checksums of their files. They are served as they are,
through LiteRT, and the weighted mean of their probabilities is what it says. So nothing
is stored twice, members may see faces in whatever size they like, and the figures are
those of files that are there.
"""

import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from fer_core.calibration import fit_temperature
from fer_core.classifier import load_classifier
from fer_core.datasets.base import Dataset
from fer_core.ensemble import Weights, check_weights, combine
from fer_core.errors import ModelError
from fer_core.evaluation import measure
from fer_core.evaluation.predictions import predictions
from fer_core.files import write_json
from fer_core.models.card import Temperatures
from fer_core.models.catalogue import (
    ENSEMBLE,
    ModelFolder,
    check_new_name,
    find_model,
    is_shipped_folder,
)
from fer_core.zoo.calibrate import calibrate_model
from fer_core.zoo.writing import write_folder


def save(
    names: list[str],
    dataset: Dataset,
    folder: Path,
    *,
    weights: Weights = "equal",
    notes: str = "",
    overwrite: bool = False,
    on_progress: Callable[[float], None] | None = None,
) -> ModelFolder:
    """Make an ensemble of models and measure it.

    PublicTest fits the temperature, and the weights where they are fitted. PrivateTest is
    measured once and decides nothing.

    Args:
        names: two or more models of the catalogue, no ensembles among them.
        dataset: faces of every split there is to measure on; PublicTest is needed.
        folder: where it goes; its name becomes the model's.
        weights: see :data:`fer_core.ensemble.Weights`.
        notes: what the card says besides.
        overwrite: Whether it may replace a model of that name, see
            :func:`fer_core.models.catalogue.check_new_name`.
        on_progress: called with the share of the measuring that is done, 0 to 1.

    Raises:
        ModelError: the name is not allowed or taken, see :func:`check_members` for the
            members, or one cannot be loaded.
        DatasetError: the dataset has no PublicTest.
    """
    check_new_name(folder.name, folder.parent, overwrite=overwrite)
    check_members(names)
    check_weights(weights, len(names))
    members = [load_classifier(name) for name in names]
    public = dataset.split("PublicTest")
    said = np.stack([predictions(member.name, public) for member in members])
    share, mean = combine(said, public.labels, weights)
    members = [m for m, part in zip(members, share, strict=True) if part]
    share = share[share > 0]
    fitted = fit_temperature(np.log(np.maximum(mean, 1e-12)), public.labels)
    votes = {m.name: float(w) for m, w in zip(members, share, strict=True)}

    def fill(new: Path) -> None:
        rows = [
            {"name": m.name, "weight": votes[m.name], "sha256": m.card.files[m.card.exported]}
            for m in members
        ]
        write_json(new / ENSEMBLE, {"temperature": fitted.value, "members": rows})

    tta = {member.card.tta for member in members}
    return write_folder(
        folder,
        fill,
        partial(calibrate_model, dataset=dataset, on_progress=on_progress),
        overwrite=overwrite,
        title=f"Ensemble of {len(members)} models",
        architecture="ensemble",
        reference="soft vote, see fer_core.ensemble",
        exported=ENSEMBLE,
        parameters=sum(member.card.parameters for member in members),
        temperatures=Temperatures(as_trained=fitted.value),
        tta=tta.pop() if len(tta) == 1 else "mixed",
        members=votes,
        licence="; ".join(sorted({m.card.licence for m in members if m.card.licence})),
        starting_weights="those of its members",
        data="; ".join(sorted({m.card.data for m in members if m.card.data})),
        command=shlex.join(
            ["python", "-m", "fer_core", "ensemble", *_voters(names, weights)]
            + ["--data", dataset.name, "--save", folder.name]
            + (["--weights", weights] if isinstance(weights, str) else [])
            # Where else it lies on the machine that made it is nobody's business.
            + (["--to", "models"] if is_shipped_folder(folder.parent) else [])
        ),
        notes=" ".join(filter(None, (notes, fitted.refused))),
    )


def _voters(names: list[str], weights: Weights) -> list[str]:
    """Return the members as the command line names them."""
    if isinstance(weights, str):
        return names
    return [f"{name}={weight:g}" for name, weight in zip(names, weights, strict=True)]


def check_members(names: list[str]) -> None:
    """Check that models can vote together.

    Raises:
        ModelError: fewer than two, one twice, if only by content, an unknown one, or an
            ensemble.
    """
    if len(names) < 2 or len(set(names)) < len(names):
        raise ModelError("An ensemble needs two models or more, each of them once.")
    known: dict[str, str] = {}
    for name in names:
        folder = find_model(name)
        if folder.card.members:
            raise ModelError(f"{name} is an ensemble itself: name its members instead.")
        first = known.setdefault(folder.served, name)
        if first != name:
            raise ModelError(
                f"{first} and {name} are one model under two names, whose vote would count "
                "twice: leave one of them out."
            )


def accuracies(names: list[str], dataset: Dataset, split: str = "PublicTest") -> dict[str, float]:
    """Return the accuracy of each model on its own, to compare an ensemble with."""
    chosen = dataset.split(split)
    return {name: measure(predictions(name, chosen), chosen.labels).accuracy for name in names}
