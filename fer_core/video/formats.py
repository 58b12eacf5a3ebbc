"""Which files are videos, and how FFmpeg is told to open them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fer_core.files import walk_files

#: Endings of files that may hold a video.
SUFFIXES: Final = (
    ".mp4", ".m4v", ".webm", ".mov", ".qt", ".mkv", ".avi", ".divx", ".gif", ".ts", ".mts",
    ".m2ts", ".m2t", ".mpg", ".mpeg", ".m2v", ".vob", ".wmv", ".asf", ".3gp", ".3g2", ".flv",
    ".f4v", ".ogv", ".mxf", ".dv", ".rm", ".rmvb", ".wtv",
)  # fmt: skip
#: Endings that TypeScript has too, with the places of the first byte of an MPEG-TS packet.
_TRANSPORT: Final = {".ts": (0,), ".mts": (0, 4)}


def url_of(path: Path) -> str:
    """Return the name under which FFmpeg opens a file, whatever characters its name has.

    FFmpeg would take ``a:b.mp4`` for an address and ``-`` for standard input.
    """
    return f"file:{path.absolute()}"


def is_video(path: Path) -> bool:
    """Return whether a file may be a video, by its ending.

    ``.ts`` and ``.mts`` are TypeScript too, so these files must begin as MPEG-TS does.
    """
    suffix = path.suffix.lower()
    if suffix not in _TRANSPORT:
        return suffix in SUFFIXES
    try:
        with path.open("rb") as file:
            begins = file.read(5)
    except OSError:
        return False
    return any(begins[place : place + 1] == b"G" for place in _TRANSPORT[suffix])


def walk_videos(paths: list[Path]) -> Iterator[Path]:
    """Yield the given files, and the videos in the given folders and below, in order."""
    for path in paths:
        if path.is_dir():
            yield from walk_files(path, is_video)
        else:
            yield path
