"""A recording of a study as its sampled frames: who was there, how well, and what they showed."""

import hashlib
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from fer_core import timeline
from fer_core.emotions import EMOTIONS
from fer_core.files import write_atomic
from fer_core.settings import settings
from fer_core.study.folder import Study
from fer_core.study.model import QualityRules, Recording
from fer_core.table import PAUSED, PROBABILITIES

#: Columns of quality, per sampled frame; NaN where nothing is known.
QUALITY: Final = (
    "present", "several", "head_turn", "face_width", "sharpness", "brightness", "unsure",
)  # fmt: skip
#: Changes with what is computed here, so that stored samples of before are left alone.
_VERSION: Final = 1
#: What smoothing and changes ask of a table, besides the probabilities.
_NEEDED: Final = (
    "time", "wall_time", "status", "person", "width", "head_turn", "sharpness", "brightness",
    "emotion", "confidence", "unsure", "smoothing",
)  # fmt: skip
_HAPPY: Final = EMOTIONS.index("Happy")
_NEGATIVE: Final = [EMOTIONS.index(name) for name in ("Angry", "Disgust", "Fear", "Sad")]


@dataclass(frozen=True, eq=False)
class Samples:
    """The sampled frames of one recording, of its participant, in order of time.

    Attributes:
        time: ``(N,)`` seconds since the start of the recording.
        span: ``(N,)`` seconds that each frame stands for.
        quality: ``(N, 7)`` in the order of :data:`QUALITY`: 0 or 1, or a measure; NaN is unknown.
        probabilities: ``(N, 7)``, smoothed; NaN where the participant is not seen.
        changes: Seconds at which the dominant emotion changed, see
            :func:`fer_core.timeline.changes`.
        seconds: Length of the recording.
    """

    time: np.ndarray
    span: np.ndarray
    quality: np.ndarray
    probabilities: np.ndarray
    changes: np.ndarray
    seconds: float

    @property
    def bytes(self) -> int:
        """Return bytes that it takes in memory; all but the changes are one table."""
        return self.time.size * 8 * (2 + len(QUALITY) + len(PROBABILITIES))

    def column(self, name: str) -> np.ndarray:
        """Return one of :data:`QUALITY`."""
        return self.quality[:, QUALITY.index(name)]

    def valid(self, rules: QualityRules) -> np.ndarray:
        """Return which frames count under the rules; what is unknown excludes nothing."""
        valid = self.column("present") == 1
        with np.errstate(invalid="ignore"):
            if rules.alone:
                valid &= ~(self.column("several") == 1)
            if rules.sure:
                valid &= ~(self.column("unsure") == 1)
            if rules.head_turn is not None:
                valid &= ~(np.abs(self.column("head_turn")) > rules.head_turn)
            if rules.face_width is not None:
                valid &= ~(self.column("face_width") < rules.face_width)
            if rules.sharpness is not None:
                valid &= ~(self.column("sharpness") < rules.sharpness)
            if rules.darkest is not None:
                valid &= ~(self.column("brightness") < rules.darkest)
            if rules.brightest is not None:
                valid &= ~(self.column("brightness") > rules.brightest)
        return valid


def samples(study: Study, recording: Recording) -> Samples:
    """Return the sampled frames of a recording, smoothed over the study's time constant.

    They are computed once for the same table, person and smoothing, and kept in
    ``FER_HOME/cache/study``.

    Raises:
        StudyError: The recording's table is damaged.
    """
    path = study.table_path(recording)
    try:
        found = path.stat()
        stamp = (found.st_mtime_ns, found.st_size)
    except OSError:
        stamp = (0, 0)
    who = tuple(recording.faces)
    key = (str(path.resolve()), stamp, who, recording.seconds, study.file.smoothing)
    found_before = _known.get(key)
    if found_before is not None:
        return found_before
    found_now = _stored(key, study, recording)
    with _lock:
        _known[key] = found_now
        # Long recordings are many rows: the oldest go before memory fills.
        while len(_known) > 1 and sum(one.bytes for one in _known.values()) > _MOST:
            _known.pop(next(iter(_known)))
    return found_now


#: What was read in this process, and bytes that it may take. Visits share it.
_known: dict[tuple, Samples] = {}
_lock = threading.Lock()
_MOST: Final = 48_000_000


def _stored(key: tuple, study: Study, recording: Recording) -> Samples:
    name = hashlib.sha256(repr((_VERSION, key)).encode()).hexdigest()
    path = settings().cache / "study" / f"{name}.npz"
    try:
        with np.load(path, allow_pickle=False) as found:
            values, changes = found["values"], found["changes"]
        if values.shape[1] != 2 + len(QUALITY) + len(PROBABILITIES):
            raise ValueError("of another version")
    except (OSError, ValueError, KeyError, EOFError):
        values, changes = _computed(study.table(recording), recording, study.file.smoothing)
        _store(path, values, changes)
    edge = 2 + len(QUALITY)
    return Samples(
        values[:, 0], values[:, 1], values[:, 2:edge], values[:, edge:], changes, recording.seconds
    )


def _store(path: Path, values: np.ndarray, changes: np.ndarray) -> None:
    # On a full disk it is computed again.
    with suppress(OSError):
        write_atomic(path, lambda file: np.savez(file, values=values, changes=changes))


def _computed(
    table: pd.DataFrame, recording: Recording, smoothing: float
) -> tuple[np.ndarray, np.ndarray]:
    end = recording.seconds if recording.kind == "video" else None
    spans = timeline.durations(table, end=end).to_numpy(float)
    person = table["person"]
    own = person.isin(recording.faces).to_numpy(bool)
    # Others stay in the table as frames in which the participant was not seen. Copies of the
    # other columns would take half of the time.
    needed = [name for name in table if name in _NEEDED or name in PROBABILITIES]
    person_alone = person.where(own).mask(own, recording.person) if own.any() else person.where(own)
    alone = table[needed].assign(person=person_alone)
    smoothed = timeline.smooth(alone, smoothing, centred=True)
    times = table["time"].to_numpy(float)
    paused = table["status"].eq(PAUSED).fillna(False).to_numpy(bool)
    known = np.isfinite(times) & ~paused
    grid, places = np.unique(times[known], return_inverse=True)
    count = len(grid)
    values = np.full((count, 2 + len(QUALITY) + len(PROBABILITIES)), np.nan)
    values[:, 0] = grid
    values[places, 1] = spans[known]
    faces = np.bincount(places, person.notna().to_numpy(bool)[known], count)
    values[:, 2] = 0
    values[:, 3] = faces > 1
    mine = own[known]
    at = places[mine]
    values[at, 2] = 1
    columns = ("head_turn", "width", "sharpness", "brightness", "unsure")
    for place, name in enumerate(columns, start=4):
        column = smoothed[name].astype("Float64").to_numpy(float, na_value=np.nan)
        values[at, place] = column[known][mine]
    probabilities = smoothed[list(PROBABILITIES)].to_numpy(float)
    values[at, 2 + len(QUALITY) :] = probabilities[known][mine]
    changes = timeline.changes(smoothed, end=end)["time"].to_numpy(float)
    return values, changes


def valence(probabilities: np.ndarray) -> np.ndarray:
    """Return the valence index per frame: Happy minus the largest of Angry, Disgust, Fear, Sad.

    After FaceReader's reference manual (Noldus); from -1 to 1.

    Args:
        probabilities: ``(…, 7)``.
    """
    return probabilities[..., _HAPPY] - probabilities[..., _NEGATIVE].max(axis=-1)
