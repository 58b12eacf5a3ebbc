"""A study's results as tidy tables and figures, each with a codebook."""

import io
import re
import tempfile
from pathlib import Path
from typing import Any, Final

import pandas as pd

from fer_core.extras import needed_by
from fer_core.files import ExportFolder
from fer_core.study import figures
from fer_core.study.folder import Study
from fer_core.study.measures import BASELINE, measures, names, per_participant, title, unit
from fer_core.study.model import StudyError
from fer_core.study.tables import PARTICIPANT, free_name
from fer_core.table import to_csv
from fer_core.video.annotate import annotate
from fer_core.video.decode import VideoFile
from fer_core.video.people import Edit
from fer_core.video.result import VideoOptions, VideoResult

#: Columns of the tables besides measures, and what they say.
_MEANINGS: Final = {
    PARTICIPANT: "Code of the participant",
    "recording": "Recording in the study",
    "task": "Stimulus or task of the recording",
    "event": "Name of the event",
    "number": "Which occurrence of the event in the recording, from 1",
    "onset": "Seconds from the start of the recording",
    "duration": "Seconds",
    "counted": "Whether the event is in the results",
    "reason": "Why it is not",
    "occurrences": "Events of this name that are averaged",
    "valid_seconds": "Valid seconds of the event",
    "present_share": "Share of sampled time in which the participant was seen",
    "several_share": "Share of sampled time in which several people were seen",
    "head_turn": "Mean turn of the head to either side, in degrees",
    "face_width": "Mean width of the face, in pixels",
    "sharpness": "Mean sharpness of the face",
    "brightness": "Mean brightness of the face, 0 to 1",
    "unsure_share": "Share of time marked as unsure",
    "measure": "Name of the measure",
    "value": "Its value",
}
#: Bytes that a name and a label of SPSS may have.
_NAME: Final = 64
_LABEL: Final = 250


def long(study: Study, table: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return one row per participant, event and measure.

    Args:
        study: The study.
        table: What :func:`fer_core.study.measures.measures` gave; computed without.
    """
    people = per_participant(measures(study) if table is None else table)
    measured = [*names(), *BASELINE]
    about = [name for name in people if name not in measured]
    return people.melt(about, measured, var_name="measure", value_name="value")


def wide(study: Study, table: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return one row per participant, and a column per event and measure: ``clip1__mean_happy``.

    Args:
        study: The study.
        table: See :func:`long`.
    """
    table = measures(study) if table is None else table
    people = per_participant(table)
    measured = [*names(), *BASELINE]
    spread = people.pivot(index=PARTICIPANT, columns="event", values=measured)
    spread.columns = [f"{event}__{measure}" for measure, event in spread.columns]
    rest = study.participants.set_index(PARTICIPANT)
    joined = rest.join(spread, how="outer").reset_index()
    return joined.rename(columns={joined.columns[0]: PARTICIPANT})


def codebook(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """Return what every column of a table says: ``name``, ``meaning``, ``unit``."""
    known = names()
    rows = []
    for name in map(str, table.columns):
        event, _, measure = name.rpartition("__")
        prefix = f"Event {event}. " if event else ""
        if measure in known:
            meaning, of = known[measure], unit(measure)
            if measure.startswith("above_"):
                meaning += f" (threshold {study.file.threshold:g})"
        elif measure in BASELINE:
            what = title(f"mean_{measure.removeprefix('baseline_')}")
            what = "Valence index" if measure == "baseline_valence" else what
            meaning, of = f"Baseline: {what}", unit(measure)
        else:
            meaning, of = _MEANINGS.get(name, f"Column {name} of the participants"), ""
        rows.append({"name": name, "meaning": prefix + meaning, "unit": of})
    return pd.DataFrame(rows)


def to_parquet(table: pd.DataFrame) -> bytes:
    """Return a table as Parquet."""
    file = io.BytesIO()
    table.to_parquet(file, index=False)
    return file.getvalue()


def to_spss(study: Study, table: pd.DataFrame) -> bytes:
    """Return a table as a file of SPSS (``.sav``), each variable with its meaning as label.

    Names become what SPSS takes: letters, digits and underscores, different in more than case.
    """
    with needed_by("Files of SPSS", "study"):
        import pyreadstat
    meanings = codebook(study, table)["meaning"].tolist()
    taken: set[str] = set()
    columns: dict[str, Any] = {}
    labels: list[str | None] = []
    for name, meaning in zip(map(str, table.columns), meanings, strict=True):
        base = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "variable"
        base = base if base[0].isalpha() else f"v_{base}"
        short = free_name(base, taken, "_", _NAME)
        values = table[name]
        if values.dtype == bool:
            values = values.astype(float)
        elif not pd.api.types.is_numeric_dtype(values):
            values = values.astype(object).where(values.notna(), "").astype(str)
        columns[short] = values
        labels.append(meaning.encode()[:_LABEL].decode(errors="ignore"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.sav"
        pyreadstat.write_sav(pd.DataFrame(columns), str(path), column_labels=labels)
        return path.read_bytes()


def contents(study: Study, *, with_figures: bool = True) -> dict[str, str | bytes]:
    """Return every file of an export: name → content.

    Args:
        study: The study.
        with_figures: Draw the figures as SVG and PNG too.
    """
    table = measures(study)
    tables = {"events": table, "long": long(study, table), "wide": wide(study, table)}
    files: dict[str, str | bytes] = {}
    for name, one in tables.items():
        files[f"{name}.csv"] = to_csv(one)
        files[f"{name}.parquet"] = to_parquet(one)
        files[f"{name}.sav"] = to_spss(study, one)
        files[f"{name}-codebook.csv"] = to_csv(codebook(study, one))
    if with_figures and table["counted"].any():
        taken: set[str] = set()
        for name, figure in figures.all_of(study, per_participant(table)).items():
            # A character may take four of the 255 bytes that a file's name has.
            safe = free_name(re.sub(r"[^\w\-]+", "_", name), taken, "_", 60)
            files[f"figures/{safe}.svg"] = figures.to_svg(figure)
            files[f"figures/{safe}.png"] = figures.to_png(figure)
    return files


def export(
    study: Study, folder: Path, *, with_figures: bool = True, overwrite: bool = False
) -> list[str]:
    """Write all tables and figures into a folder.

    Args:
        study: The study.
        folder: A new folder, or one of an earlier export with ``overwrite``.
        with_figures: See :func:`contents`.
        overwrite: Replace that export.

    Returns:
        Paths within the folder.

    Raises:
        FerError: The folder holds something else, or cannot be written.
    """
    place = ExportFolder(folder, overwrite=overwrite)
    files = contents(study, with_figures=with_figures)
    place.write_all(files)
    return list(files)


def annotated(
    study: Study, folder: Path, *, hide: bool = True, overwrite: bool = False
) -> list[str]:
    """Write the videos of the recordings with boxes and labels.

    Args:
        study: The study.
        folder: A new folder, or one of an earlier export with ``overwrite``.
        hide: Hide every face, so that nobody can be recognised.
        overwrite: Replace that export.

    Returns:
        Paths within the folder; recordings whose video is not here have none.

    Raises:
        FerError: The folder holds something else, or a video cannot be read or written.
    """
    videos = [(one, path) for one in study.file.recordings if (path := study.video(one))]
    if not videos:
        raise StudyError("No recording of the study has a video here.")
    place = ExportFolder(folder, overwrite=overwrite, inputs=[path for _, path in videos])
    files = [f"{one.id}-annotated.mp4" for one, _ in videos]
    place.begin(files)
    for (one, path), name in zip(videos, files, strict=True):
        options = VideoOptions.of(one.options | {"smoothing": study.file.smoothing})
        with VideoFile(path, options.stream) as video:
            info = video.info
        joined = tuple(Edit(other, one.faces[0]) for other in one.also)
        result = VideoResult(info, options, study.table(one), one.seconds, 0, edits=joined)
        annotate(path, result, folder / name, hide=hide)
    place.finish()
    return files
