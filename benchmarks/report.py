"""``docs/results.md``: every published figure in one page, written from what was measured.

Figures of models come from their cards, figures of speed and of detectors from the JSON
that ``python -m benchmarks … --save`` leaves under ``docs/measured``.
"""

import importlib
import json
from pathlib import Path
from typing import Final

from fer_core.evaluation import baseline
from fer_core.evaluation.conditions import CONDITIONS
from fer_core.files import write_bytes
from fer_core.models.card import Card
from fer_core.models.catalogue import ModelFolder, list_models, read_folder
from fer_core.zoo import readme

ROOT: Final = Path(__file__).resolve().parents[1]
MEASURED: Final = ROOT / "docs" / "measured"
#: Cards of models that were trained and measured, and do not ship.
SAVED: Final = MEASURED / "models"
RESULTS: Final = ROOT / "docs" / "results.md"
AUDIT: Final = ROOT / "docs" / "dataset-audit.md"


def write() -> Path:
    """Write the models' READMEs, ``docs/dataset-audit.md`` and ``docs/results.md``; returns
    the latter's path.
    """
    models = [folder for folder in list_models() if folder.ships]
    for folder in models:
        readme.write(folder.path, folder.card)
    RESULTS.write_text(text(models, _saved_cards()), encoding="utf-8")
    AUDIT.write_text(_measured("audit"), encoding="utf-8")
    return RESULTS


def save_card(folder: Path) -> Path:
    """Keep a model's card for the page, where the model itself will not ship.

    Returns:
        Where it is kept.

    Raises:
        ModelError: that is no model's folder.
    """
    saved = SAVED / f"{read_folder(folder).name}.json"
    write_bytes(saved, (folder / "card.json").read_bytes())
    return saved


def _saved_cards() -> list[Card]:
    return [
        Card.model_validate_json(p.read_text(encoding="utf-8"))
        for p in sorted(SAVED.glob("*.json"))
    ]


def text(models: list[ModelFolder], saved: list[Card]) -> str:
    """Return the page as Markdown.

    Args:
        models: those that ship.
        saved: cards of those that do not.
    """
    parts = [
        "# Results",
        "Written by `python -m benchmarks results` from the models' cards and from "
        "`docs/measured/`; never by hand. FER2013 as used here was rebuilt from public copies: "
        "accuracies compare with published ones to about ±0.2 points.",
        "## Models",
        "Accuracy of the exported file, with the test-time augmentation it is served with. "
        "The class prior is `as-trained`. PublicTest chose the weights. PrivateTest was measured "
        "once for each model; if it was more often, the model's card says so. ms/face was "
        "measured when each model was made, beside other work and on more than one machine, so "
        "it is only a rough figure.",
        _models(models),
        "Again: `python -m fer_core evaluate --model NAME --data fer2013.csv --split PublicTest`.",
    ]
    cards = [folder.card for folder in models]
    parts += [
        "### Beside the report",
        "Accuracies in per cent, beside those of the 2021 project report. The figure of its "
        "ensemble counts as PublicTest's, since its numbers of faces per emotion are those of "
        "PublicTest. Models in brackets were trained and measured, and do not ship. Each model's "
        "section below says on which machine it was trained and what other weights it began with.",
        _beside_baseline(cards, saved),
    ]
    if hard := [
        card for card in cards if (public := card.figure("PublicTest")) and public.conditions
    ]:
        parts += [
            "### As bad photos show faces",
            "Accuracy on PublicTest (`evaluate --hard`).",
            _hard(hard),
        ]
    for card in (*cards, *saved):
        parts += [f"### {card.name}", _recipe(card)]
        if card.architecture == "mini_xception" and card.figure("all"):
            parts += [
                "Whole file, beside the report's (which was served in another range than "
                "trained, accuracy 0.58):",
                _per_emotion(card, "all", baseline.WHOLE_FILE),
            ]
        if card.members:
            parts += [
                "PublicTest, beside the report's ensemble:",
                _per_emotion(card, "PublicTest", baseline.ENSEMBLE),
            ]
    sections = {
        "sources": "More than one source",
        "image": "Pictures",
        "folder": "Many pictures",
        "tradeoff": "Accuracy against time",
        "runtimes": "Runtimes",
        "train": "Training",
        "recipes": "Ideas tried on a small network",
        "dashboard": "Training page",
        "detectors": "Face detectors",
        "nested": "One face, one box",
        "reliability": "Signs of an unreliable answer",
        "dataset": "Dataset page",
        "corrections": "Training with corrections",
        "study_page": "Study page",
        "live": "Live",
        "live_device": "Live on the visitor's own device",
        "company": "Live with many faces",
        "video": "Video",
        "hostile": "Hostile visitors",
        "tracking": "Tracking",
        "sizes": "Size",
    }
    for name, title in sections.items():
        if (MEASURED / f"{name}.json").exists():
            parts += [f"## {title}", _measured(name)]
    return "\n\n".join(parts) + "\n"


def _measured(name: str) -> str:
    module = importlib.import_module(f"benchmarks.{name}")
    return module.to_markdown(json.loads((MEASURED / f"{name}.json").read_text(encoding="utf-8")))


def _models(models: list[ModelFolder]) -> str:
    rows = []
    for folder in models:
        card = folder.card
        ours = {
            one.split: f"{one.accuracy:.2%}"
            for one in reversed(card.figures)
            if one.class_prior == "as-trained"
        }
        test = card.figure("PrivateTest")
        rows.append(
            (
                f"[{card.name}](../models/{card.name}/README.md)",
                ours.get("PublicTest", "–"),
                ours.get("PrivateTest", "–"),
                ours.get("all", "–"),
                f"{test.macro_f1:.3f}" if test else "–",
                f"{test.ece:.2%}" if test else "–",
                f"{folder.served_bytes() / 1e6:.1f}",
                card.speed.ms_per_face if card.speed else "–",
            )
        )
    head = (
        "model",
        "PublicTest",
        "PrivateTest",
        "whole file",
        "macro F1, Private",
        "ECE, Private",
        "MB",
        "ms/face",
    )
    return readme.table(head, rows)


def _recipe(card: Card) -> str:
    how, recipe = card.training, card.recipe
    if card.members:
        votes = ", ".join(f"{name} {share:.1%}" for name, share in card.members.items())
        return f"Votes: {votes}. Made by `{card.command}`."
    if how is None or recipe is None:
        return "No training is recorded."
    return (
        f"Seed {recipe.seed}, {how.epochs} epochs, {how.minutes} minutes "
        f"beside other work on {how.machine}, Keras on {how.backend}. Starting "
        f"weights: {card.starting_weights}. Trained by `{card.command}`."
    )


def _beside_baseline(cards: list[Card], saved: list[Card]) -> str:
    rows = []
    for architecture, expected in baseline.ACCURACY.items():
        same = [card for card in (*cards, *saved) if card.architecture == architecture]
        for card in same or [None]:
            found = [card.figure(s) if card else None for s in ("PublicTest", "PrivateTest")]
            ours = [f"{100 * one.accuracy:.2f}" if one else "–" for one in found]
            name = card.name if card else "not trained"
            name = f"({name})" if card in saved else name
            theirs = baseline.BEGAN_WITH.get(architecture, "–")
            rows.append((architecture, name, *ours, _trained(card), *expected, theirs))
    head = ("architecture", "ours", "PublicTest", "PrivateTest", "trained")
    return readme.table(
        (*head, "report, Public", "report, Private", "the report's began with"), rows
    )


def _trained(card: Card | None) -> str:
    """Return for how long a model was trained here, and what it began with."""
    if card is None or card.training is None or card.recipe is None:
        return "–"
    start = "scratch"
    if card.recipe.weights != "none":
        # Of a model or a run also how long that was trained.
        said, trained, _ = card.starting_weights.partition(", by `")
        start = said.removeprefix("best.npz of ") if trained else said.partition(",")[0]
    epochs = card.training.epochs
    return f"{epochs} epoch{'s' * (epochs != 1)}, {card.training.minutes:.0f} min, from {start}"


def _hard(cards: list[Card]) -> str:
    public = [one for card in cards if (one := card.figure("PublicTest"))]
    rows = [("clean", *(f"{one.accuracy:.1%}" for one in public))]
    rows += [
        (
            name,
            *(f"{one.conditions[name]:.1%}" if name in one.conditions else "–" for one in public),
        )
        for name in CONDITIONS
    ]
    return readme.table(("faces", *(card.name for card in cards)), rows)


def _per_emotion(card: Card, split: str, expected: dict[str, tuple[float, ...]]) -> str:
    figures = card.figure(split)
    ours = figures.per_class if figures else {}
    rows = [
        (
            name,
            *(
                "–" if value is None else f"{value:.2f}"
                for value in (ours[name].precision, ours[name].recall, ours[name].f1)
            ),
            *(f"{value:.2f}" for value in expected[name]),
            ours[name].support,
        )
        for name in ours
    ]
    head = ("emotion", "precision", "recall", "F1", "report's precision", "recall", "F1", "support")
    return readme.table(head, rows)
