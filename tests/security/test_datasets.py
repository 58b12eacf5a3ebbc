"""Datasets that are built to do harm: each is refused in one sentence, within bounded memory."""

import io
import lzma
import os
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fer_core.datasets import demo, ferplus, load
from fer_core.datasets.fer2013 import export_csv
from fer_core.errors import DatasetError
from fer_core.settings import settings


def small_csv(folder: Path) -> bytes:
    path = folder / "small.csv"
    export_csv(demo.load(training=7, public=7, private=7), path)
    return path.read_bytes()


def refused(path: str | Path, says: str) -> None:
    with pytest.raises(DatasetError, match=says) as caught:
        load(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def packed_zeros(path: Path, size: int) -> Path:
    """An .xz of so many zeros, which takes no room."""
    with lzma.open(path, "wb", preset=0) as file:
        file.write(b"emotion,pixels,Usage\n0,")
        for _ in range(size // 10_000_000):
            file.write(bytes(10_000_000))
    return path


def test_a_line_without_an_end_is_refused_within_bounded_memory(tmp_path: Path) -> None:
    path = packed_zeros(tmp_path / "fer2013.csv.xz", 400_000_000)
    assert path.stat().st_size < 200_000
    code = (
        "import sys, resource\n"
        "from fer_core.datasets import load\n"
        "from fer_core.errors import DatasetError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: load(sys.argv[1])\n"
        "except DatasetError as error: print(error)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    said, grown = done.stdout.splitlines()
    assert "a line of more than 1 MB" in said and int(grown) < 100, done.stderr


def test_an_upload_unpacks_to_200_times_its_size_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FER_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    folder = settings().saved_files / "0123456789ab"
    folder.mkdir(parents=True)
    lines = small_csv(tmp_path).splitlines(keepends=True)
    with lzma.open(folder / "fer2013.csv.xz", "wb") as file:
        file.writelines([lines[0], *([lines[1]] * 300)])
    refused(folder / "fer2013.csv.xz", "unpacks to more than")
    # What lies elsewhere on the machine, its owner put there.
    (folder / "fer2013.csv.xz").rename(tmp_path / "fer2013.csv.xz")
    assert len(load(tmp_path / "fer2013.csv.xz")) == 300
    settings.cache_clear()


def test_paths_that_never_end_or_lead_nowhere_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "dangling.csv").symlink_to(tmp_path / "gone.csv")
    for path, says in (
        (tmp_path / "pipe.csv", "neither a file nor a folder"),
        ("/dev/zero", "neither a file nor a folder"),
        (tmp_path / "dangling.csv", "link to a file that is not there"),
        ("~nobody-of-this-name/fer2013.csv", "no such user"),
        ("fer\0.csv", "is no path"),
        (tmp_path / f"{'x' * 300}.csv", "name too long"),
        (tmp_path / "gone.csv", "No such file"),
    ):
        refused(path, f"(?i){says}")


def test_lists_of_pictures_are_read_within_their_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {
        "labels.csv": b"path,label\n",
        "training.csv": b"subDirectory_filePath,expression\n",
        "label.lst": b"",
        "list_patition_label.txt": b"",
    }
    for name, header in headers.items():
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        (folder / name).write_bytes(header + b"x" * 2_000_000)
        refused(folder, "a line of more than 1 MB")
        (folder / name).write_bytes(header + b"x,1\n" * 1000)
        with monkeypatch.context() as patched:
            patched.setattr("fer_core.datasets.bounds._LARGEST_LIST", 2000)
            refused(folder, "unpacks to more than")
    os.mkfifo(tmp_path / "training" / "pipe.csv")  # beside the list, and never read
    refused(tmp_path / "training", "no labelled pictures")


def test_an_array_that_announces_more_than_it_has_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "annotations").mkdir()
    (tmp_path / "images" / "0.jpg").write_bytes(b"")
    header = io.BytesIO()
    about = {"descr": "<i8", "fortran_order": False, "shape": (10**14,)}
    np.lib.format.write_array_header_1_0(header, about)
    (tmp_path / "annotations" / "0_exp.npy").write_bytes(header.getvalue())
    with pytest.raises(DatasetError):
        load(tmp_path)


def test_archives_with_anything_but_files_are_refused(tmp_path: Path) -> None:
    for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE):
        with tarfile.open(tmp_path / "fer2013.tar", "w") as tar:
            member = tarfile.TarInfo("fer2013.csv")
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
        refused(tmp_path / "fer2013.tar", "no CSV files")


def test_a_tar_with_an_endless_header_is_refused(tmp_path: Path) -> None:
    member = tarfile.TarInfo("header")
    member.type, member.size = tarfile.XHDTYPE, 3_000_000_000
    path = tmp_path / "fer2013.tar"
    path.write_bytes(member.tobuf() + bytes(2048))
    refused(path, "damaged archive")


@pytest.mark.parametrize(("flag", "method", "says"), [(1, 0, "encrypted"), (0, 99, "unknown here")])
def test_zips_that_cannot_be_unpacked_say_why(
    tmp_path: Path, flag: int, method: int, says: str
) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("fer2013.csv", small_csv(tmp_path))
    content = bytearray(file.getvalue())
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = content.index(mark) + at
        content[place : place + 4] = struct.pack("<HH", flag, method)
    (tmp_path / "fer2013.zip").write_bytes(content)
    refused(tmp_path / "fer2013.zip", says)


@pytest.mark.parametrize("value", ["-1", "inf", "nan"])
def test_votes_that_are_no_numbers_of_people_are_refused(tmp_path: Path, value: str) -> None:
    columns = [*ferplus.COLUMNS.values(), *ferplus.OTHERS]
    path = tmp_path / "fer2013new.csv"
    path.write_text(f"{','.join(columns)}\n{value}{',1' * 9}\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="negative or infinite|missing"):
        ferplus.read_counts(path)
