"""How good a model is: metrics, confusion matrix, calibration, report."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from sklearn import metrics

from fer_core.classifier import Classifier
from fer_core.datasets.base import Dataset
from fer_core.emotions import EMOTIONS
from fer_core.errors import ModelError

#: What happens to a face at test time: as the exported file does it, nothing, or the
#: mean over the face and its mirror image.
TTA = Literal["served", "none", "flip"]


@dataclass(frozen=True)
class Evaluation:
    """Figures of one model on one set of faces.

    Attributes:
        accuracy: share of faces whose most probable emotion is the label.
        macro_f1: mean F1 over the seven emotions.
        log_loss: mean negative log-likelihood of the labels, in nats.
        ece: expected calibration error over 15 equal bins of confidence
            (Guo et al. 2017, arXiv 1706.04599), 0 to 1.
        n: number of faces.
        confusion_matrix: 7×7 counts, rows are labels, columns predictions.
        per_class: precision, recall, F1 and support of each emotion.
    """

    accuracy: float
    macro_f1: float
    log_loss: float
    ece: float
    n: int
    confusion_matrix: list[list[int]]
    per_class: dict[str, dict[str, float]]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def measure(probabilities: np.ndarray, labels: np.ndarray) -> Evaluation:
    """Figures from predictions.

    Args:
        probabilities: ``(N, 7)``, rows sum to 1.
        labels: ``(N,)``, 0 to 6.
    """
    predicted = probabilities.argmax(axis=1)
    classes = range(len(EMOTIONS))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        labels, predicted, labels=classes, zero_division=0
    )
    likelihood = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return Evaluation(
        accuracy=float((predicted == labels).mean()),
        macro_f1=float(np.mean(f1)),
        log_loss=float(-np.log(np.maximum(likelihood, 1e-12)).mean()),
        ece=calibration_error(probabilities, labels),
        n=len(labels),
        confusion_matrix=metrics.confusion_matrix(labels, predicted, labels=classes).tolist(),
        per_class={
            emotion: {
                "precision": float(precision[i]),
                "recall": float(recall[i]),
                "f1": float(f1[i]),
                "support": int(support[i]),
            }
            for i, emotion in enumerate(EMOTIONS)
        },
    )


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error: how far confidence lies from accuracy, on average."""
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(correct[which == b].mean() - confidence[which == b].mean()) * (which == b).mean()
        for b in range(bins)
        if (which == b).any()
    ]
    return float(np.sum(gaps))


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
    """Probabilities ``(N, 7)`` of faces ``(N, 48, 48)`` with test-time augmentation."""
    built_in = classifier.card.tta
    if tta == "none" and built_in != "none":
        raise ModelError(f"{classifier.name} has '{built_in}' built in; use --tta served.")
    probabilities = classifier.predict_faces(faces)
    if tta == "flip" and built_in == "none":
        probabilities = (probabilities + classifier.predict_faces(faces[:, :, ::-1])) / 2
    return probabilities
