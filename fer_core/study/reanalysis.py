"""Videos of a study that are analysed once more: with another model, or to verify the numbers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from fer_core.class_prior import parse
from fer_core.classifier import load_classifier
from fer_core.files import printable, sha256
from fer_core.study import queue
from fer_core.study.folder import Study, main_person
from fer_core.study.model import Recording, StudyError
from fer_core.study.samples import samples
from fer_core.video import VideoResult, analyze_video
from fer_core.video.batch import Task, clear_cache, run_all
from fer_core.video.read import Progress
from fer_core.video.result import VideoOptions

_BOX = ["x", "y", "width", "height"]


def video_of(study: Study, recording: Recording) -> Path:
    """Return the video that a recording was made from.

    Raises:
        StudyError: It is not here any more, or is another file than the one that was analysed.
    """
    path = study.video(recording)
    if path is None or recording.video is None:
        raise StudyError(f"The video of {recording.id} is not here any more.")
    if sha256(path) != recording.video.sha256:
        raise StudyError(
            f"The video of {recording.id}, {printable(path)}, is not the file that was analysed."
        )
    return path


def reanalyse(
    study: Study, recording: Recording, progress: Callable[[Progress], None] | None = None
) -> VideoResult:
    """Analyse the video of a recording once more, as it was analysed.

    Raises:
        StudyError: The recording has no video any more.
        VideoError: It cannot be read.
    """
    return analyze_video(video_of(study, recording), options_of(study, recording), progress)


def options_of(study: Study, recording: Recording) -> VideoOptions:
    """Return how a recording was analysed: one that the page Video made has its own options."""
    try:
        stored = VideoOptions.of(recording.options)
    except TypeError:  # changed by hand
        stored = study.file.options()
    return replace(stored, model=study.file.model, class_prior=study.file.class_prior)


def check_model(study: Study) -> None:
    """Check that another model can analyse the whole study.

    Raises:
        StudyError: A recording has no video here, such as a live session, or videos still wait.
    """
    if queue.has_pending(study):
        raise StudyError(
            "Videos of this study wait for their analysis: let it end, or cancel it, before the "
            "model changes."
        )
    for one in study.file.recordings:
        if study.video(one) is None:
            raise StudyError(
                f"{one.id} has no video here that could be analysed with another model: remove "
                "it from the study first."
            )


def replace_model(
    study: Study,
    model: str | None,
    class_prior: str | None,
    *,
    workers: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Let another model or class prior make the whole study: every video is analysed again.

    The new tables are written beside the old ones, and the study takes all of them in one step.
    A process that is killed before this step leaves the study as it was, and the next call goes
    on with the videos that are left.

    Args:
        study: The study.
        model: Name of the model; the default without.
        class_prior: Text of the class prior.
        workers: Processes; by default one per core.
        progress: Called with the share that is done, 0 to 1.

    Raises:
        StudyError: A recording has no video, such as a live session, or its video cannot be
            analysed. Nothing is changed then.
        ModelError: There is no such model.
    """
    classifier = load_classifier(model, parse(class_prior))
    wanted = classifier.name, classifier.class_prior
    if wanted == (study.file.model, study.file.class_prior):
        return
    check_model(study)
    tasks: list[Task] = []
    people: dict[str, list[int]] = {}
    # A recording that another process adds meanwhile is analysed in a further round.
    while rest := [one for one in study.file.recordings if one.id not in people]:
        by_path = {video_of(study, one): one for one in rest}
        options = {p: options_of(study, one) for p, one in by_path.items()}
        now = [Task(p, replace(o, model=wanted[0], class_prior=wanted[1]))
               for p, o in options.items()]  # fmt: skip
        tasks += now

        def tell(now: Progress | None = None, of: int = len(tasks)) -> None:
            if progress:
                progress((len(people) + (now.share if now else 0.0)) / of)

        for task, outcome in run_all(now, workers=workers, progress=tell):
            one = by_path[task.path]
            if isinstance(outcome, str):
                study.drop_next_tables()
                raise StudyError(f"{one.id} cannot be analysed again, so nothing is changed: "
                                 f"{outcome}")  # fmt: skip
            table = outcome.rows()
            study.write_next_table(one, table)
            people[one.id] = _same_faces(study.table(one), table, one)
            tell()
        study.take_next_tables(people, *wanted)
    if not people:
        study.take_next_tables(people, *wanted)
    clear_cache(tasks)
    for one in study.file.recordings:
        samples(study, one)  # whoever opens the study next does not wait for it


def _same_faces(before: pd.DataFrame, after: pd.DataFrame, one: Recording) -> list[int]:
    """Return who in a new table is the participant: the faces at the same place and time.

    Several numbers are, where the new tracking takes the participant for several people.
    """
    old = before.loc[before["person"].isin(one.faces), ["time", *_BOX]]
    new = after.loc[after["person"].notna(), ["time", "person", *_BOX]]
    both = old.merge(new, on="time", suffixes=("", "_new"))
    sides = []
    for start, length in (("x", "width"), ("y", "height")):
        first, last = both[start], both[start] + both[length]
        first_new, last_new = both[f"{start}_new"], both[f"{start}_new"] + both[f"{length}_new"]
        inside = np.minimum(last, last_new) - np.maximum(first, first_new)
        sides.append(inside.astype(float).clip(lower=0))
    shared = sides[0] * sides[1]
    areas = both["width_new"] * both["height_new"]
    found = pd.DataFrame({"person": both["person"], "shared": shared, "same": shared > areas / 2})
    by_person = found.groupby("person").agg({"shared": "sum", "same": "sum"})
    by_person = by_person[by_person["shared"] > 0].sort_values("shared", ascending=False)
    if by_person.empty:
        longest = main_person(after, one.seconds)
        return [] if longest is None else [longest]
    faces: list[int] = []
    times: set[float] = set()
    for person, row in by_person.iterrows():
        its = new.loc[new["person"] == person, "time"]
        # A neighbour's box may overlap too, but lies elsewhere most of the time.
        if not faces or (row["same"] > len(its) / 2 and not times & set(its)):
            faces.append(int(person))
            times |= set(its)
    return faces
