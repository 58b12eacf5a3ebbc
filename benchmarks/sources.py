"""Every shipped model on FER2013's test splits and on a second source, with both class priors."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from fer_core.class_prior import parse
from fer_core.classifier import load_classifier, vote
from fer_core.datasets import Dataset, load
from fer_core.evaluation.predictions import predictions
from fer_core.evaluation.sources import card_figures, of_card
from fer_core.models.catalogue import ModelFolder, list_models
from fer_core.zoo import readme
from fer_core.zoo.writing import write_card

PRIORS: Final = ("as-trained", "recommended")


#: What figures call the second source.
SECOND: Final = "CK+ (second source)"


def run_sources(second: Path, into_cards: bool = False) -> dict[str, Any]:
    """Measure the second source; FER2013's figures are those of the cards, so that PrivateTest
    is not opened again.

    Args:
        second: Faces of another source, a folder; they choose nothing.
        into_cards: Write its figures into the cards of the shipped models, too.
    """
    other = replace(load(second), name=SECOND)
    found = []
    for folder in list_models():
        if not folder.ships:
            continue
        found += [
            {"model": folder.name} | of_card(figures).to_dict()
            for figures in folder.card.figures
            if figures.split in ("PublicTest", "PrivateTest")
        ]
        said, card = _said(folder, other), folder.card
        for prior in PRIORS:
            corrected = load_classifier(folder.name, parse(prior)).assume(said)
            figures = card_figures(corrected, other, "all", prior)
            card = card.with_figures(figures)
            found.append({"model": folder.name} | of_card(figures).to_dict())
        if into_cards:
            write_card(folder.path, card)
            readme.write(folder.path, card)
    return {"sources": found}


def _said(folder: ModelFolder, faces: Dataset) -> np.ndarray:
    """Return what a model says; an ensemble votes with what its members said before."""
    ensemble = folder.ensemble()
    if ensemble is None:
        return predictions(folder.name, faces)
    members = [predictions(member.folder.name, faces) for member in ensemble.members]
    return vote(np.stack(members), ensemble)


def to_markdown(result: dict[str, Any]) -> str:
    """Return accuracy with its interval and macro recall, a table per source and split."""
    parts = [
        "Accuracy with its 95 % interval (bootstrap, over people where they are known) and macro "
        "recall. `recommended` is the class prior that the program uses, chosen on PublicTest "
        "alone ([class-prior.md](class-prior.md)); figures of the literature are `as-trained`. "
        "PrivateTest is evaluated once, as trained. "
        "The second source never chooses anything, and nothing was trained on it: 474 posed faces "
        "of 53 people of CK+, six emotions, while models choose among seven. Models are never "
        "ranked across sources."
    ]
    rows = result["sources"]
    for dataset, split in dict.fromkeys((row["dataset"], row["split"]) for row in rows):
        here = [row for row in rows if (row["dataset"], row["split"]) == (dataset, split)]
        of = {(row["model"], row["class_prior"]): row for row in here}
        names = list(dict.fromkeys(row["model"] for row in here))
        title = "Second source" if dataset != "FER2013" else f"{dataset}, {split}"
        people = f", {here[0]['persons']} people" if here[0]["persons"] else ""
        parts += [
            f"**{title}**, {here[0]['n']:,} faces{people}",
            readme.table(
                ("model", *(f"{what}, {prior}" for prior in PRIORS for what in _COLUMNS)),
                [
                    (name, *(t for prior in PRIORS for t in _cells(of.get((name, prior)))))
                    for name in names
                ],
            ),
        ]
    return "\n\n".join(parts)


_COLUMNS: Final = ("accuracy", "macro recall")


def _cells(row: dict[str, Any] | None) -> tuple[str, str]:
    if row is None:
        return "–", "–"
    return (
        f"{row['accuracy']:.1%} ({row['low']:.1%}–{row['high']:.1%})",
        f"{row['macro_recall']:.1%}",
    )
