"""The model page as it is used: table, cards, two beside each other, several as one, and
models that go and come as archives."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_tools import copy_of_shipped
from playwright.sync_api import Locator, Page, expect

from benchmarks.browser import App, wait_for
from fer_core.models.catalogue import default_model, list_models

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("models")
    copy_of_shipped(folder / "home" / "models", "another", title="Another", figures=[])
    running = App(folder / "home", folder / "app.log", FER_DATA="demo")
    running.models = folder / "home" / "models"
    yield running
    running.stop()
    log = (folder / "app.log").read_text(errors="replace", encoding="utf-8")
    assert "Traceback" not in log and "deprecat" not in log.lower(), log


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def open_import(page: Page, content: bytes) -> None:
    if not page.get_by_text("It is checked before use").is_visible():
        button(page, "Import").click()
    page.locator("input[type=file]").set_input_files(
        {"name": "models.zip", "mimeType": "application/zip", "buffer": content}
    )
    expect(button(page, "Remove models.zip")).to_be_visible()
    button(page, "Check and add").click()


def test_a_click_in_the_table_shows_the_card(visit) -> None:
    page = visit("models")
    expect(page.locator(".gtitle", has_text="PublicTest")).to_be_visible()
    rows = page.get_by_test_id("stDataFrame").locator("canvas").first
    shipped = sorted(folder.name for folder in list_models() if folder.ships)
    row = shipped.index(default_model())  # they come first, below a head; 35 pixels each
    rows.click(position={"x": 16, "y": 52 + 35 * row}, force=True)
    heading = page.get_by_role("heading", name=re.compile(f"^{default_model()}: "))
    expect(heading).to_be_visible()
    expect(page.get_by_text("the default of all pages")).to_be_visible()
    expect(page.get_by_text("Article 5(1)(f)").first).to_be_visible()
    # The button of a row opens it instead of the one before.
    rows.click(position={"x": 160, "y": 52 + 35 * shipped.index("fast")}, force=True)
    expect(page.get_by_role("heading", name=re.compile("^fast: "))).to_be_visible()
    expect(heading).to_have_count(0)
    # What ships stays, and has its figures.
    expect(button(page, "Delete")).to_have_count(0)
    expect(button(page, "PrivateTest…")).to_have_count(0)


@pytest.mark.slow
def test_two_are_compared_and_become_one(visit, app: App) -> None:
    page = visit("models?model=mini_xception&model=another")
    expect(page.get_by_text(re.compile(r"They disagree on 0\.0%"))).to_be_visible()
    expect(page.locator(".gtitle", has_text="Share of each emotion's faces")).to_be_visible()
    page.get_by_text("Both are wrong", exact=True).click()
    expect(page.get_by_role("img", name=re.compile("another ")).first).to_be_visible()

    page.get_by_text("Build an ensemble", exact=True).click()
    expect(page.get_by_test_id("stMetricValue")).to_contain_text("%")
    page.get_by_text("Fit on PublicTest", exact=True).click()
    name = page.get_by_label("Name", exact=True)
    name.fill("another")
    button(page, "Save as a model").click()
    expect(page.get_by_text("There is a model 'another' already")).to_be_visible()
    page.get_by_text("Equal", exact=True).click()
    name.fill("both")
    button(page, "Save as a model").click()
    # It is made beside the page, which goes on.
    expect(page.get_by_text(re.compile("Making both.*you can leave the page"))).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile("^both: "))).to_be_visible()
    assert splits(app, "both") == {"PublicTest"}

    button(page, "PrivateTest…").click()
    expect(page.get_by_text("Every look is written into the model's card")).to_be_visible()
    button(page, "Measure on PrivateTest and record it").click()
    wait_for(lambda: "PrivateTest" in splits(app, "both"), 120)
    button(page, "PrivateTest…").click()
    expect(page.get_by_text("It was looked at once.")).to_be_visible()

    # A member stays as long as somebody needs it.
    page = visit("models?model=another")
    button(page, "Delete").click()
    expect(page.get_by_text("another votes in both: delete that first")).to_be_visible()
    page = visit("models?model=both")
    button(page, "Make it the default").click()
    expect(page.get_by_text("the default of all pages")).to_be_visible()
    button(page, "Delete").click()
    expect(page.get_by_role("heading", name=re.compile("^both: "))).to_have_count(0)
    button(page, "Undo").click()
    expect(page.get_by_text("both").first).to_be_visible()
    # It goes as an archive, and comes back from it.
    page = visit("models?model=both")
    with page.expect_download() as waiting:
        button(page, "Export").click()
    content = Path(waiting.value.path()).read_bytes()
    button(page, "Delete").click()
    expect(page.get_by_role("heading", name=re.compile("^both: "))).to_have_count(0)
    open_import(page, content)
    expect(page.get_by_role("heading", name=re.compile("^both: "))).to_be_visible()
    assert splits(app, "both") == {"PublicTest", "PrivateTest"}
    button(page, "Delete").click()
    wait_for(lambda: not (app.models / "both").exists(), 30)


def splits(app: App, name: str) -> set[str]:
    return {one["split"] for one in find_made(app, name)["figures"]}


def find_made(app: App, name: str) -> dict:
    return json.loads((app.models / name / "card.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_a_model_goes_and_comes_as_an_archive(visit, app: App) -> None:
    copy_of_shipped(app.models, "traveller", title="Traveller")
    page = visit("models?model=traveller")
    with page.expect_download() as waiting:
        button(page, "Export").click()
    content = Path(waiting.value.path()).read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert {Path(name).name for name in files} == {"card.json", "model.tflite", "model.keras"}
    button(page, "Delete").click()
    expect(page.get_by_role("heading", name=re.compile("^traveller: "))).to_have_count(0)

    # Of what was changed on the way, nothing comes in.
    bad = io.BytesIO()
    with zipfile.ZipFile(bad, "w") as archive:
        for name, one in files.items():
            archive.writestr(name, one + b"!" if name.endswith(".tflite") else one)
    open_import(page, bad.getvalue())
    expect(page.get_by_text("is not the file its card describes")).to_be_visible()
    open_import(page, b"no archive")
    expect(page.get_by_text("This is no archive of models")).to_be_visible()
    assert not (app.models / "traveller").exists()

    open_import(page, content)
    expect(page.get_by_role("heading", name=re.compile("^traveller: "))).to_be_visible()
    assert (app.models / "traveller" / "model.tflite").is_file()


@pytest.mark.slow
def test_toolbars_cover_nothing_on_a_touch_screen(browser, app: App) -> None:
    context = browser.new_context(
        viewport={"width": 412, "height": 900}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(f"{app.url}/models", wait_until="domcontentloaded")
    expect(page.locator(".stPlotlyChart .modebar")).to_be_visible(timeout=60_000)

    def edges(locator: Locator) -> tuple[float, float]:
        box = locator.bounding_box()
        return box["y"], box["y"] + box["height"]

    above = edges(button(page, "Import"))
    tools = edges(page.get_by_test_id("stElementToolbar").first)
    assert above[1] <= tools[0] and tools[1] <= edges(page.get_by_test_id("stDataFrame"))[0] + 1
    bar = edges(page.locator(".modebar"))
    assert edges(page.get_by_test_id("stDataFrame"))[1] <= bar[0]
    assert bar[1] <= edges(page.locator(".stPlotlyChart .gtitle"))[0]
    context.close()
