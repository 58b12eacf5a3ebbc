"""The one table: its columns, its CSV, and what spreadsheets make of it."""

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fer_core.analysis import Analysis, Face
from fer_core.emotions import EMOTIONS
from fer_core.faces import Detection
from fer_core.table import (
    PROBABILITIES,
    TABLE,
    Rows,
    columns,
    complete,
    documentation,
    read_csv,
    records,
    to_csv,
)
from tests.tables import face_row, no_face_row, table_of

ROOT = Path(__file__).parents[2]


def random_rows(number: int, kind: str) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for i, shares in enumerate(rng.dirichlet(np.ones(7), number)):
        best = int(shares.argmax())
        rows.append(
            face_row(EMOTIONS[best], time=i / 7, frame=i, frame_width=640, frame_height=480)
            | dict(zip(PROBABILITIES, shares, strict=True))
            | {"confidence": float(shares[best]), "x": float(rng.uniform(0, 600))}
        )
    rows.insert(number // 2, no_face_row(time=number / 14 + 0.01, frame=number))
    return table_of(rows, kind)


@pytest.mark.parametrize("kind", ["pictures", "video", "live"])
def test_csv_reads_back_to_its_decimals(kind: str) -> None:
    table = random_rows(50, kind)
    back = read_csv(to_csv(table).encode())
    assert list(back) == columns(kind) == list(table)
    for column in TABLE:
        if column.name not in table:
            continue
        if column.type == "number":
            gap = (back[column.name] - table[column.name]).abs().max()
            assert np.isnan(gap) or gap <= 0.51 * 10**-column.decimals, column.name
        else:
            pd.testing.assert_series_equal(back[column.name], table[column.name])


def test_the_emotion_of_a_row_is_always_the_largest_of_its_seven() -> None:
    rows = Rows()
    face = Face(Detection((1, 2, 3, 4)), (0.1, 0, 0, 0.5, 0, 0, 0.4), person=3, label="Neutral")
    rows.add(Analysis(640, 480, "fast", "haar", (face,), time=0.0), frame=0)
    row = records(rows.table("live"))[0]
    assert (row["emotion"], row["confidence"]) == ("Happy", 0.5)
    assert row["displayed_emotion"] == "Neutral" and row["score"] is None
    # The screen says "Neutral? 40 %"; the row judges its own largest.
    assert row["unsure"] is False


FORMULAS = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'x", "''x"]


@pytest.mark.parametrize("text", [*FORMULAS, 'a"b', "a,b", "two\nlines", "plain", "4e10"])
def test_text_reads_back_and_no_spreadsheet_runs_it(text: str) -> None:
    written = to_csv(table_of([face_row(source=text, name=text)], "pictures"))
    cell = next(csv.DictReader(io.StringIO(written, newline="")))["source"]
    assert cell == (f"'{text}" if text in FORMULAS else text)
    back = read_csv(written.encode())
    assert back["source"].tolist() == [text] and back["name"].tolist() == [text]


def test_a_negative_number_is_no_formula() -> None:
    written = to_csv(table_of([face_row(x=-3.5)], "pictures"))
    assert next(csv.DictReader(io.StringIO(written)))["x"] == "-3.50"


def test_csv_has_no_byte_order_mark_and_the_decimals_of_the_contract() -> None:
    written = to_csv(table_of([face_row(time=1 / 3, x=1 / 3)], "video"))
    row = next(csv.DictReader(io.StringIO(written)))
    assert written.startswith("source,time,frame") and "\r" not in written
    assert (row["time"], row["x"], row["happy"]) == ("0.333333", "0.33", "0.900000")
    assert row["unsure"] == "false" and row["name"] == ""


def test_a_table_of_an_earlier_version_gets_the_columns_of_this_one() -> None:
    old = pd.DataFrame([face_row("Happy", 0.4, time=0.0)]).drop(
        columns=["status", "unsure", "model", "class_prior", "smoothing"]
    )
    old["emotion"], old["confidence"] = "Sad", 0.1  # held on the screen
    new = complete(old, "live", source="Old", smoothing=0.4)
    row = records(new)[0]
    assert list(new) == columns("live")
    assert (row["emotion"], row["displayed_emotion"]) == ("Happy", "Sad")
    assert (row["source"], row["status"], row["smoothing"]) == ("Old", "ok", 0.4)


def test_the_documentation_shows_the_columns_as_they_are() -> None:
    assert documentation() in (ROOT / "docs" / "table.md").read_text(encoding="utf-8")
