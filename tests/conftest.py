"""What all tests share: a home of their own, the dataset where there is one, the wheel."""

import os
import subprocess
import sys
from pathlib import Path

# Before TensorFlow: after it, importing it crashes Python, and one process of tests has both.
import pylibsrtp  # noqa: F401
import pytest

from benchmarks.browser import find_chromium
from fer_core.settings import settings

ROOT = Path(__file__).resolve().parents[1]
ARTIFACTS = Path(__file__).parent / "artifacts"


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``FER_HOME`` of the whole session: tests never touch what the user keeps."""
    path = tmp_path_factory.mktemp("fer-home")
    os.environ["FER_HOME"] = str(path)
    settings.cache_clear()
    return path


@pytest.fixture(scope="session")
def fer2013(home: Path):
    """FER2013, from ``FER_DATA``."""
    path = os.environ.get("FER_DATA")
    if not path:
        pytest.skip("FER_DATA is not set: this test wants FER2013")
    from fer_core.datasets import load

    return load(path)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built as ``pip install .`` builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, installed without its requirements: a folder for ``PYTHONPATH``."""
    folder = tmp_path_factory.mktemp("site-packages")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, wheel],
        check=True,
    )
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium."""
    if path := find_chromium():
        return path
    reason = "no Chromium on this machine: 'make test' installs one"
    if os.environ.get("FER_REQUIRE_BROWSER"):
        pytest.fail(reason)
    pytest.skip(reason)
