"""``import fer_core``: the library in a few calls."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fer_core
from fer_core.errors import FerError, ImageError
from fer_core.models.catalogue import default_model
from fer_core.resources import models_folder
from fer_core.table import columns

PORTRAIT = models_folder() / "examples" / "astronaut.png"
RGB = fer_core.example_portrait()


@pytest.fixture(scope="module")
def analyzer() -> fer_core.Analyzer:
    return fer_core.Analyzer(model="mini_xception", detector="haar")


@pytest.mark.parametrize(
    "make",
    [
        lambda: str(PORTRAIT),
        lambda: PORTRAIT,
        lambda: PORTRAIT.read_bytes(),
        lambda: bytearray(PORTRAIT.read_bytes()),
        lambda: PORTRAIT.open("rb"),
        lambda: io.BytesIO(PORTRAIT.read_bytes()),
        lambda: Image.open(PORTRAIT),
        lambda: Image.open(PORTRAIT).convert("P"),
        lambda: RGB,
        lambda: RGB[..., ::-1][..., ::-1],
        lambda: np.dstack([RGB, np.full(RGB.shape[:2], 255, np.uint8)]),
        lambda: np.array(Image.fromarray(RGB).convert("L")),
    ],
    ids=[
        "text",
        "path",
        "bytes",
        "bytearray",
        "file",
        "memory",
        "pil",
        "palette",
        "rgb",
        "view",
        "rgba",
        "grey",
    ],
)
def test_a_picture_is_whatever_holds_one(
    make: Callable[[], Any], analyzer: fer_core.Analyzer
) -> None:
    result = analyzer.analyze(make())
    assert [face.emotion for face in result.faces] == ["Happy"]
    assert (result.width, result.height) == (512, 512)
    assert result.draw().shape == (512, 512, 3)  # an open file, too, was read only once


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (RGB / 255.0, r"\(512, 512, 3\) and the type float64: give uint8"),
        (RGB.astype(np.uint16), "uint16"),
        (RGB[..., :2], r"\(512, 512, 2\)"),
        (RGB[None], r"\(1, 512, 512, 3\)"),
        (np.empty((0, 0, 3), np.uint8), "only 0×0 pixels"),
        (12, "type int"),
        (None, "type NoneType"),
        (io.StringIO("text"), "mode 'rb'"),
        (b"", "empty"),
        ("nowhere.jpg", r"nowhere\.jpg: It cannot be opened"),
    ],
)
def test_anything_else_is_refused_in_one_sentence(
    source: Any, says: str, analyzer: fer_core.Analyzer
) -> None:
    with pytest.raises(ImageError, match=says):
        analyzer.analyze(source)


def test_one_call_uses_the_default_model_and_detector() -> None:
    result = fer_core.analyze(PORTRAIT)
    assert (result.model, result.detector) == (default_model(), "blazeface")
    assert result.faces[0].emotion == "Happy"
    with pytest.raises(FerError, match="No model 'nobody'"):
        fer_core.analyze(PORTRAIT, model="nobody")


def test_a_result_draws_itself_and_never_over_its_source(
    analyzer: fer_core.Analyzer, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(PORTRAIT.read_bytes())
    result = analyzer(photo)
    drawn = result.draw(tmp_path / "new" / "out.png")
    assert (drawn != RGB).any()
    assert (np.array(Image.open(tmp_path / "new" / "out.png")) == drawn).all()
    (tmp_path / "link.png").symlink_to(photo)
    for path in (photo, tmp_path / "link.png", tmp_path / "." / "photo.png"):
        with pytest.raises(FerError, match="is one of the files that are read"):
            result.draw(path, overwrite=True)
    with pytest.raises(FerError, match="exists: choose another name"):
        result.draw(tmp_path / "new" / "out.png")
    result.draw(tmp_path / "new" / "out.png", overwrite=True)
    assert photo.read_bytes() == PORTRAIT.read_bytes()
    with pytest.raises(FerError, match=r"call it out\.png"):
        result.draw(tmp_path / "out.words")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.png", "new", "photo.png"]


def test_a_result_is_a_table() -> None:
    table = fer_core.analyze(PORTRAIT).to_dataframe()
    assert list(table.columns) == columns("pictures") and table["emotion"].tolist() == ["Happy"]
    assert table["source"].tolist() == [str(PORTRAIT)] and table["status"].tolist() == ["ok"]


def test_many_pictures_come_in_order_and_a_bad_one_ends_nothing(
    analyzer: fer_core.Analyzer, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for name in ("a", "c"):
        Image.fromarray(RGB).save(tmp_path / f"{name}.png")
    (tmp_path / "b.png").write_text("words", encoding="utf-8")
    Image.new("RGB", (300, 200), "teal").save(tmp_path / "d.png")
    results = list(analyzer.stream(tmp_path, progress=True))
    assert [Path(result.source).name for result in results] == ["a.png", "b.png", "c.png", "d.png"]
    assert [len(result.faces) for result in results] == [1, 0, 1, 0]
    assert [result.error is None for result in results] == [True, False, True, True]
    assert "not a picture" in results[1].error
    with pytest.raises(ImageError, match="not a picture"):
        results[1].draw()
    assert "4 of 4 pictures" in capsys.readouterr().err
    endless = analyzer.stream(iter(lambda: PORTRAIT, None))  # memory and time have an end
    assert next(endless).faces[0].emotion == "Happy"
    endless.close()


def test_models_and_datasets_are_at_hand() -> None:
    assert default_model() in [folder.name for folder in fer_core.list_models()]
    assert fer_core.load_dataset("demo").split("Training").faces.shape == (2800, 48, 48)
    assert set(fer_core.__all__) <= set(dir(fer_core))
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        fer_core.nothing_of_the_kind  # noqa: B018


@pytest.mark.slow
def test_training_takes_faces_in_memory(tmp_path: Path) -> None:
    data = fer_core.load_dataset("demo")
    few = data.take(np.arange(0, len(data), 60))
    run = fer_core.train_model("mini_xception", few, epochs=1, batch_size=16)
    assert run.state()["status"] == "trained" and run.config.data == few.name
