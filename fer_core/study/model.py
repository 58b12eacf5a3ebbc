"""What ``study.json`` holds, as typed models."""

import math
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from fer_core.errors import FerError
from fer_core.video.result import SMOOTHING, VideoOptions

#: Version of ``study.json``.
SCHEMA: Final = 1
#: In which setting people are recorded; in two of them the EU prohibits inferring emotions.
Setting = Literal["research", "work", "education", "medical", "other"]
SETTINGS: Final[tuple[Setting, ...]] = ("research", "work", "education", "medical", "other")
#: Said before a recording from one of these settings is added.
NOTICE: Final = (
    "In the European Union, inferring emotions of people at work or in education is prohibited "
    "except for medical or safety reasons (AI Act, Article 5(1)(f)); elsewhere whoever uses such a "
    "system must tell the people exposed to it (Article 50(3))."
)


class StudyError(FerError):
    """A study cannot be read, or does not allow what was asked for."""


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("it must be a finite number")
    return value


def _moment(value: str) -> str:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("it must be a time, such as 2026-03-31T12:00:00+00:00") from None
    return value


_Number = Annotated[float, AfterValidator(_finite)]
_Time = Annotated[str, AfterValidator(_moment)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class Baseline(_Part):
    """What the means of a person are compared with.

    Attributes:
        kind: ``none``; ``event``: an event of the same recording; ``recording``: another recording
            of the same person; ``window``: some seconds before each event.
        event: Name of the event, for ``event``.
        task: Stimulus or task of the recording that is the baseline, for ``recording``.
        seconds: Length of the window, for ``window``.
    """

    kind: Literal["none", "event", "recording", "window"] = "none"
    event: str = ""
    task: str = ""
    seconds: Annotated[_Number, Field(gt=0)] = 2.0

    def in_words(self) -> str:
        """Return it for people.

        >>> Baseline(kind="event", event="rest").in_words()
        'event rest'
        """
        words = {
            "none": "none",
            "event": f"event {self.event}",
            "recording": f"recording {self.task}",
            "window": f"{self.seconds:g} s before each event",
        }
        return words[self.kind]


class QualityRules(_Part):
    """When a sampled frame is valid; ``None`` and false ask nothing, what is unknown is valid.

    Attributes:
        head_turn: Degrees that the head may be turned to either side.
        face_width: Pixels that the face has at least.
        sharpness: At least, see ``docs/table.md``.
        darkest: Brightness at least, 0 to 1.
        brightest: Brightness at most, 0 to 1.
        alone: Leave out frames in which several people are seen.
        sure: Leave out frames marked as unsure.
        share: Share of an event's time that must be valid, 0 to 1.
    """

    head_turn: Annotated[_Number, Field(gt=0)] | None = 45.0
    face_width: Annotated[_Number, Field(ge=0)] | None = None
    sharpness: Annotated[_Number, Field(ge=0)] | None = None
    darkest: Annotated[_Number, Field(ge=0, le=1)] | None = None
    brightest: Annotated[_Number, Field(ge=0, le=1)] | None = None
    alone: bool = False
    sure: bool = False
    share: Annotated[_Number, Field(ge=0, le=1)] = 0.5


class Video(_Part):
    """The video of a recording.

    Attributes:
        path: Where it is: relative to the study's folder for a copy of the study's own.
        sha256: Of its content.
        size: Bytes.
        copied: Whether it is a copy in the study's folder.
    """

    path: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]
    copied: bool = False

    def without_copy(self) -> "Video":
        """Return what is still known of it when the study's copy is gone."""
        return self.model_copy(update={"path": "", "copied": False})


class Recording(_Part):
    """One recording of a participant.

    Attributes:
        id: Its name in the study, which is the name of its files.
        participant: Code of the participant.
        kind: A recorded video, or a saved live session.
        source: File or session as it was given.
        task: Stimulus or task shown in it; may be empty.
        person: Number of the face that is the participant; ``None`` while nobody was seen.
        also: Further numbers of the participant, where tracking took one person for several.
        seconds: Length.
        consent: Date on which the participant consented, ``YYYY-MM-DD``.
        setting: In which setting it was recorded.
        video: The video, where there is one.
        options: How the video was analysed, see :class:`fer_core.video.result.VideoOptions`.
        problems: Sentences on what was wrong with the file.
    """

    id: Annotated[str, Field(pattern=r"^[^\x00-\x1f/\\]{1,120}$")]
    participant: Annotated[str, Field(min_length=1)]
    kind: Literal["video", "live"]
    source: str
    task: str = ""
    person: int | None
    also: list[int] = []
    seconds: Annotated[_Number, Field(ge=0)]
    consent: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    setting: Setting
    video: Video | None = None
    options: dict[str, Any] = {}
    problems: list[str] = []

    @property
    def faces(self) -> list[int]:
        """Return every number of the participant, the first one first."""
        return [] if self.person is None else [self.person, *self.also]


class StudyFile(_Part):
    """All of ``study.json``.

    Attributes:
        name: Of the study.
        created: Time, ISO 8601 with its zone.
        model: Model that analyses every recording.
        class_prior: Text of the class prior of every recording.
        fps: Frames a second that are sampled.
        detector: Face detector.
        smoothing: Time constant in seconds over which the stored values are averaged.
        threshold: Probability above which an emotion counts as shown.
        baseline: What means are compared with.
        quality: When frames and events are valid.
        pattern: How file names are read, see :mod:`fer_core.study.patterns`.
        group: Column of ``participants.tsv`` that says who is in which group.
        recordings: The recordings, in the order in which they were added.
        tables: Folder of their tables; it changes with the model.
        example: Whether this is the example study.
    """

    schema_version: Annotated[int, Field(alias="schema")] = SCHEMA
    name: Annotated[str, Field(min_length=1)]
    created: _Time
    model: str
    class_prior: str
    fps: Annotated[_Number, Field(ge=0)] = 5.0
    detector: str = "auto"
    smoothing: Annotated[_Number, Field(ge=0, le=60)] = SMOOTHING
    threshold: Annotated[_Number, Field(gt=0, lt=1)] = 0.5
    baseline: Baseline = Baseline()
    quality: QualityRules = QualityRules()
    pattern: str = "{participant}_{group}_{stimulus}"
    group: str = "group"
    recordings: list[Recording] = []
    tables: Literal["recordings", "recordings-2"] = "recordings"
    example: bool = False

    model_config = ConfigDict(extra="forbid", validate_assignment=True, populate_by_name=True)

    def in_words(self) -> str:
        """Return the settings that every measure depends on."""
        return (
            f"smoothing {self.smoothing:g} s, threshold {self.threshold:g}, baseline: "
            f"{self.baseline.in_words()}"
        )

    def options(self) -> VideoOptions:
        """Return how every video of the study is analysed."""
        return VideoOptions(
            fps=self.fps, model=self.model, detector=self.detector, class_prior=self.class_prior
        )


def parse_baseline(text: str) -> Baseline:
    """Return the baseline that a text stands for.

    >>> parse_baseline("event:rest").event
    'rest'

    Raises:
        StudyError: It stands for none.
    """
    kind, _, value = text.partition(":")
    try:
        if kind == "none" and not value:
            return Baseline()
        if kind == "event" and value:
            return Baseline(kind="event", event=value)
        if kind == "recording" and value:
            return Baseline(kind="recording", task=value)
        if kind == "window":
            return Baseline(kind="window", seconds=float(value))
    except ValueError:  # no number, or one that is not above 0
        pass
    raise StudyError(
        f"'{text}' is no baseline: use none, event:NAME, recording:TASK or window:SECONDS."
    )
