"""Who may do what.

Out of the box whoever sits at this machine may do all. With ``FER_PUBLIC=1`` people who
open the app are visitors: they look, upload and use the camera. Only those who sign in
with an address of ``FER_ADMINS`` may do the rest.

Functions that change what belongs to the machine call :func:`require` first, so a hidden
button is a courtesy and no protection. The command line and the processes that the app
starts act for the machine's owner and are never asked.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from fer_core.errors import FerError
from fer_core.settings import settings


class RoleError(FerError):
    """Visitors of a public copy may not do it."""


@dataclass(frozen=True)
class Person:
    """Who is at the other end.

    Attributes:
        key: tells visitors apart: no two share it, and nobody can guess another's.
        email: of somebody who signed in, as the identity provider verified it.
    """

    key: str
    email: str | None = None


_identify: Callable[[], Person | None] | None = None


def identify_by(function: Callable[[], Person | None] | None) -> None:
    """Ask ``function`` who is acting, from now on and in every thread of this process.

    An app calls this once. Where the function answers ``None`` it is a visitor unknown.
    """
    global _identify
    _identify = function


def person() -> Person | None:
    """Who is acting, as far as is known; ``None`` on the command line."""
    return _identify() if _identify else None


def is_admin() -> bool:
    """Whether who is acting may do all."""
    if not settings().public or _identify is None:
        return True
    who = _identify()
    return bool(who and who.email and who.email.casefold() in settings().admin_addresses)


def require(act: str) -> None:
    """Refuse an act to visitors of a public copy.

    Args:
        act: what is about to happen, such as 'train a model'.

    Raises:
        RoleError: who is acting may not.
    """
    if not is_admin():
        raise RoleError(f"On this public copy visitors cannot {act}: sign in as an administrator.")


def owner() -> str:
    """Whose a thing is that is kept now: the digest of a visitor's key, or '' for who may
    do all.

    Raises:
        RoleError: nobody is known to be there.
    """
    if is_admin():
        return ""
    who = person()
    if who is None:
        raise RoleError("It is not known whose this would be: open the page anew.")
    return hashlib.sha256(who.key.encode()).hexdigest()[:32]


def sees(whose: str) -> bool:
    """Whether who is acting may see what belongs to ``whose``, see :func:`owner`."""
    return is_admin() or (bool(whose) and whose == owner())
