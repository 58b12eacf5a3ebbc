"""What the published speeds are measured with."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks.image import run_image, to_markdown
from benchmarks.pictures import make_pictures
from benchmarks.versus import measure_cold, run_versus
from fer_core.errors import FerError
from fer_core.faces import get_detector


def test_peak_memory_is_the_commands_own() -> None:
    ballast = bytes(400_000_000)  # of the measuring process, must not count
    small, large = ([sys.executable, "-c", f"b = b'x' * {n}"] for n in (1_000_000, 150_000_000))
    cold = measure_cold({"small": small, "large": large}, rounds=1)
    assert cold["small"]["megabytes"] < 60
    assert 100 < cold["large"]["megabytes"] - cold["small"]["megabytes"] < 200
    del ballast


def test_a_failing_command_is_no_measurement() -> None:
    with pytest.raises(FerError, match="failed"):
        measure_cold({"broken": [sys.executable, "-c", "raise SystemExit(3)"]}, rounds=1)


def test_environment_without_the_package_says_so() -> None:
    with pytest.raises(FerError, match="No module named 'fer'"):
        run_versus(Path(sys.executable), rounds=1)


def test_faces_of_the_pictures_are_where_they_are_said_to_be() -> None:
    haar = get_detector("haar")
    for picture in make_pictures():
        if picture.size == "640×480":
            found, _ = picture.found([d.box for d in haar.detect(picture.image)])
            assert len(found) == len(picture.faces)
            assert picture.found([(0, 0, 30, 30)]) == (set(), 1)


@pytest.mark.slow
def test_benchmark_becomes_tables() -> None:
    result = json.loads(json.dumps(run_image(rounds=1)))
    for of in (stage for sizes in result["stages"].values() for stage in sizes.values()):
        assert of["faces"] >= 4
        assert all(of[stage] > 0 for stage in ("read", "detect", "crop", "classify", "draw"))
    text = to_markdown(result)
    assert "12 megapixels" in text
    assert "haar" in text
