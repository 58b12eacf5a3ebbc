"""The example study: drawn people of two groups, who differ in what is known."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pandas as pd

from fer_core.datasets.demo import draw_face
from fer_core.errors import VideoError
from fer_core.files import printable
from fer_core.study.folder import Study
from fer_core.study.model import Baseline, StudyError
from fer_core.study.recordings import add_result
from fer_core.video import analyze_video
from fer_core.video.clips import write_clip

NAME: Final = "Example study"
#: Drawn people per group; with fewer, a corrected test of seven emotions could show nothing.
PER_GROUP: Final = 6
#: What everybody sees, and for how many seconds. Before each clip there is a grey screen.
BASELINE_SECONDS: Final = 3.0
CLIP_SECONDS: Final = 4.0
_CLIPS: Final = ("clip1", "clip2")
#: What the groups show: clip → group → emotion and its usual strength. On clip1 group A smiles
#: and group B hardly does; clip2 surprises both alike.
SHOWN: Final = {
    "clip1": {"A": ("Happy", 0.9), "B": ("Happy", 0.15)},
    "clip2": {"A": ("Surprise", 0.7), "B": ("Surprise", 0.7)},
}
_RATE: Final = 8
_FPS: Final = 4.0
_SIZE: Final = (320, 240)
#: Drawn people whose resting face is easy to read, and whom a smile does not make somebody else.
_SEEDS: Final = (45, 21, 34, 78, 83, 92, 56, 117, 123, 130, 144, 152)


def create(
    path: Path, progress: Callable[[float], None] | None = None, *, model: str = "fast"
) -> Study:
    """Create the example study, or go on where an earlier call was interrupted.

    Args:
        path: A new folder, or one of this function.
        progress: Called with the share that is done, 0 to 1.
        model: What analyses the clips.

    Raises:
        StudyError: The folder holds something else.
    """
    if (path / "study.json").exists():
        study = Study.open(path)
        if not study.file.example:
            raise StudyError(f"{printable(path)} holds another study: choose a new folder.")
    else:
        study = Study.create(
            path, NAME, model=model, fps=_FPS, example=True,
            baseline=Baseline(kind="event", event="baseline"),
        )  # fmt: skip
    people = 2 * PER_GROUP
    done: set[str] = set()
    for one in study.file.recordings:
        if set(_CLIPS) <= set(study.events(one)["trial_type"]):
            done.add(one.participant)
        else:  # the process ended before its events were written
            study.remove_recording(one.id)
    for number in range(people):
        code = f"P{number + 1:02}"
        if code not in done:
            _add(study, code, number)
        if progress:
            progress((number + 1) / people)
    return study


def _add(study: Study, code: str, number: int) -> None:
    group = "A" if number % 2 == 0 else "B"
    name = f"{code}_{group}_clips.mp4"
    clip = study.path / "videos" / f".{name}"
    clip.parent.mkdir(parents=True, exist_ok=True)
    clip = clip.with_name(name)
    try:
        write_clip(clip, _frames(number, group), rate=_RATE)
    except OSError as error:
        raise VideoError(f"The clip cannot be stored: {error.strerror or error}.") from error
    result = analyze_video(clip, replace(study.file.options()))
    one = add_result(
        study, result, name, code, consent=study.file.created[:10], setting="research",
        columns={"group": group, "age": str(20 + 3 * number)}, video=clip,
    )  # fmt: skip
    rows, start = [], 0.0
    for clip_name in _CLIPS:
        rows.append((start, BASELINE_SECONDS, "baseline"))
        rows.append((start + BASELINE_SECONDS, CLIP_SECONDS, clip_name))
        start += BASELINE_SECONDS + CLIP_SECONDS
    study.set_events(one, pd.DataFrame(rows, columns=["onset", "duration", "trial_type"]))
    study.take_video(one.id)


def _frames(number: int, group: str) -> Iterator[np.ndarray]:
    """Return frames of one drawn person, who waits and responds to two clips."""
    rng = np.random.default_rng([7, number])
    seed = _SEEDS[number % len(_SEEDS)]
    width, height = _SIZE
    background = np.full((height, width, 3), (214, 219, 224), np.uint8)
    for clip in _CLIPS:
        emotion, usual = SHOWN[clip][group]
        strength = float(np.clip(usual + rng.normal(0, 0.08), 0.0, 1.0))
        for i in range(round((BASELINE_SECONDS + CLIP_SECONDS) * _RATE)):
            since = i / _RATE - BASELINE_SECONDS
            now = strength * float(np.clip(since / 0.8, 0.0, 1.0))
            yaw = 5 * np.sin(2 * np.pi * i / 40 + number)
            face = draw_face(emotion if now else "Neutral", height, seed, strength=now, yaw=yaw)
            frame = background.copy()
            side = height - 20
            x = (width - side) // 2 + round(6 * np.sin(2 * np.pi * i / 56 + number))
            frame[10 : 10 + side, x : x + side] = cv2.resize(
                face, (side, side), interpolation=cv2.INTER_AREA
            )
            yield frame
