"""Metrics against figures worked out by hand."""

import numpy as np
import pytest

from fer_core.evaluation import calibration_error, measure

#: Four faces: Angry right at 0.7, Happy right at 0.9, Sad taken for Happy at 0.5,
#: Neutral right at 0.4.
PROBABILITIES = np.array(
    [
        [0.7, 0, 0, 0.3, 0, 0, 0],
        [0, 0, 0, 0.9, 0.1, 0, 0],
        [0, 0, 0, 0.5, 0.3, 0.2, 0],
        [0.3, 0, 0, 0, 0.3, 0, 0.4],
    ]
)
LABELS = np.array([0, 3, 4, 6])


def test_figures() -> None:
    result = measure(PROBABILITIES, LABELS)
    assert result.n == 4
    assert result.accuracy == 0.75
    assert result.log_loss == pytest.approx(-np.mean(np.log([0.7, 0.9, 0.3, 0.4])))
    assert result.per_class["Happy"] == {
        "precision": 0.5,
        "recall": 1.0,
        "f1": pytest.approx(2 / 3),
        "support": 1,
    }
    # Four of seven emotions occur; those that do not count as zero, as the report does.
    assert result.macro_f1 == pytest.approx((1 + 2 / 3 + 0 + 1) / 7)


def test_confusion_matrix_has_labels_in_rows() -> None:
    matrix = np.array(measure(PROBABILITIES, LABELS).confusion_matrix)
    assert matrix[4, 3] == 1 and matrix[3, 4] == 0
    assert matrix.sum() == 4


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    # A hundred faces at 0.8, of which 60 are right: the gap is 0.2.
    probabilities = np.tile([0.8, 0.2, 0, 0, 0, 0, 0], (100, 1))
    labels = np.array([0] * 60 + [1] * 40)
    assert calibration_error(probabilities, labels) == pytest.approx(0.2)
    assert calibration_error(probabilities, np.array([0] * 80 + [1] * 20)) == pytest.approx(0.0)
