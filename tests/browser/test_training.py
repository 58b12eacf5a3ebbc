"""Training as it is used: start, watch, steer, and put the result to use. Runs are as small
as they get; what they do in their own processes is real."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from benchmarks.browser import App, wait_for
from fer_core.settings import settings
from fer_core.train import configure, queue
from fer_core.train.runs import TrainingRun, list_runs
from tests.browser.page_tools import settled

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

STEERING = ("Pause", "Resume", "Stop, keep the best")
SMALL = {"widths": [4, 4, 4, 4], "convolutions": [1, 1, 1, 1]}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("training")
    running = App(folder / "home", folder / "app.log", FER_DATA="demo")
    yield running
    running.stop()
    log = (folder / "app.log").read_text(errors="replace", encoding="utf-8")
    assert "Traceback" not in log and "deprecat" not in log.lower(), log


@pytest.fixture(autouse=True)
def home_of_app(app: App, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The library sees the runs of the app."""
    monkeypatch.setenv("FER_HOME", str(app.folder / "home"))
    settings.cache_clear()
    yield
    for run in list_runs():
        run.stop()
    monkeypatch.undo()
    settings.cache_clear()


def small(**changes) -> TrainingRun:
    """A run that trains until somebody stops it."""
    fields = {"model": "fast", "data": "demo", "batch_size": 256, "model_options": SMALL}
    return queue.submit(configure(**fields | {"epochs": 2000, "early_stopping": 0} | changes))


def badge(page: Page, words: str) -> Locator:
    """How the run that is shown stands; the table above says it of all runs."""
    return page.locator(".stMarkdownBadge", has_text=re.compile(f"{re.escape(words)}$"))


def epoch(run: TrainingRun) -> int:
    return run.state().get("epoch", 0)


def has_trained(run: TrainingRun, epochs: int) -> None:
    wait_for(lambda: epoch(run) >= epochs, 180, lambda: str(run.state()))


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


@pytest.mark.slow
def test_from_the_form_to_a_model_that_the_images_page_uses(visit, tmp_path: Path) -> None:
    page = visit("training")
    button(page, "New run").click()
    expect(page.get_by_label("Dataset", exact=True)).to_have_value("demo")
    # What cannot be is said beside its setting, and nothing starts.
    page.get_by_role("tab", name="Network").click()
    page.get_by_text("Write them as JSON", exact=True).click()
    options = page.get_by_label("Options", exact=True)
    options.fill("small, please")
    options.press("Enter")
    expect(page.get_by_text("This is not JSON")).to_be_visible()
    expect(button(page, "Start")).to_be_disabled()
    options.fill(json.dumps(SMALL))
    options.press("Enter")
    for name, value in (("Epochs", "2"), ("Batch size", "256")):
        field = page.get_by_label(name, exact=True)
        field.fill(value)
        field.press("Enter")
    page.get_by_role("tab", name="Learning").click()
    field = page.get_by_label("Early stopping", exact=True)
    field.fill("5")
    field.press("Enter")
    expect(page.get_by_text("must run to its end: set 0")).to_be_visible()
    field.fill("0")
    field.press("Enter")
    command = page.get_by_test_id("stCode").filter(has_text="python -m fer_core train")
    expect(command).to_contain_text("--epochs 2")
    expect(command).to_contain_text("batch_size=256")
    expect(button(page, "Start")).to_be_enabled()
    button(page, "Start").click()

    expect(badge(page, "trained")).to_be_visible(timeout=240_000)
    expect(page.locator(".js-plotly-plot").nth(1)).to_be_visible()
    expect(page.get_by_text("Calibration error")).to_be_visible()
    page.get_by_role("tab", name="Surest mistakes").click()
    expect(page.get_by_role("img", name=re.compile("%, labelled")).first).to_be_visible()

    button(page, "Use this model").click()
    field = page.get_by_label("Name of the model", exact=True)
    field.fill("../up")
    button(page, "Make the model").click()
    # The panel stays open, with what is wrong at its field.
    panel = page.get_by_test_id("stPopoverBody")
    expect(panel.get_by_text("A model's name has small letters")).to_be_visible()
    expect(field).to_have_value("../up")
    field.fill("from-demo")
    button(page, "Make the model").click()
    expect(page.get_by_text("The model from-demo is ready.")).to_be_visible(timeout=240_000)
    button(page, "Make it the default").click()
    expect(badge(page, "the default of all pages")).to_be_visible()

    # Whoever comes now begins with it.
    page = visit("images")
    page.get_by_role("button", name="Use the example").click()
    expect(page.get_by_alt_text("Example portrait.png with 1 face")).to_be_visible()
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Everything").click()
    (result,) = json.loads(Path(waiting.value.path()).read_text(encoding="utf-8"))
    assert result["model"] == "from-demo" and len(result["faces"]) == 1


@pytest.mark.slow
def test_a_quick_try_is_used_and_found_by_name_on_images(visit) -> None:
    page = visit("training")
    button(page, "Quick try on demo faces").click()
    expect(badge(page, "trained")).to_be_visible(timeout=600_000)
    button(page, "Use this model").click()
    page.get_by_label("Name of the model", exact=True).fill("by-hand")
    button(page, "Make the model").click()
    expect(page.get_by_text("The model by-hand is ready.")).to_be_visible(timeout=240_000)
    # Not by the button of the run: by the menu and the picker, as somebody comes back later.
    page.get_by_role("link", name="Images", exact=True).click()
    expect(page.get_by_text("Drop pictures here")).to_be_visible()
    picker = page.get_by_role("combobox", name="Model")
    picker.click()
    page.get_by_role("option", name=re.compile("^by-hand")).click()
    expect(picker).to_have_value(re.compile("^by-hand"))
    expect(page.get_by_text(re.compile("drawn faces")).first).to_be_visible()
    button(page, "Use the example").click()
    expect(page.get_by_alt_text("Example portrait.png with 1 face")).to_be_visible()
    button(page, "Export").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Everything").click()
    (result,) = json.loads(Path(waiting.value.path()).read_text(encoding="utf-8"))
    assert result["model"] == "by-hand"


def places(page: Page) -> dict[str, tuple[float, float]]:
    """Where the buttons of the run that is shown stand in the page, whatever is scrolled."""
    settled(page)
    found = {}
    for name in ("Use this model", *STEERING, "Clone with changes", "Name and note", "Delete"):
        box = button(page, name).bounding_box()
        assert box is not None
        found[name] = (box["x"], box["y"])
    return found


@pytest.mark.slow
def test_two_tabs_agree_while_a_run_is_paused_stopped_and_resumed(visit) -> None:
    run = small()
    one, two = visit(f"training?run={run.name}"), visit(f"training?run={run.name}")
    for page in (one, two):
        expect(badge(page, "training")).to_be_visible()
    before = places(one)
    has_trained(run, 1)
    expect(one.get_by_text(re.compile("best validation accuracy"))).to_be_visible()
    expect(one.get_by_text(re.compile(r"Epoch \d+ of 2000"))).to_be_visible()
    assert places(one) == before, "a button moved when progress appeared"
    button(one, "Pause").click()
    for page in (one, two):
        expect(badge(page, "paused")).to_be_visible()
    assert places(one) == before
    button(two, "Resume").click()
    for page in (one, two):
        expect(badge(page, "training")).to_be_visible()
    button(one, "Stop, keep the best").click()
    for page in (one, two):
        expect(badge(page, "stopped, best kept")).to_be_visible()
    assert places(one) == before
    ended = epoch(run)
    # What it kept can be judged before it goes on.
    button(two, "Measure the best weights so far on PublicTest").click()
    expect(two.get_by_text("Calibration error")).to_be_visible()
    button(two, "Resume").click()
    for page in (one, two):
        expect(badge(page, "training")).to_be_visible()
    has_trained(run, ended + 1)
    assert [row["epoch"] for row in run.metrics()] == list(range(1, len(run.metrics()) + 1))


@pytest.mark.slow
def test_a_restart_of_the_app_changes_nothing(visit, app: App) -> None:
    run = small()
    page = visit(f"training?run={run.name}")
    expect(badge(page, "training")).to_be_visible()
    has_trained(run, 1)
    worker = run.process().pid
    app.stop()
    has_trained(run, epoch(run) + 2)
    app.start()
    page = visit(f"training?run={run.name}")
    expect(badge(page, "training")).to_be_visible()
    assert run.process().pid == worker
    assert [row["epoch"] for row in run.metrics()] == list(range(1, len(run.metrics()) + 1))


@pytest.mark.slow
def test_a_killed_worker_shows_as_failed_with_its_last_lines_and_goes_on(visit) -> None:
    run = small()
    page = visit(f"training?run={run.name}")
    expect(badge(page, "training")).to_be_visible()
    has_trained(run, 1)
    with (run.path / "log.txt").open("a", encoding="utf-8") as log:
        log.write("the last thing it said\n")
    run.process().kill()
    expect(badge(page, "failed: its process ended")).to_be_visible()
    expect(page.get_by_text(re.compile("ran out of memory, or the machine"))).to_be_visible()
    expect(page.get_by_test_id("stCode").first).to_contain_text("the last thing it said")
    ended = epoch(run)
    button(page, "Resume").click()
    expect(badge(page, "training")).to_be_visible()
    has_trained(run, ended + 1)


@pytest.mark.slow
def test_names_notes_clones_curves_beside_each_other_and_deletion(visit) -> None:
    first, second = small(epochs=1), small(epochs=1, seed=1)
    for run in (first, second):
        wait_for(lambda run=run: run.state()["status"] == "trained", 240)
    page = visit(f"training?run={first.name}")
    button(page, "Name and note").click()
    page.get_by_label("Name", exact=True).fill("../up")
    button(page, "Save").click()
    expect(page.get_by_text("no slash among them")).to_be_visible()
    button(page, "Name and note").click()
    page.get_by_label("Name", exact=True).fill("My first")
    page.get_by_label("Note", exact=True).fill("slow start")
    button(page, "Save").click()
    expect(page.get_by_role("heading", name="My first")).to_be_visible()
    note = page.get_by_test_id("stCaptionContainer").filter(has_text="slow start")
    expect(note).to_be_visible()

    button(page, "Clone with changes").click()
    expect(page.get_by_label("Epochs", exact=True)).to_have_value("1")
    button(page, "Back to the runs").click()

    page.goto(page.url.split("?")[0] + f"?run={first.name}&run={second.name}")
    for title in ("Validation accuracy", "Validation loss"):
        expect(page.locator(".gtitle", has_text=title)).to_be_visible()
    expect(page.locator(".legendtext", has_text="My first").first).to_be_visible()

    page.goto(page.url.split("?")[0] + f"?run={first.name}")
    button(page, "Delete").click()
    expect(page.get_by_role("heading", name="My first")).to_have_count(0)
    wait_for(lambda: [run.name for run in list_runs() if run.name == first.name] == [], 30)


@pytest.mark.slow
def test_privatetest_is_judged_by_an_act_of_its_own(visit) -> None:
    run = small(epochs=2, early_stopping=5)
    wait_for(lambda: run.state()["status"] == "trained", 240)
    page = visit(f"training?run={run.name}")
    expect(page.get_by_text(re.compile(r"Patience: \d of 5 epochs"))).to_be_visible()
    expect(page.get_by_text("Judged on", exact=True)).to_be_visible()
    expect(page.get_by_role("radio", name="PrivateTest")).to_have_count(0)
    button(page, "PrivateTest…").click()
    expect(page.get_by_text("Every look is written down with the run")).to_be_visible()
    button(page, "Measure on PrivateTest and record it").click()
    page.get_by_text("PrivateTest", exact=True).click(timeout=240_000)
    expect(page.get_by_text(re.compile(r"Looked at on \d{4}-"))).to_be_visible()


@pytest.mark.slow
def test_a_damaged_run_hinders_nobody(visit) -> None:
    good, bad = TrainingRun.create(configure(model="fast", data="demo")), small(epochs=1)
    bad.stop()
    for file in ("config.json", "state.json"):
        (bad.path / file).write_text("{", encoding="utf-8")
    page = visit(f"training?run={bad.name}")
    expect(page.get_by_text("missing or damaged: it can only be deleted")).to_be_visible()
    button(page, "Delete").click()
    wait_for(lambda: not bad.path.exists(), 30)
    page = visit(f"training?run={good.name}")
    expect(badge(page, "new")).to_be_visible()
