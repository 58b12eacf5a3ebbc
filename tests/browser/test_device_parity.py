"""The browser's own analysis finds the same faces and emotions as the library."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser

from benchmarks.browser import App
from benchmarks.scenes import compose
from fer_core.analysis import Analysis, Face, analyze
from fer_core.classifier import load_classifier
from fer_core.datasets import Dataset, demo
from fer_core.faces import Detection, get_detector
from fer_core.images import example_portrait
from fer_core.tracking.detector import TrackingDetector
from ui.live import device

pytestmark = pytest.mark.browser


#: Hands pictures to the worker as the page does, and gives what it answers.
ANALYZE = """async ({ files, fixed }) => {
  const address = (file) => new URL(`/${file}`, location.href).href;
  const worker = new Worker(address(files.worker));
  const answer = () => new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => {
      if ("progress" in data) return; // how far loading is
      data.failed ? reject(data.why) : resolve(data);
    };
    worker.onerror = reject;
  });
  const [wasm, script, search, look, model] =
    ["wasm", "script", "search", "look", "model"].map((name) => address(files[name]));
  worker.postMessage({ load: { runtime: { wasm, script }, search, look, model, ...fixed } });
  await answer();
  let time = 0;
  window.analyze = async ([name, seconds]) => {
    const picture = await (await fetch(`/pictures/${name}`)).blob();
    const frame = await createImageBitmap(picture, { colorSpaceConversion: "none" });
    time += seconds;
    worker.postMessage({ frame, time, largest: false, smoothing: 0 }, [frame]);
    return (await answer()).faces;
  };
}"""


@pytest.fixture
def in_browser(browser: Browser, app: App) -> Callable[[np.ndarray], list[dict]]:
    """Analyses a picture with the files that visitors get."""
    pictures: list[bytes] = []
    page = browser.new_page()
    page.route("**/pictures/*", lambda route: route.fulfill(body=pictures[-1]))
    page.goto(f"{app.url}/app/static/device/README.md")
    networks = device.networks(device.SMALL)
    page.route(
        "**/networks/*",
        lambda route: route.fulfill(body=networks[route.request.url.split("/")[-1]]),
    )
    files = device.runtime_files() | {name: f"networks/{name}" for name in networks}
    page.evaluate(ANALYZE, {"files": files, "fixed": device.fixed()})

    # After a minute, whoever is in the next picture is somebody else.
    def run(picture: np.ndarray, seconds: float = 60) -> list[dict]:
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        pictures.append(cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes())
        return page.evaluate("(next) => analyze(next)", [len(pictures), seconds])

    return run


def in_library(picture: np.ndarray) -> Analysis:
    classifier, detector = load_classifier(device.SMALL), get_detector("blazeface")
    return analyze(picture, classifier, detector, fast=True)


def same(face: Face, other: dict) -> bool:
    return bool(np.abs(np.subtract(face.box, other["box"])).max() < 0.1 * face.box[2])


def check_parity(dataset: Dataset, in_browser: Callable[[np.ndarray], list[dict]]) -> int:
    """Returns how many faces only one of the two found."""
    both, alone, labels, apart = 0, 0, 0, []
    rng = np.random.default_rng(0)
    for first in range(0, len(dataset), 4):  # four to a picture, each in a quarter
        quarters = [
            compose(face, int(rng.integers(90, 200)), rng, size=(240, 320)).image
            for face in dataset.faces[first : first + 4]
        ]
        picture = np.vstack([np.hstack(quarters[:2]), np.hstack(quarters[2:])])
        expected, found = in_library(picture).faces, in_browser(picture)
        pairs = [(face, other) for face in expected for other in found if same(face, other)]
        both += len(pairs)
        alone += len(expected) + len(found) - 2 * len(pairs)
        for face, other in pairs:
            labels += int(np.argmax(other["probabilities"])) == int(np.argmax(face.probabilities))
            apart.append(np.abs(np.subtract(other["probabilities"], face.probabilities)).max())
    print(f"{both} found by both, {alone} by one, {labels} labels, {np.mean(apart):.4f} apart")
    assert both >= 200
    assert alone <= 0.01 * both
    assert labels >= 0.99 * both
    assert np.mean(apart) <= 0.02
    return alone


def test_browser_and_library_agree(in_browser: Callable[[np.ndarray], list[dict]]) -> None:
    faces = demo.load(training=224, public=7, private=7).split("Training")
    assert check_parity(faces, in_browser) == 0


def test_faces_are_tracked_and_newcomers_seen_soon(in_browser: Callable[..., list[dict]]) -> None:
    alone, portrait = (
        np.full((480, 640, 3), 118, np.uint8),
        cv2.resize(example_portrait(), (300, 300)),
    )
    alone[20:320, 10:310] = portrait
    company = np.roll(alone, 6, axis=1)
    company[120:420, 330:630] = portrait
    tracking_detector = TrackingDetector(get_detector("blazeface"))
    times = (60.0, 60.1, 60.3)
    for picture, time, step in zip((alone, company, company), times, (60, 0.1, 0.2), strict=True):
        found = in_browser(picture, step)
        faces = analyze(
            picture, load_classifier(device.SMALL), tracking_detector.at(time), fast=True
        ).faces
        assert len(found) == len(faces) == (2 if time == times[-1] else 1)
        for face in faces:
            (other,) = (other for other in found if same(face, other))
            assert np.abs(np.subtract(other["probabilities"], face.probabilities)).max() < 0.02
            assert other["sharpness"] == pytest.approx(face.sharpness, rel=0.1)
            assert other["brightness"] == pytest.approx(face.brightness, abs=0.01)
            points = tuple(map(tuple, other["points"][:3]))
            turned = Detection(face.box, keypoints=points).head_turn
            assert turned == pytest.approx(face.detection.head_turn, abs=2)


@pytest.mark.slow
def test_browser_and_library_agree_on_people(
    fer2013: Dataset, in_browser: Callable[[np.ndarray], list[dict]]
) -> None:
    test = fer2013.split("PublicTest")
    check_parity(test.take(np.random.default_rng(0).permutation(len(test))[:240]), in_browser)
