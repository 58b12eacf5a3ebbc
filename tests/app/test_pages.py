"""What the pages do: results, bad pictures, choices that last, exports."""

import csv
import io
import json
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from benchmarks.browser import wait_for
from fer_core.class_prior import parse
from fer_core.classifier import load_classifier
from fer_core.emotions import EMOTIONS
from fer_core.errors import ImageError
from fer_core.explain import client
from fer_core.faces import get_detector
from fer_core.images import example_portrait, read_image
from fer_core.models.catalogue import find_model
from fer_core.settings import settings
from fer_core.table import columns
from tests.command_line import python
from ui.common.controls import Choice
from ui.common.exports import to_csv, to_json, to_png, to_zip
from ui.common.pictures import Memory, example, picture, read
from ui.images.summary import summary_csv, summary_html

ROOT = Path(__file__).resolve().parents[2]


def png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


PORTRAIT = png(example_portrait())
TWINS = png(np.hstack([example_portrait()[:, :400], example_portrait()[:, 399::-1]]))
GREY = png(np.full((300, 400, 3), 128, np.uint8))


def open_app(page: str | None = None) -> AppTest:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60).run()
    if page:
        app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    return app


def drop(app: AppTest, **files: bytes) -> AppTest:
    for name, content in files.items():
        app.file_uploader[0].upload(name.replace("__", "."), content)
    app.run()
    assert not app.exception
    return app


def texts(app: AppTest) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.subheader])


@pytest.fixture
def another_model(home: Path) -> Callable[..., str]:
    """Makes a model of this machine from the one that ships, its card changed."""

    def make(name: str, **card: object) -> str:
        target = home / "models" / name
        shutil.copytree(find_model("mini_xception").path, target)
        value = json.loads((target / "card.json").read_text(encoding="utf-8")) | {
            "name": name,
            "title": name,
        }
        (target / "card.json").write_text(json.dumps(value | card), encoding="utf-8")
        return name

    yield make
    shutil.rmtree(home / "models", ignore_errors=True)


def test_home_opens_with_the_example_analysed() -> None:
    app = open_app()
    assert app.subheader[0].value.startswith("This face looks happy")
    assert len(app.get("vega_lite_chart")) == 1
    assert "what a person feels is not in the picture" in texts(app)
    assert "Article 5(1)(f)" in texts(app) and "Article 50(3)" in texts(app)


#: As the card of a model has them that was measured on FER2013.
PUBLIC = [find_model("mini_xception").card.figure("PublicTest").model_dump(mode="json")]


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        (PUBLIC, " · 68 % right on FER2013's PublicTest"),
        ([], ""),
        # What nobody knows the dataset of is no claim, and drawn faces are called so.
        ([PUBLIC[0] | {"dataset": "unknown", "checksum": None}], ""),
        (
            [PUBLIC[0] | {"dataset": "demo", "checksum": "0" * 64}],
            " · 68 % right on demo faces that the program draws",
        ),
    ],
)
def test_home_says_how_good_the_model_is(another_model, figures: dict, words: str) -> None:
    name = another_model("measured", figures=figures)
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    app.session_state["model"] = name
    app.run()
    badge = next(line for line in texts(app).splitlines() if name in line)
    assert f"{name}{words}" in badge and ("%" in badge) == bool(words)


def test_pictures_good_and_bad_side_by_side() -> None:
    app = drop(open_app("images"), a__png=PORTRAIT, b__png=GREY, c__jpg=b"no picture", d__jpg=b"")
    assert "4 pictures · 1 face · 2 not readable · 1 without a face" in texts(app)
    sentences = [error.value for error in app.error]
    assert any("not a picture" in s for s in sentences) and any("empty" in s for s in sentences)
    assert app.warning[0].value == "No face found"
    assert "Happy" in texts(app)


def test_one_picture_opens_large_with_its_bars() -> None:
    app = drop(open_app("images"), a__png=PORTRAIT)
    assert "Looks happy" in texts(app)
    assert app.button(key="why_0").label == "Why?"
    assert len(app.get("vega_lite_chart")) == 1


def test_a_picture_without_a_face_says_what_to_try() -> None:
    app = drop(open_app("images"), b__png=GREY)
    assert "larger or brighter" in app.info[0].value


def test_cards_open_and_lead_on() -> None:
    app = drop(open_app("images"), a__png=PORTRAIT, b__png=TWINS)
    first = next(b for b in app.button if b.label == "a.png")
    first.click().run()
    assert len(app.get("vega_lite_chart")) == 1
    next(b for b in app.button if b.label == "Next").click().run()
    assert len(app.get("vega_lite_chart")) == 2
    next(b for b in app.button if b.label == "All pictures").click().run()
    assert any(b.label == "a.png" for b in app.button) and not app.exception


def test_largest_only_and_unsure() -> None:
    app = drop(open_app("images"), b__png=TWINS)
    assert "1 picture · 2 faces" in texts(app)
    app.toggle(key="largest").set_value(True).run()
    assert "1 picture · 1 face" in texts(app)
    assert "unsure:" not in texts(app).lower()
    app.slider(key="unsure_below").set_value(100).run()
    assert "Unsure: happy" in texts(app)


def test_choices_last_from_page_to_page(another_model) -> None:
    name = another_model("mine")
    app = open_app("images")
    app.selectbox(key="model").select(name).run()
    app.selectbox(key="detector").select("haar").run()
    app.switch_page("pages/home.py").run()
    assert name in texts(app)
    app.switch_page("pages/images.py").run()
    assert app.selectbox(key="model").value == name
    assert app.selectbox(key="detector").value == "haar"


def test_pictures_last_from_page_to_page_until_cleared() -> None:
    app = drop(open_app("images"), a__png=PORTRAIT)
    app.switch_page("pages/home.py").run()
    app.switch_page("pages/images.py").run()
    assert "1 picture" in texts(app)
    drop(app, b__png=TWINS)
    assert "2 pictures ·" in texts(app)
    next(b for b in app.button if b.label == "Clear").click().run()
    assert "Deleted: 2 pictures." in texts(app)
    assert "2 pictures ·" not in texts(app) and not opened(app)
    assert any(b.label == "Use the example" for b in app.button)


def test_more_pictures_than_are_remembered_are_taken_in_parts() -> None:
    app = open_app("images")
    app.session_state["images_files"] = [picture(f"{i}.png", GREY) for i in range(301)]
    app.run()
    assert "first 300 pictures" in app.warning[0].value
    assert "300 pictures · 0 faces" in texts(app) and not app.exception


def press(app: AppTest, label: str) -> AppTest:
    return next(b for b in app.button if b.label == label).click().run()


def opened(app: AppTest) -> list[str]:
    """Names on the cards of the grid, from the first on."""
    return [b.label for b in app.button if (b.key or "").startswith("open_")]


def test_a_label_of_the_visitor_stands_beside_the_answer_until_it_is_undone() -> None:
    app = drop(open_app("images"), twins__png=TWINS)
    for emotion in ("Sad", "Fear"):
        press(app, "Correct face 2…")
        app.pills(key="images_label").set_value(emotion)
        press(app, "Save label")
    assert "2 · Fear**, your label" in texts(app) and "The model: looks happy" in texts(app)
    assert any(b.label == "Keep face 2 for training…" for b in app.button)
    # Another detector frames the face otherwise; it is the same face.
    app.selectbox(key="detector").select("haar").run()
    assert "· Fear**, your label" in texts(app)
    press(app, "Undo label of face 2")
    assert "2 · Sad**, your label" in texts(app)
    press(app, "Undo label of face 2")
    assert "your label" not in texts(app) and not app.exception


def test_pictures_are_sorted_filtered_and_what_is_new_comes_first() -> None:
    app = drop(open_app("images"), b__png=TWINS, grey__png=GREY, bad__png=b"text")
    assert opened(app) == ["grey.png", "b.png"]
    app.selectbox(key="images_order").select("name").run()
    assert opened(app) == ["b.png", "grey.png"]
    app.multiselect(key="images_kinds").set_value(["Happy"]).run()
    assert opened(app) == ["b.png"] and "1 of 3 pictures" in texts(app)
    app.multiselect(key="images_kinds").set_value(["Not readable"]).run()
    assert opened(app) == [] and "not a picture" in app.error[0].value
    app.multiselect(key="images_kinds").set_value(["Sad"]).run()
    press(app, "Show all pictures")
    assert len(opened(app)) == 2
    app.slider(key="images_confidence").set_value((0, 50)).run()
    assert opened(app) == [] and "No picture passes" in app.info[0].value
    drop(app, b__png=TWINS, grey__png=GREY, bad__png=b"text", a__png=PORTRAIT)
    assert opened(app) == ["a.png", "grey.png", "b.png"]


def test_a_summary_counts_the_labels_of_the_visitor_and_the_models_answers() -> None:
    app = drop(open_app("images"), twins__png=TWINS, one__png=PORTRAIT)
    press(app, "twins.png")
    press(app, "Correct face 1…")
    app.pills(key="images_label").set_value("Sad")
    press(app, "Save label")
    press(app, "All pictures")
    app.segmented_control(key="images_view").set_value("Summary").run()
    rows = app.dataframe[0].value.set_index("Emotion")
    assert rows.loc["Happy", "Faces"] == 2 and rows.loc["Sad", "Faces"] == 1
    assert rows.loc["Happy", "Model's answer"] == 3
    assert rows["Share"].sum() == pytest.approx(1) and not app.exception


def test_the_example_is_one_click_away() -> None:
    app = open_app("images")
    next(b for b in app.button if b.label == "Use the example").click().run()
    assert "Looks happy" in texts(app)


def test_a_damaged_model_is_one_sentence(another_model, home: Path) -> None:
    name = another_model("damaged")
    with (home / "models" / name / "model.tflite").open("ab") as file:
        file.write(b"!")
    app = open_app("images")
    app.selectbox(key="model").select(name).run()
    assert not app.exception
    assert "not the file its card describes" in app.error[0].value


def test_a_model_that_cannot_explain_itself_says_so(another_model) -> None:
    name = another_model("mute")
    card = find_model(name).path / "card.json"
    value = json.loads(card.read_text(encoding="utf-8"))
    del value["files"]["model.keras"]
    card.write_text(json.dumps(value), encoding="utf-8")
    app = open_app("images")
    app.selectbox(key="model").select(name).run()
    drop(app, a__png=PORTRAIT)
    app.button(key="why_0").click().run()
    assert not app.exception
    assert "cannot explain itself" in app.error[0].value


def test_an_explanation_that_broke_off_can_be_tried_again() -> None:
    app = drop(open_app("images"), a__png=PORTRAIT)
    app.button(key="why_0").click().run()
    assert not app.error and not app.exception
    worker = psutil.Process(client._EXPLAINER.pid)

    def kill_it_in_the_middle() -> None:
        wait_for(client._EXPLAINER._lock.locked, 60)
        worker.kill()

    worker.suspend()
    killer = threading.Thread(target=kill_it_in_the_middle)
    killer.start()
    app.button(key="why_0").click().run()
    killer.join()
    assert not app.exception and "broke off: try again" in app.error[0].value
    assert app.button(key="why_again").label == "Try again"
    app.button(key="why_0").click().run()
    assert not app.error and "Pixels that matter" in texts(app)


def test_reading_can_stop_and_go_on() -> None:
    app = drop(open_app("images"), a__png=PORTRAIT, b__png=TWINS, c__png=GREY)
    app.session_state["reading_stopped"] = True
    app.selectbox(key="detector").select("haar").run()
    assert "3 of 3 not read yet" in "".join(caption.value for caption in app.caption)
    next(b for b in app.button if b.label == "Continue").click().run()
    assert "3 pictures · 3 faces" in texts(app)


def test_a_changed_model_or_limit_looks_for_no_face_again(another_model) -> None:
    searched, haar = [], get_detector("haar")

    class Counting:
        name, title = "haar", "counting"

        def detect(self, image: np.ndarray, fast: bool = False):
            searched.append(image.shape)
            return haar.detect(image, fast)

    choice = Choice(load_classifier(), Counting(), False, 0.5)
    other = load_classifier(another_model("other"))
    one = read(example(), choice)
    for changed in (
        replace(choice, unsure_below=0.9),
        replace(choice, largest=True),
        replace(choice, classifier=other),
        replace(choice, classifier=choice.classifier.with_prior(parse("uniform"))),
    ):
        again = read(example(), changed)
        assert again.analysis.faces[0].box == one.analysis.faces[0].box
        assert again.analysis.model == changed.classifier.name
        assert again.analysis.class_prior == changed.classifier.class_prior
    assert len(searched) == 1


def test_a_visitor_chooses_the_class_prior() -> None:
    app = open_app("images")
    app.segmented_control[0].set_value("Example").run()
    prior = next(box for box in app.selectbox if box.label == "Assume emotions are")
    assert prior.value == "recommended"
    prior.set_value("custom").run()
    next(box for box in app.number_input if box.label == "Happy").set_value(0).run()
    assert not app.exception
    # A smile that cannot be happy is something else.
    assert "Happy" not in [line for line in texts(app).splitlines() if "%" in line][0]
    for box in [box for box in app.number_input if box.label in EMOTIONS]:
        box.set_value(0)
    app.run()
    assert "not all of" in app.error[0].value


@pytest.fixture
def without_fer2013(monkeypatch):
    """The page Dataset begins with the demo faces."""
    monkeypatch.delenv("FER_DATA", raising=False)
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


def test_labels_that_are_numbers_are_chosen_by_their_faces(tmp_path, without_fer2013) -> None:
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        for copy in range(4):
            face = np.full((48, 48), 80 * number + copy, np.uint8)
            Image.fromarray(face).save(tmp_path / str(number) / f"{copy}.png")
    app = open_app("dataset")
    app.text_input(key="dataset_path").set_value(str(tmp_path / "nowhere"))
    app.button(key="dataset_open").click().run()
    # A wrong path is an error at its field, and the demo stays open.
    assert any("There is no file or folder" in error.value for error in app.error)
    assert "4,200 faces" in texts(app)
    app.text_input(key="dataset_path").set_value(str(tmp_path))
    app.button(key="dataset_open").click().run()
    assert "nothing says which emotion each is" in app.warning[0].value
    assert app.button(key="order_open").disabled
    for number, emotion in enumerate(("Sad", "Leave out", "Happy")):
        app.selectbox(key=f"order_of_{number}").set_value(emotion)
    app.run()
    app.button(key="order_open").click().run()
    assert not app.exception
    assert "8 faces · 2 classes" in texts(app) and "4 other left out" in texts(app)


def test_memory_is_bounded_and_drops_what_is_used_least() -> None:
    memory = Memory(2)
    for key in ("a", "b", "a", "c"):
        memory.get(key, str)
    assert [key in memory for key in ("a", "b", "c")] == [True, False, True]


@pytest.fixture
def results() -> list:
    choice = Choice(load_classifier(), get_detector("haar"), False, 0.5)
    files = [("a/x.png", TWINS), ("b/x.png", PORTRAIT), ("grey.png", GREY), ("bad.jpg", b"text")]
    return [read(picture(name, content), choice) for name, content in files]


def test_json_has_the_form_of_the_command_line(results: list) -> None:
    rows = json.loads(to_json(results, 0.5))
    assert [row["path"] for row in rows] == ["a/x.png", "b/x.png", "grey.png", "bad.jpg"]
    names = {"path", "width", "height", "model", "detector", "class_prior", "faces", "problems"}
    assert set(rows[0]) == {*names, "rows"}
    assert (rows[0]["width"], rows[0]["height"], len(rows[0]["faces"])) == (800, 512, 2)
    face = rows[1]["faces"][0]
    assert face["emotion"] == "Happy" and len(face["box"]) == 4
    assert sum(face["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert rows[2]["faces"] == [] and set(rows[3]) == {"path", "error", "rows"}
    assert list(rows[2]["rows"][0]) == columns("pictures")
    assert rows[2]["rows"][0]["emotion"] is None


def test_csv_has_one_row_per_face_and_one_for_a_picture_without(results: list) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(results, 0.5))))
    assert list(rows[0]) == columns("pictures")
    assert [row["source"] for row in rows] == [
        "a/x.png",
        "a/x.png",
        "b/x.png",
        "grey.png",
        "bad.jpg",
    ]
    assert [row["status"] for row in rows[:4]] == ["ok", "ok", "ok", "no face"]
    assert rows[4]["status"].startswith("unreadable: This is not a picture")
    assert rows[3]["happy"] == "" and rows[4]["frame_width"] == ""


def test_annotated_pictures_are_full_size_and_none_is_lost(results: list) -> None:
    image = read_image(to_png(results[1], 0.5))
    assert image.shape == (512, 512, 3) and (image != example_portrait()).any()
    with zipfile.ZipFile(io.BytesIO(to_zip(results, 0.5))) as archive:
        assert archive.namelist() == [
            "x-annotated.png",
            "x-2-annotated.png",
            "grey-annotated.png",
        ]
        assert read_image(archive.read("x-annotated.png")).shape == (512, 800, 3)


def test_a_label_of_the_visitor_is_in_every_export(results: list) -> None:
    twins = results[0]
    first, second = twins.analysis.faces
    labelled = replace(
        twins, analysis=replace(twins.analysis, faces=(replace(first, corrected="Fear"), second))
    )
    rows = list(csv.DictReader(io.StringIO(to_csv([labelled], 0.5))))
    assert [row["corrected_emotion"] for row in rows] == ["Fear", ""]
    assert rows[0]["emotion"] == "Happy"
    value = json.loads(to_json([labelled], 0.5))[0]
    assert value["faces"][0]["corrected_emotion"] == "Fear"
    assert [row["corrected_emotion"] for row in value["rows"]] == ["Fear", None]
    assert to_png(labelled, 0.5) != to_png(twins, 0.5)
    counts = list(csv.DictReader(io.StringIO(summary_csv([labelled, *results[1:]]))))
    fear = counts[EMOTIONS.index("Fear")]
    assert (fear["faces"], fear["faces_by_model"]) == ("1", "0")
    page = summary_html([labelled, *results[1:]])
    assert "4 pictures · 3 faces · 1 not readable" in page and "<th>Faces, model" in page


def test_a_bad_picture_is_told_in_the_readers_own_sentence(results: list) -> None:
    with pytest.raises(ImageError) as caught:
        read_image(b"text")
    assert results[3].error == str(caught.value) and results[3].analysis is None


def test_nothing_that_the_pages_import_loads_tensorflow() -> None:
    """One import of it anywhere lets the server crash as soon as somebody opens Live."""
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / "ui").rglob("*.py"))
    ]
    code = (
        "import importlib, sys\n"
        f"for name in {modules!r}:\n"
        "    importlib.import_module(name)\n"
        "    heavy = [m for m in ('tensorflow', 'keras', 'jax') if m in sys.modules]\n"
        "    assert not heavy, f'{name} loads {heavy}'"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_pages_come_without_tensorflow() -> None:
    code = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file('streamlit_app.py', default_timeout=60).run()\n"
        "app.switch_page('pages/images.py').run()\n"
        "[b for b in app.button if b.label == 'Use the example'][0].click().run()\n"
        "assert not app.exception and app.button(key='why_0')\n"
        "print([m for m in ('tensorflow', 'keras', 'sklearn') if m in sys.modules])"
    )
    assert python(code).strip() == "[]"
