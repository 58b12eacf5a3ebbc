"""Events from the files of other programs, on the clock of the recording."""

import json
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fer_core.cli import main
from fer_core.study import events
from fer_core.study.folder import Study
from fer_core.study.measures import exclusions, measures
from fer_core.study.model import StudyError
from tests.unit.study_tools import add, new_study


@pytest.fixture
def study(tmp_path):
    study = new_study(tmp_path / "study")
    for code in ("P1", "P2"):
        add(study, code, [("Neutral", 2), ("Happy", 8)])
    return study


def xdf(path: Path, markers: list[tuple[float, str]], first: float) -> Path:
    """A file of LSL's LabRecorder: a stream of markers, and a signal that begins at ``first``."""

    def chunk(tag: int, content: bytes) -> bytes:
        body = struct.pack("<H", tag) + content
        return b"\x04" + struct.pack("<I", len(body)) + body

    def about(name: str, kind: str, rate: int) -> bytes:
        return (
            f"<info><name>{name}</name><type>{kind}</type><channel_count>1</channel_count>"
            f"<nominal_srate>{rate}</nominal_srate><channel_format>"
            f"{'string' if rate == 0 else 'double64'}</channel_format></info>"
        ).encode()

    def samples(stream: int, rows: list[tuple[float, bytes]]) -> bytes:
        content = struct.pack("<I", stream) + b"\x01" + bytes([len(rows)])
        for time, value in rows:
            content += b"\x08" + struct.pack("<d", time) + value
        return chunk(3, content)

    texts = [(time, b"\x01" + bytes([len(text)]) + text.encode()) for time, text in markers]
    signal = [(first, struct.pack("<d", 0.5)), (first + 0.5, struct.pack("<d", 0.25))]
    path.write_bytes(
        b"XDF:" + chunk(1, b"<info><version>1.0</version></info>")
        + chunk(2, struct.pack("<I", 1) + about("Stimuli", "Markers", 0))
        + chunk(2, struct.pack("<I", 2) + about("Eye", "Gaze", 2))
        + samples(2, signal) + samples(1, texts)
    )  # fmt: skip
    return path


def test_markers_of_xdf_are_moments_since_the_first_sample(tmp_path):
    path = xdf(tmp_path / "a.xdf", [(101.5, "cat"), (104.0, "dog")], first=100.0)
    found = events.read_file(path.read_bytes(), path.name)
    assert found[["onset", "duration", "trial_type"]].values.tolist() == [
        [1.5, 0.0, "cat"], [4.0, 0.0, "dog"],
    ]  # fmt: skip


def test_each_recording_has_an_offset_of_its_own(study, tmp_path, capsys):
    path = str(xdf(tmp_path / "a.xdf", [(101.0, "cat")], first=100.0))
    for id, offset in (("P1_x", "0.5"), ("P2_x", "-0.25")):
        main(["study", "events", str(study.path), path, "--recording", id, "--offset", offset])
    assert "P1_x: 1.5 s, 0 s, cat" in capsys.readouterr().out
    onsets = [study.events(one)["onset"].tolist() for one in study.file.recordings]
    assert onsets == [[1.5], [0.75]]


def test_two_shared_moments_correct_a_drift(study, tmp_path, capsys):
    table = tmp_path / "log.tsv"
    table.write_text("onset\tduration\ttrial_type\n60\t1\tclip\n")
    how = ["study", "events", str(study.path), str(table), "--recording", "P1_x", "--json"]
    main([*how, "--moment", "10=0.5", "--moment", "110=100"])
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["onset"], row["duration"]) == pytest.approx((50.25, 0.995))
    for moments in (["--moment", "1=1"], ["--moment", "1=1", "--moment", "x=2"]):
        with pytest.raises(SystemExit):
            main([*how, *moments])
        assert "moment" in capsys.readouterr().err


def test_an_event_of_unknown_end_is_listed_and_counts_once_it_has_one(study, capsys):
    one = study.file.recordings[0]
    (study.events_path(one)).write_text("onset\tduration\ttrial_type\n2\tn/a\tclip\n")
    main(["study", "events", str(study.path)])
    assert "P1_x: 2 s, end unknown, clip" in capsys.readouterr().out
    main(["study", "measures", str(study.path)])
    assert "left out: P1, P1_x, clip: its end is unknown" in capsys.readouterr().err
    assert exclusions(measures(study))["reason"].tolist() == ["its end is unknown"]
    study.set_events(one, study.events(one).assign(duration=3.0))
    assert measures(study)["counted"].all()


def test_events_outside_the_recording_are_said_and_change_nothing_else(study, tmp_path, capsys):
    table = tmp_path / "log.csv"
    table.write_text("onset,duration,trial_type\n1,2,inside\n50,2,after\n-3,1,before\n")
    main(["study", "events", str(study.path), str(table), "--recording", "P1_x"])
    said = capsys.readouterr().err
    assert "after at 50.0 s lies outside of P1_x" in said and "before at -3.0 s" in said
    table = measures(Study.open(study.path)).set_index(["recording", "event"])
    assert table.loc[("P1_x", "inside"), "counted"] and table.loc[("P2_x", "recording"), "counted"]
    assert "outside of the recording" in table.loc[("P1_x", "after"), "reason"]


LOG = """\
0.2051 \tWARNING \tMonitor specification not found.
1.5000 \tEXP \tclip: autoDraw = True
2.7500 \tDATA \tKeypress: space
4.0000 \tEXP \tunnamed: text = 'two
lines'
"""


def test_the_running_log_of_psychopy_is_a_table_of_time_level_and_message():
    header, _ = events.read_table(LOG.encode(), "P1.log")
    assert header == ["time", "level", "message"]
    found = events.read_file(LOG.encode(), "P1.log")
    assert found["onset"].tolist() == [0.2051, 1.5, 2.75, 4.0]
    assert found["trial_type"].tolist()[2:] == ["Keypress: space", "unnamed: text = 'two lines'"]
    assert found["duration"].eq(0).all()


def test_a_trial_of_psychopy_has_the_component_that_is_chosen():
    log = (
        b"cross.started,cross.stopped,clip.started,clip.stopped,key_resp.keys,condition,participant"
        b"\n0.5,1.5,1.5,4.0,space,joy,P1\nNone,None,,,,,P1\n5.0,6.0,6.0,None,,rest,P1\n"
    )
    assert events.guess_columns(events.read_table(log, "a.csv")[0])["onset"] == "cross.started"
    columns = {"onset": "clip.started", "end": "clip.stopped", "trial_type": "condition"}
    found = events.read_file(log, "a.csv", columns)
    assert found["onset"].tolist() == [1.5, 6.0] and found["trial_type"].tolist() == ["joy", "rest"]
    assert found["duration"].iloc[0] == 2.5 and pd.isna(found["duration"].iloc[1])
    with pytest.raises(StudyError, match="no column clip"):
        events.read_file(log, "a.csv", {"onset": "clip"})


def test_events_of_psychopy_are_recognised():
    log = b"participant,clip.started,clip.stopped,condition\nP1,1.5,4.0,joy\nP2,2.0,,rest\n,,,\n"
    found = events.read_file(log, "log.csv")
    assert found["trial_type"].tolist() == ["joy", "rest"]
    assert found["duration"].iloc[0] == 2.5 and np.isnan(found["duration"].iloc[1])
    assert found["recording"].tolist() == ["P1", "P2"]
    with pytest.raises(StudyError, match="no column that is known to hold onsets"):
        events.read_file(b"a,b\n1,2\n", "x.csv")
    mapped = events.read_file(b"a;b\n1500;hi\n", "x.csv", {"onset": "a", "trial_type": "b"}, "ms")
    assert mapped["onset"].tolist() == [1.5]


def test_clocks_that_drift_are_fitted_by_two_moments():
    factor, offset = events.fit_clock([(10.0, 12.0), (110.0, 113.0)])
    table = pd.DataFrame({"onset": [60.0], "duration": [10.0], "trial_type": ["x"]})
    found = events.rescale(table, factor, offset)
    assert found["onset"].iloc[0] == pytest.approx(62.5)
    assert found["duration"].iloc[0] == pytest.approx(10.1)
    with pytest.raises(StudyError, match="one in the log"):
        events.fit_clock([(1.0, 1.0), (1.0, 2.0)])


def test_annotations_of_elan_are_read(tmp_path):
    from pympi import Eaf

    file = Eaf()
    file.add_tier("expression")
    file.add_annotation("expression", 500, 2500, "Happy")
    path = tmp_path / "a.eaf"
    file.to_file(str(path))
    found = events.read_file(path.read_bytes(), "a.eaf")
    assert found[["onset", "duration", "trial_type"]].values.tolist() == [[0.5, 2.0, "Happy"]]
    with pytest.raises(StudyError, match="ELAN"):
        events.read_file(b"<x", "a.eaf")
    with pytest.raises(StudyError, match="XDF"):
        events.read_file(b"no xdf", "a.xdf")


def test_a_table_of_several_recordings_finds_its_owners(study):
    table = pd.DataFrame(
        {"onset": [1, 2], "duration": [1, 1], "trial_type": ["a", "b"], "recording": ["P1", "P9"]}
    )
    found, unknown = events.assign(study, events.tidy_events(table))
    assert list(found) == ["P1_x"] and unknown == ["P9"]


def test_a_file_belongs_to_the_recordings_that_it_is_called_after(study):
    found = events.tidy_events(pd.DataFrame({"onset": [1], "duration": [1], "trial_type": ["a"]}))
    for name, ids in {"P1_x.eaf": ["P1_x"], "P2.xdf": ["P2_x"], "a.csv": ["P1_x", "P2_x"]}.items():
        given, unknown = events.assign(study, found, name)
        assert list(given) == ids and not unknown
