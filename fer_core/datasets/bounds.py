"""What a dataset's file may be and how much of it is read, for the readers of all formats.

:func:`existing` refuses paths that never end, :func:`open_table` unpacks a CSV while it is read
and stops where a line or the whole grows beyond its bound: a packed file of some kilobytes may
unpack to more than any memory holds. :func:`open_list` does so with lists of pictures.
"""

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, cast

from fer_core.errors import DatasetError
from fer_core.files import printable
from fer_core.settings import settings

#: Bytes of the longest line. A face is a tenth of it, written in whatever numbers.
LONGEST_LINE: Final = 1_000_000
#: Bytes to which a file may unpack, and as a multiple of its packed size where it was uploaded.
MOST_BYTES: Final = 16_000_000_000
MOST_TIMES: Final = 200
#: Bytes of memory in which an .xz must unpack (the strongest preset needs 65 million).
_XZ_MEMORY: Final = 256_000_000
#: Bytes that nothing in an archive but its files has: a header that says more is an attack.
_LARGEST_HEADER: Final = 10_000_000

#: Bytes of a list of pictures; AffectNet's has 60 million.
_LARGEST_LIST: Final = 500_000_000

#: What readers of damaged files raise.
UNREADABLE: Final = (
    OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError,
)  # fmt: skip


def existing(source: str | Path) -> Path:
    """Return the path of a file or folder that is there and that can be read to its end.

    Args:
        source: As a user gives it; ``~`` stands for the home folder.

    Raises:
        DatasetError: There is none, or it is a pipe, a device or the like.
    """
    shown = printable(source).replace("\0", "\\0")[:200]
    try:
        path = Path(source).expanduser()
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        dangling = Path(source).expanduser().is_symlink()
        reason = "it is a link to a file that is not there" if dangling else error.strerror
        raise DatasetError(f"{shown}: {reason}. Check the path.") from error
    except OSError as error:
        raise DatasetError(f"{shown}: {error.strerror}. Check the path.") from error
    except RuntimeError as error:  # ~nobody
        raise DatasetError(
            f"{shown}: there is no such user on this machine. Give the whole path."
        ) from error
    except ValueError as error:  # a NUL byte
        raise DatasetError(f"{shown} is no path. Check it.") from error
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise DatasetError(
            f"{shown} is neither a file nor a folder, but a pipe or a device, which may never "
            "end: give a file."
        )
    return path


class Table:
    """A file of lines, unpacked while it is read, which ends where its bounds are exceeded."""

    def __init__(self, file: IO[bytes], name: str, most: float) -> None:
        """Read a file.

        Args:
            file: Opened for reading bytes.
            name: What to call it.
            most: Bytes that it may have.
        """
        self._file, self._name, self._most, self._count = file, name, most, 0

    def readline(self) -> bytes:
        """Return the next line; empty at the end.

        Raises:
            DatasetError: The line or the file is too long.
        """
        line = self._file.readline(LONGEST_LINE + 1)
        if len(line) > LONGEST_LINE:
            raise DatasetError(
                f"{self._name} has a line of more than {LONGEST_LINE // 1_000_000} MB: it is no "
                "list of faces. Check the file."
            )
        return self._counted(line)

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, as a reader of CSV files asks for them."""
        return self._counted(self._file.read(LONGEST_LINE if size < 0 else size))

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines."""
        return iter(self.readline, b"")

    def __next__(self) -> bytes:
        """Return the next line."""
        if line := self.readline():
            return line
        raise StopIteration

    def _counted(self, content: bytes) -> bytes:
        self._count += len(content)
        if self._count > self._most:
            raise too_large(self._name, self._most)
        return content


@contextmanager
def open_table(
    path: Path, choose: Callable[[list[str]], str], most: float | None = None
) -> Iterator[tuple[Table, BinaryIO]]:
    """Open the CSV inside a file: plain, ``.gz``, ``.xz``, ``.bz2``, ``.zip``, or in a tar.

    Args:
        path: The file.
        choose: Returns which of several CSV files of an archive is meant, by its name.
        most: Bytes to which it may unpack, if there is a tighter bound than the usual one.

    Yields:
        The CSV, and the packed file, whose position says how much of it was read.

    Raises:
        DatasetError: It is encrypted, packed in an unknown way, or leads too far.
    """
    most = min(most or MOST_BYTES, most_bytes(path))
    with ExitStack() as stack:
        packed = stack.enter_context(path.open("rb"))
        if path.name.lower().endswith(".zip") or zipfile.is_zipfile(path):
            file = stack.enter_context(_of_zip(packed, path, choose))
        else:
            unpacked = _unpacked(packed, path.suffix.lower())
            if unpacked is not packed:
                stack.enter_context(unpacked)
            file = _of_tar(unpacked, path, choose, most) or unpacked
        yield Table(file, path.name, most), packed


@contextmanager
def open_list(path: Path, errors: str = "strict") -> Iterator[Iterator[str]]:
    """Open a list of pictures, a text file in UTF-8, whose lines and size are bounded.

    Args:
        path: The file.
        errors: What to do about bytes that are no UTF-8, see :meth:`bytes.decode`.

    Yields:
        Its lines with their ends, without a byte-order mark.

    Raises:
        DatasetError: A line or the file is too long.
    """
    with path.open("rb") as file:
        table = Table(file, path.name, min(_LARGEST_LIST, most_bytes(path)))
        first = table.readline().decode("utf-8-sig", errors)
        yield chain([first] if first else [], (line.decode("utf-8", errors) for line in table))


def most_bytes(path: Path) -> float:
    """Return to how many bytes a file may unpack."""
    if path.resolve().is_relative_to(settings().saved_files.resolve()):
        return min(MOST_BYTES, MOST_TIMES * path.stat().st_size)
    return MOST_BYTES


def too_large(name: str, most: float) -> DatasetError:
    """Return the error of a file that unpacks to more than it may."""
    size = f"{most / 1e9:.0f} GB" if most >= 1e9 else f"{most / 1e6:.1f} MB"
    return DatasetError(
        f"{name} unpacks to more than {size}: unpack it yourself and give the file inside."
    )


def _unpacked(packed: BinaryIO, suffix: str) -> IO[bytes]:
    openers: dict[str, Callable[..., Any]] = {
        ".gz": gzip.open, ".tgz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open,
    }  # fmt: skip
    if suffix == ".xz":
        # The file itself says how much memory it wants.
        lzma.LZMADecompressor(memlimit=_XZ_MEMORY).decompress(packed.read(4096), max_length=1)
        packed.seek(0)
    return openers[suffix](packed, "rb") if suffix in openers else packed


def _of_zip(packed: BinaryIO, path: Path, choose: Callable[[list[str]], str]) -> IO[bytes]:
    archive = zipfile.ZipFile(packed)
    names = [one.filename for one in archive.infolist() if not one.is_dir()]
    member = choose([name for name in names if name.lower().endswith(".csv")])
    try:
        return archive.open(member)
    except NotImplementedError as error:
        raise DatasetError(
            f"{path.name} is packed in a way that is unknown here: pack it again as a usual ZIP."
        ) from error
    except RuntimeError as error:
        raise DatasetError(
            f"{path.name} is encrypted: unpack it with its password and give the file inside."
        ) from error


def _of_tar(
    file: IO[bytes], path: Path, choose: Callable[[list[str]], str], most: float
) -> IO[bytes] | None:
    """Return the CSV in a tar; ``None``, with the file at its start, where it is none."""
    try:
        tar = tarfile.TarFile(fileobj=cast(Any, _Careful(file, path.name)))
    except tarfile.ReadError:
        file.seek(0)
        return None
    found: dict[str, tarfile.TarInfo] = {}
    for member in tar:
        if member.offset_data + member.size > most:
            raise too_large(path.name, most)
        # Folders, links and devices are no data, whatever they are called.
        if member.isfile() and member.name.lower().endswith(".csv"):
            found[member.name] = member
    content = tar.extractfile(found[choose(list(found))])
    assert content is not None  # it is a file
    return content


class _Careful:
    """A file for :mod:`tarfile`, which would read a header of any length into memory."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file, self._name = file, name

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LARGEST_HEADER:
            raise DatasetError(f"{self._name} is a damaged archive: pack it again.")
        return self._file.read(size)

    def seek(self, place: int, whence: int = 0) -> int:
        return self._file.seek(place, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True
