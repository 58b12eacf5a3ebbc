"""What is served to visitors' devices: whole, pinned, made of the sources beside it."""

import gzip
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from fer_core.analysis import quality
from fer_core.errors import FerError
from fer_core.files import sha256
from fer_core.images import example_portrait
from fer_core.models import imported
from fer_core.preprocess import CROP_SIZE, LUMA
from fer_core.settings import settings
from tests.model_tools import copy_of_shipped
from ui.live import device

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "ui" / "device"
SERVED = ROOT / "static" / "device"


def test_the_bundle_is_made_of_these_sources() -> None:
    checksum = hashlib.sha256()
    for path in sorted(SOURCES.glob("*.js")):
        checksum.update(path.read_bytes())
    for name in ("worker.js", "recorder.js"):
        assert checksum.hexdigest() in (SERVED / name).read_text(encoding="utf-8")[:200], (
            f"static/device/{name} is out of date: cd ui/device && npm ci && npm run build"
        )


@pytest.mark.parametrize(
    ("package", "bundle"), [("@litertjs/core", "worker.js"), ("mediabunny", "recorder.js")]
)
def test_what_is_served_is_the_pinned_version(package: str, bundle: str) -> None:
    wanted = json.loads((SOURCES / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    locked = json.loads((SOURCES / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    version = wanted[package]
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert locked[f"node_modules/{package}"]["version"] == version
    assert f"{package} {version}" in (SERVED / bundle).read_text(encoding="utf-8")[:400]
    assert version in (SERVED / "README.md").read_text(encoding="utf-8")


def test_the_runtime_has_its_licence_beside_it() -> None:
    assert gzip.decompress((SERVED / "litert.wasm.gz").read_bytes())[:4] == b"\0asm"
    assert "Apache License" in (SERVED / "LICENSE").read_text(encoding="utf-8")
    assert "Mozilla Public" in (SERVED / "LICENSE-mediabunny").read_text(encoding="utf-8")


def test_the_runtime_is_served_as_it_lies_here_with_its_checksum() -> None:
    files = device.runtime_files()
    assert set(files) == {"worker", "script", "wasm"}
    for address in files.values():
        path, _, checksum = address.partition("?")
        served = ROOT / path.removeprefix("app/")
        assert not served.is_symlink() and sha256(served).startswith(checksum)


def test_the_worker_is_told_every_number_it_uses_and_no_other() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in SOURCES.glob("*.js"))
    told = set(device.fixed()["k"])
    assert set(re.findall(r"\bk\.([A-Z_]+)", source)) <= told
    assert {name for name in told if not re.search(rf"\b{name}\b", source)} == set()


@pytest.mark.parametrize(
    ("public", "live", "first"),
    [
        (None, None, "server"),
        ("1", None, "device"),
        ("1", "server", "server"),
        (None, "device", "device"),
    ],
)
def test_where_pictures_are_analysed_at_first(
    monkeypatch: pytest.MonkeyPatch, public: str | None, live: str | None, first: str
) -> None:
    for name, value in (("FER_PUBLIC", public), ("FER_LIVE", live)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    settings.cache_clear()
    try:
        assert settings().live_first == first
        monkeypatch.setenv("FER_LIVE", "cloud")
        settings.cache_clear()
        with pytest.raises(FerError, match="FER_LIVE"):
            settings()
    finally:
        settings.cache_clear()


def test_a_model_from_elsewhere_runs_in_no_visitors_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    settings.cache_clear()
    try:
        for name in ("trained", "elsewhere"):
            copy_of_shipped(settings().models, name)
        imported.mark(settings().models / "elsewhere")
        assert device.model_for("trained").name == "trained"
        assert device.model_for("elsewhere").name == device.model_for(None).name == device.SMALL
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_the_browser_measures_sharpness_and_brightness_as_the_library_does() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node.js on this machine")
    rng = np.random.default_rng(0)
    shape = (CROP_SIZE, CROP_SIZE, 3)
    portrait = example_portrait()[:CROP_SIZE, :CROP_SIZE]
    crops = [
        np.full(shape, 127, np.uint8),
        rng.integers(0, 256, shape, dtype=np.uint8),
        np.ascontiguousarray(portrait),
    ]
    script = (
        f"import {{ quality }} from {json.dumps((SOURCES / 'pixels.js').as_uri())};"
        "import { readFileSync } from 'node:fs';"
        "const { crops, size, luma } = JSON.parse(readFileSync(0));"
        "console.log(JSON.stringify(crops.map((crop) => quality(crop, size, luma))));"
    )
    given = {"crops": [c.ravel().tolist() for c in crops], "size": CROP_SIZE, "luma": LUMA}
    done = subprocess.run(
        [node, "--input-type=module", "-e", script],
        input=json.dumps(given), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    for crop, found in zip(crops, json.loads(done.stdout), strict=True):
        sharpness, brightness = quality(crop)
        assert found["sharpness"] == pytest.approx(sharpness, rel=1e-3, abs=1e-6)
        assert found["brightness"] == pytest.approx(brightness, abs=1e-4)
