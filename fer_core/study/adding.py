"""Videos into a study: who is in them, by the pattern, and their analysis on all cores or Dask."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fer_core.files import printable, sha256
from fer_core.study.folder import Study
from fer_core.study.model import Recording, StudyError
from fer_core.study.patterns import FromName, read_name, two_of_one_name
from fer_core.study.recordings import add_result, check_consent
from fer_core.video.batch import Task, clear_cache, run_all
from fer_core.video.read import Progress


@dataclass(frozen=True)
class Planned:
    """A video that will be added.

    Attributes:
        path: Of the file.
        name: What its name says, or the user.
        digest: SHA-256 of its content.
        known: Recording of the study that has this very video, if there is one.
    """

    path: Path
    name: FromName
    digest: str
    known: Recording | None = None


def plan(study: Study, paths: Sequence[Path], pattern: str | None = None) -> list[Planned]:
    """Return what the names of files say, before anything is analysed.

    Args:
        study: The study.
        paths: Of videos.
        pattern: See :mod:`fer_core.study.patterns`; by default the study's.

    Raises:
        StudyError: The pattern cannot be used, or two files have one name.
    """
    pattern = pattern or study.file.pattern
    if double := two_of_one_name(paths):
        raise StudyError(
            f"Two files are called {double[0]}: nobody could tell their recordings apart. Rename "
            "one of them."
        )
    planned = []
    for path in paths:
        try:
            digest = sha256(path)
        except OSError as error:
            raise StudyError(
                f"{printable(path)} cannot be read: {error.strerror or error}."
            ) from error
        known = study.with_video(digest)
        planned.append(Planned(path, read_name(pattern, path), digest, known))
    return planned


def add_videos(
    study: Study,
    planned: Sequence[Planned],
    *,
    consent: str,
    setting: str,
    copy: bool = False,
    engine: str = "local",
    scheduler: str | None = None,
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Iterator[tuple[Planned, Recording | str]]:
    """Analyse videos and add each as soon as it is done.

    What was finished stays when the process is killed: videos that the study has are not analysed
    again.

    Args:
        study: The study.
        planned: What :func:`plan` gave.
        consent: Date of the consent of everybody in them.
        setting: In which they were recorded.
        copy: Keep copies of the videos in the study's folder.
        engine: ``local`` or ``dask``, see :func:`fer_core.video.batch.run_all`.
        scheduler: Address of a Dask scheduler.
        workers: Processes; by default one per core.
        progress: Called while a single video is analysed.

    Yields:
        Each video with its recording, or with a sentence on what was wrong.

    Raises:
        StudyError: Consent is missing.
    """
    check_consent(consent, setting)
    waiting: dict[Path, Planned] = {}
    for one in planned:
        if one.known is not None:
            yield one, one.known
        else:
            waiting[one.path] = one
    tasks = [Task(path, study.file.options()) for path in waiting]
    outcomes = run_all(
        tasks, engine=engine, scheduler=scheduler, workers=workers, progress=progress
    )
    for task, outcome in outcomes:
        one = waiting[task.path]
        if isinstance(outcome, str):
            yield one, outcome
            continue
        try:
            recording = add_result(
                study,
                outcome,
                one.path.name,
                one.name.participant,
                consent=consent,
                setting=setting,
                columns=one.name.columns,
                task=one.name.stimulus,
                video=one.path,
                digest=one.digest,
                copy=copy,
            )
        except StudyError as error:
            yield one, str(error)
        else:
            yield one, recording
            clear_cache([task])
