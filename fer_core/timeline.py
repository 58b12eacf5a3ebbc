"""Emotion over time: from the one table of every result to smoothed curves, shares of
time, changes and exports.

Everything here takes a table in the columns :data:`fer_core.analysis.COLUMNS`, one row
per face and moment, whether a camera, a video or a browser made it. A moment stands for
the time until the same person's next one, but never for more than ``gap`` seconds:
where nobody was seen, no time passes.
"""

import json
from typing import Any, Final

import numpy as np
import pandas as pd

from fer_core.emotions import EMOTIONS

#: Columns of the seven probabilities, in the order of ``EMOTIONS``.
PROBABILITIES: Final = [emotion.lower() for emotion in EMOTIONS]
#: Seconds beyond which a person counts as away.
GAP: Final = 1.0
#: Seconds for which an emotion must be dominant to count as a change.
HOLD: Final = 0.5


def durations(table: pd.DataFrame, gap: float = GAP) -> pd.Series:
    """Seconds that every row stands for, in the table's index.

    >>> durations(pd.DataFrame({"time": [0.0, 0.5, 9.0], "person": 1})).tolist()
    [0.5, 1.0, 0.0]
    """
    times = table.sort_values("time", kind="stable").groupby("person")["time"]
    return (-times.diff(-1)).clip(upper=gap).fillna(0.0).reindex(table.index)


def smooth(table: pd.DataFrame, seconds: float) -> pd.DataFrame:
    """The table with probabilities averaged over time, person by person.

    An exponential average whose weights follow the time between rows, so that uneven
    rates do not matter; it begins anew where a person was away for longer than
    :data:`GAP`. ``emotion`` and ``confidence`` become those of the averages.

    Args:
        table: in the columns of every result.
        seconds: the time constant; 0 changes nothing.
    """
    if seconds <= 0 or table.empty:
        return table.copy()
    parts = []
    for _, person in table.groupby("person"):
        ordered = person.sort_values("time", kind="stable").copy()
        times = ordered["time"].to_numpy(float)
        values = ordered[PROBABILITIES].to_numpy(float, copy=True)
        for i in range(1, len(values)):
            step = times[i] - times[i - 1]
            if step <= GAP:
                weight = 1 - np.exp(-step / seconds)
                values[i] = values[i - 1] + weight * (values[i] - values[i - 1])
        ordered[PROBABILITIES] = values
        ordered["emotion"] = np.array(EMOTIONS, dtype=object)[values.argmax(axis=1)]
        ordered["confidence"] = values.max(axis=1)
        parts.append(ordered)
    return pd.concat(parts).reindex(table.index)


def shares(table: pd.DataFrame, gap: float = GAP) -> pd.DataFrame:
    """Share of time per emotion, one row per person.

    Returns:
        Index ``person``; columns ``seconds`` in view, then one per emotion, 0 to 1,
        which sum to 1 (all 0 for a person seen only once).
    """
    spent = durations(table, gap)
    by = spent.groupby([table["person"], table["emotion"]]).sum().unstack(fill_value=0.0)
    by = by.reindex(columns=list(EMOTIONS), fill_value=0.0)
    seconds = by.sum(axis=1)
    by = by.div(seconds.where(seconds > 0, 1.0), axis=0)
    by.insert(0, "seconds", seconds)
    by.columns.name = None
    return by


def segments(table: pd.DataFrame, hold: float = HOLD, gap: float = GAP) -> pd.DataFrame:
    """Stretches of time in which one emotion was dominant.

    Stretches shorter than ``hold`` belong to the one before them (the first to the one
    after it). An absence longer than ``gap`` ends a stretch.

    Returns:
        Columns ``person, start, end, emotion``, by person and time.
    """
    rows: list[list[Any]] = []
    for person, part in table.groupby("person"):
        part = part.sort_values("time", kind="stable")
        times, labels = part["time"].to_numpy(float), part["emotion"].tolist()
        found: list[list[Any]] = []
        for time, label in zip(times, labels, strict=True):
            away = found and time - found[-1][2] > gap
            if found and not away:
                found[-1][2] = time
            if not found or away or found[-1][3] != label:
                found.append([person, time, time, label])
        rows += _merge_short(found, hold)
    return pd.DataFrame(rows, columns=["person", "start", "end", "emotion"])


def _merge_short(found: list[list[Any]], hold: float) -> list[list[Any]]:
    """Stretches of one person, the short ones joined with their neighbours."""
    merged: list[list[Any]] = []
    for stretch in found:
        before = merged[-1] if merged else None
        joins = before is not None and before[2] == stretch[1]
        if joins and (stretch[2] - stretch[1] < hold or before[3] == stretch[3]):
            before[2] = stretch[2]
        elif joins and before[2] - before[1] < hold:
            before[2:] = stretch[2:]
        else:
            merged.append(list(stretch))
    return merged


def changes(table: pd.DataFrame, hold: float = HOLD, gap: float = GAP) -> pd.DataFrame:
    """When a person's dominant emotion changed, and stayed changed for ``hold`` seconds.

    Returns:
        Columns ``time, person, before, after``, by time.
    """
    found = segments(table, hold, gap)
    before = found.groupby("person")["emotion"].shift()
    moved = before.notna() & (before != found["emotion"])
    table = pd.DataFrame(
        {
            "time": found["start"],
            "person": found["person"],
            "before": before,
            "after": found["emotion"],
        }
    )[moved]
    return table.sort_values("time", kind="stable").reset_index(drop=True)


def summarize(table: pd.DataFrame) -> dict[str, Any]:
    """What a recording comes to, as plain JSON values.

    Keys: ``seconds`` from its first row to its last, ``faces`` (persons who were in view
    for :data:`HOLD` seconds or more: a detector takes much for a face for a moment), ``rows``,
    ``dominant`` (the emotion with the largest share of time, or ``None``), ``shares``
    (of all persons' time together), ``persons`` (the same per person) and ``changes``.
    """
    by_person = shares(table)
    total = float(by_person["seconds"].sum())
    whole = by_person[list(EMOTIONS)].mul(by_person["seconds"], axis=0).sum()
    whole = whole / total if total else whole
    return {
        "seconds": float(table["time"].max() - table["time"].min()) if len(table) else 0.0,
        "faces": int((by_person["seconds"] >= HOLD).sum()),
        "rows": len(table),
        "dominant": str(whole.idxmax()) if total else None,
        "shares": {emotion: float(whole[emotion]) for emotion in EMOTIONS},
        "persons": [
            {
                "person": int(person),
                "seconds": float(row["seconds"]),
                "shares": {emotion: float(row[emotion]) for emotion in EMOTIONS},
            }
            for person, row in by_person.iterrows()
        ],
        "changes": changes(table).to_dict("records"),
    }


def curve(table: pd.DataFrame, person: int | None = None, step: float = 0.5) -> pd.DataFrame:
    """Mean probabilities per ``step`` seconds, for drawing.

    Steps in which nobody was seen hold no numbers, so that a line breaks there.

    Args:
        table: in the columns of every result.
        person: whose; without, the mean of all.
        step: seconds.

    Returns:
        Index ``time``, the middle of each step in seconds; one column per emotion.
    """
    if person is not None:
        table = table[table["person"] == person]
    columns = dict(zip(PROBABILITIES, EMOTIONS, strict=True))
    if table.empty:
        return pd.DataFrame(columns=list(EMOTIONS), index=pd.Index([], name="time"), dtype=float)
    bins = (table["time"] // step).astype(int)
    means = table.groupby(bins)[PROBABILITIES].mean().rename(columns=columns)
    means = means.reindex(range(bins.min(), bins.max() + 1))
    means.index = pd.Index((means.index + 0.5) * step, name="time")
    return means


def to_csv(table: pd.DataFrame) -> str:
    """The table as CSV, full precision."""
    return table.to_csv(index=False)


def to_json(table: pd.DataFrame, **about: Any) -> str:
    """Summary and rows as JSON; ``about`` (model, detector, …) comes first."""
    value = about | {"summary": summarize(table), "rows": table.to_dict("records")}
    return json.dumps(value, indent=1, ensure_ascii=False)
