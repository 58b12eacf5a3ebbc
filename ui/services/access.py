"""Who is acting, and what they may do.

Out of the box whoever opens the app may do everything. With ``FER_PUBLIC=1`` people who open
it are visitors: they look, upload and use the camera. Only those who sign in with an address
of ``FER_ADMINS`` may do the rest.
"""

import hashlib
import re
import secrets
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from fer_core.errors import FerError
from fer_core.settings import settings

#: The cookie that holds the key of a browser, and what such a key looks like.
COOKIE: Final = "fer_key"
KEY: Final = re.compile(r"[0-9a-f]{32}")


class AccessError(FerError):
    """Visitors of a public copy may not do it."""


@dataclass(frozen=True)
class Person:
    """Who is at the other end.

    Attributes:
        key: Tells visitors apart: no two share it, and nobody can guess another's.
        email: Address of somebody who signed in, as the identity provider verified it.
    """

    key: str
    email: str | None = None

    @property
    def digest(self) -> str:
        """Return what is stored of the key: it tells people apart, and nobody gets the key from
        it.
        """
        return digest(self.key)


def person() -> Person | None:
    """Return who is acting; ``None`` outside a visit."""
    return _who()


def is_admin() -> bool:
    """Return whether the person who is acting may do everything."""
    if not settings().public:
        return True
    who = person()
    return bool(who and who.email and who.email.casefold() in settings().admin_addresses)


def require(act: str) -> None:
    """Refuse an act to visitors of a public copy.

    Args:
        act: What is about to happen, such as 'train a model'.

    Raises:
        AccessError: The person who is acting may not do it.
    """
    if not is_admin():
        raise AccessError(f"On this public copy visitors cannot {act}: sign in as administrator.")


def owner() -> str:
    """Return the owner to store with new records.

    Returns:
        A digest of the visitor's key, or "" for an administrator.

    Raises:
        AccessError: Nobody is known to be there.
    """
    if is_admin():
        return ""
    who = person()
    if who is None:
        raise AccessError("The app does not know who you are: reload the page.")
    return who.digest


def digest(key: str) -> str:
    """Return what is stored instead of a visitor's key."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def visible_owner() -> str | None:
    """Return whose records the person may see; ``None`` for those of everybody."""
    return None if is_admin() else owner()


def author() -> str:
    """Return the address of the person if they signed in, else ""."""
    who = person()
    return (who and who.email) or ""


def browser_cookie() -> str | None:
    """Return the key that the browser came with, if it was here before."""
    known = st.context.cookies.get(COOKIE, "")
    return known if isinstance(known, str) and KEY.fullmatch(known) else None


def _visitor() -> Person | None:
    if get_script_run_ctx(suppress_warning=True) is None:
        return None
    # A returning browser has a key of its own; one that keeps none gets a key per visit.
    key = st.session_state.setdefault("visitor", browser_cookie() or secrets.token_urlsafe(16))
    user = st.user.to_dict()
    # Anyone can ask a provider to put any address into an account; only a verified one counts.
    signed_in = user.get("is_logged_in") and user.get("email_verified") is True
    email = user.get("email") if signed_in else None
    return Person(key, email if isinstance(email, str) else None)


_who: Callable[[], Person | None] = _visitor


@contextmanager
def acting(function: Callable[[], Person | None]):
    """Let a function say who is acting, for tests and scripts, while the context lasts."""
    global _who
    before, _who = _who, function
    try:
        yield
    finally:
        _who = before
