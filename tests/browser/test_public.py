"""A public copy: what visitors meet, and administrators who sign in at a provider that the
test starts."""

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from benchmarks.browser import App, chromium_with_camera, free_port, wait_for
from benchmarks.camera import moving_portrait, write_y4m
from fer_core.images import example_portrait
from fer_core.live import saved
from fer_core.settings import settings
from fer_core.train import configure
from fer_core.train.runs import TrainingRun
from tests.browser.oidc import Provider
from tests.tables import face_row, table_of

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    running = Provider()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("public")
    port = free_port()
    secrets = folder / "secrets.toml"
    secrets.write_text(provider.secrets_toml(f"http://127.0.0.1:{port}"), encoding="utf-8")
    home = folder / "home"
    leave_something(home)
    running = App(
        home,
        folder / "app.log",
        port,
        FER_PUBLIC="1",
        FER_ADMINS="ada@example.org",
        FER_VISITOR_MB="1",
        FER_DISK_MB="0.01",
        FER_LIVE="server",
        STREAMLIT_SECRETS_FILES=str(secrets),
    )
    running.home = home
    yield running
    running.stop()
    log = (folder / "app.log").read_text(errors="replace", encoding="utf-8")
    assert "Traceback" not in log, log


def leave_something(home: Path) -> None:
    """A run and a kept session of the machine's owner."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FER_HOME", str(home))
        settings.cache_clear()
        TrainingRun.create(configure(model="fast", data="demo", epochs=1))
        rows = [face_row(time=0.0), face_row(time=1.0)]
        saved.save_session(table_of(rows, "live"), "of the owner")
    settings.cache_clear()


@pytest.fixture(scope="module")
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    camera = write_y4m(tmp_path_factory.mktemp("camera") / "portrait.y4m", moving_portrait())
    with chromium_with_camera(chromium, camera) as found:
        yield found


@pytest.fixture
def sign_in(browser: Browser, app: App, provider: Provider) -> Iterator[Callable[..., Page]]:
    """Opens a page and signs in as whom the provider is to speak of."""
    contexts = []

    def come(path: str, **claims: object) -> Page:
        provider.claims = claims
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        contexts.append(context)
        page = context.new_page()
        page.goto(f"{app.url}/{path}", wait_until="domcontentloaded")
        button(page, "Sign in").click()
        # Who comes back from the provider stands at the front door.
        page.wait_for_url(f"{app.url}/")
        page.goto(f"{app.url}/{path}", wait_until="domcontentloaded")
        expect(page.get_by_text(f"Signed in as {claims['email']}")).to_be_visible()
        return page

    expect.set_options(timeout=120_000)
    yield come
    expect.set_options(timeout=5_000)
    for context in contexts:
        context.close()


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def portrait(width: int = 512) -> bytes:
    file = io.BytesIO()
    Image.fromarray(example_portrait()).resize((width, width)).save(file, "BMP")
    return file.getvalue()


def drop(page: Page, name: str, content: bytes) -> None:
    page.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "image/bmp", "buffer": content}
    )


@pytest.mark.slow
def test_a_visitor_looks_uploads_and_uses_the_camera_within_bounds(visit) -> None:
    page = visit()
    expect(page.get_by_role("heading", name=re.compile("looks happy"))).to_be_visible()
    button(page, "Try your own photo").click()
    drop(page, "heavy.bmp", portrait(800))
    expect(page.get_by_text("This public copy takes 1 MB at once")).to_be_visible()
    drop(page, "me.bmp", portrait(400))
    expect(page.get_by_text(re.compile(r"Looks happy, \d+ %"))).to_be_visible()
    # Visitors label what they see, but keep no face.
    button(page, "Correct…").click()
    button(page, "Save label").click()
    expect(page.get_by_text("Happy, your label")).to_be_visible()
    expect(button(page, "Keep for training…")).to_have_count(0)
    page.get_by_text("Camera", exact=True).click()
    # The page's policy forbids it to evaluate text, which waiting for a function would do.
    wait_for(lambda: page.evaluate("document.querySelector('video')?.readyState >= 3"), 60)
    button(page, "Take Photo").click()
    expect(page.get_by_alt_text("Snapshot.jpg with 1 face")).to_be_visible()

    # Nothing further may be left where the disk that visitors share is full.
    page = visit("video")
    button(page, "Sample clip").click()
    expect(page.get_by_text("This public copy is full")).to_be_visible()


def test_a_visitor_cannot_do_or_see_what_is_the_owners(visit, app: App) -> None:
    for path, words in (("training", "Training is for"), ("dataset", "Dataset is for")):
        page = visit(path)
        expect(page.get_by_text(f"{words} the administrators of this copy")).to_be_visible()
        expect(button(page, "Sign in")).to_be_visible()
        for name in ("New run", "Quick try on demo faces", "Open…"):
            expect(button(page, name)).to_have_count(0)
        expect(page.get_by_test_id("stDataFrame")).to_have_count(0)
    # A link to what administrators see leads no further.
    run = next((app.home / "runs").iterdir()).name
    page = visit(f"training?run={run}")
    expect(page.get_by_text("Training is for the administrators of this copy")).to_be_visible()
    expect(page.get_by_text(run)).to_have_count(0)

    page = visit("models?model=mini_xception")
    expect(page.get_by_role("heading", name=re.compile("^mini_xception: "))).to_be_visible()
    for name in ("Import", "Export", "Delete", "Make it the default", "PrivateTest…"):
        expect(button(page, name)).to_have_count(0)

    page = visit("live")
    expect(button(page, "Start")).to_be_visible()
    expect(page.get_by_text("Kept sessions")).to_have_count(0)


@pytest.mark.slow
def test_administrators_sign_in_and_may_do_all(sign_in) -> None:
    page = sign_in("training", email="Ada@example.org", email_verified=True)
    expect(button(page, "New run")).to_be_visible()
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible()
    button(page, "Clone with changes").click()
    expect(button(page, "Start")).to_be_enabled()
    page.get_by_role("link", name="Models", exact=True).click()
    expect(button(page, "Import")).to_be_visible()
    page.get_by_role("link", name="Live", exact=True).click()
    expect(page.get_by_text("Kept sessions")).to_be_visible()
    page.get_by_role("link", name="Dataset", exact=True).click()
    expect(button(page, "Open…")).to_be_visible()
    page.get_by_role("link", name="Models", exact=True).click()
    button(page, "Sign out").click()
    expect(button(page, "Import")).to_have_count(0)
    # Home, where one comes out, links to the pages as well.
    page.get_by_test_id("stTopNav").get_by_role("link", name="Training", exact=True).click()
    expect(page.get_by_text("Training is for the administrators of this copy")).to_be_visible()


@pytest.mark.slow
@pytest.mark.parametrize(
    "claims",
    [
        {"email": "eve@example.org", "email_verified": True},
        {"email": "ada@example.org", "email_verified": False},
        {"email": "ada@example.org"},
    ],
    ids=["somebody else", "not verified", "nothing said"],
)
def test_who_is_no_administrator_stays_a_visitor(sign_in, claims: dict) -> None:
    page = sign_in("training", **claims)
    expect(page.get_by_text("Training is for the administrators of this copy")).to_be_visible()
    expect(button(page, "New run")).to_have_count(0)


#: What a visitor and an administrator open, with what shows that the page is there.
PAGES = ("", "images", "live", "video", "models", "dataset", "training")


@pytest.mark.slow
def test_no_page_violates_the_policy_that_it_is_sent_with(sign_in, browser: Browser, app: App):
    def violations_of(page: Page) -> list[str]:
        found = []
        page.on(
            "console",
            lambda one: found.append(one.text) if "Content Security Policy" in one.text else None,
        )
        page.add_init_script(
            "addEventListener('securitypolicyviolation', (event) => console.error("
            "'Content Security Policy: ' + event.violatedDirective + ' ' + event.blockedURI))"
        )
        return found

    visitor = browser.new_context().new_page()
    for page in (visitor, sign_in("models", email="ada@example.org", email_verified=True)):
        found = violations_of(page)
        for path in PAGES:
            page.goto(f"{app.url}/{path}", wait_until="domcontentloaded")
            expect(page.get_by_text("An expression is not a feeling").first).to_be_visible()
            expect(page.get_by_test_id("stApp")).to_have_attribute(
                "data-test-script-state", "notRunning"
            )
            # Charts, components and maps are loaded when they are seen.
            expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
            assert not found, path
        # The event and the console do tell of one: a script of another host is refused.
        page.evaluate(
            "document.head.append(Object.assign(document.createElement('script'),"
            "{src: 'https://example.org/x.js'}))"
        )
        wait_for(lambda found=found: len(found) > 0, 30)
    visitor.context.close()
