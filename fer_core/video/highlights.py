"""Key moments of a video, as pictures with words."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fer_core.analysis import Face, analyze
from fer_core.class_prior import AS_TRAINED, parse
from fer_core.classifier import load_classifier
from fer_core.faces import get_detector
from fer_core.preprocess import crop_face
from fer_core.timeline import clocks
from fer_core.video.annotate import stills
from fer_core.video.decode import VideoFile
from fer_core.video.result import VideoResult


def captions(result: VideoResult, highlights: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return rows of :meth:`fer_core.video.VideoResult.highlights` in words, their times first and
    the user's labels of the faces last.
    """
    found = []
    for one, at in zip(highlights, clocks([one["time"] for one in highlights]), strict=True):
        label = result.label_at(one["person"], one["time"])
        by_hand = f" · labelled {label.emotion} by hand" if label else ""
        found.append(f"{at} · {in_words(result, one)}{by_hand}")
    return found


def in_words(result: VideoResult, highlight: Mapping[str, Any]) -> str:
    """Return what happens at a moment by the model's answer, without its time."""
    name, emotion = result.name(highlight["person"]), highlight["emotion"]
    if highlight["kind"] == "peak":
        return f"{name} most clearly {emotion}, {highlight['value'] * 100:.0f} %"
    return f"{name} turns to {emotion}"


def captioned(source: Path, result: VideoResult) -> list[tuple[str, bytes]]:
    """Return captions and stills of the moments that the file leads to."""
    highlights = result.highlights()
    pictures = stills(source, result, highlights)
    words = captions(result, highlights.to_dict("records"))
    return [(text, jpeg) for text, jpeg in zip(words, pictures, strict=True) if jpeg]


def face_at(
    source: Path, result: VideoResult, time: float, person: int
) -> tuple[np.ndarray, Face] | None:
    """Return a person's face as the model sees it, ``(192, 192, 3)``, and what it says of it.

    Args:
        source: the video that ``result`` is of.
        result: see :func:`fer_core.video.analyze_video`.
        time: seconds; the face is looked for in the frame shown then.
        person: number.

    Returns:
        ``None`` where the file does not lead there, or the person is not in view.
    """
    rows = result.rows()
    rows = rows[rows["person"].eq(person).fillna(False)]
    with VideoFile(source, result.options.stream) as video:
        frame = video.frame_at(time)
    if frame is None or rows.empty:
        return None
    known = rows.loc[(rows["time"] - time).abs().idxmin()]
    image = frame.image()
    options = result.options
    # A result of an earlier version does not say: nothing was assumed then.
    classifier = load_classifier(options.model, parse(options.class_prior or AS_TRAINED))
    seen = analyze(image, classifier, get_detector(options.detector))
    x, y = known["x"] + known["width"] / 2, known["y"] + known["height"] / 2
    for face in seen.faces:
        left, top, width, height = face.box
        if left <= x <= left + width and top <= y <= top + height:
            return crop_face(image, face.detection.square, face.detection.roll or 0.0), face
    return None
