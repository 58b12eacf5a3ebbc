"""Metrics against figures worked out by hand."""

import json

import numpy as np
import pytest

from fer_core import charts
from fer_core.calibration import (
    calibration_error,
    fit_temperature,
    reliability,
    with_temperature,
)
from fer_core.classifier import Classifier, load_classifier
from fer_core.datasets import demo
from fer_core.emotions import EMOTIONS
from fer_core.errors import ModelError
from fer_core.evaluation import details, hard, measure, mistakes, moved, predict
from fer_core.evaluation.conditions import CONDITIONS, under
from fer_core.files import ExportFolder

#: Four faces: Angry right at 0.7, Happy right at 0.9, Sad taken for Happy at 0.5,
#: Neutral right at 0.4.
PROBABILITIES = np.array(
    [
        [0.7, 0, 0, 0.3, 0, 0, 0],
        [0, 0, 0, 0.9, 0.1, 0, 0],
        [0, 0, 0, 0.5, 0.3, 0.2, 0],
        [0.3, 0, 0, 0, 0.3, 0, 0.4],
    ]
)
LABELS = np.array([0, 3, 4, 6])


def test_figures() -> None:
    result = measure(PROBABILITIES, LABELS)
    assert result.n == 4
    assert result.accuracy == 0.75
    assert result.log_loss == pytest.approx(-np.mean(np.log([0.7, 0.9, 0.3, 0.4])))
    assert result.per_class["Happy"] == {
        "precision": 0.5,
        "recall": 1.0,
        "f1": pytest.approx(2 / 3),
        "support": 1,
    }
    # Four of seven emotions occur; those that do not are left out.
    assert result.macro_f1 == pytest.approx((1 + 2 / 3 + 0 + 1) / 4) and result.classes == 4


def test_emotions_that_nobody_shows_are_left_out_and_counted() -> None:
    # Five of seven emotions, all recognised.
    from fer_core.cli.evaluate import in_words
    from fer_core.models.card import Figures
    from fer_core.zoo import readme

    result = measure(np.eye(7)[[0, 2, 3, 4, 6]], np.array([0, 2, 3, 4, 6]))
    assert result.macro_f1 == 1 and result.classes == 5
    assert result.per_class["Disgust"] == dict.fromkeys(("precision", "recall", "f1")) | {
        "support": 0
    }
    words = in_words(result, "uniform")
    assert "macro F1 1.000 (over 5 of 7 emotions)" in words and "class prior uniform" in words
    assert [line.split() for line in words.splitlines() if line.startswith("Disgust")] == [
        ["Disgust", "–", "–", "–", "0"]
    ]
    json.loads(json.dumps(result.to_dict(), allow_nan=False))

    figures = Figures(dataset="mine", split="PublicTest", **result.to_dict())
    assert "| Surprise | – | – | – | 0 |" in readme.per_class(figures)
    assert charts.per_class(result.per_class).data[0].y[1] is None


def test_confusion_matrix_has_labels_in_rows() -> None:
    matrix = np.array(measure(PROBABILITIES, LABELS).confusion_matrix)
    assert matrix[4, 3] == 1 and matrix[3, 4] == 0
    assert matrix.sum() == 4


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    # A hundred faces at 0.8, of which 60 are right: the gap is 0.2.
    probabilities = np.tile([0.8, 0.2, 0, 0, 0, 0, 0], (100, 1))
    labels = np.array([0] * 60 + [1] * 40)
    assert calibration_error(probabilities, labels) == pytest.approx(0.2)
    assert calibration_error(probabilities, np.array([0] * 80 + [1] * 20)) == pytest.approx(0.0)


def test_reliability_diagram_counts_every_face_once() -> None:
    rows = reliability(PROBABILITIES, LABELS, bins=10)
    assert [row.n for row in rows] == [0, 0, 0, 0, 1, 1, 0, 1, 0, 1]
    assert (rows[5].confidence, rows[5].accuracy) == (0.5, 0.0)
    assert rows[0].confidence is None


def noisy_logits(scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits of faces whose labels follow their softmax, and the same made too sure."""
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 1.5, (4000, 7))
    odds = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return logits * scale, np.array([rng.choice(7, p=row) for row in odds])


def test_temperature_makes_a_boaster_honest() -> None:
    logits, labels = noisy_logits(2.5)
    assert fit_temperature(logits, labels).value == pytest.approx(2.5, rel=0.05)
    boasting = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    honest = with_temperature(boasting, fit_temperature(logits, labels).value)
    assert calibration_error(boasting, labels) > 0.15
    assert calibration_error(honest, labels) < 0.02
    assert (honest.argmax(axis=1) == boasting.argmax(axis=1)).all()


def test_a_temperature_that_means_nothing_is_not_applied() -> None:
    logits, labels = noisy_logits(2.5)
    few = fit_temperature(logits[:199], labels[:199])
    assert few.value == 1 and "200 validation faces" in few.refused
    enough = fit_temperature(logits[:200], labels[:200])
    assert enough.value > 1.5 and not enough.refused
    # Labels that have nothing to do with the answers: the flatter the better.
    chance = fit_temperature(logits * 4, np.random.default_rng(3).integers(0, 7, len(labels)))
    assert chance.value == 1 and "at the bound" in chance.refused
    # And answers that are always right: the surer the better.
    right = fit_temperature(np.eye(7)[labels], labels)
    assert right.value == 1 and "at the bound" in right.refused


def test_answers_that_are_no_numbers_have_no_figures() -> None:
    broken = PROBABILITIES.copy()
    broken[1] = np.nan
    with pytest.raises(ModelError, match=f"NaN for 1 of {len(broken)} faces"):
        measure(broken, np.zeros(len(broken), int))


def test_temperature_is_fitted_to_the_mean_that_is_served() -> None:
    rng = np.random.default_rng(2)
    logits, labels = noisy_logits(1.0)
    views = np.stack([logits + rng.normal(0, 2, logits.shape) for _ in range(2)])
    alone, together = (fit_temperature(one, labels).value for one in (views[0], views))
    # The mean of two guesses is less sure than either, so less has to be taken away.
    assert together < alone


def test_mistakes_come_the_surest_first() -> None:
    rows = mistakes(np.concatenate([PROBABILITIES, PROBABILITIES[1:2]]), np.array([0, 3, 4, 6, 6]))
    assert [(row.index, row.label, row.predicted) for row in rows] == [
        (4, "Neutral", "Happy"),
        (2, "Sad", "Happy"),
    ]
    assert (rows[1].confidence, rows[1].of_label) == (0.5, 0.3)
    assert len(mistakes(PROBABILITIES, LABELS, most=0)) == 0


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return demo.load(14, 7, 7, seed=2).faces


def test_faces_move_by_whole_pixels(faces) -> None:
    lower = moved(faces, 2, -1)
    assert np.array_equal(lower[:, 2:, :-1], faces[:, :-2, 1:])
    assert lower.shape == faces.shape
    assert np.array_equal(moved(faces, 0, 0), faces)


@pytest.fixture(scope="module", params=["none", "flip"])
def exported(request, home, tmp_path_factory) -> Classifier:
    """A small network that nobody trained, exported plain and with the flip built in."""
    import keras

    from fer_core.models.architectures import registry
    from fer_core.zoo.export import save_model

    keras.utils.set_random_seed(1)
    core = registry.build("vgg", convolutions=[1, 1], widths=[4, 8], dense=[])
    folder = tmp_path_factory.mktemp("exported") / request.param
    return Classifier(
        save_model(core, folder, flip=request.param == "flip", title="none", architecture="vgg")
    )


@pytest.mark.slow
def test_ten_crops_are_five_places_and_their_mirror_images(exported, faces) -> None:
    by_hand = [
        exported.predict_faces(view)
        for y, x in ((0, 0), (-2, -2), (-2, 2), (2, -2), (2, 2))
        for view in (moved(faces, y, x), moved(faces, y, x)[:, :, ::-1])
    ]
    ten = predict(exported, faces, "ten")
    assert ten == pytest.approx(np.mean(by_hand, axis=0), abs=1e-6)
    assert predict(exported, faces, "flip") == pytest.approx(np.mean(by_hand[:2], axis=0), abs=1e-6)
    # The places do make a difference.
    assert np.abs(ten - by_hand[0]).max() > 1e-4


def test_a_flip_that_is_built_in_is_neither_undone_nor_done_twice(exported, faces) -> None:
    served = exported.predict_faces(faces)
    if exported.card.tta == "flip":
        with pytest.raises(ModelError, match="built in"):
            predict(exported, faces, "none")
        assert np.array_equal(predict(exported, faces, "flip"), served)
    else:
        assert np.array_equal(predict(exported, faces, "none"), served)
        assert not np.array_equal(predict(exported, faces, "flip"), served)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_hard_conditions_change_faces_and_keep_their_form(condition, faces) -> None:
    changed = under(condition, faces, seed=1)
    assert (changed.shape, changed.dtype) == (faces.shape, np.uint8)
    difference = np.abs(changed.astype(int) - faces)
    assert difference.mean() > 1
    assert np.array_equal(changed, under(condition, faces, seed=1))
    if condition.startswith("dark"):
        assert changed.mean() == pytest.approx(0.3 * faces.mean(), rel=0.02)
    if condition.startswith("contrast"):
        assert changed.std(axis=(1, 2)) == pytest.approx(0.35 * faces.std(axis=(1, 2)), rel=0.1)
    if condition.startswith("cut 15 % wider"):
        # What was at the border has moved in.
        assert np.abs(changed[:, 24, 3:45] - np.array(shrunk(faces))[:, 24, 3:45]).max() <= 1


def shrunk(faces: np.ndarray) -> list[np.ndarray]:
    import cv2

    rows, columns = np.mgrid[:48, :48].astype(np.float32)
    place = [(grid - 23.5) * 1.15 + 23.5 for grid in (columns, rows)]
    return [
        cv2.remap(face, *place, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101).astype(int)
        for face in faces
    ]


def test_every_condition_is_measured(faces) -> None:
    data = demo.load(14, 7, 7, seed=2)
    results = hard(load_classifier("mini_xception"), data, "PublicTest")
    assert results.keys() == CONDITIONS.keys()
    assert all(result.n == 7 for result in results.values())


def test_charts_show_the_figures(faces, tmp_path) -> None:
    result, more = measure(PROBABILITIES, LABELS), details(PROBABILITIES, LABELS)
    json.dumps(more)
    matrix = charts.confusion(result.confusion_matrix).data[0]
    assert matrix.z[3][3] == 1 and matrix.z[4][3] == 1 and matrix.text[4][3].endswith(">1")
    assert list(charts.reliability(more["reliability"]).data[0].y) == [1, 0, 1, 1]
    assert charts.per_class(result.per_class).data[1].x == EMOTIONS
    sheet = charts.mistakes(faces, more["mistakes"])
    assert np.array_equal(np.array(sheet.data[0].z)[:48, :48, 0], faces[2])
    assert "Sad, taken for" in sheet.layout.annotations[0].text
    assert charts.conditions(0.7, {"dark": 0.6}).data[0].text == ("60.0% (-10.0)",)
    paths = charts.save(
        {"confusion": charts.confusion(result.confusion_matrix)}, ExportFolder(tmp_path / "new")
    )
    page = paths[0].read_text(encoding="utf-8")
    assert "https://cdn" not in page and (tmp_path / "new" / "plotly.min.js").exists()
