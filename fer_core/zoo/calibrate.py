"""The last step of every model: its own files are measured, and its card says what came out."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from fer_core.classifier import Classifier
from fer_core.datasets.base import SPLITS, Dataset
from fer_core.evaluation import hard, measure, predict
from fer_core.evaluation.conditions import CONDITIONS
from fer_core.models.catalogue import ModelFolder, read_folder
from fer_core.preprocess import faces_to_crops
from fer_core.system import describe_machine
from fer_core.zoo import readme
from fer_core.zoo.writing import write_card


def finish(
    folder: ModelFolder,
    dataset: Dataset,
    on_progress: Callable[[float], None] | None = None,
    brief: bool = False,
) -> ModelFolder:
    """Measure what a folder serves, and write card and README.

    Args:
        folder: a model that is ready but for its figures.
        dataset: every split of it is measured, and all of it where no split is missing;
            PublicTest under hard conditions as well.
        on_progress: called with the share that is done, 0 to 1.
        brief: measure PublicTest and PrivateTest alone, and no hard conditions: a tenth of
            the work, for a model that will not ship.
    """
    classifier = Classifier(folder)
    if brief:
        dataset = dataset.take(dataset.usage != "Training")
    said = predict(classifier, dataset.faces)
    conditions = 0 if brief else len(CONDITIONS) * int((dataset.usage == "PublicTest").sum())
    plain = len(dataset) / (len(dataset) + conditions)

    def tell(share: float) -> None:
        if on_progress:
            on_progress(plain + (1 - plain) * share)

    tell(0.0)
    rows = {split: dataset.usage == split for split in dataset.counts()}
    if set(rows) == set(SPLITS):
        rows["all"] = slice(None)
    card = folder.card.model_copy(
        update={
            "figures": {
                split: measure(said[which], dataset.labels[which]).to_dict()
                | {"dataset": dataset.name}
                for split, which in rows.items()
            },
            "hard": {}
            if brief
            else {
                name: result.accuracy
                for name, result in hard(
                    classifier, dataset, "PublicTest", on_progress=tell
                ).items()
            },
            "speed": _speed(classifier),
        }
    )
    write_card(folder.path, card)
    readme.write(folder.path, card)
    return read_folder(folder.path)


def look_at_private(folder: ModelFolder, dataset: Dataset) -> ModelFolder:
    """Measure a model on PrivateTest, and write the figures and the time of this look into
    its card.

    Args:
        folder: a model of this machine.
        dataset: with that split.

    Raises:
        DatasetError: it has none.
    """
    chosen = dataset.split("PrivateTest")
    found = measure(predict(Classifier(folder), chosen.faces), chosen.labels).to_dict()
    known = folder.card.figures
    now = datetime.now(UTC).isoformat("T", "seconds")
    found["dataset"] = dataset.name
    found["looked"] = [*known.get("PrivateTest", {}).get("looked", []), now]
    card = folder.card.model_copy(update={"figures": known | {"PrivateTest": found}})
    write_card(folder.path, card)
    readme.write(folder.path, card)
    return read_folder(folder.path)


def _speed(classifier: Classifier, repeats: int = 200) -> dict[str, Any]:
    crop = faces_to_crops(np.full((1, 48, 48), 128, np.uint8))
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        classifier.predict(crop)
        times.append(time.perf_counter() - start)
    return {"ms_per_face": round(float(np.median(times)) * 1000, 3), "machine": describe_machine()}
