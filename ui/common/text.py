"""Text from outside: names of files, datasets, sessions, runs and people, and what errors say.

Streamlit renders Markdown in labels, help texts, titles, captions, messages and toasts, and
Markdown can show links and let the browser fetch pictures from another machine. Whatever we did
not write ourselves goes through :func:`plain` or :func:`sentence` before it gets there. Options
of select boxes, cells of tables and ``alt`` are no Markdown and take text as it is.
"""

import re
import tempfile
from pathlib import Path
from typing import Any, Final

from fer_core.resources import app_folder, models_folder
from fer_core.settings import settings
from ui.services import access

#: What Markdown gives a meaning wherever it stands; an underscore only beside a word.
_SPECIAL: Final = re.compile(r"[\\`*\[\]<>$~|]|(?<!\w)_|_(?!\w)|&(?=[#\w])|:(?=[A-Za-z])")
#: What makes a heading, a list or a quotation at the start.
_START: Final = re.compile(r"^(?=[-+#=])|^(\d+)(?=[.)])")
#: What becomes a link without further signs.
_LINK: Final = re.compile(r"(?i)(https?:(?=//)|www(?=\.)|@)")
#: Takes no room and ends no word, but no address holds it.
_JOINER: Final = "\u2060"
#: An absolute path of more than one part, on POSIX and on Windows.
_PATH: Final = re.compile(r"(?<![\w:/.])(?:/[^\s/'\":;,()]+){2,}|\b[A-Za-z]:\\[^\s'\":;,()]+")


def plain(text: object) -> str:
    r"""Return text as Markdown that shows exactly this text, in one line.

    >>> plain("![a](http://example.org/b).jpg")
    '!\\[a\\](http:\u2060//example.org/b).jpg'
    """
    line = " ".join(str(text).split())
    line = _SPECIAL.sub(r"\\\g<0>", line)
    line = _START.sub(r"\1\\", line)
    return _LINK.sub(rf"\1{_JOINER}", line)


def plain_values(value: Any) -> Any:
    """Return JSON values with every text in them as :func:`plain` gives it."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict):
        return {plain(key): plain_values(one) for key, one in value.items()}
    return [plain_values(one) for one in value] if isinstance(value, list) else value


def sentence(error: object) -> str:
    """Return what an error says as Markdown; visitors read no path of this machine."""
    said = str(error)
    return plain(said if access.is_admin() else without_paths(said))


def without_paths(text: str) -> str:
    """Return text with the last part alone of every path of this machine."""
    known = (settings().home, models_folder(), app_folder(), Path.cwd(), Path.home())
    roots = {str(path) for one in known for path in (one, one.absolute(), one.resolve())}
    # The longest first: one may lie in another. A folder's name may hold spaces.
    for root in sorted([*roots, tempfile.gettempdir()], key=len, reverse=True):
        if len(root) > 1:
            text = re.sub(rf"{re.escape(root)}(?=[/\\\s'\":;,.)]|$)[/\\]?", "…/", text)
    text = _PATH.sub(lambda found: re.split(r"[/\\]", found[0])[-1], text)
    return re.sub(r"…/(?:[^\s/\\'\":;,()]+[/\\])*", "", text)
