"""What a video comes to: the table of every result and all that is read off it."""

import io
import json
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pandas as pd

from fer_core import timeline
from fer_core.emotions import EMOTIONS
from fer_core.errors import VideoError
from fer_core.files import write_atomic, write_json
from fer_core.table import PROBABILITIES, complete, to_csv
from fer_core.video.decode import VideoInfo

#: Seconds over which probabilities are averaged before emotions are named.
SMOOTHING: Final = 0.5
#: Moments of sharp change that are worth seeing, at most, and seconds between two.
SHARPEST: Final = 5
APART: Final = 1.0
#: Below this an emotion's highest probability is no peak worth seeing.
PEAK: Final = 0.5


@dataclass(frozen=True)
class VideoOptions:
    """How a video is read.

    Attributes:
        fps: frames a second that are looked at; 0 for every frame.
        model: name, or ``None`` for the default.
        detector: name.
        largest: the largest face of each frame only.
        thorough: search every frame as a photo, also for faces that are small in it. Takes
            several times as long.
        smoothing: time constant in seconds, 0 for none; see
            :func:`fer_core.timeline.smooth`. Nothing is averaged across a change point. The
            table keeps what was measured.
        start: Seconds at which the part to read begins; ``None`` for the beginning.
        end: Seconds at which it ends; ``None`` for the end.
        region: ``(x, y, width, height)`` in pixels of the upright frame: faces are looked for
            in this part of every frame only. Times and boxes are those of the whole video.
        stream: Number of the video track, from 1; ``None`` for the one that a player shows.
        class_prior: Text of a class prior, see :func:`fer_core.class_prior.parse`; ``None`` is
            that of ``FER_CLASS_PRIOR``. A result has the one that was applied.
    """

    fps: float = 5.0
    model: str | None = None
    detector: str = "auto"
    largest: bool = False
    thorough: bool = False
    smoothing: float = SMOOTHING
    start: float | None = None
    end: float | None = None
    region: tuple[int, int, int, int] | None = None
    stream: int | None = None
    class_prior: str | None = None

    @classmethod
    def of(cls, values: dict[str, Any]) -> "VideoOptions":
        """Return the options that JSON values stand for, see :func:`dataclasses.asdict`."""
        region = values.get("region")
        return cls(**values | {"region": tuple(region) if region else None})


@dataclass(frozen=True, eq=False)
class VideoResult:
    """The emotions of a video over time.

    Attributes:
        info: of the file.
        options: how it was read; model and detector by their resolved names.
        table: One row per face and sampled frame as measured, or one for a frame without a
            face, in the columns of a video, see :data:`fer_core.table.TABLE`.
        seconds: When the last frame ends, or the part that was read, from the video's start.
        looked: Number of sampled frames.
        cuts: seconds at which the scene changed.
        problems: sentences on what was wrong with the file.
        names: what persons are called, by number.
        merged: person numbers as found → the person they were merged into by hand.
    """

    info: VideoInfo
    options: VideoOptions
    table: pd.DataFrame
    seconds: float
    looked: int
    cuts: tuple[float, ...] = ()
    problems: tuple[str, ...] = ()
    names: dict[int, str] = field(default_factory=dict)
    merged: dict[int, int] = field(default_factory=dict)

    def of_file(self, name: str) -> "VideoResult":
        """Return the result with the name under which a user knows the video."""
        return replace(
            self, info=replace(self.info, name=name), table=self.table.assign(source=name)
        )

    def rows(self) -> pd.DataFrame:
        """Return the table as measured, merged persons as one and everybody by name."""
        table = self.table.assign(person=self.table["person"].replace(self.merged))
        if self.names:
            table["name"] = pd.array([self.names.get(p) for p in table["person"]], dtype="str")
        return table

    @cached_property
    def _points(self) -> pd.DataFrame:
        return timeline.change_points(self.rows())

    @cached_property
    def _smoothed(self) -> pd.DataFrame:
        return timeline.smooth(
            self.rows(), self.options.smoothing, centred=True, breaks=self._points
        )

    def smoothed(self) -> pd.DataFrame:
        """:meth:`rows` with probabilities averaged as the options say; what is shown."""
        return self._smoothed.copy()

    @property
    def length(self) -> float:
        """Seconds of the video, or of the part of it that was read."""
        return max(0.0, self.seconds - (self.options.start or 0.0))

    def persons(self) -> list[int]:
        """Return who was in view long enough to count, the longest first."""
        spent = timeline.shares(self._smoothed, end=self.seconds)["seconds"]
        counted = timeline.long_enough(spent, self.length)
        return [int(p) for p in counted.sort_values(ascending=False, kind="stable").index]

    def name(self, person: int) -> str:
        """What a person is called."""
        return self.names.get(person) or f"Person {person}"

    def called(self, person: int, name: str) -> "VideoResult":
        """The result with a person's name; an empty one takes it away."""
        names = {**self.names, person: name.strip()}
        return replace(self, names={number: name for number, name in names.items() if name})

    def with_merged(self, person: int, into: int) -> "VideoResult":
        """The result with one person counted as another.

        Raises:
            VideoError: both are seen at the same moment, so they are two.
        """
        rows = self.rows()
        times = [set(rows.loc[rows["person"] == p, "time"]) for p in (person, into)]
        if person == into or not all(times):
            raise VideoError("Choose two persons who are in the video.")
        if both := times[0] & times[1]:
            raise VideoError(
                f"{self.name(person)} and {self.name(into)} are seen together at "
                f"{min(both):.1f} s, so they are two people."
            )
        merged = {number: into if to == person else to for number, to in self.merged.items()}
        names = {number: name for number, name in self.names.items() if number != person}
        if person in self.names and into not in self.names:
            names[into] = self.names[person]
        return replace(self, merged=merged | {person: into}, names=names)

    def apart(self) -> "VideoResult":
        """The result with every person as found; names stay."""
        return replace(self, merged={})

    def changes(self) -> pd.DataFrame:
        """See :func:`fer_core.timeline.change_points`; of persons in view long enough."""
        found = self._points
        return found[found["person"].isin(self.persons())].reset_index(drop=True)

    def moments(self) -> pd.DataFrame:
        """What is worth seeing: the peak of each emotion, and the sharpest changes.

        Returns:
            Columns ``time, person, kind, emotion, value``, by time; ``kind`` is ``peak``
            (``value`` is the emotion's probability) or ``change`` (to ``emotion``;
            ``value`` is the size of the change, 0 to 1).
        """
        smoothed, persons = timeline.seen(self._smoothed), self.persons()
        smoothed = smoothed[smoothed["person"].isin(persons)]
        rows = []
        for emotion, column in zip(EMOTIONS, PROBABILITIES, strict=True):
            if len(smoothed) and smoothed[column].max() >= PEAK:
                best = smoothed.loc[smoothed[column].idxmax()]
                rows.append([best["time"], best["person"], "peak", emotion, best[column]])
        found: list[Any] = []
        for change in self.changes().sort_values("size", ascending=False).itertuples():
            near = any(abs(change.time - other.time) < APART for other in found)
            if len(found) < SHARPEST and not near and change.before != change.after:
                found.append(change)
        rows += [[c.time, c.person, "change", c.after, c.size] for c in found]
        table = pd.DataFrame(rows, columns=["time", "person", "kind", "emotion", "value"])
        return table.sort_values("time", kind="stable").reset_index(drop=True)

    def summary(self) -> dict[str, Any]:
        """What :func:`fer_core.timeline.summarize` says of the smoothed table, the change
        points and their settings, and the persons' names.
        """
        value = timeline.summarize(self.smoothed(), end=self.seconds) | {"seconds": self.length}
        value["faces"] = len(self.persons())
        long_enough = set(self.persons())
        value["persons"] = [
            {"person": p["person"], "name": self.name(p["person"])}
            | {"dominant": max(p["shares"], key=p["shares"].get)}
            | {k: v for k, v in p.items() if k != "person"}
            for p in value["persons"]
            if p["person"] in long_enough
        ]
        value["change_points"] = self.changes().to_dict("records")
        value["change_points_by"] = {
            "method": "PELT, squared error (ruptures)",
            "penalty": timeline.PENALTY,
            "seconds_at_least": timeline.HOLD,
        }
        return value

    def about(self) -> dict[str, Any]:
        """File, options and problems, as plain JSON values."""
        return {
            "video": self.info.to_dict(),
            "read": asdict(self.options) | {"frames": self.looked, "seconds": self.seconds},
            "cuts": list(self.cuts),
            "problems": list(self.problems),
        }

    def to_csv(self) -> str:
        """Return the smoothed table as CSV."""
        return to_csv(self._smoothed)

    def to_json(self) -> str:
        """Return everything but pictures, with the smoothed table."""
        return timeline.to_json(self._smoothed, self.summary(), **self.about())

    def to_parquet(self) -> bytes:
        """Return the smoothed table as Parquet."""
        file = io.BytesIO()
        self._smoothed.to_parquet(file, index=False)
        return file.getvalue()

    def save(self, folder: Path) -> None:
        """Write ``table.parquet`` and ``result.json`` into ``folder``, each whole or not."""
        write_atomic(
            folder / "table.parquet", lambda file: self.table.to_parquet(file, index=False)
        )
        self.save_people(folder)

    def save_people(self, folder: Path) -> None:
        """Write ``result.json`` alone, after a change of names or merges."""
        value = self.about() | {"names": self.names, "merged": self.merged}
        write_json(folder / "result.json", value)

    @classmethod
    def load(cls, folder: Path) -> "VideoResult":
        """What :meth:`save` wrote.

        Raises:
            VideoError: there is none that can be read.
        """
        try:
            value = json.loads((folder / "result.json").read_text(encoding="utf-8"))
            read = value["read"]
            frames, seconds = read.pop("frames"), read.pop("seconds")
            return cls(
                info=VideoInfo(**value["video"]),
                options=VideoOptions.of(read),
                table=_stored_table(folder, value),
                seconds=seconds,
                looked=frames,
                cuts=tuple(value["cuts"]),
                problems=tuple(value["problems"]),
                names={int(k): v for k, v in value["names"].items()},
                merged={int(k): v for k, v in value["merged"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise VideoError("This analysis is gone or damaged: analyse the video anew.") from error


def _stored_table(folder: Path, value: dict[str, Any]) -> pd.DataFrame:
    """The table of a stored result, in today's columns."""
    table = pd.read_parquet(folder / "table.parquet")
    if "status" in table:
        return table
    return complete(table, "video", source=value["video"]["name"], model=value["read"].get("model"))
