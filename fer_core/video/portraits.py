"""Pictures of the people of a video: some of everybody, and of both sides of what is doubtful."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pandas as pd

from fer_core import timeline
from fer_core.video.annotate import to_jpeg
from fer_core.video.decode import VideoFile
from fer_core.video.people import Doubt
from fer_core.video.result import VideoResult

#: Pictures of a person at most, each of another part of their time, so that one is left for
#: either side of a split.
PER_PERSON: Final = 3
#: People and doubts of whom there are pictures, at most: each takes a look into the video.
PEOPLE: Final = 24
DOUBTS: Final = 16
#: Seconds on a side of a doubt within which the clearest face is taken.
NEAR: Final = 1.0
#: Side of a picture in pixels, and of what is shown in sides of the face.
SIDE: Final = 160
WIDE: Final = 1.5


@dataclass(frozen=True)
class Portrait:
    """Where a face can be seen.

    Attributes:
        time: Seconds.
        person: Number as found.
        doubt: Index in the result's doubts that it shows a side of, ``None`` for a picture of a
            person alone.
        side: 0 for the earlier face of a doubt, 1 for the later.
    """

    time: float
    person: int
    doubt: int | None = None
    side: int = 0


def portraits(result: VideoResult) -> list[Portrait]:
    """Choose the faces to take pictures of, by time."""
    table = timeline.seen(result.table)
    shown = set(result.persons()[:PEOPLE])
    now = result.rows().loc[table.index, "person"]
    chosen = []
    for person, rows in table[now.isin(shown)].groupby("person"):
        rows = rows.sort_values("time", kind="stable")
        for part in np.array_split(np.arange(len(rows)), min(PER_PERSON, len(rows))):
            chosen.append(Portrait(_clearest(rows.iloc[part]), int(person)))
    for index, _ in result.open_doubts()[:DOUBTS]:
        for side, (person, part) in enumerate(_sides(result.doubts[index], table)):
            if len(part):
                chosen.append(Portrait(_clearest(part), person, index, side))
    return sorted(chosen, key=lambda portrait: portrait.time)


def _sides(doubt: Doubt, table: pd.DataFrame) -> list[tuple[int, pd.DataFrame]]:
    """Return the rows around the earlier and the later face. Of a swap both are of the first
    person.
    """
    first, second = doubt.persons
    if doubt.kind == "swap":
        second = first
    earlier = table[(table["person"] == first) & (table["time"] <= doubt.before)]
    later = table[(table["person"] == second) & (table["time"] >= doubt.time)]
    return [
        (first, earlier[earlier["time"] >= doubt.before - NEAR]),
        (second, later[later["time"] <= doubt.time + NEAR]),
    ]


def _clearest(rows: pd.DataFrame) -> float:
    """Return when a face is large, surely one, and whole in the picture."""
    worth = rows["width"] * rows["score"].fillna(0.5)
    whole = (rows["x"] >= 0) & (rows["y"] >= 0)
    whole &= rows["x"] + rows["width"] <= rows["frame_width"]
    whole &= rows["y"] + rows["height"] <= rows["frame_height"]
    return float(rows.loc[worth.where(whole, worth / 4).idxmax(), "time"])


def pictures(
    source: Path,
    result: VideoResult,
    chosen: list[Portrait],
    deadline: float = math.inf,
    done: Callable[[], None] | None = None,
) -> list[bytes | None]:
    """Return a square JPEG of each face; ``None`` where the file does not lead there.

    Args:
        source: The video that ``result`` is of.
        result: See :func:`fer_core.video.analyze_video`.
        chosen: See :func:`portraits`.
        deadline: On the monotonic clock; nothing is searched for after it.
        done: Called after each picture but the last.
    """
    found: list[bytes | None] = []
    table = timeline.seen(result.table)
    with VideoFile(source, result.options.stream, deadline) as video:
        for portrait in chosen:
            if found and done:
                done()
            rows = table[(table["time"] == portrait.time) & (table["person"] == portrait.person)]
            frame = video.frame_at(portrait.time)
            if frame is None or rows.empty:
                found.append(None)
                continue
            row = rows.iloc[0]
            image = frame.image()
            size = WIDE * max(row["width"], row["height"])
            middle = row["x"] + row["width"] / 2, row["y"] + row["height"] / 2
            part = cv2.getRectSubPix(image, (max(1, round(size)),) * 2, middle)
            part = cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
            found.append(to_jpeg(part))
    return found
