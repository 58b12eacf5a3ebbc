"""A trained model as the teacher of a new one (Hinton et al. 2015, arXiv 1503.02531).

What the teacher thinks of a face takes a share of its target: a small network learns more
from "Fear, but it could be surprise" than from "Fear".
"""

from typing import TYPE_CHECKING

import numpy as np

from fer_core.calibration import with_temperature
from fer_core.classifier import load_classifier
from fer_core.datasets.cache import cached
from fer_core.datasets.identity import digest
from fer_core.evaluation import predict

if TYPE_CHECKING:
    from fer_core.train.runs import TrainingRun


class Teacher:
    """What a model of the catalogue, ensembles too, says of training faces."""

    def __init__(self, run: "TrainingRun", faces: np.ndarray) -> None:
        """Ask the teacher of ``run`` about its training faces, once per run.

        Args:
            run: its configuration names the teacher; the answers stay in ``teacher.npz``,
                so that a resumed run hears the same, wherever it goes on.
            faces: ``(N, 48, 48)``, the training faces.

        Raises:
            ModelError: there is no such model.
        """
        config = run.config
        self._temperature = config.teacher_temperature
        self._live = config.teacher_sees == "augmented"
        if self._live:
            self._classifier = load_classifier(config.teacher)
            return
        if not (run.path / "teacher.npz").exists():
            run.save_arrays("teacher.npz", {"said": [answers(config.teacher, faces)]})
        self._said = run.load_arrays("teacher.npz")["said"][0]

    def targets(self, rows: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Return its probabilities, softened by the temperature.

        Args:
            rows: ``(B,)``, which training faces.
            faces: ``(B, 48, 48)``: the same as augmentation made them.

        Returns:
            ``(B, 7)`` ``float32``; rows sum to 1.
        """
        said = self._classifier.predict_faces(faces) if self._live else self._said[rows]
        return with_temperature(said, self._temperature)


def answers(teacher: str | None, faces: np.ndarray) -> np.ndarray:
    """Return what a model says of faces ``(N, 48, 48)``, both ways round: ``(N, 7)``.

    It is kept in the cache, since one teacher often has many pupils.
    """
    classifier = load_classifier(teacher)

    def ask() -> dict[str, np.ndarray]:
        return {"said": predict(classifier, faces, "flip")}

    key = [digest(faces), classifier.card.files[classifier.card.exported]]
    return cached("teacher", key, ask)["said"]
