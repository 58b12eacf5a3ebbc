"""Videos of a study that wait for their analysis in the queue of all videos.

``pending.json`` in the study's folder lists them. Each is a job of its own
(:class:`fer_core.video.jobs.VideoJob`), so a process that is killed loses no finished one, and
whoever opens the study next takes the results in.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from fer_core.errors import FerError
from fer_core.files import write_json
from fer_core.jobs import Limits
from fer_core.settings import settings
from fer_core.study.folder import Study
from fer_core.study.model import StudyError
from fer_core.study.patterns import FromName
from fer_core.study.recordings import add_result, check_consent
from fer_core.video.jobs import VideoJob
from fer_core.video.jobs import submit as submit_job

FILE: Final = "pending.json"


@dataclass(frozen=True)
class Pending:
    """A video that is not in the study yet.

    Attributes:
        name: Of the file.
        participant: Code of the participant.
        status: Of its job, see :meth:`fer_core.jobs.Job.state`.
        share: Of the work that is done, 0 to 1.
        reason: Why it failed, or "".
    """

    name: str
    participant: str
    status: str
    share: float
    reason: str = ""


def digest_of(source: BinaryIO) -> str:
    """Return the SHA-256 of an open file, which is at its beginning then."""
    source.seek(0)
    found = hashlib.file_digest(source, "sha256").hexdigest()  # type: ignore[arg-type]
    source.seek(0)
    return found


def submit(
    study: Study,
    source: BinaryIO,
    name: str,
    who: FromName,
    *,
    consent: str,
    setting: str,
    copy: bool = False,
) -> None:
    """Let a video be analysed when its turn comes.

    Args:
        study: The study.
        source: The video.
        name: Of the file.
        who: Participant, stimulus and columns.
        consent: Date of the consent.
        setting: In which it was recorded.
        copy: Keep a copy of the video in the study.

    Raises:
        StudyError: Consent is missing, or the study has this very video.
        VideoError: It cannot be stored.
    """
    check_consent(consent, setting)
    digest = digest_of(source)
    if (same := study.with_video(digest)) or any(one["digest"] == digest for one in _read(study)):
        raise StudyError(f"{name} is in the study already{f', as {same.id}' if same else ''}.")
    job = VideoJob.create(
        source, name, study.file.options(), f"study {study.path.name}", annotated=False,
        keep_source=copy,
    )  # fmt: skip
    job.set_saved(True)
    entry = {
        "job": job.name, "name": name, "participant": who.participant, "task": who.stimulus,
        "columns": dict(who.columns), "consent": consent, "setting": setting, "copy": copy,
        "digest": digest,
    }  # fmt: skip
    # Noted first: a process that is killed here leaves no video that nobody knows of.
    with study.editing():
        write_json(study.path / FILE, [*_read(study), entry])
    try:
        _start(job)
    except FerError:
        cancel(study, [job.name])
        raise


def _start(job: VideoJob) -> None:
    submit_job(job, Limits(together=settings().workers))


def collect(study: Study) -> list[Pending]:
    """Take finished analyses into the study and return what is still pending, or failed."""
    waiting = _read(study)
    done: list[str] = []
    rest: list[Pending] = []
    for entry in waiting:
        if study.with_video(entry["digest"]):
            done.append(entry["job"])  # it was taken in before the process was killed
            continue
        try:
            job = VideoJob.open(entry["job"])
            now = job.state()
        except FerError as error:
            rest.append(_pending(entry, "failed", 0.0, str(error)))
            continue
        if now["status"] == "done":
            try:
                _take(study, job, entry)
            except FerError as error:
                rest.append(_pending(entry, "failed", 1.0, str(error)))
                continue
            done.append(entry["job"])
        elif now["status"] in ("queued", "running"):
            share = job.progress().get("share", 0.0)
            rest.append(_pending(entry, now["status"], float(share), ""))
        else:
            reason = now.get("reason") or "The analysis was broken off."
            rest.append(_pending(entry, now["status"], 0.0, str(reason)))
    if done:
        cancel(study, done)
    return rest


def _take(study: Study, job: VideoJob, entry: Mapping[str, Any]) -> None:
    result = job.result()
    add_result(
        study, result, entry["name"], entry["participant"], consent=entry["consent"],
        setting=entry["setting"], columns=entry["columns"], task=entry["task"],
        video=job.source if entry["copy"] else None, digest=entry["digest"], copy=entry["copy"],
    )  # fmt: skip


def _pending(entry: Mapping[str, Any], status: str, share: float, reason: str) -> Pending:
    return Pending(entry["name"], entry["participant"], status, share, reason)


def retry_failed(study: Study) -> None:
    """Let the videos whose analysis failed or was broken off be analysed again.

    Raises:
        FerError: One of them is gone, or the disk is full.
    """
    for entry in _read(study):
        job = VideoJob.open(entry["job"])
        if job.state()["status"] not in ("queued", "running", "done"):
            _start(job)


def has_pending(study: Study) -> bool:
    """Return whether videos of the study wait, are analysed, or failed."""
    return (study.path / FILE).exists()


def dismiss_failed(study: Study) -> None:
    """Delete the analyses that failed, so that their videos can be added again."""
    failed = {(one.name, one.participant) for one in collect(study) if one.reason}
    gone = [e["job"] for e in _read(study) if (e["name"], e["participant"]) in failed]
    cancel(study, gone)


def cancel(study: Study, jobs: list[str] | None = None) -> None:
    """Cancel the analyses that wait or run.

    Args:
        study: The study.
        jobs: Names of jobs; by default all.
    """
    names = [entry["job"] for entry in _read(study)] if jobs is None else jobs
    if not names:
        return
    for name in names:
        with suppress(FerError):
            VideoJob.open(name).delete()
    _drop(study, names)


def remove_participant(study: Study, code: str) -> None:
    """Delete a participant, and their videos that wait for an analysis.

    Raises:
        StudyError: There is no such participant.
    """
    study.remove_participant(code)
    cancel(study, [entry["job"] for entry in _read(study) if entry["participant"] == code])


def _drop(study: Study, jobs: list[str]) -> None:
    with study.editing():
        rest = [entry for entry in _read(study) if entry["job"] not in jobs]
        if rest:
            write_json(study.path / FILE, rest)
        else:
            (study.path / FILE).unlink(missing_ok=True)


def _read(study: Study) -> list[dict[str, Any]]:
    try:
        value = json.loads((study.path / FILE).read_text(encoding="utf-8"))
        wanted = ("job", "name", "participant", "task", "consent", "setting", "digest")
        if not all(isinstance(e[n], str) for e in value for n in wanted):
            raise ValueError("an entry is damaged")
        return [e | {"columns": dict(e["columns"]), "copy": bool(e["copy"])} for e in value]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise StudyError(
            f"{FILE} of the study is damaged: delete it, and add its videos again."
        ) from error
