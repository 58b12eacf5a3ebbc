"""Pictures from outside: bytes or files in, RGB arrays out, whatever the format."""

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from pillow_heif import register_heif_opener

from fer_core.errors import ImageError
from fer_core.resources import models_folder

#: Larger pictures are refused before they are unpacked (a phone's have 12 to 50).
MAX_MEGAPIXELS: Final = 100
#: No detector finds a face in fewer pixels than this.
MIN_SIDE: Final = 24
SUFFIXES: Final = (
    ".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif",
)  # fmt: skip

#: What a picture may be read from: the path or the content of a file, an open file, a PIL
#: image, or an array as :func:`read_image` describes it.
Source = str | Path | bytes | BinaryIO | Image.Image | np.ndarray


def read_image(source: Source) -> np.ndarray:
    """Read a picture as it is meant to be seen.

    EXIF rotation is applied; grey, transparent (on white), CMYK and 16-bit pictures
    become plain RGB; of an animation the first frame is taken.

    Args:
        source: The file's path or its content, a file opened for reading bytes, a PIL image,
            or an array: ``uint8``, ``(H, W, 3)`` RGB, ``(H, W, 4)`` RGBA or ``(H, W)`` grey.

    Returns:
        ``(H, W, 3)`` ``uint8``, RGB.

    Raises:
        ImageError: with one sentence on what is wrong and what to do.

    >>> read_image(Path("portrait.heic")).shape  # doctest: +SKIP
    (4032, 3024, 3)
    """
    if isinstance(source, np.ndarray):
        source = _from_array(source)
    elif not isinstance(source, Image.Image):
        source = read_content(source)
    try:
        if isinstance(source, Image.Image):
            return _upright(source)
        with warnings.catch_warnings():
            # Size is checked here, by a limit of our own.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            # Pillow reads HEIC from here on; registering it again changes nothing.
            register_heif_opener()
            with Image.open(io.BytesIO(source)) as picture:
                return _upright(picture)
    except Image.DecompressionBombError as error:
        raise ImageError(_too_large()) from error
    except UnidentifiedImageError as error:
        raise ImageError(
            "This is not a picture that can be read: use JPEG, PNG, WebP, GIF or HEIC."
        ) from error
    except ImageError:
        raise
    except Exception as error:  # decoders raise whatever they like on damaged files
        raise ImageError(
            "The picture is damaged or cut off: copy it again from where it came."
        ) from error


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
    """The given files, and the pictures in the given folders and below, in order."""
    for path in paths:
        if path.is_dir():
            yield from sorted(
                p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()
            )
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
    _check_size(array.shape[1], array.shape[0])
    return Image.fromarray(array)


def _upright(picture: Image.Image) -> np.ndarray:
    _check_size(*picture.size)
    return _to_rgb(ImageOps.exif_transpose(picture))


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        raise ImageError(_too_large(width, height))
    if min(width, height) < MIN_SIDE:
        raise ImageError(
            f"The picture has only {width}×{height} pixels: a face needs {MIN_SIDE} or more."
        )


def _too_large(width: int | None = None, height: int | None = None) -> str:
    size = f" unpacks to {width}×{height} pixels, which" if width else ""
    return (
        f"The picture{size} is more than {MAX_MEGAPIXELS} megapixels: "
        "save a smaller copy and use that."
    )


def _to_rgb(picture: Image.Image) -> np.ndarray:
    if picture.mode.startswith("I") or picture.mode == "F":
        # 16-bit grey, which Pillow would clip instead of scale.
        grey = np.asarray(picture).astype(np.float32)
        top = 65535.0 if grey.max() > 255 else 255.0
        grey8 = np.clip(grey / top * 255, 0, 255).round().astype(np.uint8)
        return np.repeat(grey8[..., None], 3, axis=2)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return np.array(picture.convert("RGB"))
