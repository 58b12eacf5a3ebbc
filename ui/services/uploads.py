"""What visitors of a public copy upload, counted where the bytes arrive.

Streamlit keeps uploaded files in memory, by session. :class:`UploadLimit` stands before its
upload route: a file that would exceed the limit of its visitor is read and thrown away. Files
that no page uses any more are dropped, and :func:`ui.services.visits.tidy` frees what was left.
Administrators are never bounded.
"""

import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from streamlit.runtime import get_instance
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from fer_core.settings import settings
from ui.services import access, visits
from ui.services.visits import Visit

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

#: What all visitors together may hold, as a multiple of what one of them may.
TOGETHER: Final = 10
#: Share of it that is left to visitors who hold little, so that those who hold much shut nobody
#: out; and how little, as a share of what one of them may.
_SPARED: Final = 0.1
_LITTLE: Final = 0.1
#: Seconds after its arrival within which the browser tells a page of a file.
_ON_ITS_WAY: Final = 10
#: Bytes of a refused upload that are read to the end; of a longer one, nothing.
_LONGEST: Final = 2_000_000_000
_ROUTE: Final = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+/?$")


def use(files: Any) -> None:
    """Note that a page shows uploaded files; those that no page shows any more are dropped.

    Args:
        files: What an uploader returned: a file, several, or ``None``.
    """
    visit = visits.mine()
    if visit is not None and files:
        several = files if isinstance(files, list) else [files]
        visit.used.update(file.file_id for file in several)


def full_sentence() -> str:
    """Return the sentence for a visitor whose upload was refused; "" where nothing is bounded."""
    if access.is_admin():
        return ""
    return (
        f"This public copy takes {settings().visitor_mb:g} MB at once from each visitor: choose "
        "fewer or smaller files, or try again later."
    )


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
            with visits.lock:
                session.arriving.pop(upload, None)
                session.arrived = time.monotonic()


def _session(name: str) -> Visit:
    """Return the session of an upload; one that has not run a page yet is known by its cookie."""
    with visits.lock:
        if name not in visits.visits:
            client = get_instance().get_client(name)
            if client is None or client.client_context is None:
                return Visit(name)  # Streamlit refuses the upload
            key = client.client_context.cookies.get(access.COOKIE, "")
            visits.visits[name] = Visit(access.digest(key if access.KEY.fullmatch(key) else name))
        return visits.visits[name]


def _length(scope: "Scope") -> int:
    for key, value in scope["headers"]:
        if key == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _reserve(session: Visit, upload: object, size: int) -> bool:
    """Count an upload under way, if there is room for it.

    Where all visitors together hold too much, visits without a connection go before their time,
    the largest first.
    """
    if not session.owner:
        return True
    most = settings().visitor_mb * 1e6

    def hold() -> tuple[float, float]:
        """Return what the visitor would hold, and by how much all would hold too much."""
        every = [one for one in visits.visits.values() if one.owner]
        more = size - session.arriving.get(upload, 0)
        mine = _bytes(one for one in every if one.owner == session.owner) + more
        room = most * TOGETHER * (1 if mine <= most * _LITTLE else 1 - _SPARED)
        return mine, _bytes(every) + more - room

    with visits.lock:
        mine, excess = hold()
        if mine > most or excess > 0:
            drop_unused()
            _drop_results(session.owner)
            mine, excess = hold()
        if mine > most:
            return False
        if excess > 0:
            left = [name for name, one in visits.visits.items() if one.lost and one.owner]
            for name in sorted(left, key=lambda name: -_bytes([visits.visits[name]])):
                visits.free([name], get_instance())
                mine, excess = hold()
                if excess <= 0:
                    break
            else:
                return False
        session.arriving[upload] = size
        return True


def _bytes(sessions: Iterable[Visit]) -> int:
    """Return bytes that sessions hold; what uploader and page share counts once."""
    chosen = {id(session) for session in sessions}
    contents: dict[int, int] = {}
    arriving = 0
    storage = _manager().file_storage
    for name, session in visits.visits.items():
        if id(session) not in chosen:
            continue
        arriving += sum(session.arriving.values()) + sum(session.sizes.values())
        files: list[UploadedFileRec] = list(storage.get(name, {}).values())
        held = [one.content for page in session.contents.values() for one in page]
        for content in (*(file.data for file in files), *held):
            contents[id(content)] = len(content)
        results = [one for page in session.results.values() for one in page]
        contents |= {id(one): one.nbytes for one in results}
    return arriving + sum(contents.values())


def _manager() -> "MemoryUploadedFileManager":
    manager: Any = get_instance().uploaded_file_mgr
    return manager


def drop_unused() -> None:
    """Drop files that visitors' pages do not show any more."""
    now = time.monotonic()
    with visits.lock:
        for name, session in visits.visits.items():
            if not session.owner or session.arriving:
                continue
            if now - session.arrived < _ON_ITS_WAY:
                continue
            for file in [*_manager().file_storage.get(name, {})]:
                if file not in session.used:
                    _manager().remove_file(name, file)


def _drop_results(owner: str) -> None:
    """Drop what pages of a visitor made of files: it is made again when it is asked for."""
    for visit in visits.visits.values():
        if visit.owner == owner:
            for one in (one for page in visit.results.values() for one in page):
                one.clear()
