"""Writing files safely, naming them after their source, and walking folders.

:func:`replacing` and :func:`write_bytes` are for files of our own, which are replaced without
asking. What a user asked for is written through :func:`check_outputs` and :func:`writing`:
no input is ever overwritten, and nothing that exists without ``overwrite``.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any, BinaryIO, Final

from fer_core.errors import FerError

#: Bytes that a file's name may have on the usual file systems.
LONGEST_NAME: Final = 255
#: What a file is called while it is written.
PARTIAL: Final = ".partial"
#: The list of what an export wrote into its folder.
EXPORT_LIST: Final = ".fer-export.json"


class WriteError(FerError, OSError):
    """A file cannot be written: a sentence for people, and an error of the system to programs."""

    def __init__(self, sentence: str, cause: OSError) -> None:
        """Say it in a sentence.

        Args:
            sentence: For people.
            cause: What the system said.
        """
        super().__init__(sentence)
        self.errno, self.strerror = cause.errno, cause.strerror

    def __str__(self) -> str:
        """Return the sentence."""
        return str(self.args[0])


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Return a path beside ``path`` to write to, renamed into its place when all went well.

    The file appears whole or not at all; parent folders are made.

    Raises:
        WriteError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix
        )
        os.close(handle)
        new = Path(name)
        try:
            yield new
            # mkstemp makes private files; give this one what open() would have given.
            umask = os.umask(0)
            os.umask(umask)
            new.chmod(0o666 & ~umask)
            new.replace(path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
    except OSError as error:
        if is_about_room(error):
            raise cannot_write(path, error) from error
        raise


def write_atomic(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write ``path`` through ``write(file)``, see :func:`replacing`; it is on the disk then."""
    with replacing(path) as new, new.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content``, atomically."""
    write_atomic(path, lambda file: file.write(content))


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented UTF-8 JSON, atomically."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Return the JSON value of a file, read again only if the file was replaced meanwhile.

    The file must only ever be replaced as a whole.
    """
    return json.loads(_text(path, stamp(path)))


def stamp(path: Path) -> tuple[int, int, int]:
    """Return numbers of a file that change when it is replaced.

    Raises:
        OSError: There is no such file.
    """
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=2000)
def _text(path: Path, stamp: tuple[int, ...]) -> bytes:
    return path.read_bytes()


def remove_folder(path: Path) -> None:
    """Delete a folder; it is out of sight in one step, so that nobody meets half of it."""
    gone = path.with_name(f".{path.name}")
    path.rename(gone)
    shutil.rmtree(gone)


#: Folders that programs leave behind; they hold nothing that a person put there.
_LEFT_BEHIND = {"__MACOSX"}


def walk_files(folder: Path, wanted: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield the files of a folder and of the folders below it, in order of their paths.

    Hidden files and folders are left out (names that start with a dot), as is ``__MACOSX``.
    Links are followed, but no folder is visited twice, so that links in a circle end.

    Args:
        folder: Where to begin; it may be hidden itself.
        wanted: Says whether a file is to be yielded.
    """
    visited: set[str] = set()
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        try:
            if path is not folder and not path.is_dir():
                found = path.is_file() and wanted(path)
                inside: list[Path] = []
            else:
                found, real = False, os.path.realpath(path)
                inside = [] if real in visited else sorted(path.iterdir(), reverse=True)
                visited.add(real)
        except OSError:
            continue  # nobody may read it
        if found:
            yield path
        waiting += [
            below
            for below in inside
            if not below.name.startswith(".") and below.name not in _LEFT_BEHIND
        ]


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def printable(text: str | PurePath) -> str:
    r"""Return a path or name as text that every file and console takes.

    Bytes of a name that are not UTF-8 are shown as escapes.

    >>> printable("caf\udce9.jpg")
    'caf\\xe9.jpg'
    """
    return os.fsencode(str(text)).decode("utf-8", "backslashreplace")


def named_after(source: str | PurePath, what: str, suffix: str) -> str:
    """Return the name of a file that is made of ``source``.

    Characters that some file systems forbid become ``_``, and a long name is cut.

    Args:
        source: Path or name of the source.
        what: What the file holds, such as ``emotions``.
        suffix: Its ending, with the dot.

    >>> named_after("clips/talk.mp4", "emotions", ".csv")
    'talk-emotions.csv'
    """
    path = PurePath(printable(source))
    known = bool(re.fullmatch(r"\.[A-Za-z0-9]{1,5}", path.suffix))
    stem = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*]', "_", path.stem if known else path.name).strip(" .")
    end = f"-{what}{suffix}"
    room = LONGEST_NAME - len(end.encode()) - len(PARTIAL)
    return f"{_shortened(stem or 'result', room)}{end}"


def _shortened(name: str, room: int) -> str:
    """Return the beginning of a name that takes no more than ``room`` bytes."""
    while len(os.fsencode(name)) > room:
        name = name[:-1]
    return name


def unique_names(sources: Iterable[str | PurePath], what: str, suffix: str) -> list[str]:
    """Return a name for each source, see :func:`named_after`; no two are equal.

    Names that differ in case alone count as equal, as they are on some systems.

    >>> unique_names(["a/x.jpg", "b/x.jpg"], "annotated", ".png")
    ['x-annotated.png', 'x-2-annotated.png']
    """
    taken: set[str] = set()
    names = []
    for source in sources:
        number, name = 1, named_after(source, what, suffix)
        while name.casefold() in taken:
            number += 1
            name = named_after(source, f"{number}-{what}", suffix)
        taken.add(name.casefold())
        names.append(name)
    return names


def is_stream(path: Path) -> bool:
    """Return whether a path is a named pipe or a character device, which is written to directly."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def _identity(path: Path) -> Any:
    """Return what two paths of one file share: by link, hard link or spelling."""
    try:
        found = path.stat()
        # Some file systems of Windows number no files.
        return (found.st_dev, found.st_ino) if found.st_ino else os.path.normcase(path.resolve())
    except (OSError, ValueError):
        # A file that does not exist yet, perhaps in a folder that does.
        return (_identity(path.parent) if path.parent != path else "", os.path.normcase(path.name))


def check_outputs(
    outputs: Iterable[Path], inputs: Iterable[Path] = (), *, overwrite: bool = False
) -> None:
    """Refuse outputs that would destroy something, before any work starts.

    Args:
        outputs: Files that will be written.
        inputs: Files that are read. A path, symbolic link, hard link or other spelling of one
            of them is never written to.
        overwrite: Whether files that exist may be replaced.

    Raises:
        FerError: An output is an input, two outputs are one file, or one exists.
    """
    read = {_identity(path): path for path in inputs}
    seen: dict[Any, Path] = {}
    for path in outputs:
        key = _identity(path)
        if is_stream(path):
            if key in seen:
                raise FerError(f"{printable(path)} is named for two outputs: choose one of them.")
            seen[key] = path
            continue
        if key in read:
            raise FerError(
                f"{printable(path)} is one of the files that are read, and would be destroyed: "
                "choose another name."
            )
        if key in seen:
            raise FerError(
                f"{printable(seen[key])} and {printable(path)} are the same file, named for two "
                "outputs: choose another name for one of them."
            )
        seen[key] = path
        if path.is_dir():
            raise FerError(f"{printable(path)} is a folder: name a file in it.")
        if path.exists() and not overwrite:
            raise FerError(
                f"{printable(path)} exists: choose another name, or add --overwrite to replace it."
            )


def partial_of(path: Path) -> Path:
    """Return the name of a user's file until it is complete: ``NAME.partial`` beside it."""
    return path.with_name(_shortened(path.name, LONGEST_NAME - len(PARTIAL)) + PARTIAL)


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Give a path to write a user's file to, and rename it to ``path`` when all went well.

    The file is called ``NAME.partial`` beside its target until it is complete. A named pipe or
    a character device is written to directly. Call :func:`check_outputs` first.

    Args:
        path: The target; its folder is made.

    Raises:
        FerError: It cannot be written.
    """
    if is_stream(path):
        yield path
        return
    new = partial_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield new
            new.replace(path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise cannot_write(path, error) from error


def write_output(path: Path, content: str | bytes) -> None:
    """Write a file that the user asked for, see :func:`writing`.

    Raises:
        FerError: It cannot be written.
    """
    with writing(path) as new:
        try:
            new.write_bytes(content.encode() if isinstance(content, str) else content)
        except OSError as error:
            raise cannot_write(path, error) from error


#: What a full disk says (Windows has no quota of its own), and what one says that takes nothing.
_FULL: Final = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
_CLOSED: Final = (
    errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENOTDIR, errno.ENAMETOOLONG,
)  # fmt: skip


def is_about_room(error: OSError) -> bool:
    """Return whether an error says that a disk is full or takes nothing."""
    return error.errno in (*_FULL, *_CLOSED)


def cannot_write(path: Path, error: OSError) -> WriteError:
    """Return the error that says that a file cannot be written, and why."""
    if isinstance(error, WriteError):
        return error
    room = " Make room and try again." if error.errno in _FULL else ""
    reason = error.strerror or error
    return WriteError(f"{printable(path)} cannot be written: {reason}.{room}", error)


class ExportFolder:
    """A folder that an export writes, with a list of what it wrote (``.fer-export.json``).

    >>> folder = ExportFolder(Path("annotated"), overwrite=True)  # doctest: +SKIP
    >>> folder.begin(["photo-annotated.png"])  # doctest: +SKIP
    >>> folder.finish()  # doctest: +SKIP
    """

    def __init__(
        self,
        path: Path,
        *,
        overwrite: bool = False,
        resume: bool = False,
        inputs: Iterable[Path] = (),
    ) -> None:
        """Look at the folder and refuse one that the export would damage.

        Args:
            path: The folder; it need not exist.
            overwrite: Replace the files of a former export. A folder that holds anything else
                is refused all the same.
            resume: Go on with an export that was interrupted.
            inputs: Files and folders that are read. The folder must neither be nor contain one.

        Raises:
            FerError: The folder is not empty, and not a former export that may be replaced.
        """
        self.path = path
        self._former: list[str] = []
        self._names: list[str] = []
        for source in inputs:
            if source.exists() and _identity(path) in map(
                _identity, (source.resolve(), *source.resolve().parents)
            ) and path.exists():  # fmt: skip
                raise FerError(
                    f"{printable(path)} holds {printable(source)}, which is read: choose another "
                    "folder."
                )
        if not path.exists():
            return
        if not path.is_dir():
            raise FerError(f"{printable(path)} is a file: name a folder.")
        there = {name.name for name in path.iterdir()}
        if not there:
            return
        self._former, complete = self._read()
        own = {EXPORT_LIST, *(PurePath(name).parts[0] for name in self._former)}
        own |= {name for name in there if name.endswith(PARTIAL)} if self._former else set()
        if EXPORT_LIST not in there or there - own:
            raise FerError(
                f"{printable(path)} is not empty, and holds files that no export wrote: choose a "
                "new or an empty folder."
            )
        if not (overwrite or (resume and not complete)):
            raise FerError(
                f"{printable(path)} holds an earlier export: choose another folder, or add "
                "--overwrite to replace that export."
            )
        if resume and not complete:
            self._former = []

    def _read(self) -> tuple[list[str], bool]:
        try:
            value = json.loads((self.path / EXPORT_LIST).read_text(encoding="utf-8"))
            names = [str(name) for name in value["files"]]
            if any(PurePath(name).is_absolute() or ".." in PurePath(name).parts for name in names):
                return [], True  # not ours: it would lead out of the folder
            return names, bool(value["complete"])
        except (OSError, ValueError, KeyError, TypeError):
            return [], True

    def begin(self, names: Iterable[str]) -> None:
        """Note what will be written, before it is.

        Args:
            names: Paths within the folder.

        Raises:
            FerError: The folder cannot be written.
        """
        self._names = list(names)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._write(sorted({*self._former, *self._names}), complete=False)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def write_all(self, files: Mapping[str, str | bytes]) -> None:
        """Write a whole export: every file, and the list of them.

        Args:
            files: Path within the folder → content.

        Raises:
            FerError: The folder cannot be written.
        """
        self.begin(files)
        for name, content in files.items():
            write_output(self.path / name, content)
        self.finish()

    def finish(self) -> None:
        """Delete what the former export wrote and this one did not, and mark it as complete.

        Raises:
            FerError: The folder cannot be written.
        """
        try:
            for name in {*self._former} - {*self._names}:
                old = self.path / name
                old.unlink(missing_ok=True)
                for folder in list(old.parents)[: len(PurePath(name).parts) - 1]:
                    if folder.is_dir() and not any(folder.iterdir()):
                        folder.rmdir()
            self._write(self._names, complete=True)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def _write(self, names: list[str], *, complete: bool) -> None:
        write_json(self.path / EXPORT_LIST, {"files": names, "complete": complete})
