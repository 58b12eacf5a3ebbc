"""Picture → faces → emotions, as one result type.

:class:`Analysis` is the one currency: pictures, live frames and video frames all yield
it; drawings, tables and exports all take it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_core.classifier import Classifier
from fer_core.emotions import EMOTIONS, UNSURE_BELOW
from fer_core.extras import needed_by
from fer_core.faces import Detection, Detector
from fer_core.preprocess import CROP_SIZE, ZOOMS, crop_zooms
from fer_core.reliability import are_unreliable, cut_off_shares
from fer_core.table import Rows, data_frame, records

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Face:
    """One face and the emotions that it shows.

    Attributes:
        detection: Where it is, as the detector found it.
        probabilities: Seven, in the order of ``EMOTIONS``; they sum to 1.
        person: Number that follows a person through a video, or ``None``.
        label: The emotion that a moving picture shows, held so that it does not flicker
            between two nearly equal ones; ``None`` for the most probable.
        sharpness: Variance of the Laplacian of the grey aligned crop; ``None`` if unknown.
        brightness: Mean grey of the aligned crop, 0 to 1; ``None`` if unknown.
        unreliable: Whether there are signs that the probabilities cannot be trusted, see
            :mod:`fer_core.reliability`.
        corrected: The user's own label of this face; ``None`` without.
    """

    detection: Detection
    probabilities: tuple[float, ...]
    person: int | None = None
    label: str | None = None
    sharpness: float | None = None
    brightness: float | None = None
    unreliable: bool = False
    corrected: str | None = None

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Return ``(x, y, w, h)`` in pixels of the original picture."""
        return self.detection.box

    @property
    def emotion(self) -> str:
        """Return the most probable emotion."""
        return EMOTIONS[int(np.argmax(self.probabilities))]

    @property
    def confidence(self) -> float:
        """Return the probability of the most probable emotion."""
        return max(self.probabilities)

    @property
    def displayed_emotion(self) -> str:
        """Return the emotion to show: the ``label`` if there is one, else the most probable."""
        return self.label or self.emotion

    @property
    def displayed_confidence(self) -> float:
        """Return the probability of the displayed emotion."""
        return self.probabilities[EMOTIONS.index(self.displayed_emotion)]

    def is_unsure(self, below: float = UNSURE_BELOW) -> bool:
        """Return whether the face must be marked as unsure.

        Args:
            below: Confidence below which a face is unsure, 0 to 1.
        """
        return self.unreliable or self.displayed_confidence < below

    def ranked(self) -> list[tuple[str, float]]:
        """Return the emotions with their probabilities, the most probable first."""
        pairs = zip(EMOTIONS, self.probabilities, strict=True)
        return sorted(pairs, key=lambda pair: pair[1], reverse=True)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, ``box`` in whole pixels."""
        return {
            "box": [round(v) for v in self.box],
            "score": self.detection.score,
            "roll": self.detection.roll,
            "emotion": self.emotion,
            "confidence": self.confidence,
            "unsure": self.is_unsure(),
            "probabilities": dict(zip(EMOTIONS, self.probabilities, strict=True)),
        } | {
            name: value
            for name, value in (("person", self.person), ("corrected_emotion", self.corrected))
            if value is not None
        }


@dataclass(frozen=True)
class Analysis:
    """The faces of one picture or frame.

    Attributes:
        width: Of the picture, in pixels; 0 if it could not be read.
        height: Likewise.
        model: Name of the model.
        detector: Name of the detector.
        faces: The largest first.
        time: Seconds from the start, for a frame of a video.
        class_prior: The frequency of the emotions that the probabilities assume.
        problems: Sentences on what may have been misread in the picture.
        error: Why the picture cannot be read, in a sentence; ``None`` if it was read.
    """

    width: int
    height: int
    model: str
    detector: str
    faces: tuple[Face, ...] = field(default=())
    time: float | None = None
    class_prior: str = "as-trained"
    problems: tuple[str, ...] = ()
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; those of a frame have its time, others their problems."""
        value: dict[str, Any] = {
            "width": self.width,
            "height": self.height,
            "model": self.model,
            "detector": self.detector,
            "class_prior": self.class_prior,
            "faces": [face.to_dict() for face in self.faces],
        }
        if self.time is not None:
            return {"time": self.time} | value
        return value | {"problems": list(self.problems)}

    def to_columns(
        self, source: str | None = None, unsure_below: float = UNSURE_BELOW
    ) -> dict[str, Any]:
        """Return the table of this picture column by column, without pandas.

        Args:
            source: The picture's path or name.
            unsure_below: Confidence below which a face is unsure, 0 to 1.
        """
        rows = Rows()
        rows.add(self, unsure_below=unsure_below)
        values = rows.values("pictures", source or "")
        if self.faces and self.error is None:
            values["corrected_emotion"] = [face.corrected for face in self.faces]
        return values

    def to_rows(
        self, source: str | None = None, unsure_below: float = UNSURE_BELOW
    ) -> list[dict[str, Any]]:
        """Return one row per face, or one that says why there is none, as JSON values.

        Args:
            source: The picture's path or name.
            unsure_below: Confidence below which a face is unsure, 0 to 1.
        """
        return records(self.to_columns(source, unsure_below))

    def to_dataframe(
        self, source: str | None = None, unsure_below: float = UNSURE_BELOW
    ) -> "pd.DataFrame":
        """Return the rows of :meth:`to_rows` as a data frame.

        Args:
            source: The picture's path or name.
            unsure_below: Confidence below which a face is unsure, 0 to 1.

        Raises:
            FerError: pandas is not installed.
        """
        # Whoever wants no data frame does not wait for pandas.
        with needed_by("to_dataframe()", "data"):
            return data_frame(self.to_columns(source, unsure_below), "pictures")


@dataclass(frozen=True)
class EmotionCount:
    """How often an emotion is seen in several pictures.

    Attributes:
        emotion: Its name.
        by_model: Faces of which it is the model's answer.
        faces: The same, but of a face that the user labelled, their label counts.
    """

    emotion: str
    by_model: int
    faces: int


def count_emotions(faces: Iterable[Face]) -> list[EmotionCount]:
    """Count the emotions of faces, in the order of ``EMOTIONS``."""
    faces = list(faces)
    by_model = Counter(face.emotion for face in faces)
    labelled = Counter(face.corrected or face.emotion for face in faces)
    return [EmotionCount(one, by_model[one], labelled[one]) for one in EMOTIONS]


def analyze(
    image: np.ndarray,
    classifier: Classifier,
    detector: Detector,
    *,
    largest: bool = False,
    fast: bool = False,
    zooms: int | None = None,
    time: float | None = None,
    size: tuple[int, int] | None = None,
    with_quality: bool = True,
) -> Analysis:
    """Find the faces of a picture and the emotions they show.

    Args:
        image: ``(H, W, 3)`` ``uint8``, RGB.
        classifier: A loaded model.
        detector: A loaded detector.
        largest: Keep the largest face only.
        fast: For moving pictures: the detector's fast search, and one crop of each face
            instead of several.
        zooms: Number of crops per face to average. Defaults to 2 for stills and to 1 with
            ``fast``.
        time: Seconds from the start of a video, kept with the result.
        size: See :func:`find_faces`.
        with_quality: Measure how sharp and bright each face is.

    >>> analyze(example_portrait(), load_classifier(), get_detector()).faces[0].emotion
    ... # doctest: +SKIP
    'Happy'
    """
    found = find_faces(image, detector, largest=largest, fast=fast, zooms=zooms, size=size)
    return read_emotions(found, classifier, time=time, with_quality=with_quality)


@dataclass(frozen=True, eq=False)
class FoundFaces:
    """The faces of a picture, cut out: a classifier needs no more.

    Attributes:
        width: Of the picture, in pixels.
        height: Likewise.
        detector: Name of the detector.
        detections: The largest face first.
        zooms: ``(N, Z, 192, 192, 3)`` ``uint8``, RGB, see
            :func:`fer_core.preprocess.crop_zooms`.
    """

    width: int
    height: int
    detector: str
    detections: tuple[Detection, ...]
    zooms: np.ndarray

    @property
    def crops(self) -> np.ndarray:
        """Return each face in its own frame, ``(N, 192, 192, 3)`` ``uint8``, RGB."""
        return self.zooms[:, 0]


def find_faces(
    image: np.ndarray,
    detector: Detector,
    *,
    largest: bool = False,
    fast: bool = False,
    zooms: int | None = None,
    size: tuple[int, int] | None = None,
) -> FoundFaces:
    """Find the faces of a picture and cut them out; see :func:`analyze`.

    Args:
        image: As for :func:`analyze`.
        detector: Likewise.
        largest: Likewise.
        fast: Likewise.
        zooms: Likewise.
        size: Width and height of the original, where ``image`` is a reduced copy of it: the
            detections are in pixels of the original.
    """
    found = detector.detect(image, fast=fast)
    detections = tuple(found[: 1 if largest else None])
    number = zooms or (1 if fast else len(ZOOMS))
    crops = np.empty((len(detections), number, CROP_SIZE, CROP_SIZE, 3), np.uint8)
    for of_face, face in zip(crops, detections, strict=True):
        crop_zooms(image, face.square, face.roll or 0.0, number, out=of_face)
    width, height = size or image.shape[1::-1]
    if width != image.shape[1]:
        factor = width / image.shape[1]
        detections = tuple(face.on_original(factor) for face in detections)
    return FoundFaces(width, height, detector.name, detections, crops)


def read_emotions(
    found: FoundFaces,
    classifier: Classifier,
    *,
    time: float | None = None,
    with_quality: bool = True,
) -> Analysis:
    """Read the emotions of faces that were found before; see :func:`analyze`.

    The classifier's class prior is applied to the mean of all crops of a face. What tells an
    unreliable answer is fitted to probabilities as trained, and sees those.
    """
    zooms = found.zooms
    if zooms.shape[1] > 1 and not classifier.averages_mirror_images:
        # Models that average mirror images themselves would only say everything twice.
        zooms = np.concatenate([zooms, zooms[:, :, :, ::-1]], axis=1)
    said = classifier.predict(zooms.reshape(-1, CROP_SIZE, CROP_SIZE, 3))
    per_crop = said.reshape(len(zooms), zooms.shape[1], len(EMOTIONS))
    cut_off = [cut_off_shares(one.square, found.width, found.height) for one in found.detections]
    unreliable = are_unreliable(per_crop, found.crops, cut_off)
    measured = [quality(crop) if with_quality else (None, None) for crop in found.crops]
    faces = tuple(
        Face(
            detection,
            tuple(probabilities),
            sharpness=sharpness,
            brightness=brightness,
            unreliable=bool(doubtful),
        )
        for detection, probabilities, doubtful, (sharpness, brightness) in zip(
            found.detections,
            per_crop.mean(axis=1).tolist(),
            unreliable,
            measured,
            strict=True,
        )
    )
    analysis = Analysis(found.width, found.height, classifier.name, found.detector, faces, time)
    return with_prior(analysis, classifier)


def with_prior(analysis: Analysis, classifier: Classifier) -> Analysis:
    """Return an analysis made as trained under the class prior of a classifier.

    Args:
        analysis: What the same model found, as trained.
        classifier: The model with its prior.
    """
    if analysis.faces and classifier.correction.factors:
        said = classifier.assume(np.array([face.probabilities for face in analysis.faces]))
        faces = tuple(
            replace(face, probabilities=tuple(row))
            for face, row in zip(analysis.faces, said.tolist(), strict=True)
        )
        analysis = replace(analysis, faces=faces)
    return replace(analysis, class_prior=classifier.class_prior)


def quality(crop: np.ndarray) -> tuple[float, float]:
    """Return how sharp and how bright an aligned crop is.

    Args:
        crop: ``(192, 192, 3)`` ``uint8``, RGB.

    Returns:
        The variance of the Laplacian (3×3, four neighbours) of the grey crop, from 0, and the
        mean grey, 0 to 1.
    """
    import cv2

    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    _, deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
    return float(deviation[0, 0] ** 2), cv2.mean(grey)[0] / 255
