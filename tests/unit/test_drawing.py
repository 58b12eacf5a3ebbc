"""Results drawn on a picture: boxed, labelled, readable, whatever the size and place."""

import numpy as np
import pytest

from fer_core.analysis import Analysis, Face
from fer_core.drawing import draw, hide_faces, label
from fer_core.emotions import EMOTIONS, rgb
from fer_core.faces import Detection


def face(box: tuple, emotion: str = "Happy", confidence: float = 0.9, **more) -> Face:
    rest = (1 - confidence) / (len(EMOTIONS) - 1)
    probabilities = tuple(confidence if e == emotion else rest for e in EMOTIONS)
    return Face(Detection(box), probabilities, **more)


def analysis(*faces: Face, width: int = 640, height: int = 480) -> Analysis:
    return Analysis(width, height, "model", "detector", faces)


def share(image: np.ndarray, emotion: str) -> float:
    """How much of the picture has exactly the emotion's colour."""
    return float((image == rgb(emotion)).all(axis=-1).mean())


GREY = np.full((480, 640, 3), 128, np.uint8)


def test_the_picture_itself_stays_as_it_was() -> None:
    before = GREY.copy()
    drawn = draw(GREY, analysis(face((200, 150, 120, 120))))
    assert (before == GREY).all()
    assert drawn.shape == GREY.shape and drawn.dtype == np.uint8
    assert (drawn != GREY).any()


def test_no_face_no_mark() -> None:
    assert (draw(GREY, analysis()) == GREY).all()


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_box_and_label_have_the_colour_and_readable_text(emotion: str) -> None:
    drawn = draw(GREY, analysis(face((200, 150, 120, 120), emotion)))
    assert (drawn[150, 230:260] == rgb(emotion)).all()  # the upper edge of the box
    tag = drawn[115:147, 200:320].reshape(-1, 3)  # above it
    luminance = tag @ (0.2126, 0.7152, 0.0722)
    field = float(np.dot(rgb(emotion), (0.2126, 0.7152, 0.0722)))
    assert share(drawn[115:147, 200:320], emotion) > 0.3
    assert np.abs(luminance - field).max() > 80  # letters stand out from their field


@pytest.mark.parametrize(
    "box",
    [(0, 0, 100, 100), (560, 0, 80, 80), (0, 400, 80, 80), (0, 0, 640, 480), (-40, -40, 90, 90)],
    ids=["left top", "right top", "left bottom", "whole picture", "beyond the border"],
)
def test_the_label_is_whole_at_every_border(box: tuple) -> None:
    inside = draw(GREY, analysis(face((260, 200, box[2], box[3]))))
    bare = draw(GREY, analysis(face((260, 200, box[2], box[3]))), labels=False)
    size = share(inside, "Happy") - share(bare, "Happy")
    at_border = draw(GREY, analysis(face(box))), draw(GREY, analysis(face(box)), labels=False)
    assert share(at_border[0], "Happy") - share(at_border[1], "Happy") > 0.6 * size


def test_an_unsure_face_has_a_question_mark_and_a_broken_box() -> None:
    sure, unsure = face((200, 150, 120, 120), "Sad", 0.6), face((200, 150, 120, 120), "Sad", 0.4)
    assert (label(sure), label(unsure)) == ("Sad 60 %", "Sad? 40 %")
    assert label(sure, unsure_below=0.7) == "Sad? 60 %"
    assert unsure.is_unsure() and not sure.is_unsure()
    whole, broken = (draw(GREY, analysis(f), labels=False)[270, 200:320] for f in (sure, unsure))
    assert share(whole, "Sad") > 0.95 > 0.7 > share(broken, "Sad") > 0.3


def test_boxes_follow_a_reduced_copy() -> None:
    found = analysis(face((400, 300, 240, 240)), width=1280, height=960)
    small = draw(GREY, found, labels=False)
    same = draw(GREY, analysis(face((200, 150, 120, 120))), labels=False)
    assert (small == same).all()


def test_lines_grow_with_the_picture() -> None:
    large = np.full((3000, 4000, 3), 128, np.uint8)
    drawn = draw(large, analysis(face((1000, 1000, 900, 900)), width=4000, height=3000))
    assert (drawn[1000 - 4 : 1000 + 4, 1500] == rgb("Happy")).all()


def test_numbers_tell_faces_apart() -> None:
    faces = face((50, 150, 120, 120)), face((400, 150, 120, 120))
    plain, numbered = draw(GREY, analysis(*faces)), draw(GREY, analysis(*faces), numbers=True)
    first, second = numbered[110:150, 50:200], numbered[110:150, 400:550]
    assert (plain != numbered).any() and (first != second).any()
    person = face((50, 150, 120, 120), person=2)
    assert (draw(GREY, analysis(person), numbers=True)[110:150, 50:200] == second).all()


def test_a_hidden_face_keeps_nothing_by_which_it_is_known() -> None:
    noise = np.random.default_rng(0).integers(0, 256, GREY.shape, np.uint8)
    hidden = hide_faces(noise, [(200, 150, 100, 100), (600, 440, 100, 100), (700, 10, 20, 20)])
    assert hidden[150:250, 200:300].std() < 20 < noise.std()
    # A quarter more on every side, and nothing beyond; a box may reach out of the picture.
    assert hidden[128:150, 178:322].std() < 20
    assert (hidden[:120] == noise[:120]).all() and (hidden[:, :170] == noise[:, :170]).all()
    assert hidden[445:, 605:].std() < 20
