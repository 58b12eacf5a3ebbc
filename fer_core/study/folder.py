"""A study: a folder of plain files, which can be read, versioned and moved.

- ``study.json``: settings and the list of recordings, see :mod:`fer_core.study.model`
- ``participants.tsv``: a row per participant
- ``recordings/ID.parquet``: a copy of the recording's table, as measured; ``recordings-2`` holds
  the tables after every second change of the model, see :meth:`Study.take_next_tables`
- ``events/ID.tsv``: its events, in the columns of BIDS
- ``videos/ID.mp4``: a copy of the video, where that was asked for
- ``labels/NAME/``: moments that people label, see :mod:`fer_core.study.agreement`

Every file is written whole or not at all, and ``study.json`` last: what a process that was killed
had finished is there.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePath
from typing import Any, Final

import pandas as pd
from filelock import FileLock, Timeout
from pydantic import ValidationError

from fer_core import timeline
from fer_core.class_prior import parse
from fer_core.classifier import load_classifier
from fer_core.files import cannot_write, printable, write_atomic, write_bytes, write_json
from fer_core.settings import settings
from fer_core.study import tables
from fer_core.study.model import (
    SCHEMA,
    Recording,
    StudyError,
    StudyFile,
)
from fer_core.study.tables import PARTICIPANT, clean
from fer_core.table import columns, complete

FILE: Final = "study.json"
PARTICIPANTS: Final = "participants.tsv"
_LOCK: Final = ".lock"


class Study:
    """A study in its folder.

    Attributes:
        path: Of the folder.
        file: What ``study.json`` holds.
        participants: What ``participants.tsv`` holds, text columns.

    >>> study = Study.create(Path("smiles"), "Smiles")  # doctest: +SKIP
    >>> with study.editing():  # doctest: +SKIP
    ...     study.file.smoothing = 1.0
    """

    def __init__(self, path: Path, file: StudyFile, participants: pd.DataFrame) -> None:
        self.path, self.file, self.participants = path, file, participants

    @classmethod
    def create(cls, path: Path, name: str, *, model: str | None = None,
               class_prior: str | None = None, **settings: Any) -> "Study":  # fmt: skip
        """Create a study in a new or an empty folder.

        Args:
            path: Of the folder.
            name: Of the study.
            model: For every recording; by default the default model.
            class_prior: Text of a class prior; by default that of ``FER_CLASS_PRIOR``.
            settings: Further fields of :class:`fer_core.study.model.StudyFile`.

        Raises:
            StudyError: The folder holds something, or a setting is wrong.
            ModelError: There is no such model.
        """
        if not clean(name):
            raise StudyError("The study needs a name.")
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise StudyError(f"{printable(path)} is not an empty folder: choose a new one.")
        classifier = load_classifier(model, parse(class_prior))
        try:
            file = StudyFile(
                name=clean(name),
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                model=classifier.name,
                class_prior=classifier.class_prior,
                **settings,
            )
        except ValidationError as error:
            raise StudyError(_in_words(error, "The study's settings")) from error
        study = cls(path, file, pd.DataFrame({PARTICIPANT: [], "group": []}, dtype=str))
        try:
            path.mkdir(parents=True, exist_ok=True)
            study._save()
        except OSError as error:
            raise cannot_write(path, error) from error
        return study

    @classmethod
    def open(cls, path: Path) -> "Study":
        """Open the study in a folder.

        Raises:
            StudyError: There is none, or one of its files cannot be read.
        """
        if not (path / FILE).is_file():
            raise StudyError(f"{printable(path)} holds no study: there is no {FILE} in it.")
        study = cls(path, *cls._read(path))
        return study

    @staticmethod
    def _read(path: Path) -> tuple[StudyFile, pd.DataFrame]:
        try:
            value = json.loads((path / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise StudyError(f"{FILE} cannot be read as JSON: {error}.") from error
        if not isinstance(value, dict):
            raise StudyError(f"{FILE} holds no study.")
        version = value.get("schema")
        if isinstance(version, int) and version > SCHEMA:
            raise StudyError(f"{FILE} is of a newer version of this program: update it.")
        try:
            file = StudyFile.model_validate(value)
        except ValidationError as error:
            raise StudyError(_in_words(error, FILE)) from error
        ids = [one.id.casefold() for one in file.recordings]
        if len(set(ids)) < len(ids) or any(one in (".", "..") for one in ids):
            raise StudyError(f"{FILE} has two recordings of one id, or an id that is no name.")
        return file, tables.read_participants(path / PARTICIPANTS)

    def _save(self) -> None:
        tables.write_participants(self.path / PARTICIPANTS, self.participants)
        write_json(self.path / FILE, self.file.model_dump(by_alias=True))

    @contextmanager
    def editing(self) -> Iterator[None]:
        """Read the files again, let them be changed, and write them; one process at a time.

        Raises:
            StudyError: Another process keeps the study busy, or a new value is wrong.
        """
        try:
            with FileLock(self.path / _LOCK, timeout=30):
                if (self.path / FILE).exists():
                    self.file, self.participants = self._read(self.path)
                try:
                    yield
                except ValidationError as error:
                    self.file, self.participants = self._read(self.path)
                    raise StudyError(_in_words(error, "The setting")) from error
                self._save()
        except Timeout as error:
            raise StudyError("Another process is writing to this study: try again.") from error
        except OSError as error:
            raise cannot_write(self.path, error) from error

    # What is in it.

    def recording(self, id: str) -> Recording:
        """Return the recording of an id.

        Raises:
            StudyError: There is none.
        """
        for one in self.file.recordings:
            if one.id == id:
                return one
        raise StudyError(f"The study has no recording {printable(id)}.")

    def codes(self) -> list[str]:
        """Return the codes of all participants, those of recordings alone last."""
        known = self.participants[PARTICIPANT].tolist()
        return list(dict.fromkeys([*known, *(one.participant for one in self.file.recordings)]))

    def group_of(self, participant: str) -> str:
        """Return the group of a participant, or ""."""
        return self.values(self.file.group).get(participant, "")

    def values(self, column: str) -> dict[str, str]:
        """Return a column of the participants' table by code."""
        if column not in self.participants:
            return {}
        codes = self.participants[PARTICIPANT]
        return dict(zip(codes, self.participants[column], strict=True))

    def table(self, recording: Recording) -> pd.DataFrame:
        """Return the table of a recording, as measured.

        Raises:
            StudyError: It is missing or damaged.
        """
        path = self.table_path(recording)
        try:
            found = pd.read_parquet(path)
            if "status" not in found or "person" not in found:
                found = complete(found, recording.kind, source=recording.source)
            if missing := set(columns(recording.kind)) - set(found):
                raise ValueError(f"it lacks {sorted(missing)[0]}")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StudyError(
                f"The table of {recording.id} is missing or damaged: remove the recording and add "
                "it again."
            ) from error
        return found

    def table_path(self, recording: Recording) -> Path:
        """Return where the table of a recording is."""
        return self.path / self.file.tables / f"{recording.id}.parquet"

    def events_path(self, recording: Recording) -> Path:
        """Return where the events of a recording are."""
        return self.path / "events" / f"{recording.id}.tsv"

    def events(self, recording: Recording) -> pd.DataFrame:
        """Return the events of a recording, see :func:`fer_core.study.tables.read_events`.

        Raises:
            StudyError: The file is damaged.
        """
        path = self.events_path(recording)
        return tables.read_events(path) if path.exists() else tables.empty_events()

    def set_events(self, recording: Recording, events: pd.DataFrame) -> None:
        """Replace the events of a recording.

        Raises:
            StudyError: A time is no number, or a duration is negative.
        """
        tidy = tables.tidy_events(events)
        content = tables.to_tsv({str(name): tidy[name].tolist() for name in tidy})
        try:
            write_bytes(self.events_path(recording), content)
        except OSError as error:
            raise cannot_write(self.events_path(recording), error) from error

    def video(self, recording: Recording) -> Path | None:
        """Return the video of a recording, where it is there and has the size it had."""
        if recording.video is None:
            return None
        path = Path(recording.video.path)
        if not recording.video.path:
            return None
        path = path if path.is_absolute() else self.path / path
        try:
            return path if path.stat().st_size == recording.video.size else None
        except OSError:
            return None

    def problems(self) -> list[str]:
        """Return what does not fit together, as sentences: after an edit by hand, for example."""
        known = set(self.participants[PARTICIPANT])
        with_recording = {one.participant for one in self.file.recordings}
        found = []
        without = [code for code in self.participants[PARTICIPANT] if code not in with_recording]
        if without:
            words = (
                "has no recording, and is" if len(without) == 1 else "have no recording, and are"
            )
            found.append(f"{_some(without)} {words} in no result.")
        if others := sorted(with_recording - known):
            words = "has" if len(others) == 1 else "have"
            found.append(f"{_some(others)} {words} a recording, but no row in {PARTICIPANTS}.")
        for one in self.file.recordings:
            if not self.table_path(one).is_file():
                found.append(f"The table of {one.id} is missing: remove the recording.")
            try:
                self.events(one)
            except StudyError as error:
                found.append(f"The events of {one.id} cannot be read. {error}")
            if one.person is None:
                found.append(f"In {one.id} no face was found.")
            ours = {"model": self.file.model, "class_prior": self.file.class_prior}
            for name, value in ours.items():
                if (its := one.options.get(name, value)) != value:
                    words = name.replace("_", " ")
                    found.append(
                        f"{one.id} was analysed with the {words} {its}, but {FILE} says {value}: "
                        "set it back, and change it with 'study settings' or on the page."
                    )
        return found

    # Changing it.

    def take_video(self, id: str) -> None:
        """Note that a video which lies in the study's folder is the study's own copy."""
        with self.editing():
            one = self.recording(id)
            if one.video and (self.path / "videos") in Path(one.video.path).parents:
                name = f"videos/{Path(one.video.path).name}"
                one.video = one.video.model_copy(update={"path": name, "copied": True})

    def set_faces(self, id: str, people: Sequence[int]) -> None:
        """Say which faces of a recording are the participant.

        Args:
            id: Of the recording.
            people: Numbers in its table; several where tracking took one person for several.

        Raises:
            StudyError: There is no such face, or two of them are seen together.
        """
        with self.editing():
            one = self.recording(id)
            table = self.table(one)
            mine = table[table["person"].isin(people)]
            if not people or set(people) - set(mine["person"]):
                raise StudyError(f"Choose one or more people who are seen in {id}.")
            together = mine.loc[mine.duplicated("time"), "time"]
            if not together.empty:
                raise StudyError(
                    f"These are two people, because they are seen together at "
                    f"{together.iloc[0]:.1f} s of {id}."
                )
            one.person, one.also = int(people[0]), [int(other) for other in people[1:]]

    def write_next_table(self, recording: Recording, table: pd.DataFrame) -> None:
        """Write a table that another model made beside the one that the study has.

        Raises:
            FerError: It cannot be written.
        """
        path = self._next_tables() / f"{recording.id}.parquet"
        try:
            write_atomic(path, partial(_write_table, table))
        except OSError as error:
            raise cannot_write(path, error) from error

    def take_next_tables(
        self, people: Mapping[str, list[int]], model: str, class_prior: str
    ) -> None:
        """Let the tables of :meth:`write_next_table` take the place of those that there are.

        All of them do with the one file ``study.json``. Nothing happens where a recording has no
        new table yet, because another process added it.

        Args:
            people: Which faces are the participant in the new table, by id of the recording.
            model: What made them.
            class_prior: With which class prior.
        """
        with self.editing():
            before = self.path / self.file.tables
            if any(one.id not in people for one in self.file.recordings):
                return
            for one in self.file.recordings:
                faces = people[one.id]
                one.person, one.also = (faces[0] if faces else None), faces[1:]
                one.options = one.options | {"model": model, "class_prior": class_prior}
            self.file.tables = self._next_tables().name  # type: ignore[assignment]
            self.file.model, self.file.class_prior = model, class_prior
            known = {one.id for one in self.file.recordings}
            for path in (self.path / self.file.tables).glob("*.parquet"):
                if path.stem not in known:  # it was deleted while it was analysed
                    path.unlink()
        shutil.rmtree(before, ignore_errors=True)

    def drop_next_tables(self) -> None:
        """Delete tables that another model made and that the study did not take."""
        shutil.rmtree(self._next_tables(), ignore_errors=True)

    def _next_tables(self) -> Path:
        """Return the folder for tables that another model makes."""
        first = self.file.tables == "recordings"
        return self.path / ("recordings-2" if first else "recordings")

    def with_video(self, digest: str) -> Recording | None:
        """Return the recording of a video's SHA-256, if the study has it."""
        for one in self.file.recordings:
            if one.video and one.video.sha256 == digest:
                return one
        return None

    def set_participants(self, table: pd.DataFrame) -> None:
        """Replace the participants' table; codes of recordings keep their rows.

        Raises:
            StudyError: Two rows have one code, one has none, or a column cannot be called so.
        """
        table = table.astype(str).map(clean)
        for name in table:
            tables.check_column(str(name))
        codes = table[PARTICIPANT].tolist()
        if len(set(codes)) < len(codes) or "" in codes:
            raise StudyError("Every participant needs a code of their own.")
        with self.editing():
            self.participants = table.reset_index(drop=True)
            for one in self.file.recordings:
                self.note_participant(one.participant, {})

    def note_participant(self, code: str, values: Mapping[str, str]) -> None:
        """Give a participant a row, and values in some columns; call it while editing.

        Args:
            code: Code of the participant.
            values: Column → value; what is empty changes nothing.

        Raises:
            StudyError: A column cannot be called so.
        """
        table = self.participants
        if code not in set(table[PARTICIPANT]):
            row = {name: code if name == PARTICIPANT else "" for name in table}
            table = pd.concat([table, pd.DataFrame([row], dtype=str)], ignore_index=True)
        for name, value in values.items():
            if name == PARTICIPANT or not clean(value):
                continue
            if name not in table:
                tables.check_column(name)
                table[name] = ""
            table.loc[table[PARTICIPANT] == code, name] = clean(value)
        self.participants = table

    def remove_recording(self, id: str) -> None:
        """Delete a recording: its table, events and copy of the video, nothing outside."""
        with self.editing():
            one = self.recording(id)
            self.file.recordings = [other for other in self.file.recordings if other.id != id]
            self._delete_files(one)

    def remove_participant(self, code: str) -> None:
        """Delete a participant with all recordings; nothing outside the folder is touched.

        Raises:
            StudyError: There is no such participant.
        """
        with self.editing():
            if code not in self.codes():
                raise StudyError(f"The study has no participant {printable(code)}.")
            gone = [one for one in self.file.recordings if one.participant == code]
            self.file.recordings = [one for one in self.file.recordings if one not in gone]
            self.participants = self.participants[self.participants[PARTICIPANT] != code]
            for one in gone:
                self._delete_files(one)
        # They may show or name the participant.
        shutil.rmtree(self.path / "figures", ignore_errors=True)

    def _delete_files(self, one: Recording) -> None:
        # What was computed of the recording is in there.
        shutil.rmtree(settings().cache / "study", ignore_errors=True)
        self.table_path(one).unlink(missing_ok=True)
        # Another model may be at work, or was when its process ended.
        (self._next_tables() / f"{one.id}.parquet").unlink(missing_ok=True)
        self.events_path(one).unlink(missing_ok=True)
        if one.video and one.video.copied:
            self._copy_path(one).unlink(missing_ok=True)
        for folder in (self.path / "labels").glob("*/"):
            items = folder / "items.tsv"
            if items.exists():
                header, rows = tables.read_rows(items)
                place = header.index("recording") if "recording" in header else 0
                gone = {row[0] for row in rows if row[place] == one.id}
                for item in gone:
                    (folder / f"{item}.jpg").unlink(missing_ok=True)
                for path in (items, *folder.glob("rater-*.tsv")):
                    header, rows = tables.read_rows(path)
                    rows = [row for row in rows if row[0] not in gone]
                    cells = list(zip(*rows, strict=True)) or [()] * len(header)
                    write_bytes(path, tables.to_tsv(dict(zip(header, cells, strict=True))))

    def _copy_path(self, one: Recording) -> Path:
        """Return a copy's place: within the folder, whatever ``study.json`` says."""
        return self.path / "videos" / PurePath(one.video.path if one.video else "").name

    def delete_video_copy(self, id: str) -> None:
        """Delete the study's own copy of a video; do nothing where it has none."""
        with self.editing():
            one = self.recording(id)
            if one.video and one.video.copied:
                self._copy_path(one).unlink(missing_ok=True)
                one.video = one.video.without_copy()


def main_person(table: pd.DataFrame, end: float | None) -> int | None:
    """Return whoever was in view for the longest time."""
    if not table["person"].notna().any():
        return None
    return int(timeline.shares(table, end=end)["seconds"].idxmax())


def _some(names: list[str]) -> str:
    """Return a few names, and how many more there are."""
    rest = len(names) - 5
    return ", ".join(names[:5]) + (f" and {rest} more" if rest > 0 else "")


def _write_table(table: pd.DataFrame, file: Any) -> None:
    table.to_parquet(file, index=False)


def _in_words(error: ValidationError, name: str) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "a value"
    return f"{name} cannot be used: {place}: {first['msg'].rstrip('.')}."
