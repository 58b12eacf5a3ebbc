"""The blocks of code in the documentation: where they stand, and what happens to each."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tests.command_line import ROOT

#: Languages of which a test runs every block, and those that it reads.
RUN: Final = ("sh", "python")
PARSED: Final = ("toml", "json")
#: Written in the block as a comment, or as a comment of the page directly before it.
_REASON: Final = re.compile(r"Not run by the tests: (.+?)\.?(?: *-->)?$")
_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})\s*(\S*)")
#: "... as `plan.toml`:" before a block gives it a name, under which later blocks find it.
_NAMED: Final = re.compile(r"\bas `([\w.-]+)`:$")

What = Literal["run", "parsed", "output", "not run", "nothing"]


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    Attributes:
        page: its page.
        line: number of the line on which the fence stands.
        language: what the fence says.
        text: what stands in it.
        before: the last line of text before the fence.
        after_run: whether a block that is run stands directly before it.
    """

    page: Path
    line: int
    language: str
    text: str
    before: str
    after_run: bool

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"

    @property
    def reason(self) -> str:
        """Why it is not run, as the page says, or ''."""
        first = self.text.partition("\n")[0]
        found = _REASON.search(first) or _REASON.search(self.before)
        return found[1] if found else ""

    @property
    def file(self) -> str:
        """Name under which the block is saved, or ''."""
        found = _NAMED.search(self.before)
        return found[1] if found else ""

    @property
    def what(self) -> What:
        """What a test does with the block."""
        if self.reason:
            return "not run"
        if self.language in RUN:
            return "run"
        if self.language in PARSED:
            return "parsed"
        return "output" if self.language == "text" and self.after_run else "nothing"


def pages() -> list[Path]:
    """Return every page in which a reader may find code."""
    names = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/README.md")
    files = [ROOT / name for name in (*names, "plans/README.md")]
    return [*files, *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page, in their order."""
    found: list[Block] = []
    fence, language, start, before, last_run = "", "", 0, "", False
    text: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not mark[2]:
                block = Block(page, start, language, "\n".join(text), before, last_run)
                found.append(block)
                last_run, fence, before = block.what == "run", "", ""
            else:
                text.append(line)
        elif mark:
            fence, language, start, text = mark[1], mark[2], number, []
        elif line.strip():
            before = line.strip()
    assert not fence, f"{page}: the block of line {start} has no end"
    return found


def without_blocks(text: str) -> str:
    """Return a page's text without its blocks of code."""
    return re.sub(r"^ {0,3}(`{3,}|~{3,}).*?^ {0,3}\1 *$", "", text, flags=re.DOTALL | re.MULTILINE)
