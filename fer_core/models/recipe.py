"""The recipe by which a model was trained, as its card and its run store it."""

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from fer_core import renamed

#: How deep the values of an option may lie in each other.
_DEEPEST: Final = 20


class Augmentation(BaseModel):
    """How far a training face may vary. The defaults are the report's set."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    rotation: float = Field(10.0, ge=0, le=90, description="Largest rotation, in degrees.")
    shift: float = Field(0.1, ge=0, le=0.5, description="Largest shift, as a share of the side.")
    zoom: float = Field(0.1, ge=0, le=0.5, description="Largest change of size, as a share.")
    crop: float = Field(
        0.0, ge=0, le=0.5, description="Largest share of the side that a random crop cuts away."
    )
    flip: bool = Field(True, description="Mirror half of the faces.")
    brightness: float = Field(0.0, ge=0, le=0.5, description="Largest shift, as a share of 255.")
    contrast: float = Field(0.0, ge=0, lt=1, description="Largest change of contrast, as a share.")
    blur: float = Field(0.0, ge=0, le=1, description="Share of faces that are blurred.")
    erase: float = Field(0.0, ge=0, le=1, description="Share of faces with one box erased.")
    noise: float = Field(0.0, ge=0, le=1, description="Share of faces with a sensor's noise.")
    jpeg: float = Field(0.0, ge=0, le=1, description="Share of faces that are poor JPEGs.")


class Recipe(BaseModel):
    """Everything that decides how a network is trained."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    model: str = Field(description="Architecture, see fer_core.models.architectures.registry.")
    model_options: dict[str, Any] = Field(
        {}, description="Options of the network, such as dropout."
    )
    weights: str = Field(
        "none",
        description="What the network starts from: none (from scratch), a named set, a trained "
        "model, or a file.",
    )
    data: str = Field(description="Dataset: a path, or 'demo'.")
    votes: Path | None = Field(None, description="FER+ votes that belong to the dataset.")
    relabel: bool = Field(False, description="Labels by majority of the votes.")
    drop_not_faces: bool = Field(False, description="Leave out what the votes call no face.")
    corrections: Path | None = Field(
        None, description="Of labels: 'saved' for this machine's, or a CSV of the Dataset page."
    )
    mix: dict[str, float] = Field(
        {}, description="Further datasets, each with its weight; that of 'data' is 1."
    )
    detector: str | None = Field(None, description="Finds the faces where 'data' is photos.")
    label_order: str | None = Field(
        None,
        description="What numeric labels of 'data' mean: fer2013, affectnet, rafdb, ckplus, or "
        "names.",
    )
    mix_label_order: dict[str, str] = Field(
        {}, description="The same of further datasets, by dataset."
    )
    skip_bad: bool = Field(False, description="Go on without rows or files that are wrong.")
    votes_share: float = Field(
        0.0, ge=0, le=1, description="Weight of the votes in the targets; the label has the rest."
    )
    teacher: str | None = Field(
        None, description="A trained model, ensembles too, whose word is part of the targets."
    )
    teacher_share: float = Field(
        0.5, ge=0, le=1, description="Weight of its word; label and votes share the rest."
    )
    teacher_temperature: float = Field(
        1.0, gt=0, le=20, description="Above 1 its word is softened, see fer_core.train.teacher."
    )
    teacher_sees: Literal["clean", "augmented"] = Field(
        "clean",
        description="The faces as they are, once and both ways round, or every augmented face.",
    )
    epochs: int = Field(60, ge=1, le=10_000, description="Times through the training faces.")
    batch_size: int = Field(128, ge=1, le=4096, description="Faces per update.")
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of everything random.")

    optimizer: Literal["sgd", "adam", "adamw"] = Field(
        "adam", description="SGD has Nesterov momentum 0.9."
    )
    learning_rate: float = Field(1e-3, gt=0, le=10, description="The rate, or its peak.")
    schedule: Literal["plateau", "onecycle", "cosine", "constant"] = Field(
        "plateau",
        description="Plateau: times plateau_factor after plateau_patience epochs without a "
        "better validation figure. One-cycle: up to the rate, then down to nothing. Cosine: "
        "from the rate down to nothing, 'cycles' times.",
    )
    cycles: int = Field(
        1, ge=1, le=100, description="Of the cosine; the weights at the end of each are kept."
    )
    warmup: float = Field(0.15, ge=0, lt=1, description="Share of the steps before the peak.")
    plateau_patience: int = Field(
        12, ge=1, description="Epochs without a better figure before a plateau lowers the rate."
    )
    plateau_factor: float = Field(
        0.1, gt=0, lt=1, description="What the rate is multiplied by on a plateau."
    )
    weight_decay: float = Field(0.0, ge=0, le=1, description="Decoupled, on kernels only.")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Share given to all classes.")
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="Balanced: every emotion counts the same in the loss."
    )
    mixup: float = Field(
        0.0,
        ge=0,
        le=10,
        description="Alpha of mixup (arXiv 1710.09412); 0: none.",
    )
    ema: float = Field(
        0.0, ge=0, lt=1, description="Momentum of the weight average that is kept; 0 for none."
    )
    precision: Literal["float32", "mixed_bfloat16"] = Field(
        "float32", description="Type that layers compute in; bfloat16 is up to twice as fast."
    )
    monitor: Literal["accuracy", "loss"] = Field(
        "accuracy",
        description="Which validation figure plateau and early stopping watch. The weights kept "
        "are always those of the best accuracy.",
    )
    early_stopping: int = Field(
        50, ge=0, description="Epochs without a better figure before the end; 0: none."
    )
    strategy: Literal["none", "mirrored", "multiworker"] = Field(
        "none", description="Several devices or machines, see fer_core.train.strategy."
    )
    tensorboard: bool = Field(False, description="Write TensorBoard events as well.")
    augmentation: Augmentation = Field(default_factory=Augmentation)

    @field_validator("corrections")
    @classmethod
    def _renamed(cls, value: Path | None) -> Path | None:
        return (
            value if value is None else Path(renamed.current_name(str(value), renamed.CORRECTIONS))
        )

    @field_validator("model_options")
    @classmethod
    def _not_too_deep(cls, value: dict[str, Any]) -> dict[str, Any]:
        # What is deeper than any option of ours could not even be written as JSON again.
        layer, depth = list(value.values()), 0
        while layer := [
            one
            for part in layer
            if isinstance(part, dict | list)
            for one in (part.values() if isinstance(part, dict) else part)
        ]:
            depth += 1
            if depth > _DEEPEST:
                raise ValueError("the options are nested too deeply")
        return value
