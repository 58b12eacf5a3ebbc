"""The dataset page as a visitor meets it: open, filter, relabel by keyboard, reload,
export, train; two visitors at once; faces collected from pictures."""

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from benchmarks.browser import ROOT, App
from fer_core.datasets import corrections, demo, load
from fer_core.datasets.fer2013 import export_csv
from fer_core.datasets.identity import face_keys
from fer_core.emotions import EMOTIONS
from fer_core.settings import settings
from tests.browser.page_tools import settled
from tests.conftest import ARTIFACTS

pytestmark = pytest.mark.browser

NARROW = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def faces():
    """A dataset small enough that everything about it is quick."""
    return demo.load(140, 35, 35, seed=4)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, faces) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("dataset")
    export_csv(faces, folder / "small.csv")
    lines = (folder / "small.csv").read_text(encoding="utf-8").splitlines()
    bad = [lines[1].replace(lines[1][0], "7", 1), lines[2].rsplit(" ", 1)[0] + ",Training"]
    (folder / "bad.csv").write_text("\n".join([*lines, *bad]) + "\n", encoding="utf-8")
    running = App(folder / "home", folder / "app.log", FER_DATA=str(folder / "small.csv"))
    yield running
    running.stop()
    log = (folder / "app.log").read_text(errors="replace", encoding="utf-8")
    assert "Traceback" not in log and "deprecat" not in log.lower(), log


@pytest.fixture(autouse=True)
def store_of_app(app: App, monkeypatch):
    """The library reads and forgets what the app keeps."""
    monkeypatch.setenv("FER_HOME", str(app.folder / "home"))
    settings.cache_clear()
    yield
    with sqlite3.connect(settings().store) as db:
        for table in ("corrections", "faces"):
            if db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
                db.execute(f"DELETE FROM {table}")
    monkeypatch.undo()
    settings.cache_clear()


def save_picture(page: Page, name: str) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    settled(page).screenshot(path=ARTIFACTS / f"{name}.png")


def show(page: Page, view: str) -> None:
    page.get_by_test_id("stMain").get_by_text(view, exact=True).first.click()


def tiles(page: Page) -> Locator:
    return page.get_by_role("option", name=re.compile("^Row"))


def browse(page: Page) -> Page:
    show(page, "Browse")
    expect(tiles(page)).to_have_count(60)
    return settled(page)


def choose(page: Page, label: str, value: str) -> None:
    page.get_by_role("combobox", name=label, exact=True).click()
    page.get_by_role("option", name=value, exact=True).click()


def scrolls_sideways(page: Page) -> bool:
    return page.evaluate(
        """() => [...document.querySelectorAll('html, body, [data-testid=stMain]')]
                 .some((e) => e.scrollWidth > e.clientWidth + 1)"""
    )


def saved_corrections(app: App, number: int) -> dict:
    """The corrections in the store, once there are so many."""
    from benchmarks.browser import wait_for

    wait_for(lambda: len(corrections.saved().events) == number, 60)
    return corrections.saved().faces


def test_overview_opens_what_fer_data_names(visit) -> None:
    page = visit("dataset")
    expect(page.get_by_text("210 faces · 7 classes · 3 splits")).to_be_visible()
    expect(page.get_by_text("Every class has equally many faces.")).to_be_visible()
    expect(page.get_by_alt_text("Mean face of Happy and its variation")).to_be_visible()
    save_picture(page, "dataset-overview")
    page.get_by_role("button", name="Happy", exact=True).click()
    expect(page.get_by_text("30 faces", exact=True)).to_be_visible()
    expect(page.get_by_role("option", name=re.compile("labelled Happy"))).to_have_count(30)


def test_relabel_by_keyboard_reload_undo_and_export(visit, app, faces, tmp_path) -> None:
    page = browse(visit("dataset"))
    choose(page, "Label", "Happy")
    expect(tiles(page)).to_have_count(30)
    settled(page)
    tiles(page).first.click()
    # Faster than the server answers: nothing may be lost.
    for key in ("5", "ArrowRight", "1", "ArrowRight", "x", "ArrowRight", "t"):
        page.keyboard.press(key)
    expect(tiles(page).nth(0)).to_have_attribute("aria-label", re.compile("labelled Sad"))
    save_picture(page, "dataset-browse")
    happy = np.flatnonzero(faces.labels == EMOTIONS.index("Happy"))
    keys = face_keys(faces.faces)[happy]
    held = saved_corrections(app, 4)
    assert EMOTIONS[held[keys[0]].label] == "Sad" and EMOTIONS[held[keys[1]].label] == "Angry"
    assert held[keys[2]].excluded and held[keys[3]].tags == {"look again"}

    page.keyboard.press("u")
    assert keys[3] not in saved_corrections(app, 3)

    again = browse(visit("dataset"))  # another window, as after a reload
    choose(again, "State", "relabelled")
    expect(tiles(again)).to_have_count(2)
    expect(tiles(again).first).to_have_attribute("aria-label", re.compile("was Happy"))

    again.get_by_role("button", name="Export").click()
    again.get_by_role("button", name="Cleaned dataset (CSV)").click()
    again.keyboard.press("Escape")
    with again.expect_download() as waiting:
        again.get_by_role("button", name=re.compile("^Download .*cleaned.csv")).click()
    path = tmp_path / "cleaned.csv"
    path.write_bytes(Path(waiting.value.path()).read_bytes())
    corrected = load(path)
    assert len(corrected) == len(faces) - 1
    assert EMOTIONS[corrected.labels[happy[0]]] == "Sad"
    # The file that was read is as it was.
    assert np.array_equal(load(app.folder / "small.csv").labels, faces.labels)

    show(again, "Corrections")
    expect(again.get_by_text("2 relabelled, 1 left out, 0 tagged.")).to_be_visible()
    save_picture(again, "dataset-corrections")


@pytest.mark.slow
def test_selected_faces_are_corrected_at_once_and_undone_at_once(visit, app) -> None:
    page = browse(visit("dataset"))
    tiles(page).nth(0).click()
    tiles(page).nth(4).click(modifiers=["Shift"])
    page.keyboard.press("7")
    assert {c.label for c in saved_corrections(app, 5).values()} == {EMOTIONS.index("Neutral")}
    page.keyboard.press("u")
    saved_corrections(app, 0)


@pytest.mark.slow
def test_two_people_at_once_lose_nothing(visit, app) -> None:
    one, other = browse(visit("dataset")), browse(visit("dataset"))
    tiles(one).nth(0).click()
    tiles(other).nth(1).click()
    for _ in range(4):
        one.keyboard.press("2")
        other.keyboard.press("3")
    held = saved_corrections(app, 8)
    assert sorted(c.label for c in held.values()) == [1, 2]


@pytest.mark.slow
def test_every_wrong_row_is_listed_and_can_be_left_out(visit, app) -> None:
    page = visit("dataset")
    page.get_by_role("button", name="Open…").click()
    page.get_by_role("textbox", name="Path on this machine").fill(str(app.folder / "bad.csv"))
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Open", exact=True).last.click()
    expect(page.get_by_text("2 rows or files are wrong")).to_be_visible()
    page.keyboard.press("Escape")
    save_picture(page, "dataset-problems-of-a-file")
    page.get_by_role("button", name="Go on without them").click()
    expect(page.get_by_text("210 faces · 7 classes")).to_be_visible()


def test_a_corrected_face_is_collected_with_consent_and_deleted(visit, app) -> None:
    page = visit("images")
    page.get_by_role("button", name="Use the example").click()
    page.get_by_role("button", name="Correct…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Surprise", exact=True).click()
    save_picture(page, "images-correct")
    dialog.get_by_role("button", name="Save label").click()
    page.get_by_role("button", name="Keep for training…").click()
    expect(dialog.get_by_role("button", name="Keep this face")).to_be_disabled()
    dialog.get_by_text("I agree that this face").click()
    save_picture(page, "images-keep")
    dialog.get_by_role("button", name="Keep this face").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("Kept as surprise")).to_be_visible()
    dataset = load("collected")
    assert len(dataset) == 1 and EMOTIONS[dataset.labels[0]] == "Surprise"

    page = visit("dataset")
    show(page, "Collected")
    expect(page.get_by_text("1 face, kept with consent")).to_be_visible()
    save_picture(page, "dataset-collected")
    page.get_by_role("button", name="Browse them").click()
    expect(tiles(page)).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_window_and_both_themes(visit, scheme: str) -> None:
    page = visit("dataset", size=NARROW, scheme=scheme)
    expect(page.get_by_text("210 faces · 7 classes")).to_be_visible()
    assert not scrolls_sideways(settled(page))
    save_picture(page, f"dataset-narrow-overview-{scheme}")
    browse(page)
    tiles(page).nth(2).click()
    assert not scrolls_sideways(settled(page))
    save_picture(page, f"dataset-narrow-browse-{scheme}")


@pytest.mark.slow
def test_browse_accept_a_proposal_and_train_on_the_result(visit, app, tmp_path) -> None:
    page = visit("dataset")
    page.get_by_role("button", name="Look through all faces").click()
    expect(page.get_by_text("Map of the faces")).to_be_visible(timeout=280_000)
    save_picture(page, "dataset-model")
    show(page, "Problems")
    expect(tiles(page).first).to_be_visible()
    settled(page)
    save_picture(page, "dataset-problems")
    tiles(page).first.click()
    page.keyboard.press("a")
    (change,) = saved_corrections(app, 1).values()
    assert change.label is not None or change.excluded

    result = subprocess.run(
        [
            sys.executable, "-m", "fer_core", "train", "--model", "mini_xception", "--data",
            str(app.folder / "small.csv"), "--corrections", "saved", "--epochs", "1", "--json",
        ],
        cwd=ROOT,
        env=os.environ | {"FER_HOME": str(app.folder / "home")},
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert '"status": "trained"' in result.stdout
