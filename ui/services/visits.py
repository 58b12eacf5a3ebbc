"""Who is connected, and what a browser finds again when it comes back within two minutes.

A visit is a session of Streamlit: one tab, from its first run to its end. What a visit leaves in
memory when its connection is lost waits for the same browser: a reload of the page, or a new tab,
takes it over. The two minutes begin when the browser's last connection is lost; then everything
of it is freed. A page that is opened while another tab of the browser is connected starts empty.
"""

import gc
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from streamlit.runtime import Runtime, get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.state import SessionState

from ui.services import access

#: Seconds for which a visit whose connection was lost is kept.
RETENTION: Final = 120


class Content(Protocol):
    """Something that a page keeps in memory of an uploaded file."""

    @property
    def content(self) -> bytes:
        """Return the file's bytes."""
        ...


class Results(Protocol):
    """Something that a page keeps in memory, and can make again."""

    @property
    def nbytes(self) -> int:
        """Return the bytes that it takes."""
        ...

    def clear(self) -> None:
        """Let go of it."""
        ...


@dataclass
class Visit:
    """What one visit holds.

    Attributes:
        owner: Digest of the visitor's key; "" for an administrator.
        browser: Digest of the browser's key, of whomever it is.
        lost: When the last connection of its browser was lost, on the monotonic clock; ``None``
            while there is one.
        used: Files that the page asked for in its latest run.
        arrived: When the latest file arrived, on the monotonic clock.
        arriving: Bytes that are promised or were received of each upload under way.
        contents: What each page keeps of files, whether the uploader still shows them or not.
        results: What each page made of them.
        sizes: Bytes of what else each page keeps.
        keys: Those of the session's state that the next visit of the browser takes over, by page.
        state: What Streamlit keeps of the session; it is emptied when the visit is freed.
    """

    owner: str
    browser: str = ""
    lost: float | None = None
    used: set[str] = field(default_factory=set)
    arrived: float = 0.0
    arriving: dict[object, int] = field(default_factory=dict)
    contents: dict[str, tuple[Content, ...]] = field(default_factory=dict)
    results: dict[str, tuple[Results, ...]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    state: SessionState | None = None


#: Visits by the name of their session.
visits: dict[str, Visit] = {}
lock = threading.RLock()


def begin_run() -> None:
    """Note whose visit this is, at the beginning of every run of a page.

    The first run takes over what earlier visits of the browser left.
    """
    context = get_script_run_ctx(suppress_warning=True)
    if context is None or (found := get_instance().get_app_session(context.session_id)) is None:
        return
    person = access.person()
    with lock:
        known = visits.get(context.session_id)
        visit = visits.setdefault(context.session_id, Visit(access.owner()))
        visit.owner, visit.browser = access.owner(), person.digest if person else ""
        visit.used = set()
        visit.state = found.session_state
        if known is None or known.state is None:
            _take_over(visit, get_instance())


def hold(
    page: str,
    contents: Iterable[Content] = (),
    results: Iterable[Results] = (),
    size: int = 0,
) -> None:
    """Note what a page keeps in memory; it counts in the visitor's limit.

    Args:
        page: Which page; what it held before is replaced.
        contents: Uploaded files.
        results: What was made of them.
        size: Bytes of what else there is.
    """
    if (visit := mine()) is not None:
        visit.contents[page], visit.results[page] = tuple(contents), tuple(results)
        visit.sizes[page] = size


def remember(page: str, *keys: str, full: bool = True) -> None:
    """Let the next visit of the browser find keys of the session's state.

    Args:
        page: Which page they belong to, as :func:`hold` takes it.
        keys: They are taken over together.
        full: Whether there is anything in them that is worth to be found again.
    """
    if (visit := mine()) is not None:
        visit.keys[page] = keys if full else ()


def has_other_tab() -> bool:
    """Return whether another tab of this browser is connected."""
    visit = mine()
    return visit is not None and _connected(visit, get_instance())


def mine() -> Visit | None:
    """Return the visit of the person who is acting."""
    context = get_script_run_ctx(suppress_warning=True)
    return visits.get(context.session_id) if context else None


def _others(visit: Visit) -> Iterator[tuple[str, Visit]]:
    for name, other in visits.items():
        if other is not visit and other.browser and other.browser == visit.browser:
            yield name, other


def _connected(visit: Visit, runtime: Runtime) -> bool:
    return any(runtime.is_active_session(name) for name, _ in _others(visit))


def _take_over(visit: Visit, runtime: Runtime) -> None:
    """Take over what earlier visits of the same browser left, if no tab of it is connected."""
    if visit.state is None or _connected(visit, runtime):
        return
    # The latest visit first; of it, nothing stays behind.
    for _, left in reversed([*_others(visit)]):
        # Somebody who signed in or out meanwhile is somebody else.
        if left.state is None or left.owner != visit.owner:
            continue
        for page, keys in left.keys.items():
            if not keys or visit.keys.get(page):
                continue
            there = left.state.filtered_state
            for key in there.keys() & set(keys):
                visit.state[key] = there[key]
                del left.state[key]
            visit.keys[page] = keys
            visit.contents[page] = left.contents.pop(page, ())
            visit.results[page] = left.results.pop(page, ())
            visit.sizes[page] = left.sizes.pop(page, 0)
        left.keys, left.contents, left.results, left.sizes = {}, {}, {}, {}


def tidy(runtime: Runtime, now: float) -> None:
    """Free everything of visits whose browser lost its last connection.

    That must be :data:`RETENTION` seconds ago.

    Args:
        runtime: That of the server, in its event loop.
        now: On the monotonic clock.
    """
    with lock:
        for name, visit in visits.items():
            connected = runtime.is_active_session(name) or _connected(visit, runtime)
            visit.lost = None if connected else visit.lost or now
        names = [name for name, one in visits.items() if one.lost and now - one.lost >= RETENTION]
    free(names, runtime)


def free(names: Iterable[str], runtime: Runtime) -> None:
    """Close visits and let go of everything that they hold.

    Args:
        names: Of their sessions.
        runtime: That of the server, in its event loop.
    """
    with lock:
        gone = {name: visits.pop(name) for name in names}
    for name, visit in gone.items():
        runtime.close_session(name)
        runtime.uploaded_file_mgr.remove_session_files(name)
        if visit.state is not None:
            # Streamlit's loop holds on to the last session until somebody else comes.
            visit.state.clear()
    if gone:
        gc.collect()  # sessions refer to themselves
