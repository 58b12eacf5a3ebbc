"""Which data a run was trained on, stored with the run so that other data is noticed.

- ``data.json``: name and checksum of the dataset, the checksum of its splits, and how many
  training faces each emotion has
- ``training_faces.npz``: a key of every face of the split Training

A run of an earlier version has neither until it is resumed.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final

import numpy as np

from fer_core.datasets.base import SPLITS, Dataset
from fer_core.datasets.identity import digest
from fer_core.emotions import EMOTIONS
from fer_core.errors import TrainingError
from fer_core.files import read_json, write_json
from fer_core.train.runs import NEW_DATA, TrainingRun

_FILE: Final = "data.json"
_FACES: Final = "training_faces.npz"
#: The files of a run that this module writes.
ORIGIN_FILES: Final = (_FILE, _FACES)
#: Rows of FER2013's CSV.
_FER2013_ROWS: Final = 35_887


@dataclass(frozen=True)
class RunData:
    """The dataset of a run.

    Attributes:
        name: Of the dataset, see :meth:`fer_core.datasets.base.Dataset.identity`.
        checksum: Of the decoded faces and labels.
        splits: Checksum of the split that each face belongs to.
        training: Faces of each emotion in the split Training, in the order of
            :data:`fer_core.emotions.EMOTIONS`.
    """

    name: str
    checksum: str
    splits: str
    training: list[int]

    def __str__(self) -> str:
        return f"{self.name} (checksum {self.checksum})"

    def is_same(self, other: "RunData") -> bool:
        """Return whether faces, labels and splits are equal, whatever the name."""
        return (self.checksum, self.splits) == (other.checksum, other.splits)


def describe(dataset: Dataset) -> RunData:
    """Return what a run stores of a dataset."""
    name, checksum = dataset.identity()
    codes = np.zeros(len(dataset), np.uint8)
    for code, split in enumerate(SPLITS):
        codes[dataset.usage == split] = code
    labels = dataset.labels[dataset.usage == "Training"]
    counts = np.bincount(labels, minlength=len(EMOTIONS)).tolist()
    return RunData(name, checksum, digest(codes), counts)


def stored(run: TrainingRun) -> RunData | None:
    """Return what a run was trained on; ``None`` where an earlier version did not store it."""
    try:
        value = read_json(run.path / _FILE)
        return RunData(
            str(value["name"]),
            str(value["checksum"]),
            str(value["splits"]),
            [int(count) for count in value["training"]],
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise TrainingError(
            f"{run.path / _FILE} is damaged, so it is not known what run {run.name} was trained "
            "on: put it back from a copy, or start a new run."
        ) from error


def store(run: TrainingRun, dataset: Dataset) -> None:
    """Store what a run is trained on.

    Raises:
        OSError: The run's folder cannot be written.
    """
    keys = _keys(dataset.faces[dataset.usage == "Training"])
    if stored(run) is not None:
        # What was learnt of other data before is not unlearnt.
        keys = np.union1d(keys, _known_keys(run))
    # The description comes last: where it is, the keys of the faces are as well.
    run.save_arrays(_FACES, {"keys": [keys]})
    write_json(run.path / _FILE, asdict(describe(dataset)))


def check_same(run: TrainingRun, dataset: Dataset, advice: str) -> None:
    """Check that a dataset is the one that a run was trained on.

    Args:
        run: The run.
        dataset: The dataset.
        advice: What the user can do about another one, as the end of a sentence.

    Raises:
        TrainingError: It is another one; the message names both.
    """
    before = stored(run)
    if before is None:
        return
    now = describe(dataset)
    if not before.is_same(now):
        same = before.checksum == now.checksum
        other = f"{now}" + (", the same faces in other splits" if same else "")
        raise TrainingError(
            f"Run {run.name} was trained on {before}, and this data is {other}: {advice}"
        )


def difference(run: TrainingRun, dataset: Dataset) -> dict[str, list[str]]:
    """Return the entry of a run's history that says that the run is given other data.

    Returns:
        The data before and the data now. It is empty where the data is the same, or where it
        is not known what the run was trained on.
    """
    before, now = stored(run), describe(dataset)
    if before is None or before.is_same(now):
        return {}
    return {NEW_DATA: [str(before), str(now)]}


def replace(run: TrainingRun, dataset: Dataset) -> None:
    """Let a run go on with other data, and delete what was computed of the data before.

    Args:
        run: Whose lock this process holds.
        dataset: The new data.
    """
    for name in ("teacher.npz", "evaluation.json", "sources.json"):
        (run.path / name).unlink(missing_ok=True)
    for path in run.path.glob("judged_*.npz"):
        path.unlink()
    store(run, dataset)


def history_row(epoch: int, step: int, changes: dict[str, Any]) -> dict[str, Any]:
    """Return a row of :meth:`fer_core.train.runs.TrainingRun.history`, written now."""
    time = datetime.now(UTC).isoformat(timespec="seconds")
    return {"epoch": epoch, "step": step, "time": time, "changes": changes}


def trained_on(run: TrainingRun, dataset: Dataset) -> np.ndarray:
    """Return which faces outside a dataset's split Training a run was trained on.

    FER2013 has some faces in two of its splits. They are part of the published benchmark, so in
    FER2013 only faces of other training data count.

    Args:
        run: The run; of an earlier version, ``dataset`` has to be its own data.
        dataset: The faces that are to measure it.

    Returns:
        ``(N,)`` ``bool``; of the run's own data, ``False`` for the split Training itself.
    """
    keys = _keys(dataset.faces)
    before, now = stored(run), describe(dataset)
    inside = dataset.usage == "Training"
    own = before is None or before.is_same(now)
    found = np.isin(keys, keys[inside] if before is None else _known_keys(run))
    if own:
        found &= ~inside
    if is_fer2013(dataset):
        found &= inside | ~np.isin(keys, keys[inside])
    return found


def _known_keys(run: TrainingRun) -> np.ndarray:
    """Return the keys of the faces that a run was trained on."""
    try:
        return run.load_arrays(_FACES)["keys"][0]
    except (FileNotFoundError, LookupError) as error:
        raise TrainingError(
            f"{run.path / _FACES} is gone or damaged, so it is not known which faces run "
            f"{run.name} was trained on: put it back from a copy, or start a new run."
        ) from error


def is_fer2013(dataset: Dataset) -> bool:
    """Return whether these are FER2013's faces, even with corrected labels or some left out."""
    rows = dataset.rows
    whole = rows is not None and len(rows) > 0 and int(rows.max()) == _FER2013_ROWS - 1
    return dataset.identity()[0] == "FER2013" or whole


def _keys(faces: np.ndarray) -> np.ndarray:
    """Return a number per face ``(N, 48, 48)`` that follows from its pixels: ``(N,)`` uint64."""
    found = (blake2b(face.tobytes(), digest_size=8).digest() for face in faces)
    return np.frombuffer(b"".join(found), np.uint64)
