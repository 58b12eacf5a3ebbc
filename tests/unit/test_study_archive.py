"""A study on another machine: as one archive, with and without its videos."""

import shutil
import zipfile

import pytest

from fer_core.study import archive
from fer_core.study.adding import add_videos, plan
from fer_core.study.measures import measures
from fer_core.study.verify import largest, verify
from fer_core.video.clips import write_clip
from tests.unit.study_tools import CONSENT, new_study
from tests.unit.video_tools import portrait


@pytest.mark.parametrize("copy", [True, False])
def test_an_archive_takes_the_videos_along_or_leaves_them(tmp_path, copy):
    study, clips = new_study(tmp_path / "s"), tmp_path / "clips"
    clips.mkdir()
    write_clip(clips / "P1_A_joy.mp4", portrait(8), rate=10)
    list(add_videos(study, plan(study, list(clips.iterdir())), copy=copy, workers=1, **CONSENT))
    digest = study.file.recordings[0].video.sha256
    archive.pack(study, tmp_path / "with.zip", videos=True)
    archive.pack(study, tmp_path / "without.zip")
    expected = measures(study)
    # As on another machine, nothing of this one is there.
    shutil.rmtree(study.path)
    shutil.rmtree(clips)

    whole = archive.unpack(tmp_path / "with.zip", tmp_path / "whole")
    assert measures(whole).equals(expected) and not whole.problems()
    video = whole.video(whole.file.recordings[0])
    assert video is not None and whole.path in video.parents
    assert largest(verify(whole)) == 0

    small = archive.unpack(tmp_path / "without.zip", tmp_path / "small")
    with zipfile.ZipFile(tmp_path / "without.zip") as file:
        assert not any(name.startswith("videos/") for name in file.namelist())
        assert str(tmp_path) not in file.read("study.json").decode()
    one = small.file.recordings[0]
    assert measures(small).equals(expected)
    assert small.video(one) is None and one.video.sha256 == digest
    assert largest(verify(small)) is None
    assert verify(small)[0].reason == "The video of P1_A_joy is not here any more."
