"""How two datasets differ, and on which of them a model does better."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import pandas as pd

from fer_core.datasets.base import Dataset
from fer_core.datasets.duplicates import between, hashes
from fer_core.emotions import EMOTIONS
from fer_core.evaluation.metrics import Evaluation, measure
from fer_core.evaluation.predictions import predictions
from fer_core.evaluation.sources import SourceFigures, measure_source

#: What is measured of the light of every face, and its unit.
MEASURES: Final = {"brightness": "mean grey value", "sharpness": "variance of the Laplacian"}
#: Shares of the faces that :attr:`Side.light` gives a value for.
QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Side:
    """One of two datasets.

    Attributes:
        name: Of the dataset.
        counts: ``(7,)`` faces of each emotion.
        light: A row per measure of :data:`MEASURES`, a column per :data:`QUANTILES`.
        figures: Of the model, on PublicTest or, of a dataset without splits, on all faces.
        result: The same with figures per emotion.
    """

    name: str
    counts: np.ndarray
    light: pd.DataFrame
    figures: SourceFigures
    result: Evaluation


@dataclass(frozen=True)
class Comparison:
    """Two datasets side by side.

    Attributes:
        model: Whose predictions were measured.
        sides: The two.
        shared: ``(K, 2)`` rows of pictures that both have, as exact or near copies.
        labels_differ: How many of them have another label in the other dataset.
        crossing: How many pictures of a test split of one are in Training of the other.
    """

    model: str
    sides: tuple[Side, Side]
    shared: np.ndarray
    labels_differ: int
    crossing: int


def compare(
    one: Dataset,
    other: Dataset,
    model: str,
    on_progress: Callable[[float], None] | None = None,
) -> Comparison:
    """Compare two datasets: classes, light, shared pictures, and a model on both.

    Args:
        one: The first.
        other: The second.
        model: Name of the model whose predictions are measured.
        on_progress: Told the share that is done, 0 to 1.

    Raises:
        ModelError: There is no such model.
        DatasetError: One has no faces to measure on.
    """
    parts = [_part(dataset) for dataset in (one, other)]
    # In milliseconds per face: a hash takes about as long as a prediction.
    amounts = [len(one), len(other), *(len(dataset.split(split)) for dataset, split in parts)]
    done = 0

    def tell(step: int) -> Callable[[float], None]:
        def told(share: float) -> None:
            if on_progress:
                on_progress((done + share * amounts[step]) / sum(amounts))

        return told

    for step, dataset in enumerate((one, other)):
        hashes(dataset.faces, tell(step))
        done += amounts[step]
    sides = []
    for step, (dataset, split) in enumerate(parts, start=2):
        said = predictions(model, dataset.split(split), tell(step))
        done += amounts[step]
        sides.append(_side(dataset, split, said))
    shared = between(one.faces, other.faces)
    first, second = shared.T
    trained = one.usage[first] == "Training", other.usage[second] == "Training"
    return Comparison(
        model,
        (sides[0], sides[1]),
        shared,
        int((one.labels[first] != other.labels[second]).sum()),
        int((trained[0] != trained[1]).sum()),
    )


def _part(dataset: Dataset) -> tuple[Dataset, str]:
    return dataset, "PublicTest" if dataset.splits_given else "all"


def _side(dataset: Dataset, split: str, said: np.ndarray) -> Side:
    return Side(
        dataset.name,
        np.bincount(dataset.labels, minlength=len(EMOTIONS)),
        _light(dataset.faces),
        measure_source(said, dataset, split, "as-trained"),
        measure(said, dataset.split(split).labels),
    )


def _light(faces: np.ndarray) -> pd.DataFrame:
    measured = {
        "brightness": faces.reshape(len(faces), -1).mean(axis=1),
        "sharpness": np.array([cv2.Laplacian(face, cv2.CV_32F).var() for face in faces]),
    }
    rows = {name: np.quantile(values, QUANTILES) for name, values in measured.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(QUANTILES))
