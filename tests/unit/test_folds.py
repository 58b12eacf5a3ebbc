"""Cross-validation: who is left out by which run, what is missing, and the figures of all."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fer_core.cli import cli
from fer_core.datasets import Dataset, demo, load, mix
from fer_core.errors import FerError, TrainingError
from fer_core.files import write_json
from fer_core.models.catalogue import find_model
from fer_core.settings import settings
from fer_core.train import configure, crossvalidate, folds, judge, load_data, queue, runs
from fer_core.train.config import Fold
from fer_core.train.runs import TrainingRun
from tests.command_line import fer_core
from tests.model_tools import TINY

SEVEN = np.eye(7)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("FER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FER_RUNS_AT_ONCE", "1")
    monkeypatch.delenv("FER_DATA", raising=False)
    settings.cache_clear()
    yield tmp_path
    for run in runs.list_runs():
        run.stop()
    monkeypatch.undo()
    settings.cache_clear()


def of_persons(persons: int = 10, each: int = 14) -> Dataset:
    """Faces of several people, each of whom shows every emotion."""
    data = demo.load(persons * each, 0, 0, seed=3)
    return replace(data, persons=np.array([f"p{i // each}" for i in range(len(data))]))


def write_csv(path: Path, data: Dataset) -> Path:
    rows = zip(data.labels, data.faces, data.persons, strict=True)
    lines = [f"{label},{' '.join(map(str, face.ravel()))},{who}" for label, face, who in rows]
    path.write_text("\n".join(["emotion,pixels,person", *lines]), encoding="utf-8")
    return path


def parts(data: Dataset, count: int, by: folds.By, seed: int = 0) -> list[Dataset]:
    checksum = folds.divisible(data).identity()[1]
    return [
        folds.divide(data, Fold(group="g", number=n, count=count, by=by, checksum=checksum), seed)
        for n in range(1, count + 1)
    ]


def persons_of(data: Dataset, split: str) -> set[str]:
    return set(data.split(split).persons)


def test_persons_of_a_csv_are_read_and_kept(home):
    data = load(write_csv(home / "faces.csv", of_persons(3, 7)))
    assert list(data.persons) == [f"p{i // 7}" for i in range(21)]
    assert set(data.split("Training").persons) <= {"p0", "p1", "p2"}
    both = mix([(demo.load(7, 0, 0), 1.0), (data, 1.0)])
    assert list(both.persons[:7]) == [""] * 7
    assert set(both.persons[7:]) == persons_of(data, "Training")


def test_a_person_is_on_one_side_only_and_everybody_is_left_out_once():
    data = of_persons()
    left_out = []
    for part in parts(data, 5, "person"):
        sides = [persons_of(part, s) for s in ("Training", "PublicTest", "PrivateTest")]
        assert sum(map(len, sides)) == len(set.union(*sides)) == 10
        left_out += sorted(sides[2])
    assert sorted(left_out) == sorted(set(data.persons))


def test_at_random_every_face_is_left_out_once_and_every_emotion_has_its_share():
    data = demo.load(140, 42, 28, seed=1)
    seen = np.zeros(len(data), int)
    for part in parts(data, 5, "random"):
        seen += part.usage == "PrivateTest"
        counts = part.counts()["PrivateTest"].values()
        assert max(counts) - min(counts) <= 1
        assert set(part.counts()["PublicTest"].values()) <= {3, 4}
    assert (seen == 1).all()
    usage = [one.usage.tolist() for one in parts(data, 5, "random")]
    assert usage == [one.usage.tolist() for one in parts(data, 5, "random")]
    assert usage != [one.usage.tolist() for one in parts(data, 5, "random", seed=1)]


def test_the_privatetest_of_fer2013_is_in_no_fold():
    data = demo.load(70, 14, 14, seed=1)
    rows = np.arange(35_887 - len(data), 35_887)
    fer2013 = replace(data, rows=rows)
    private = set(rows[data.usage == "PrivateTest"])
    for part in parts(fer2013, 3, "random"):
        assert len(part) == 84 and not private & set(part.rows)


@pytest.mark.parametrize(
    ("data", "count", "by", "words"),
    [
        (demo.load(14, 0, 0), 2, "person", "does not say whose face"),
        (replace(of_persons(), persons=np.array(["", *["a"] * 139])), 2, "person", "of 1 faces"),
        (of_persons(3), 4, "person", "has 3 persons"),
        (of_persons(2), 2, "person", "only 1 persons"),
        (of_persons(10, 1), 5, "person", "has 2 faces of the most frequent emotion"),
        (demo.load(14, 0, 0), 3, "random", "has 2 faces of the most frequent emotion"),
    ],
    ids=["no persons", "one unknown", "too few", "nobody chooses", "one face each", "few faces"],
)
def test_what_cannot_be_divided_says_why(data, count, by, words):
    with pytest.raises(TrainingError, match=words):
        parts(data, count, by)


def made(home: Path, count: int = 3, **changes) -> crossvalidate.CrossValidation:
    """Make a cross-validation whose runs never ran."""
    data = load(write_csv(home / "faces.csv", of_persons()))
    config = configure(**TINY | {"data": str(home / "faces.csv")} | changes)
    part = {"count": count, "by": "person", "checksum": data.identity()[1], "group": "cv"}
    for number in range(1, count + 1):
        fold = Fold(number=number, **part)
        TrainingRun.create(config.model_copy(update={"fold": fold}))
    return crossvalidate.find("cv")


def finish(run: TrainingRun, right: float) -> None:
    """Give a run the figures of a network that is right on a share of the left-out faces."""
    faces = load_data(run.config).split("PrivateTest")
    said = faces.labels.copy()
    wrong = int(round((1 - right) * len(faces)))
    said[:wrong] = (said[:wrong] + 1) % 7
    judge.judge(run, faces, "PrivateTest", SEVEN[said])
    run.write_state(status="trained", epoch=1, best_epoch=1, best_accuracy=0.5)


def test_the_figures_are_those_of_all_left_out_faces(home):
    group = made(home)
    assert list(group.runs) == [1, 2, 3] and group.by == "person"
    for number, right in ((1, 1.0), (3, 0.5)):
        finish(group.runs[number], right)
    found = crossvalidate.summary(group)
    assert (found.done, [row.status for row in found.folds]) == (
        2,
        ["trained", "created", "trained"],
    )
    alone = np.array([found.folds[i].accuracy for i in (0, 2)])
    assert alone == pytest.approx([1.0, 0.5])
    assert (found.accuracy.mean, found.accuracy.sd) == pytest.approx((0.75, alone.std(ddof=1)))
    sizes = np.array([found.folds[i].faces for i in (0, 2)])
    matrix = np.array(found.confusion_matrix)
    assert matrix.sum() == sizes.sum()
    assert (
        matrix.trace() / matrix.sum()
        == found.pooled_accuracy
        == (sizes * alone).sum() / sizes.sum()
    )
    recalls = [
        row["recall"] for row in judge.figures(group.runs[3])["PrivateTest"]["per_class"].values()
    ]
    assert found.folds[2].macro_recall == pytest.approx(np.mean(recalls))

    # A fold whose figures are damaged is missing, and hides nothing of the others.
    (group.runs[3].path / "evaluation.json").write_text(
        '{"PrivateTest": {"n": 3}}', encoding="utf-8"
    )
    found = crossvalidate.summary(group)
    assert found.done == 1 and found.folds[2].status == "damaged" and found.accuracy.sd is None


def test_the_command_line_shows_stops_and_removes_all_folds(home):
    group = made(home)
    for run in group.runs.values():
        finish(run, 1.0)

    def said(*arguments: str) -> str:
        return CliRunner().invoke(cli, ["runs", *arguments], catch_exceptions=False).output

    line = "3 of 3 folds, by person  accuracy 100.00% ± 0.00  macro recall 100.00% ± 0.00"
    assert line in said() and line in said("show", "cv") and line in said("stop", "cv")
    assert "140 faces, each measured by the run that left it out: accuracy 100.00%" in said(
        "show", "cv"
    )
    # The mean recall says over how many emotions it is.
    assert len(re.findall("macro recall 100.00% of 7 emotions", said("show", "cv"))) == 3
    assert re.search("Surprise +0 +0 +0 +0 +0 +20 +0\n", said("show", "cv"))
    found = json.loads(said("show", "cv", "--json"))
    assert found["accuracy"] == {"mean": 1.0, "sd": 0.0}
    assert np.trace(found["confusion_matrix"]) == 140
    assert {row["cross_validation"] for row in json.loads(said("--json"))} == {"cv"}
    said("remove", "cv")
    assert runs.list_runs() == []


def test_folds_of_other_data_and_other_settings_are_refused(home):
    group = made(home)
    # The settings of a fold's run make a run of its own, no second fold.
    assert configure(config_file=group.runs[2].path / "config.json").fold is None
    write_csv(home / "faces.csv", of_persons(11))
    with pytest.raises(TrainingError, match="put its own data back"):
        crossvalidate.go_on("cv")
    for options, words in (
        (["--resume", "cv", "--epochs", "3"], "epochs: The folds"),
        (["--resume", "cv", "--folds", "3"], "has its folds already"),
        (["--resume", "cv", "--accept-new-data"], "other folds"),
        (["--folds-by", "person", "--model", "vgg", "--data", "demo"], "give --folds as well"),
        (["--folds", "90", "--model", "vgg", "--data", str(home / "faces.csv")], "has 11 persons"),
    ):
        refused = CliRunner().invoke(cli, ["train", *options])
        assert isinstance(refused.exception, FerError) and words in str(refused.exception)
    assert len(runs.list_runs()) == 3


@pytest.mark.slow
def test_folds_go_through_the_queue_and_what_is_missing_can_be_done_later(home):
    file = write_csv(home / "faces.csv", of_persons(4))
    options = json.dumps(TINY["model_options"])
    line = ["train", "--model", "vgg", "--data", str(file), "--epochs", "1", "--folds", "2"]
    line += ["--set", f"model_options={options}", "--set", "batch_size=32"]
    done = fer_core(*line)
    assert done.returncode == 0, done.stderr
    assert "2 of 2 folds, by person" in done.stdout and "56 faces, each measured" in done.stdout
    (group,) = crossvalidate.list_all()
    known = {number: run.metrics() for number, run in group.runs.items()}

    # A model that is made of a fold says so, and its figures are of no split of the dataset.
    fer_core("runs", "publish", group.runs[2].name, "--name", "half", "--brief", "--no-keras")
    card = find_model("half").card
    assert "Trained as fold 2 of 2 of a cross-validation." in card.notes
    assert {one.dataset for one in card.figures} == {"faces.csv, fold 2 of 2"}

    # Every run stores which data it is.
    checksum = load(file).identity()[1]
    for run in group.runs.values():
        assert (
            json.loads((run.path / "data.json").read_text(encoding="utf-8"))["checksum"] == checksum
        )

    fer_core("runs", "remove", group.runs[1].name)
    state = group.runs[2].state() | {"status": "interrupted"}  # as after a power cut
    write_json(group.runs[2].path / "state.json", state)
    assert [row.status for row in crossvalidate.summary(group).folds] == ["damaged", "interrupted"]
    again = fer_core("train", "--resume", group.name, "--background")
    assert again.stdout.strip() == group.name, again.stderr
    crossvalidate.wait(crossvalidate.find(group.name))
    (after,) = crossvalidate.list_all()
    assert crossvalidate.summary(after).done == 2
    assert after.runs[2].metrics() == known[2]  # nothing was trained twice
    assert [row["val_loss"] for row in after.runs[1].metrics()] == [
        row["val_loss"] for row in known[1]
    ]


def test_a_second_call_finds_the_first_and_stopped_folds_stay_stopped(home):
    config = configure(
        **TINY | {"data": str(write_csv(home / "f.csv", of_persons())), "epochs": 400}
    )
    group = crossvalidate.start(config, 3)
    assert [run.state()["status"] for run in group.runs.values()] == ["running", "queued", "queued"]
    assert crossvalidate.start(config, 3).name == group.name and len(runs.list_runs()) == 3
    crossvalidate.stop(group)
    assert {run.state()["status"] for run in group.runs.values()} == {"stopped"}
    assert queue.waiting() == []
