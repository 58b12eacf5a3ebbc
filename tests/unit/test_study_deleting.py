"""Deleting from a study: everything of it, and nothing that lies outside."""

from fer_core.settings import settings
from fer_core.study import agreement
from fer_core.study.adding import add_videos, plan
from fer_core.study.folder import Study
from fer_core.study.measures import measures
from fer_core.video.clips import write_clip
from tests.unit.study_tools import CONSENT, new_study
from tests.unit.video_tools import portrait


def with_copies(path) -> Study:
    """A study of two people whose videos it copied, with a set of labels."""
    study, clips = new_study(path / "s"), path / "clips"
    clips.mkdir()
    for number in range(2):
        write_clip(clips / f"P{number}_A_joy.mp4", portrait(12 + number), rate=10)
    list(add_videos(study, plan(study, sorted(clips.iterdir())), copy=True, workers=1, **CONSENT))
    items = agreement.create_set(study, "faces", 4)
    agreement.save_labels(study, "faces", "ab", {item.id: "Happy" for item in items})
    return study


def test_a_participant_leaves_no_trace_in_the_study_and_videos_outside_stay(tmp_path):
    study = with_copies(tmp_path)
    outside = {path: path.read_bytes() for path in (tmp_path / "clips").iterdir()}
    mine = {item.id for item in agreement.items(study, "faces") if item.recording == "P0_A_joy"}
    assert mine and len(agreement.labels(study, "faces", "ab")) > len(mine)
    (study.path / "figures").mkdir()
    (study.path / "figures" / "P0.svg").write_text("x")
    measures(study)
    study.remove_participant("P0")
    assert not [path for path in study.path.rglob("*") if "P0" in path.name]
    texts = [path.read_bytes() for path in study.path.rglob("*") if path.is_file()]
    assert not any(b"P0_A" in text for text in texts)
    assert not mine & set(agreement.labels(study, "faces", "ab"))
    assert not mine & {path.stem for path in (study.path / "labels" / "faces").glob("*.jpg")}
    assert not (study.path / "figures").exists() and not (settings().cache / "study").exists()
    assert {path: path.read_bytes() for path in (tmp_path / "clips").iterdir()} == outside
    assert Study.open(study.path).codes() == ["P1"]


def test_copies_of_videos_can_go_while_tables_and_videos_outside_stay(tmp_path):
    study = with_copies(tmp_path)
    before = measures(study)
    for one in study.file.recordings:
        study.delete_video_copy(one.id)
    assert not list((study.path / "videos").iterdir())
    assert len(list((tmp_path / "clips").iterdir())) == 2
    assert measures(study).drop(columns="recording").equals(before.drop(columns="recording"))
    assert all(study.video(one) is None for one in study.file.recordings)
