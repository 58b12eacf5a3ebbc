"""A model's card: what it is, how it was made, how good it is, and what it is not for."""

import json
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from fer_core.emotions import EMOTIONS
from fer_core.errors import ModelError
from fer_core.models.recipe import Recipe

#: What a model's name looks like: no path leads out of the models' folder.
NAME: Final = r"[a-z0-9][a-z0-9_.-]{0,63}"
#: What an ensemble's folder holds in place of a network.
ENSEMBLE: Final = "ensemble.json"

#: The name of the dataset that is known by its published counts, whatever its checksum.
FER2013: Final = "FER2013"

#: The architecture of a network that was trained elsewhere, see ``fer_core.zoo.foreign``.
FOREIGN: Final = "imported"

#: How an exported file keeps its weights.
Stored = Literal["float32", "float16", "int8"]


class _Part(BaseModel):
    """A part of a card: unknown fields are errors, and nothing changes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ClassFigures(_Part):
    """How well one emotion is recognised; ``None`` where no face has this label."""

    precision: float | None = Field(ge=0, le=1)
    recall: float | None = Field(ge=0, le=1)
    f1: float | None = Field(ge=0, le=1)
    support: int = Field(ge=0, description="Faces with this label.")


class MeasuredOn(NamedTuple):
    """The dataset of a figure: figures of two equal ones can be compared.

    Attributes:
        dataset: Its name.
        checksum: Of its faces and labels; ``None`` of FER2013, which is known by its counts.
    """

    dataset: str
    checksum: str | None

    def __str__(self) -> str:
        """Return it for people; two datasets of one name differ in the digits."""
        return self.dataset + (f" ({self.checksum[:6]})" if self.checksum else "")


class PersonInterval(_Part):
    """The 95 % interval of an accuracy by bootstrap over people, whose pictures are alike."""

    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)
    persons: int = Field(ge=1, description="Number of people.")


class Figures(_Part):
    """How good the exported file is on one split of one dataset, with one class prior.

    Figures of different datasets are never compared or ranked together.
    """

    dataset: str = Field(description="Name of the dataset, FER2013 by its published counts.")
    checksum: str | None = Field(
        None, description="Of the decoded faces and labels; None where nobody computed it."
    )
    split: str = Field(description="Training, PublicTest, PrivateTest, or 'all'.")
    class_prior: str = Field("as-trained", description="The prior that was applied.")
    accuracy: float = Field(ge=0, le=1)
    macro_f1: float = Field(ge=0, le=1, description="Mean F1 of the emotions that occur.")
    log_loss: float = Field(ge=0, description="Mean negative log-likelihood, in nats.")
    ece: float = Field(ge=0, le=1, description="Expected calibration error, 15 bins.")
    n: int = Field(ge=0, description="Number of faces.")
    interval: PersonInterval | None = Field(
        None, description="Of the accuracy where people are known; else it follows from n."
    )
    classes: int | None = Field(
        None, ge=0, le=7, description="How many emotions occur; None on cards that do not say."
    )
    confusion_matrix: list[list[int]] = Field(
        description="7×7 counts: rows are labels, columns predictions."
    )
    per_class: dict[str, ClassFigures]
    conditions: dict[str, float] = Field(
        {}, description="Accuracy on these faces under evaluation.conditions.CONDITIONS."
    )
    evaluated_at: list[str] = Field([], description="When this split was evaluated, ISO 8601.")

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, value: Any) -> Any:
        # Cards were written with "looked" until version 0.1.
        if isinstance(value, dict) and "looked" in value:
            value = {("evaluated_at" if k == "looked" else k): v for k, v in value.items()}
        return value

    @property
    def macro_recall(self) -> float | None:
        """Return the mean recall of the emotions that occur."""
        found = [row.recall for row in self.per_class.values() if row.recall is not None]
        return sum(found) / len(found) if found else None

    @property
    def measured_on(self) -> MeasuredOn | None:
        """Return the dataset; ``None`` where it is not known, so that nothing can be compared."""
        if self.dataset == FER2013:
            return MeasuredOn(FER2013, None)
        return MeasuredOn(self.dataset, self.checksum) if self.checksum else None

    @field_validator("confusion_matrix")
    @classmethod
    def _seven_by_seven(cls, value: list[list[int]]) -> list[list[int]]:
        if len(value) != len(EMOTIONS) or any(len(row) != len(EMOTIONS) for row in value):
            raise ValueError("a confusion matrix has seven rows of seven counts")
        return value

    @field_validator("per_class")
    @classmethod
    def _every_emotion(cls, value: dict[str, ClassFigures]) -> dict[str, ClassFigures]:
        if set(value) != set(EMOTIONS):
            raise ValueError("figures per class name each of the seven emotions once")
        return value


class Training(_Part):
    """How the training of a model went."""

    epochs: int = Field(ge=0)
    best_epoch: int | None = Field(None, description="Whose weights PublicTest chose.")
    minutes: float = Field(ge=0)
    backend: str | None = Field(None, description="Of Keras.")
    machine: str


class Speed(_Part):
    """How fast a model answers."""

    ms_per_face: float = Field(gt=0, description="Milliseconds, one face at a time.")
    machine: str


class ClassFrequencies(_Part):
    """Faces of each emotion in the training data."""

    angry: int = Field(ge=0)
    disgust: int = Field(ge=0)
    fear: int = Field(ge=0)
    happy: int = Field(ge=0)
    sad: int = Field(ge=0)
    surprise: int = Field(ge=0)
    neutral: int = Field(ge=0)


class Temperatures(_Part):
    """What divides the logits, fitted on PublicTest for each class prior."""

    as_trained: float = Field(1.0, gt=0)
    uniform: float | None = Field(None, gt=0)
    recommended: float | None = Field(None, gt=0)


class Card(_Part):
    """The content of ``card.json`` in a model folder, version 2."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True
    )

    schema_version: Literal[2] = Field(2, alias="schema")
    name: str = Field(pattern=rf"^{NAME}$")
    title: str
    architecture: str
    reference: str = ""
    created: str = Field(description="Date, ISO 8601.")
    parameters: int = Field(ge=0, le=10**15)
    exported: str = Field("model.tflite", description="Which of the files is served.")
    files: dict[str, str] = Field(description="SHA-256 of each file of the folder.")
    sizes: dict[str, int] = Field(description="Bytes of each file of the folder.")
    temperatures: Temperatures = Temperatures()
    prior_strength: float | None = Field(
        None, ge=0, le=1, description="Strength of the class prior 'recommended'."
    )
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
    class_frequencies: ClassFrequencies | None = Field(
        None, description="Of the training data; None where they are unknown."
    )
    recipe: Recipe | None = Field(None, description="The training configuration.")
    command: str = Field("", description="What was run to train it.")
    training: Training | None = None
    notes: str = Field("", description="What else there is to know of how it was made.")
    figures: list[Figures] = []
    speed: Speed | None = None

    @field_validator("created")
    @classmethod
    def _is_a_date(cls, value: str) -> str:
        datetime.fromisoformat(value)
        return value

    @model_validator(mode="after")
    def _hangs_together(self) -> "Card":
        if self.exported not in self.files or self.exported not in self.sizes:
            raise ValueError("the file that is served is none of the files")
        if self.members and self.exported != ENSEMBLE:
            raise ValueError("what is no ensemble has no members")
        if self.name in self.members:
            raise ValueError("the model is a member of itself")
        return self

    @property
    def drawn(self) -> bool:
        """Return whether the model learned only from faces that the program draws."""
        if self.recipe is not None:
            return self.recipe.data == "demo" and not self.recipe.mix
        return self.data == DRAWN  # an ensemble has the data of its members

    def frequencies(self) -> tuple[float, ...] | None:
        """Return how frequent each emotion was in training, as shares that sum to 1.

        Balanced class weights make all emotions count alike. ``None`` where it is unknown; an
        ensemble has no frequencies of its own.
        """
        counts = self.class_frequencies
        if counts is None:
            return None
        if self.recipe and self.recipe.class_weights == "balanced":
            return (1 / len(EMOTIONS),) * len(EMOTIONS)
        of = [getattr(counts, emotion.lower()) for emotion in EMOTIONS]
        return tuple(n / sum(of) for n in of) if sum(of) else None

    def figure(
        self, split: str, class_prior: str = "as-trained", on: MeasuredOn | None = None
    ) -> Figures | None:
        """Return the figures of a split.

        Args:
            split: ``Training``, ``PublicTest``, ``PrivateTest`` or ``all``.
            class_prior: The prior that was applied.
            on: Of which dataset; ``None`` for the one measured first.
        """
        for one in self.figures:
            wanted = on in (None, one.measured_on)
            if wanted and (one.split, one.class_prior) == (split, class_prior):
                return one
        return None

    def with_figures(self, new: Figures) -> "Card":
        """Return a copy that has ``new`` in place of the figures it renews, or besides."""

        def key(one: Figures) -> tuple[str, str | None, str, str]:
            return one.dataset, one.checksum, one.split, one.class_prior

        found = [new if key(one) == key(new) else one for one in self.figures]
        if new not in found:
            found.append(new)
        return self.model_copy(update={"figures": found})

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values, as ``card.json`` holds them."""
        return self.model_dump(mode="json", by_alias=True)


def datasets(cards: Iterable[Card], splits: Collection[str] = ()) -> list[MeasuredOn]:
    """Return the datasets on which models were measured, the one of most models first.

    Args:
        cards: Of the models.
        splits: Count figures of these splits only; of any without.
    """
    found = Counter(
        on
        for card in cards
        for on in {one.measured_on for one in card.figures if not splits or one.split in splits}
        if on is not None
    )

    def order(on: MeasuredOn) -> tuple[int, bool, str]:
        return -found[on], on.dataset != FER2013, on.dataset

    return sorted(found, key=order)


def read_card(text: str | bytes) -> Card:
    """Read the content of a ``card.json`` of this or an earlier version.

    Raises:
        ModelError: A newer version of the program wrote it.
        ValueError: It is damaged; the message says where.
    """
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("the card is nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("a card is a mapping")
    version = value.get("schema", 1)
    if version == 1:
        value = _from_version_1(value)
    elif version != 2:
        raise ModelError(
            f"The card of {value.get('name')!r} was written by a newer version of this program "
            f"(schema {version!r}): install that version."
        )
    return Card.model_validate(value)


def _from_version_1(old: dict[str, Any]) -> dict[str, Any]:
    """Return a card of version 1 as one of version 2."""
    new = {key: value for key, value in old.items() if key not in _CHANGED}
    new |= {"schema": 2, "temperatures": {"as_trained": old.get("temperature", 1.0)}}
    for part in ("recipe", "training", "speed"):
        if old.get(part):
            new[part] = old[part]
    new["figures"] = []
    known = "FER2013" if str(old.get("data", "")).startswith("FER2013") else None
    measured = old.get("figures", {})
    if not isinstance(measured, dict):
        raise ValueError("the figures are no mapping from splits")
    for split, figures in measured.items():
        if not isinstance(figures, dict):
            raise ValueError(f"the figures of {split} are no mapping")
        # What the dataset was is known by the text alone; nobody computed a checksum.
        entry = {"dataset": known or figures.get("dataset") or "unknown", "split": split}
        entry |= {key: value for key, value in figures.items() if key != "dataset"}
        if split == "PublicTest":
            entry["conditions"] = old.get("hard", {})
        new["figures"].append(entry)
    return new


#: Fields that version 2 has in another form.
_CHANGED: Final = {"temperature", "recipe", "training", "speed", "figures", "hard"}


#: What the card of a model says whose faces were drawn, and what to know of such a model.
DRAWN: Final = "Faces drawn by the program."
NOT_FOR_PHOTOS: Final = "Trained on drawn faces, not meant for photos"

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
