"""The recommended class prior of every shipped model, by the rule of docs/class-prior.md."""

from typing import Any, Final

from fer_core.datasets import load
from fer_core.models.catalogue import list_models
from fer_core.zoo import readme
from fer_core.zoo.calibrate import fit_prior

NAMES: Final = ("as-trained", "uniform", "recommended")


def run_priors(data: str) -> dict[str, Any]:
    """Fit them on PublicTest, and write them into the cards of the models.

    Args:
        data: FER2013.
    """
    dataset = load(data)
    found = {}
    for folder in list_models():
        if not folder.ships:
            continue
        card = fit_prior(folder.name, dataset).card
        found[card.name] = {
            "strength": card.prior_strength,
            "temperatures": card.temperatures.model_dump(),
        }
    return {"models": found}


def to_markdown(result: dict[str, Any]) -> str:
    """Return the fitted priors as a table."""
    rows = [
        (name, "–" if one["strength"] is None else one["strength"], *one["temperatures"].values())
        for name, one in result["models"].items()
    ]
    return readme.table(("model", "strength", *(f"temperature {n}" for n in NAMES)), rows)
