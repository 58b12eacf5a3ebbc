"""Everything that people stored on this machine, to be deleted at once."""

import shutil
from contextlib import suppress
from dataclasses import dataclass

from fer_core import storage
from fer_core.datasets import collected, corrections
from fer_core.errors import FerError
from fer_core.live import saved, spool
from fer_core.settings import settings
from fer_core.study import jobs as study_jobs
from fer_core.video import jobs


@dataclass(frozen=True)
class StoredData:
    """How much people stored.

    Attributes:
        sessions: Saved live sessions.
        faces: Collected faces.
        corrections: Corrections of labels, undone ones included.
        videos: Analysed videos.
        recordings: Live recordings that were interrupted and not saved.
        audits: Audits of datasets.
        studies: Studies in ``FER_HOME``.
    """

    sessions: int
    faces: int
    corrections: int
    videos: int
    recordings: int = 0
    audits: int = 0
    studies: int = 0


def count_all() -> StoredData:
    """Count what :func:`delete_all` deletes; a damaged database counts as empty."""
    sessions = faces = corrected = 0
    with suppress(FerError):
        sessions = saved.count_sessions()
        faces = len(collected.list_faces())
        corrected = corrections.count_events()
    return StoredData(
        sessions,
        faces,
        corrected,
        jobs.count_all(),
        len(spool.names("")),
        sum(1 for _ in settings().audits.glob("[!.]*/")),
        sum(1 for _ in settings().studies.glob("*/study.json")),
    )


def delete_all() -> StoredData:
    """Delete every session, recording, collected face, correction, audit, analysed video and study.

    Returns:
        How much that was. A damaged database is deleted too.
    """
    stored = count_all()
    storage.delete_database()
    study_jobs.delete_all()
    computed = settings().cache / "study"
    for folder in (
        settings().saved_files, settings().audits, spool.folder(), settings().studies, computed,
        settings().study_jobs,
    ):  # fmt: skip
        shutil.rmtree(folder, ignore_errors=True)
    jobs.delete_all()
    return stored
