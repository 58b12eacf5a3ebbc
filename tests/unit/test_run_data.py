"""A run and its data belong together: other data is noticed, and what was finished stays so."""

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fer_core import train
from fer_core.cli import cli
from fer_core.datasets import Dataset, demo, mix
from fer_core.errors import DatasetError, FerError, TrainingError
from fer_core.settings import settings
from fer_core.train import configure, judge, origin, queue, runs
from fer_core.train.runs import TrainingRun
from tests.command_line import fer_core
from tests.model_tools import TINY


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("FER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FER_DATA", raising=False)
    settings.cache_clear()
    yield settings().home
    for run in runs.list_runs():
        run.stop()
    monkeypatch.undo()
    settings.cache_clear()


def write_csv(path: Path, data: Dataset) -> Path:
    """Write a dataset as FER2013's CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = zip(data.labels, data.faces, data.usage, strict=True)
    lines = [f"{label},{' '.join(map(str, face.ravel()))},{usage}" for label, face, usage in rows]
    path.write_text("\n".join(["emotion,pixels,Usage", *lines]), encoding="utf-8")
    return path


def trained(data: Dataset, **changes) -> TrainingRun:
    from fer_core.train.fit import fit

    run = TrainingRun.create(configure(**TINY | changes))
    fit(run, data)
    return run


def changed_splits(data: Dataset) -> Dataset:
    usage = data.usage.copy()
    one, other = (np.flatnonzero(usage == s)[0] for s in ("Training", "PublicTest"))
    usage[[one, other]] = usage[[other, one]]
    return replace(data, usage=usage)


def test_other_data_is_refused_and_named_and_can_be_accepted(home):
    data, other = demo.load(64, 21, 21, seed=1), demo.load(96, 28, 21, seed=2)
    run = trained(data, teacher="mini_xception")
    labels = data.labels.copy()
    labels[0] = (labels[0] + 1) % 7
    for wrong in (other, replace(data, labels=labels), changed_splits(data)):
        with pytest.raises(TrainingError) as refused:
            train.resume(run.name, faces=wrong, epochs=3)
        for one in (data, wrong):
            assert one.identity()[1] in str(refused.value)
        assert "--accept-new-data" in str(refused.value)
    assert "in other splits" in str(refused.value)
    assert run.state()["status"] == "trained" and run.config.epochs == 1
    # Whoever calls fit directly meets the same check, and a finished run stays finished.
    from fer_core.train.fit import fit

    with pytest.raises(TrainingError, match="was trained on"):
        fit(run, other)
    assert run.state()["status"] == "trained"
    with pytest.raises(TrainingError, match="higher number with --epochs"):
        train.resume(run.name, faces=other, accept_new_data=True)

    # A figure that only the first dataset gives must not win against the second.
    rows = run.metrics()
    rows[0]["val_accuracy"] = 1.0
    run.write_metrics(rows)
    before = run.load_arrays("best.npz")["model"]
    train.resume(run.name, faces=other, accept_new_data=True, epochs=3)
    assert run.state()["status"] == "trained" and run.state()["best_epoch"] in (2, 3)
    assert not np.array_equal(run.load_arrays("best.npz")["model"][0], before[0])
    (row,) = run.history()
    assert row["epoch"] == 1 and row["changes"]["epochs"] == [1, 3]
    old, new = row["changes"]["data_checksum"]
    assert data.identity()[1] in old and other.identity()[1] in new
    assert judge.figures(run)["PublicTest"]["n"] == 28
    with pytest.raises(TrainingError, match="was trained on"):
        train.resume(run.name, faces=data, epochs=4)
    # What it learnt of the first data still counts as training data.
    known = origin.trained_on(run, data)
    assert np.array_equal(known, data.usage == "Training")


@pytest.mark.slow
def test_data_that_was_moved_is_found_again_by_its_path(home, tmp_path):
    file = write_csv(tmp_path / "a" / "faces.csv", demo.load(35, 14, 14, seed=1))
    run = train.train(configure(**TINY | {"data": str(file)}))
    moved = tmp_path / "b" / "renamed.csv"
    moved.parent.mkdir()
    file.rename(moved)
    line = ["train", "--resume", run.name, "--epochs", "2"]
    refused = CliRunner().invoke(cli, line)
    assert isinstance(refused.exception, FerError) and "faces.csv" in str(refused.exception)
    assert run.state()["status"] == "trained" and run.config.epochs == 1
    done = CliRunner().invoke(cli, [*line, "--data", str(moved)], catch_exceptions=False)
    assert done.exit_code == 0 and len(run.metrics()) == 2
    assert run.config.data == str(moved)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"name": 1}', b"\xff\xfe"])
def test_a_damaged_note_of_its_data_is_one_sentence_and_hides_no_run(content, home, tmp_path):
    data = demo.load(35, 14, 14, seed=1)
    file = write_csv(tmp_path / "faces.csv", data)
    good, bad = (TrainingRun.create(configure(**TINY | {"data": str(file)})) for _ in range(2))
    for run in (good, bad):
        origin.store(run, data)
        run.write_state(status="stopped")
    (bad.path / "data.json").write_bytes(content)
    words = f"data.json is damaged, so it is not known what run {bad.name} was trained on"
    for line in (["train", "--resume", bad.name], ["runs", "resume", bad.name]):
        refused = CliRunner().invoke(cli, line)
        assert isinstance(refused.exception, TrainingError) and words in str(refused.exception)
    assert bad.state()["status"] == "stopped"
    listed = CliRunner().invoke(cli, ["runs"], catch_exceptions=False).output
    assert good.name in listed and bad.name in listed
    assert "stopped" in CliRunner().invoke(cli, ["runs", "show", bad.name]).output


def test_a_finished_run_is_never_downgraded(home, tmp_path):
    file = write_csv(tmp_path / "faces.csv", demo.load(35, 14, 14, seed=1))
    run = train.train(configure(**TINY | {"data": str(file)}))
    file.unlink()
    # There is nothing left to do, so no process is started that could fail.
    queue.resume(run.name)
    assert run.state()["status"] == "trained" and not run.busy()
    with pytest.raises(TrainingError, match="learning_rate: .*so this changes nothing"):
        queue.resume(run.name, learning_rate=0.1)
    # Nor is other data taken without a word by a run that learns nothing more.
    other = write_csv(tmp_path / "other.csv", demo.load(35, 14, 14, seed=2))
    for line in (["train", "--resume", run.name], ["runs", "resume", run.name]):
        refused = CliRunner().invoke(cli, [*line, "--data", str(other)])
        words = "data: Run .* has finished its 1 epochs, so this changes nothing"
        assert re.search(words, str(refused.exception))
    assert run.config.data == str(file)
    with pytest.raises(TrainingError, match="data: There is no .*faces.csv"):
        queue.resume(run.name, epochs=2)
    assert run.state()["status"] == "trained" and run.config.epochs == 1

    # A worker that fails, is stopped or dies before another epoch is finished changes nothing.
    run.write_config(run.config.model_copy(update={"epochs": 2}), [
        origin.history_row(1, 1, {"epochs": [1, 2]})
    ])  # fmt: skip
    for ending in ("failed", "stopped"):
        run.write_state(status="running")
        run.write_state(status=ending, reason="The disk is full.")
        assert run.state()["status"] == "trained"
        assert run.state()["reason"] == "The disk is full."
    run.write_state(status="running")
    assert run.state()["status"] == "trained"  # nothing trains it
    # It is still known that another epoch was asked for, and one more finished epoch counts.
    assert not run.is_finished()
    with run.lock():  # as while it is trained
        run.write_state(status="running")
        run.write_state(epoch=2)
    run.write_state(status="failed")
    assert run.state()["status"] == "failed"


def test_paths_of_a_run_lead_there_from_every_folder(home, tmp_path, monkeypatch):
    write_csv(tmp_path / "work" / "faces.csv", demo.load(35, 14, 14, seed=1))
    shutil.copytree(tmp_path / "work", tmp_path / "work" / "more")
    monkeypatch.chdir(tmp_path / "work")
    run = TrainingRun.create(
        configure(**TINY | {"data": "faces.csv", "mix": {"more/faces.csv": 0.5, "demo": 1.0}})
    )
    monkeypatch.chdir(tmp_path)
    config = TrainingRun.open(run.name).config
    assert config.data == str(tmp_path / "work" / "faces.csv")
    assert config.mix == {str(tmp_path / "work" / "more" / "faces.csv"): 0.5, "demo": 1.0}
    # What is no path stays as it is.
    assert TrainingRun.create(configure(**TINY)).config.data == "demo"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--data", "gone.csv"], "data: There is no gone.csv"),
        (["--data", "notes.txt"], "notes.txt"),
        (["--data", "damaged.csv"], "damaged.csv"),
        (["--data", "demo", "--teacher", "nobody"], "teacher: No model 'nobody'"),
        (["--data", "demo", "--weights", "gone.npz"], "weights: fast starts from"),
        (["--data", "demo", "--set", "batch_size=0"], "batch_size"),
    ],
)
def test_in_the_background_everything_is_checked_before_the_command_returns(
    options, words, home, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("no dataset", encoding="utf-8")
    Path("damaged.csv").write_text("emotion,pixels,Usage\n9,1 2 3,Training\n", encoding="utf-8")
    line = ["train", "--model", "fast", "--epochs", "1", "--background", *options]
    result = CliRunner().invoke(cli, line)
    assert isinstance(result.exception, FerError) and words in str(result.exception)
    assert runs.list_runs() == []


@pytest.mark.slow
def test_a_run_in_the_background_reads_its_data_from_another_folder(home, tmp_path, monkeypatch):
    write_csv(tmp_path / "work" / "faces.csv", demo.load(35, 14, 14, seed=1))
    monkeypatch.chdir(tmp_path / "work")
    options = json.dumps(TINY["model_options"])
    line = ["train", "--model", "vgg", "--data", "faces.csv", "--epochs", "1", "--background"]
    done = CliRunner().invoke(
        cli, [*line, "--set", f"model_options={options}"], catch_exceptions=False
    )
    (run,) = runs.list_runs()
    assert run.name in done.output
    runs.stop(run.name)
    monkeypatch.chdir(tmp_path)
    queue.resume(run.name)
    runs.wait(run.name, 200)
    assert run.state()["status"] == "trained", (run.path / "log.txt").read_text(encoding="utf-8")


# -- figures


def published(run: TrainingRun, data: Dataset, name: str, **options):
    from fer_core.zoo.publish import publish

    target = settings().models / name
    return publish(run, data, target, keras_form=False, **{"brief": True} | options).card


def with_copies(data: Dataset, source: Dataset, split: str, n: int) -> Dataset:
    """Replace some faces of a split by training faces of another dataset."""
    faces = data.faces.copy()
    rows = np.flatnonzero(data.usage == split)[:n]
    faces[rows] = source.split("Training").faces[:n]
    return replace(data, faces=faces)


def mixture() -> Dataset:
    """Two sources, the second of which knows its people and shares faces with the first."""
    own, other = demo.load(64, 21, 21, seed=1), demo.load(35, 28, 7, seed=9)
    persons = np.array([f"p{i % 7}" for i in range(len(other))])
    other = replace(with_copies(other, own, "PublicTest", 5), name="other", persons=persons)
    return mix([(own, 1.0), (other, 2.0)])


@pytest.mark.slow
def test_a_run_of_several_sources_says_how_good_it_is_on_each(home):
    data = mixture()
    run = trained(data)
    first, second = judge.sources(run)
    figures = judge.figures(run)["PublicTest"]
    # The first source chose, so its figures are those of the run; they bear its own name.
    assert (first.dataset, first.n) == ("demo", 21) and first.accuracy == figures["accuracy"]
    assert first.accuracy == run.state()["best_accuracy"] and first.over == "faces"
    assert (second.dataset, second.over, second.persons) == ("other", "persons", 7)
    assert second.copies >= 5 and second.n == 28 - second.copies
    card = published(run, data, "mixed")
    public = [one for one in card.figures if one.split == "PublicTest"]
    assert [(one.dataset, one.n) for one in public][0] == ("demo", 21)
    assert [(one.dataset, one.n) for one in public][-1] == ("other", second.n)


def test_the_figures_of_each_source_are_shown(home):
    run = TrainingRun.create(configure(**TINY))
    data = mixture()
    public = data.split("PublicTest")
    judge.judge(run, public, "PublicTest", np.eye(7)[public.labels])
    assert json.loads(fer_core("runs", "show", run.name, "--json").stdout)["sources"] == []
    judge.judge_sources(run, data, lambda faces: np.full((len(faces), 7), 1 / 7))
    shown = fer_core("runs", "show", run.name).stdout
    rows = {line[:15].strip(): line[15:].split() for line in shown.splitlines()}
    assert rows["accuracy"][0] == "100.00%" and rows["faces"][0] == "21"
    assert rows["drawn over"] == ["faces", "persons"] and rows["people"] == ["–", "7"]
    assert rows["copies left out"][1] == str(data.further[0].copies)
    (run.path / "sources.json").write_text("[{}]", encoding="utf-8")
    assert judge.sources(run) == []  # damaged, which hides nothing else of the run


@pytest.mark.slow
def test_figures_are_of_the_runs_own_data_or_of_data_that_the_card_names(home):
    own, other = demo.load(64, 21, 21, seed=1), demo.load(35, 14, 14, seed=9)
    run = trained(own)
    card = published(run, own, "own")
    assert card.figure("PublicTest").checksum == own.identity()[1]
    assert "measured on" not in card.notes
    # So few faces tell nothing of a temperature.
    assert card.temperatures.as_trained == 1 and "200 validation faces" in card.notes
    assert card.class_frequencies.happy == int((own.split("Training").labels == 3).sum())

    card = published(run, other, "other")
    assert card.figure("PublicTest").n == 14
    for one in (own, other):
        assert one.identity()[1] in card.notes
    # What it was trained on does not follow from what measures it.
    assert card.class_frequencies.happy == int((own.split("Training").labels == 3).sum())


@pytest.mark.slow
def test_a_split_that_holds_training_faces_gives_no_figures(home):
    own = demo.load(64, 21, 21, seed=1)
    run = trained(own)
    other = with_copies(demo.load(35, 14, 14, seed=9), own, "PrivateTest", 3)
    card = published(run, other, "other", brief=False, splits=["PublicTest", "PrivateTest"])
    assert card.figure("PrivateTest") is None and card.figure("PublicTest").n == 14
    assert "Of PrivateTest, 3 faces are also in the training data" in card.notes

    leaky = with_copies(own, own, "PublicTest", 2)
    card = published(trained(leaky), leaky, "leaky")
    assert card.figure("PublicTest") is None and card.figure("PrivateTest").n == 21
    assert "Of PublicTest, 2 faces are also in the training data" in card.notes
    # The whole split is known: nothing is left to measure or to fit a temperature on.
    training = own.split("Training")
    known = replace(training, usage=np.full(len(training), "PublicTest"))
    with pytest.raises(DatasetError, match="PublicTest"):
        published(run, known, "none")


def test_faces_that_fer2013_has_twice_do_not_hide_its_figures():
    from fer_core.datasets.base import _FER2013

    splits = [s for s, counts in _FER2013.items() for _ in range(sum(counts))]
    labels = [k for counts in _FER2013.values() for k, n in enumerate(counts) for _ in range(n)]
    faces = np.zeros((len(labels), 48, 48), np.uint8)
    faces[:, 0, :4] = np.arange(len(labels), dtype=np.uint32)[:, None].view(np.uint8)
    public = splits.index("PublicTest")
    faces[public] = faces[0]
    data = Dataset("faces", faces, np.array(labels), np.array(splits))
    run = TrainingRun(Path("nothing is stored here"))
    assert not origin.trained_on(run, data).any()
    # The same faces in a dataset of somebody's own are a leak.
    own = data.take(np.arange(len(data)) != len(data) - 1)
    assert np.flatnonzero(origin.trained_on(run, own)).tolist() == [public]


@pytest.mark.slow
def test_a_run_is_not_evaluated_or_published_on_data_that_changed(home, tmp_path):
    file = write_csv(tmp_path / "faces.csv", demo.load(35, 14, 14, seed=1))
    run = train.train(configure(**TINY | {"data": str(file)}))
    write_csv(file, demo.load(35, 14, 14, seed=2))
    os.utime(file, (1, 1))
    assert judge.main(run.name, "PrivateTest") == 1
    assert "was trained on" in run.state()["act"]["reason"]
    assert "PrivateTest" not in judge.figures(run)
    line = ["runs", "publish", run.name, "--name", "mine", "--brief"]
    result = CliRunner().invoke(cli, line)
    assert "was trained on" in str(result.exception) and "--data" in str(result.exception)
    done = fer_core(*line, "--data", file)
    assert done.returncode == 0 and "measured on" in done.stderr
