"""A study as one file, to move it to another machine."""

import shutil
import zipfile
from pathlib import Path, PurePosixPath
from typing import Final

from fer_core.files import check_outputs, printable, remove_folder, writing
from fer_core.study.folder import FILE, PARTICIPANTS, Study
from fer_core.study.model import StudyError

#: Folders of a study that are packed, and what lies beside them.
_FOLDERS: Final = ("recordings", "events", "labels", "videos")
_FILES: Final = (FILE, PARTICIPANTS)
#: Bytes that an archive may unpack to, and files that it may hold.
MOST_BYTES: Final = 200_000_000_000
MOST_FILES: Final = 100_000


def pack(study: Study, out: Path, *, videos: bool = False, overwrite: bool = False) -> None:
    """Write a study as one archive (ZIP).

    Args:
        study: The study.
        out: The archive.
        videos: Include the videos, also those that lie outside of the study's folder.
        overwrite: Replace an archive that exists.

    Raises:
        FerError: It exists, or cannot be written.
    """
    check_outputs([out], overwrite=overwrite)
    file = study.file.model_copy(deep=True)
    tables, file.tables = file.tables, "recordings"
    with writing(out) as new, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in file.recordings:
            if one.video is None:
                continue
            path = study.video(one)
            name = f"videos/{one.id}{Path(one.video.path).suffix.lower()[:8]}"
            if videos and path is not None:
                archive.write(path, name, zipfile.ZIP_STORED)
                update = {"path": name, "copied": True}
            else:
                # Where it lay on this machine says nothing on another one.
                update = {"path": Path(one.video.path).name, "copied": False}
            one.video = one.video.model_copy(update=update)
        archive.writestr(FILE, file.model_dump_json(by_alias=True, indent=2))
        archive.write(study.path / PARTICIPANTS, PARTICIPANTS)
        for name, folder in zip(_FOLDERS, (tables, "events", "labels"), strict=False):
            for path in sorted((study.path / folder).rglob("*")):
                # The names of what is written right now begin with a dot.
                if path.is_file() and not path.name.startswith("."):
                    inside = path.relative_to(study.path / folder).as_posix()
                    archive.write(path, f"{name}/{inside}")


def unpack(source: Path, folder: Path) -> Study:
    """Unpack an archive of :func:`pack` into a new folder.

    Args:
        source: The archive.
        folder: A new, or an empty folder.

    Raises:
        StudyError: It is no archive of a study, or the folder holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StudyError(f"{printable(folder)} is not an empty folder: choose a new one.")
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with zipfile.ZipFile(source) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            _check(entries)
            partial.mkdir(parents=True)
            for entry in entries:
                target = partial / entry.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as content, target.open("wb") as file:
                    shutil.copyfileobj(content, file)
        Study.open(partial)
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError) as error:
        raise StudyError(f"{printable(source)} is no archive of a study: {error}.") from error
    finally:
        if partial.exists():
            remove_folder(partial)
    return Study.open(folder)


def _check(entries: list[zipfile.ZipInfo]) -> None:
    """Refuse what no study holds: other files, paths that lead elsewhere, and too much."""
    names = [entry.filename for entry in entries]
    if FILE not in names or PARTICIPANTS not in names:
        raise ValueError(f"it holds no {FILE} and {PARTICIPANTS}")
    if len(names) > MOST_FILES or sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise ValueError("it would unpack to too much")
    for name in names:
        parts = PurePosixPath(name).parts
        inside = len(parts) > 1 and parts[0] in _FOLDERS
        if not (name in _FILES or inside) or ".." in parts or "\\" in name or ":" in name:
            raise ValueError(f"it holds {name}, which is no file of a study")
