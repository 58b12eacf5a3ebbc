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
from fer_core.errors import FerError, VideoError
from fer_core.face_labels import FaceLabel, latest, of_values, to_values, with_labels, without
from fer_core.files import write_atomic, write_json
from fer_core.table import PROBABILITIES, complete, to_csv
from fer_core.video.decode import VideoInfo
from fer_core.video.people import Doubt, Edit, corrected, person_at, read_edits

#: Time constant in seconds over which probabilities are averaged before emotions are named, on the
#: page Video, on the command line and in Python.
SMOOTHING: Final = 0.5
#: Moments of sharp change that are worth seeing, at most.
SHARPEST: Final = 5
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
        sampled_frames: Number of sampled frames.
        cuts: seconds at which the scene changed.
        problems: sentences on what was wrong with the file.
        names: what persons are called, by number.
        edits: Joins and splits of people by hand, in the order in which they were made.
        doubts: Where people may have been mistaken for each other, as found.
        labels: What a user says that faces show, with numbers of people as found; the latest last.
    """

    info: VideoInfo
    options: VideoOptions
    table: pd.DataFrame
    seconds: float
    sampled_frames: int
    cuts: tuple[float, ...] = ()
    problems: tuple[str, ...] = ()
    names: dict[int, str] = field(default_factory=dict)
    edits: tuple[Edit, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    labels: tuple[FaceLabel, ...] = ()

    def of_file(self, name: str) -> "VideoResult":
        """Return the result with the name under which a user knows the video."""
        return replace(
            self, info=replace(self.info, name=name), table=self.table.assign(source=name)
        )

    def rows(self) -> pd.DataFrame:
        """Return the table as measured, with the user's labels, people corrected by hand and
        everybody by name.
        """
        persons = corrected(self.table["person"], self.table["time"], self.edits)
        table = with_labels(self.table, self.labels).assign(person=persons)
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
        """Return :meth:`rows` with probabilities averaged as the options say; what is shown."""
        return self._smoothed.copy()

    @property
    def length(self) -> float:
        """Return seconds of the video, or of the part of it that was read."""
        return max(0.0, self.seconds - (self.options.start or 0.0))

    def persons(self) -> list[int]:
        """Return who was in view long enough to count, the longest first."""
        spent = timeline.shares(self._smoothed, end=self.seconds)["seconds"]
        counted = timeline.long_enough(spent, self.length)
        return [int(p) for p in counted.sort_values(ascending=False, kind="stable").index]

    def name(self, person: int) -> str:
        """Return what a person is called."""
        return self.names.get(person) or f"Person {person}"

    def called(self, person: int, name: str) -> "VideoResult":
        """Return the result with a person's name; an empty one takes it away."""
        names = {**self.names, person: name.strip()}
        return replace(self, names={number: name for number, name in names.items() if name})

    def with_merged(self, person: int, into: int) -> "VideoResult":
        """Return the result with one person counted as another.

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
        names = {number: name for number, name in self.names.items() if number != person}
        if person in self.names and into not in self.names:
            names[into] = self.names[person]
        return replace(self, edits=(*self.edits, Edit(person, into)), names=names)

    def with_split(self, person: int, time: float) -> "VideoResult":
        """Return the result in which a person is somebody new from a moment on.

        Args:
            person: Number; who they are before the moment keeps it, with the name.
            time: Seconds.

        Raises:
            VideoError: The person is not seen both before and after it.
        """
        rows = self.rows()
        times = rows.loc[rows["person"].eq(person).fillna(False), "time"]
        if times.empty or not times.min() < time <= times.max():
            raise VideoError(
                f"{self.name(person)} is not seen both before and after {timeline.clock(time)}, "
                "so there is nothing to split."
            )
        known = [int(number) for number in self.table["person"].dropna().unique()]
        new = 1 + max([*known, *self.names, *(edit.into for edit in self.edits)])
        return replace(self, edits=(*self.edits, Edit(person, new, float(time))))

    def with_exchange(self, one: int, other: int, time: float) -> "VideoResult":
        """Return the result in which two people have each other's numbers from a moment on.

        Raises:
            VideoError: The first one is not seen both before and after it.
        """
        apart = self.with_split(one, time)
        new = apart.edits[-1].into
        return replace(apart, edits=(*apart.edits, Edit(other, one, time), Edit(new, other, time)))

    def apart(self) -> "VideoResult":
        """Return the result with every person as found; names stay."""
        return replace(self, edits=())

    def person_at(self, found: int, time: float) -> int:
        """Return who somebody is at one moment, by the number that was found there."""
        return person_at(found, time, self.edits)

    def found_as(self, person: int, time: float) -> int:
        """Return the number under which somebody was found about a moment."""
        times = self.rows().loc[lambda rows: rows["person"].eq(person).fillna(False), "time"]
        return int(self.table.loc[(times - time).abs().idxmin(), "person"])

    def row_at(self, person: int, time: float) -> dict[str, Any] | None:
        """Return the smoothed row of a person that is nearest to a moment; ``None`` where the
        person is never seen.
        """
        rows = self._smoothed[self._smoothed["person"].eq(person).fillna(False)]
        if rows.empty:
            return None
        return rows.loc[(rows["time"] - time).abs().idxmin()].to_dict()

    def with_label(self, person: int, time: float, emotion: str) -> "VideoResult":
        """Return the result with a user's label of a person's face in the frame nearest to a
        moment.

        Raises:
            VideoError: The person is never seen.
        """
        return replace(self, labels=(*self.labels, self._label(person, time, emotion)))

    def without_label(self, label: FaceLabel) -> "VideoResult":
        """Return the result without the latest label of a place, as :attr:`labels` has it."""
        return replace(self, labels=without(self.labels, label))

    def label_at(self, person: int, time: float) -> FaceLabel | None:
        """Return the label of a person's face in the frame nearest to a moment, if there is one."""
        if not self.labels:
            return None
        place = self._label(person, time, EMOTIONS[0])
        return next((one for one in latest(self.labels) if one.is_where(place)), None)

    def _label(self, person: int, time: float, emotion: str) -> FaceLabel:
        row = self.row_at(person, time)
        if row is None:
            raise VideoError(f"{self.name(person)} is not seen in this video.")
        at = float(row["time"])
        return FaceLabel(self.found_as(person, at), at, at, emotion)

    def open_doubts(self) -> list[tuple[int, Doubt]]:
        """Return the doubts that nobody has settled by hand, the most doubtful first.

        Returns:
            The index of each in :attr:`doubts`, and the doubt with its persons as they are
            numbered now.
        """
        counted, found = set(self.persons()), []
        for index, doubt in sorted(enumerate(self.doubts), key=lambda pair: pair[1].certainty):
            first, second = doubt.persons
            before = self.person_at(first, doubt.before)
            after = self.person_at(second, doubt.time)
            if doubt.kind == "join":
                settled = (before == after) != (first == second)
            else:
                settled = before != self.person_at(first, doubt.time) or before == after
            if not settled and {before, after} <= counted:
                found.append((index, replace(doubt, persons=(before, after))))
        return found

    def changes(self) -> pd.DataFrame:
        """Return when the dominant emotion of somebody changed.

        Returns:
            The columns of :func:`fer_core.timeline.change_points`; of persons in view long
            enough.
        """
        found = self._counted_points()
        return found[found["before"] != found["after"]].reset_index(drop=True)

    def shifts(self) -> pd.DataFrame:
        """Return when an expression changed while its dominant emotion stayed, see
        :meth:`changes`.
        """
        found = self._counted_points()
        return found[found["before"] == found["after"]].reset_index(drop=True)

    def _counted_points(self) -> pd.DataFrame:
        return self._points[self._points["person"].isin(self.persons())]

    def segments(self) -> pd.DataFrame:
        """Return the stretches of time in which one emotion of somebody was dominant.

        Returns:
            Columns ``start, end, person, name, emotion``, by person and time; of persons in view
            long enough.
        """
        found = timeline.segments(self._smoothed, end=self.seconds)
        found = found[found["person"].isin(self.persons())].reset_index(drop=True)
        found["name"] = [self.name(person) for person in found["person"]]
        return found[["start", "end", "person", "name", "emotion"]]

    def highlights(self) -> pd.DataFrame:
        """Return the key moments: the peak of each emotion, and the sharpest changes.

        A change is complete a little after it began: its moment is the sample within
        :data:`fer_core.timeline.HOLD` seconds of it that shows the new emotion most clearly. A
        peak at that moment is no moment of its own.

        Returns:
            Columns ``time, person, kind, emotion, value``, by time: that of a sample. ``kind`` is
            ``peak`` or ``change`` (to ``emotion``); ``value`` is the emotion's probability then.
        """
        smoothed, persons = timeline.seen(self._smoothed), self.persons()
        smoothed = smoothed[smoothed["person"].isin(persons)]
        found = []
        for change in self.changes().sort_values("size", ascending=False)[:SHARPEST].itertuples():
            since = smoothed["time"] - change.time
            near = smoothed[(smoothed["person"] == change.person) & since.between(0, timeline.HOLD)]
            found.append((near, "change", change.after))
        found += [(smoothed, "peak", emotion) for emotion in EMOTIONS]
        rows = []
        for samples, kind, emotion in found:
            column = PROBABILITIES[EMOTIONS.index(emotion)]
            if len(samples) and (kind == "change" or samples[column].max() >= PEAK):
                best = samples.loc[samples[column].idxmax()]
                rows.append([best["time"], best["person"], kind, emotion, best[column]])
        table = pd.DataFrame(rows, columns=["time", "person", "kind", "emotion", "value"])
        table = table.drop_duplicates(["time", "person", "emotion"])
        return table.sort_values("time", kind="stable").reset_index(drop=True)

    def summary(self) -> dict[str, Any]:
        """Return what :func:`fer_core.timeline.summarize` says of the smoothed table, the change
        points and their settings, and the persons' names. ``change_points`` are those at which
        the dominant emotion changed, ``shifts`` the others.
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
        value["changes"] = [self._named(change) for change in value["changes"]]
        for key, points in (("change_points", self.changes()), ("shifts", self.shifts())):
            value[key] = [self._named(point) for point in points.to_dict("records")]
        value["change_points_by"] = {
            "method": "PELT, squared error (ruptures)",
            "penalty": timeline.PENALTY,
            "seconds_at_least": timeline.HOLD,
        }
        return value

    def _named(self, row: dict[str, Any]) -> dict[str, Any]:
        return row | {"name": self.name(row["person"])}

    def about(self) -> dict[str, Any]:
        """Return file, options and problems, as plain JSON values."""
        return {
            "video": self.info.to_dict(),
            "read": asdict(self.options) | {"frames": self.sampled_frames, "seconds": self.seconds},
            "cuts": list(self.cuts),
            "problems": list(self.problems),
        }

    def to_csv(self) -> str:
        """Return the smoothed table as CSV."""
        return to_csv(self._smoothed)

    def to_json(self) -> str:
        """Return everything but pictures, with the smoothed table."""
        doubts = [asdict(doubt) for _, doubt in self.open_doubts()]
        return timeline.to_json(self._smoothed, self.summary(), **self.about(), doubts=doubts)

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
        """Write ``result.json`` alone, after a correction of people, their names or labels."""
        value = self.about() | self.people()
        value["doubts"] = [asdict(doubt) for doubt in self.doubts]
        value["labels"] = to_values(self.labels)
        write_json(folder / "result.json", value)

    def people(self) -> dict[str, Any]:
        """Return names and corrections as plain JSON values."""
        return {
            "names": {str(number): name for number, name in self.names.items()},
            "edits": [asdict(edit) for edit in self.edits],
        }

    @classmethod
    def load(cls, folder: Path) -> "VideoResult":
        """Return what :meth:`save` wrote.

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
                sampled_frames=frames,
                cuts=tuple(value["cuts"]),
                problems=tuple(value["problems"]),
                names={int(k): v for k, v in value["names"].items()},
                edits=read_edits(value),
                doubts=tuple(Doubt.of(one) for one in value.get("doubts", [])),
                labels=of_values(value.get("labels", [])),
            )
        except (OSError, ValueError, KeyError, TypeError, FerError) as error:
            raise VideoError("This analysis is gone or damaged: analyse the video anew.") from error


def _stored_table(folder: Path, value: dict[str, Any]) -> pd.DataFrame:
    """Return the table of a stored result, in today's columns."""
    table = pd.read_parquet(folder / "table.parquet")
    if "status" in table:
        return table
    return complete(table, "video", source=value["video"]["name"], model=value["read"].get("model"))
