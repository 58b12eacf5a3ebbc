"""What the Models page can do, on the command line."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fer_core.cli import cli
from fer_core.datasets import demo
from fer_core.errors import FerError, ModelError
from fer_core.models.catalogue import default_model, find_model, list_models
from fer_core.settings import settings
from fer_core.train import configure, runs
from fer_core.train.runs import TrainingRun
from fer_core.zoo import ensembles
from tests.model_tools import copy_of_shipped

ROOT = Path(__file__).parents[2]


@pytest.fixture
def models(tmp_path, monkeypatch) -> Path:
    """The folder of this machine's models, with two in it."""
    monkeypatch.setenv("FER_HOME", str(tmp_path / "home"))
    for name in ("FER_MODEL", "FER_DATA"):
        monkeypatch.delenv(name, raising=False)
    settings.cache_clear()
    for name in ("one", "two"):
        copy_of_shipped(settings().models, name)
    yield settings().models
    monkeypatch.undo()
    settings.cache_clear()


def run(*arguments: object) -> str:
    done = CliRunner().invoke(cli, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*arguments: object) -> str:
    done = CliRunner().invoke(cli, list(map(str, arguments)), standalone_mode=False)
    if isinstance(done.exception, click.ClickException):
        return done.exception.format_message()
    assert isinstance(done.exception, FerError), done.output
    return str(done.exception)


def test_models_are_listed_and_the_default_is_marked_and_chosen(models):
    assert run("models") == run("models", "list")
    rows = json.loads(run("models", "list", "--json"))
    assert rows == json.loads(run("models", "--json"))
    assert [row["name"] for row in rows if row["default"]] == [default_model()]
    run("models", "default", "two")
    assert default_model() == "two"
    rows = json.loads(run("models", "list", "--json"))
    assert [row["name"] for row in rows if row["default"]] == ["two"]
    assert "\n* two " in run("models")
    assert "No model 'gone'" in refused("models", "default", "gone")
    assert default_model() == "two"


def test_a_card_is_shown(models):
    said = json.loads(run("models", "show", "one", "--json"))
    assert said["name"] == "one" and said["schema"] == 2 and said["default"] is False
    assert said["path"] == str(models / "one")
    assert run("models", "show", "one").startswith("# one: ")
    assert "No model 'gone'" in refused("models", "show", "gone")


@pytest.mark.slow
def test_a_model_goes_to_another_machine_and_back(models, tmp_path):
    file = tmp_path / "new folder" / "one.zip"
    run("models", "export", "one", "--to", file)
    with zipfile.ZipFile(file) as archive:
        assert "one/model.tflite" in archive.namelist()
    before = file.read_bytes()
    assert "add --overwrite" in refused("models", "export", "two", "--to", file)
    for own in ("model.tflite", "card.json"):
        target = models / "one" / own
        said = refused("models", "export", "one", "--to", target, "--overwrite")
        assert "would be destroyed" in said
    assert file.read_bytes() == before
    run("models", "export", "two", "--to", file, "--overwrite")

    assert "is here already" in refused("models", "import", file)
    run("models", "remove", "two")
    assert "two" not in [folder.name for folder in list_models()]
    assert json.loads(run("models", "import", file, "--json")) == ["two"]
    assert find_model("two").path == models / "two"
    assert "cannot be read" in refused("models", "import", tmp_path / "gone.zip")
    file.write_bytes(b"nothing")
    assert "no archive of models" in refused("models", "import", file)
    assert "text is empty" in refused("models", "export", "one", "--to", "")


def test_only_what_nobody_needs_is_removed(models):
    assert "ships with the project" in refused("models", "remove", "vgg")
    assert "No model 'gone'" in refused("models", "remove", "gone")
    ensembles.save(["one", "two"], demo.load(14, 14, 14, seed=1), models / "both")
    assert "votes in both" in refused("models", "remove", "one")
    run("models", "remove", "both")
    run("models", "default", "one")
    run("models", "remove", "one")
    assert not (models / "one").exists() and default_model() != "one"


def test_a_model_is_exported_for_other_programs(models, tmp_path):
    file = tmp_path / "m.tflite"
    run("models", "export", "mini_xception", "--format", "tflite", "--to", file)
    assert file.read_bytes() == (find_model("mini_xception").path / "model.tflite").read_bytes()
    refused_format = ("models", "export", "ensemble", "--format", "tflite", "--to")
    assert "export each of" in refused(*refused_format, tmp_path / "e.tflite")
    assert "does not end in .tflite" in refused(*refused_format, tmp_path / "e.zip")


def test_the_core_alone_lists_exports_and_imports(models, tmp_path):
    """Without Keras, pandas and h5py, an archive's Keras form is left out and that is said."""
    file = tmp_path / "mini.zip"
    run("models", "export", "mini_xception", "--to", file)
    card = json.loads(zipfile.ZipFile(file).read("mini_xception/card.json"))
    renamed = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(renamed, "w") as new:
        for entry in old.namelist():
            content = old.read(entry)
            if entry.endswith("card.json"):
                content = json.dumps(card | {"name": "mini"}).encode()
            new.writestr(entry.replace("mini_xception/", "mini/"), content)
    file.write_bytes(renamed.getvalue())
    code = f"""
import sys
from importlib.machinery import PathFinder
absent = {{"keras", "tensorflow", "pandas", "h5py", "scipy", "sklearn", "plotly"}}
class Absent(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in absent else super().find_spec(name, path, target)
sys.meta_path[:] = [Absent if one is PathFinder else one for one in sys.meta_path]
from fer_core.cli import main
main(["models", "import", {str(file)!r}])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False,
        encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["mini"]
    assert "mini: model.keras was left out, since Keras is not installed" in done.stderr
    assert {path.name for path in (models / "mini").iterdir()} == {
        "README.md", "card.json", "imported.json", "model.tflite",
    }  # fmt: skip


def test_a_run_is_removed_at_once_unless_it_is_trained(models):
    training, done = (TrainingRun.create(configure(model="fast", data="demo")) for _ in range(2))
    with training.lock():
        assert "already being trained" in refused("runs", "remove", training.name)
    run("runs", "remove", done.name)
    assert runs.list_runs() == [training]
    for bad in ("..", "gone", ""):
        assert "nothing to delete" in refused("runs", "remove", bad)


# -- the weights of an ensemble's members


def write_csv(path: Path, data) -> Path:
    rows = zip(data.labels, data.faces, data.usage, strict=True)
    lines = [f"{label},{' '.join(map(str, face.ravel()))},{usage}" for label, face, usage in rows]
    path.write_text("\n".join(["emotion,pixels,Usage", *lines]), encoding="utf-8")
    return path


def test_each_member_may_have_a_weight(models, tmp_path):
    file = write_csv(tmp_path / "faces.csv", demo.load(14, 14, 14, seed=1))
    run("ensemble", "one=3", "mini_xception=0", "two=1", "--save", "both", "--data", file)
    card = find_model("both").card
    assert card.members == {"one": 0.75, "two": 0.25}
    assert "ensemble one=3 mini_xception=0 two=1 --data" in card.command
    # In Python, and as the job that a page starts, it is the same.
    folder = ensembles.save(
        ["one", "two"], demo.load(14, 14, 14, seed=1), models / "third", weights=[2, 6]
    )
    assert folder.card.members == {"one": 0.25, "two": 0.75}


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (["one=-1", "two=2"], "must be a number from 0, and -1 is not"),
        (["one=nan", "two=1"], "must be a number from 0"),
        (["one=inf", "two=1"], "must be a number from 0"),
        (["one=much", "two=1"], "'much' is no number"),
        (["one=", "two=1"], "'' is no number"),
        (["one=2", "two"], "give each NAME=WEIGHT"),
        (["one=1", "two=0"], "two members or more whose weight is above 0"),
        (["one=1", "one=2"], "each of them once"),
        (["one=1", "two=1", "--weights", "fitted"], "not both"),
    ],
)
def test_weights_that_make_no_sense_are_refused_before_any_work(members, words, models):
    assert words in refused("ensemble", *members, "--save", "new", "--data", "/gone.csv")
    assert not (models / "new").exists()
    if "--weights" not in members and "=-1" in members[0]:
        with pytest.raises(ModelError, match="must be a number"):
            ensembles.save(["one", "two"], demo.load(7, 7, 7), models / "new", weights=[-1, 2])
