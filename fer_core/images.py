"""Pictures from outside: bytes or files in, RGB arrays out, whatever the format.

Decoding one takes at most ``FER_PICTURE_MB`` of memory. A picture is converted in strips of a
few rows, a large one is reduced on the way, and of large ones one is decoded at a time.
"""

import io
import re
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin, UnidentifiedImageError
from pillow_heif import register_heif_opener

from fer_core.errors import ImageError
from fer_core.files import walk_files
from fer_core.resources import models_folder
from fer_core.settings import settings

#: Pixels of the largest array that is made of a picture (a phone's have 12 to 50 million).
_MOST_PIXELS: Final = 51_000_000
#: Pixels that OpenCV takes along one side.
_LONGEST_SIDE: Final = 32_000
#: Decoding that takes more bytes waits for its turn.
_LARGE: Final = 100_000_000
#: Rows that are converted at a time.
_STRIP: Final = 256
#: Bytes that a pixel takes in Pillow, by its mode; others take four.
_MODES: Final = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}
#: Bytes that a decoder takes besides for a pixel: a copy of its own, or wider numbers.
_DECODERS: Final = {"WEBP": 4, "HEIF": 6, "AVIF": 6, "JPEG2000": 12}
#: No detector finds a face in fewer pixels than this.
MIN_SIDE: Final = 24
#: What a file may be, whatever it is called, by Pillow's names. Others, such as PostScript,
#: would start programs or are no pictures of people.
_FORMATS: Final = (
    "AVIF", "BMP", "DIB", "GIF", "HEIF", "ICNS", "ICO", "JPEG", "JPEG2000", "PCX", "PNG",
    "PPM", "PSD", "QOI", "SGI", "TGA", "TIFF", "WEBP",
)  # fmt: skip
#: Endings by which pictures are found in folders and offered for upload. A file that is given
#: by name is tried whatever its ending.
SUFFIXES: Final = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp",
    ".dib", ".tif", ".tiff", ".heic", ".heics", ".heif", ".heifs", ".hif", ".avif", ".avifs",
    ".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c", ".pbm", ".pgm", ".ppm", ".pnm", ".pfm",
    ".tga", ".qoi", ".psd", ".sgi", ".pcx", ".ico", ".icns",
)  # fmt: skip
#: Orientations of EXIF that turn a picture by a quarter.
_TRANSPOSED: Final = (5, 6, 7, 8)
_turn = threading.Lock()
_SAVE_AS: Final = "use JPEG, PNG, WebP, GIF, TIFF or HEIC"

#: What a picture may be read from: the path or the content of a file, an open file, a PIL
#: image, or an array as :func:`read_image` describes it.
Source = str | Path | bytes | BinaryIO | Image.Image | np.ndarray


class Picture(NamedTuple):
    """A picture and what may have been misread in it.

    Attributes:
        image: ``(H, W, 3)`` ``uint8``, RGB, upright; of a very large picture a reduced copy.
        problems: Sentences for the user; empty for a usual picture.
        size: Width and height of the original, upright, in pixels.
    """

    image: np.ndarray
    problems: tuple[str, ...]
    size: tuple[int, int]


def read_image(source: Source) -> np.ndarray:
    """Read a picture as it is meant to be seen; see :func:`read_picture`.

    Returns:
        ``(H, W, 3)`` ``uint8``, RGB; of a picture of more than 50 megapixels a reduced copy.

    >>> read_image(Path("portrait.heic")).shape  # doctest: +SKIP
    (4032, 3024, 3)
    """
    return read_picture(source).image


def read_picture(source: Source) -> Picture:
    """Read a picture as it is meant to be seen, and say what may have been misread.

    EXIF rotation is applied. Grey, transparent (on white) and CMYK pictures become plain RGB.
    Of several pages or frames the first is read. Pictures with more than 8 bits are scaled by
    the largest value that the file states: PNG ``sBIT``, TIFF ``MaxSampleValue`` or the bits of
    a sample, the maximum of a PGM. Where it states none, the smallest and the largest value
    become black and white. What is larger than 50 megapixels, or would take more than
    ``FER_PICTURE_MB`` otherwise, is reduced to a half, a quarter or an eighth.

    Args:
        source: The file's path or its content, a file opened for reading bytes, a PIL image,
            or an array: ``uint8``, ``(H, W, 3)`` RGB, ``(H, W, 4)`` RGBA or ``(H, W)`` grey.

    Raises:
        ImageError: One sentence on what is wrong and what to do.
    """
    if isinstance(source, np.ndarray):
        source = _from_array(source)
    elif not isinstance(source, Image.Image):
        source = read_content(source)
    try:
        if isinstance(source, Image.Image):
            return _upright(source, b"")
        with _opened(source) as picture:
            return _upright(picture, source)
    except Image.DecompressionBombError as error:
        # Pillow's own limit stands above ours, and it names the size in pixels.
        pixels = int((re.search(r"\((\d+) pixels\)", str(error)) or ["", "0"])[1])
        raise ImageError(_too_large(f"{pixels / 1e6:.0f} megapixels", pixels)) from error
    except UnidentifiedImageError as error:
        if (tiff := _tiff_that_pillow_lacks(source)) is not None:
            return tiff
        raise ImageError(f"This is not a picture that can be read: {_SAVE_AS}.") from error
    except ImageError:
        raise
    except Exception as error:  # decoders raise whatever they like on damaged files
        raise ImageError(
            "The picture is damaged or cut off: copy it again from where it came."
        ) from error


def count_pixels(content: bytes) -> int | None:
    """Return how many pixels a picture has, without decoding it; ``None`` if nobody knows."""
    with suppress(Exception), _opened(content) as picture:  # whatever damaged files raise
        return picture.width * picture.height
    return None


@contextmanager
def _opened(content: bytes) -> Iterator[Image.Image]:
    with warnings.catch_warnings():
        # Size is checked here, by a limit of our own.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        # Pillow reads HEIC from here on; registering it again changes nothing.
        register_heif_opener()
        with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
            yield picture


def read_content(source: str | Path | bytes | BinaryIO) -> bytes:
    """Return the bytes of a file.

    Args:
        source: Its path, its content, or the file opened for reading bytes.

    Raises:
        ImageError: It cannot be read, it is empty, or ``source`` is nothing of the kind.
    """
    try:
        if isinstance(source, str | Path):
            source = Path(source).read_bytes()
        elif hasattr(source, "read"):
            source = source.read()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"It cannot be opened: {reason}.") from error
    if isinstance(source, str):
        raise ImageError("The file is open as text: open it with mode 'rb'.")
    if not isinstance(source, bytes | bytearray | memoryview):
        raise ImageError(
            f"This is no picture but a value of the type {type(source).__name__}: give a path, "
            "bytes, an open file, a PIL image or an array."
        )
    if not len(source):
        raise ImageError("The file is empty: choose another picture.")
    return bytes(source)


def walk_images(paths: list[Path]) -> Iterator[Path]:
    """Yield the given files, and the pictures in the given folders and below, in order.

    A file is yielded whatever its ending; see :func:`fer_core.files.walk_files` for folders.
    """
    for path in paths:
        if path.is_dir():
            yield from walk_files(path, lambda p: p.suffix.lower() in SUFFIXES)
        else:
            yield path


def example_portrait() -> np.ndarray:
    """Return a free portrait to try things on: NASA's picture of the astronaut Eileen Collins.

    Returns:
        ``(512, 512, 3)`` ``uint8``, RGB.
    """
    return read_image(models_folder() / "examples" / "astronaut.png")


def _from_array(array: np.ndarray) -> Image.Image:
    grey = array.ndim == 2
    if array.dtype != np.uint8 or not (grey or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise ImageError(
            f"The array has the shape {array.shape} and the type {array.dtype}: give uint8 of the "
            "shape (H, W, 3) for RGB, (H, W, 4) for RGBA, or (H, W) for grey."
        )
    return Image.fromarray(array)


def _upright(picture: Image.Image, content: bytes) -> Picture:
    width, height = picture.size
    is_deep = _is_deep(picture, content)
    # The decoder of a picture that somebody else opened is left as it is.
    may_reduce = bool(content) and not is_deep
    times, need = _plan(picture, is_deep, may_reduce)
    orientation = _orientation(picture.getexif().get(ExifTags.Base.Orientation))
    size = (height, width) if orientation in _TRANSPOSED else (width, height)
    problems = _notes_on_pages(picture)
    with _turn if need > _LARGE else nullcontext():
        if is_deep and (deep := _deep_samples(picture, content)) is not None:
            rgb, note = _scaled(deep, times, orientation)
            return Picture(rgb, (*problems, note), size)
        if times > 1 and may_reduce:
            _decode_reduced(picture, times)
        picture.load()
        # What the decoder did not reduce is reduced strip by strip.
        times = max(1, times * picture.width // width)
        rgb = _in_strips(
            picture.size,
            times,
            orientation,
            lambda top, end: _to_rgb(picture.crop((0, top, picture.width, end))),
        )
    return Picture(rgb, tuple(problems), size)


def _plan(picture: Image.Image, is_deep: bool, may_reduce: bool) -> tuple[int, float]:
    """Return how many times a picture is reduced, and the bytes that decoding it takes.

    Args:
        picture: Opened, not decoded.
        is_deep: Whether it has more than 8 bits a channel.
        may_reduce: Whether its decoder may be told to reduce it.

    Raises:
        ImageError: It is too small, or would take too much however it is reduced.
    """
    width, height = picture.size
    if min(width, height) < MIN_SIDE:
        raise ImageError(
            f"The picture has only {width}×{height} pixels: a face needs {MIN_SIDE} or more."
        )
    most, pixels, need = settings().picture_mb * 1e6, width * height, 0.0
    for times in (1, 2, 4, 8):
        if min(width, height) / times < MIN_SIDE and times > 1:
            break
        reduced = pixels / times**2
        need = 3 * reduced + _decoded_bytes(picture, is_deep, times if may_reduce else 1)
        if need <= most and reduced <= _MOST_PIXELS and max(width, height) / times <= _LONGEST_SIDE:
            return times, need
    if need <= most:
        raise ImageError(
            f"The picture has {width}×{height} pixels: neither side may have more than "
            f"{_LONGEST_SIDE:,}. Cut it into parts."
        )
    raise ImageError(_too_large(f"{width}×{height} pixels", pixels, need))


def _decoded_bytes(picture: Image.Image, is_deep: bool, times: int) -> float:
    """Return the bytes that a decoder takes for a picture, reduced where it can do that itself."""
    pixels, besides = picture.width * picture.height, _DECODERS.get(picture.format or "", 0)
    if is_deep:
        return pixels * (8.0 + besides)  # four samples of two bytes
    per_pixel = _MODES.get(picture.mode, 4) + besides
    if picture.format in ("JPEG", "MPO"):
        # A progressive file is gathered in full size before it is reduced.
        gathered = 6 if picture.info.get("progressive") else 0
        return pixels * (per_pixel / times**2 + gathered)
    return pixels * per_pixel / (times**2 if picture.format == "JPEG2000" else 1)


def _decode_reduced(picture: Image.Image, times: int) -> None:
    """Let the decoder reduce the picture, where its format can be decoded so."""
    if picture.format in ("JPEG", "MPO"):
        picture.draft(picture.mode, (picture.width // times, picture.height // times))
    elif picture.format == "JPEG2000":
        picture.reduce = times.bit_length() - 1  # type: ignore[method-assign, assignment]


def _orientation(found: object) -> int:
    """Return the orientation of EXIF, 1 to 8; 1 for whatever else a file says."""
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _in_strips(
    size: tuple[int, int],
    times: int,
    orientation: int,
    strip: Callable[[int, int], np.ndarray],
) -> np.ndarray:
    """Put a picture together from strips, so that no second copy of it is in memory.

    Args:
        size: Width and height in pixels, as stored.
        times: How often it is to be reduced.
        orientation: That of EXIF, 1 to 8.
        strip: Returns rows from the first number to the second as ``(N, W, 3)`` RGB.

    Returns:
        ``(H, W, 3)`` ``uint8``, upright.
    """
    width, height = size
    shape = -(-height // times), -(-width // times)
    turned = orientation in _TRANSPOSED
    upright = np.empty((*(shape[::-1] if turned else shape), 3), np.uint8)
    # A view of the result that lies as the picture is stored.
    stored = upright.transpose(1, 0, 2) if turned else upright
    if orientation in (3, 4, 6, 7):
        stored = stored[::-1]
    if orientation in (2, 3, 7, 8):
        stored = stored[:, ::-1]
    for top in range(0, height, _STRIP):
        rows = strip(top, min(height, top + _STRIP))
        if times > 1:
            rows = np.asarray(Image.fromarray(rows).reduce(times))
        stored[top // times : top // times + len(rows)] = rows
    return upright


def _notes_on_pages(picture: Image.Image) -> list[str]:
    number = getattr(picture, "n_frames", 1)
    # A phone's MPO holds previews and depth beside the picture, which is the first.
    if number <= 1 or picture.format == "MPO":
        return []
    what = "pages" if picture.format in ("TIFF", "PSD") else "frames"
    return [f"The file holds {number} {what}: the first was read."]


class _Deep(NamedTuple):
    """Samples of more than 8 bits.

    Attributes:
        samples: ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` with alpha; integers or floats.
        low: The value that is black, if the file states one.
        high: The value that is white, likewise.
        stated: What states them.
    """

    samples: np.ndarray
    low: float | None = None
    high: float | None = None
    stated: str = ""


def _is_deep(picture: Image.Image, content: bytes) -> bool:
    """Return whether a picture may have more than 8 bits a channel."""
    if picture.format == "PNG" and content:
        return content[24:25] == b"\x10"  # bits per sample
    if picture.format == "TIFF" and content:
        return int(np.max(np.atleast_1d(getattr(picture, "tag_v2", {}).get(258, 1)))) > 8
    return picture.mode == "F" or picture.mode.startswith("I")


def _deep_samples(picture: Image.Image, content: bytes) -> _Deep | None:
    """Return the samples of a picture with more than 8 bits a channel, else ``None``."""
    if picture.format == "PNG" and content:
        bits = _significant_bits(content)
        samples = _stored(picture, content)
        if bits and 8 < bits < 16:
            # The standard puts them into the upper bits; some programs use the lower ones.
            top = 2**bits - 1
            colour = samples[..., :3] if samples.ndim == 3 else samples
            high = top if colour.max(initial=0) <= top else top << (16 - bits)
            return _Deep(samples, 0, high, f"the {bits} significant bits that the file states")
        if bits == 16:
            return _Deep(samples, 0, 65535, "the 16 significant bits that the file states")
        return _Deep(samples)
    if picture.format == "TIFF" and content:
        return _deep_tiff(picture, content)
    if picture.mode == "F" or picture.mode.startswith("I"):
        samples = np.asarray(picture)
        states = picture.format == "PPM" or (
            picture.format == "JPEG2000" and _bits_of_jpeg2000(content) < 16
        )
        if states and picture.mode != "F":
            # Pillow has brought the file's own maximum to that of 16 bits.
            return _Deep(samples, 0, 65535, "the largest value that the file states")
        return _Deep(samples)
    return None


def _bits_of_jpeg2000(content: bytes) -> int:
    """Return bits of the first component, from the marker SIZ."""
    at = content.find(b"\xff\x4f\xff\x51")
    return (content[at + 42] & 0x7F) + 1 if 0 <= at < len(content) - 42 else 16


def _tiff_that_pillow_lacks(content: bytes | Image.Image) -> Picture | None:
    """Return a TIFF of colours in floating-point numbers, which OpenCV reads; else ``None``."""
    if not isinstance(content, bytes) or content[:4] not in (b"II*\0", b"MM\0*"):
        return None
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(content[:8])
        file = io.BytesIO(content)
        file.seek(tags.next)
        tags.load(file)
        size, orientation = (int(tags[256]), int(tags[257])), _orientation(tags.get(274))
        if (need := size[0] * size[1] * 15) > settings().picture_mb * 1e6:
            raise ImageError(_too_large(f"{size[0]}×{size[1]} pixels", size[0] * size[1], need))
        with _turn if need > _LARGE else nullcontext():
            rgb, note = _scaled(_Deep(_stored(None, content)), 1, orientation)
    except ImageError:
        raise
    except Exception:  # as damaged as a file can be
        return None
    return Picture(rgb, (note,), size[::-1] if orientation in _TRANSPOSED else size)


def _deep_tiff(picture: Image.Image, content: bytes) -> _Deep | None:
    tags = getattr(picture, "tag_v2", {})
    bits = max(np.atleast_1d(tags.get(258, 1)).tolist())
    if bits <= 8:
        return None
    samples = _stored(picture, content)
    form = int(np.atleast_1d(tags.get(339, 1))[0])  # 1 unsigned, 2 signed, 3 float
    if form == 2 and samples.dtype.kind == "u":
        samples = samples.view(samples.dtype.str.replace("u", "i"))
    high, low = tags.get(281), tags.get(280)
    if high is not None:
        most = float(np.max(np.atleast_1d(high)))
        least = float(np.min(np.atleast_1d(low))) if low is not None else 0.0
        if most > least and np.nanmax(samples) <= most:
            return _Deep(samples, least, most, "the largest value that the file states")
    if form == 1 and bits in (9, 10, 11, 12, 13, 14, 15):
        return _Deep(samples, 0, 2**bits - 1, f"the {bits} bits that the file states")
    return _Deep(samples)


def _stored(picture: Image.Image | None, content: bytes) -> np.ndarray:
    """Return the samples as they are stored; Pillow keeps only grey ones."""
    if picture is not None and (picture.mode == "F" or picture.mode.startswith("I")):
        return np.asarray(picture)
    # Whoever has no such picture does not wait for OpenCV.
    import cv2

    found = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None or found.ndim != 3 or found.shape[2] not in (3, 4) or found.dtype == np.uint8:
        raise ImageError(
            "Its colours have more than 8 bits, in a layout that cannot be read: save it with "
            "8 bits a channel."
        )
    # A view, of RGB and then alpha: a copy would take as much again.
    return found[..., ::-1] if found.shape[2] == 3 else found


def _significant_bits(content: bytes) -> int | None:
    """Return the largest number in the chunk ``sBIT`` of a PNG, for colour or grey."""
    at = 8
    while at + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        if kind == b"IDAT":
            return None
        if kind == b"sBIT" and 1 <= length <= 4:
            bits = content[at + 8 : at + 8 + length]
            return max(bits[:3] if length > 2 else bits[:1], default=None)
        at += length + 12
    return None


def _scaled(deep: _Deep, times: int, orientation: int) -> tuple[np.ndarray, str]:
    """Return deep samples as ``(H, W, 3)`` ``uint8`` RGB, upright, and what was done."""
    height, width = deep.samples.shape[:2]
    kind = deep.samples.dtype
    full = np.iinfo(kind).max if kind.kind in "iu" else 1.0

    def colours(top: int, end: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return rows as floating-point numbers, and their alpha."""
        rows = deep.samples[top:end].astype(np.float64)
        if rows.ndim == 2 or rows.shape[2] == 3:
            return rows, None
        return rows[..., 2::-1], np.clip(rows[..., 3:] / full, 0, 1)

    low, high, stated = deep.low, deep.high, deep.stated
    ends = [_ends(colours(top, top + _STRIP)[0]) for top in range(0, height, _STRIP)]
    least, most = min(end[0] for end in ends), max(end[1] for end in ends)
    if not least <= most:
        raise ImageError("The picture holds no numbers that could be shown: save it again.")
    if low is None or high is None:
        low, high = least, most
        stated = f"its smallest and largest value ({low:g} and {high:g}), as the file states none"

    def strip(top: int, end: int) -> np.ndarray:
        rows, alpha = colours(top, end)
        rows = np.where(np.isfinite(rows), rows, low)
        eight = np.clip((rows - low) / ((high - low) or 1) * 255, 0, 255)
        if alpha is not None:
            eight = eight * alpha + 255 * (1 - alpha)
        eight = eight.round().astype(np.uint8)
        return eight if eight.ndim == 3 else np.repeat(eight[..., None], 3, axis=2)

    rgb = _in_strips((width, height), times, orientation, strip)
    what = "floating-point samples" if kind.kind == "f" else "more than 8 bits"
    return rgb, f"The picture has {what}: its brightness was scaled by {stated}."


def _ends(samples: np.ndarray) -> tuple[float, float]:
    """Return the smallest and the largest of the finite numbers."""
    finite = samples[np.isfinite(samples)]
    return (float(finite.min()), float(finite.max())) if finite.size else (np.inf, -np.inf)


def _too_large(what: str, pixels: int, need: float | None = None) -> str:
    needed = (need or pixels) / 1e6
    return (
        f"The picture unpacks to {what} and would take {needed:,.0f} MB of memory; one picture may "
        f"take {settings().picture_mb:g} MB. Save a smaller copy and use that."
    )


def _to_rgb(picture: Image.Image) -> np.ndarray:
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    try:
        return np.array(picture.convert("RGB"))
    except ValueError as error:
        raise ImageError(
            f"Its colours are stored as {picture.mode}, which cannot be read: save it as RGB."
        ) from error
