"""``evaluate``: how good a model is on labelled faces."""

from pathlib import Path
from typing import Any, get_args

import click
import numpy as np

from fer_core.class_prior import AS_TRAINED, parse
from fer_core.classifier import Classifier, load_classifier
from fer_core.cli.common import (
    FOLDER,
    class_prior_option,
    corrections_option,
    json_option,
    note,
    overwrite_files_option,
    print_json,
    prior_strength_option,
    votes_option,
)
from fer_core.datasets import load
from fer_core.datasets.base import SPLITS, Dataset
from fer_core.emotions import EMOTIONS
from fer_core.errors import FerError
from fer_core.evaluation import TTA, Evaluation, details, hard, measure, predict
from fer_core.evaluation.sources import SourceFigures, measure_source, side_by_side
from fer_core.files import ExportFolder
from fer_core.settings import settings


@click.command("evaluate")
@click.option("--model", required=True, help="Model, see 'models'.")
@click.option(
    "--data",
    "sources",
    multiple=True,
    default=lambda: [str(settings().data)] if settings().data else [],
    help="A dataset; given more than once, each is measured. FER_DATA sets the default.",
)
@click.option(
    "--label-order",
    "label_orders",
    multiple=True,
    metavar="fer2013|affectnet|rafdb|ckplus|NAME,NAME,…",
    help="What labels mean that are numbers, where the format does not say; of several datasets "
    "once for each --data, 'own' for one that says it itself.",
)
@votes_option
@corrections_option
@click.option(
    "--split",
    type=click.Choice([*SPLITS, "all"]),
    help="PublicTest without; of several datasets all faces where one has no splits.",
)
@click.option(
    "--labels",
    type=click.Choice(["own", "ferplus"]),
    default="own",
    help="The dataset's own, or the majority of FER+ without what it calls no face; needs --votes.",
)
@click.option(
    "--agreement",
    type=click.FloatRange(0, 1),
    default=0.0,
    help="Only faces on which this share of the annotators of FER+ agrees; needs --votes.",
)
@click.option(
    "--tta",
    type=click.Choice(get_args(TTA)),
    default="served",
    help="Test-time augmentation: as the exported file does it, none, both mirror images, or "
    "ten crops.",
)
@class_prior_option
@prior_strength_option
@click.option("--hard", "under_hard", is_flag=True, help="Also dark, blurred, turned, … faces.")
@click.option(
    "--charts",
    type=FOLDER,
    help="Folder for charts: confusion, reliability, per class, mistakes.",
)
@overwrite_files_option
@json_option
def command(
    model: str,
    sources: tuple[str, ...],
    label_orders: tuple[str, ...],
    votes: str | None,
    corrections: str | None,
    split: str | None,
    labels: str,
    agreement: float,
    tta: TTA,
    class_prior: str | None,
    prior_strength: float | None,
    under_hard: bool,
    charts: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Measure the exported file of a model on a split of a dataset."""
    into = ExportFolder(charts, overwrite=overwrite) if charts else None
    if labels == "ferplus" and not votes:
        raise FerError("--labels ferplus needs the votes: give fer2013new.csv with --votes.")
    majority = labels == "ferplus"
    if not sources:
        raise FerError("Give a dataset with --data: a path or 'demo'.")
    if label_orders and len(label_orders) != len(sources):
        raise FerError(
            f"--label-order is given {len(label_orders)} times and --data {len(sources)} times: "
            "give one for each dataset in their order, 'own' for one that says itself what its "
            "labels mean."
        )
    orders = [None if one == "own" else one for one in label_orders] or [None] * len(sources)
    if len(sources) > 1:
        if votes or corrections or under_hard or charts or agreement:
            raise FerError(
                "--votes, --agreement, --corrections, --hard and --charts go with one --data only."
            )
        prior = parse(class_prior or AS_TRAINED, prior_strength)
        found = _several(load_classifier(model, prior), sources, split, orders, tta)
        if as_json:
            print_json({"model": model, "sources": [one.to_dict() for one in found]})
        else:
            click.echo(side_by_side(found))
        return
    whole = load(
        sources[0],
        Path(votes) if votes else None,
        relabel=majority,
        drop_not_faces=majority,
        corrections=corrections,
        agreement=agreement,
        label_order=orders[0],
    )
    split = split or "PublicTest"
    dataset = whole.split(split)
    # Comparable with the literature unless asked otherwise.
    classifier = load_classifier(model, parse(class_prior or AS_TRAINED, prior_strength))
    probabilities = predict(classifier, dataset.faces, tta)
    figures = measure(probabilities, dataset.labels)
    more = details(probabilities, dataset.labels)
    conditions = hard(classifier, dataset, tta=tta) if under_hard else {}
    if into:
        _save_charts(into, dataset, figures, more, conditions)
    if as_json:
        result = {"class_prior": classifier.class_prior} | figures.to_dict() | more
        own = measure_source(probabilities, whole, split, classifier.class_prior)
        result |= {"macro_recall": own.macro_recall, "interval": [own.low, own.high]}
        if conditions:
            result["hard"] = {name: of.to_dict() for name, of in conditions.items()}
        print_json(result)
    else:
        click.echo(in_words(figures, classifier.class_prior))
        if conditions:
            click.echo(hard_in_words(figures, conditions))


def _several(
    classifier: Classifier,
    sources: tuple[str, ...],
    split: str | None,
    orders: list[str | None],
    tta: TTA,
) -> list[SourceFigures]:
    """Return the figures of each source."""
    found = []
    for source, order in zip(sources, orders, strict=True):
        dataset = load(source, label_order=order)
        part = split or ("PublicTest" if dataset.splits_given else "all")
        said = predict(classifier, dataset.split(part).faces, tta)
        found.append(measure_source(said, dataset, part, classifier.class_prior))
    return found


def in_words(result: Evaluation, class_prior: str) -> str:
    """The figures as a table for people."""
    lines = [
        f"{result.n} faces: accuracy {result.accuracy:.2%}, macro F1 {result.macro_f1:.3f} "
        f"(over {result.classes} of {len(EMOTIONS)} emotions), "
        f"log loss {result.log_loss:.3f}, calibration error {result.ece:.2%}, "
        f"class prior {class_prior}",
        f"{'':<10}{'precision':>10}{'recall':>8}{'f1':>7}{'support':>9}",
    ]
    lines += [
        f"{emotion:<10}{_share(row['precision']):>10}{_share(row['recall']):>8}"
        f"{_share(row['f1']):>7}{row['support']:>9}"
        for emotion, row in result.per_class.items()
    ]
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def hard_in_words(clean: Evaluation, conditions: dict[str, Evaluation]) -> str:
    """What is lost under each condition, as a table for people."""
    lines = [f"{'':<20}{'accuracy':>10}{'points':>8}{'calibration error':>19}"]
    lines += [
        f"{name:<20}{result.accuracy:>10.2%}{100 * (result.accuracy - clean.accuracy):>+8.1f}"
        f"{result.ece:>19.2%}"
        for name, result in conditions.items()
    ]
    mean = np.mean([result.accuracy for result in conditions.values()])
    lines.append(f"{'mean':<20}{mean:>10.2%}{100 * (mean - clean.accuracy):>+8.1f}")
    return "\n".join(lines)


def _save_charts(
    folder: ExportFolder,
    dataset: Dataset,
    figures: Evaluation,
    more: dict[str, Any],
    conditions: dict[str, Evaluation],
) -> None:
    from fer_core import charts

    made = {
        "confusion": charts.confusion(figures.confusion_matrix),
        "reliability": charts.reliability(more["reliability"]),
        "per_class": charts.per_class(figures.per_class),
        "mistakes": charts.mistakes(dataset.faces, more["mistakes"]),
    }
    if conditions:
        accuracies = {name: result.accuracy for name, result in conditions.items()}
        made["hard"] = charts.conditions(figures.accuracy, accuracies)
    paths = charts.save(made, folder)
    note(f"Charts are in {', '.join(str(path) for path in paths)}.")
