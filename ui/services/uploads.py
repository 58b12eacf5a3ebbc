"""What visitors of a public copy upload, counted where the bytes arrive.

Streamlit keeps uploaded files in memory, by session. :class:`UploadLimit` stands before its
upload route: a file that would exceed the limit of its visitor is read and thrown away. Files
that no page uses any more are dropped, and :func:`keep_tidy` frees everything of a session two
minutes after its connection was lost. Administrators are never bounded.
"""

import asyncio
import gc
import re
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from streamlit.runtime import Runtime, get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.state import SessionState
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from fer_core.settings import settings
from ui.services import access

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

#: Seconds for which a session whose connection was lost is kept: until then a reload of the
#: page finds its pictures again.
KEPT: Final = 120
#: Seconds between two looks at what can be freed.
_EVERY: Final = 10
#: What all visitors together may hold, as a multiple of what one of them may.
TOGETHER: Final = 10
#: Seconds after its arrival within which the browser tells a page of a file.
_ON_ITS_WAY: Final = 10
#: Bytes of a refused upload that are read to the end; of a longer one, nothing.
_LONGEST: Final = 2_000_000_000
_ROUTE: Final = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+/?$")


class Content(Protocol):
    """Something that a page keeps in memory of an uploaded file."""

    @property
    def content(self) -> bytes:
        """Return the file's bytes."""
        ...


Kept = TypeVar("Kept", bound=Content)


@dataclass
class _Session:
    """What one session holds.

    Attributes:
        owner: Digest of the visitor's key; "" for an administrator.
        lost: When its connection was lost, on the monotonic clock; ``None`` while it is open.
        used: Files that the page asked for in its latest run.
        arrived: When the latest file arrived, on the monotonic clock.
        arriving: Bytes that are promised or were received of each upload under way.
        held: What the page keeps of files, whether the uploader still shows them or not.
        state: What Streamlit keeps of the session; it is emptied when the session is freed.
    """

    owner: str
    lost: float | None = None
    used: set[str] = field(default_factory=set)
    arrived: float = 0.0
    arriving: dict[object, int] = field(default_factory=dict)
    held: Sequence[Any] = ()
    state: SessionState | None = None


_sessions: dict[str, _Session] = {}
_lock = threading.RLock()


def begin_run() -> None:
    """Note whose session this is, at the beginning of every run of a page."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is None or not settings().public:
        return
    with _lock:
        session = _sessions.setdefault(context.session_id, _Session(access.owner()))
        session.owner, session.used = access.owner(), set()
        if (found := get_instance().get_app_session(context.session_id)) is not None:
            session.state = found.session_state


def use(files: Any) -> None:
    """Note that a page shows uploaded files; those that no page shows any more are dropped.

    Args:
        files: What an uploader returned: a file, several, or ``None``.
    """
    session = _mine()
    if session is not None and files:
        several = files if isinstance(files, list) else [files]
        session.used.update(file.file_id for file in several)


def hold(things: Sequence[Content]) -> None:
    """Note what a page keeps in memory; it counts in the visitor's limit."""
    session = _mine()
    if session is not None:
        session.held = tuple(things)


def find_left(kind: type[Kept]) -> list[Kept]:
    """Return what this browser held before its page was reloaded, and let go of it there."""
    mine = _mine()
    if mine is None:
        return []
    found: list[Kept] = []
    with _lock:
        for name, session in _sessions.items():
            if session.owner == mine.owner and not get_instance().is_active_session(name):
                found += [thing for thing in session.held if isinstance(thing, kind)]
                session.held = ()
    return found


def full_sentence() -> str:
    """Return the sentence for a visitor whose upload was refused; "" where nothing is bounded."""
    if access.is_admin():
        return ""
    return (
        f"This public copy takes {settings().visitor_mb:g} MB at once from each visitor: choose "
        "fewer or smaller files, or try again later."
    )


def _mine() -> _Session | None:
    context = get_script_run_ctx(suppress_warning=True)
    return _sessions.get(context.session_id) if context else None


class UploadLimit:
    """Middleware that refuses uploads beyond the limits with status 413."""

    def __init__(self, app: "ASGIApp") -> None:
        """Stand before an app."""
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request, see the ASGI specification."""
        route = _ROUTE.search(scope["path"]) if scope["type"] == "http" else None
        if route is None or scope["method"] != "PUT":
            return await self._app(scope, receive, send)
        session, upload = _session(route[1]), object()
        length = _length(scope)
        if not _reserve(session, upload, length):
            # Read to its end: a browser that is cut off would report a lost connection.
            while length <= _LONGEST and (await receive()).get("more_body"):
                pass
            return await PlainTextResponse("Too much at once", 413)(scope, receive, send)
        received = 0

        async def counted() -> "Message":
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > length and not _reserve(session, upload, received):
                raise HTTPException(413, "Too much at once")
            return message

        try:
            await self._app(scope, counted, send)
        finally:
            with _lock:
                session.arriving.pop(upload, None)
                session.arrived = time.monotonic()


def _session(name: str) -> _Session:
    """The session of an upload; one that has not run a page yet is known by its cookie."""
    with _lock:
        if name not in _sessions:
            client = get_instance().get_client(name)
            if client is None or client.client_context is None:
                return _Session(name)  # Streamlit refuses the upload
            key = client.client_context.cookies.get(access.COOKIE, "")
            _sessions[name] = _Session(access.digest(key if access.KEY.fullmatch(key) else name))
        return _sessions[name]


def _length(scope: "Scope") -> int:
    for key, value in scope["headers"]:
        if key == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _reserve(session: _Session, upload: object, size: int) -> bool:
    """Count an upload under way, if there is room for it."""
    if not session.owner:
        return True
    most = settings().visitor_mb * 1e6
    with _lock:
        for drop in (False, True):
            if drop:
                _drop_unused()
            others = [one for one in _sessions.values() if one.owner]
            mine = [one for one in others if one.owner == session.owner]
            before = session.arriving.get(upload, 0)
            if (
                _bytes(mine) - before + size <= most
                and _bytes(others) - before + size <= most * TOGETHER
            ):
                session.arriving[upload] = size
                return True
    return False


def _bytes(sessions: Iterable[_Session]) -> int:
    """Bytes that sessions hold; what uploader and page share counts once."""
    chosen = {id(session) for session in sessions}
    contents: dict[int, int] = {}
    arriving = 0
    storage = _manager().file_storage
    for name, session in _sessions.items():
        if id(session) not in chosen:
            continue
        arriving += sum(session.arriving.values())
        files: list[UploadedFileRec] = list(storage.get(name, {}).values())
        for content in (*(file.data for file in files), *(one.content for one in session.held)):
            contents[id(content)] = len(content)
    return arriving + sum(contents.values())


def _manager() -> "MemoryUploadedFileManager":
    manager: Any = get_instance().uploaded_file_mgr
    return manager


def _drop_unused() -> None:
    """Drop files that visitors' pages do not show any more."""
    now = time.monotonic()
    for name, session in _sessions.items():
        if not session.owner or session.arriving:
            continue
        if now - session.arrived < _ON_ITS_WAY:
            continue
        for file in [*_manager().file_storage.get(name, {})]:
            if file not in session.used:
                _manager().remove_file(name, file)


async def keep_tidy() -> None:
    """Free what lost sessions and pages that were left hold, for as long as the server runs."""
    while True:
        await asyncio.sleep(_EVERY)
        tidy(get_instance(), time.monotonic())


def tidy(runtime: Runtime, now: float) -> None:
    """Free everything of sessions whose connection was lost :data:`KEPT` seconds ago.

    Args:
        runtime: That of the server, in its event loop.
        now: On the monotonic clock.
    """
    with _lock:
        _drop_unused()
        for name, session in _sessions.items():
            if runtime.is_active_session(name):
                session.lost = None
            else:
                session.lost = session.lost or now
        names = [name for name, one in _sessions.items() if one.lost and now - one.lost >= KEPT]
        gone = {name: _sessions.pop(name) for name in names}
    for name, session in gone.items():
        runtime.close_session(name)
        runtime.uploaded_file_mgr.remove_session_files(name)
        if session.state is not None:
            # Streamlit's loop holds on to the last session until somebody else comes.
            session.state.clear()
    if gone:
        gc.collect()  # sessions refer to themselves
