"""What each participant showed during each event, in numbers, and what was left out and why.

Formulas and sources are in ``docs/study.md``. Every frame counts for the time it stands for, and
only valid time counts.
"""

import hashlib
import math
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from fer_core.files import write_atomic
from fer_core.settings import settings
from fer_core.study.folder import Study
from fer_core.study.model import Recording, StudyError
from fer_core.study.samples import QUALITY, Samples, samples, valence
from fer_core.study.tables import PARTICIPANT
from fer_core.table import PROBABILITIES

#: Measures that there are once per emotion: prefix → meaning.
PER_EMOTION: Final = {
    "mean": "Mean probability, as difference to the baseline where there is one",
    "share": "Share of valid time as the dominant emotion",
    "above": "Share of valid time above the study's threshold",
    "peak": "Highest probability",
    "peak_time": "Seconds from onset to the highest probability",
    "area": "Area of the curve above the baseline (above 0 without one), per second",
}
#: Measures that there are once: name → meaning.
SINGLE: Final = {
    "valence": "Valence index, as difference to the baseline where there is one",
    "changes_per_minute": "Changes of the dominant emotion per minute",
    "valid_share": "Share of the event's time that is valid",
}
#: Raise it when a measure is added or computed differently: cached measures of before are not used.
_VERSION: Final = 2
_TITLES: Final = {
    "mean": "mean",
    "share": "share of time dominant",
    "above": "share of time above threshold",
    "peak": "peak",
    "peak_time": "time to peak",
    "area": "area per second",
}
_SINGLE_TITLES: Final = {
    "valence": "Valence index",
    "changes_per_minute": "Changes per minute",
    "valid_share": "Share of valid time",
}
_UNITS: Final = {"peak_time": "seconds", "changes_per_minute": "per minute", "valence": "-1 to 1"}
#: Shares of time of the first two and the last, means of the others.
_QUALITY_COLUMNS: Final = tuple(
    f"{name}_share" if name in ("present", "several", "unsure") else name for name in QUALITY
)
BASELINE: Final = tuple(f"baseline_{name}" for name in (*PROBABILITIES, "valence"))
#: Measures that are differences to the baseline, where there is one.
_DIFFERENCES: Final = (*(f"mean_{emotion}" for emotion in PROBABILITIES), "valence")
#: What quality is called.
QUALITY_TITLES: Final = {
    "valid_share": "Valid", "present_share": "Face seen", "several_share": "Several people",
    "unsure_share": "Unsure", "head_turn": "Head turn", "face_width": "Face width",
    "sharpness": "Sharpness", "brightness": "Brightness",
}  # fmt: skip
#: Why an event is not in the results that is nobody's fault: others are compared with it.
IS_BASELINE: Final = "it is the baseline"


def names() -> dict[str, str]:
    """Return every measure with its meaning."""
    found = {
        f"{prefix}_{emotion}": f"{meaning}: {emotion.capitalize()}"
        for prefix, meaning in PER_EMOTION.items()
        for emotion in PROBABILITIES
    }
    return found | SINGLE


def unit(measure: str) -> str:
    """Return the unit or range of a measure."""
    return next((u for prefix, u in _UNITS.items() if measure.startswith(prefix)), "0 to 1")


def title(measure: str, baseline: bool = False) -> str:
    """Return a measure's name for people.

    Args:
        measure: Name of the measure.
        baseline: Whether there is a baseline, which means and the valence index are compared with.

    >>> title("peak_time_happy")
    'Happy, time to peak'
    >>> title("mean_happy", baseline=True)
    'Happy minus baseline'
    """
    prefix, _, emotion = measure.rpartition("_")
    if baseline and measure in _DIFFERENCES:
        return f"{(emotion or measure).capitalize()} minus baseline"
    return _SINGLE_TITLES.get(measure) or f"{emotion.capitalize()}, {_TITLES[prefix]}"


def axis_title(measure: str, baseline: bool) -> str:
    """Return the title of an axis of a measure: its name with its unit or range.

    >>> axis_title("valence", baseline=True)
    'Valence minus baseline'
    """
    if baseline and measure in _DIFFERENCES:
        return title(measure, baseline)
    return f"{title(measure)} ({unit(measure)})"


def has_baseline(people: pd.DataFrame) -> bool:
    """Return whether measures of :func:`per_participant` are differences to a baseline."""
    return bool(people.reindex(columns=list(BASELINE)).notna().any(axis=None))


@dataclass(frozen=True)
class _Part:
    """A stretch of a recording: weights in seconds of each frame, all and valid ones."""

    found: Samples
    weights: np.ndarray
    valid: np.ndarray

    @property
    def seconds(self) -> float:
        return float(self.valid.sum())

    def means(self) -> np.ndarray:
        """Return mean of the seven probabilities and of the valence index."""
        values = self.found.probabilities
        values = np.column_stack([values, valence(values)])
        return np.average(values[self.valid > 0], axis=0, weights=self.valid[self.valid > 0])


def _part(found: Samples, valid: np.ndarray, begin: float, end: float) -> _Part:
    stands = np.minimum(found.time + found.span, end) - np.maximum(found.time, begin)
    weights = np.clip(stands, 0.0, None)
    return _Part(found, weights, np.where(valid, weights, 0.0))


def measures(study: Study) -> pd.DataFrame:
    """Return every measure of every event of every recording.

    Returns:
        One row per event. It begins with ``participant_id``, the columns of the participants'
        table, ``recording``, ``task``, ``event`` and ``number`` (of the event's occurrence in the
        recording). Then come ``onset``, ``duration``, ``counted`` and ``reason`` (why it is not).
        Quality (see ``docs/study.md``), every measure of :func:`names` and the baseline follow.
        Measures of events that do not count are empty.

    Raises:
        StudyError: A recording's table or its events are damaged.
    """
    path = settings().cache / "study" / f"{_content(study)}.parquet"
    with suppress(OSError, ValueError):
        return pd.read_parquet(path)
    table = _measured(study)
    with suppress(OSError):  # on a full disk it is computed again
        write_atomic(path, lambda file: table.to_parquet(file, index=False))
    return table


def _content(study: Study) -> str:
    """Return a digest of everything that the measures follow from."""
    digest = hashlib.sha256(f"{_VERSION} {study.path.resolve()}".encode())
    digest.update(study.file.model_dump_json().encode())
    digest.update(study.participants.to_csv().encode())
    for one in study.file.recordings:
        for path in (study.table_path(one), study.events_path(one)):
            try:
                found = path.stat()
                stamp = f"{found.st_mtime_ns} {found.st_size} {found.st_ino}"
            except OSError:
                stamp = "gone"
            digest.update(stamp.encode())
    return digest.hexdigest()


def _measured(study: Study) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    others = study.participants.set_index(PARTICIPANT).to_dict("index")
    blank = {name: "" for name in study.participants if name != PARTICIPANT}
    for recording in study.file.recordings:
        about = {PARTICIPANT: recording.participant} | blank
        about |= others.get(recording.participant, {})
        about |= {"recording": recording.id, "task": recording.task}
        rows += [about | row for row in _of_recording(study, recording)]
    table = pd.DataFrame(rows)
    wanted = [
        PARTICIPANT, *blank, "recording", "task", "event", "number", "onset", "duration",
        "counted", "reason", "valid_seconds", *_QUALITY_COLUMNS, *names(), *BASELINE,
    ]  # fmt: skip
    table = table.reindex(columns=list(dict.fromkeys(wanted)))
    table["counted"] = table["counted"].astype(bool)
    texts = [PARTICIPANT, *blank, "recording", "task", "event", "reason"]
    table[texts] = table[texts].astype(str)
    numbers = [name for name in table if name not in (*texts, "counted", "number")]
    table[numbers] = table[numbers].astype(float)
    return table


def _of_recording(study: Study, recording: Recording) -> list[dict[str, Any]]:
    events = study.events(recording)
    found, rules = samples(study, recording), study.file.quality
    valid = found.valid(rules)
    numbers = events.groupby("trial_type").cumcount() + 1 if len(events) else []
    rows = []
    for event, number in zip(events.itertuples(index=False), numbers, strict=True):
        name, onset, duration = str(event.trial_type), float(event.onset), float(event.duration)
        row: dict[str, Any] = {
            "event": name, "number": int(number), "onset": onset, "duration": duration,
        }  # fmt: skip
        part = _part(found, valid, onset, onset + (0.0 if math.isnan(duration) else duration))
        row |= _quality(part, duration)
        reason = _outside(recording, onset, duration)
        if not reason and row["valid_share"] < rules.share:
            reason = f"{row['valid_share']:.0%} of its time is valid, {rules.share:.0%} are asked"
        if not reason and part.seconds <= 0:
            reason = "no time of it is valid"
        base = None
        if not reason:
            try:
                base = _baseline(study, recording, found, valid, events, onset, name)
            except StudyError as error:
                reason = str(error)
        row |= {"counted": not reason, "reason": reason}
        if not reason:
            row |= _values(part, onset, duration, base, study.file.threshold)
        rows.append(row)
    return rows


def _outside(recording: Recording, onset: float, duration: float) -> str:
    """Return why an event cannot be measured, whatever was seen."""
    if recording.person is None:
        return "no face was found in the recording"
    if math.isnan(duration):
        return "its end is unknown"
    if duration == 0:
        return "it is a moment: curves use it, measures need a duration"
    # Half a second may be lost by rounding, and by what a player shows as the last frame.
    if onset >= recording.seconds or onset < 0 or onset + duration > recording.seconds + 0.5:
        return f"it lies outside of the recording of {recording.seconds:.1f} s"
    return ""


def _quality(part: _Part, duration: float) -> dict[str, float]:
    total = float(part.weights.sum())
    row: dict[str, float] = {
        "valid_seconds": part.seconds,
        "valid_share": min(1.0, part.seconds / duration) if duration > 0 else math.nan,
    }
    for place, (name, column) in enumerate(zip(QUALITY, _QUALITY_COLUMNS, strict=True)):
        values = part.found.quality[:, place]
        if name == "head_turn":
            values = np.abs(values)
        known = np.isfinite(values) & (part.weights > 0)
        row[column] = (
            float(np.average(values[known], weights=part.weights[known]))
            if total and known.any()
            else math.nan
        )
    return row


def _baseline(
    study: Study,
    recording: Recording,
    found: Samples,
    valid: np.ndarray,
    events: pd.DataFrame,
    onset: float,
    name: str,
) -> np.ndarray | None:
    """Return the mean of the baseline, 7 probabilities and the valence index.

    Raises:
        StudyError: There is none; the sentence is the reason why the event does not count.
    """
    rule = study.file.baseline
    parts: list[_Part] = []
    asked = 0.0
    if rule.kind == "none":
        return None
    if rule.kind == "window":
        if onset < rule.seconds - 1e-9:
            raise StudyError(f"there are no {rule.seconds:g} s before it for its baseline")
        parts, asked = [_part(found, valid, onset - rule.seconds, onset)], rule.seconds
    elif rule.kind == "event":
        if name == rule.event:
            raise StudyError(IS_BASELINE)
        rest = events[(events["trial_type"] == rule.event) & (events["duration"] > 0)]
        for begin, duration in zip(rest["onset"], rest["duration"], strict=True):
            parts.append(_part(found, valid, begin, begin + duration))
            asked += float(duration)
    else:
        if recording.task == rule.task:
            raise StudyError(IS_BASELINE)
        for other in study.file.recordings:
            if (other.participant, other.task) == (recording.participant, rule.task):
                its = samples(study, other)
                parts.append(_part(its, its.valid(study.file.quality), 0.0, other.seconds))
                asked += other.seconds
    seconds = sum(part.seconds for part in parts)
    if not asked:
        raise StudyError("the person has no baseline")
    if seconds <= 0 or seconds < study.file.quality.share * asked:
        raise StudyError("too little of the person's baseline is valid")
    weights = [part.seconds for part in parts if part.seconds]
    return np.average([p.means() for p in parts if p.seconds], axis=0, weights=weights)


def _values(
    part: _Part, onset: float, duration: float, base: np.ndarray | None, threshold: float
) -> dict[str, float]:
    used = part.valid > 0
    values, weights = part.found.probabilities[used], part.valid[used]
    times, seconds = part.found.time[used], part.seconds
    floor = base if base is not None else np.zeros(len(PROBABILITIES) + 1)
    means = part.means() - floor
    dominant = values.argmax(axis=1)
    row: dict[str, float] = {}
    # Neighbours that are far apart, because something between them is not valid, bound no area.
    steps = np.diff(times)
    near = steps <= 1.5 * np.maximum(part.found.span[used][:-1], 1e-9)
    for place, emotion in enumerate(PROBABILITIES):
        curve = values[:, place]
        best = int(curve.argmax())
        above = np.clip(curve - floor[place], 0.0, None)
        area = (steps * (above[:-1] + above[1:]) / 2)[near].sum()
        covered = steps[near].sum()
        row[f"mean_{emotion}"] = float(means[place])
        row[f"share_{emotion}"] = float(weights[dominant == place].sum() / seconds)
        row[f"above_{emotion}"] = float(weights[curve > threshold].sum() / seconds)
        row[f"peak_{emotion}"] = float(curve[best])
        row[f"peak_time_{emotion}"] = float(max(0.0, times[best] - onset))
        row[f"area_{emotion}"] = float(area / covered if covered > 0 else above.mean())
        row[f"baseline_{emotion}"] = float(floor[place]) if base is not None else math.nan
    row["valence"] = float(means[-1])
    row["baseline_valence"] = float(floor[-1]) if base is not None else math.nan
    changed = part.found.changes
    # A change counts where the frame that shows it is valid.
    changed = changed[np.isin(changed, times)]
    inside = (changed > onset) & (changed < onset + duration)
    row["changes_per_minute"] = float(inside.sum() / seconds * 60)
    return row


def per_participant(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per participant and event: the mean over its occurrences that count.

    Args:
        table: What :func:`measures` gave.

    Returns:
        ``participant_id``, the participants' columns, ``event``, ``occurrences``, and the
        measures, quality and baseline.
    """
    first = list(table.columns).index("recording")
    about = [name for name in table.columns[:first] if name != PARTICIPANT]
    numbers = [*_QUALITY_COLUMNS, *names(), *BASELINE]
    counted = table[table["counted"]]
    groups = counted.groupby([PARTICIPANT, "event"], sort=False)
    means = groups[numbers].mean()
    means.insert(0, "occurrences", groups.size())
    rest = groups[about].first() if about else pd.DataFrame(index=means.index)
    return pd.concat([rest, means], axis=1).reset_index()


def unknown_quality(table: pd.DataFrame) -> list[str]:
    """Return which quality is unknown, in how many recordings with the participant, as sentences.

    Args:
        table: What :func:`measures` gave.
    """
    seen = table[table["present_share"] > 0].groupby("recording")
    known = seen[["head_turn", "face_width", "sharpness", "brightness"]].count()
    lacking: dict[int, list[str]] = {}
    for name in known:
        if count := int((known[name] == 0).sum()):
            lacking.setdefault(count, []).append(QUALITY_TITLES[str(name)].lower())
    return [
        f"Unknown in {count} of {len(known)} recordings: {', '.join(named)}. What is unknown "
        "excludes nothing."
        for count, named in lacking.items()
    ]


def exclusions(table: pd.DataFrame) -> pd.DataFrame:
    """Return the events that do not count, with the reason; :data:`IS_BASELINE` is one."""
    columns = [PARTICIPANT, "recording", "event", "onset", "duration", "reason"]
    return table.loc[~table["counted"], columns].reset_index(drop=True)
