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
    """

    fps: float = 5.0
    model: str | None = None
    detector: str = "auto"
    largest: bool = False
    thorough: bool = False
    smoothing: float = SMOOTHING


@dataclass(frozen=True, eq=False)
class VideoResult:
    """The emotions of a video over time.

    Attributes:
        info: of the file.
        options: how it was read; model and detector by their resolved names.
        table: one row per face and moment as measured, in the columns
            :data:`fer_core.table.COLUMNS`.
        seconds: from the start to the last frame that was decoded.
        looked: frames that were looked at.
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

    def rows(self) -> pd.DataFrame:
        """The table as measured, merged persons as one."""
        return self.table.assign(person=self.table["person"].replace(self.merged))

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

    def persons(self) -> list[int]:
        """Who was in view for half a second or more, the longest first."""
        spent = timeline.shares(self._smoothed)["seconds"]
        spent = spent[spent >= timeline.HOLD].sort_values(ascending=False, kind="stable")
        return [int(person) for person in spent.index]

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
        smoothed, persons = self.smoothed(), self.persons()
        smoothed = smoothed[smoothed["person"].isin(persons)]
        rows = []
        for emotion, column in zip(EMOTIONS, timeline.PROBABILITIES, strict=True):
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
        value = timeline.summarize(self.smoothed())
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
        """The smoothed table, full precision; with a column ``name`` if people have names."""
        return timeline.to_csv(self._named())

    def to_json(self) -> str:
        """Everything but pictures."""
        return timeline.to_json(self.smoothed(), self.summary(), **self.about())

    def to_parquet(self) -> bytes:
        """The table of :meth:`to_csv` as Parquet."""
        file = io.BytesIO()
        self._named().to_parquet(file, index=False)
        return file.getvalue()

    def _named(self) -> pd.DataFrame:
        table = self.smoothed()
        return table.assign(name=table["person"].map(self.name)) if self.names else table

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
                options=VideoOptions(**read),
                table=pd.read_parquet(folder / "table.parquet"),
                seconds=seconds,
                looked=frames,
                cuts=tuple(value["cuts"]),
                problems=tuple(value["problems"]),
                names={int(k): v for k, v in value["names"].items()},
                merged={int(k): v for k, v in value["merged"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise VideoError("This analysis is gone or damaged: analyse the video anew.") from error
