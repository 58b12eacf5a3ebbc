"""Events from elsewhere: tables with a column mapper, ELAN, XDF; offsets and drifting clocks."""

import io
import math
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from fer_core.extras import needed_by
from fer_core.study.folder import Study
from fer_core.study.model import Recording, StudyError
from fer_core.study.tables import EVENTS, clean, empty_events, parse_rows, tidy_events

#: Columns that a mapper may fill: name → what it takes.
FIELDS: Final = {
    "onset": "Seconds at which the event begins",
    "duration": "Seconds that it lasts",
    "end": "Seconds at which it ends, instead of the duration",
    "trial_type": "Name of the event",
    "recording": "Recording, file name or participant, where a table holds those of several",
    "tier": "Tier, or person who labelled",
}
#: What columns are usually called, the best first.
_USUAL: Final[dict[str, tuple[str, ...]]] = {
    "onset": ("onset", "start", "begin", "time", "timestamp"),
    "duration": ("duration", "dur", "length"),
    "end": ("end", "stop", "offset"),
    "trial_type": (
        "trial_type",
        "event",
        "label",
        "name",
        "stimulus",
        "condition",
        "marker",
        "message",
    ),
    "recording": ("recording", "source", "video", "file", "participant_id", "participant"),
    "tier": ("tier", "rater", "annotator", "coder"),
}
#: Where an entry of the running log of PsychoPy begins.
_ENTRY: Final = re.compile(r"^(\d+\.\d+)[ ]*\t([A-Z]+)[ ]*\t", re.MULTILINE)
_UNITS: Final = {"s": 1.0, "ms": 0.001}


def read_file(
    content: bytes, name: str, columns: Mapping[str, str] | None = None, unit: str = "s"
) -> pd.DataFrame:
    """Return the events of a file: CSV, TSV, ELAN (``.eaf``) or XDF (``.xdf``).

    Args:
        content: Of the file.
        name: Of the file; its ending says the format.
        columns: For tables, field of :data:`FIELDS` → column; by default :func:`guess_columns`.
        unit: Of a table's times, ``s`` or ``ms``.

    Returns:
        ``onset``, ``duration``, ``trial_type``, and ``recording`` and ``tier`` where the file
        says them.

    Raises:
        StudyError: It cannot be read, or holds no events.
    """
    suffix = Path(name).suffix.lower()
    if suffix == ".eaf":
        return _read_elan(content, name)
    if suffix in (".xdf", ".xdfz"):
        return _read_xdf(content, name, suffix)
    header, rows = read_table(content, name)
    return map_columns(pd.DataFrame(rows, columns=header, dtype=str), name, columns, unit)


def read_table(content: bytes, name: str) -> tuple[list[str], list[list[str]]]:
    """Return columns and rows of a CSV or TSV file, or of the running log of PsychoPy.

    That log (``.log``) has no names of columns: each entry is a time, a level and a message, which
    may take several lines.

    Raises:
        StudyError: It cannot be read.
    """
    text = content.decode("utf-8", errors="replace")
    if _ENTRY.match(text):
        parts = _ENTRY.split(text)[1:]
        rows = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
        return ["time", "level", "message"], [[clean(cell) for cell in row] for row in rows]
    return parse_rows(content, name)


def guess_columns(header: Sequence[str]) -> dict[str, str]:
    """Return which column is likely to be which field.

    PsychoPy's logs name a column after each component, such as ``clip.started`` and
    ``clip.stopped``; the first of these is taken.

    >>> guess_columns(["participant", "clip.started", "clip.stopped", "condition"])["end"]
    'clip.stopped'
    """
    small = {name.casefold(): name for name in reversed(header)}
    found = {
        field: next(small[name] for name in usual if name in small)
        for field, usual in _USUAL.items()
        if any(name in small for name in usual)
    }
    started = [name for name in header if name.casefold().endswith(".started")]
    if "onset" not in found and started:
        found["onset"] = started[0]
        stopped = started[0][: -len("started")] + "stopped"
        if stopped in header:
            found["end"] = stopped
    return found


def map_columns(
    table: pd.DataFrame, name: str, columns: Mapping[str, str] | None = None, unit: str = "s"
) -> pd.DataFrame:
    """Return a table of text as events.

    Rows without an onset are left out, as a log has them for other things.

    Args:
        table: Text columns.
        name: Of the file, for errors.
        columns: See :func:`read_file`.
        unit: Likewise.

    Raises:
        StudyError: There is no column of onsets, or no event.
    """
    columns = dict(columns or guess_columns(list(table.columns)))
    for field, column in columns.items():
        if field not in FIELDS or column not in table:
            raise StudyError(f"{name} has no column {column}: its columns are {', '.join(table)}.")
    if "onset" not in columns:
        raise StudyError(
            f"{name} has no column that is known to hold onsets: say which one it is. Its columns "
            f"are {', '.join(table)}."
        )
    if unit not in _UNITS:
        raise StudyError("The unit of times is s or ms.")
    table = table[[bool(clean(value)) for value in table[columns["onset"]]]]
    if table.empty:
        raise StudyError(f"{name} holds no event with an onset.")
    out: dict[str, list[Any]] = {"onset": table[columns["onset"]].tolist()}
    rows = len(table)
    out["duration"] = table[columns["duration"]].tolist() if "duration" in columns else [""] * rows
    named = "trial_type" in columns
    out["trial_type"] = table[columns["trial_type"]].tolist() if named else ["event"] * rows
    for field in ("recording", "tier"):
        if field in columns:
            out[field] = table[columns[field]].tolist()
    if "end" in columns and "duration" not in columns:
        ends = tidy_events(
            pd.DataFrame(
                {"onset": out["onset"], "duration": table[columns["end"]].tolist(),
                 "trial_type": range(rows)}
            ),
            name,
        )  # fmt: skip
        lasts = dict(zip(ends["trial_type"], ends["duration"] - ends["onset"], strict=True))
        out["duration"] = [lasts[str(row)] for row in range(rows)]
    elif "duration" not in columns:
        # A log without any ends holds moments.
        out["duration"] = [0.0] * rows
    events = tidy_events(pd.DataFrame(out), name)
    events[["onset", "duration"]] *= _UNITS[unit]
    return events


def _read_elan(content: bytes, name: str) -> pd.DataFrame:
    with needed_by("Reading files of ELAN", "study"):
        from pympi import Eaf
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "annotations.eaf"
        path.write_bytes(content)
        try:
            file = Eaf(str(path))
            rows = [
                {"onset": begin / 1000, "duration": (end - begin) / 1000,
                 "trial_type": clean(value) or tier, "tier": tier}
                for tier in file.get_tier_names()
                for begin, end, value, *_ in file.get_annotation_data_for_tier(tier)
            ]  # fmt: skip
        except Exception as error:  # pympi raises whatever the XML made it raise
            raise StudyError(f"{name} cannot be read as a file of ELAN: {error}.") from error
    if not rows:
        raise StudyError(f"{name} holds no annotations.")
    return tidy_events(pd.DataFrame(rows), name)


def _read_xdf(content: bytes, name: str, suffix: str) -> pd.DataFrame:
    with needed_by("Reading XDF", "study"):
        import pyxdf
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"stream{suffix}"
        path.write_bytes(content)
        try:
            streams, _ = pyxdf.load_xdf(str(path))
        except Exception as error:  # pyxdf raises whatever the bytes made it raise
            raise StudyError(f"{name} cannot be read as XDF: {error}.") from error
    rows = []
    clocks = [float(s["time_stamps"][0]) for s in streams if len(s["time_stamps"])]
    for stream in streams:
        values = stream["time_series"]
        if not len(values) or not isinstance(values[0][0], str):
            continue  # signals, not markers
        about = stream["info"]["name"][0]
        rows += [
            {"onset": float(time) - min(clocks), "duration": 0.0, "trial_type": clean(value[0]),
             "tier": about}
            for time, value in zip(stream["time_stamps"], values, strict=True)
        ]  # fmt: skip
    if not rows:
        raise StudyError(f"{name} holds no stream of markers.")
    return tidy_events(pd.DataFrame(rows), name)


def shift(events: pd.DataFrame, offset: float) -> pd.DataFrame:
    """Return events later by ``offset`` seconds: the recording's time when the log's is 0."""
    return events.assign(onset=events["onset"] + offset)


def fit_clock(moments: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return factor and offset that turn a log's times into the recording's.

    Args:
        moments: Two moments that both show: ``(time in the log, time in the recording)``.

    Returns:
        ``recording = factor × log + offset``.

    Raises:
        StudyError: They are one moment, or the clocks differ by more than a tenth.
    """
    (first_log, first), (second_log, second) = moments
    if abs(second_log - first_log) < 1e-9:
        raise StudyError("The two shared moments are one in the log: choose two far apart.")
    factor = (second - first) / (second_log - first_log)
    if not 0.9 < factor < 1.1:
        raise StudyError(
            f"By these moments the clocks run at {factor:.3g} to 1: one of them must be wrong."
        )
    return factor, first - factor * first_log


def rescale(events: pd.DataFrame, factor: float, offset: float) -> pd.DataFrame:
    """Return events of a drifting clock in the recording's time, see :func:`fit_clock`."""
    return events.assign(
        onset=events["onset"] * factor + offset, duration=events["duration"] * factor
    )


def assign(
    study: Study, events: pd.DataFrame, name: str = ""
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Return whose events these are, by the column ``recording`` or the name of the file.

    Args:
        study: The study.
        events: With a column ``recording`` that holds ids, file names or codes of participants.
        name: Of the file. Without a column, its events belong to the recordings that it is called
            after, like ``P1_joy.eaf`` or ``P1.eaf``; where there are none, to every recording.

    Returns:
        Events by id of the recording, and names that no recording has.
    """
    if "recording" not in events:
        mine = [one for one in study.file.recordings if _is_called(one, Path(name).stem)]
        return {one.id: events for one in mine or study.file.recordings}, []
    found: dict[str, pd.DataFrame] = {}
    unknown: list[str] = []
    for name, part in events.groupby("recording", sort=False):
        mine = [one for one in study.file.recordings if _is_called(one, str(name))]
        if not mine:
            unknown.append(str(name))
        for one in mine:
            before = found.get(one.id, empty_events())
            found[one.id] = tidy_events(
                pd.concat([before, part.drop(columns="recording")], ignore_index=True)
            )
    return found, unknown


def _is_called(one: Recording, name: str) -> bool:
    return name in (one.id, one.source, Path(one.source).stem, one.participant)


def outside(events: pd.DataFrame, recording: Recording) -> list[str]:
    """Return which events lie outside of a recording, as sentences."""
    found = []
    for event in events.itertuples(index=False):
        end = event.onset + (0.0 if math.isnan(event.duration) else event.duration)
        if event.onset < 0 or event.onset > recording.seconds or end > recording.seconds + 0.5:
            found.append(
                f"{event.trial_type} at {event.onset:.1f} s lies outside of {recording.id}, which "
                f"has {recording.seconds:.1f} s."
            )
    return found


def template() -> bytes:
    """Return an empty table of events, to fill in."""
    file = io.StringIO()
    file.write("\t".join(["recording", *EVENTS]) + "\n")
    return file.getvalue().encode()
