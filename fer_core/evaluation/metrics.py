"""How good a model is: metrics, confusion matrix, calibration, mistakes, hard conditions."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np

from fer_core.calibration import calibration_error, reliability
from fer_core.classifier import Classifier
from fer_core.datasets.base import Dataset
from fer_core.emotions import EMOTIONS
from fer_core.errors import ModelError
from fer_core.evaluation.conditions import CONDITIONS, under

#: What happens to a face at test time: as the exported file does it, nothing, the mean
#: over the face and its mirror image, or over ten crops: the face and the face moved by
#: :data:`MOVE` pixels towards each corner, and their mirror images. To networks that look
#: at the middle 44×44 these are the ten crops of Krizhevsky et al. 2012.
TTA = Literal["served", "none", "flip", "ten"]
MOVE: Final = 2


@dataclass(frozen=True)
class Evaluation:
    """Figures of one model on one set of faces.

    Attributes:
        accuracy: share of faces whose most probable emotion is the label.
        macro_f1: Mean F1 over the emotions that occur in the labels.
        log_loss: mean negative log-likelihood of the labels, in nats.
        ece: expected calibration error over 15 equal bins of confidence
            (Guo et al. 2017, arXiv 1706.04599), 0 to 1.
        n: number of faces.
        classes: How many of the seven emotions occur in the labels.
        confusion_matrix: 7×7 counts, rows are labels, columns predictions.
        per_class: Precision, recall, F1 and support of each emotion; of an emotion that does
            not occur in the labels, the first three are ``None``.
    """

    accuracy: float
    macro_f1: float
    log_loss: float
    ece: float
    n: int
    classes: int
    confusion_matrix: list[list[int]]
    per_class: dict[str, dict[str, float | None]]

    @property
    def macro_recall(self) -> float:
        """Return the mean recall of the emotions that occur in the labels."""
        return float(np.mean([r["recall"] for r in self.per_class.values() if r["support"]]))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Mistake:
    """A face that a model takes for something else than its label.

    Attributes:
        index: of the face among those evaluated.
        label: what the dataset says.
        predicted: what the model says.
        confidence: how sure it is of that, 0 to 1.
        of_label: the probability it gives to the label.
    """

    index: int
    label: str
    predicted: str
    confidence: float
    of_label: float


def measure(probabilities: np.ndarray, labels: np.ndarray) -> Evaluation:
    """Compute figures from predictions.

    Args:
        probabilities: ``(N, 7)``, rows sum to 1.
        labels: ``(N,)``, 0 to 6.

    Raises:
        ModelError: A probability is no number: the model answers NaN, which has no figures.
    """
    wrong = int((~np.isfinite(probabilities).all(axis=1)).sum())
    if wrong:
        raise ModelError(
            f"The model answers NaN for {wrong} of {len(probabilities)} faces, so it cannot be "
            "measured: it is damaged or its training diverged. Use another one, or train it again "
            "with a lower learning rate."
        )
    # Half of the time to a first result otherwise.
    from sklearn import metrics

    predicted = probabilities.argmax(axis=1)
    classes = range(len(EMOTIONS))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        labels, predicted, labels=classes, zero_division=0
    )
    there = support > 0
    likelihood = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return Evaluation(
        accuracy=float((predicted == labels).mean()),
        # An emotion that nobody showed was not recognised badly: it is left out.
        macro_f1=float(np.mean(f1[there])),
        log_loss=float(-np.log(np.maximum(likelihood, 1e-12)).mean()),
        ece=calibration_error(probabilities, labels),
        n=len(labels),
        classes=int(there.sum()),
        confusion_matrix=metrics.confusion_matrix(labels, predicted, labels=classes).tolist(),
        per_class={
            emotion: {
                "precision": float(precision[i]) if there[i] else None,
                "recall": float(recall[i]) if there[i] else None,
                "f1": float(f1[i]) if there[i] else None,
                "support": int(support[i]),
            }
            for i, emotion in enumerate(EMOTIONS)
        },
    )


def mistakes(probabilities: np.ndarray, labels: np.ndarray, most: int = 24) -> list[Mistake]:
    """Return the mistakes that the model is surest of, the surest first.

    Args:
        probabilities: ``(N, 7)``, rows sum to 1.
        labels: ``(N,)``, 0 to 6.
        most: how many at most.
    """
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:most]
    return [
        Mistake(
            int(i),
            EMOTIONS[labels[i]],
            EMOTIONS[predicted[i]],
            float(confidence[i]),
            float(probabilities[i, labels[i]]),
        )
        for i in wrong
    ]


def details(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Return what :func:`measure` has no room for: ``reliability`` and ``mistakes``, as JSON
    values.
    """
    return {
        "reliability": [asdict(row) for row in reliability(probabilities, labels)],
        "mistakes": [asdict(row) for row in mistakes(probabilities, labels)],
    }


def evaluate(
    classifier: Classifier, dataset: Dataset, split: str = "all", tta: TTA = "served"
) -> Evaluation:
    """Measure the exported file itself, so the figure is that of what is served.

    Args:
        classifier: the loaded model.
        dataset: labelled faces.
        split: one of FER2013's splits, or ``all``.
        tta: see :data:`TTA`.

    Raises:
        ModelError: ``none`` was asked of a file that has the flip built in.
    """
    chosen = dataset.split(split)
    return measure(predict(classifier, chosen.faces, tta), chosen.labels)


def predict(classifier: Classifier, faces: np.ndarray, tta: TTA = "served") -> np.ndarray:
    """Return probabilities ``(N, 7)`` of faces ``(N, 48, 48)`` with test-time augmentation.

    The classifier's class prior is applied to their mean.
    """
    built_in = classifier.card.tta
    if tta == "none" and built_in != "none":
        raise ModelError(f"{classifier.name} has '{built_in}' built in; use --tta served.")
    if tta in ("served", "none"):
        return classifier.assume(classifier.predict_faces(faces))
    views = [faces]
    if tta == "ten":
        views += [moved(faces, y, x) for y in (-MOVE, MOVE) for x in (-MOVE, MOVE)]
    if built_in != "flip":
        views += [view[:, :, ::-1] for view in views]
    mean = np.mean([classifier.predict_faces(view) for view in views], axis=0)
    return classifier.assume(mean)


def moved(faces: np.ndarray, down: int, right: int) -> np.ndarray:
    """Return faces ``(N, 48, 48)`` moved by whole pixels, the border reflected."""
    m = max(abs(down), abs(right))
    wide = np.pad(faces, ((0, 0), (m, m), (m, m)), mode="reflect")
    h, w = faces.shape[1:]
    return wide[:, m - down : m - down + h, m - right : m - right + w]


def hard(
    classifier: Classifier,
    dataset: Dataset,
    split: str = "all",
    tta: TTA = "served",
    seed: int = 0,
    on_progress: Callable[[float], None] | None = None,
) -> dict[str, Evaluation]:
    """Return the figures under each of :data:`CONDITIONS`; see :func:`evaluate`."""
    chosen = dataset.split(split)
    found = {}
    for name in CONDITIONS:
        said = predict(classifier, under(name, chosen.faces, seed), tta)
        found[name] = measure(said, chosen.labels)
        if on_progress:
            on_progress(len(found) / len(CONDITIONS))
    return found
