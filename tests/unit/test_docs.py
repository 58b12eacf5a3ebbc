"""The documentation builds, and its reference knows every public name and every command."""

import html
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import fer_core
from fer_core.cli import cli
from tests.command_line import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def text(site: Path, page: str) -> str:
    """What a reader sees of a page."""
    source = (site / "reference" / page / "index.html").read_text(encoding="utf-8")
    return html.unescape(re.sub(r"<[^>]+>", " ", source))


def test_every_page_says_of_what_kind_it_is(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").with_suffix("").as_posix()
        shown = (site / ("" if name == "index" else name) / "index.html").read_text("utf-8")
        kinds = re.findall(r"<em>(Tutorial|How-to guide|Reference|Explanation)</em>", shown)
        assert len(kinds) == (name != "index"), name


def test_every_public_name_has_its_entry(site: Path) -> None:
    said = text(site, "python")
    for name in fer_core.__all__:
        assert re.search(rf"\b{name.replace('load_dataset', 'load')}\b", said), name
    assert ":func:" not in said and ":class:" not in said


def test_every_command_and_option_is_listed(site: Path) -> None:
    said = text(site, "commands")

    def options(command: click.Command, path: str) -> None:
        assert path in said
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert option.opts[0] in said, f"{path} {option.opts[0]}"
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                options(command.get_command(context, name), f"{path} {name}")

    options(cli, "fer-core")
