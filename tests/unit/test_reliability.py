"""A face that is covered is not answered as if it were whole."""

import json
from pathlib import Path

import numpy as np
import pytest

from fer_core import reliability
from fer_core.analysis import analyze
from fer_core.classifier import load_classifier
from fer_core.faces import Detection, get_detector
from fer_core.images import example_portrait

ROOT = Path(__file__).parents[2]
PORTRAIT = example_portrait()


class Known:
    """Finds the portrait's face where it is, also when it is covered."""

    name = "known"

    def __init__(self) -> None:
        self.faces = get_detector("blazeface").detect(PORTRAIT)

    def detect(self, image: np.ndarray, fast: bool = False) -> list[Detection]:
        return self.faces


@pytest.fixture(scope="module")
def known() -> Known:
    return Known()


def covered(grey: int, known: Known) -> np.ndarray:
    x, y, side = known.faces[0].square
    image = PORTRAIT.copy()
    image[round(y + side / 2) : round(y + side), round(x) : round(x + side)] = grey
    return image


def test_a_whole_face_is_trusted(known: Known) -> None:
    (face,) = analyze(PORTRAIT, load_classifier(), known).faces
    assert face.emotion == "Happy" and not face.unreliable and not face.is_unsure()


@pytest.mark.parametrize("grey", [0, 128, 200, 255])
def test_a_flat_patch_over_the_mouth_makes_the_answer_unsure(grey: int, known: Known) -> None:
    (face,) = analyze(covered(grey, known), load_classifier(), known).faces
    assert face.is_unsure()


def test_what_the_border_cuts_off_counts_as_covered() -> None:
    inside = reliability.cut_off_shares((10, 10, 100), 200, 200)
    assert inside.tolist() == [0, 0, 0]
    lower, upper, side = reliability.cut_off_shares((-30, 150, 100), 200, 200)
    assert (lower, upper) == (1, 0) and side == pytest.approx(0.6)
    # A crop reaches a little beyond the face.
    assert not reliability.cut_off_shares((10, 115, 100), 200, 200).any()


def test_the_published_figures_keep_what_was_asked_for() -> None:
    measured = json.loads((ROOT / "docs/measured/reliability.json").read_text(encoding="utf-8"))
    used = json.loads((ROOT / "fer_core/reliability.json").read_text(encoding="utf-8"))
    assert measured["fitted"]["weights"] == used["weights"]
    for conditions in measured["models"].values():
        assert conditions["as it is"]["right_made_unsure"] <= 0.05
        lower = conditions["lower half"]
        assert lower["auroc_reliability"] > lower["auroc_confidence"]
