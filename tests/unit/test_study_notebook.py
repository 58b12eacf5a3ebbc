"""The notebook of the docs reproduces every figure and comparison of a study's report."""

import json
from pathlib import Path

import pandas as pd
import pytest

from fer_core.study import figures, report
from fer_core.study.measures import measures, per_participant
from tests.unit.study_tools import add, new_study

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "study.ipynb"


@pytest.mark.slow
def test_the_notebook_reproduces_the_report(tmp_path, monkeypatch):
    study = new_study(tmp_path / "example-study")
    for number in range(8):
        shown = [("Neutral", 2.0), ("Happy" if number % 2 else "Sad", 2 + number / 5)]
        add(study, f"P{number}", shown, group="AB"[number % 2],
            events=[(0, 2, "clip1"), (2, 2, "clip2")])  # fmt: skip
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    people = per_participant(measures(study))
    html = report.to_html(study)
    wanted = figures.all_of(study, people)
    assert set(wanted) <= set(names["drawn"])
    for name in wanted:
        assert figures.to_svg(names["drawn"][name]) in html, name
    families = dict(report.families(study, people))
    for mine, theirs in zip((names["between"], names["within"]), families.values(), strict=True):
        pd.testing.assert_frame_equal(mine.table(), theirs.table())
    assert (tmp_path / "example-study" / "figures" / "difference-clip1-clip2-happy.svg").is_file()
