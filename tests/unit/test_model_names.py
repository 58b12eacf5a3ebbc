"""Which names a new model may have, and what is never replaced or lost."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from model_tools import copy_of_shipped

from fer_core.cli import cli
from fer_core.datasets import demo
from fer_core.errors import FerError, ModelError
from fer_core.models.catalogue import (
    SHIPPED,
    check_new_name,
    find_model,
    free_name,
    list_models,
)
from fer_core.settings import settings
from fer_core.train.runs import TrainingRun
from fer_core.zoo import create, ensembles, manage, publish_job
from fer_core.zoo.writing import write_folder
from tests.command_line import fer_core

ROOT = Path(__file__).parents[2]
NETWORK = (SHIPPED / "mini_xception" / "model.tflite").read_bytes()


@pytest.fixture
def models(tmp_path, monkeypatch) -> Path:
    """The folder of this machine's models, with two in it."""
    monkeypatch.setenv("FER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FER_DATA", raising=False)
    settings.cache_clear()
    for name in ("one", "two"):
        copy_of_shipped(settings().models, name)
    yield settings().models
    monkeypatch.undo()
    settings.cache_clear()


def everything(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def write(folder: Path, content: bytes = NETWORK, **options: object):
    return write_folder(
        folder,
        lambda new: (new / "model.tflite").write_bytes(content),
        title="Quickly written",
        architecture="mini_xception",
        parameters=1,
        **options,
    )


def refused(*arguments: str) -> str:
    """What a command says that ends with an error."""
    result = CliRunner().invoke(cli, arguments, standalone_mode=False)
    assert result.exception is not None, result.output
    if isinstance(result.exception, click.ClickException):
        return result.exception.format_message()
    assert isinstance(result.exception, FerError), result.exception
    return str(result.exception)


# -- names

NAMES = {
    "": "the name given is empty",
    "My Model": "use 'my-model'",
    "../up": "use 'up'",
    "a/b": "use 'a-b'",
    "Über": "small letters",
    "-x": "use 'x'",
    "x" * 65: "at most 64",
    "one\n": "use 'one'",
    "x.": "Windows",
    "nul": "Windows",
    "com1.tflite": "Windows",
    "vgg": "ships with this program",
    "one": "already",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_cannot_be_given_is_refused_before_any_work(models, name):
    before = everything(models)
    # Neither the run nor the data exists, and still it is the name that is refused first.
    publish = ["runs", "publish", "nobody", "--data", "/gone.csv", "--name", name]
    vote = ["ensemble", "one", "two", "--data", "/gone.csv", "--save", name]
    for command in (publish, vote):
        for to in ([], ["--to", str(models)]):
            assert NAMES[name] in refused(*command, *to)
    # The pages begin with these two.
    run = TrainingRun(settings().runs / "nobody")
    for begin in (
        check_new_name,
        lambda name: publish_job.start(run, name),
        lambda name: create.make_ensemble(name, ["one", "two"], "/gone.csv"),
    ):
        with pytest.raises(ModelError, match=re.escape(NAMES[name])):
            begin(name)
    assert everything(models) == before


def test_an_empty_name_in_python_replaces_nothing(models, tmp_path):
    before = everything(tmp_path)
    for folder in (models / "", models.parent, tmp_path):
        with pytest.raises(ModelError, match="all models|no model called|small letters"):
            write(folder, overwrite=True)
    assert everything(tmp_path) == before
    # Nor does a model take the place of the folder of all models where there is none yet.
    shutil.rmtree(models)
    with pytest.raises(ModelError, match="where all models are"):
        write(models)


def test_an_empty_variable_is_not_the_current_folder(models, monkeypatch):
    monkeypatch.chdir(models)
    for name in ("FER_HOME", "FER_DATA", "FER_WEIGHTS"):
        monkeypatch.setenv(name, "")
    settings.cache_clear()
    assert settings().home.is_absolute() and settings().models != models
    assert settings().data is None and settings().weights is None


def test_an_empty_text_is_no_folder(models):
    for command in (["runs", "publish", "nobody", "--name"], ["ensemble", "one", "two", "--save"]):
        said = refused(*command, "new", "--data", "demo", "--to", "")
        assert "--to" in said and "empty" in said


def test_names_of_shipped_models_are_for_their_own_folder(tmp_path):
    with pytest.raises(ModelError, match="ships with this program"):
        check_new_name("mini_xception", tmp_path)
    with pytest.raises(ModelError, match="already"):
        check_new_name("mini_xception", SHIPPED)
    assert check_new_name("mini_xception", SHIPPED, overwrite=True) == SHIPPED / "mini_xception"
    with pytest.raises(ModelError, match="fast votes in ensemble"):
        check_new_name("fast", SHIPPED, overwrite=True)


def test_a_free_name_is_one_that_can_be_given(models):
    copy_of_shipped(models, "one-2")
    for wish, name in {
        "one": "one-3",
        "My Model": "my-model",
        "vgg": "vgg-2",
        "nul": "nul-model",
        "nul.txt": "nul-txt",
        "é": "model",
        "x" * 80: "x" * 56,
    }.items():
        assert free_name(wish) == name
        assert check_new_name(name) == models / name


# -- what is replaced


def test_only_a_model_of_that_name_is_replaced_and_only_when_asked(models):
    with pytest.raises(ModelError, match="There is a model 'one' already"):
        write(models / "one")
    other = everything(models / "two")
    write(models / "one", overwrite=True)
    assert find_model("one").card.title == "Quickly written"
    assert everything(models / "two") == other
    assert sorted(path.name for path in models.iterdir()) == ["one", "two"]


def test_a_folder_that_is_no_such_model_is_never_replaced(models):
    (models / "notes").mkdir()
    (models / "notes" / "diary.txt").write_text("mine", encoding="utf-8")
    shutil.copytree(models / "two", models / "renamed")  # its card is that of 'two'
    shutil.copytree(models / "two", models / "damaged")
    (models / "damaged" / "card.json").write_text('{"name": "damaged"', encoding="utf-8")
    (models / "file").write_text("mine", encoding="utf-8")
    (models / "one" / "diary.txt").write_text("mine", encoding="utf-8")
    before = everything(models)
    for name, says in (
        ("notes", "no model called 'notes'"),
        ("renamed", "no model called 'renamed'"),
        ("damaged", "no model called 'damaged'"),
        ("file", "no model called 'file'"),
        ("one", "also holds diary.txt"),
    ):
        with pytest.raises(ModelError, match=says):
            write(models / name, overwrite=True)
    assert everything(models) == before


def test_a_link_is_never_replaced(models, tmp_path):
    shutil.move(models / "one", tmp_path / "one")
    try:
        (models / "one").symlink_to(tmp_path / "one", target_is_directory=True)
    except OSError:
        pytest.skip("this account may not make symbolic links")
    with pytest.raises(ModelError, match="no model called 'one'"):
        write(models / "one", overwrite=True)
    assert find_model("one").checked("model.tflite").is_file()


def test_a_name_that_is_taken_meanwhile_stays_with_who_took_it(models):
    with pytest.raises(ModelError, match="already"):
        write(models / "new", calibrate=lambda folder: copy_of_shipped(models, "new"))
    assert find_model("new").card.title != "Quickly written"
    assert not list(models.glob(".*"))


def test_a_model_that_cannot_be_written_leaves_nothing_and_says_where(models):
    def full(new: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(ModelError, match=r"'new' cannot be written to .*No space left"):
        write_folder(models / "new", full, title="", architecture="vgg", parameters=1)
    assert sorted(path.name for path in models.iterdir()) == ["one", "two"]


# -- ensembles


def test_a_model_that_an_ensemble_needs_is_not_replaced(models, tmp_path):
    data = demo.load(7, 7, 7, seed=1)
    ensembles.save(["one", "two"], data, models / "both")
    before = everything(models)
    for command in (
        ["runs", "publish", "nobody", "--name", "one"],
        ["ensemble", "mini_xception", "two", "--save", "one"],
    ):
        said = refused(*command, "--data", "/gone.csv", "--overwrite")
        assert "one votes in both" in said and "delete that first" in said
    with pytest.raises(ModelError, match="one votes in both"):
        write(models / "one", overwrite=True)
    with pytest.raises(ModelError, match="one votes in both"):
        manage.delete("one")
    assert everything(models) == before
    # Another model of that name, elsewhere, is no member of it.
    write(tmp_path / "one")
    write(tmp_path / "one", NETWORK + b"other", overwrite=True)
    # The ensemble itself may be made again, and then its members are free.
    ensembles.save(["mini_xception", "two"], data, models / "both", overwrite=True)
    write(models / "one", overwrite=True)
    assert set(find_model("both").card.members) == {"mini_xception", "two"}


def test_one_model_under_two_names_does_not_vote_twice(models):
    shutil.copytree(models / "one", models / "same")
    card = json.loads((models / "same" / "card.json").read_text(encoding="utf-8"))
    text = json.dumps(card | {"name": "same"})
    (models / "same" / "card.json").write_text(text, encoding="utf-8")
    said = refused("ensemble", "two", "one", "same", "--save", "new", "--data", "/gone.csv")
    assert "one and same are one model under two names" in said


# -- processes that are killed

#: Writes the model NAME and stops in the middle: while its files are written, or when the old
#: model was moved aside and the new one is not yet in its place.
WRITER = """
import sys, time
from pathlib import Path
from fer_core.zoo.writing import write_folder

folder, where = Path(sys.argv[1]), sys.argv[2]

def wait():
    print("there", flush=True)
    time.sleep(600)

def fill(new):
    (new / "model.tflite").write_bytes(b"half")
    if where == "writing":
        wait()

def watch(event, arguments):
    if where == "moving" and event == "os.rename" and Path(arguments[1]) == folder:
        wait()

sys.addaudithook(watch)
write_folder(folder, fill, overwrite=True, title="", architecture="vgg", parameters=1)
"""


@pytest.fixture
def writing(models):
    """Begins to write a model in a process of its own, which is killed at the latest at the end."""
    begun = []

    def begin(name: str, where: str = "writing") -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(models / name), where],
            stdout=subprocess.PIPE, text=True, cwd=ROOT,
            encoding="utf-8",
        )  # fmt: skip
        begun.append(process)
        assert process.stdout.readline() == "there\n"
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def test_a_killed_process_leaves_the_old_model_and_the_next_one_clears_up(models, writing):
    before = everything(models)
    killed, running = writing("one"), writing("two")
    killed.kill()
    killed.wait()
    after = everything(models)
    assert {file: after[file] for file in before} == before
    assert list(models.glob(".one.*"))
    assert find_model("one").checked("model.tflite")

    write(models / "three")
    assert not list(models.glob(".one.*"))
    assert len(list(models.glob(".two.*"))) == 2  # in use: the folder and its lock
    running.kill()
    running.wait()
    write(models / "one", overwrite=True)
    assert sorted(path.name for path in models.iterdir()) == ["one", "three", "two"]


def test_a_model_that_was_moved_aside_by_a_killed_process_comes_back(models, writing):
    before = everything(models)
    killed = writing("one", "moving")
    assert not (models / "one").exists()
    killed.kill()
    killed.wait()
    write(models / "three")
    shutil.rmtree(models / "three")
    assert everything(models) == before


def test_folders_that_only_look_left_behind_stay(models):
    mine = models / ".one.0123abcd"
    mine.mkdir()
    (mine / "diary.txt").write_text("mine", encoding="utf-8")
    (models / ".notes.lock").write_text("mine", encoding="utf-8")
    write(models / "three")
    assert (mine / "diary.txt").is_file() and (models / ".notes.lock").is_file()


# -- from a run to its model


@pytest.fixture
def python_on_path(monkeypatch):
    """``python`` is the one that runs the tests."""
    folder = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", folder + os.pathsep + os.environ["PATH"])


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the hint is quoted for a POSIX shell")
def test_what_a_finished_run_says_can_be_pasted(models, tmp_path, python_on_path):
    data = demo.load(70, 35, 35, seed=3)
    file = tmp_path / "Ada's faces & more" / "faces.csv"
    file.parent.mkdir()
    lines = [
        f"{label},{' '.join(map(str, face.ravel()))},{usage}"
        for face, label, usage in zip(data.faces, data.labels, data.usage, strict=True)
    ]
    file.write_text("\n".join(["emotion,pixels,Usage", *lines]), encoding="utf-8")
    options = '{"widths": [4, 6], "convolutions": [1, 1], "dense": []}'
    done = fer_core(
        "train", "--model", "vgg", "--data", str(file), "--epochs", "1",
        "--set", f"model_options={options}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (hint,) = (line for line in done.stderr.splitlines() if "runs publish" in line)
    shipped = {path.name for path in SHIPPED.iterdir()}

    pasted = subprocess.run(
        hint, shell=True, capture_output=True, text=True, cwd=ROOT, check=False, encoding="utf-8"
    )
    assert pasted.returncode == 0, pasted.stderr
    # It is found, where this machine's own models are, whatever the current folder.
    (made,) = {folder.name for folder in list_models() if not folder.ships} - {"one", "two"}
    assert find_model(made).path == models / made
    assert find_model(made).card.figure("PublicTest").n == 35
    assert {path.name for path in SHIPPED.iterdir()} == shipped
    # Pasted again, it replaces nothing; with another word it does.
    again = subprocess.run(
        hint, shell=True, capture_output=True, text=True, cwd=ROOT, check=False, encoding="utf-8"
    )
    assert again.returncode == 1 and f"There is a model '{made}' already" in again.stderr
    more = subprocess.run(
        f"{hint} --overwrite --brief --notes again",
        shell=True, capture_output=True, text=True, cwd=ROOT, check=False,
        encoding="utf-8",
    )  # fmt: skip
    assert more.returncode == 0, more.stderr
    assert find_model(made).card.notes.startswith("again")
    # The next model of this run would get a name of its own.
    from fer_core.train.command import publish_command

    (run,) = (path.name for path in settings().runs.iterdir())
    assert publish_command(TrainingRun.open(run)).endswith(f"--name {run}-2")


def test_publishing_in_python_refuses_before_anything_is_read(models):
    from fer_core.zoo.publish import publish

    run = TrainingRun(settings().runs / "nobody")
    for folder in (models / "one", models / "My Model", models / "vgg", models / ""):
        with pytest.raises(FerError, match="already|small letters|all models"):
            publish(run, demo.load(7, 7, 7), folder)
