"""Agreement with people: moments to label blindly, their labels, and how well the product agrees.

A set of labels is the folder ``labels/NAME`` of a study: ``items.tsv`` (which moments, in shuffled
order), a picture per moment, and ``rater-WHO.tsv`` per person. None of them say what the product
answered.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from fer_core.emotions import EMOTIONS
from fer_core.errors import FerError
from fer_core.files import write_bytes
from fer_core.study import statistics
from fer_core.study.folder import Study
from fer_core.study.model import Recording, StudyError
from fer_core.study.samples import samples
from fer_core.study.tables import clean, read_rows, to_tsv
from fer_core.video.annotate import to_jpeg
from fer_core.video.decode import VideoFile

#: What a person may answer besides an emotion.
UNKNOWN: Final = "Cannot tell"
_NAME: Final = re.compile(r"[\w\- ]{1,60}")
#: Seconds between two moments of one recording.
_APART: Final = 1.0
#: Share of a face's width that its picture shows on each side.
_MARGIN: Final = 0.35
#: Longer side of the frame from which a face is cut, in pixels.
_LONGEST: Final = 1920


@dataclass(frozen=True)
class Item:
    """A moment to label.

    Attributes:
        id: Name of its picture, without the ending.
        recording: Id of the recording.
        time: Seconds.
    """

    id: str
    recording: str
    time: float


def choose(study: Study, count: int = 60, seed: int = 0) -> list[tuple[Recording, float]]:
    """Choose moments, evenly over emotion, group and uncertainty, in shuffled order.

    Args:
        study: The study.
        count: Moments at most.
        seed: Of the choice and of the order.
    """
    rng = np.random.default_rng(seed)
    strata: dict[tuple[Any, ...], list[tuple[Recording, float]]] = {}
    for one in study.file.recordings:
        if study.video(one) is None:
            continue
        found = samples(study, one)
        valid = np.flatnonzero(found.valid(study.file.quality))
        group = study.group_of(one.participant)
        for place in rng.permutation(valid):
            probabilities = found.probabilities[place]
            key = (int(probabilities.argmax()), group, bool(probabilities.max() < 0.5))
            strata.setdefault(key, []).append((one, float(found.time[place])))
    for moments in strata.values():
        rng.shuffle(moments)  # type: ignore[arg-type]
    chosen: list[tuple[Recording, float]] = []
    while len(chosen) < count and any(strata.values()):
        for key in sorted(strata, key=str):
            while strata[key] and len(chosen) < count:
                one, time = strata[key].pop()
                near = any(o.id == one.id and abs(t - time) < _APART for o, t in chosen)
                if not near:
                    chosen.append((one, time))
                    break
    return [chosen[place] for place in rng.permutation(len(chosen))]


def create_set(study: Study, name: str, count: int = 60, seed: int = 0) -> list[Item]:
    """Write a set of moments with a picture of the face of each.

    Args:
        study: The study.
        name: Of the set; letters, digits, spaces, hyphens.
        count: Moments at most.
        seed: Of the choice and of the order.

    Raises:
        StudyError: There is one of that name, or no recording has a video here.
    """
    folder = _folder(study, name)
    if folder.exists():
        raise StudyError(f"There is a set of labels called {name}: choose another name.")
    chosen = choose(study, count, seed)
    if not chosen:
        raise StudyError("No recording has a video here from which moments could be shown.")
    items: list[Item] = []
    for recording, time in chosen:
        picture = face_picture(study, recording, time)
        if picture is not None:
            item = Item(f"{len(items) + 1:04}", recording.id, time)
            write_bytes(folder / f"{item.id}.jpg", picture)
            items.append(item)
    columns: dict[str, list[Any]] = {
        "item": [item.id for item in items],
        "recording": [item.recording for item in items],
        "time": [item.time for item in items],
    }
    write_bytes(folder / "items.tsv", to_tsv(columns))
    return items


def face_picture(study: Study, recording: Recording, time: float) -> bytes | None:
    """Return the participant's face at a moment as JPEG, ``None`` where the video does not show
    it.
    """
    path = study.video(recording)
    table = study.table(recording)
    rows = table[table["person"].isin(recording.faces)]
    if path is None or rows.empty:
        return None
    row = rows.loc[(rows["time"] - time).abs().idxmin()]
    try:
        with VideoFile(path) as video:
            frame = video.frame_at(time)
            image = frame.image(_LONGEST) if frame else None
    except FerError:
        return None
    if frame is None or image is None:
        return None
    scale = image.shape[1] / frame.width
    x, y, width, height = (row[name] * scale for name in ("x", "y", "width", "height"))
    left, top = max(0, int(x - _MARGIN * width)), max(0, int(y - _MARGIN * height))
    right, bottom = int(x + (1 + _MARGIN) * width), int(y + (1 + _MARGIN) * height)
    crop = image[top:bottom, left:right]
    return to_jpeg(np.ascontiguousarray(crop)) if crop.size else None


def _folder(study: Study, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise StudyError("The name of a set of labels has letters, digits, spaces and hyphens.")
    return study.path / "labels" / name


def list_sets(study: Study) -> list[str]:
    """Return the names of the study's sets of labels."""
    return sorted(path.parent.name for path in (study.path / "labels").glob("*/items.tsv"))


def items(study: Study, name: str) -> list[Item]:
    """Return the moments of a set, in the order in which they are shown.

    Raises:
        StudyError: There is no such set, or its file is damaged.
    """
    header, rows = read_rows(_folder(study, name) / "items.tsv")
    try:
        places = [header.index(column) for column in ("item", "recording", "time")]
        found = [Item(row[places[0]], row[places[1]], float(row[places[2]])) for row in rows]
    except ValueError as error:
        raise StudyError(f"items.tsv of {name} is damaged: make another set.") from error
    if any(not re.fullmatch(r"\d{1,9}", item.id) for item in found):
        raise StudyError(f"items.tsv of {name} is damaged: make another set.")
    return found


def picture(study: Study, name: str, item: Item) -> bytes | None:
    """Return the picture of a moment, ``None`` where it is gone."""
    path = _folder(study, name) / f"{item.id}.jpg"
    return path.read_bytes() if path.is_file() else None


def raters(study: Study, name: str) -> list[str]:
    """Return who labelled a set."""
    files = _folder(study, name).glob("rater-*.tsv")
    return sorted(path.stem.removeprefix("rater-") for path in files)


def labels(study: Study, name: str, rater: str) -> dict[str, str]:
    """Return a person's labels by item.

    Raises:
        StudyError: The file is damaged, or holds something that is no label.
    """
    path = _rater_file(study, name, rater)
    if not path.exists():
        return {}
    header, rows = read_rows(path)
    if header[:2] != ["item", "label"]:
        raise StudyError(f"{path.name} is damaged: its columns should be item and label.")
    return {row[0]: _label(row[1], path.name) for row in rows}


def _label(text: str, name: str) -> str:
    known = {label.casefold(): label for label in (*EMOTIONS, UNKNOWN)}
    if clean(text).casefold() not in known:
        raise StudyError(f"{name}: '{clean(text)}' is no label; use {', '.join(EMOTIONS)}.")
    return known[clean(text).casefold()]


def save_labels(study: Study, name: str, rater: str, given: dict[str, str]) -> None:
    """Write a person's labels, see :func:`labels`."""
    path = _rater_file(study, name, rater)
    columns = {"item": list(given), "label": [_label(label, path.name) for label in given.values()]}
    write_bytes(path, to_tsv(columns))


def _rater_file(study: Study, name: str, rater: str) -> Path:
    if not _NAME.fullmatch(rater):
        raise StudyError("The name of a person who labels has letters, digits and hyphens.")
    return _folder(study, name) / f"rater-{rater}.tsv"


def kappa(first: Sequence[str], second: Sequence[str]) -> statistics.Estimate:
    """Return Cohen's kappa of two people's labels with its 95 % interval.

    The interval is that of Fleiss, Cohen and Everitt (1969), for large samples.

    Args:
        first: Labels of the same moments.
        second: Likewise.
    """
    names = sorted({*first, *second})
    place = {name: i for i, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)))
    for a, b in zip(first, second, strict=True):
        counts[place[a], place[b]] += 1
    n = counts.sum()
    nothing = np.float64(math.nan)
    if not n:
        return statistics.Estimate(nothing, nothing, nothing)
    share = counts / n
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    observed, expected = np.trace(share), float(rows @ columns)
    if expected >= 1 - 1e-12:
        return statistics.Estimate(nothing, nothing, nothing)
    value = (observed - expected) / (1 - expected)
    sums = rows[None, :] + columns[:, None]
    part = np.diag(share) * (1 - (rows + columns) * (1 - value)) ** 2
    off = share * sums**2
    error = part.sum() + (1 - value) ** 2 * (off.sum() - np.trace(off))
    error -= (value - expected * (1 - value)) ** 2
    half = 1.96 * math.sqrt(max(0.0, error) / n) / (1 - expected)
    return statistics.Estimate(
        np.float64(value), np.float64(max(-1.0, value - half)), np.float64(min(1.0, value + half))
    )


def answers(study: Study, name: str) -> pd.DataFrame:
    """Return a set's moments with the product's answer and each person's label.

    Returns:
        ``item``, ``recording``, ``time``, ``group``, ``product``, ``confidence``, and a column
        ``label_WHO`` per person; "" where somebody did not answer.
    """
    rows = []
    given = {who: labels(study, name, who) for who in raters(study, name)}
    for item in items(study, name):
        one = study.recording(item.recording)
        found = samples(study, one)
        place = int(np.abs(found.time - item.time).argmin())
        probabilities = found.probabilities[place]
        seen = bool(np.isfinite(probabilities).all())
        rows.append(
            {
                "item": item.id,
                "recording": item.recording,
                "time": item.time,
                "group": study.group_of(one.participant),
                "product": EMOTIONS[int(probabilities.argmax())] if seen else "",
                "confidence": float(probabilities.max()) if seen else math.nan,
                **{f"label_{who}": values.get(item.id, "") for who, values in given.items()},
            }
        )
    return pd.DataFrame(rows)


def summarize(table: pd.DataFrame) -> dict[str, Any]:
    """Return how people agree with each other, and the product with them, as plain values.

    The label of a moment is what most people gave; where two are named as often, it has none.

    Args:
        table: What :func:`answers` gave.

    Returns:
        ``moments``, ``raters``, ``between`` (kappa of each two people), ``product`` (kappa and
        accuracy with intervals), ``confusion`` (7×7: rows are people's labels), ``groups``
        (accuracy with interval per group).
    """
    people = [name for name in table if str(name).startswith("label_")]
    usable = {name: table[name].where(table[name].isin(EMOTIONS), "") for name in people}
    between = []
    for a, b in combinations(people, 2):
        both = (usable[a] != "") & (usable[b] != "")
        found = kappa(usable[a][both].tolist(), usable[b][both].tolist())
        between.append(
            {"a": a.removeprefix("label_"), "b": b.removeprefix("label_"), "n": int(both.sum())}
            | _plain(found, "kappa")
        )
    agreed = [_majority([usable[name].iloc[row] for name in people]) for row in range(len(table))]
    known = np.array([bool(a) and bool(p) for a, p in zip(agreed, table["product"], strict=True)])
    truth = np.array(agreed, dtype=object)[known]
    product = table["product"].to_numpy(object)[known]
    groups = table["group"].to_numpy(object)[known]
    confusion = [
        [int(((truth == row) & (product == column)).sum()) for column in EMOTIONS]
        for row in EMOTIONS
    ]
    right = truth == product
    accuracy = {
        str(group) or "(none)": _plain(
            statistics.wilson(int(right[groups == group].sum()), int((groups == group).sum())),
            "accuracy",
        )
        | {"n": int((groups == group).sum())}
        for group in sorted(set(groups), key=str)
    }
    return {
        "moments": len(table),
        "raters": [name.removeprefix("label_") for name in people],
        "between": between,
        "product": {"n": len(truth)}
        | _plain(kappa(truth.tolist(), product.tolist()), "kappa")
        | _plain(statistics.wilson(int(right.sum()), len(right)), "accuracy"),
        "confusion": confusion,
        "groups": accuracy,
    }


def _majority(given: list[str]) -> str:
    counts = {label: given.count(label) for label in set(given) if label}
    best = max(counts.values(), default=0)
    first = [label for label, count in counts.items() if count == best]
    return first[0] if len(first) == 1 else ""


def _plain(estimate: statistics.Estimate, name: str) -> dict[str, float | None]:
    parts = zip((name, f"{name}_low", f"{name}_high"), estimate, strict=True)
    return {key: float(value) if np.isfinite(value) else None for key, value in parts}
