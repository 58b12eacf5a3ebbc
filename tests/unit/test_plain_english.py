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
#: Words that no module, class, public function, parameter or field has in its name, and what is
#: written instead. Each of them stood for a thing that has a name in the field.
PRIVATE: Final = {
    "work": "job",
    "works": "jobs",
    "making": "model job",
    "look": "sample, crop pass or job",
    "looks": "samples, crop passes or appearances",
    "looked": "sampled, evaluated",
    "looking": "sampling, searching",
    "steady": "smooth",
    "steadier": "smoother",
    "calm": "smooth",
    "alike": "similar",
    "follow": "track",
    "followed": "tracked",
    "follower": "tracking detector",
    "mend": "fix, correct",
    "mended": "corrected",
    "anew": "again: re-detect, re-render, re-evaluate",
    "keep": "save, retain",
    "keeper": "dispatcher",
    "kept": "saved, retained",
    "forget": "delete, reset",
    "worth": "highlight",
}
#: Words that no module has for a name.
PRIVATE_MODULES: Final = {
    "finish": "calibrate",
    "choice": "recommend",
    "sets": "starting weights",
    "trial": "sandbox",
}
#: Names with such a word that stay, and why.
EXCEPTIONS: Final = {
    "keep_hours": "the setting FER_KEEP_HOURS, whose name is fixed",
    "keep_source": "a verb: whether to keep the upload; stored with every video job",
}
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


def words_of(name: str) -> list[str]:
    """The words of ``a_name`` or ``AName``, in small letters."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def names(file: Path) -> Iterator[tuple[str, str]]:
    """Classes, public functions, their parameters and annotated fields, each with its place."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        found = []
        if isinstance(node, ast.ClassDef):
            fields = [n.target for n in node.body if isinstance(n, ast.AnnAssign)]
            found = [node.name, *(field.id for field in fields if isinstance(field, ast.Name))]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            if not node.name.startswith("_") or node.name == "__init__":
                found = [node.name, *(argument.arg for argument in arguments)]
        for name in found:
            yield f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}", name


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


def test_names_are_the_terms_of_the_field() -> None:
    wrong = [
        f"{where}: {name}: instead of '{word}' say {PRIVATE[word]}"
        for file in python_files()
        for where, name in names(file)
        for word in words_of(name)
        if word in PRIVATE and name not in EXCEPTIONS
    ]
    wrong += [
        f"{file.relative_to(ROOT)}: instead of '{word}' say {(PRIVATE | PRIVATE_MODULES)[word]}"
        for file in python_files()
        for word in words_of(file.stem)
        if word in PRIVATE | PRIVATE_MODULES
    ]
    assert not wrong, "\n".join(wrong)


def test_names_are_split_into_words() -> None:
    assert words_of("KeptSession") == ["kept", "session"]
    assert words_of("_looks_at_RGB") == ["looks", "at", "rgb"]


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
