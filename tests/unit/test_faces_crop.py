"""From a frame in a picture to a crop: the geometry, on pictures whose answer is known."""

import copy
from dataclasses import replace

import cv2
import numpy as np
import pytest

from fer_core.analysis import find_faces, read_emotions
from fer_core.classifier import load_classifier
from fer_core.faces import get_detector
from fer_core.faces.base import Framing, frame
from fer_core.images import example_portrait
from fer_core.preprocess import CROP_SIZE, crop_face, crop_zooms


def marked(x: float, y: float, radius: int, size=(600, 800)) -> np.ndarray:
    """A grey picture with a white disc."""
    image = np.full((*size, 3), 60, np.uint8)
    cv2.circle(image, (round(x), round(y)), radius, (255, 255, 255), -1, cv2.LINE_AA)
    return image


def centre(crop: np.ndarray) -> np.ndarray:
    """Centre of what is bright, in shares of the crop."""
    y, x = np.nonzero(crop[..., 0] > 160)
    return np.array([x.mean() + 0.5, y.mean() + 0.5]) / CROP_SIZE


def test_a_frame_of_the_crops_own_size_is_copied_pixel_by_pixel():
    image = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    crop = crop_face(image, (50, 70, CROP_SIZE))
    assert np.array_equal(crop, image[70 : 70 + CROP_SIZE, 50 : 50 + CROP_SIZE])


@pytest.mark.parametrize("side", [48, 100, 192, 300, 520])
@pytest.mark.parametrize("where", [(0.3, 0.4), (0.75, 0.6)])
def test_a_mark_lands_where_it_must_at_every_scale(side, where):
    left, top = 150, 40
    crop = crop_face(
        marked(left + where[0] * side, top + where[1] * side, max(3, side // 20)), (left, top, side)
    )
    assert np.allclose(centre(crop), where, atol=0.02)


@pytest.mark.parametrize("roll", [-40, 25, 90])
def test_a_leaning_face_stands_upright_in_the_crop(roll):
    """A mark above the middle, carried clockwise by the roll, is above it again."""
    side, middle = 200, np.array([400.0, 300.0])
    angle = np.deg2rad(roll)
    up = np.array([np.sin(angle), -np.cos(angle)])  # 'up' turned clockwise by the roll
    image = marked(*(middle + 0.3 * side * up), 8)
    crop = crop_face(image, (*(middle - side / 2), side), roll)
    assert np.allclose(centre(crop), (0.5, 0.2), atol=0.02)


def test_beyond_the_border_the_picture_is_mirrored_not_squeezed():
    image = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 3)
    crop = crop_face(image, (-60, 20, CROP_SIZE))
    assert np.array_equal(crop[:, 60:], image[20 : 20 + CROP_SIZE, : CROP_SIZE - 60])
    assert np.array_equal(crop[:, :60], image[20 : 20 + CROP_SIZE, 1:61][:, ::-1])


def test_the_shift_of_a_framing_follows_the_leaning_face():
    """A box drawn too low on an upright face is drawn to its left on one that leans by 90°."""
    framing = Framing(dx=0.0, dy=0.1, width=0.8, height=0.8)
    box = (100.0, 100.0, 80.0, 80.0)
    assert np.allclose(frame(box, framing), (90, 80, 100))
    assert np.allclose(frame(box, framing, roll=90), (100, 90, 100))


def test_a_tall_and_a_wide_box_count_as_the_square_between():
    side = frame((0.0, 0.0, 50.0, 200.0), Framing())[2]
    assert side == pytest.approx(100)


def test_crops_begin_with_the_frame_and_share_its_middle():
    image, where = example_portrait(), (171.0, 62.0, 108.0)
    crops = crop_zooms(image, where, roll=10)
    assert crops.shape == (2, CROP_SIZE, CROP_SIZE, 3)
    assert np.array_equal(crops[0], crop_face(image, where, 10))
    for roll in (0, 60):
        for crop in crop_zooms(marked(400, 300, 8), (300.0, 200.0, 200.0), roll):
            assert np.allclose(centre(crop), 0.5, atol=0.02)


def test_the_second_crop_is_closer():
    """A mark left of the middle lies further out there."""
    crops = crop_zooms(marked(360, 300, 8), (300.0, 200.0, 200.0))
    found = [round(float(centre(crop)[0]), 2) for crop in crops]
    assert np.allclose(found, [0.3, 0.26], atol=0.02)


def test_a_still_picture_is_read_through_two_crops_a_live_frame_through_one():
    image, detector, classifier = example_portrait(), get_detector(), load_classifier()
    still, live = find_faces(image, detector), find_faces(image, detector, fast=True)
    assert still.zooms.shape[:2] == (1, 2)
    assert live.zooms.shape[:2] == (1, 1)
    mean = classifier.predict(still.zooms[0]).mean(axis=0)
    assert np.allclose(read_emotions(still, classifier).faces[0].probabilities, mean, atol=1e-6)
    assert np.array_equal(still.crops, still.zooms[:, 0])


def test_mirror_images_are_averaged_once_by_the_model_or_else_by_the_analysis():
    """A mirrored picture of a face gives the same answer, whoever averages."""
    image, detector = example_portrait(), get_detector()
    found = find_faces(image, detector)
    mirrored = replace(found, zooms=found.zooms[:, :, :, ::-1])
    averaging, plain = load_classifier("fast"), load_classifier("fast")
    assert averaging.averages_mirror_images
    plain = copy.copy(plain)
    plain.averages_mirror_images = False
    for classifier in (averaging, plain):
        one, other = (
            read_emotions(faces, classifier).faces[0].probabilities for faces in (found, mirrored)
        )
        assert np.allclose(one, other, atol=0.01)
    same = read_emotions(found, plain).faces[0].probabilities
    assert np.allclose(read_emotions(found, averaging).faces[0].probabilities, same, atol=1e-3)
