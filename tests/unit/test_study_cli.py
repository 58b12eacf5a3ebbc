"""``fer-core study`` from a new folder to report and archive."""

import contextlib
import json
import subprocess
import sys

import psutil
import pytest

from benchmarks.browser import wait_for
from fer_core.cli import main
from fer_core.study.adding import add_videos, plan
from fer_core.study.folder import Study
from fer_core.video import VideoFile
from fer_core.video.clips import write_clip
from tests.command_line import ROOT
from tests.unit.study_tools import add, new_study
from tests.unit.video_tools import portrait


@pytest.fixture
def run(capsys):
    """Runs the command in this process; a failed one ends with one line."""

    def act(*arguments: str, fails: bool = False):
        capsys.readouterr()
        if fails:
            with pytest.raises(SystemExit) as ended:
                main(list(arguments))
            assert ended.value.code == 1
        else:
            main(list(arguments))
        said = capsys.readouterr()
        assert ("error: " in said.err) == fails and "Traceback" not in said.err
        return said

    return act


@pytest.fixture
def study(tmp_path):
    study = new_study(tmp_path / "study")
    for number in range(12):
        shown = [("Neutral", 2.0), ("Happy" if number % 2 else "Sad", 3.0 + number / 5)]
        add(study, f"P{number:02}", shown, group="AB"[number % 2],
            events=[(0.0, 2.0, "rest"), (2.0, 3.0, "clip")])  # fmt: skip
    return study


def test_videos_are_added_with_consent_alone_and_once(run, tmp_path):
    folder, clips = str(tmp_path / "s"), tmp_path / "clips"
    clips.mkdir()
    write_clip(clips / "P7_A_joy.mp4", portrait(15), rate=15)
    write_clip(clips / "P8_B_joy.mp4", portrait(18), rate=15)
    (clips / "P9_B_joy.mp4").write_bytes(b"no video")
    made = json.loads(run("study", "new", folder, "--model", "fast", "--json").out)
    assert made["model"] == "fast" and made["schema"] == 1
    refused = run("study", "add", folder, str(clips), fails=True)
    assert "consent" in refused.err and not Study.open(tmp_path / "s").file.recordings
    how = ("--consent", "2026-01-02", "--setting", "research", "--json")
    added = run("study", "add", folder, str(clips), *how, fails=True)
    rows = json.loads(added.out)
    assert sorted(row.get("participant", "error") for row in rows) == ["P7", "P8", "error"]
    assert "1 of 3 videos failed" in added.err
    (clips / "P9_B_joy.mp4").unlink()
    again = json.loads(run("study", "add", folder, str(clips), *how).out)
    assert len(again) == 2 and len(Study.open(tmp_path / "s").file.recordings) == 2
    run("study", "export", folder, str(tmp_path / "hidden"), "--annotated")
    with VideoFile(tmp_path / "hidden" / "P7_A_joy-annotated.mp4") as video:
        assert (video.info.width, video.info.height) == (320, 240)
    found = json.loads(run("study", "verify", folder, "--json").out)
    assert found["largest"] == 0


def test_events_measures_and_comparisons(run, study, tmp_path):
    folder = str(study.path)
    log = tmp_path / "log.csv"
    log.write_text("participant,when,what\nP00,1000,extra\nP99,0,x\n")
    columns = ("--column", "onset=when", "--column", "trial_type=what", "--column",
               "recording=participant")  # fmt: skip
    found = run("study", "events", folder, str(log), *columns, "--unit", "ms", "--append",
                "--offset", "0.5", "--json")  # fmt: skip
    assert "P99" in found.err
    mine = [row for row in json.loads(found.out) if row["recording"] == "P00_x"]
    assert [row["trial_type"] for row in mine] == ["rest", "extra", "clip"]
    assert mine[1]["onset"] == 1.5
    rows = json.loads(run("study", "measures", folder, "--json", "--people").out)
    assert len(rows) == 24 and rows[0]["mean_neutral"] == pytest.approx(0.88)
    csv = tmp_path / "m.csv"
    run("study", "measures", folder, "--csv", str(csv))
    assert csv.read_text().startswith("participant_id,group,recording")
    assert "exists" in run("study", "measures", folder, "--csv", str(csv), fails=True).err
    compared = json.loads(
        run("study", "compare", folder, "--event", "clip", "--measure", "mean_happy", "--json").out
    )
    assert compared["comparisons"][0]["p_corrected"] < 0.05
    assert "exploratory" in " ".join(compared["sentences"])
    paired = run("study", "compare", folder, "--paired", "--measure", "valence")
    assert "d_z" in paired.out
    wrong = run("study", "compare", folder, "--measure", "joy", fails=True)
    assert "no measure joy" in wrong.err


def test_reports_exports_and_archives(run, study, tmp_path):
    folder = str(study.path)
    run("study", "report", folder, "--html", str(tmp_path / "r.html"))
    assert "exploratory" in (tmp_path / "r.html").read_text()
    run("study", "export", folder, str(tmp_path / "bids"), "--bids")
    assert (tmp_path / "bids" / "dataset_description.json").is_file()
    run("study", "pack", folder, "--out", str(tmp_path / "s.zip"))
    run("study", "unpack", str(tmp_path / "s.zip"), str(tmp_path / "other"))
    gone = run("study", "remove", str(tmp_path / "other"), "P00", "--json")
    assert json.loads(gone.out)["recordings"] == 1
    assert len(Study.open(study.path).file.recordings) == 12
    refused = run("study", "report", folder, "--html", f"{folder}/study.json", "--overwrite",
                  fails=True)  # fmt: skip
    assert "is one of the files that are read" in refused.err
    assert "holds no study" in run("study", "measures", str(tmp_path), fails=True).err


@pytest.mark.slow
@pytest.mark.parametrize("finished", [0, 1, 3])
def test_a_killed_command_loses_no_finished_recording(run, tmp_path, finished):
    folder, clips = tmp_path / "s", tmp_path / "clips"
    clips.mkdir()
    for number in range(5):
        write_clip(clips / f"P{number}_A_joy.mp4", portrait(40 + number), rate=10)
    run("study", "new", str(folder), "--model", "fast")
    how = ["study", "add", str(folder), str(clips), "--consent", "2026-01-02", "--setting",
           "research", "--jobs", "1"]  # fmt: skip
    worker = subprocess.Popen([sys.executable, "-m", "fer_core", *how], cwd=ROOT)
    # At first, as soon as there is a process that analyses.
    wait_for(lambda: bool(psutil.Process(worker.pid).children()), 200)
    wait_for(lambda: len(Study.open(folder).file.recordings) >= finished, 200)
    for process in [*psutil.Process(worker.pid).children(recursive=True), worker]:
        process.kill()
    worker.wait()
    done = {one.id: one for one in Study.open(folder).file.recordings}
    assert len(done) >= finished
    stamps = {id: Study.open(folder).table_path(one).stat().st_mtime_ns for id, one in done.items()}
    run(*how)
    study = Study.open(folder)
    assert sorted(study.codes()) == ["P0", "P1", "P2", "P3", "P4"] and not study.problems()
    # Nothing is analysed twice.
    again = {one.id: study.table_path(one).stat().st_mtime_ns for one in study.file.recordings}
    assert {id: again[id] for id in stamps} == stamps


@pytest.mark.slow
def test_recordings_are_analysed_on_a_dask_cluster_and_once(run, tmp_path):
    folder, clips = tmp_path / "s", tmp_path / "clips"
    clips.mkdir()
    for number in range(3):
        write_clip(clips / f"P{number}_A_joy.mp4", portrait(20 + number), rate=10)
    (clips / "P3_A_joy.mp4").write_bytes(b"no video")
    run("study", "new", str(folder), "--model", "fast")
    how = ["study", "add", str(folder), str(clips), "--consent", "2026-01-02", "--setting",
           "research", "--engine", "dask", "--jobs", "2"]  # fmt: skip
    assert "1 of 4 videos failed" in run(*how, fails=True).err
    study = Study.open(folder)
    assert sorted(study.codes()) == ["P0", "P1", "P2"] and not study.problems()
    stamps = [study.table_path(one).stat().st_mtime_ns for one in study.file.recordings]
    (clips / "P3_A_joy.mp4").unlink()
    run(*how)
    study = Study.open(folder)
    assert [study.table_path(o).stat().st_mtime_ns for o in study.file.recordings] == stamps


def _memory() -> float:
    """Megabytes of this process and those that it started."""
    own = psutil.Process()
    sizes = []
    for process in (own, *own.children(recursive=True)):
        with contextlib.suppress(psutil.Error):  # it has just ended
            sizes.append(process.memory_info().rss)
    return sum(sizes) / 1e6


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_memory_stays_flat_while_many_videos_are_analysed(tmp_path):
    study, clips = new_study(tmp_path / "s"), []
    first = write_clip(tmp_path / "clip.mp4", portrait(8), rate=8).read_bytes()
    for number in range(150):
        clips.append(tmp_path / f"P{number:03}_A_joy.mp4")
        # A box that players skip makes it another file.
        clips[-1].write_bytes(first + b"\x00\x00\x00\x0cfree" + number.to_bytes(4))
    used = []
    consent = {"consent": "2026-01-02", "setting": "research"}
    for _, outcome in add_videos(study, plan(study, clips), workers=1, **consent):
        assert not isinstance(outcome, str)
        used.append(_memory())
    assert len(used) == len(study.file.recordings) == 150
    print(f"{used[29]:.0f} MB after 30 videos, {used[-1]:.0f} MB after 150")
    assert used[-1] < 1.1 * used[29]
