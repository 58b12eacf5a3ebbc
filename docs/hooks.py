"""What `make docs` does besides: the kind of a page, and cross-references as plain code."""

import re
from typing import Any, Final

#: Sphinx' roles, which docstrings use and Markdown does not know.
_ROLE: Final = re.compile(r":(?:func|class|meth|mod|data|attr):(?=<code>)")
#: What the pages of a section are called.
_KINDS: Final = {
    "Tutorials": "Tutorial",
    "How-to guides": "How-to guide",
    "Reference": "Reference",
    "Explanation": "Explanation",
}


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return a page whose first line below the title says of what kind it is."""
    section = page.ancestors[-1].title if page.ancestors else ""
    if section not in _KINDS:
        return markdown
    title, line, rest = markdown.partition("\n")
    return f"{title}{line}\n*{_KINDS[section]}*\n{rest}"


def on_page_content(html: str, **_: Any) -> str:
    """Return a page without the names of the roles."""
    return _ROLE.sub("", html)
