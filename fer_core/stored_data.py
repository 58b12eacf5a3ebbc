"""Everything that people stored on this machine, to be deleted at once."""

import shutil
from contextlib import suppress
from dataclasses import dataclass

from fer_core import storage
from fer_core.datasets import collected, corrections
from fer_core.errors import FerError
from fer_core.live import saved, spool
from fer_core.settings import settings
from fer_core.video import jobs


@dataclass(frozen=True)
class DeletedData:
    """How much was deleted.

    Attributes:
        sessions: Saved live sessions.
        faces: Collected faces.
        corrections: Corrections of labels, undone ones included.
        videos: Analysed videos.
        studies: Studies in ``FER_HOME``.
    """

    sessions: int
    faces: int
    corrections: int
    videos: int
    studies: int = 0


def delete_all() -> DeletedData:
    """Delete every saved session, collected face, correction, audit, analysed video and study.

    Returns:
        How much that was. A damaged database is deleted too, but counts as empty.
    """
    sessions = faces = corrected = 0
    with suppress(FerError):
        sessions = saved.count_sessions()
        faces = len(collected.list_faces())
        corrected = corrections.count_events()
    storage.delete_database()
    studies = sum(1 for _ in settings().studies.glob("*/study.json"))
    computed = settings().cache / "study"
    for folder in (
        settings().kept, settings().audits, spool.folder(), settings().studies, computed,
    ):  # fmt: skip
        shutil.rmtree(folder, ignore_errors=True)
    return DeletedData(sessions, faces, corrected, jobs.delete_all(), studies)
