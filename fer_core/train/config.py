"""What a training run does: the recipe, as one typed configuration."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fer_core.models.recipe import Recipe


class Fold(BaseModel):
    """Which part of the data a run leaves out of training, to be measured on it afterwards.

    With the seed of the run it decides which faces these are, see :mod:`fer_core.train.folds`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: str = Field(description="Name of the cross-validation.")
    number: int = Field(ge=1, description="Which of the folds, from 1.")
    count: int = Field(ge=2, description="How many folds there are.")
    by: Literal["person", "random"] = Field(
        description="Person: all faces of a person are in the same fold."
    )
    checksum: str = Field(description="Of the faces and labels that are divided.")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.number > self.count:
            raise ValueError(f"there are {self.count} folds, so there is no fold {self.number}")
        return self

    def __str__(self) -> str:
        return f"fold {self.number} of {self.count}"


class TrainConfig(Recipe):
    """The recipe of one run; saved with the run as ``config.json``."""

    fold: Fold | None = Field(None, description="The part of a cross-validation that this run is.")
