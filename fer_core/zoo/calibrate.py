"""The last step of every model: its own files are measured, and its card says what came out."""

import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime

import numpy as np

from fer_core.class_prior import parse
from fer_core.classifier import Classifier
from fer_core.datasets.base import SPLITS, Dataset
from fer_core.evaluation import hard, predict
from fer_core.evaluation.conditions import CONDITIONS
from fer_core.evaluation.predictions import predictions
from fer_core.evaluation.sources import card_figures
from fer_core.models.card import Card, Speed
from fer_core.models.catalogue import ModelFolder, find_model, read_folder
from fer_core.preprocess import faces_to_crops
from fer_core.system import describe_machine
from fer_core.zoo import readme
from fer_core.zoo.prior import recommend
from fer_core.zoo.writing import write_card


def calibrate_model(
    folder: ModelFolder,
    dataset: Dataset,
    on_progress: Callable[[float], None] | None = None,
    brief: bool = False,
    splits: Collection[str] | None = None,
) -> ModelFolder:
    """Measure what a folder serves, and write card and README.

    Args:
        folder: a model that is ready but for its figures.
        dataset: every split of it is measured, and all of it where no split is missing;
            PublicTest under hard conditions as well. Of a mixture, its further sources too.
        on_progress: called with the share that is done, 0 to 1.
        brief: measure PublicTest and PrivateTest alone, and no hard conditions: a tenth of
            the work, for a model that will not ship.
        splits: Measure these alone; all of them without.
    """
    classifier, whole = Classifier(folder), dataset
    if brief:
        splits = [one for one in (SPLITS if splits is None else splits) if one != "Training"]
    if splits is not None:
        dataset = dataset.take(np.isin(dataset.usage, list(splits)))
    if not len(dataset):
        return _written(folder, folder.card, classifier)
    said = predict(classifier, dataset.faces)
    public = int((dataset.usage == "PublicTest").sum())
    conditions = 0 if brief else len(CONDITIONS) * public
    plain = len(dataset) / (len(dataset) + conditions)

    def tell(share: float) -> None:
        if on_progress:
            on_progress(plain + (1 - plain) * share)

    tell(0.0)
    rows = {split: dataset.usage == split for split in dataset.counts()}
    if set(rows) == set(SPLITS):
        rows["all"] = slice(None)
    under = hard(classifier, dataset, "PublicTest", on_progress=tell) if conditions else {}
    figures = [
        card_figures(
            said[which],
            whole,
            split,
            conditions={condition: result.accuracy for condition, result in under.items()}
            if split == "PublicTest"
            else {},
        )
        for split, which in rows.items()
    ]
    figures += [
        card_figures(
            predict(classifier, one.faces.faces),
            one.faces,
            "PublicTest",
            source=(one.name, one.checksum),
        )
        for one in whole.further
        if len(one.faces)
    ]
    card = folder.card.model_copy(update={"figures": figures})
    if "PublicTest" in rows:
        which = rows["PublicTest"]
        card = recommend(
            card,
            classifier.frequencies,
            said[which],
            dataset.labels[which],
            *whole.measured_as("PublicTest"),
        )
    return _written(folder, card, classifier)


def fit_prior(name: str, dataset: Dataset) -> ModelFolder:
    """Fit the recommended class prior of a model that is there, and write its card and README.

    Args:
        name: Of a model.
        dataset: With the split PublicTest, which fits it.

    Raises:
        DatasetError: It has none.
    """
    folder, public = find_model(name), dataset.split("PublicTest")
    card = recommend(
        folder.card,
        Classifier(folder).frequencies,
        predictions(name, public),
        public.labels,
        *dataset.measured_as("PublicTest"),
    )
    write_card(folder.path, card)
    readme.write(folder.path, card)
    return read_folder(folder.path)


def _written(folder: ModelFolder, card: Card, classifier: Classifier) -> ModelFolder:
    card = card.model_copy(update={"speed": _speed(classifier)})
    write_card(folder.path, card)
    readme.write(folder.path, card)
    return read_folder(folder.path)


def evaluate_private(folder: ModelFolder, dataset: Dataset) -> ModelFolder:
    """Measure a model on PrivateTest, and write the figures and the time of this look into
    its card.

    Args:
        folder: a model of this machine.
        dataset: with that split.

    Raises:
        DatasetError: it has none.
    """
    chosen = dataset.split("PrivateTest")
    before = folder.card.figure("PrivateTest")
    evaluated_at = [
        *(before.evaluated_at if before else []),
        datetime.now(UTC).isoformat("T", "seconds"),
    ]
    said = predict(Classifier(folder), chosen.faces)
    figures = card_figures(said, dataset, "PrivateTest", evaluated_at=evaluated_at)
    card = folder.card.with_figures(figures)
    write_card(folder.path, card)
    readme.write(folder.path, card)
    return read_folder(folder.path)


def evaluate_source(folder: ModelFolder, dataset: Dataset) -> ModelFolder:
    """Measure a model on a source that reports and chooses nothing, and write that into its card.

    A source with splits is measured on PublicTest, one without as a whole.

    Args:
        folder: A model of this machine.
        dataset: The source.

    Raises:
        DatasetError: It has no faces to measure on.
    """
    split = "PublicTest" if dataset.splits_given else "all"
    classifier = Classifier(folder)
    said = predict(classifier, dataset.split(split).faces)
    card = folder.card.with_figures(card_figures(said, dataset, split))
    if folder.card.prior_strength is not None:
        recommended = classifier.with_prior(parse("recommended"))
        figures = card_figures(recommended.assume(said), dataset, split, "recommended")
        card = card.with_figures(figures)
    write_card(folder.path, card)
    readme.write(folder.path, card)
    return read_folder(folder.path)


def _speed(classifier: Classifier, repeats: int = 200) -> Speed:
    crop = faces_to_crops(np.full((1, 48, 48), 128, np.uint8))
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        classifier.predict(crop)
        times.append(time.perf_counter() - start)
    milliseconds = round(float(np.median(times)) * 1000, 3)
    return Speed(ms_per_face=milliseconds, machine=describe_machine())
