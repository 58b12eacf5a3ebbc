"""Damaged files for every reader, seeded; run as a process of its own.

    python -m tests.security.fuzz KIND FIRST COUNT FOLDER

prints one line per case, ``SEED read`` or ``SEED refused: why``, and ``SEED failed: …`` for an
error that is not meant for a person. Whoever reads the lines notices a case that hangs or that
kills the process.
"""

import io
import sys
import traceback
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from fer_core.errors import FerError

#: Case → the ending of its file.
PICTURES = {
    "JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "TIFF": ".tif",
    "HEIF": ".heic", "AVIF": ".avif",
}  # fmt: skip
VIDEOS = (".mp4", ".webm", ".mkv", ".avi")
DATASETS = (".csv", ".zip")
KINDS = (*PICTURES, *VIDEOS, *DATASETS, "model")


def original(kind: str, folder: Path) -> bytes:
    """A valid file of a kind, small, the same each time."""
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (40, 56, 3), np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    if kind in PICTURES:
        from pillow_heif import register_heif_opener

        register_heif_opener()
        file = io.BytesIO()
        more = {"save_all": True, "append_images": [Image.fromarray(picture[::-1])]}
        Image.fromarray(picture).save(file, kind, **(more if kind in ("GIF", "TIFF") else {}))
        return file.getvalue()
    if kind in VIDEOS:
        return _video(folder / f"original{kind}", picture)
    if kind == "model":
        return _archive()
    from fer_core.datasets import demo
    from fer_core.datasets.fer2013 import export_csv

    path = folder / "original.csv"
    export_csv(demo.load(training=7, public=7, private=7), path)
    if kind == ".csv":
        return path.read_bytes()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(path, "fer2013.csv")
    return file.getvalue()


def _archive() -> bytes:
    """A shipped model under another name."""
    from fer_core.zoo import archive

    old, new = zipfile.ZipFile(io.BytesIO(archive.export("mini_xception"))), io.BytesIO()
    with zipfile.ZipFile(new, "w") as packed:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("card.json"):
                content = content.replace(b'"mini_xception"', b'"twin"', 1)
            packed.writestr(name.replace("mini_xception/", "twin/"), content)
    return new.getvalue()


def _video(path: Path, picture: np.ndarray) -> bytes:
    import av

    codec = {".webm": "libvpx", ".avi": "mpeg4"}.get(path.suffix, "libx264")
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = picture.shape[1], picture.shape[0], "yuv420p"
        for i in range(6):
            frame = av.VideoFrame.from_ndarray(np.roll(picture, 4 * i, axis=1), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path.read_bytes()


def damaged(content: bytes, seed: int) -> bytes:
    """The file with bytes changed, cut, doubled, zeroed or made extreme, as ``seed`` says."""
    rng = np.random.default_rng(seed)
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        # Headers decide most, so half of the damage goes there.
        reach = len(data) if rng.random() < 0.5 else min(len(data), 400)
        at = int(rng.integers(0, max(1, reach)))
        what = rng.integers(6)
        if what == 0:
            for place in rng.integers(0, max(1, reach), rng.integers(1, 20)):
                data[place % max(1, len(data))] = int(rng.integers(256))
        elif what == 1 and len(data) > 20:
            del data[at:]
        elif what == 2:
            data[at : at + int(rng.integers(1, 64))] = b""
        elif what == 3:
            data[at:at] = data[at : at + int(rng.integers(1, 4096))]
        elif what == 4:
            extreme = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4), b"\xff\xff\xff\x7f")
            data[at : at + 4] = extreme[rng.integers(4)]
        else:
            length = int(rng.integers(1, 200))
            data[at : at + length] = bytes(len(data[at : at + length]))
    return bytes(data)


def reader(kind: str, folder: Path) -> Callable[[bytes], object]:
    """What reads a file of a kind as the program does."""
    if kind in PICTURES:
        from fer_core.images import read_picture

        return read_picture
    if kind in VIDEOS:
        from fer_core.video.decode import VideoFile

        path = folder / f"case{kind}"

        def play(content: bytes) -> None:
            path.write_bytes(content)
            with VideoFile(path) as video:
                for number, frame in enumerate(video.frames(5)):
                    frame.image(320)
                    if number == 20:  # long enough: damage may have made it endless
                        break

        return play
    if kind == "model":
        from fer_core.zoo import archive

        return lambda content: archive.import_(io.BytesIO(content))
    from fer_core.datasets import load

    path = folder / f"case{kind}"

    def read(content: bytes) -> None:
        path.write_bytes(content)
        load(path)

    return read


def main(kind: str, first: int, count: int, folder: Path) -> None:
    """Read ``count`` damaged files, the first with the seed ``first``."""
    content, read = original(kind, folder), reader(kind, folder)
    read(content)
    print("ready", flush=True)
    for seed in range(first, first + count):
        try:
            read(damaged(content, seed))
        except FerError as error:
            said = " ".join(str(error).split())
            print(f"{seed} refused: {said}" if said else f"{seed} failed: says nothing", flush=True)
        except BaseException:  # exactly what must not happen
            print(f"{seed} failed: {traceback.format_exc()!r}", flush=True)
        else:
            print(f"{seed} read", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
