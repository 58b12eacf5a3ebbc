"""What a training of a plan takes on this machine."""

from typing import Final

from fer_core.datasets import Dataset
from fer_core.errors import ModelError
from fer_core.models.catalogue import find_model
from fer_core.train import estimate
from fer_core.train.config import TrainConfig
from fer_core.train.plan_order import Cost

#: Seconds for making a model and measuring it on PublicTest.
PUBLISHING: Final = 60.0
#: How many times as quick a face is validated as learnt from.
_VALIDATES_QUICKER: Final = 3


def cost(config: TrainConfig, rate: float, dataset: Dataset, *, teacher: bool = True) -> Cost:
    """Return what a run takes.

    Args:
        config: Of the run.
        rate: Training faces per second.
        dataset: What it is trained on.
        teacher: Whether its teacher has still to be asked.
    """
    faces = int((dataset.usage == "Training").sum())
    validated = int((dataset.usage == "PublicTest").sum())
    besides = estimate.START + PUBLISHING
    if teacher and config.teacher:
        besides += _teacher_seconds(config.teacher, faces)
    return Cost((faces + validated / _VALIDATES_QUICKER) / rate, besides)


def _teacher_seconds(teacher: str, faces: int) -> float:
    """Return how long a teacher takes for every training face, both ways round."""
    try:
        card = find_model(teacher).card
    except ModelError:
        return 0.0  # a model that is still to be made
    views = 1 if card.tta == "flip" else 2
    return views * faces * card.speed.ms_per_face / 1000 if card.speed else 0.0
