"""The pages of the documentation: sections, links, commands, and what happens to their code."""

import json
import re
import shlex
import tomllib
from collections import Counter
from pathlib import Path

import click
import pytest
import yaml

from benchmarks.__main__ import command as benchmarks
from fer_core.cli import cli as fer_core
from fer_core.settings import Settings
from tests.command_line import ROOT
from tests.documentation import blocks, pages, without_blocks

DOCS = ROOT / "docs"
KINDS = ["Tutorials", "How-to guides", "Reference", "Explanation"]
#: Names commands of earlier versions, on purpose.
OLD = DOCS / "upgrading.md"


def files_of(entry: object) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    parts = entry.values() if isinstance(entry, dict) else entry
    return [name for part in parts for name in files_of(part)]


def test_every_page_stands_in_exactly_one_section() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    assert files_of(nav[0]) == ["index.md"]
    assert [title for section in nav[1:] for title in section] == KINDS
    named = Counter(files_of(nav))
    assert named == Counter(file.relative_to(DOCS).as_posix() for file in DOCS.rglob("*.md"))
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    missing = [name for name in named if name != "index.md" and f"]({name})" not in index]
    assert not missing, f"docs/index.md does not list {missing}"


def test_every_setting_is_listed() -> None:
    text = (DOCS / "settings.md").read_text(encoding="utf-8")
    missing = [name for name in Settings.model_fields if f"`FER_{name.upper()}`" not in text]
    assert not missing


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as mkdocs and GitHub make them."""
    text = without_blocks(page.read_text(encoding="utf-8"))
    found = set()
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        words = re.sub(r"[^\w\s-]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)).lower()
        found |= {re.sub(r"[-\s]+", "-", words.strip()), words.strip().replace(" ", "-")}
    return found


def test_every_relative_link_leads_somewhere() -> None:
    broken = []
    for page in [*pages(), *(ROOT / "models").rglob("README.md")]:
        text = without_blocks(page.read_text(encoding="utf-8"))
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            file = (page.parent / name).resolve() if name else page
            if not file.exists() or (anchor and anchor not in anchors(file)):
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken, "\n".join(broken)


def test_every_block_of_code_is_run_or_says_why_not(capsys: pytest.CaptureFixture) -> None:
    found = [block for page in pages() for block in blocks(page)]
    counts = Counter(block.what for block in found)
    with capsys.disabled():
        print(f"\n{len(found)} blocks of code in the documentation:", dict(counts))
    nothing = [block.where for block in found if block.what == "nothing"]
    assert not nothing, f"neither run nor with a reason: {nothing}"
    for block in found:
        if block.what == "parsed":
            {"toml": tomllib.loads, "json": json.loads}[block.language](block.text)


def test_code_is_fenced() -> None:
    """So that no block escapes the tests: an indented one has no language and no reason."""
    for page in pages():
        text = without_blocks(page.read_text(encoding="utf-8"))
        found = re.findall(r"(?:^|\n)(?![-*\d ]).*\n\n( {4}\S.*)", text)
        lines = [line for line in found if not re.match(r" {4}(?:[-*:]|\d+\.)", line)]
        assert not lines or "::: " in text, f"{page.relative_to(ROOT)}: {lines}"


def named_commands() -> list[tuple[str, str]]:
    """Return every command of ours that a page names, in a block or in its text."""
    found = []
    for page in pages():
        text = page.read_text(encoding="utf-8")
        if page == OLD:
            continue
        lines = [
            (block.where, line)
            for block in blocks(page)
            if block.language in ("sh", "powershell")
            for line in block.text.replace("\\\n", " ").splitlines()
        ]
        spans = re.findall(r"`((?:fer-core|python -m) [^`]+)`", without_blocks(text))
        found += lines + [(page.relative_to(ROOT).as_posix(), span) for span in spans]
    return found


def parse(command: click.Command, arguments: list[str]) -> None:
    """Parse as the command line does, without doing anything."""
    context = click.Context(command, info_name=command.name, **command.context_settings)
    options, rest, _ = command.make_parser(context).parse_args(arguments)
    for option in command.params:
        values = options.get(option.name)
        if isinstance(option.type, click.Choice) and values is not None:
            for value in values if isinstance(values, list) else [values]:
                option.type.convert(value, option, context)
    if isinstance(command, click.Group) and rest and rest[0] != "NAME":
        name, following, left = command.resolve_command(context, rest)
        assert following is not None, f"no command {name}"
        parse(following, left)


def test_every_command_that_is_named_exists_with_its_options() -> None:
    wrong, seen = [], 0
    call = re.compile(r"(?:fer-core|-m fer_core|-m (benchmarks))(?![\w.])(.*)")
    for where, line in named_commands():
        found = call.search(line)
        if not found or line.lstrip().startswith("#"):
            continue
        words = shlex.split(re.split(r"[|>;&)]| 2>", found[2])[0], comments=True)
        seen += 1
        try:
            parse(benchmarks if found[1] else fer_core, words)
        except (click.ClickException, AssertionError) as error:
            wrong.append(f"{where}: {line.strip()}: {getattr(error, 'message', error)}")
    assert seen > 50 and not wrong, "\n".join(wrong)
