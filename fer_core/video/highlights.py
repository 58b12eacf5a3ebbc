"""Key moments of a video, as pictures with words."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fer_core.analysis import Face, analyze
from fer_core.class_prior import AS_TRAINED, parse
from fer_core.classifier import load_classifier
from fer_core.faces import get_detector
from fer_core.preprocess import crop_face
from fer_core.timeline import clock
from fer_core.video.annotate import stills
from fer_core.video.decode import VideoFile
from fer_core.video.result import VideoResult


def caption(result: VideoResult, highlight: Mapping[str, Any]) -> str:
    """Return a row of :meth:`fer_core.video.VideoResult.highlights` in words, its time first and
    the user's label of the face last.
    """
    label = result.label_at(highlight["person"], highlight["time"])
    by_hand = f" · labelled {label.emotion} by hand" if label else ""
    return f"{clock(highlight['time'])} · {in_words(result, highlight)}{by_hand}"


def in_words(result: VideoResult, highlight: Mapping[str, Any]) -> str:
    """Return what happens at a moment by the model's answer, without its time."""
    name, emotion = result.name(highlight["person"]), highlight["emotion"]
    if highlight["kind"] == "peak":
        return f"{name} most clearly {emotion}, {highlight['value']:.0%}"
    return f"{name} turns to {emotion}"


def captioned(source: Path, result: VideoResult) -> list[tuple[str, bytes]]:
    """Return captions and stills of the moments that the file leads to."""
    highlights = result.highlights()
    pictures = stills(source, result, highlights)
    rows = zip(highlights.to_dict("records"), pictures, strict=True)
    return [(caption(result, highlight), jpeg) for highlight, jpeg in rows if jpeg]


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
