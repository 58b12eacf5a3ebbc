"""Recordings into a study: analysed videos and saved live sessions."""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path, PurePath
from typing import Any

import pandas as pd

from fer_core.files import printable, sha256, write_atomic
from fer_core.live.record import delay_of, shown_of
from fer_core.live.stimulus import fill
from fer_core.study.folder import Study, main_person
from fer_core.study.model import SETTINGS, Recording, StudyError, Video
from fer_core.study.samples import samples
from fer_core.study.tables import clean, free_name
from fer_core.video.result import VideoResult


def check_consent(consent: str, setting: str) -> None:
    """Check what must be known before a recording is analysed or added.

    Args:
        consent: Date on which the participant consented, ``YYYY-MM-DD``.
        setting: One of :data:`fer_core.study.model.SETTINGS`.

    Raises:
        StudyError: There is no consent, its date is none or lies ahead, or the setting is unknown.
    """
    if not consent:
        raise StudyError(
            "Without the participants' consent nothing is analysed: give the date of the consent."
        )
    try:
        given = date.fromisoformat(consent)
    except ValueError as error:
        raise StudyError(
            f"'{printable(consent)}' is no date of a consent: write it as 2026-03-31."
        ) from error
    if len(consent) != 10 or given > date.today():
        raise StudyError(
            f"The date of the consent, {printable(consent)}, lies ahead or is no date."
        )
    if setting not in SETTINGS:
        raise StudyError(f"Choose one of these settings: {', '.join(SETTINGS)}.")


def add_result(
    study: Study,
    result: VideoResult,
    source: str,
    participant: str,
    *,
    consent: str,
    setting: str,
    columns: Mapping[str, str] | None = None,
    task: str = "",
    video: Path | None = None,
    digest: str | None = None,
    copy: bool = False,
) -> Recording:
    """Add an analysed video.

    Args:
        study: The study.
        result: The analysis, made with the study's model and class prior.
        source: Name of the file.
        participant: Code of the participant.
        consent: Date of the consent, ``YYYY-MM-DD``.
        setting: In which it was recorded.
        columns: Further columns of the participant, such as ``group``.
        task: Stimulus or task; the whole recording becomes an event of this name.
        video: The file, to refer to.
        digest: SHA-256 of the file, where it is known.
        copy: Keep a copy of it in the study's folder.

    Raises:
        StudyError: Consent is missing, or the analysis was made otherwise than the study's.
    """
    made_by = (result.options.model, result.options.class_prior)
    if made_by != (study.file.model, study.file.class_prior):
        raise StudyError(
            f"{printable(source)} was analysed with {made_by[0]} ({made_by[1]}), the study "
            f"with {study.file.model} ({study.file.class_prior}): analyse its video again."
        )
    reference = None
    if video is not None or digest is not None:
        size = video.stat().st_size if video else 0
        reference = Video(
            path=str(video.resolve()) if video else "",
            sha256=digest or sha256(video),  # type: ignore[arg-type]
            size=size,
        )
    options = {k: v for k, v in vars(result.options).items() if v is not None}
    return _add(study, 
        result.rows(), source, participant, "video", consent, setting, columns, task,
        seconds=result.seconds, video=reference, copy=video if copy else None,
        options=json.loads(json.dumps(options)), problems=list(result.problems),
    )  # fmt: skip


def add_session(
    study: Study,
    table: pd.DataFrame,
    source: str,
    participant: str,
    *,
    consent: str,
    setting: str,
    columns: Mapping[str, str] | None = None,
    task: str = "",
    about: Mapping[str, Any] | None = None,
    correct_delay: bool = False,
) -> Recording:
    """Add a saved live session; what was shown during it, and its keys, become events.

    Args:
        study: The study.
        table: In the columns of a live session, as measured.
        source: Name of the session.
        participant: Code of the participant.
        consent: Date of the consent, ``YYYY-MM-DD``.
        setting: In which it was recorded.
        columns: Further columns of the participant.
        task: Stimulus or task, where the table names none.
        about: What was stored with the session, see
            :attr:`fer_core.live.record.SessionRecord.beside`.
        correct_delay: Correct the times of stimuli by the measured delay of the camera.

    Raises:
        StudyError: Consent is missing, it was recorded otherwise than the study asks, or its
            delay is to be corrected and was not measured.
    """
    about = about or {}
    if correct_delay:
        delay = delay_of(about)
        if delay is None:
            raise StudyError(
                f"The delay of the camera was not measured in {printable(source)}: add it "
                "without the correction."
            )
        table = fill(table, shown_of(about), delay.median)
    for name, value in (("model", study.file.model), ("class_prior", study.file.class_prior)):
        other = set(table[name].dropna()) - {value}
        if other:
            raise StudyError(
                f"{printable(source)} was recorded with {sorted(map(str, other))[0]}, the "
                f"study uses {value}, and a live session has no video to analyse again."
            )
    if table["smoothing"].gt(0).any():
        raise StudyError(
            f"{printable(source)} was stored smoothed by an earlier version, so it cannot be "
            "compared with recordings of this study."
        )
    return _add(
        study, table, source, participant, "live", consent, setting, columns, task,
        seconds=float(table["time"].max()) if len(table) else 0.0,
        events=about.get("events") or (),
    )  # fmt: skip


def _add(
    study: Study,
    table: pd.DataFrame,
    source: str,
    participant: str,
    kind: Any,
    consent: str,
    setting: Any,
    columns: Mapping[str, str] | None,
    task: str,
    *,
    seconds: float,
    video: Video | None = None,
    copy: Path | None = None,
    options: dict[str, Any] | None = None,
    problems: list[str] | None = None,
    events: Sequence[Mapping[str, Any]] = (),
) -> Recording:
    check_consent(consent, setting)
    participant = clean(participant)
    if not participant:
        raise StudyError(f"{printable(source)} needs the code of a participant.")
    with study.editing():
        if video and (same := study.with_video(video.sha256)):
            raise StudyError(f"{printable(source)} is in the study already, as {same.id}.")
        one = Recording(
            id=_free_id(study, source),
            participant=participant,
            kind=kind,
            source=printable(PurePath(source).name),
            task=clean(task),
            person=main_person(table, seconds if kind == "video" else None),
            seconds=seconds,
            consent=consent,
            setting=setting,
            video=video,
            options=options or {},
            problems=problems or [],
        )
        if copy is not None and one.video is not None:
            name = f"videos/{one.id}{copy.suffix.lower()[:8]}"
            target = study.path / name
            write_atomic(target, lambda file: _copy(copy, file))
            one.video = one.video.model_copy(update={"path": name, "copied": True})
        write_atomic(study.table_path(one), lambda file: table.to_parquet(file, index=False))
        first = _first_events(table, one)
        study.set_events(one, pd.concat([first, pd.DataFrame(list(events))], ignore_index=True))
        study.file.recordings = [*study.file.recordings, one]
        study.note_participant(participant, columns or {})
    # Whoever opens the study next does not wait for it.
    samples(study, one)
    return one


def _free_id(study: Study, source: str) -> str:
    stem = PurePath(printable(source)).stem
    base = re.sub(r"[^\w\-]+", "_", stem).strip("_") or "recording"
    while len(base.encode()) > 80:
        base = base[:-1]
    return free_name(base, {one.id.casefold() for one in study.file.recordings}, "-")


def _first_events(table: pd.DataFrame, one: Recording) -> pd.DataFrame:
    """Return what was shown during a live session, or the whole recording as one event."""
    shown = table.dropna(subset=["stimulus"]) if "stimulus" in table else table.iloc[:0]
    shown = shown[shown["stimulus"].astype(str) != ""] if len(shown) else shown
    if shown.empty:
        return pd.DataFrame(
            {"onset": [0.0], "duration": [one.seconds], "trial_type": [one.task or "recording"]}
        )
    times = table.groupby("time", sort=True)["stimulus"].first()
    names = times.fillna("").astype(str).tolist()
    moments = times.index.to_numpy(float)
    ends = [*moments[1:], one.seconds]
    rows: list[dict[str, Any]] = []
    for place, (name, begin, end) in enumerate(zip(names, moments, ends, strict=True)):
        if place and name == names[place - 1]:
            if name:
                rows[-1]["duration"] = end - rows[-1]["onset"]
        elif name:
            rows.append({"onset": begin, "duration": end - begin, "trial_type": name})
    return pd.DataFrame(rows)


def _copy(source: Path, file: Any) -> None:
    with source.open("rb") as content:
        shutil.copyfileobj(content, file)
