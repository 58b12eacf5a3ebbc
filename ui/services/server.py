"""How the app's server answers: what a public copy sends with every page, and what it closes.

``streamlit_app.py`` hands this to Streamlit's ``App``, so it holds however the app is started.
Nothing that the safety of a public copy needs is left to a proxy.
"""

import asyncio
import base64
import hashlib
import logging
import re
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import streamlit
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from streamlit import cli_util, config
from streamlit.runtime import get_instance
from streamlit.web.server import server_util

from fer_core.errors import FerError
from fer_core.settings import settings
from ui.services import access, uploads, visits

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Streamlit keeps a session without a connection a little longer than we do, who close it.
_SESSION_TTL: Final = visits.RETENTION + 60
#: Seconds between two looks at what can be freed.
_EVERY: Final = 10
#: Options of Streamlit on a public copy. Errors are for the log; what a visitor sends is bounded.
_OPTIONS: Final = {
    "client.showErrorDetails": "none",
    "server.enableAgentApi": False,
    "server.enableXsrfProtection": True,
    "server.maxWidgetStateSize": 5,
}
#: Open connections of one visitor, each a tab, and of all visitors together.
CONNECTIONS: Final = 20
TOGETHER: Final = 500
#: Addresses that are for the operator, not for visitors.
_CLOSED: Final = re.compile(r"/_stcore/(metrics|script-health-check|agent/.*)$")
_YEAR: Final = 365 * 24 * 3600


def middleware() -> list[Middleware]:
    """Return what stands before Streamlit."""
    try:
        public = settings().public
    except FerError as error:  # whether visitors come is unknown, so nothing is served
        raise SystemExit(f"error: {error}") from error
    config.set_option("server.disconnectedSessionTTL", _SESSION_TTL)
    if not public:
        return [Middleware(BrowserKey)]
    for name, value in _OPTIONS.items():
        config.set_option(name, value)
    return [
        Middleware(ConnectionLimit),
        Middleware(BrowserKey),
        Middleware(PublicCopy),
        Middleware(uploads.UploadLimit),
    ]


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[None]:
    """Open the browser where somebody sits at this machine, and free what visitors left."""
    if not config.get_option("server.headless"):
        address = config.get_option("browser.serverAddress")
        if not config.is_manually_set("browser.serverAddress"):
            address = server_util.get_display_address(
                config.get_option("server.address") or "localhost"
            )
        asyncio.get_running_loop().call_later(
            0.5, cli_util.open_browser, server_util.get_url(address)
        )
    tidying = asyncio.create_task(_keep_tidy())
    try:
        yield
    finally:
        tidying.cancel()


async def _keep_tidy() -> None:
    """Free what visits and pages that were left hold, for as long as the server runs."""
    while True:
        await asyncio.sleep(_EVERY)
        try:
            uploads.drop_unused()
            visits.tidy(get_instance(), time.monotonic())
        except Exception:  # the next look frees what this one did not
            log.exception("what visits left could not be freed")


class BrowserKey:
    """Middleware that gives every browser a key, by which it finds its own things again."""

    def __init__(self, app: "ASGIApp") -> None:
        """Stand before an app."""
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request, see the ASGI specification."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def with_key(message: "Message") -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                is_page = headers.get("content-type", "").startswith("text/html")
                if is_page and (cookie := _cookie_for(scope)):
                    headers.append("Set-Cookie", cookie)
            await send(message)

        await self._app(scope, receive, with_key)


class PublicCopy:
    """Middleware that sends the headers of a public copy, and closes what is not for visitors."""

    def __init__(self, app: "ASGIApp") -> None:
        """Stand before an app."""
        self._app = app
        self._policy = content_security_policy()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request, see the ASGI specification."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def with_headers(message: "Message") -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = self._policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
            await send(message)

        if _CLOSED.search(scope["path"]):
            return await PlainTextResponse("Not Found", 404)(scope, receive, with_headers)
        await self._app(scope, receive, with_headers)


class ConnectionLimit:
    """Middleware that bounds how many pages are open, each of which has a connection.

    A connection costs memory and a session before any page ran. Whoever invents cookies meets the
    bound of all visitors together.
    """

    def __init__(self, app: "ASGIApp", each: int = CONNECTIONS, together: int = TOGETHER) -> None:
        """Stand before an app.

        Args:
            app: What answers.
            each: Connections of one visitor, known by the cookie.
            together: Connections of all.
        """
        self._app, self._each, self._together = app, each, together
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request, see the ASGI specification."""
        if scope["type"] != "websocket":
            return await self._app(scope, receive, send)
        key = _key_of(scope)
        if self._open.total() >= self._together or (key and self._open[key] >= self._each):
            await receive()  # the request to connect
            # Streamlit's page tries again after a while.
            await send({"type": "websocket.close", "code": 1013})
            return
        self._open[key] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open[key] -= 1
            self._open += Counter()  # drops what is 0, or invented keys would stay


def content_security_policy() -> str:
    """Return the policy that fits what the pages load: this server's files, and nothing else.

    Streamlit styles its elements in place and hands the code of components over as ``blob:``;
    LiteRT, which analyses on visitors' devices, is WebAssembly. The scripts that stand in
    Streamlit's own page are allowed by their checksums.
    """
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    inline = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    )
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' blob: 'wasm-unsafe-eval' {inline}".rstrip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "media-src 'self' data: blob:",
            "connect-src 'self' data: blob:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            f"frame-ancestors {settings().frame_ancestors}",
        )
    )


def _key_of(scope: "Scope") -> str:
    """Return the key that a browser sends; "" for one without a key of ours."""
    try:
        cookies = SimpleCookie(Headers(scope=scope).get("cookie", ""))
    except CookieError:
        return ""
    found = cookies[access.COOKIE].value if access.COOKIE in cookies else ""
    return found if access.KEY.fullmatch(found) else ""


def _cookie_for(scope: "Scope") -> str | None:
    """Return the cookie for a browser that has no key yet, by which it finds its own things
    again.
    """
    if _key_of(scope):
        return None
    folder = (config.get_option("server.baseUrlPath") or "").strip("/")
    # Not HttpOnly: the component that keeps the key on a local copy looks for it as well.
    return (
        f"{access.COOKIE}={secrets.token_hex(16)}; Path=/{folder}{'/' if folder else ''}; "
        f"Max-Age={_YEAR}; SameSite=Strict{'; Secure' if scope['scheme'] == 'https' else ''}"
    )
