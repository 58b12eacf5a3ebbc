"""Studies, for whoever may do everything; visitors of a public copy open the example alone."""

import json
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import pandas as pd

from fer_core.errors import Damaged, FerError
from fer_core.settings import settings
from fer_core.study import agreement, archive, bids, export, queue, report
from fer_core.study import example as example_study
from fer_core.study.compare import Choice
from fer_core.study.folder import Study
from fer_core.study.jobs import StudyJob
from fer_core.study.model import Recording, StudyError
from fer_core.study.patterns import FromName
from fer_core.study.queue import Pending, has_pending
from fer_core.study.reanalysis import check_model
from fer_core.study.recordings import add_result, add_session
from fer_core.study.tables import PARTICIPANT
from fer_core.video.jobs import VideoJob
from ui.services import access, removal, sessions

__all__ = ["Pending", "Study", "StudyJob", "check_model", "has_pending"]

#: Folder of the example, which visitors may open.
EXAMPLE: Final = "example"
_NAME: Final = re.compile(r"[\w\-]{1,80}")
_ACT: Final = "make or change studies"


@dataclass(frozen=True)
class Listed:
    """A study in the list.

    Attributes:
        name: Of its folder.
        title: What it is called.
        participants: How many.
        recordings: How many.
        created: Time, ISO 8601.
    """

    name: str
    title: str
    participants: int
    recordings: int
    created: str


def list_all() -> tuple[list[Listed], list[Damaged]]:
    """Return the studies that the person may open, the newest first, and the damaged ones."""
    found, damaged = [], []
    gone = removal.hidden("study")
    for path in sorted(settings().studies.glob("[!.]*/")):
        if path.name in gone or not (access.is_admin() or path.name == EXAMPLE):
            continue
        try:
            study = open_study(path.name)
        except FerError as error:
            damaged.append(Damaged(path.name, str(error)))
            continue
        file = study.file
        people = len(study.participants)
        found.append(Listed(path.name, file.name, people, len(file.recordings), file.created))
    return sorted(found, key=lambda one: one.created, reverse=True), damaged


def open_study(name: str) -> Study:
    """Open a study, without what was deleted a moment ago.

    Raises:
        StudyError: There is none, or it is damaged.
        AccessError: The person may open the example alone.
    """
    if name != EXAMPLE:
        access.require("open studies")
    if not _NAME.fullmatch(name) or name in removal.hidden("study"):
        raise StudyError("This study was deleted.")
    study = Study.open(settings().studies / name)
    if people := _hidden_of(name, "participant"):
        study.participants = study.participants[~study.participants[PARTICIPANT].isin(people)]
    gone = _hidden_of(name, "study recording")
    study.file.recordings = [
        one for one in study.file.recordings if one.participant not in people and one.id not in gone
    ]
    copies = _hidden_of(name, "study video")
    for one in study.file.recordings:
        if one.video and one.id in copies:
            one.video = one.video.without_copy()
    return study


def _hidden_of(study: str, kind: removal.Kind) -> set[str]:
    pairs = [json.loads(text) for text in removal.hidden(kind)]
    return {what for of, what in pairs if of == study}


def create(title: str, **how: Any) -> str:
    """Create a study and return the name of its folder."""
    access.require(_ACT)
    name = _free_name(title)
    Study.create(settings().studies / name, title, **how)
    return name


def _free_name(title: str) -> str:
    base = re.sub(r"\W+", "-", title.strip(), flags=re.ASCII).strip("-")[:60] or "study"
    base = "study" if base.casefold() == EXAMPLE else base
    name, number = base, 1
    while (settings().studies / name).exists():
        number += 1
        name = f"{base}-{number}"
    return name


def start_example() -> None:
    """Let the example study be made where it is not there, or not complete."""
    if EXAMPLE in removal.hidden("study"):
        removal.finish_all("study")
    job = StudyJob.of(EXAMPLE)
    if not job.active:  # of several visitors who ask for it, the first has it made
        job.start("example")


def example_is_there() -> bool:
    """Return whether the example study is complete."""
    if StudyJob.of(EXAMPLE).active:
        return False
    try:
        study = Study.open(settings().studies / EXAMPLE)
    except FerError:
        return False
    whole = len(study.file.recordings) >= 2 * example_study.PER_GROUP
    return whole or not access.is_admin()


def start_verify(name: str) -> None:
    """Let a sample of the recordings be analysed again and compared."""
    access.require(_ACT)
    _job(name).start("verify")


def start_model(name: str, model: str, class_prior: str) -> None:
    """Let another model or class prior make a whole study.

    Raises:
        StudyError: A recording has no video that could be analysed again.
    """
    with _edited(name) as study:
        check_model(study)
        _job(name).start("model", model=model, class_prior=class_prior)


def job_of(name: str) -> StudyJob | None:
    """Return the long work on a study, if there is any that was not dismissed."""
    job = _job(name)
    return job if (job.path / "config.json").exists() else None


def resume_job(name: str) -> None:
    """Go on with work that was ended; visitors may do so with the example."""
    if name != EXAMPLE:
        access.require(_ACT)
    _job(name).resume()


def end_job(name: str) -> None:
    """Cancel or dismiss the work on a study; the study stays as it is."""
    access.require(_ACT)
    _job(name).delete()


def _job(name: str) -> StudyJob:
    if not _NAME.fullmatch(name):
        raise StudyError("There is no such study.")
    return StudyJob.of(name)


@contextmanager
def _edited(name: str) -> Iterator[Study]:
    """Return a study as it lies on the disk, for changes."""
    access.require(_ACT)
    if not _NAME.fullmatch(name):
        raise StudyError("There is no such study.")
    yield Study.open(settings().studies / name)


def change(name: str, **values: Any) -> None:
    """Change settings of a study, see :class:`fer_core.study.model.StudyFile`."""
    with _edited(name) as study, study.editing():
        for field, value in values.items():
            setattr(study.file, field, value)


def set_participants(name: str, table: pd.DataFrame) -> None:
    """Replace the participants' table."""
    with _edited(name) as study:
        hidden = _hidden_of(name, "participant")
        rest = study.participants[study.participants[PARTICIPANT].isin(hidden)]
        study.set_participants(pd.concat([table, rest], ignore_index=True).fillna(""))


def set_events(name: str, events: dict[str, pd.DataFrame]) -> None:
    """Replace the events of recordings, by id."""
    with _edited(name) as study:
        for id, table in events.items():
            study.set_events(study.recording(id), table)


def set_faces(name: str, id: str, people: list[int]) -> None:
    """Say which faces of a recording are the participant."""
    with _edited(name) as study:
        study.set_faces(id, people)


def submit(
    name: str, source: BinaryIO, file: str, who: FromName, *, consent: str, setting: str, copy: bool
) -> None:
    """Let a video be analysed for a study, see :func:`fer_core.study.queue.submit`."""
    with _edited(name) as study:
        _require_no_job(name)
        queue.submit(study, source, file, who, consent=consent, setting=setting, copy=copy)


def _require_no_job(name: str) -> None:
    """Refuse to add what the model of before would analyse."""
    job = job_of(name)
    if job and job.active and job.config["act"] == "model":
        raise StudyError("Another model analyses this study: add recordings when it is done.")


def collect(name: str) -> list[Pending]:
    """Take finished analyses in and return what is pending."""
    if not access.is_admin():
        return []
    with _edited(name) as study:
        return queue.collect(study)


def retry_failed(name: str) -> None:
    """Let the videos whose analysis failed be analysed again."""
    with _edited(name) as study:
        _require_no_job(name)
        queue.retry_failed(study)


def dismiss_failed(name: str) -> None:
    """Forget the videos whose analysis failed."""
    with _edited(name) as study:
        queue.dismiss_failed(study)


def cancel(name: str) -> None:
    """Cancel the analyses that wait or run."""
    with _edited(name) as study:
        queue.cancel(study)


def add_saved_session(
    name: str, key: int, who: FromName, *, consent: str, setting: str, correct_delay: bool = False
) -> Recording:
    """Add a saved live session, see :func:`fer_core.study.add_session`."""
    with _edited(name) as study:
        _require_no_job(name)
        known = {one.id: one for one in sessions.list_all()}
        if key not in known:
            raise StudyError("This session is not saved any more.")
        return add_session(
            study, sessions.load(key), known[key].name, who.participant, consent=consent,
            setting=setting, columns=who.columns, task=who.stimulus, about=known[key].about,
            correct_delay=correct_delay,
        )  # fmt: skip


def add_analysis(
    name: str, job: VideoJob, who: FromName, *, consent: str, setting: str
) -> Recording | None:
    """Add an analysis of the page Video, or let its video be analysed as the study asks.

    Returns:
        The recording; ``None`` where the video waits for its analysis.

    Raises:
        StudyError: It was made otherwise than the study's, and its video is gone.
    """
    with _edited(name) as study:
        _require_no_job(name)
        result, source = job.result(), job.source
        file = job.config["name"]
        same = (study.file.model, study.file.class_prior)
        if (result.options.model, result.options.class_prior) != same and source is not None:
            with source.open("rb") as content:
                queue.submit(study, content, file, who, consent=consent, setting=setting, copy=True)
            return None
        return add_result(
            study, result, file, who.participant, consent=consent, setting=setting,
            columns=who.columns, task=who.stimulus, video=source, copy=source is not None,
        )  # fmt: skip


def delete(name: str) -> None:
    """Delete a study, which can be undone for a while."""
    access.require(_ACT)
    if not _NAME.fullmatch(name):
        raise StudyError("There is no such study.")
    try:
        title = Study.open(settings().studies / name).file.name
    except FerError:
        title = name
    _job(name).delete()
    removal.remove("study", name, words=f"Study {title}")


def delete_participant(name: str, code: str) -> None:
    """Delete a participant of a study, which can be undone for a while."""
    access.require(_ACT)
    open_study(name)
    removal.remove("participant", json.dumps([name, code]), words=f"Participant {code}")


def delete_recording(name: str, id: str) -> None:
    """Delete a recording of a study, which can be undone for a while."""
    access.require(_ACT)
    open_study(name).recording(id)
    removal.remove("study recording", json.dumps([name, id]), words=f"Recording {id}")


def delete_video_copies(name: str) -> None:
    """Delete a study's own copies of videos, which can be undone for a while; its tables stay."""
    access.require(_ACT)
    study = open_study(name)
    found = [one.id for one in study.file.recordings if one.video and one.video.copied]
    names = [json.dumps([name, id]) for id in found]
    if names:
        removal.remove("study video", *names, words=f"Video copies of study {study.file.name}")


def create_labels(name: str, label_set: str, count: int, seed: int) -> int:
    """Choose moments to be labelled blindly and return how many there are."""
    access.require(_ACT)
    return len(agreement.create_set(open_study(name), label_set, count, seed))


def save_labels(name: str, label_set: str, rater: str, given: dict[str, str]) -> None:
    """Write a person's labels."""
    access.require(_ACT)
    agreement.save_labels(open_study(name), label_set, rater, given)


def to_archive(name: str, videos: bool) -> bytes:
    """Return a study as one archive."""
    access.require(_ACT)
    with _scratch() as folder:
        archive.pack(open_study(name), folder / "study.zip", videos=videos)
        return (folder / "study.zip").read_bytes()


def from_archive(content: BinaryIO, file: str) -> str:
    """Unpack an archive of a study and return the name of its folder."""
    access.require(_ACT)
    with _scratch() as folder:
        with (folder / "study.zip").open("wb") as target:
            shutil.copyfileobj(content, target)
        name = _free_name(Path(file).stem)
        archive.unpack(folder / "study.zip", settings().studies / name)
    return name


def to_zip(name: str, kind: str) -> bytes:
    """Return an export as a ZIP file: ``tables`` or ``bids``."""
    study = open_study(name)
    with _scratch() as folder:
        out = folder / "export"
        if kind == "bids":
            bids.export(study, out)
        else:
            export.export(study, out)
        return Path(shutil.make_archive(str(folder / "zip"), "zip", out)).read_bytes()


def to_report(name: str, faces: bool, choice: Choice | None) -> str:
    """Return the report of a study as HTML; visitors get none with faces."""
    return report.to_html(open_study(name), faces=faces and access.is_admin(), choice=choice)


@contextmanager
def _scratch() -> Iterator[Path]:
    """Return a folder for what is made for a download; it goes afterwards."""
    folder = settings().cache / "study-files" / secrets.token_hex(8)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
