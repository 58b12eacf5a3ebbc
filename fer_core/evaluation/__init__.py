"""How good a model is: metrics, calibration error, hard conditions, stored predictions."""

from fer_core.evaluation.metrics import (
    MOVE,
    TTA,
    Evaluation,
    Mistake,
    details,
    evaluate,
    hard,
    measure,
    mistakes,
    moved,
    predict,
)

__all__ = [
    "MOVE",
    "TTA",
    "Evaluation",
    "Mistake",
    "details",
    "evaluate",
    "hard",
    "measure",
    "mistakes",
    "moved",
    "predict",
]
