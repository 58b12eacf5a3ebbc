"""A model's card: what it is, how it was made, how good it is, and what it is not for."""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

#: What a model's name looks like: no path leads out of the models' folder.
NAME: Final = r"[a-z0-9][a-z0-9_.-]{0,63}"

#: How an exported file keeps its weights.
Stored = Literal["float32", "float16", "int8"]


class Card(BaseModel):
    """The content of ``card.json`` in a model folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=rf"^{NAME}$")
    title: str
    architecture: str
    reference: str = ""
    created: str = Field(description="Date, ISO 8601.")
    parameters: int = Field(ge=0)
    exported: str = Field("model.tflite", description="Which of the files is served.")
    files: dict[str, str] = Field(description="SHA-256 of each file of the folder.")
    sizes: dict[str, int] = Field(description="Bytes of each file of the folder.")
    temperature: float = Field(1.0, gt=0, description="Divides the logits; fitted on PublicTest.")
    tta: Literal["none", "flip", "mixed"] = Field(
        "none", description="Built into the exported file; mixed: into some members' files."
    )
    stored: Stored = Field("float32", description="The weights of the exported file.")
    members: dict[str, float] = Field(
        {}, description="Models that vote in an ensemble, each with its weight."
    )
    licence: str = ""
    starting_weights: str = "none, trained from scratch"
    data: str = ""
    recipe: dict[str, Any] = Field({}, description="The training configuration.")
    command: str = Field("", description="What was run to train it.")
    training: dict[str, Any] = Field({}, description="Backend, minutes, epochs, best epoch.")
    notes: str = Field("", description="What else there is to know of how it was made.")
    figures: dict[str, dict[str, Any]] = Field(
        {}, description="Per split: accuracy, macro_f1, log_loss, ece, n, confusion_matrix, …"
    )
    hard: dict[str, float] = Field(
        {}, description="Accuracy on PublicTest under fer_core.evaluation.conditions.CONDITIONS."
    )
    speed: dict[str, Any] = Field({}, description="Milliseconds per face, and where measured.")


INTENDED = (
    "Reading the expression that a face shows in a picture or video, for demonstration, "
    "teaching and research, and with the knowledge of the people shown."
)
UNINTENDED = (
    "Concluding what a person feels, thinks or intends; decisions about people; people at "
    "work or in education, where the European AI Act, Article 5(1)(f), prohibits inferring "
    "emotions except for medical or safety reasons."
)
LIMITS = (
    "A face shows an expression; what a person feels is not in the picture (Barrett et al. "
    "2019, *Emotional expressions reconsidered*). FER2013 was collected from the web with "
    "search words and holds posed faces, wrong labels and cartoons: people agree with its "
    "labels on about 65 ± 5 % of the faces. Age, skin, culture, pose, light and occlusion "
    "are represented unevenly, and accuracy for a group of people was not measured. Disgust "
    "and fear are recognised least. The copy of FER2013 used here was rebuilt from public "
    "sources: figures compare with published ones to about ±0.2 points."
)
