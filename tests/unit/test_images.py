"""Pictures from outside: everything that should work does, everything else says why."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_core.errors import ImageError
from fer_core.images import read_image, walk_images


def encode(picture: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def ramp() -> Image.Image:
    """Dark on the left, bright on the right, 96×64."""
    row = np.linspace(0, 255, 96).astype(np.uint8)
    return Image.fromarray(np.tile(row, (64, 1))).convert("RGB")


def looks_like_ramp(image: np.ndarray) -> bool:
    assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
    return bool(image[:, :8].mean() < 40 < 215 < image[:, -8:].mean())


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("JPEG", "RGB"),
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("PNG", "L"),
        ("PNG", "LA"),
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("WEBP", "RGB"),
        ("TIFF", "RGB"),
        ("HEIF", "RGB"),
    ],
)
def test_formats_become_plain_rgb(ramp: Image.Image, kind: str, mode: str) -> None:
    image = read_image(encode(ramp.convert(mode), kind))
    assert image.shape == (64, 96, 3)
    assert looks_like_ramp(image)


def test_16_bit_is_scaled_not_clipped() -> None:
    deep = np.tile(np.linspace(0, 65535, 96).astype(np.uint16), (64, 1))
    image = read_image(encode(Image.fromarray(deep), "PNG"))
    assert looks_like_ramp(image)
    assert 100 < image[:, 48].mean() < 155


def test_transparent_parts_become_white() -> None:
    clear = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    assert read_image(encode(clear, "PNG")).min() == 255


def test_exif_rotation_is_applied(ramp: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn clockwise to see it right
    image = read_image(encode(ramp, "JPEG", exif=exif.tobytes()))
    assert image.shape == (96, 64, 3)
    assert image[:8].mean() < 40 < 215 < image[-8:].mean()


def test_animation_gives_its_first_frame(ramp: Image.Image) -> None:
    black = Image.new("RGB", ramp.size)
    image = read_image(encode(ramp, "GIF", save_all=True, append_images=[black, black]))
    assert looks_like_ramp(image)


def test_fifty_megapixels_are_read() -> None:
    large = Image.new("RGB", (8660, 5774), (10, 200, 30))
    assert read_image(encode(large, "JPEG", quality=30)).shape == (5774, 8660, 3)


def bomb() -> bytes:
    """A small PNG that would unpack to 20,000×20,000."""
    return encode(Image.new("1", (20_000, 20_000)), "PNG")


def truncated() -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    whole = encode(Image.fromarray(noise), "JPEG")
    return whole[: len(whole) // 2]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"just some words, renamed .jpg", "not a picture"),
        (truncated(), "damaged or cut off"),
        (bomb(), "more than 100 megapixels"),
        (encode(Image.new("RGB", (1, 1)), "PNG"), "only 1×1 pixels"),
    ],
    ids=["empty", "text", "truncated", "bomb", "tiny"],
)
def test_bad_pictures_get_one_sentence(content: bytes, says: str) -> None:
    with pytest.raises(ImageError, match=says) as caught:
        read_image(content)
    assert "\n" not in str(caught.value)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    import tracemalloc

    content = bomb()
    tracemalloc.start()
    with pytest.raises(ImageError):
        read_image(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000  # unpacked it would be 400 MB


def test_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="No such file"):
        read_image(tmp_path / "nothing.png")


def test_folders_are_walked_in_order(tmp_path: Path, ramp: Image.Image) -> None:
    (tmp_path / "b").mkdir()
    for name in ("z.png", "a.JPG", "b/c.webp", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert [p.name for p in walk_images([tmp_path])] == ["a.JPG", "c.webp", "z.png"]
