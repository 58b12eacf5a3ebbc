"""Text from outside is shown as text, on every page."""

import io
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from model_tools import copy_of_shipped
from playwright.sync_api import Browser, Request, expect
from streamlit.testing.v1 import AppTest

from benchmarks.browser import App, chromium_with_camera
from fer_core.datasets import corrections, demo
from fer_core.datasets.fer2013 import export_csv
from fer_core.errors import FerError
from fer_core.live import saved
from fer_core.settings import settings
from fer_core.train import configure, manage
from fer_core.train.runs import TrainingRun
from fer_core.video import jobs
from fer_core.video.result import VideoOptions
from tests.browser.page_tools import settled
from tests.tables import face_row, table_of
from tests.unit.study_tools import add, new_study
from ui.common.text import plain, sentence, without_paths
from ui.services import access

ROOT = Path(__file__).parents[2]
KEY = "0123456789abcdef" * 2
#: What a name may hold, and what a file's name may hold.
NAME = (
    "![a](http://evil.example/a.png) [Sign in again](http://evil.example/b) "
    "<img src=http://evil.example/c.png> http://evil.example/d www.evil.example"
)
FILE = "![a](https:evil.example) [b](https:evil.example) www.evil.example"
PAGES = ("home", "images", "live", "video", "dataset", "training", "models", "study")
#: Texts that Markdown would make something else of.
TEXTS = (
    NAME, FILE, "![x][y]", "<http://evil.example>", "# no heading", "- no list", "1. no list",
    "**bold** _slanted_ ~~gone~~ `code`", "$x^2$ and :red[red] :material/home:",
    "a_b_c mini_xception 10:30", "[^1] &#33;[a](b) &lt;", "| a | b |", "evil@evil.example",
    "back\\slash \\[x\\](http://evil.example)", "> no quotation", "=====", "+ x", "2) y",
)  # fmt: skip


def hostile_home(home: Path) -> None:
    """Leave an item of a hostile name in every list."""
    saved.save_session(table_of([face_row(time=0.0), face_row(time=1.0)], "live"), NAME)
    run = TrainingRun.create(configure(model="fast", data="demo", epochs=1))
    manage.describe(run, title=FILE, note=NAME)
    run.write_state(status="failed", reason=NAME)
    copy_of_shipped(home / "models", "hostile", title=NAME, notes=NAME, data=NAME, licence=NAME)
    (home / "models" / FILE).mkdir()
    job = jobs.VideoJob.create(io.BytesIO(b"x"), f"{FILE}.mp4", VideoOptions(), KEY)
    job.write_state(status="failed", reason=f"{NAME} cannot be read.")
    keys = [corrections.Change("0123456789abcdef", "tag", "x")]
    corrections.add(keys, NAME, NAME)
    study = new_study(home / "studies" / "hostile")
    with study.editing():
        study.file.name = NAME
    add(study, NAME, [("Happy", 3.0)], group=FILE, source=f"{FILE}.mp4",
        events=[(0.0, 2.0, NAME), (2.0, 9.0, FILE)])  # fmt: skip
    export_csv(demo.load(training=70, public=14, private=14), home / f"{FILE}.csv")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    monkeypatch.setenv("FER_DATA", str(tmp_path / f"{FILE}.csv"))
    # The testing of Streamlit has no browser, and so no cookies.
    monkeypatch.setattr(access, "browser_cookie", lambda: KEY)
    settings.cache_clear()
    st.cache_resource.clear()
    hostile_home(tmp_path)
    yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()


#: Fields of Streamlit's messages that are rendered as Markdown.
RENDERED = ("body", "label", "help", "title", "text", "caption", "delta")
#: Elements whose fields of these names are no Markdown.
PLAIN = ("code", "arrow_data_frame", "html", "plotly_chart", "vega_lite_chart", "bidi_component")


def rendered(node) -> Iterator[str]:
    """Every text of a page that Streamlit renders as Markdown."""
    for child in getattr(node, "children", {}).values():
        yield from rendered(child)
    if getattr(node, "type", "") in PLAIN or getattr(node, "proto", None) is None:
        return
    for field, value in node.proto.ListFields():
        if field.name in RENDERED and isinstance(value, str):
            yield value
        if field.name == "tab_container" or field.name == "expandable":
            yield value.label


def open_page(page: str, **state: object) -> list[str]:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120)
    for name, value in state.items():
        app.session_state[name] = value
    app.run()
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception, app.exception
    return [text for block in app._tree.children.values() for text in rendered(block)]


#: What else is opened on a page.
STATES = {
    "study": [{}]
    + [
        {"study_name": "hostile", "study_view": view}
        for view in ("Recordings", "Events", "Measures", "Curves", "Compare", "Agreement", "Report")
    ],
    "video": [{}, {"video_job": "first"}],
    "live": [{}],
    "dataset": [{"dataset_view": v} for v in ("Overview", "Browse", "Corrections", "Collected")],
    "models": [{"models_chosen": ["hostile"]}, {"models_chosen": ["hostile", "mini_xception"]}],
    "home": [{"model": "hostile"}],
}


@pytest.mark.parametrize("page", PAGES)
def test_no_page_renders_a_hostile_name_as_markdown(home: Path, page: str) -> None:
    seen = []
    for state in STATES.get(page, [{}]):
        if "video_job" in state:
            state = {"video_job": next(settings().jobs.iterdir()).name}
        seen += open_page(page, **state)
    for text in seen:
        assert not re.search(r"(?<!\\)\]\(|http://evil|(?<!\\)<img", text), text
    if page in ("video", "training", "models", "home"):
        assert any("evil" in text for text in seen), "the name is not shown at all"


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with chromium_with_camera(chromium, None) as found:
        yield found


def visit(browser: Browser, app: App, path: str = ""):
    """Open a page; returns it and the addresses on other machines that it asked for."""
    strangers: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_cookies([{"name": access.COOKIE, "value": KEY, "url": app.url}])
    page = context.new_page()

    def note(request: Request) -> None:
        if not request.url.startswith((app.url, "data:", "blob:")):
            strangers.append(request.url)

    page.on("request", note)
    page.goto(f"{app.url}/{path}", wait_until="domcontentloaded")
    return page, strangers


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_a_browser_shows_exactly_the_text(browser: Browser, tmp_path: Path) -> None:
    script = tmp_path / "page.py"
    script.write_text(
        "import streamlit as st\n"
        "from tests.security.test_text import TEXTS\n"
        "from ui.common.text import plain\n"
        "for i, text in enumerate(TEXTS):\n"
        "    st.markdown(plain(text))\n"
        "    st.button(plain(text), key=f'b{i}')\n"
        "st.text('The end')\n",
        encoding="utf-8",
    )
    app = App(
        tmp_path / "home", tmp_path / "app.log", command=("-m", "streamlit", "run", str(script)),
        PYTHONPATH=os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
    )  # fmt: skip
    try:
        page, strangers = visit(browser, app)
        expect(page.get_by_text("The end")).to_be_visible(timeout=60_000)
        settled(page)
        expect(page.get_by_test_id("stButton")).to_have_count(len(TEXTS))
        shown = [
            [text.replace("\u2060", "") for text in page.get_by_test_id(name).all_inner_texts()]
            for name in ("stMarkdown", "stButton")
        ]
        icon = ":material/home:"  # a picture of ours, which is all that it can be
        for found in shown:
            assert [t for t in found if icon not in t and "home" not in t] == [
                t for t in TEXTS if icon not in t
            ]
        assert (
            page.locator("[data-testid=stMarkdown] :is(a, img, h1, li, code, del, em)").count() == 0
        )
        assert page.locator(".katex").count() == 0
        assert not strangers
    finally:
        app.stop()


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_page_sends_the_browser_elsewhere(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with monkeypatch.context() as patch:
        patch.setenv("FER_HOME", str(home))
        settings.cache_clear()
        hostile_home(home)
    settings.cache_clear()
    app = App(home, tmp_path / "app.log", FER_DATA=str(home / f"{FILE}.csv"))
    try:
        for path in ("", *PAGES[1:], "models?model=hostile"):
            page, strangers = visit(browser, app, path)
            expect(page.get_by_text("An expression is not a feeling").first).to_be_visible(
                timeout=120_000
            )
            expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=120_000)
            if path == "images":
                page.locator("input[type=file]").set_input_files(
                    {"name": f"{FILE}.jpg", "mimeType": "image/jpeg", "buffer": b"x"}
                )
                expect(page.get_by_text("not a picture")).to_be_visible(timeout=60_000)
            assert page.locator(":is(a[href*=evil], img[src*=evil])").count() == 0, path
            assert not strangers, path
            page.context.close()
    finally:
        app.stop()


def test_visitors_read_no_path_of_the_machine(home: Path, monkeypatch) -> None:
    for said in (
        f"{home}/store.sqlite cannot be used (disk I/O error): check FER_HOME.",
        f"{home}/jobs/0123, the folder of this analysis, cannot be written: full.",
        "/srv/private data/x.csv: gone", "'/etc/fer/secret/models' is no folder.",
        r"C:\Users\ada\fer\store.sqlite cannot be used.", f"No {ROOT}/models here.",
    ):  # fmt: skip
        shown = without_paths(said)
        for part in (str(home), str(ROOT), "/srv", "/etc", "/fer", "Users", "secret/"):
            assert part not in shown, shown
    assert without_paths("1/2 of N/A, 24/7 and 3 frames/s.") == "1/2 of N/A, 24/7 and 3 frames/s."
    error = FerError(f"{home}/store.sqlite cannot be used.")
    assert str(home) in sentence(error).replace("\\", "")
    monkeypatch.setenv("FER_PUBLIC", "1")
    settings.cache_clear()
    assert sentence(error) == plain("store.sqlite cannot be used.")


def test_names_in_a_zip_lead_nowhere() -> None:
    from fer_core.analysis import Analysis
    from fer_core.images import example_portrait
    from tests.app.test_pages import png
    from ui.common.exports import to_zip
    from ui.common.pictures import Result, picture

    content = png(example_portrait())
    names = (
        "../../etc/passwd.png",
        "/etc/shadow.png",
        "..\\..\\win.png",
        "C:\\x.png",
        "a\x00b.png",
    )
    analysis = Analysis(512, 512, "mini_xception", "haar")
    results = [Result(picture(name, content), None, analysis) for name in names]
    with zipfile.ZipFile(io.BytesIO(to_zip(results, 0.5))) as packed:
        for name in packed.namelist():
            assert not set(name) & set('/\\:*?"<>|\x00') and not name.startswith(".")
