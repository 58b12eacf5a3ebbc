"""The command line, as a person or a script runs it."""

import csv
import json
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from fer_core.datasets import demo
from fer_core.emotions import EMOTIONS
from fer_core.images import example_portrait
from fer_core.table import columns
from tests.command_line import fer_core as run


def only_error(result: subprocess.CompletedProcess) -> str:
    """The one line ``error: …`` of a failed command."""
    assert result.returncode == 1, result.stderr
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and "Traceback" not in result.stderr
    return errors[0]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a portrait, a picture without a face, and a file that is none."""
    folder = tmp_path_factory.mktemp("pictures")
    Image.fromarray(example_portrait()).save(folder / "a.png")
    Image.new("RGB", (300, 200), "teal").save(folder / "b.jpg")
    (folder / "c.jpg").write_text("words", encoding="utf-8")
    return folder


def test_analyze_json(pictures: Path) -> None:
    result = run("analyze", pictures, "--json")
    portrait, empty, bad = json.loads(result.stdout)
    assert "1 of 3" in only_error(result)
    assert {"path", "width", "height", "model", "detector", "faces"} <= portrait.keys()
    assert (portrait["width"], portrait["height"]) == (512, 512)
    face = portrait["faces"][0]
    assert face["emotion"] == "Happy"
    assert list(face["probabilities"]) == list(EMOTIONS)
    assert sum(face["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    x, y, w, h = face["box"]
    assert x < 225 < x + w and y < 120 < y + h  # her nose
    assert empty["faces"] == []
    assert bad.keys() == {"path", "error", "rows"} and "not a picture" in bad["error"]
    rows = [*portrait["rows"], *empty["rows"], *bad["rows"]]
    assert all(list(row) == columns("pictures") for row in rows)
    assert [row["status"] for row in rows[:2]] == ["ok", "no face"] and rows[1]["happy"] is None
    assert rows[2]["status"] == f"unreadable: {bad['error']}"


def test_analyze_in_words_with_csv_and_pictures(pictures: Path, tmp_path: Path) -> None:
    table, out = tmp_path / "new" / "t.csv", tmp_path / "out"
    result = run(
        "analyze", pictures / "a.png", pictures / "b.jpg", "--csv", table, "--save", out,
        "--largest", "--detector", "haar",
    )  # fmt: skip
    assert result.returncode == 0
    happy, nothing = result.stdout.splitlines()
    assert "1 face: Happy" in happy and "no face found; try" in nothing
    with table.open() as file:
        row, faceless = csv.DictReader(file)
    assert row["emotion"] == "Happy" and row["source"].endswith("a.png")
    assert faceless["status"] == "no face" and faceless["source"].endswith("b.jpg")
    assert float(row["happy"]) == pytest.approx(float(row["confidence"]))
    names = [".fer-export.json", "a-annotated.png", "b-annotated.png"]
    assert sorted(p.name for p in out.iterdir()) == names
    assert Image.open(out / "a-annotated.png").size == (512, 512)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["analyze"], "Missing argument"),
        (["analyze", "nowhere.png"], "cannot be opened"),
        (["analyze", "x.png", "--model", "nobody"], "No model 'nobody'"),
        (["analyze", "x.png", "--detector", "eyes"], "'eyes' is not one of"),
        (["dance"], "No such command"),
        (["evaluate", "--model", "mini_xception", "--data", "nowhere.csv"], "nowhere.csv"),
        (["train", "--model", "brain", "--data", "demo"], "Unknown architecture 'brain'"),
        (["train", "--resume", "../x"], "No run '../x'"),
    ],
)
def test_mistakes_get_one_line(arguments: list[str], says: str) -> None:
    assert says in only_error(run(*arguments))


def test_models_lists_what_there_is() -> None:
    (row,) = (
        row for row in json.loads(run("models", "--json").stdout) if row["name"] == "mini_xception"
    )
    assert row["PublicTest"] > 0.66 and row["parameters"] > 200_000


def test_evaluate_reports_every_figure() -> None:
    result = run("evaluate", "--model", "mini_xception", "--data", "demo", "--json")
    figures = json.loads(result.stdout)
    assert figures.keys() == {
            "class_prior", "macro_recall", "interval", "accuracy", "macro_f1", "log_loss", "ece",
            "n", "classes", "confusion_matrix", "per_class", "reliability", "mistakes",
        }  # fmt: skip
    assert sum(row["n"] for row in figures["reliability"]) == figures["n"]
    confident = [row["confidence"] for row in figures["mistakes"]]
    assert len(confident) == 24 and confident == sorted(confident, reverse=True)
    assert figures["n"] == sum(map(sum, figures["confusion_matrix"]))


@pytest.mark.slow
def test_evaluate_under_hard_conditions_with_charts(tmp_path: Path) -> None:
    faces = demo.load(7, 35, 7, seed=3)
    rows = zip(faces.labels, faces.faces, faces.usage, strict=True)
    lines = [f"{label},{' '.join(map(str, face.ravel()))},{usage}" for label, face, usage in rows]
    (tmp_path / "faces.csv").write_text(
        "\n".join(["emotion,pixels,Usage", *lines]), encoding="utf-8"
    )
    result = run(
        "evaluate", "--model", "mini_xception", "--data", tmp_path / "faces.csv", "--hard",
        "--charts", tmp_path / "charts",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "turned 30°" in result.stdout and "mean" in result.stdout
    pages = ("confusion", "hard", "mistakes", "per_class", "reliability")
    assert sorted(path.stem for path in (tmp_path / "charts").glob("*.html")) == list(pages)


def test_evaluate_against_the_annotators_majority_wants_their_votes() -> None:
    result = run("evaluate", "--model", "mini_xception", "--data", "demo", "--labels", "ferplus")
    assert "give fer2013new.csv with --votes" in only_error(result)


def test_written_pages_are_what_the_command_writes() -> None:
    from benchmarks import report

    pages = (report.RESULTS, report.AUDIT)
    before = [page.read_text(encoding="utf-8") for page in pages]
    assert run("results").returncode == 0
    assert [page.read_text(encoding="utf-8") for page in pages] == before
