"""The README of a model folder, written from its card."""

from pathlib import Path
from typing import Any

from fer_core.emotions import EMOTIONS
from fer_core.files import write_bytes
from fer_core.models.card import FOREIGN, INTENDED, LIMITS, UNINTENDED, Card, Figures


def write(folder: Path, card: Card) -> None:
    """Write ``README.md`` beside ``card.json``."""
    write_bytes(folder / "README.md", text(card).encode())


def text(card: Card) -> str:
    """Return the model card as Markdown (Mitchell et al. 2019, arXiv 1810.03993)."""
    served = {
        "none": "none",
        "flip": "the mean over the face and its mirror image, inside the exported file",
        "mixed": "as each member has it",
    }[card.tta]
    parts = [
        f"# {card.name}: {card.title}",
        "This page is written from `card.json` by `python -m benchmarks results`; change that.",
        "## What it is",
        table(
            ("property", "value"),
            [
                ("architecture", f"`{card.architecture}`; {card.reference}"),
                ("input", f"face crops, 192×192 RGB, 0 to 255; {_inside(card)}"),
                ("output", "probabilities of " + ", ".join(EMOTIONS)),
                ("parameters", f"{card.parameters:,}"),
                ("files", ", ".join(f"`{f}` {s / 1e6:.2f} MB" for f, s in card.sizes.items())),
                *([] if card.members else [("weights stored as", card.stored)]),
                ("test-time augmentation", served),
                *_members(card),
                *([] if _is_foreign(card) else [("temperature", _temperature(card))]),
                ("class prior `recommended`", _prior(card)),
                ("speed", _speed(card)),
                ("starting weights", card.starting_weights),
                ("licence", card.licence),
                ("made", card.created),
            ],
        ),
        "## Data and training",
        card.data,
        _training(card),
        card.notes,
        "## How good it is",
        _measured(card),
        _figures(card),
        _hard(card),
    ]
    for split in ("PublicTest", "PrivateTest", "all"):
        if figures := card.figure(split):
            parts += [f"### {split}", per_class(figures), confusion(figures)]
    parts += [
        "## Intended use",
        INTENDED,
        "## Not intended",
        UNINTENDED,
        "## Limits",
        LIMITS,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _is_foreign(card: Card) -> bool:
    return card.architecture == FOREIGN


def _inside(card: Card) -> str:
    return "scaled inside as its notes say" if _is_foreign(card) else "scaled to 48×48 grey inside"


def _temperature(card: Card) -> str:
    return f"{card.temperatures.as_trained:.3f}, fitted on PublicTest"


def _prior(card: Card) -> str:
    if card.prior_strength is None:
        return "none: the model answers as trained"
    return (
        f"equal frequencies, strength {card.prior_strength:g}, temperature "
        f"{card.temperatures.recommended or card.temperatures.as_trained:.3f}; chosen on PublicTest"
    )


def _members(card: Card) -> list[tuple[str, str]]:
    if not card.members:
        return []
    votes = (f"[{name}](../{name}/README.md) {share:.1%}" for name, share in card.members.items())
    return [("members and the weights of their votes", ", ".join(votes))]


def per_class(figures: Figures) -> str:
    """Write precision, recall, F1 and support of each emotion as a Markdown table."""
    rows = [
        (name, *(_or_dash(v) for v in (r.precision, r.recall, r.f1)), r.support)
        for name, r in figures.per_class.items()
    ]
    return table(("emotion", "precision", "recall", "F1", "support"), rows)


def _or_dash(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def confusion(figures: Figures) -> str:
    """Return the confusion matrix as a Markdown table: rows are labels, columns predictions."""
    matrix = figures.confusion_matrix
    rows = [(name, *line) for name, line in zip(EMOTIONS, matrix, strict=True)]
    return table(("label \\ predicted", *EMOTIONS), rows)


def _measured(card: Card) -> str:
    """Return how the figures came about and come about again, and what each split was for."""
    public, private = card.figure("PublicTest"), card.figure("PrivateTest")
    known = public or private
    data = known.dataset if known and known.dataset != "FER2013" else "fer2013.csv"
    split = "PublicTest" if public or not private else "PrivateTest"
    if _is_foreign(card) and not known:
        return "It was not measured here."
    chose = (
        "Nothing was chosen by these figures; PrivateTest was "
        if _is_foreign(card)
        else "PublicTest chose the weights and the temperature; PrivateTest was "
    )
    return (
        f"Measured on the exported file; again with `python -m fer_core evaluate --model "
        f"{card.name} --data {data} --split {split}`. {chose}"
        # Once, where the card does not count: it was measured as the model was made.
        + (times_evaluated(len(private.evaluated_at) or 1) if private else "not looked at.")
    )


def times_evaluated(times: int) -> str:
    """Return how often PrivateTest was looked at, 1 or more, as the end of a sentence."""
    return "looked at once." if times == 1 else f"looked at {times} times."


def _figures(card: Card) -> str:
    names = {"PublicTest": "PublicTest", "PrivateTest": "PrivateTest"}
    names |= {"Training": "Training", "all": "all"}
    sources = dict.fromkeys((one.dataset, one.checksum) for one in card.figures)
    rows = [
        (
            one.dataset,
            names[split],
            prior,
            f"{one.accuracy:.2%}" + _interval(one),
            "–" if one.macro_recall is None else f"{one.macro_recall:.2%}",
            f"{one.macro_f1:.3f}" + _of_classes(one),
            f"{one.log_loss:.3f}",
            f"{one.ece:.2%}",
            one.n,
        )
        for source in sources
        for split in names
        for prior in ("as-trained", "recommended")
        for one in card.figures
        if (one.dataset, one.checksum) == source and (one.split, one.class_prior) == (split, prior)
    ]
    head = (
        "dataset",
        "faces",
        "class prior",
        "accuracy",
        "macro recall",
        "macro F1",
        "log loss",
        "calibration error (ECE)",
        "n",
    )
    apart = "\n\nFigures of different datasets do not compare." if len(sources) > 1 else ""
    return table(head, rows) + apart


def _interval(figures: Figures) -> str:
    known = figures.interval
    if not known:
        return ""
    return f" (95 % interval over {known.persons} people: {known.low:.1%} to {known.high:.1%})"


def _of_classes(figures: Figures) -> str:
    few = figures.classes is not None and figures.classes < len(EMOTIONS)
    return f" (of {figures.classes} emotions)" if few else ""


def _hard(card: Card) -> str:
    public = card.figure("PublicTest")
    if public is None or not public.conditions:
        return ""
    rows = [
        (name, f"{value:.2%}", f"{100 * (value - public.accuracy):+.1f}")
        for name, value in public.conditions.items()
    ]
    return "PublicTest as bad photos would show it:\n\n" + table(
        ("condition", "accuracy", "points"), rows
    )


def _training(card: Card) -> str:
    how, recipe = card.training, card.recipe
    if how is None or recipe is None:
        return f"Made by `{card.command}`." if card.command else ""
    fields = recipe.model_dump(mode="json")
    varied = fields.pop("augmentation")
    plain = {key: value for key, value in fields.items() if not isinstance(value, dict)}
    return (
        f"{how.epochs} epochs, the weights of epoch {how.best_epoch} chosen on PublicTest; "
        f"{how.minutes} minutes beside other work on {how.machine}, Keras on {how.backend}. Run as "
        f"`{card.command}`.\n\nRecipe: {_pairs(plain)}.\n\nAugmentation: {_pairs(varied)}."
    )


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def _speed(card: Card) -> str:
    return f"{card.speed.ms_per_face} ms per face, {card.speed.machine}" if card.speed else ""


def table(head: tuple, rows: list[tuple]) -> str:
    """Return a Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
