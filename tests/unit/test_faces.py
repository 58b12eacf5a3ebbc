"""Detectors: faces where they are, whatever the picture's size; the same for all threads."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata

import cv2
import numpy as np
import pytest

import fer_core.faces as faces
from benchmarks.scenes import compose, faceless
from fer_core.classifier import load_classifier
from fer_core.errors import DetectorError
from fer_core.faces import DETECTORS, get_detector, resolve
from fer_core.faces import blazeface as blazeface_module
from fer_core.faces import mtcnn as mtcnn_module
from fer_core.images import example_portrait
from fer_core.preprocess import crop_face
from fer_core.resources import models_folder
from fer_core.tracking.detector import DETECT_EVERY, TrackingDetector

NAMES = [name for name in DETECTORS if name != "auto"]
#: ``(x, y, side)`` of the portrait's face as FER2013 would frame it.
FACE = (171.0, 62.0, 108.0)


def overlap(a, b) -> float:
    """Intersection over union of two squares ``(x, y, side)``."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[2], b[1] + b[2]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    return common / (a[2] ** 2 + b[2] ** 2 - common)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return example_portrait()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fast", [False, True])
def test_finds_the_one_face_of_the_portrait(name, fast, portrait):
    (face,) = get_detector(name).detect(portrait, fast=fast)
    assert overlap(face.frame, FACE) > 0.6
    assert face.score is None if name == "haar" else 0.5 < face.score <= 1


def test_calibration_makes_all_agree_on_crop_and_emotion(portrait):
    """Each within a tenth of the crop; on this face Haar draws its box small, BlazeFace large."""
    classifier = load_classifier()
    found = {name: get_detector(name).detect(portrait)[0] for name in NAMES}
    for face in found.values():
        assert overlap(face.frame, FACE) > 0.8
    crops = np.stack([crop_face(portrait, f.square, f.roll or 0.0) for f in found.values()])
    assert len(set(classifier.predict(crops).argmax(axis=1))) == 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("height", [3000, 6000])
def test_boxes_are_in_pixels_of_a_huge_picture(name, height, portrait):
    """12 and 50 megapixels: the portrait in the left three quarters, the rest empty."""
    image = np.zeros((height, height * 4 // 3, 3), np.uint8)
    image[:, :height] = cv2.resize(portrait, (height, height), interpolation=cv2.INTER_CUBIC)
    scale = height / portrait.shape[0]
    best = max(
        overlap([v / scale for v in face.frame], FACE) for face in get_detector(name).detect(image)
    )
    assert best > 0.6


@pytest.mark.parametrize("name", NAMES)
def test_boxes_are_in_pixels_of_a_tiny_picture(name, portrait):
    tiny = cv2.resize(portrait[20:220, 120:320], (70, 70), interpolation=cv2.INTER_AREA)
    (face,) = get_detector(name).detect(tiny)
    where = [v / 0.35 for v in face.frame]
    assert overlap((where[0] + 120, where[1] + 20, where[2]), FACE) > 0.6


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 1), (24, 24), (5, 900), (900, 5)])
def test_a_sliver_of_a_picture_has_no_face_and_raises_nothing(name, shape):
    assert get_detector(name).detect(np.full((*shape, 3), 128, np.uint8)) == []


@pytest.mark.parametrize("angle", [-45, -20, 20, 45])
def test_blazeface_finds_a_leaning_face_and_says_how_it_leans(angle, portrait):
    """Positive is clockwise as seen in the picture."""
    x, y, side = FACE
    centre = (x + side / 2, y + side / 2)
    turned = cv2.warpAffine(
        portrait, cv2.getRotationMatrix2D(centre, -angle, 1), portrait.shape[1::-1]
    )
    found = get_detector("blazeface").detect(turned)
    upright = get_detector("blazeface").detect(portrait)[0]
    assert overlap(found[0].frame, FACE) > 0.6
    assert abs(found[0].roll - upright.roll - angle) < 8


def test_leaning_faces_look_the_same_once_upright(portrait):
    """What the classifier sees of a face does not depend on how the face leans."""
    detector, classifier = get_detector("blazeface"), load_classifier()
    upright = detector.detect(portrait)[0]
    before = classifier.predict(crop_face(portrait, upright.frame, upright.roll or 0.0)[None])
    matrix = cv2.getRotationMatrix2D((225, 115), -40, 1)
    turned = cv2.warpAffine(portrait, matrix, portrait.shape[1::-1])
    leaning = detector.detect(turned)[0]
    after = classifier.predict(crop_face(turned, leaning.frame, leaning.roll or 0.0)[None])
    assert before.argmax() == after.argmax()


def test_blazeface_finds_small_faces_beside_a_large_one(portrait):
    """The example's face again, at 40 pixels, several times in a picture of a group."""
    image = np.full((960, 1280, 3), 90, np.uint8)
    patch = portrait[20:220, 120:320]
    places = [(300, 40, 0.37), (600, 700, 0.4), (900, 200, 0.5), (60, 500, 2.0)]
    for left, top, scale in places:
        shown = cv2.resize(patch, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        image[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
    found = get_detector("blazeface").detect(image)
    assert len(found) == len(places)
    assert [f.box[2] for f in found] == sorted((f.box[2] for f in found), reverse=True)
    for left, top, scale in places:
        truth = (
            left + (FACE[0] - 120) * scale,
            top + (FACE[1] - 20) * scale,
            FACE[2] * scale,
        )
        assert max(overlap(face.frame, truth) for face in found) > 0.6


def test_blazeface_tracks_a_face_a_little_further_and_says_when_it_is_gone(portrait):
    detector = get_detector("blazeface")
    before = detector.detect(portrait, fast=True)
    moved = np.roll(portrait, (6, -8), axis=(0, 1))
    (now,), (found,) = detector.track(moved, before), detector.detect(moved, fast=True)
    assert now.box == pytest.approx(found.box, abs=0.06 * found.box[2])
    assert now.frame == pytest.approx(found.frame, abs=0.06 * found.frame[2])
    assert detector.track(np.roll(portrait, 150, axis=1), before) is None
    assert detector.track(np.full_like(portrait, 128), before) is None


def test_newcomers_are_seen_within_a_moment_and_who_left_is_gone_at_once(portrait):
    small = cv2.resize(portrait, (300, 300), interpolation=cv2.INTER_AREA)
    nobody = np.full((480, 640, 3), 118, np.uint8)
    alone, company = nobody.copy(), nobody.copy()
    alone[20:320, 10:310] = company[20:320, 16:316] = company[120:420, 330:630] = small
    tracking_detector = TrackingDetector(get_detector("blazeface"))

    def seen(time, picture):
        return len(tracking_detector.at(time).detect(picture, fast=True))

    assert seen(0.0, alone) == 1
    assert seen(DETECT_EVERY / 2, company) == 1
    assert seen(DETECT_EVERY, company) == 2
    assert seen(DETECT_EVERY * 1.5, nobody) == 0


def test_the_default_invents_no_face():
    detector = get_detector()
    assert [len(detector.detect(image)) for image in faceless(21, seed=77)] == [0] * 21


def test_a_scene_knows_where_its_face_is(portrait):
    """The truth that detectors are measured against agrees with what they find."""
    x, y, side = (int(v) for v in FACE)
    rng = np.random.default_rng(0)
    for roll in (0, 30):
        scene = compose(portrait[y : y + side, x : x + side], 180, rng, roll=roll)
        (found,) = get_detector("blazeface").detect(scene.image)
        assert scene.found_by(found.box)
        assert overlap(found.frame, scene.frame) > 0.6
        x0, y0, w, h = found.box
        assert not scene.found_by((x0 + w, y0, w, h))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_eight_threads_get_the_boxes_of_one(name, portrait):
    detector = get_detector(name)
    images = [np.roll(portrait, 9 * i, axis=1) for i in range(8)]
    alone = [detector.detect(image) for image in images]
    with ThreadPoolExecutor(8) as threads:
        for _ in range(2):
            assert list(threads.map(detector.detect, images)) == alone


def test_auto_is_blazeface_where_its_models_are():
    assert resolve("auto") == "blazeface" == get_detector().name
    assert faces.fallback() is None


def test_an_unknown_detector_is_named_with_those_there_are():
    with pytest.raises(DetectorError, match="'yolo'.*haar.*mtcnn"):
        get_detector("yolo")


@pytest.fixture
def bare(monkeypatch):
    """No detector loaded yet in this process."""
    monkeypatch.setattr(faces, "_loaded", {})
    return monkeypatch


def test_a_missing_package_is_one_sentence_that_says_what_to_install(bare):
    assert metadata.version(mtcnn_module.PACKAGE)
    bare.setattr(mtcnn_module, "PACKAGE", "a-package-that-is-not-there")
    with pytest.raises(DetectorError, match=r'pip install "fer-core\[mtcnn\]"'):
        get_detector("mtcnn")


def test_a_missing_model_file_is_named_and_auto_falls_back_to_haar(bare, tmp_path, portrait):
    shutil.copytree(models_folder() / "detectors", tmp_path / "detectors")
    (tmp_path / "detectors" / "face_detection_short_range.tflite").unlink()
    bare.setattr(blazeface_module, "models_folder", lambda: tmp_path)
    with pytest.raises(DetectorError, match=r"face_detection_short_range.tflite is missing"):
        get_detector("blazeface")
    assert resolve("auto") == "haar" == get_detector().name
    assert "Haar" in faces.fallback()
    assert len(get_detector().detect(portrait)) == 1


def test_a_damaged_model_file_is_an_error_for_people(bare, tmp_path):
    shutil.copytree(models_folder() / "detectors", tmp_path / "detectors")
    file = tmp_path / "detectors" / "face_detection_back.tflite"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    bare.setattr(blazeface_module, "models_folder", lambda: tmp_path)
    with pytest.raises(DetectorError, match="damaged"):
        get_detector("blazeface")


def test_of_two_boxes_within_each_other_the_surer_stays() -> None:
    from fer_core.faces.blazeface import Candidates

    centres = np.array([[100.0, 100], [90, 110], [300, 100]])
    sizes = np.array([[120.0, 120], [50, 50], [60, 60]])
    for logits, stays in (([2.0, 1, 0], [0, 2]), ([1.0, 2, 0], [1, 2])):
        faces = Candidates(centres, sizes, np.zeros((3, 6, 2)), np.array(logits))
        assert faces.without_nested().centres.tolist() == centres[stays].tolist()


def test_a_large_face_is_reported_once() -> None:
    from benchmarks.nested import has_nested, scenes
    from fer_core.datasets import demo

    detector = get_detector("blazeface")
    found = [detector.detect(image) for image in scenes(demo.load(70, 7, 7), 60)]
    assert sum(map(bool, found)) >= 55 and not any(map(has_nested, found))


@pytest.mark.slow
def test_large_faces_of_people_are_reported_once(fer2013) -> None:
    from benchmarks.nested import has_nested, scenes

    detector = get_detector("blazeface")
    pictures = scenes(fer2013.split("PublicTest"), 1000)
    assert sum(has_nested(detector.detect(image)) for image in pictures) <= 2
