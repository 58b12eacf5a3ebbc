"""Emotion over time: from the one table of every result to smoothed curves, shares of
time, changes and exports.

Everything here takes a table in the columns :data:`fer_core.table.COLUMNS`, one row
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
#: What a change point must explain, see :func:`change_points`. Chosen on FER2013's faces shown
#: in turn (docs/video.md); two fifths of it find changes in faces that only move and flicker.
PENALTY: Final = 0.05
#: Seconds between the places where change points are looked for.
STEP: Final = 0.1


def durations(table: pd.DataFrame, gap: float = GAP) -> pd.Series:
    """Seconds that every row stands for, in the table's index.

    >>> durations(pd.DataFrame({"time": [0.0, 0.5, 9.0], "person": 1})).tolist()
    [0.5, 1.0, 0.0]
    """
    times = table.sort_values("time", kind="stable").groupby("person")["time"]
    return (-times.diff(-1)).clip(upper=gap).fillna(0.0).reindex(table.index)


def smooth(
    table: pd.DataFrame,
    seconds: float,
    *,
    centred: bool = False,
    breaks: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The table with probabilities averaged over time, person by person.

    An exponential average whose weights follow the time between rows, so that uneven
    rates do not matter; it begins anew where a person was away for longer than
    :data:`GAP`. ``emotion`` and ``confidence`` become those of the averages.

    Args:
        table: in the columns of every result.
        seconds: the time constant; 0 changes nothing.
        centred: average what came after as well as what came before, so that nothing
            happens late; for recordings that are complete.
        breaks: average nothing across these, rows with ``time`` and ``person`` such as
            :func:`change_points` gives.
    """
    if seconds <= 0 or table.empty:
        return table.copy()
    parts = []
    for number, person in table.groupby("person"):
        ordered = person.sort_values("time", kind="stable").copy()
        times = ordered["time"].to_numpy(float)
        steps = np.diff(times)
        if breaks is not None:
            at = np.searchsorted(times, breaks.loc[breaks["person"] == number, "time"])
            steps[at[(at > 0) & (at < len(times))] - 1] = np.inf
        values = ordered[PROBABILITIES].to_numpy(float)
        if centred:
            after = _averaged(values[::-1], steps[::-1], seconds)[::-1]
            values = (_averaged(values, steps, seconds) + after) / 2
        else:
            values = _averaged(values, steps, seconds)
        ordered[PROBABILITIES] = values
        ordered["emotion"] = np.array(EMOTIONS, dtype=object)[values.argmax(axis=1)]
        ordered["confidence"] = values.max(axis=1)
        parts.append(ordered)
    return pd.concat(parts).reindex(table.index)


def _averaged(values: np.ndarray, steps: np.ndarray, seconds: float) -> np.ndarray:
    out = values.copy()
    weights = np.where(steps <= GAP, 1 - np.exp(-steps / seconds), 1.0)
    for i, weight in enumerate(weights, start=1):
        out[i] = out[i - 1] + weight * (out[i] - out[i - 1])
    return out


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
        if before is None or before[2] != stretch[1]:
            merged.append(list(stretch))
        elif stretch[2] - stretch[1] < hold or before[3] == stretch[3]:
            before[2] = stretch[2]
        elif before[2] - before[1] < hold:
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


def change_points(
    table: pd.DataFrame, penalty: float = PENALTY, hold: float = HOLD, step: float = STEP
) -> pd.DataFrame:
    """When a person's expression changed, whether or not the dominant emotion did.

    PELT (Killick et al. 2012, *Optimal detection of changepoints with a linear
    computational cost*) on the seven probabilities with squared error, by ``ruptures``.

    Args:
        table: in the columns of every result, not smoothed: smoothing blurs changes.
        penalty: what a further change must explain: squared distance of probabilities
            times seconds.
        hold: seconds that each stretch between changes has at least.
        step: seconds; the grid on which changes are looked for. Long recordings get a
            coarser one, at most 20,000 places.

    Returns:
        Columns ``time, person, before, after, size``, by time; ``before`` and ``after``
        are the most probable emotions of the two stretches, ``size`` is half the sum of
        the absolute differences of their probabilities, 0 to 1.
    """
    from ruptures import KernelCPD

    rows = []
    step = max(step, float(table["time"].max()) / 20_000) if len(table) else step
    least = max(1, round(hold / step))
    for person, part in table.groupby("person"):
        times = np.sort(part["time"].to_numpy(float))
        means = curve(part, step=step).interpolate(
            limit=max(1, round(GAP / step)), limit_area="inside"
        )
        for signal in _unbroken(means):
            if len(signal) < 2 * least:
                continue
            found = KernelCPD(kernel="linear", min_size=least).fit(signal.to_numpy())
            edges = [0, *found.predict(pen=penalty / step)]
            stretches = [signal.iloc[a:b].mean() for a, b in zip(edges, edges[1:], strict=False)]
            for at, before, after in zip(edges[1:-1], stretches, stretches[1:], strict=False):
                first = np.searchsorted(times, signal.index[at] - step / 2 - 1e-9)
                rows.append(
                    [
                        float(times[min(first, len(times) - 1)]),
                        person,
                        before.idxmax(),
                        after.idxmax(),
                        float((after - before).abs().sum() / 2),
                    ]
                )
    found = pd.DataFrame(rows, columns=["time", "person", "before", "after", "size"])
    return found.sort_values("time", kind="stable").reset_index(drop=True)


def _unbroken(curve: pd.DataFrame) -> list[pd.DataFrame]:
    """The parts of a curve between its gaps."""
    known = curve.notna().all(axis=1)
    return [part for _, part in curve[known].groupby((~known).cumsum()[known])]


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


def in_words(summary: dict[str, Any]) -> str:
    """What :func:`summarize` gave, in a line for people.

    Of a recorded video the change points count, which are what its timeline and lists show.
    """
    people = "1 person" if summary["faces"] == 1 else f"{summary['faces']} people"
    words = f"{clock(summary['seconds'])} min · {people}"
    if summary["dominant"]:
        share = summary["shares"][summary["dominant"]]
        words += f" · mostly {summary['dominant'].lower()}, {share * 100:.0f} % of the time"
    count = len(summary.get("change_points", summary["changes"]))
    return f"{words} · {count} {'change' if count == 1 else 'changes'}"


def shares_in_words(shares: dict[str, float]) -> str:
    """Such as 'Happy 62%, Neutral 38%': the largest first, none below half a per cent."""
    ranked = sorted(shares.items(), key=lambda item: item[1], reverse=True)
    return ", ".join(f"{emotion} {share:.0%}" for emotion, share in ranked if share >= 0.005)


def clock(seconds: float) -> str:
    """Such as '1:07', or '1:02:03'."""
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


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
    if table.empty:
        return pd.DataFrame(columns=list(EMOTIONS), index=pd.Index([], name="time"), dtype=float)
    # A time on the edge of a step belongs to the step that begins there, rounded or not.
    bins = np.floor(table["time"].to_numpy() / step + 1e-6).astype(int)
    first = bins.min()
    # A live page asks twice a second: ten times as fast as pandas' groups.
    numbers = np.bincount(bins - first)
    sums = [np.bincount(bins - first, table[column].to_numpy()) for column in PROBABILITIES]
    means = np.divide(
        sums, numbers, out=np.full((len(sums), len(numbers)), np.nan), where=numbers > 0
    )
    time = pd.Index((np.arange(len(numbers)) + first + 0.5) * step, name="time")
    return pd.DataFrame(means.T, columns=list(EMOTIONS), index=time)


def to_csv(table: pd.DataFrame) -> str:
    """The table as CSV, full precision."""
    return table.to_csv(index=False)


def to_json(table: pd.DataFrame, summary: dict[str, Any] | None = None, **about: Any) -> str:
    """Summary and rows as JSON; ``about`` (model, detector, …) comes first.

    Args:
        table: in the columns of every result.
        summary: of the table; that of :func:`summarize` without.
        about: plain JSON values.
    """
    summary = summary or summarize(table)
    value = about | {"summary": summary, "rows": table.to_dict("records")}
    return json.dumps(value, indent=1, ensure_ascii=False)
