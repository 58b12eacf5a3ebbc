"""A user's own labels of faces in videos and live recordings."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fer_core.analysis import Analysis, Face
from fer_core.errors import FerError, VideoError
from fer_core.face_labels import FaceLabel, latest, without
from fer_core.faces import Detection
from fer_core.live import saved
from fer_core.live.record import SessionRecord
from fer_core.settings import settings
from fer_core.table import Rows, read_csv, to_csv
from fer_core.video.highlights import captions
from fer_core.video.report import to_html
from fer_core.video.result import VideoResult
from tests.tables import face_row, table_of
from tests.unit.test_video_people import result_of


def labelled(result: VideoResult) -> list[tuple[float, int, str]]:
    rows = read_csv(result.to_csv().encode())
    rows = rows[rows["corrected_emotion"].notna()]
    found = zip(rows["time"], rows["person"], rows["corrected_emotion"], strict=True)
    return [(time, int(person), emotion) for time, person, emotion in found]


def test_a_label_is_of_one_face_in_one_frame_and_the_earlier_one_comes_back() -> None:
    result = result_of({1: [(0, 20)], 2: [(0, 20)]}).with_label(2, 4.01, "Sad")
    assert labelled(result) == [(4.0, 2, "Sad")]
    again = result.with_label(2, 4.0, "Fear").with_label(1, 6.0, "Angry")
    assert labelled(again) == [(4.0, 2, "Fear"), (6.0, 1, "Angry")]
    undone = again.without_label(again.label_at(2, 4.0))
    assert labelled(undone) == [(4.0, 2, "Sad"), (6.0, 1, "Angry")]
    assert labelled(undone.without_label(undone.label_at(2, 4.0))) == [(6.0, 1, "Angry")]
    # The model's answer stands beside it.
    rows = undone.rows()
    assert rows.loc[rows["corrected_emotion"].notna(), "emotion"].tolist() == ["Happy", "Happy"]


def test_a_label_stays_with_its_face_when_people_are_joined_split_and_smoothed() -> None:
    result = result_of({1: [(0, 8)], 2: [(10, 20)]}).with_label(2, 12.0, "Sad")
    joined = result.with_merged(2, 1)
    assert labelled(joined) == [(12.0, 1, "Sad")]
    split = joined.with_split(1, 11.0)
    assert labelled(split) == [(12.0, split.edits[-1].into, "Sad")]
    with pytest.raises(VideoError, match="Person 7 is not seen"):
        result.with_label(7, 1.0, "Sad")


def test_labels_are_stored_with_an_analysis_and_told_in_every_export(tmp_path: Path) -> None:
    result = result_of({1: [(0, 20)]}).called(1, "Ada").with_label(1, 3.0, "Disgust")
    result.save(tmp_path)
    found = VideoResult.load(tmp_path)
    assert found.labels == result.labels
    rows = json.loads(found.to_json())["rows"]
    assert [row["time"] for row in rows if row["corrected_emotion"] == "Disgust"] == [3.0]
    page = to_html(found)
    assert "Labels by hand" in page and "<td>Disgust</td>" in page and "<td>Ada</td>" in page
    assert "Labels by hand" not in to_html(result_of({1: [(0, 20)]}))
    moment = {"time": 3.0, "person": 1, "kind": "peak", "emotion": "Happy", "value": 0.9}
    assert captions(found, [moment])[0].endswith("labelled Disgust by hand")


@pytest.mark.parametrize("label", [{"emotion": "Bored"}, {"start": 5.0}, {"person": "x"}])
def test_an_analysis_with_a_damaged_label_is_refused(tmp_path: Path, label: dict) -> None:
    result_of({1: [(0, 20)]}).with_label(1, 3.0, "Sad").save(tmp_path)
    value = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    value["labels"][0] |= label
    (tmp_path / "result.json").write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(VideoError, match="gone or damaged"):
        VideoResult.load(tmp_path)


def test_the_latest_label_of_a_place_holds() -> None:
    first, second = FaceLabel(1, 0.0, 1.0, "Sad"), FaceLabel(1, 0.0, 1.0, "Fear")
    other = FaceLabel(2, 0.0, 1.0, "Happy")
    assert latest([first, other, second]) == [second, other]
    assert without([first, other, second], second) == (first, other)
    assert without([first], other) == (first,)
    with pytest.raises(FerError, match="no emotion"):
        FaceLabel(1, 0.0, 1.0, "Bored")


@pytest.fixture
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


@pytest.mark.usefixtures("own_home")
def test_labels_of_a_kept_session_can_be_given_and_taken_back() -> None:
    table = table_of([face_row(time=time / 2, person=1) for time in range(10)], "live")
    key = saved.save_session(table, "Talk")
    saved.label_session(key, [FaceLabel(1, 1.0, 2.0, "Sad")])
    rows = read_csv(to_csv(saved.load_session(key)).encode())
    assert rows["corrected_emotion"].notna().tolist() == [2 <= n <= 4 for n in range(10)]
    saved.label_session(key, [])
    assert saved.load_session(key)["corrected_emotion"].isna().all()
    with pytest.raises(FerError, match="not kept any more"):
        saved.label_session(key, [], owner="somebody else")


def test_labels_of_a_recording_survive_that_it_is_stored_and_found_again() -> None:
    record = SessionRecord()
    record.recording = True
    face = Face(Detection((10, 10, 90, 90), 0.9), (0.0, 0.0, 0.0, 0.9, 0.0, 0.0, 0.1), person=1)
    for step in range(10):
        record.add(Analysis(640, 480, "vgg", "blazeface", (face,), 3.0 + step / 5))
    record.labels = [FaceLabel(1, 0.0, 1.0, "Sad")]
    given = record.table()["corrected_emotion"].notna().tolist()
    assert given == [step <= 5 for step in range(10)]
    again = SessionRecord()
    again.restore(Rows.load(*record.dump(0)))
    assert again.labels == record.labels and again.beside == record.beside
