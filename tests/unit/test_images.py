"""Pictures from outside: everything that should work does, everything else says why."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from fer_core import analyze
from fer_core.errors import ImageError
from fer_core.images import example_portrait, read_image, read_picture, walk_images
from fer_core.settings import settings


def encode(picture: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def ramp() -> Image.Image:
    """Dark on the left, bright on the right, 96×64."""
    row = np.linspace(0, 255, 96).astype(np.uint8)
    return Image.fromarray(np.tile(row, (64, 1))).convert("RGB")


def is_ramp(image: np.ndarray) -> bool:
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
    assert is_ramp(image)


def test_16_bit_is_scaled_not_clipped() -> None:
    deep = np.tile(np.linspace(0, 65535, 96).astype(np.uint16), (64, 1))
    image = read_image(encode(Image.fromarray(deep), "PNG"))
    assert is_ramp(image)
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


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_made_upright_also_where_it_is_reduced(
    orientation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (600, 340, 3)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(Image.fromarray(pixels), "PNG", exif=exif.tobytes())
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    assert np.array_equal(read_image(content), np.asarray(upright))
    monkeypatch.setattr("fer_core.images._MOST_PIXELS", 600 * 340 // 4)
    half = read_picture(content)
    assert half.size == upright.size
    assert np.array_equal(half.image, np.asarray(upright.reduce(2)))


def test_phones_mpo_files_are_read(ramp: Image.Image) -> None:
    content = encode(ramp, "MPO", save_all=True, append_images=[ramp.rotate(180)])
    assert Image.open(io.BytesIO(content)).format == "MPO"
    picture = read_picture(content)
    assert is_ramp(picture.image) and not picture.problems


def test_postscript_is_no_picture_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 96 64\n%%EndComments\n")
    with pytest.raises(ImageError, match="not a picture"):
        read_image(path)


def test_animation_gives_its_first_frame(ramp: Image.Image) -> None:
    black = Image.new("RGB", ramp.size)
    image = read_image(encode(ramp, "GIF", save_all=True, append_images=[black, black]))
    assert is_ramp(image)


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
        (bomb(), "400 megapixels.*one picture may take 500 MB"),
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


def peak_of(content: bytes) -> int:
    """Bytes by which a process of its own grows while it reads a picture."""
    code = (
        "import sys, threading, time, psutil, numpy as np\n"
        "from fer_core.images import read_image\n"
        "from fer_core.errors import FerError\n"
        "read_image(np.zeros((64, 64, 3), np.uint8))\n"
        "process, peaks = psutil.Process(), [0]\n"
        "def watch():\n"
        "    while True: peaks.append(process.memory_info().rss); time.sleep(0.002)\n"
        "before = process.memory_info().rss\n"
        "threading.Thread(target=watch, daemon=True).start()\n"
        "read_image(sys.stdin.buffer.read())\n"
        "print(max(peaks) - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input=content, capture_output=True)
    assert not done.returncode, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize(
    "content",
    [
        encode(Image.new("1", (10_000, 10_000)), "PNG"),
        encode(Image.new("L", (9_000, 9_000)), "TIFF", compression="tiff_lzw"),
        encode(Image.new("RGB", (12_000, 10_000)), "JPEG", progressive=False),
    ],
    ids=["one bit", "grey", "JPEG"],
)
def test_large_pictures_take_no_more_than_they_may(content: bytes) -> None:
    assert peak_of(content) < 500_000_000


def test_what_would_take_more_is_refused_with_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_PICTURE_MB", "20")
    settings.cache_clear()
    try:
        with pytest.raises(ImageError, match="3000×2500 pixels and would take 30 MB.*take 20 MB"):
            read_image(encode(Image.new("RGB", (3000, 2500)), "PNG"))
        # A decoder that reduces needs less.
        picture = read_picture(encode(Image.new("RGB", (3000, 2500)), "JPEG"))
        assert picture.size == (3000, 2500) and picture.image.shape == (1250, 1500, 3)
    finally:
        monkeypatch.undo()
        settings.cache_clear()


@pytest.mark.parametrize("size", [(400_000, 25), (25, 400_000)])
def test_extreme_shapes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match="neither side may have more than 32,000"):
        read_image(encode(Image.new("L", size), "PNG"))


def test_faces_of_a_reduced_picture_are_where_they_are_in_the_original(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = encode(Image.fromarray(example_portrait()).resize((1024, 1024)), "PNG")
    whole = analyze(content).faces[0].box
    monkeypatch.setattr("fer_core.images._MOST_PIXELS", 300_000)
    reduced = analyze(content)
    assert (reduced.width, reduced.height) == (1024, 1024)
    assert np.allclose(reduced.faces[0].box, whole, atol=12)


def test_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="No such file"):
        read_image(tmp_path / "nothing.png")


def test_folders_are_walked_in_order(tmp_path: Path, ramp: Image.Image) -> None:
    (tmp_path / "b").mkdir()
    for name in ("z.png", "a.JPG", "b/c.webp", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert [p.name for p in walk_images([tmp_path])] == ["a.JPG", "c.webp", "z.png"]
