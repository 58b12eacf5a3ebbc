"""Corrections and collected faces: nothing confirmed is lost, nothing original changes."""

import subprocess
import sys

import numpy as np
import pytest

from fer_core import stored_data
from fer_core.datasets import collected, corrections, demo, load
from fer_core.datasets.corrections import Change
from fer_core.datasets.fer2013 import export_csv, export_splits
from fer_core.datasets.folders import export_folders
from fer_core.datasets.identity import face_keys
from fer_core.emotions import EMOTIONS
from fer_core.errors import DatasetError
from fer_core.files import ExportFolder
from fer_core.settings import settings
from tests.unit.test_cli import run


def command(*arguments):
    """Exit code, standard output and standard error of the command line."""
    result = run(*arguments)
    return result.returncode, result.stdout, result.stderr


@pytest.fixture(autouse=True)
def empty():
    stored_data.delete_all()


@pytest.fixture(scope="module")
def faces():
    return demo.load(70, 14, 14, seed=3)


@pytest.fixture(scope="module")
def keys(faces):
    return face_keys(faces.faces)


def test_keys_follow_the_pixels_and_number_copies(faces, keys, tmp_path):
    assert len(set(keys)) == len(faces)
    twice = np.concatenate([faces.faces[:3], faces.faces[:2], faces.faces[:1]])
    assert face_keys(twice).tolist() == [
        *keys[:3], f"{keys[0]}-2", f"{keys[1]}-2", f"{keys[0]}-3",
    ]  # fmt: skip
    export_csv(faces, tmp_path / "a.csv")
    assert face_keys(load(tmp_path / "a.csv").faces).tolist() == keys.tolist()
    export_folders(faces, ExportFolder(tmp_path / "b"))
    assert set(face_keys(load(tmp_path / "b").faces)) == set(keys)


def test_what_holds_follows_from_all_events_in_order(faces, keys):
    corrections.add([Change(keys[0], "label", "Sad")], "ada", "mouth")
    corrections.add([Change(keys[0], "label", "Fear"), Change(keys[1], "exclude")], "bob")
    corrections.add([Change(keys[2], "exclude"), Change(keys[2], "tag", "cartoon")])
    corrections.add([Change(keys[2], "include")])
    corrected = corrections.saved().apply(faces)
    assert EMOTIONS[corrected.labels[0]] == "Fear"
    assert len(corrected) == len(faces) - 1 and keys[1] not in face_keys(corrected.faces)
    assert keys[2] in face_keys(corrected.faces)
    assert corrections.saved().faces[keys[2]].tags == {"cartoon"}


def test_undo_takes_back_a_batch_and_remembers_it(faces, keys):
    corrections.add([Change(keys[0], "label", "Sad")], "ada")
    batch = corrections.add([Change(k, "exclude") for k in keys[:5]], "ada")
    assert sorted(corrections.undo(batch)) == sorted(keys[:5])
    assert corrections.undo(batch) == []
    assert len(corrections.saved().apply(faces)) == len(faces)
    assert corrections.history()["undone"].sum() == 5
    assert corrections.saved().faces[keys[0]].label == EMOTIONS.index("Sad")


def test_a_change_that_is_none_keeps_nothing_of_its_batch(keys):
    with pytest.raises(DatasetError, match="'Bored'"):
        corrections.add([Change(keys[0], "exclude"), Change(keys[1], "label", "Bored")])
    assert corrections.history().empty


def test_csv_there_and_back(keys, tmp_path):
    corrections.add([Change(keys[0], "label", "Sad"), Change(keys[1], "tag", "a, b")], "ada", "x")
    path = tmp_path / "c.csv"
    path.write_bytes(corrections.saved().to_csv())
    # No key is a number to a spreadsheet.
    assert all(line.startswith("k") for line in path.read_text().splitlines()[1:])
    there = corrections.read(path)
    assert there.faces == corrections.saved().faces
    corrections.add_overlay(there)
    assert len(corrections.history()) == 2  # they were here already
    stored_data.delete_all()
    corrections.add_overlay(there)
    back = corrections.history()
    assert back["author"].tolist() == ["ada", "ada"] and back["reason"].tolist() == ["x", "x"]


def test_a_bad_csv_names_every_row(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text(
        f"face,action,value\n{'a' * 16},label,Bored\n,exclude,\n{'c' * 16},jump,\n"
        f"{'e' * 16},label,Sad\n",
        encoding="utf-8",
    )
    with pytest.raises(DatasetError) as caught:
        corrections.read(path)
    assert [p.split(":")[0] for p in caught.value.problems] == ["row 0", "row 1", "row 2"]
    path.write_text("who,what\n1,2\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="lacks the column face"):
        corrections.read(path)


def test_corrections_survive_a_spreadsheet(faces, keys, tmp_path):
    path, data = tmp_path / "c.csv", tmp_path / "a.csv"
    export_csv(faces, data)
    # Old files have no k; others have semicolons, or tabs, and a mark at the beginning.
    for delimiter, prefix in ((",", ""), (";", "k"), ("\t", "k")):
        rows = [("face", "action", "value"), (prefix + keys[0], "label", "Sad")]
        text = "\n".join(delimiter.join(row) for row in rows)
        path.write_text("\ufeff" + text, encoding="utf-8")
        assert corrections.read(path).faces[keys[0]].label == EMOTIONS.index("Sad")
    for damaged in ("1.23457E+15", "1234567890123450000", "5,6E+20", "#NUM!"):
        path.write_text(f'face,action,value\n"{damaged}",label,Sad\n', encoding="utf-8")
        with pytest.raises(DatasetError, match="what a spreadsheet made of a face's key"):
            corrections.read(path)
    path.write_text(f"face,action,value\nk{'0' * 16},exclude,\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="None of the 1 faces"):
        load(data, corrections=path)
    path.write_text(f"face,action\nk{'0' * 16},exclude\n{keys[0]},exclude\n".replace(
        "action", "action,value").replace("exclude", "exclude,"), encoding="utf-8")  # fmt: skip
    code, out, err = command("dataset", str(data), "--corrections", str(path))
    assert code == 0 and "1 of 2 corrected faces are not in this dataset" in err
    assert "1 left out" in out


def test_corrections_stand_above_votes(faces, tmp_path):
    from tests.unit.test_datasets import votes_for, write_votes

    export_csv(faces, tmp_path / "a.csv")
    votes = votes_for(faces)
    votes[:2] = 10 * np.eye(10)[EMOTIONS.index("Happy")]
    votes[5] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 10]
    write_votes(tmp_path / "v.csv", votes, faces.usage)
    key = face_keys(faces.faces)[0]
    corrections.add([Change(key, "label", "Sad")])
    corrected = load(
        tmp_path / "a.csv",
        tmp_path / "v.csv",
        relabel=True,
        drop_not_faces=True,
        corrections="saved",
    )
    assert EMOTIONS[corrected.labels[0]] == "Sad" and EMOTIONS[corrected.labels[1]] == "Happy"
    assert len(corrected) == len(faces) - 1


def test_a_frozen_file_does_not_follow_later_corrections(keys):
    corrections.add([Change(keys[0], "exclude")])
    path = corrections.frozen("saved")
    corrections.add([Change(keys[1], "exclude")])
    assert list(corrections.read(path).faces) == [keys[0]]
    assert corrections.frozen("saved") != path


@pytest.mark.slow
def test_training_takes_corrections_as_they_are_when_it_begins(keys):
    from fer_core.train import configure, load_data

    corrections.add([Change(key, "exclude") for key in face_keys(demo.load().faces)[:9]])
    config = configure(model="mini_xception", data="demo", corrections="saved")
    corrections.add([Change(face_keys(demo.load().faces)[10], "exclude")])
    assert len(load_data(config)) == len(demo.load()) - 9


_WRITER = """
import sys
from fer_core.datasets import corrections
who = sys.argv[1]
for n in range(40):
    corrections.add([corrections.Change(f"{who}{n}", "label", "Sad")], who)
    print(n, flush=True)
"""


def test_writers_at_the_same_time_and_a_killed_one_lose_nothing():
    def writer(who):
        return subprocess.Popen([sys.executable, "-c", _WRITER, who], stdout=subprocess.PIPE)

    one, other, killed = writer("a"), writer("b"), writer("c")
    confirmed = [killed.stdout.readline() for _ in range(5)]
    killed.kill()
    confirmed += killed.stdout.readlines()
    for process in (one, other, killed):
        process.communicate()
    log = corrections.history()
    assert (log["author"] == "a").sum() == 40 and (log["author"] == "b").sum() == 40
    assert (log["author"] == "c").sum() >= len(confirmed)


# -- collected faces


def test_a_face_is_collected_with_consent_only_and_deleted(faces):
    with pytest.raises(DatasetError, match="consent"):
        collected.add(faces.faces[0], "Sad", consent=False)
    with pytest.raises(DatasetError, match="No faces were collected"):
        load("collected")
    for i in range(3):
        collected.add(faces.faces[i], "Sad", consent=True, source="Images", model="m")
    kept = load("collected")
    assert np.array_equal(kept.faces, faces.faces[:3])
    assert set(kept.usage) == {"Training"} and set(kept.labels) == {EMOTIONS.index("Sad")}
    collected.delete(collected.list_faces()[0].id)
    assert len(load("collected")) == 2
    pixels = faces.faces[1].tobytes()
    assert pixels in settings().store.read_bytes()
    gone = stored_data.delete_all()
    assert (gone.faces, gone.corrections) == (2, 0) and not settings().store.exists()


def test_a_crop_is_collected_as_the_model_saw_it(faces):
    from fer_core.preprocess import faces_to_crops

    collected.add(faces_to_crops(faces.faces[:1])[0], "Happy", consent=True)
    assert np.array_equal(load("collected").faces, faces.faces[:1])


def test_collected_faces_mix_into_training(faces):
    from fer_core.train import configure, load_data

    collected.add(faces.faces[0], "Sad", consent=True)
    config = configure(model="mini_xception", data="demo", mix={"collected": 2.0})
    mixed = load_data(config)
    assert len(mixed) == len(demo.load()) + 1
    assert mixed.weights[-1] == pytest.approx(2 * mixed.weights[0])


# -- the command


def test_command_counts_corrects_and_exports(faces, keys, tmp_path):
    export_splits(faces, ExportFolder(tmp_path))
    overlay = tmp_path / "c.csv"
    overlay.write_text(
        f"face,action,value\n{keys[0]},label,Sad\n{keys[1]},exclude,\n", encoding="utf-8"
    )
    code, out, _ = command(
        "dataset", str(tmp_path / "Training.csv"), "--corrections", str(overlay),
        "--export", str(tmp_path / "out"), "--json",
    )  # fmt: skip
    assert code == 0
    assert '"left_out": 1' in out and '"relabelled": 1' in out and '"faces": 69' in out
    assert len(load(tmp_path / "out" / "Training.csv")) == 69
    code, out, _ = command(
        "dataset", str(tmp_path / "Training.csv"), "--export", str(tmp_path / "f"), "--as",
        "folders",
    )  # fmt: skip
    assert code == 0 and "70 faces" in out
    assert len(load(tmp_path / "f")) == 70


def test_command_lists_every_problem_and_goes_on_without(faces, tmp_path):
    path = tmp_path / "a.csv"
    export_csv(faces, path)
    lines = path.read_text(encoding="utf-8").splitlines()
    label, pixels, usage = lines[1].split(",")
    bad = [
        f"7,{pixels},{usage}", f"bored,{pixels},{usage}", f"{label},{pixels},Tests",
        f"{label},{pixels.rsplit(' ', 1)[0]},{usage}",
        f"{label},256 {pixels.split(' ', 1)[1]},{usage}",
    ]  # fmt: skip
    path.write_text("\n".join([*lines, *bad]) + "\n", encoding="utf-8")
    code, _, err = command("dataset", str(path))
    assert code == 1
    for words in ("'7'", "'bored'", "'Tests'", "2303 pixels", "above 255", "5 problems"):
        assert words in err
    code, out, _ = command("dataset", str(path), "--skip-bad", "--json")
    assert code == 0 and f'"faces": {len(faces)}' in out
