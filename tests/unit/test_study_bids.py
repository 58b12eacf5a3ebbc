"""An export as a dataset of BIDS, in the eyes of the validator of that standard."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fer_core.cli import main
from tests.unit.study_tools import add, new_study


@pytest.mark.slow
def test_the_validator_of_bids_finds_no_error(tmp_path):
    folder = str(Path(sys.executable).parent)
    program = shutil.which("bids-validator-deno", path=folder) or shutil.which(
        "bids-validator-deno"
    )
    if program is None:
        pytest.skip("bids-validator-deno is not installed: see requirements-dev.txt")
    study = new_study(tmp_path / "s", group="Gruppe A/B")
    shown = [("Neutral", 2.0), ("Happy", 3.0)]
    events = [(0.0, 2.0, "rest"), (2.0, 3.0, "clip 1: ünï\tcode"), (2.5, 0.0, "moment"),
              (3.0, np.nan, "open")]  # fmt: skip
    for number, code in enumerate(("P 1", "P-1", "p1", "Зоя", "…", "P1")):
        add(study, code, shown, group="AB"[number % 2], task="clip-1", events=events)
    add(study, "P1", shown, task="clip-1", source="again.mp4")
    add(study, "P1", shown, source="without a task.mp4", head_turn=10.0)
    study.set_participants(study.participants.assign(age="30", **{"a b": ""}))
    out = tmp_path / "bids"
    main(["study", "export", str(study.path), str(out), "--bids"])
    done = subprocess.run(
        [program, "--format", "json", str(out)], capture_output=True, text=True, timeout=300
    )
    issues = json.loads(done.stdout)["issues"]["issues"]
    assert not [issue for issue in issues if issue["severity"] == "error"]
    assert len(list(out.glob("sub-*/beh/*_events.tsv"))) == 8
