"""The audit finds what was planted, and says why."""

import cv2
import numpy as np
import pytest

from benchmarks.audit import planted
from fer_core.audit import EXCLUDE, audit, labels, network, not_faces
from fer_core.audit.jobs import AuditJob
from fer_core.datasets import demo, duplicates, load
from fer_core.datasets.base import Dataset
from fer_core.datasets.identity import face_keys
from fer_core.emotions import EMOTIONS
from fer_core.errors import DatasetError
from fer_core.settings import settings
from tests.unit.test_dataset_corrections import command


@pytest.fixture(scope="module")
def whole():
    return demo.load()


@pytest.mark.slow
@pytest.mark.parametrize(
    "share",
    [0.02, 0.05, 0.1],
)
def test_planted_label_errors_rank_first(share):
    found = planted(share, seed=0)
    assert found["found"] >= 0.9
    assert found["proposals"] > 0.9


def test_votes_name_the_label_and_how_many_say_so(whole):
    some = whole.take(np.arange(70))
    counts = np.zeros((70, 10), np.float32)
    counts[np.arange(70), some.labels] = 10
    wrong = (some.labels[3] + 1) % 7
    counts[3] = 0
    counts[3, wrong], counts[3, some.labels[3]] = 8, 2
    sure = np.eye(7, dtype=np.float32)[some.labels] * 0.93 + 0.01
    found = labels.find(some.labels, sure, counts)
    assert np.flatnonzero(found.wrong).tolist() == [3] and found.proposal[3] == wrong
    assert f"8 of 10 annotators say {EMOTIONS[wrong].lower()}" in found.reasons[0]
    perfect = labels.compare(labels.find(some.labels, sure), some.labels, counts)
    assert perfect["recall"] == 0 and perfect["wrong"] == pytest.approx(1 / 70)


def test_too_few_faces_say_so(whole):
    with pytest.raises(DatasetError, match="at least 10 faces"):
        network.out_of_fold([np.zeros((21, 3))], np.arange(21) % 7)


def jpeg(face):
    return cv2.imdecode(cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], 0)


def brighter(face):
    return np.clip(face * 0.9 + 20, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("change", [np.copy, jpeg, brighter])
def test_copies_are_found_and_strangers_are_not(whole, change):
    first = whole.faces[:300]
    faces = np.concatenate([first, [change(face) for face in first[:60]]])
    group = duplicates.near(faces, duplicates.hashes(faces))
    together = group[:60] == group[300:]
    assert (together & (group[300:] >= 0)).mean() >= 0.9
    assert (group[60:300] >= 0).sum() <= 2


def test_exact_copies_are_numbered_in_order(whole):
    faces = whole.faces[[5, 6, 7, 6, 5, 8]]
    assert duplicates.exact(face_keys(faces)).tolist() == [0, 1, -1, 1, 0, -1]
    assert duplicates.exact(face_keys(faces[:3])).tolist() == [-1, -1, -1]


def written(text):
    image = np.full((48, 48), 255, np.uint8)
    for line in range(3):
        cv2.putText(image, text, (2, 14 + 14 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.35, 0, 1)
    return image


@pytest.fixture(scope="module")
def troubled(whole):
    """Some demo faces, two blank pictures, three of text, a copy across splits."""
    part = whole.take(np.r_[0:700, 2800:2870, 3500:3570])
    extra = [np.full((48, 48), 3, np.uint8), np.full((48, 48), 200, np.uint8)]
    extra += [written("sorry"), written("moved"), written("no img"), part.faces[700]]
    return Dataset(
        "troubled",
        np.concatenate([part.faces, extra]),
        np.concatenate([part.labels, np.zeros(5, np.int64), part.labels[700:701]]),
        np.concatenate([part.usage, np.full(6, "Training")]),
    )


@pytest.mark.slow
def test_an_audit_names_every_kind(troubled):
    told = []
    found = audit(troubled, on_progress=lambda what, share: told.append((what, share)))
    table = found.problems
    n = len(troubled)
    assert table.loc[table["kind"] == "blank", "row"].tolist() == [n - 6, n - 5]
    faceless = table.loc[table["kind"].isin(["no_face", "drawn"]), "row"]
    assert {n - 4, n - 3, n - 2} <= set(faceless)
    copies = table[table["kind"] == "exact"].set_index("row")
    assert {700, n - 1} <= set(copies.index)
    assert copies.loc[n - 1, "across"] and copies.loc[n - 1, "proposal"] == EXCLUDE
    assert "row 700 (PublicTest" in copies.loc[n - 1, "reason"]
    assert copies.loc[700, "proposal"] == ""  # the copy in the later split stays
    assert found.summary["copies"]["all"]["test_faces_seen_in_training"] == 1
    assert 0.5 < found.summary["attainable"]["predictions"] <= 1
    assert found.summary["kinds"]["blank"] == 2
    assert {what for what, _ in told} >= {"Looking at every face", "Looking for label errors"}

    corrected = found.to_overlay().apply(troubled)
    keys = set(face_keys(corrected.faces))
    assert not keys & set(face_keys(troubled.faces)[[n - 6, n - 5, n - 1]])
    only = found.to_overlay(kinds=("blank",), split="PublicTest")
    assert only.events.empty


@pytest.mark.slow
def test_where_nothing_else_is_wrong_there_are_labels(whole):
    part = whole.take(np.arange(140))
    table = audit(part).problems
    assert not (table["kind"].isin(["exact", "near", "blank"])).any()
    assert set(table["split"]) <= {"Training"}


def test_blank_and_drawn_measures(whole):
    pictures = np.stack([*whole.faces[:200], np.full((48, 48), 9, np.uint8), written("hello")])
    seen = not_faces.measure(pictures)
    assert np.flatnonzero(seen.blank).tolist() == [200]
    assert seen.drawn[201] > np.percentile(seen.drawn[:200], 99)


@pytest.mark.slow
def test_command_writes_proposals_that_corrections_take(tmp_path):
    from fer_core.datasets.fer2013 import export_csv

    some = demo.load(140, 35, 35, seed=1)
    copy = some.take(np.r_[0 : len(some), 0])
    path = tmp_path / "a.csv"
    export_csv(copy, path)
    code, out, err = command("dataset", str(path), "--audit", "--propose", str(tmp_path / "p.csv"))
    assert code == 0, err
    assert "The same picture again" in out and "Attainable" in out
    code, out, _ = command("dataset", str(path), "--corrections", str(tmp_path / "p.csv"), "--json")
    assert code == 0 and '"left_out": 1' in out


@pytest.mark.slow
def test_trainings_with_and_without_corrections_are_compared(tmp_path, monkeypatch):
    from benchmarks.corrections import run_corrections, to_markdown
    from fer_core.datasets.fer2013 import export_csv
    from fer_core.settings import settings
    from fer_core.train.runs import list_runs
    from tests.unit.test_datasets import write_votes

    monkeypatch.setenv("FER_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    try:
        some = demo.load(140, 35, 35, seed=1)
        leak = some.take(np.r_[0 : len(some), 0])
        leak.usage[0] = "PrivateTest"
        export_csv(leak, tmp_path / "a.csv")
        votes = np.zeros((len(leak), 10))
        votes[np.arange(len(leak)), leak.labels] = 10
        write_votes(tmp_path / "votes.csv", votes, leak.usage)
        given = (str(tmp_path / "a.csv"), tmp_path / "votes.csv", (0.5,))
        result = run_corrections(*given, epochs=1)
        assert run_corrections(*given, epochs=1) == result
        assert len(list_runs()) == 4
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert result["corrections"]["labels from 0.5"]["left_out"] >= 1
    for of in result["learners"].values():
        plain, corrected = of["as it is"], of["labels from 0.5"]
        private = corrected["PrivateTest"]
        assert private["own"]["faces"] == 36 and private["unseen"]["faces"] == 35
        assert "difference" in private["own"] and "difference" not in plain["PrivateTest"]["own"]
    each = result["learners"]["network"]["labels from 0.5"]["PrivateTest"]["own"]
    assert each["difference"] == pytest.approx(np.mean(each["seeds"])) and len(each["seeds"]) == 2
    assert "labels from 0.5" in to_markdown(result)


def test_the_discriminant_is_that_of_scikit_learn(whole):
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    values = network.gradients(whole.faces)
    learned = np.arange(len(whole)) % 5 > 0
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    theirs.fit(values[learned], whole.labels[learned])
    ours = network.discriminant(values[learned], whole.labels[learned], values[~learned])
    assert np.allclose(ours, theirs.predict_proba(values[~learned]), atol=1e-4)


@pytest.mark.slow
def test_an_audit_in_the_background_reads_numbers_as_they_were_chosen(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    try:
        faces = demo.load(84, 7, 7, seed=3).split("Training")
        for i, (face, label) in enumerate(zip(faces.faces, faces.labels, strict=True)):
            place = tmp_path / "numbers" / str(label) / f"{i}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(place), face)
        source = str(tmp_path / "numbers")
        job = AuditJob.of(load(source, label_order="fer2013"), "mini_xception")
        job.start(source, None, False, "mini_xception", "fer2013")
        job.wait(300)
        assert job.state()["status"] == "done", job.state()
        assert job.result().summary["faces"] == 84
    finally:
        monkeypatch.undo()
        settings.cache_clear()
