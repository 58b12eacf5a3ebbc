"""The detectors' benchmark, small, on faces that the program draws itself."""

import json

import numpy as np
import pytest

from benchmarks import detectors, framing
from benchmarks.scenes import examples
from fer_core.datasets.base import Dataset
from fer_core.faces import get_detector
from fer_core.images import example_portrait
from fer_core.preprocess import crop_face, crops_to_faces


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(detectors, "FACELESS", 7)
    monkeypatch.setattr(detectors, "SIZES", {"640×480": (480, 640)})
    kept = ("upright", "half covered")
    monkeypatch.setattr(detectors, "CONDITIONS", {k: detectors.CONDITIONS[k] for k in kept})


@pytest.mark.slow
def test_without_fer2013_it_runs_on_demo_faces(small):
    result = json.loads(json.dumps(detectors.run_detectors(faces=6, rounds=1)))
    assert result["data"] == "demo"
    assert set(result["conditions"]["upright"]) == {"blazeface", "haar", "mtcnn"}
    assert result["faceless"]["blazeface"]["made"] == {"pictures": 7, "boxes": 0}
    assert result["portrait"] == {"blazeface": 1, "haar": 1, "mtcnn": 1}
    text = detectors.to_markdown(result)
    assert "| upright | blazeface (auto) |" in text
    assert "640×480" in text


def portraits(number: int) -> Dataset:
    """The example portrait's face, framed alike, as if it were a dataset."""
    crop = crop_face(example_portrait(), (171, 62, 108))
    faces = np.repeat(np.round(crops_to_faces(crop[None])).astype(np.uint8), number, axis=0)
    return Dataset("portrait", faces, np.full(number, 3), np.full(number, "Training"))


@pytest.mark.parametrize("name", ["blazeface", "mtcnn"])
def test_calibration_measures_where_the_boxes_lie(name):
    """Framed by what was measured on these faces, a box gives back their own frame."""
    from fer_core.faces.base import frame

    detector, dataset = get_detector(name), portraits(4)
    lie = framing.measure(detector, dataset, seed=1)
    (scene, *_) = detectors.scenes(dataset, 5)
    found = detector.detect(scene.image)[0]
    measured = frame(found.box, lie, found.roll)
    assert np.allclose(measured, scene.frame, atol=0.1 * scene.frame[2])


def test_the_examples_without_a_face_leave_out_those_with_people():
    names = examples()
    assert "coffee.png" in names
    assert not {"astronaut.png", "camera.png", "coins.png"} & set(names)
