"""What `make docs` does besides: cross-references of docstrings become plain code."""

import re
from typing import Any, Final

#: Sphinx' roles, which docstrings use and Markdown does not know.
_ROLE: Final = re.compile(r":(?:func|class|meth|mod|data|attr):(?=<code>)")


def on_page_content(html: str, **_: Any) -> str:
    """Return a page without the names of the roles."""
    return _ROLE.sub("", html)
