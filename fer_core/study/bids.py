"""A study in the form of BIDS, the Brain Imaging Data Structure: behaviour without imaging."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from fer_core import __version__
from fer_core.files import ExportFolder
from fer_core.study.folder import Study
from fer_core.study.tables import EVENTS, PARTICIPANT, free_name, to_tsv
from fer_core.table import TABLE

#: The version of the standard that is followed.
BIDS_VERSION: Final = "1.10.0"
#: Characters of a label: names of files consist of several.
_LONGEST: Final = 60
_AGE: Final = "age"
#: Columns of participants and events that hold numbers by the standard.
_NUMBERS: Final = (_AGE, "response_time", "sample")


def label(text: str) -> str:
    """Return the letters and digits of a text, which is all that labels of BIDS may have.

    >>> label("P-07 ä")
    'P07'
    """
    return re.sub(r"[^A-Za-z0-9]", "", text)


def labels(texts: Iterable[str], empty: str) -> dict[str, str]:
    """Return a label of BIDS for each text; labels that become equal get a number.

    Args:
        texts: Different ones.
        empty: Label of a text without a letter or digit.

    >>> labels(["P-7", "P7"], "none")
    {'P-7': 'P7', 'P7': 'P72'}
    """
    taken: set[str] = set()
    return {text: free_name(label(text) or empty, taken, longest=_LONGEST) for text in texts}


def export(study: Study, folder: Path, *, overwrite: bool = False) -> list[str]:
    """Write a study as a dataset of BIDS.

    Args:
        study: The study.
        folder: A new folder, or one of an earlier export with ``overwrite``.
        overwrite: Replace that export.

    Returns:
        Paths within the folder.

    Raises:
        FerError: The folder holds something else, or cannot be written.
    """
    place = ExportFolder(folder, overwrite=overwrite)
    files = contents(study)
    place.write_all(files)
    return list(files)


def contents(study: Study) -> dict[str, bytes]:
    """Return every file of the dataset: path → content."""
    subjects = labels(study.codes(), "participant")
    tasks = labels(
        dict.fromkeys(one.task or "recording" for one in study.file.recordings), "recording"
    )
    files: dict[str, bytes] = {
        "dataset_description.json": _json(
            {
                "Name": study.file.name,
                "BIDSVersion": BIDS_VERSION,
                "DatasetType": "raw",
                "GeneratedBy": [{"Name": "fer-core", "Version": __version__}],
            }
        ),
        "README": _readme(study).encode(),
        # What an export writes into its folder is no part of the standard.
        ".bidsignore": b".fer-export.json\n",
        "derivatives/expressions/dataset_description.json": _json(
            {
                "Name": f"{study.file.name}: facial expressions",
                "BIDSVersion": BIDS_VERSION,
                "DatasetType": "derivative",
                "GeneratedBy": [{"Name": "fer-core", "Version": __version__}],
            }
        ),
    }
    files["participants.tsv"], files["participants.json"] = _participants(study, subjects)
    runs: dict[tuple[str, str], int] = {}
    for one in study.file.recordings:
        subject, task = subjects[one.participant], tasks[one.task or "recording"]
        runs[subject, task] = runs.get((subject, task), 0) + 1
        several = sum(
            other.participant == one.participant and other.task == one.task
            for other in study.file.recordings
        )
        run = f"_run-{runs[subject, task]}" if several > 1 else ""
        stem = f"sub-{subject}/beh/sub-{subject}_task-{task}{run}"
        events = study.events(one)
        columns = {name: events[name].tolist() for name in EVENTS}
        taken = set(EVENTS)
        for other in events:
            if other not in EVENTS:
                columns[_column(str(other), events[other], taken)] = events[other].tolist()
        files[f"{stem}_events.tsv"] = to_tsv(columns)
        about = {
            "TaskName": one.task or "recording",
            "trial_type": {"Description": "Stimulus, task or baseline"},
        }
        about |= {str(n): {"Description": "As imported"} for n in columns if n not in EVENTS}
        files[f"{stem}_events.json"] = _json(about)
        table = study.table(one)
        # No name of a file or a person leaves the study by this way.
        wanted = [c.name for c in TABLE if c.name in table and c.name not in ("source", "name")]
        derived = f"derivatives/expressions/{stem}_desc-expressions_beh"
        files[f"{derived}.tsv"] = to_tsv(
            {name: table[name].astype(object).where(table[name].notna(), "").tolist()
             for name in wanted}
        )  # fmt: skip
        meanings = {c.name: c for c in TABLE}
        files[f"{derived}.json"] = _json(
            {
                name: {"Description": meanings[name].meaning}
                | ({"Units": meanings[name].unit} if meanings[name].unit else {})
                for name in wanted
            }
        )
    return files


def _participants(study: Study, subjects: dict[str, str]) -> tuple[bytes, bytes]:
    columns: dict[str, list[str]] = {
        PARTICIPANT: [f"sub-{subjects[code]}" for code in study.codes()]
    }
    about: dict[str, Any] = {
        PARTICIPANT: {"Description": "Label of the participant"},
        "code": {"Description": "Code of the participant in the study"},
    }
    taken = set(about)
    for name in study.participants.columns.drop(PARTICIPANT):
        values = study.values(str(name))
        cells = [values.get(code, "") for code in study.codes()]
        column = _column(str(name), cells, taken)
        columns[column] = cells
        about[column] = {"Description": str(name)}
        if column == _AGE:
            about[_AGE] = {"Description": "Age of the participant", "Units": "year"}
    columns["code"] = study.codes()
    return to_tsv(columns), _json(about)


def _column(name: str, cells: Iterable[Any], taken: set[str]) -> str:
    """Return a column's name, which no other column has; one to which the standard gives a type
    keeps it only if it has this type.
    """
    column = re.sub(r"\W+", "_", name.strip()) or "column"
    if column == "HED" or (column in _NUMBERS and not all(map(_is_number, cells))):
        column = f"{column}_as_entered"
    return free_name(column, taken, "_")


def _is_number(cell: Any) -> bool:
    return str(cell) == "" or bool(re.fullmatch(r"-?\d+(\.\d+)?", str(cell)))


def _readme(study: Study) -> str:
    return (
        f"{study.file.name}\n\nFacial expressions of {len(study.codes())} participants in "
        f"{len(study.file.recordings)} recordings, analysed by fer-core {__version__} with the "
        f"model {study.file.model} and the class prior '{study.file.class_prior}'. Probabilities "
        "in derivatives/expressions are as measured, without smoothing. An expression is not a "
        "feeling (Barrett et al. 2019).\n"
    )


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
