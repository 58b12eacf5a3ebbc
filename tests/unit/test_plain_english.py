"""The words of the project: docstrings, documentation, and what the app and the commands say."""

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.command_line import ROOT

#: Verbs with which a docstring may begin. Add yours: what counts is that it is one.
_VERBS: Final = """
    Add Analyse Answer Append Apply Ask Attack Audit Begin Bring Browse Build Call Cancel Change
    Check Choose Close Collect Compare Complete Compute Copy Count Create Cut Decode Delete
    Describe Divide Do Draw Drop Encode End Enlarge Estimate Evaluate Explain Fill Find Fit Follow
    Forget Free Give Go Halt Hold Install Join Judge Keep Leave Lend Let Limit Link List Load Look
    Make Mark Measure Move Name Note Offer Open Paint Paste Place Plan Play Predict Prepare Print
    Publish Put Read Receive Record Refuse Register Remember Remove Replace Restore Return Round
    Run Save Say Search See Send Serve Set Show Skip Sort Stand Start Stop Store Summarise
    Take Test Throw Trace Track Train Try Turn Undo Unpack Update Use Validate Vary Wait Watch Weigh
    Wrap Write Yield
"""
VERBS: Final = frozenset(_VERBS.split())
#: Turns that make readers look twice, and private words for known things.
PHRASES: Final = (
    r"what (?:it|they|this|that) (?:came|come|comes) to",
    r"that which",
    r"such as it",
    r"whose a",
    r"as (?:they come|it comes)",
    r"(?:find|found|draw|drawn|draws) anew",
    r"who is who",
    r"moments worth seeing",
    r"mend(?:s|ed)?",
    r"where it is not to be",
)
_PHRASE: Final = re.compile(rf"\b(?:{'|'.join(PHRASES)})\b", re.IGNORECASE)
LONGEST: Final = 35
#: Written by commands, from what was measured.
WRITTEN: Final = ("docs/results.md", "docs/dataset-audit.md")
_DOCUMENTED: Final = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
SOURCES: Final = ("fer_core", "ui", "pages", "benchmarks")


def python_files() -> list[Path]:
    return [file for folder in SOURCES for file in sorted((ROOT / folder).rglob("*.py"))]


def pages_of_docs() -> list[Path]:
    files = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "plans/README.md"]
    return [f for f in files if f.exists() and f.relative_to(ROOT).as_posix() not in WRITTEN]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def docstrings(file: Path) -> Iterator[tuple[str, str]]:
    """Every docstring of a file, with the place where it stands."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, _DOCUMENTED):
            continue
        if text := ast.get_docstring(node):
            yield f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}", text


def said(file: Path) -> Iterator[tuple[str, str]]:
    """What a page or a command says: strings that are sentences, no code."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            if len(text.split()) > 3 and not re.search(r"[<>{}]|\bSELECT\b|\n\s*\n", text):
                yield f"{file.relative_to(ROOT)}:{node.lineno}", text


def prose(markdown: str) -> str:
    """A page of documentation without code; every cell of a table is a sentence."""
    text = re.sub(r"```.*?```", "", markdown, flags=re.DOTALL)
    text = re.sub(r"^(?: {4}|\t).*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return text.replace("|", ".\n\n")


def sentences(text: str) -> Iterator[str]:
    text = re.sub(r">>>.*", "", textwrap.dedent(text))
    text = re.sub(r"``[^`]*``|`[^`]*`", "X", text)
    # Items of lists, headings, arguments and paragraphs end a sentence.
    text = re.sub(r"\n\s*\n|\n\s*(?=[-*#\d>])|\n\s*(?=\w+(?: \([^)]*\))?: )", ".\n", text)
    yield from re.split(r"(?<=[.!?;:])\s+", re.sub(r"\s+", " ", text))


TEXTS: Final = [
    *((f"{page.relative_to(ROOT)}", prose(page.read_text("utf-8"))) for page in pages_of_docs()),
    *(one for file in python_files() for one in docstrings(file)),
    *(
        one
        for file in python_files()
        if file.relative_to(ROOT).as_posix().startswith(("ui/", "pages/", "fer_core/cli/"))
        for one in said(file)
    ),
]


def test_a_docstring_says_first_what_a_function_does() -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{node.lineno} {node.name}: {text.splitlines()[0]}"
        for file in python_files()
        for node in functions(ast.parse(file.read_text(encoding="utf-8")))
        if (text := ast.get_docstring(node)) and text.split()[0].strip(".:,") not in VERBS
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_has_to_be_read_twice() -> None:
    wrong = [
        f"{where}: {found[0]}"
        for where, text in TEXTS
        for found in [_PHRASE.search(" ".join(text.split()))]
        if found
    ]
    assert not wrong, "\n".join(wrong)


def test_sentences_have_an_end() -> None:
    wrong = [
        f"{where}: {len(sentence.split())} words: {sentence[:120]}"
        for where, text in TEXTS
        for sentence in sentences(text)
        if len(sentence.split()) > LONGEST
    ]
    assert not wrong, "\n".join(wrong)


def test_sentences_are_counted_as_a_reader_would() -> None:
    for text, words in (
        ("One. Two words; three.", [1, 2, 1]),
        ("Words\n\n- An item\n- Another longer item", [1, 3, 4]),
    ):
        assert [len(s.split()) for s in sentences(text) if s.strip(". ")] == words, text
