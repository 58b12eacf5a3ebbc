"""Emotion over time: from the one table of every result to smoothed curves, shares of
time and changes.

Everything here takes a whole table of a recorded video or a live session, in the columns of
:data:`fer_core.table.TABLE`. Rows without a face say when a frame was sampled; a person's rows
alone would not tell an absence from a pause between two samples. Every sample stands for the
time until the next one. Of a live session it stands for :data:`GAP` seconds at most, since the
camera may have been off; a recorded frame is shown for as long as it takes.
"""

import json
from typing import Any, Final

import numpy as np
import pandas as pd

from fer_core.emotions import EMOTIONS, UNSURE_BELOW
from fer_core.table import PAUSED, PROBABILITIES, records

#: Seconds beyond which a person counts as away.
GAP: Final = 1.0
#: Seconds for which an emotion must be dominant to count as a change.
HOLD: Final = 0.5
#: What a change point must explain, see :func:`change_points`. Chosen on FER2013's faces shown
#: in turn (docs/video-explained.md); two fifths of it find changes in faces that only move and
#: flicker.
PENALTY: Final = 0.05
#: Seconds between the places where change points are looked for.
STEP: Final = 0.1


def seen(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with a face; ``person`` is a plain integer in them."""
    return table[table["person"].notna()].astype({"person": "int64"})


def _samples(
    table: pd.DataFrame, gap: float | None = None, end: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return when frames were sampled, in order, and for how many seconds each stands.

    A pause ends the sample before it and stands for nothing.
    """
    times = table["time"].to_numpy(float)
    known = np.isfinite(times)
    grid, first = np.unique(times[known], return_index=True)
    if not len(grid):
        return grid, grid
    steps = np.diff(grid)
    usual = float(np.median(steps)) if len(steps) else 0.0
    last = usual if end is None else max(0.0, end - float(grid[-1]))
    spans = np.append(steps, last)
    if gap is None and "wall_time" in table:
        gap = GAP
    if gap is not None:
        spans = np.minimum(spans, gap)
    if "status" in table:
        spans[(table["status"].to_numpy()[known][first] == PAUSED)] = 0.0
    return grid, spans


def durations(table: pd.DataFrame, gap: float | None = None, end: float | None = None) -> pd.Series:
    """Return the seconds that every row stands for, in the table's index.

    Args:
        table: A whole table.
        gap: Seconds that a row stands for at most. By default :data:`GAP` in a live session,
            and without limit in a recorded video.
        end: When the recording ends, in seconds; by default the last sample stands for as
            long as the usual one.

    >>> durations(pd.DataFrame({"time": [0.0, 0.5, 9.0], "person": 1}), gap=1).tolist()
    [0.5, 1.0, 1.0]
    """
    grid, spans = _samples(table, gap, end)
    places = np.searchsorted(grid, table["time"].to_numpy(float)).clip(max=max(0, len(grid) - 1))
    return pd.Series(spans[places] if len(grid) else 0.0, index=table.index, dtype=float)


def length(table: pd.DataFrame, end: float | None = None) -> float:
    """Return the seconds of a recording, without the time in which nothing was sampled.

    Args:
        table: A whole table.
        end: When a recorded video ends, in seconds.
    """
    return float(_samples(table, end=end)[1].sum()) if end is None else float(end)


def _absences(times: np.ndarray, grid: np.ndarray, gap: float) -> np.ndarray:
    """Return which steps between a person's rows are absences: longer than ``gap``, and with a
    sample in between in which the person was not found.
    """
    places = np.searchsorted(grid, times)
    return (np.diff(places) > 1) & (np.diff(times) > gap)


def smooth(
    table: pd.DataFrame,
    seconds: float,
    *,
    centred: bool = False,
    breaks: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the table with probabilities averaged over time, person by person.

    An exponential average whose weights follow the time between rows, so that uneven rates do
    not matter. It starts again where a person was away for longer than :data:`GAP`.
    ``emotion`` and ``confidence`` become those of the averages, and ``smoothing`` says how
    many seconds it was. A table that is smoothed already is returned as it is.

    Args:
        table: A whole table.
        seconds: The time constant; 0 changes nothing.
        centred: Average what came after as well as what came before, so that nothing happens
            late; for recordings that are complete.
        breaks: Average nothing across these: rows with ``time`` and ``person``, such as
            :func:`change_points` gives.
    """
    if seconds <= 0 or table.empty or ("smoothing" in table and table["smoothing"].gt(0).any()):
        return table.copy()
    grid, _ = _samples(table)
    out = table.copy()
    if "smoothing" in out:
        out["smoothing"] = float(seconds)
    probabilities = list(PROBABILITIES)
    for number, person in seen(table).groupby("person"):
        ordered = person.sort_values("time", kind="stable")
        times = ordered["time"].to_numpy(float)
        steps = np.diff(times)
        steps[_absences(times, grid, GAP)] = np.inf
        if "wall_time" in table:
            steps[steps > GAP] = np.inf
        if breaks is not None:
            at = np.searchsorted(times, breaks.loc[breaks["person"] == number, "time"])
            steps[at[(at > 0) & (at < len(times))] - 1] = np.inf
        values = ordered[probabilities].to_numpy(float)
        if centred:
            after = _averaged(values[::-1], steps[::-1], seconds)[::-1]
            values = (_averaged(values, steps, seconds) + after) / 2
        else:
            values = _averaged(values, steps, seconds)
        out.loc[ordered.index, probabilities] = values
        out.loc[ordered.index, "emotion"] = np.array(EMOTIONS, dtype=object)[values.argmax(axis=1)]
        out.loc[ordered.index, "confidence"] = values.max(axis=1)
        if "unsure" in out:
            # Signs of an unreliable answer stay; the confidence is judged anew.
            unreliable = (ordered["unsure"] & (ordered["confidence"] >= UNSURE_BELOW)).to_numpy(
                bool
            )
            out.loc[ordered.index, "unsure"] = unreliable | (values.max(axis=1) < UNSURE_BELOW)
    return out


def _averaged(values: np.ndarray, steps: np.ndarray, seconds: float) -> np.ndarray:
    out = values.copy()
    for i, weight in enumerate(1 - np.exp(-steps / seconds), start=1):
        out[i] = out[i - 1] + weight * (out[i] - out[i - 1])
    return out


def shares(table: pd.DataFrame, gap: float | None = None, end: float | None = None) -> pd.DataFrame:
    """Return the share of time per emotion, one row per person.

    Args:
        table: A whole table.
        gap: See :func:`durations`.
        end: Likewise.

    Returns:
        Index ``person``; columns ``seconds`` in view, then one per emotion, 0 to 1,
        which sum to 1 (all 0 for a person who was in view for no time).
    """
    rows = seen(table)
    spent = durations(table, gap, end).loc[rows.index]
    by = spent.groupby([rows["person"], rows["emotion"]]).sum().unstack(fill_value=0.0)
    by = by.reindex(columns=list(EMOTIONS), fill_value=0.0)
    seconds = by.sum(axis=1)
    by = by.div(seconds.where(seconds > 0, 1.0), axis=0)
    by.insert(0, "seconds", seconds)
    by.columns.name = None
    return by


def segments(
    table: pd.DataFrame,
    hold: float = HOLD,
    gap: float = GAP,
    end: float | None = None,
) -> pd.DataFrame:
    """Return the stretches of time in which one emotion was dominant.

    Stretches shorter than ``hold`` belong to the one before them (the first to the one
    after it). An absence longer than ``gap`` ends a stretch.

    Args:
        table: A whole table.
        hold: Seconds.
        gap: Seconds.
        end: When the recording ends, see :func:`durations`.

    Returns:
        Columns ``person, start, end, emotion``, by person and time.
    """
    rows: list[list[Any]] = []
    grid, _ = _samples(table)
    spent = durations(table, end=end)
    live = "wall_time" in table
    for person, part in seen(table).groupby("person"):
        part = part.sort_values("time", kind="stable")
        times, labels = part["time"].to_numpy(float), part["emotion"].tolist()
        away = _absences(times, grid, gap) | (live & (np.diff(times) > gap))
        spans = np.minimum(spent.loc[part.index].to_numpy(), np.append(np.diff(times), np.inf))
        found: list[list[Any]] = []
        for i, (time, label) in enumerate(zip(times, labels, strict=True)):
            left = bool(i and away[i - 1])
            if found and not left:
                found[-1][2] = time
            if not found or left or found[-1][3] != label:
                found.append([person, time, time, label])
            found[-1][2] = time + spans[i]
        rows += _merge_short(found, hold)
    return pd.DataFrame(rows, columns=["person", "start", "end", "emotion"])


def _merge_short(found: list[list[Any]], hold: float) -> list[list[Any]]:
    """Return stretches of one person, the short ones joined with their neighbours."""
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


def changes(
    table: pd.DataFrame, hold: float = HOLD, gap: float = GAP, end: float | None = None
) -> pd.DataFrame:
    """Return when a person's dominant emotion changed, and stayed changed for ``hold`` seconds.

    Args:
        table: A whole table.
        hold: Seconds.
        gap: Seconds of absence after which a new stretch begins.
        end: When the recording ends, see :func:`durations`.

    Returns:
        Columns ``time, person, before, after``, by time.
    """
    found = segments(table, hold, gap, end)
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
    """Return when a person's expression changed, whether or not the dominant emotion did.

    PELT (Killick et al. 2012, *Optimal detection of changepoints with a linear
    computational cost*) on the seven probabilities with squared error, by ``ruptures``.

    Args:
        table: A whole table, not smoothed: smoothing blurs changes.
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
    if table["person"].notna().any():
        step = max(step, float(table["time"].max()) / 20_000)
    least = max(1, round(hold / step))
    for person, part in seen(table).groupby("person"):
        times = np.sort(part["time"].to_numpy(float))
        means = curve(table, int(person), step=step).interpolate(
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
    """Return the parts of a curve between its gaps."""
    known = curve.notna().all(axis=1)
    return [part for _, part in curve[known].groupby((~known).cumsum()[known])]


def summarize(table: pd.DataFrame, end: float | None = None) -> dict[str, Any]:
    """Summarise a recording as plain JSON values.

    The keys are ``seconds`` of the recording, ``faces`` (persons who were in view long enough, see
    :func:`long_enough`) and ``rows`` with a face. ``dominant`` is the emotion with the largest
    share of time, or ``None``. ``shares`` are of all persons' time together, ``persons`` has the
    same per person, and there are ``changes``.

    Args:
        table: A whole table.
        end: When a recorded video ends, in seconds.
    """
    by_person = shares(table, end=end)
    total = float(by_person["seconds"].sum())
    whole = by_person[list(EMOTIONS)].mul(by_person["seconds"], axis=0).sum()
    whole = whole / total if total else whole
    seconds = length(table, end)
    return {
        "seconds": seconds,
        "faces": len(long_enough(by_person["seconds"], seconds)),
        "rows": int(table["person"].notna().sum()),
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
        "changes": changes(table, end=end).to_dict("records"),
    }


def long_enough(seconds: pd.Series, total: float) -> pd.Series:
    """Return the persons who were in view long enough to count.

    A detector takes many a thing for a face for a moment, so a person counts after
    :data:`HOLD` seconds, or half of a recording that is shorter than twice that.

    Args:
        seconds: In view, by person.
        total: Seconds of the recording.
    """
    return seconds[(seconds > 0) & (seconds >= min(HOLD, total / 2) - 1e-9)]


def in_words(summary: dict[str, Any]) -> str:
    """Return what :func:`summarize` gave, in a line for people.

    Of a recorded video the change points count, which are what its timeline and lists show.
    """
    people = "1 person" if summary["faces"] == 1 else f"{summary['faces']} people"
    words = f"{clock(summary['seconds'])} min · {people}"
    if summary["dominant"]:
        share = summary["shares"][summary["dominant"]]
        whose = "everyone's time" if summary["faces"] > 1 else "the time"
        words += f" · mostly {summary['dominant'].lower()}, {share * 100:.0f} % of {whose}"
    count = len(summary.get("change_points", summary["changes"]))
    return f"{words} · {count} {'change' if count == 1 else 'changes'}"


def shares_in_words(shares: dict[str, float]) -> str:
    """Return words such as 'Happy 62%, Neutral 38%': the largest first, none below half a per
    cent.
    """
    ranked = sorted(shares.items(), key=lambda item: item[1], reverse=True)
    return ", ".join(f"{emotion} {share:.0%}" for emotion, share in ranked if share >= 0.005)


def clock(seconds: float) -> str:
    """Return a time such as '1:07', or '1:02:03'."""
    # A video of 8 s may say that it has 7.9999.
    minutes, rest = divmod(int(max(0.0, seconds) + 1e-3), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def clocks(times: list[float]) -> list[str]:
    """Return :func:`clock` of each time, with tenths of a second where two would be equal.

    >>> clocks([3.4, 9.0, 9.6])
    ['0:03', '0:09.0', '0:09.6']
    """
    words = [clock(time) for time in times]
    return [
        f"{word}.{int(time * 10 + 1e-3) % 10}" if words.count(word) > 1 else word
        for word, time in zip(words, times, strict=True)
    ]


def curve(table: pd.DataFrame, person: int | None = None, step: float = 0.5) -> pd.DataFrame:
    """Return mean probabilities per ``step`` seconds, for drawing.

    Steps in which nobody was seen hold no numbers, so that a line breaks there. A sample that
    stands for several steps fills them all.

    Args:
        table: A whole table.
        person: Whose; by default the mean of all.
        step: Seconds.

    Returns:
        Index ``time``, the middle of each step in seconds; one column per emotion.
    """
    rows = table["person"].notna().to_numpy()
    if person is not None:
        rows = rows & table["person"].eq(person).fillna(False).to_numpy(bool)
    if not rows.any():
        return pd.DataFrame(columns=list(EMOTIONS), index=pd.Index([], name="time"), dtype=float)
    times = table["time"].to_numpy(float)[rows]
    # A time on the edge of a step belongs to the step that begins there, rounded or not.
    bins = np.floor(times / step + 1e-6).astype(int)
    first = bins.min()
    grid, spans = _samples(table)
    until = times + spans[np.searchsorted(grid, times)]
    length = int(max(bins.max(), np.ceil(until.max() / step - 1e-6) - 1)) - first + 1
    # A live page asks twice a second: ten times as fast as pandas' groups.
    numbers = np.bincount(bins - first, minlength=length)
    sums = [
        np.bincount(bins - first, table[column].to_numpy(float)[rows], minlength=length)
        for column in PROBABILITIES
    ]
    means = np.divide(
        sums, numbers, out=np.full((len(sums), len(numbers)), np.nan), where=numbers > 0
    )
    middles = (np.arange(length) + first + 0.5) * step
    latest = np.maximum.accumulate(np.where(numbers > 0, np.arange(length), 0))
    ends = np.full(length, -np.inf)
    np.maximum.at(ends, bins - first, until)
    held = (numbers == 0) & (middles < ends[latest])
    means[:, held] = means[:, latest[held]]
    time = pd.Index(middles, name="time")
    return pd.DataFrame(means.T, columns=list(EMOTIONS), index=time)


def to_json(table: pd.DataFrame, summary: dict[str, Any] | None = None, **about: Any) -> str:
    """Return summary and rows as JSON; ``about`` (model, detector, …) comes first.

    Args:
        table: A whole table.
        summary: Of the table; by default that of :func:`summarize`.
        about: Plain JSON values.
    """
    summary = summary or summarize(table)
    value = about | {"summary": summary, "rows": records(table)}
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
