"""Picture → faces → emotions, as one result type.

:class:`Analysis` is the one currency: pictures, live frames and video frames all yield
it; drawings, tables and exports all take it.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_core.classifier import Classifier
from fer_core.emotions import EMOTIONS
from fer_core.extras import needed_by
from fer_core.faces import Detection, Detector
from fer_core.preprocess import CROP_SIZE, VIEWS, crop_views
from fer_core.table import COLUMNS

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Face:
    """One face and how it looks.

    Attributes:
        detection: Where it is, as the detector found it.
        probabilities: seven, in the order of ``EMOTIONS``; they sum to 1.
        person: number that follows a person through a video, or ``None``.
        label: the emotion that a moving picture is called by, held so that it does not
            flicker between two near-equal ones; ``None`` for the most probable.
    """

    detection: Detection
    probabilities: tuple[float, ...]
    person: int | None = None
    label: str | None = None

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Return ``(x, y, w, h)`` in pixels of the original picture."""
        return self.detection.box

    @property
    def emotion(self) -> str:
        """The most probable emotion, or the ``label`` that is held."""
        return self.label or EMOTIONS[int(np.argmax(self.probabilities))]

    @property
    def confidence(self) -> float:
        """Its probability."""
        return self.probabilities[EMOTIONS.index(self.emotion)]

    def ranked(self) -> list[tuple[str, float]]:
        """Emotions with their probabilities, the most probable first."""
        pairs = zip(EMOTIONS, self.probabilities, strict=True)
        return sorted(pairs, key=lambda pair: pair[1], reverse=True)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values, ``box`` in whole pixels."""
        return {
            "box": [round(v) for v in self.box],
            "score": self.detection.score,
            "roll": self.detection.roll,
            "emotion": self.emotion,
            "confidence": self.confidence,
            "probabilities": dict(zip(EMOTIONS, self.probabilities, strict=True)),
        } | ({"person": self.person} if self.person is not None else {})


@dataclass(frozen=True)
class Analysis:
    """What was found in one picture or frame.

    Attributes:
        width: of the picture, in pixels.
        height: likewise.
        model: name of the model.
        detector: name of the detector.
        faces: the largest first.
        time: seconds from the start, for a frame of a video.
    """

    width: int
    height: int
    model: str
    detector: str
    faces: tuple[Face, ...] = field(default=())
    time: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        value: dict[str, Any] = {
            "width": self.width,
            "height": self.height,
            "model": self.model,
            "detector": self.detector,
            "faces": [face.to_dict() for face in self.faces],
        }
        return value if self.time is None else {"time": self.time} | value

    def to_rows(self) -> list[list[Any]]:
        """Return one row per face, in the columns :data:`fer_core.table.COLUMNS`."""
        return [
            [
                self.time,
                face.person if face.person is not None else number,
                *face.box,
                face.detection.score,
                *face.probabilities,
                face.emotion,
                face.confidence,
            ]
            for number, face in enumerate(self.faces, start=1)
        ]

    def to_dataframe(self) -> "pd.DataFrame":
        """Return one row per face, in the columns :data:`fer_core.table.COLUMNS`.

        Raises:
            FerError: pandas is not installed.
        """
        # Whoever wants no data frame does not wait for pandas.
        with needed_by("to_dataframe()", "data"):
            import pandas as pd
        # A column of unknown scores alone would be one of objects.
        return pd.DataFrame(self.to_rows(), columns=COLUMNS).astype({"score": float})


def analyze(
    image: np.ndarray,
    classifier: Classifier,
    detector: Detector,
    *,
    largest: bool = False,
    fast: bool = False,
    views: int | None = None,
    time: float | None = None,
) -> Analysis:
    """Find the faces of a picture and the emotions they show.

    Args:
        image: ``(H, W, 3)`` ``uint8``, RGB.
        classifier: a loaded model.
        detector: a loaded detector.
        largest: keep the largest face only, as the report does.
        fast: for moving pictures: the detector's fast search, and one view of each face
            instead of several.
        views: how many views of each face the model sees; without, ``fast`` decides.
        time: seconds from the start of a video, kept with the result.

    >>> analyze(example_portrait(), load_classifier(), get_detector()).faces[0].emotion
    ... # doctest: +SKIP
    'Happy'
    """
    found = find_faces(image, detector, largest=largest, fast=fast, views=views)
    return read_emotions(found, classifier, time=time)


@dataclass(frozen=True, eq=False)
class FoundFaces:
    """The first half of an analysis: all that a classifier needs, the picture no longer.

    Attributes:
        width: of the picture, in pixels.
        height: likewise.
        detector: name of the detector.
        detections: the largest face first.
        views: ``(N, V, 192, 192, 3)`` ``uint8``, RGB, see
            :func:`fer_core.preprocess.crop_views`.
    """

    width: int
    height: int
    detector: str
    detections: tuple[Detection, ...]
    views: np.ndarray

    @property
    def crops(self) -> np.ndarray:
        """``(N, 192, 192, 3)`` ``uint8``, RGB: each face in its own frame."""
        return self.views[:, 0]


def find_faces(
    image: np.ndarray,
    detector: Detector,
    *,
    largest: bool = False,
    fast: bool = False,
    views: int | None = None,
) -> FoundFaces:
    """Find the faces of a picture and cut them out; see :func:`analyze`."""
    found = detector.detect(image, fast=fast)
    detections = tuple(found[: 1 if largest else None])
    number = views or (1 if fast else len(VIEWS))
    crops = np.empty((len(detections), number, CROP_SIZE, CROP_SIZE, 3), np.uint8)
    for of_face, face in zip(crops, detections, strict=True):
        of_face[:] = crop_views(image, face.square, face.roll or 0.0, number)
    height, width = image.shape[:2]
    return FoundFaces(width, height, detector.name, detections, crops)


def read_emotions(
    found: FoundFaces, classifier: Classifier, *, time: float | None = None
) -> Analysis:
    """The emotions of faces that were found before; see :func:`analyze`."""
    number = found.views.shape[1]
    probabilities = classifier.predict(found.views.reshape(-1, CROP_SIZE, CROP_SIZE, 3))
    probabilities = probabilities.reshape(-1, number, len(EMOTIONS)).mean(axis=1)
    faces = tuple(
        Face(detection, tuple(float(p) for p in row))
        for detection, row in zip(found.detections, probabilities, strict=True)
    )
    return Analysis(found.width, found.height, classifier.name, found.detector, faces, time)
