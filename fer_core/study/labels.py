"""Labels that people gave elsewhere: annotations of ELAN and tables, of one person or several."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from fer_core.emotions import EMOTIONS
from fer_core.study.events import assign, read_file
from fer_core.study.folder import Study
from fer_core.study.model import Recording, StudyError
from fer_core.study.samples import samples

#: Seconds around a label without a duration in which it holds.
_NEAR: Final = 0.5
#: Who labelled, where no file says it.
_SOMEBODY: Final = "imported"


def from_files(study: Study, files: Mapping[str, bytes]) -> pd.DataFrame:
    """Return the labels of files: CSV, TSV or ELAN.

    A file holds the labels of the recording that it is called after, such as ``P1_joy.eaf`` or
    ``P1_joy-anna.eaf``; the rest of the name says who labelled. A table with a column of recordings
    holds those of several. A tier, or a column such as ``rater``, says who labelled too.

    Args:
        study: The study.
        files: Content by name.

    Returns:
        See :func:`from_events`.

    Raises:
        StudyError: A file cannot be read, or does not say whose labels it holds.
    """
    given: dict[str, pd.DataFrame] = {}
    for name, content in files.items():
        found = read_file(content, name)
        one, rest = _called_after(study, Path(name).stem)
        if "recording" in found:
            parts, _ = assign(study, found)
            rest = Path(name).stem if len(files) > 1 else ""
        elif one is not None:
            parts = {one.id: found}
        else:
            raise StudyError(
                f"{name} does not say whose labels it holds: call it after its recording, such as "
                f"{study.file.recordings[0].id if study.file.recordings else 'P1_joy'}"
                f"{Path(name).suffix}."
            )
        for id, part in parts.items():
            part = part.assign(tier=_people(part, rest))
            given[id] = pd.concat([*([given[id]] if id in given else []), part], ignore_index=True)
    return from_events(study, given)


def _called_after(study: Study, stem: str) -> tuple[Recording | None, str]:
    """Return the recording whose name a file's name begins with, and the rest of it."""
    found = [
        (len(name), one)
        for one in study.file.recordings
        for name in {one.id, Path(one.source).stem}
        if stem.casefold().startswith(name.casefold())
    ]
    if not found:
        return (study.file.recordings[0], "") if len(study.file.recordings) == 1 else (None, "")
    length, one = max(found, key=lambda pair: pair[0])
    return one, stem[length:].strip(" _-.")


def _people(events: pd.DataFrame, rest: str) -> list[str]:
    """Return who gave each label: the rest of a file's name, and the tier."""
    tiers = events["tier"].tolist() if "tier" in events else [""] * len(events)
    if rest and len(set(tiers)) == 1:
        return [rest] * len(tiers)
    return [f"{rest} {tier}".strip() or _SOMEBODY for tier in tiers]


def from_events(study: Study, given: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return labels that came as events, as :func:`fer_core.study.agreement.answers` does.

    An event whose name is an emotion labels the time that it takes. Its middle is a moment to
    compare, unless a moment of before lies within it: so what several people labelled is compared
    once.

    Args:
        study: The study.
        given: Events by id of the recording; the column ``tier`` says who labelled.

    Raises:
        StudyError: No event is named after an emotion.
    """
    known = {emotion.casefold(): emotion for emotion in EMOTIONS}
    rows: list[dict[str, Any]] = []
    for id, events in given.items():
        one = study.recording(id)
        found = samples(study, one)
        tiers = events["tier"] if "tier" in events else [_SOMEBODY] * len(events)
        labels = [
            (*_span(float(event.onset), float(event.duration)), known[name], tier or _SOMEBODY)
            for event, tier in zip(events.itertuples(index=False), tiers, strict=True)
            if (name := str(event.trial_type).casefold()) in known and len(found.time)
        ]
        moments: list[float] = []
        for begin, end, _, _ in sorted(labels, key=lambda label: label[:2]):
            if not any(begin <= moment <= end for moment in moments):
                moments.append((begin + end) / 2)
        for moment in moments:
            place = int(np.abs(found.time - moment).argmin())
            probabilities = found.probabilities[place]
            seen = bool(np.isfinite(probabilities).all())
            rows.append(
                {
                    "item": str(len(rows) + 1),
                    "recording": id,
                    "time": moment,
                    "group": study.group_of(one.participant),
                    "product": EMOTIONS[int(probabilities.argmax())] if seen else "",
                    "confidence": float(probabilities.max()) if seen else math.nan,
                }
                | {
                    f"label_{who}": label
                    for begin, end, label, who in labels
                    if begin <= moment <= end
                }
            )
    if not rows:
        raise StudyError(f"No event is named after an emotion: {', '.join(EMOTIONS)}.")
    table = pd.DataFrame(rows)
    people = [name for name in table if str(name).startswith("label_")]
    return table.fillna(dict.fromkeys(people, ""))


def _span(onset: float, duration: float) -> tuple[float, float]:
    """Return from when to when a label holds."""
    if not duration > 0:  # a moment, or an event of unknown end
        return onset - _NEAR, onset + _NEAR
    return onset, onset + duration
