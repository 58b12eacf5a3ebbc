"""Studies made of tables whose content is known, without a video or a model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from fer_core.study.folder import Study
from fer_core.study.model import Recording
from fer_core.study.recordings import add_result
from fer_core.video.result import VideoOptions, VideoResult
from tests.tables import face_row, no_face_row, table_of

CONSENT = {"consent": "2026-01-02", "setting": "research"}


def new_study(path: Path, **settings: Any) -> Study:
    return Study.create(path, "Smiles", model="fast", smoothing=0.0, **settings)


def rows_of(shown: Sequence[tuple[str | None, float]], *, rate: float = 5.0, **other: Any) -> list:
    """One row per sample: an emotion for some seconds, or nobody."""
    rows, time = [], 0.0
    for emotion, seconds in shown:
        for _ in range(round(seconds * rate)):
            made = face_row(emotion, 0.88, **other) if emotion else no_face_row()
            rows.append(made | {"time": round(time, 6), "frame": len(rows)})
            time += 1 / rate
    return rows


def result_of(
    study: Study, shown: Sequence[tuple[str | None, float]], source: str, **other: Any
) -> VideoResult:
    rows = rows_of(shown, model=study.file.model, class_prior=study.file.class_prior, **other)
    seconds = sum(lasts for _, lasts in shown)
    return VideoResult(
        None, VideoOptions(model=study.file.model, class_prior=study.file.class_prior),  # type: ignore[arg-type]
        table_of(rows, "video"), seconds, len(rows),
    )  # fmt: skip


def add(
    study: Study,
    participant: str,
    shown: Sequence[tuple[str | None, float]],
    *,
    group: str = "",
    task: str = "",
    events: Sequence[tuple[float, float, str]] | None = None,
    source: str | None = None,
    **other: Any,
) -> Recording:
    """Add a recording that shows emotions in turn, with its events."""
    source = source or f"{participant}_{task or 'x'}.mp4"
    one = add_result(
        study, result_of(study, shown, source, **other), source, participant, **CONSENT,
        columns={"group": group}, task=task,
    )  # fmt: skip
    if events is not None:
        study.set_events(one, pd.DataFrame(events, columns=["onset", "duration", "trial_type"]))
    return one
