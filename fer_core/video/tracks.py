"""The video tracks of an open file, and the one that is read."""

from typing import Any, Final

from av.container import InputContainer
from av.stream import Disposition

from fer_core.errors import VideoError

#: Larger frames are refused before they are unpacked (8K has 33 megapixels).
MAX_MEGAPIXELS: Final = 40
#: No detector finds a face in fewer pixels than this.
MIN_SIDE: Final = 24


def video_tracks(container: InputContainer) -> list[Any]:
    """Return the video tracks without pictures of a cover."""
    return [track for track in container.streams.video if not _is_cover(track)]


def choose_track(container: InputContainer, number: int | None) -> Any:
    """Return a video track that can be decoded.

    Args:
        container: An open file.
        number: Number of the track, counted from 1. Defaults to the track that a player would
            show.

    Raises:
        VideoError: There is no such track, or its codec or its size is none that can be read.
    """
    tracks = video_tracks(container)
    if not tracks:
        raise VideoError("The file has no video track: choose one with pictures in it.")
    if number is None:
        stream = max(tracks, key=_preference)
    elif 1 <= number <= len(tracks):
        stream = tracks[number - 1]
    else:
        has = "1 video track" if len(tracks) == 1 else f"{len(tracks)} video tracks"
        raise VideoError(f"The file has {has}: there is no track {number}.")
    if stream.codec_context is None:
        raise VideoError(
            "The video's codec is unknown here: convert it to H.264 in MP4 and try again."
        )
    _check_size(stream.width, stream.height)
    stream.thread_type = "AUTO"
    # Frames may grow within a track; those that are too large are not unpacked either.
    stream.codec_context.options = {"max_pixels": str(int(1.1e6 * MAX_MEGAPIXELS))}
    return stream


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_MEGAPIXELS * 1e6:
        raise VideoError(
            f"Its frames have {width}×{height} pixels, more than {MAX_MEGAPIXELS} megapixels: "
            "reduce the video and try again."
        )
    if width and height and min(width, height) < MIN_SIDE:
        raise VideoError(
            f"Its frames have {width}×{height} pixels, too few to show a face: "
            "choose a larger version."
        )


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _preference(stream: Any) -> tuple[bool, bool, int, int, int]:
    """Return what orders tracks as a player does: the default one, then the largest."""
    codec = stream.codec_context
    pixels = codec.width * codec.height if codec else 0
    default = bool(stream.disposition & Disposition.default)
    return codec is not None, default, pixels, stream.frames, -stream.index
