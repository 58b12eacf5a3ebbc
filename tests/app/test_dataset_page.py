"""The Dataset page without a browser, with an audit that was made before."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from fer_core.audit.jobs import AuditJob
from fer_core.datasets import demo
from fer_core.datasets.identity import face_keys
from fer_core.emotions import EMOTIONS
from fer_core.files import write_json
from fer_core.settings import settings
from ui.services import access

ROOT = Path(__file__).resolve().parents[2]
COPIES = {"groups": 0, "across_splits": 0, "labels_differ": 0, "test_faces_seen_in_training": 0}
SUMMARY = {
    "faces": 840, "kinds": {"label": 1}, "labels": {"error": "It was not tried."},
    "copies": {"all": COPIES}, "attainable": {},
}  # fmt: skip


@pytest.fixture
def audited(tmp_path, monkeypatch) -> AuditJob:
    """The audit of the demo faces by a model that calls every face happy."""
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    monkeypatch.delenv("FER_DATA", raising=False)
    # The testing of Streamlit has no browser, and so no cookies.
    monkeypatch.setattr(access, "browser_cookie", lambda: None)
    settings.cache_clear()
    st.cache_resource.clear()
    faces = demo.load()
    job = AuditJob.of(faces)
    job.path.mkdir(parents=True)
    happy = np.full((len(faces), 7), 0.05, np.float32)
    happy[:, EMOTIONS.index("Happy")] = 0.7
    features = np.random.default_rng(0).normal(size=(len(faces), 8)).astype(np.float32)
    np.savez(job.path / "seen.npz", probabilities=happy, features=features, map=features[:, :2])
    problem = {
        "row": 5, "face": face_keys(faces.faces)[5], "kind": "label", "score": 0.9,
        "split": faces.usage[5], "label": EMOTIONS[faces.labels[5]], "proposal": "Happy",
        "group": -1, "across": False, "reason": "the model sees another emotion",
    }  # fmt: skip
    pd.DataFrame([problem]).to_csv(job.path / "problems.csv", index=False)
    write_json(job.path / "summary.json", SUMMARY)
    job.write_state(status="done")
    yield job
    monkeypatch.undo()
    settings.cache_clear()


def open_dataset(view: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    app.session_state["dataset_view"] = view
    app.run().switch_page("pages/dataset.py").run()
    assert not app.exception, app.exception
    return app


def test_similar_faces_of_a_problem_open_in_browse(audited):
    app = open_dataset("Problems")
    app.button(key="browse_similar").click().run()
    assert not app.exception
    assert app.session_state["dataset_view"] == "Browse"
    words = "\n".join(one.value for one in app.markdown)
    assert "the most similar to row 5 first" in words
    order = app.selectbox(key="browse_order")
    assert order.value == "similar" and order.options[0] == "Most similar first"
    # Another order is another order.
    order.select("row").run()
    assert "most similar" not in "\n".join(one.value for one in app.markdown)


def test_the_matrix_shows_emotions_that_were_never_predicted(audited, monkeypatch):
    shown = []
    real = st.altair_chart
    monkeypatch.setattr(st, "altair_chart", lambda chart, **how: shown.append((how["key"], chart)))
    open_dataset("Overview")
    monkeypatch.setattr(st, "altair_chart", real)
    (chart,) = (one for key, one in shown if key == "overview_confusion")
    cells = chart.data
    assert len(cells) == 49 and set(cells["predicted"]) == set(EMOTIONS)
    never = cells[cells["predicted"] != "Happy"]
    assert (never["faces"] == 0).all() and (never["share"] == 0).all()


def test_the_report_of_an_audit_is_tables_and_faces(audited):
    summary = SUMMARY | {
        "labels": {"model": "fast", "out_of_fold": 0.61},
        "finder": {
            "Training": {
                "precision": 0.8, "recall": 0.5, "wrong": 0.1, "precision_at": {"5 %": 0.9},
            }
        },
        "attainable": {"annotators": 0.88},
    }  # fmt: skip
    write_json(audited.path / "summary.json", summary)
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    app.session_state["dataset_view"] = "Problems"
    app.session_state["problems_report"] = True
    app.run().switch_page("pages/dataset.py").run()
    assert not app.exception and not app.code
    kinds, finder, attainable = (one.value for one in app.dataframe)
    assert kinds["Faces"].tolist() == [1] and kinds["Share"][0] == pytest.approx(1 / 840)
    assert finder["Precision"].tolist() == [0.8] and attainable["Accuracy"].tolist() == [0.88]
    assert "features of fast" in "\n".join(one.value for one in app.caption)
