"""The camera's script by itself: what it asks for, what answers mean, what it notices."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ui.live.causes import CAUSES, DEVICE_CAUSES, SENTENCES, SERVER_CAUSES

ROOT = Path(__file__).resolve().parents[2]
LIVE = ROOT / "ui" / "live"


def test_the_script_opens_cameras_follows_answers_and_watches_frames(tmp_path: Path) -> None:
    """Each check of ``live_camera.mjs`` holds."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node.js on this machine: the browser tests cover the same script")
    parts = (LIVE / "camera.js", Path(__file__).with_name("live_camera.mjs"))
    script = tmp_path / "checks.mjs"
    script.write_text(
        "\n".join(part.read_text(encoding="utf-8") for part in parts), encoding="utf-8"
    )
    done = subprocess.run([node, script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert len(results) >= 25
    assert {name: why for name, why in results.items() if why} == {}


@pytest.mark.parametrize(
    ("scripts", "checks"),
    [(["page_log.js"], "live_keys.mjs"), (["page_log.js", "player.js"], "live_player.mjs")],
)
def test_keys_mark_events_and_stimuli_are_written_down(
    tmp_path: Path, scripts: list[str], checks: str
) -> None:
    """Each check of the script holds."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node.js on this machine")
    parts = (*(LIVE / name for name in scripts), Path(__file__).with_name(checks))
    script = tmp_path / "checks.mjs"
    script.write_text("\n".join(part.read_text(encoding="utf-8") for part in parts), "utf-8")
    done = subprocess.run([node, script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_every_cause_that_a_script_names_has_its_sentence() -> None:
    known = CAUSES | SERVER_CAUSES | DEVICE_CAUSES | SENTENCES
    named = set()
    for name in ("camera.js", "view.js", "link.js", "device.js"):
        source = (LIVE / name).read_text(encoding="utf-8")
        named |= set(re.findall(r'(?:cause: |fail\(|lose\(|broken\()"([a-z_]+)"', source))
        named |= set(re.findall(r'"((?:refused|instead|still|relay)_[a-z]+)"', source))
        named |= set(re.findall(r'return [^;]*?"(no_[a-z]+|frozen|black|un[a-z]+)"', source))
    assert len(named) > 15
    assert named - set(known) == set()
